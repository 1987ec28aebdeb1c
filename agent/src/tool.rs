//! Tools: what the appliance can do, and the one way in which anything is done.
//!
//! Owns the form of a tool ([`ToolSpec`], [`Tool`]) and of a call ([`Caller`], [`CallStatus`]). Voice, panel, MQTT, CLI,
//! schedules and workflows all call tools through the tool runtime, which checks schema, role, rate and confirmation, bounds the time,
//! blanks secrets and records every call and refusal. There is no second way to switch a line.

pub mod confirmation;
pub mod runtime;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::confirmation::Permit;
use crate::event::TraceId;

/// What a caller may do. Each role may do what the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Works the machine.
    Operator,
    /// Changes the appliance.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Its name, as in the configuration and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The way by which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Spoken to the microphone.
    Voice,
    /// Typed or clicked in the panel, or sent to the API.
    Panel,
    /// Typed at the command line.
    Cli,
    /// Sent over an MQTT link.
    Fleet,
    /// A timer ran out.
    Timer,
    /// A schedule was due.
    Schedule,
    /// A step of a workflow.
    Workflow,
    /// An alarm that lights or sounds something.
    Alarm,
    /// A button that is wired to a line.
    Button,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 9] = [
        Self::Voice,
        Self::Panel,
        Self::Cli,
        Self::Fleet,
        Self::Timer,
        Self::Schedule,
        Self::Workflow,
        Self::Alarm,
        Self::Button,
    ];

    /// Its name, as in the configuration and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Panel => "panel",
            Self::Cli => "cli",
            Self::Fleet => "fleet",
            Self::Timer => "timer",
            Self::Schedule => "schedule",
            Self::Workflow => "workflow",
            Self::Alarm => "alarm",
            Self::Button => "button",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// The way.
    pub source: Source,
    /// What they may do.
    pub role: Role,
    /// Whom: a link's or a user's name, or a schedule's id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Caller {
    /// Whoever speaks to the microphone: an operator.
    pub fn voice() -> Self {
        Self { source: Source::Voice, role: Role::Operator, name: None }
    }

    /// Whoever may open the control socket (root and group `victus`): an admin.
    pub fn cli() -> Self {
        Self { source: Source::Cli, role: Role::Admin, name: None }
    }

    /// Whoever reaches the panel on loopback: an operator.
    pub fn panel() -> Self {
        Self { source: Source::Panel, role: Role::Operator, name: None }
    }

    /// A schedule that is due, with the role of whoever made it.
    pub fn schedule(id: &str, role: Role) -> Self {
        Self { source: Source::Schedule, role, name: Some(id.to_owned()) }
    }

    /// A run of the workflow `name`, with the role of whoever made that.
    pub fn workflow(name: &str, role: Role) -> Self {
        Self { source: Source::Workflow, role, name: Some(name.to_owned()) }
    }

    /// An alarm that lights or sounds something: an operator.
    pub fn alarm() -> Self {
        Self { source: Source::Alarm, role: Role::Operator, name: None }
    }

    /// Whoever presses the button that is the entity `entity`: an operator.
    pub fn button(entity: &str) -> Self {
        Self { source: Source::Button, role: Role::Operator, name: Some(entity.to_owned()) }
    }

    /// The fleet behind link `link`: an operator.
    pub fn fleet(link: &str) -> Self {
        Self { source: Source::Fleet, role: Role::Operator, name: Some(link.to_owned()) }
    }
}

/// What a tool's effect is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Can be undone.
    Reversible,
    /// Cannot be undone, or may hurt.
    Dangerous,
}

/// What a call is worth with the arguments that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stakes {
    /// What its effect is worth.
    pub risk: Risk,
    /// Whether somebody has to agree before it is made. A dangerous call always has to be agreed to.
    pub confirm: bool,
    /// Whether it makes something safe. Such a call is tried however often it failed before.
    pub makes_safe: bool,
}

impl Stakes {
    /// A call of that risk: one that is dangerous has to be agreed to.
    pub fn of(risk: Risk) -> Self {
        Self { risk, confirm: risk == Risk::Dangerous, makes_safe: false }
    }

    /// A call that makes something safe: nobody is asked, and nothing but the lines themselves keeps it from being tried.
    pub fn making_safe() -> Self {
        Self { risk: Risk::Reversible, confirm: false, makes_safe: true }
    }
}

