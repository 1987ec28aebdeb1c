//! Conversations: what was said before, as far as the next request may refer to it.
//!
//! Owns the questions that a turn may end with ([`Question`]) and what is remembered of each source ([`Memories`]): what it
//! last dealt with, and what it was last asked. Promises that nobody's "it" or "yes" is taken for an answer to somebody
//! else, that a memory ends by time, that there are at most so many, and that they are the same after a restart of the
//! program, because they are made of the stored turns; but a confirmation does not outlive the program that asked for it.
//! What a request means in the light of it is [`answer`]'s.

pub mod answer;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use victus_hw::clock::Monotonic;

use crate::event::BootId;
use crate::intents::{Context, QUESTION};
use crate::tool::confirmation::Token;
use crate::tool::{CallStatus, Caller, Source};
use crate::turn::{Answered, OnFailure, Outcome, Step, StepResult, Turn, TurnId};

/// For how long "it" and "the other one" mean what was last dealt with.
pub const RECENT_FOR: Duration = Duration::from_secs(5 * 60);

/// For how long a question waits for its answer; a confirmation less ([`crate::tool::confirmation::VALID_FOR`]).
pub const QUESTION_FOR: Duration = Duration::from_secs(60);

/// How many sources are remembered; beyond that the one longest silent is forgotten.
pub const MAX_MEMORIES: usize = 256;

/// What was understood of a request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Understood {
    /// The intent.
    pub intent: String,
    /// Its slots.
    #[serde(default)]
    pub slots: BTreeMap<String, serde_json::Value>,
    /// The ids of the entities that it is about; empty where it is about none, or none fits.
    #[serde(default)]
    pub entities: Vec<String>,
    /// The key of the reply that the sentence asks for, such as `yes_or_no`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// What one of its steps that is not done means for the others, where the sentence says (metadata `on_failure`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

/// What is missing from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// What it is about.
    Entity,
    /// How long.
    Duration,
}

/// What a turn asks back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Question {
    /// Whether these steps, which cannot be taken back, are to be done.
    Confirm {
        /// What they came of.
        readings: Vec<Understood>,
        /// The steps, exactly as they would be done.
        steps: Vec<Step>,
    },
    /// Whether this was meant, all of it in order.
    Whether {
        /// What it would be.
        readings: Vec<Understood>,
    },
    /// Which one of these was meant.
    Which {
        /// The choices, in the order in which they were said.
        readings: Vec<Understood>,
    },
    /// What is still missing.
    Missing {
        /// The request so far.
        reading: Understood,
        /// What is missing.
        what: Missing,
    },
}

impl Question {
    /// What sentences call the kind of question.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Confirm { .. } | Self::Whether { .. } => "whether",
            Self::Which { .. } => "which",
            Self::Missing { what: Missing::Entity, .. } => "entity",
            Self::Missing { what: Missing::Duration, .. } => "duration",
        }
    }

    /// The ids of the entities that it offers.
    pub fn offered(&self) -> Vec<String> {
        let readings = match self {
            Self::Confirm { readings, .. } | Self::Whether { readings } | Self::Which { readings } => {
                readings.as_slice()
            }
            Self::Missing { reading, .. } => std::slice::from_ref(reading),
        };
        let mut offered: Vec<String> = readings.iter().flat_map(|reading| reading.entities.clone()).collect();
        offered.dedup();
        offered
    }
}

/// Whose conversation it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speaker {
    source: Source,
    name: Option<String>,
    conversation: Option<String>,
}

impl Speaker {
    /// The speaker of a request.
    pub fn new(caller: &Caller, conversation: Option<&str>) -> Self {
        let (source, name) = (caller.source, caller.name.clone());
        Self { source, name, conversation: conversation.map(str::to_owned) }
    }

    fn of(turn: &Turn) -> Self {
        Self::new(&turn.caller, turn.conversation.as_deref())
    }
}

/// What was last dealt with.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// The last request that was about something, with the entities that it was resolved to.
    pub understood: Understood,
    /// What was done.
    pub steps: Vec<StepResult>,
    /// The entities among which it was chosen, where a question offered several.
    pub offered: Vec<String>,
    at: Monotonic,
}

/// A question that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The turn that asked.
    pub turn: TurnId,
    /// What it asked.
    pub question: Question,
    /// By which an agreement is given; none after a restart.
    pub token: Option<Token>,
    at: Monotonic,
}

