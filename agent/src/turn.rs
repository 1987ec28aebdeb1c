//! Turns: one request and what came of it.
//!
//! Owns the form of a stored turn. It is stored whole, first with its plan and before anything runs, then again with
//! the outcome. The same text, state and rules give the same plan; the orchestrator makes it and the store keeps it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conversation::Question;
use crate::event::{Stamp, TraceId};
use crate::tool::{CallStatus, Caller};

/// The version of the turn format.
pub const TURN_FORMAT: u32 = 1;

/// Names a turn: how often the store has been opened, the monotonic time at which the turn began, and random digits;
/// `t-<32 bits><48 bits><48 bits>` in hexadecimal. Ids sort in the order in which turns began, whatever the wall clock did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(String);

impl TurnId {
    /// A new id for a turn that begins `mono_ms` after boot, when the store has been opened `opened` times.
    pub fn new(opened: u64, mono_ms: u64, random: u64) -> Self {
        let (opened, mono, random) = (opened & 0xffff_ffff, mono_ms & 0xffff_ffff_ffff, random & 0xffff_ffff_ffff);
        Self(format!("t-{opened:08x}{mono:012x}{random:012x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id, as from a URL. None where it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("t-")?;
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (digits.len() == 32 && hexadecimal).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is planned and not yet finished; after a restart: it was cut off.
    Running,
    /// It was done, and the effect was seen.
    Done,
    /// A question was asked back.
    Asked,
    /// A rule refused it.
    Refused,
    /// Nobody understood it.
    NotUnderstood,
    /// A step failed.
    Failed,
    /// The appliance ended in the middle; whether the step took effect is not known.
    Interrupted,
    /// Nothing was done: this is what would be, as things stand. Such a turn is not stored.
    Preview,
}

/// What a step that is not done means for the rest of its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The steps after it are not done.
    #[default]
    Stop,
    /// The others are done all the same: they are of a group, of which each can be without the others.
    Skip,
    /// The steps before it are taken back, and those after it are not done.
    Undo,
}

impl OnFailure {
    fn is_stop(&self) -> bool {
        *self == Self::Stop
    }
}

/// One step of a plan: a tool call, resolved to entity ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    pub args: serde_json::Value,
    /// What it means for the rest if it is not done.
    #[serde(default, skip_serializing_if = "OnFailure::is_stop")]
    pub on_failure: OnFailure,
}

impl Step {
    /// A call after which, if it is not done, nothing more is.
    pub fn new(tool: &str, args: serde_json::Value) -> Self {
        Self { tool: tool.to_owned(), args, on_failure: OnFailure::Stop }
    }
}

/// The question of an earlier turn that a turn answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The turn that asked.
    pub turn: TurnId,
    /// The ids of the entities that it offered.
    pub offered: Vec<String>,
    /// Whether it asked if this was meant: a yes to that is not asked about again.
    #[serde(default)]
    pub agreed: bool,
}

/// A step that has run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What came of it.
    pub status: CallStatus,
    /// What the tool returned; of a refusal its facts, where it has any.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub result: serde_json::Value,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// How long each part of a turn took, in milliseconds. What did not happen is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Times {
    /// End of speech to transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognise: Option<f64>,
    /// Text to intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse: Option<f64>,
    /// Intent to stored plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<f64>,
    /// All steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<f64>,
    /// Request to stored outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The version of this format.
    pub v: u32,
    /// Its id.
    #[serde(rename = "turn")]
    pub id: TurnId,
    /// Its trace.
    pub trace_id: TraceId,
    /// When it began.
    pub at: Stamp,
    /// Who asked, by which way.
    pub caller: Caller,
    /// The words, as typed or recognised.
    pub text: String,
    /// The conversation that it belongs to, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The intent.
    pub intent: Option<String>,
    /// Its slots.
    pub slots: BTreeMap<String, serde_json::Value>,
    /// The sentence that the words were taken for, where they fitted none as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
    /// How sure the parse is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// How sure the recogniser was, 0 to 1; none for typed words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<f32>,
    /// Whether a link was connected when it began.
    #[serde(default)]
    pub link_up: bool,
    /// The levels that were looked at to make the plan, by entity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, f64>,
    /// The template that matched, as `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The rule that routed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// What was to be done.
    pub plan: Vec<Step>,
    /// What was done.
    pub steps: Vec<StepResult>,
    /// What was answered.
    pub reply: String,
    /// What the reply asks, where it asks something that can be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Question>,
    /// The question that the request answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answered>,
    /// False where the outcome could not be made durable (disk full, read-only).
    pub recorded: bool,
    /// How long each part took.
    pub times_ms: Times,
}
