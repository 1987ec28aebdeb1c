//! Replay: a stored turn decided again, to see whether the same words still lead to the same plan.
//!
//! Owns what a turn is replayed from (its words, its caller, what the recogniser made of them, the time, the links and the
//! levels that it stored, and the turns before it) and how two decisions differ. Promises that nothing is run, stored or
//! told, and that a turn which is replayed by the same rules over the same entities comes to the same intent, question and
//! plan. A change of sentences, routes, workflows or entities shows as a difference.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use victus_hw::clock::Monotonic;

use super::Orchestrator;
use super::decide::Given;
use super::recall::Before;
use crate::conversation::{Memories, Speaker};
use crate::turn::{Outcome, Turn};

/// One thing in which two decisions differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// `intent`, `slots`, `plan`, `question` or `end`.
    pub what: &'static str,
    /// As it was decided.
    pub was: Value,
    /// As it would be decided now.
    pub is: Value,
}

/// A turn that was decided again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// What it is decided as now.
    pub turn: Turn,
    /// In what that differs from what is stored; empty: in nothing.
    pub differences: Vec<Difference>,
}

impl Orchestrator {
    /// Decides a stored turn again. `before` are the turns that began before it, newest first, as many as there were or
    /// [`super::recall::LOOK_BACK`].
    pub async fn replay(&self, stored: &Turn, before: &[Turn]) -> Replayed {
        let speaker = Speaker::new(&stored.caller, stored.conversation.as_deref());
        let at = Monotonic::from_duration(Duration::from_millis(stored.at.mono_ms));
        let memory = Memories::of(before, &stored.at.boot).recall(&speaker, at);
        let mut turn = Turn {
            outcome: Outcome::Preview,
            recorded: false,
            intent: None,
            slots: Default::default(),
            repaired: None,
            confidence: stored.heard,
            template: None,
            route: None,
            plan: Vec::new(),
            steps: Vec::new(),
            reply: String::new(),
            asks: None,
            answers: None,
            times_ms: Default::default(),
            ..stored.clone()
        };
        let language = self.language();
        let token = self.decide(&mut turn, &language, &Given { memory, before: Before::Turns(before) }).await;
        debug_assert!(token.is_none(), "a replay asks for no agreement");
        Replayed { differences: differences(stored, &turn), turn }
    }
}

/// In what a decision differs from the one before. What the steps came to, and the words of the reply, are no part of it.
fn differences(was: &Turn, is: &Turn) -> Vec<Difference> {
    let seen = |turn: &Turn| {
        let question = turn.asks.as_ref().filter(|_| turn.plan.is_empty());
        [
            ("intent", json!(turn.intent)),
            ("slots", json!(turn.slots)),
            ("question", json!(question)),
            ("plan", json!(turn.plan)),
            ("end", json!(end(turn))),
        ]
    };
    let pairs = seen(was).into_iter().zip(seen(is));
    pairs.filter(|((_, was), (_, is))| was != is).map(|((what, was), (_, is))| Difference { what, was, is }).collect()
}

/// How a decision ended where it came to no plan: a plan may be done, refused or fail, which the rules don't decide.
fn end(turn: &Turn) -> &'static str {
    match turn.outcome {
        Outcome::Asked if turn.plan.is_empty() => "asked",
        Outcome::NotUnderstood => "not_understood",
        Outcome::Refused if turn.plan.is_empty() => "refused",
        _ => "decided",
    }
}