/// What is remembered of one speaker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// What was last dealt with.
    pub recent: Option<Recent>,
    /// What was last asked.
    pub asked: Option<Asked>,
    at: Monotonic,
}

impl Memory {
    /// The situation, as sentences ask for it.
    pub fn context(&self) -> Context {
        let question = self.asked.as_ref().map(|asked| (QUESTION.to_owned(), asked.question.key().into()));
        question.into_iter().collect()
    }

    /// Without what is over by `now`.
    fn at(mut self, now: Monotonic) -> Self {
        self.recent = self.recent.filter(|recent| now.saturating_since(recent.at) < RECENT_FOR);
        self.asked = self.asked.filter(|asked| now.saturating_since(asked.at) < QUESTION_FOR);
        self
    }

    fn take(&mut self, turn: &Turn, token: Option<Token>) {
        self.at = Monotonic::from_duration(Duration::from_millis(turn.at.mono_ms));
        let asks = turn.asks.clone();
        self.asked = asks.map(|question| Asked { turn: turn.id.clone(), question, token, at: self.at });
        if let Some(understood) = about(turn) {
            let offered = match (&turn.answers, self.recent.take()) {
                (Some(answered), _) => answered.offered.clone(),
                // "The other one" and back again.
                (None, Some(before)) if before.offered.iter().any(|id| understood.entities.contains(id)) => {
                    before.offered
                }
                (None, _) => Vec::new(),
            };
            self.recent = Some(Recent { understood, steps: turn.steps.clone(), offered, at: self.at });
        }
    }
}

/// What a finished turn dealt with; none where it was about nothing that can be referred to.
fn about(turn: &Turn) -> Option<Understood> {
    if !matches!(turn.outcome, Outcome::Done | Outcome::Refused | Outcome::Failed) {
        return None;
    }
    let mut entities: Vec<String> = Vec::new();
    for id in turn.plan.iter().filter_map(|step| step.args["entity"].as_str()) {
        if !entities.iter().any(|known| known == id) {
            entities.push(id.to_owned());
        }
    }
    let volume = turn.plan.iter().any(|step| step.tool.starts_with("speech."));
    let intent = turn.intent.clone().filter(|_| volume || !entities.is_empty())?;
    Some(Understood { intent, slots: turn.slots.clone(), entities, ..Understood::default() })
}

/// What is remembered of everybody.
#[derive(Debug, Default)]
pub struct Memories {
    kept: Mutex<BTreeMap<Speaker, Memory>>,
}

impl Memories {
    /// What the turns of this boot leave behind, given newest first.
    pub fn of(turns: &[Turn], boot: &BootId) -> Self {
        let memories = Self::default();
        for turn in turns.iter().rev().filter(|turn| turn.at.boot == *boot) {
            memories.note(turn, None);
        }
        memories
    }

    /// What is remembered of a speaker at `now`.
    pub fn recall(&self, speaker: &Speaker, now: Monotonic) -> Memory {
        self.lock().get(speaker).cloned().map(|memory| memory.at(now)).unwrap_or_default()
    }

    /// Takes note of a finished turn, and of the token by which its question is agreed to. Answers the token of the
    /// question before, where that is over.
    pub fn note(&self, turn: &Turn, token: Option<Token>) -> Option<Token> {
        let speaker = Speaker::of(turn);
        let mut kept = self.lock();
        if kept.len() >= MAX_MEMORIES && !kept.contains_key(&speaker) {
            let silent = kept.iter().min_by_key(|(_, memory)| memory.at).map(|(speaker, _)| speaker.clone());
            silent.and_then(|speaker| kept.remove(&speaker));
        }
        let memory = kept.entry(speaker).or_default();
        // Who was not understood may say it again.
        if turn.outcome == Outcome::NotUnderstood {
            return None;
        }
        let before = memory.asked.take().and_then(|asked| asked.token);
        memory.take(turn, token.clone());
        before.filter(|before| Some(before) != token.as_ref())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Speaker, Memory>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a turn came to answer the question of another.
pub fn answered(asked: &Asked) -> Answered {
    let agreed = matches!(asked.question, Question::Whether { .. });
    Answered { turn: asked.turn.clone(), offered: asked.question.offered(), agreed }
}

/// Whether a step was done.
pub(crate) fn is_done(step: &StepResult) -> bool {
    step.status == CallStatus::Done
}

#[cfg(test)]
mod tests;
