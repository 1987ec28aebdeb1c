//! A run as it is stored.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use victus_hw::points::PointValue;

use crate::event::{Stamp, TraceId};
use crate::tool::{Caller, Role};

/// The version of the format of a run.
pub const RUN_FORMAT: u32 = 1;

/// Names a run: how often the store has been opened, the monotonic time at which it began, and random digits;
/// `r-<32 bits><48 bits><48 bits>` in hexadecimal. Ids sort in the order in which runs began.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A new id for a run that begins `mono_ms` after boot, when the store has been opened `opened` times.
    pub fn new(opened: u64, mono_ms: u64, random: u64) -> Self {
        let (opened, mono, random) = (opened & 0xffff_ffff, mono_ms & 0xffff_ffff_ffff, random & 0xffff_ffff_ffff);
        Self(format!("r-{opened:08x}{mono:012x}{random:012x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id, as from a URL. None where it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("r-")?;
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (digits.len() == 32 && hexadecimal).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What began a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Began {
    /// A request with an intent.
    Intent {
        /// The intent.
        intent: String,
        /// Who asked.
        caller: Caller,
    },
    /// A time of day.
    Schedule {
        /// The local date.
        date: String,
        /// The local time.
        at: String,
    },
    /// An entity that got and kept a value.
    Entity {
        /// Its id.
        entity: String,
        /// Its value; none where it was lost since.
        value: Option<PointValue>,
    },
    /// The tool `workflow.run`.
    Call {
        /// Who called.
        caller: Caller,
    },
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its steps run.
    Running,
    /// Its failure branch runs.
    Failing,
    /// All steps are over.
    Done,
    /// It failed, and its failure branch is over.
    Failed,
    /// It was cancelled, and its failure branch is over.
    Cancelled,
}

impl RunState {
    /// Whether it is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The name, as in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What became of a step; the table in the comment of `run` says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the comment of `run` has a table of them")]
pub enum StepState {
    Pending,
    Started,
    Waiting,
    Done,
    Skipped,
    Failed,
    Uncertain,
    Stopped,
}

impl StepState {
    /// Whether it is over.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Started | Self::Waiting)
    }

    /// The name, as in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Stopped => "stopped",
        }
    }
}

/// A time that runs off. It counts on monotonic time; over a reboot by wall time where both are believed, else not at all:
/// late and never lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Countdown {
    /// What was left, in milliseconds, at `as_of`.
    pub left_ms: u64,
    /// When.
    pub as_of: Stamp,
}

impl Countdown {
    /// One that begins now.
    pub fn new(duration: Duration, now: &Stamp) -> Self {
        Self { left_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), as_of: now.clone() }
    }

    /// What is left, in milliseconds.
    pub fn left_ms(&self, now: &Stamp) -> u64 {
        self.left_ms.saturating_sub(self.as_of.milliseconds_until(now))
    }

    pub(super) fn bring_forward(&mut self, now: &Stamp) {
        *self = Self { left_ms: self.left_ms(now), as_of: now.clone() };
    }
}

/// A step as it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its name; of a step that takes another back `undo_` and the name of that.
    pub name: String,
    /// What became of it.
    pub state: StepState,
    /// The tool that it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The arguments, as the tool got them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// What the tool returned.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often its tool was called.
    #[serde(default)]
    pub calls: u32,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Stamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Stamp>,
    /// What is left of its wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Countdown>,
}

impl StepRun {
    /// A step that has not begun.
    pub(super) fn pending(name: String) -> Self {
        Self {
            name,
            state: StepState::Pending,
            tool: None,
            args: None,
            result: Value::Null,
            reason: None,
            calls: 0,
            began: None,
            ended: None,
            wait: None,
        }
    }
}

/// Why a run fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub cause: Cause,
    /// The step that failed; none where it was the time or a person.
    pub step: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// Whether it is not known of a step whether it took effect.
    pub uncertain: bool,
    /// What is taken back.
    pub undo: Undo,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A step.
    Step,
    /// Its time was over.
    Time,
    /// Somebody cancelled it.
    Cancelled,
}

/// How far taking back has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Nothing is taken back.
    No,
    /// What was done is to be taken back, once the calls in flight have ended.
    Wanted,
    /// The steps that take it back stand behind those of the definition.
    Planned,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version of this format.
    pub v: u32,
    /// Its id.
    #[serde(rename = "run")]
    pub id: RunId,
    /// The workflow.
    pub workflow: String,
    /// Which text of it.
    pub version: String,
    /// That text.
    pub definition: String,
    /// What its steps may do.
    pub role: Role,
    /// Its trace.
    pub trace: TraceId,
    /// What began it.
    pub trigger: Began,
    /// What was handed over at the start.
    pub slots: Map<String, Value>,
    /// What became of it.
    pub state: RunState,
    /// When it began.
    pub began: Stamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Stamp>,
    /// What is left of its time, or of that of its failure branch; none once that is over too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Countdown>,
    /// Why it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Its steps in the order of the definition, then those that take something back.
    pub steps: Vec<StepRun>,
}