/// How often a tool may be called by one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// So many calls ...
    pub count: u32,
    /// ... in this time.
    pub per: Duration,
}

/// What a tool is: everything that a caller or a rule may want to know before calling it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolSpec {
    /// Its name, `<what>.<verb>`.
    pub name: &'static str,
    /// One sentence on what it does.
    pub description: &'static str,
    /// JSON Schema of its arguments (draft 2020-12).
    pub input: Value,
    /// What its effect is worth.
    pub risk: Risk,
    /// Whether a second call with the same arguments changes nothing that the first has not changed. Only such a call is
    /// ever made again by itself.
    pub idempotent: bool,
    /// The least role that may call it.
    pub role: Role,
    /// How long a call may take.
    #[serde(rename = "timeout_ms", serialize_with = "as_milliseconds")]
    pub timeout: Duration,
    /// How often one caller may call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Arguments whose values are blanked wherever the call is recorded.
    pub redact: Vec<&'static str>,
}

fn as_milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CallStatus {
    /// Done, and the effect was seen.
    Done,
    /// Not done, because a rule forbids it.
    Refused {
        /// The rule: `unknown_tool`, `bad_arguments`, `role`, `rate`, `confirmation_required`, `not_confirmed`,
        /// `interlock`, `not_recorded`, `unavailable`; of a call under a key `in_progress`, `key_reused`, `uncertain`.
        code: String,
        /// Why, as a sentence.
        reason: String,
    },
    /// Tried, and failed.
    Failed {
        /// Why, as a sentence.
        reason: String,
    },
}

/// Why a tool did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The arguments have the right form and name nothing that exists.
    #[error("{0}")]
    BadArguments(String),
    /// A rule of the appliance forbids it.
    #[error("{reason}")]
    Refused {
        /// The rule, in one word.
        code: &'static str,
        /// Why, as a sentence.
        reason: String,
        /// What the sentence is made of, so that it can be said in any language: `rule`, which names the sentence, and
        /// the values in it. Null where the sentence has to do.
        facts: serde_json::Value,
    },
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
}

impl ToolError {
    /// A refusal that has no more to it than its sentence.
    pub fn refused(code: &'static str, reason: impl Into<String>) -> Self {
        Self::Refused { code, reason: reason.into(), facts: serde_json::Value::Null }
    }
}

/// Names a call of one caller: the same key, tool and arguments get the result of the first call, for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The most characters that a key may have.
    pub const LONGEST: usize = 128;

    /// The key of that text: 1 to 128 visible ASCII characters. None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a tool is told of its call.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who calls.
    pub caller: Caller,
    /// The request that it belongs to.
    pub trace: TraceId,
    /// What was agreed to before.
    pub permit: Permit,
    /// What names this call, so that it is made once however often it is sent.
    pub key: Option<IdempotencyKey>,
}

impl CallContext {
    /// A call by `caller` within a request, to which nobody has agreed.
    pub fn new(caller: Caller, trace: TraceId) -> Self {
        Self { caller, trace, permit: Permit::none(), key: None }
    }

    /// The same with an agreement.
    #[must_use]
    pub fn with(self, permit: Permit) -> Self {
        Self { permit, ..self }
    }

    /// The same under a key.
    #[must_use]
    pub fn under(self, key: Option<IdempotencyKey>) -> Self {
        Self { key, ..self }
    }
}

/// Something that the appliance can do.
pub trait Tool: Send + Sync {
    /// What it is. The same at every call.
    fn spec(&self) -> ToolSpec;

    /// What a call with these arguments, which have passed the schema, is worth. Unless a tool says otherwise, what the
    /// tool is worth.
    fn stakes(&self, args: &Value) -> Stakes {
        let _any = args;
        Stakes::of(self.spec().risk)
    }

    /// Whether a call with these arguments, which have passed the schema, would be refused as things stand. Does nothing.
    ///
    /// # Errors
    /// The refusal.
    fn preview(&self, args: &Value) -> Result<(), ToolError> {
        let _any = args;
        Ok(())
    }

    /// Does it. The arguments have passed the schema. The future may be dropped when the time is up.
    ///
    /// # Errors
    /// Says why it was not done, as a sentence.
    fn call<'a>(&'a self, args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>>;
}
