//! What a workflow is, and the format of its file.
//!
//! Owns the form of a definition and its bounds. [`read`] reads the file and says, with the line, what is wrong with it;
//! [`template`] are the arguments with expressions in them. Whether the tools and entities that it names exist is for
//! [`check`](super::check). Pure.
//!
//! # Format
//!
//! TOML, one file a workflow, at most 16 KiB; its name is the name of the file without `.toml`: lower-case letters, digits
//! and underscores, at most 64. Unknown keys are errors.
//!
//! ```toml
//! description = "Opens the shift"      # for people
//! role = "operator"                    # what its steps may do: viewer, operator (unless stated) or admin
//! when = "now.weekday <= 5"            # CEL: begins only if this holds (see `expression` for what it may use)
//! limits = { duration = "10m", runs_at_once = 1, rate = "30/min" }    # these are what holds unless stated
//!
//! [[trigger]]                          # any number up to 16; none: it is begun by the tool workflow.run alone
//! intent = "OpenShift"                 # an intent of the users' own sentences; its slots are `slots`
//! [[trigger]]
//! every = "weekday"                    # day, weekday, weekend, monday ... sunday, or a list of these
//! at = "06:00"                         # local time; see `triggers` for what a change of the clock does
//! [[trigger]]
//! entity = "sensor.boiler_pressure"    # when this becomes true and stays so
//! above = 8.0                          # above, below, is; all that are stated have to hold
//! for = "10s"                          # at once unless stated
//! [[trigger]]
//! command = true                       # the fleet may begin it, by the tool workflow.run
//! when = "slots.mode == 'full'"        # any trigger may have its own condition
//!
//! [[step]]
//! name = "open"                        # step_1, step_2 ... unless stated
//! tool = "entity.turn_on"              # calls a tool
//! args = { entity = "valve.main", note = "for ${slots.who}" }   # "${CEL}" alone is a value of any type; $${ is ${
//! when = "entity['sensor.door'] == false"    # any step: passed over unless this holds
//! on_error = "stop"                    # stop: the failure branch runs; skip: go on; undo: take back what was done, then
//!                                      # the failure branch. In the failure branch: skip unless stated
//! [[step]]
//! wait = "5s"                          # waits
//! [[step]]
//! wait_until = "entity['sensor.level'] > 3"    # waits until this holds, and fails after
//! timeout = "1m"                               # this time
//! [[step]]
//! parallel = [                         # 2 to 8 branches at once, each a list of steps; not within a branch
//!   [{ tool = "entity.turn_on", args = { entity = "fan.a" } }, { wait = "1s" }],
//!   [{ tool = "entity.turn_on", args = { entity = "fan.b" } }],
//! ]
//!
//! [[on_failure]]                       # steps as above, without parallel: run when the steps have failed, when it is not
//! tool = "appliance.stop"              # known what became of one, when the time is over and when the run is cancelled
//! ```
//!
//! At most 64 steps in all. A name stands for one step in the whole file, branches included. `undo` is no value of
//! `on_error` in the failure branch.

mod file;
pub mod read;
pub mod template;
mod values;

use std::time::Duration;

use sha2::{Digest, Sha256};
use victus_hw::points::PointValue;

use super::expression::Expression;
use crate::tool::{Rate, Role};
use template::Template;

/// The largest file, in bytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024;

/// The longest name of a workflow or a step, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The most steps of a workflow, branches included.
pub const MAX_STEPS: usize = 64;

/// The most branches of a parallel step.
pub const MAX_BRANCHES: usize = 8;

/// The most triggers of a workflow.
pub const MAX_TRIGGERS: usize = 16;

/// The most runs of a workflow at once.
pub const MAX_RUNS_AT_ONCE: u32 = 8;

/// The longest run, wait or hold.
pub const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// A workflow.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// The file, as it is written.
    pub text: String,
    /// What it is for.
    pub description: Option<String>,
    /// What its steps may do.
    pub role: Role,
    /// Begins only if this holds.
    pub when: Option<Expression>,
    /// What bounds it.
    pub limits: Limits,
    /// What begins it.
    pub triggers: Vec<Trigger>,
    /// All steps, those of branches and of the failure branch too, in the order of the file.
    pub steps: Vec<Step>,
    /// The steps that are run in order, by their place in `steps`.
    pub main: Vec<usize>,
    /// The steps of the failure branch.
    pub on_failure: Vec<usize>,
}

/// What bounds a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a run may take; the failure branch has as much again.
    pub duration: Duration,
    /// How many runs there may be at once.
    pub runs_at_once: u32,
    /// How often it may begin.
    pub rate: Rate,
}

impl Default for Limits {
    /// 10 minutes, one at once, 30 times a minute.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(600),
            runs_at_once: 1,
            rate: Rate { count: 30, per: Duration::from_secs(60) },
        }
    }
}

/// Something that begins a workflow.
#[derive(Debug)]
pub struct Trigger {
    /// What.
    pub kind: TriggerKind,
    /// Begins only if this holds.
    pub when: Option<Expression>,
    /// Where it stands in the file.
    pub line: u32,
}

/// What begins a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerKind {
    /// A request with this intent.
    Intent(String),
    /// A time of day.
    Schedule(Schedule),
    /// An entity that gets and keeps a value.
    Entity(Hold),
    /// A command of the fleet.
    Command,
}

/// A time on certain days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// On which days of the week, Monday first.
    pub days: [bool; 7],
    /// The local hour, 0 to 23.
    pub hour: i8,
    /// The minute, 0 to 59.
    pub minute: i8,
}

/// What an entity has to be, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// The entity's id.
    pub entity: String,
    /// More than this.
    pub above: Option<f64>,
    /// Less than this.
    pub below: Option<f64>,
    /// Exactly this.
    pub is: Option<PointValue>,
    /// For so long.
    pub hold: Duration,
}

impl Hold {
    /// Whether `value` is what is asked for. A value that is not known is nothing.
    pub fn fits(&self, value: Option<PointValue>) -> bool {
        let Some(value) = value else { return false };
        let number = match value {
            PointValue::Number(number) => Some(number),
            PointValue::Switch(_) => None,
        };
        self.above.is_none_or(|bound| number.is_some_and(|number| number > bound))
            && self.below.is_none_or(|bound| number.is_some_and(|number| number < bound))
            && self.is.is_none_or(|wanted| wanted == value)
    }
}

impl TriggerKind {
    /// The key under which is stored how far this trigger of the workflow `name` has got. A trigger that is changed is
    /// another one.
    pub fn key(&self, name: &str) -> String {
        let what = match self {
            Self::Intent(intent) => format!("intent {intent}"),
            Self::Schedule(Schedule { days, hour, minute }) => format!("schedule {days:?} {hour}:{minute}"),
            Self::Entity(Hold { entity, above, below, is, hold }) => {
                format!("entity {entity} {above:?} {below:?} {is:?} {}", hold.as_millis())
            }
            Self::Command => "command".to_owned(),
        };
        format!("{name}.{}", hexadecimal(&Sha256::digest(what.as_bytes()), 8))
    }
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Passed over unless this holds.
    pub when: Option<Expression>,
    /// What its failure does.
    pub on_error: OnError,
    /// What it does.
    pub action: Action,
    /// Where it stands in the file.
    pub line: u32,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Calls a tool.
    Call {
        /// Its name.
        tool: String,
        /// Its arguments.
        args: Template,
    },
    /// Waits.
    Wait(Duration),
    /// Waits until something holds.
    WaitUntil {
        /// What.
        until: Expression,
        /// And no longer than this.
        timeout: Duration,
    },
    /// Runs lists of steps at once, each given by its places.
    Parallel(Vec<Vec<usize>>),
}

/// What the failure of a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The steps end and the failure branch runs.
    Stop,
    /// It goes on.
    Skip,
    /// What was done is taken back, then as `Stop`.
    Undo,
}

impl Definition {
    /// Names exactly this text: the beginning of its SHA-256.
    pub fn version(&self) -> String {
        version_of(&self.text)
    }

    /// The trigger by this intent.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.triggers.iter().filter_map(|trigger| match &trigger.kind {
            TriggerKind::Intent(intent) => Some(intent.as_str()),
            _ => None,
        })
    }

    /// The trigger that a request has pulled: by its intent, or as a command of the fleet.
    pub fn trigger_of(&self, intent: Option<&str>, command: bool) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| match &trigger.kind {
            TriggerKind::Intent(name) => intent == Some(name),
            TriggerKind::Command => command,
            TriggerKind::Schedule(_) | TriggerKind::Entity(_) => false,
        })
    }

    /// Whether the fleet may begin it.
    pub fn takes_commands(&self) -> bool {
        self.triggers.iter().any(|trigger| trigger.kind == TriggerKind::Command)
    }
}

/// The version of a definition with this text.
pub fn version_of(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()), 6)
}

fn hexadecimal(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a workflow or a step may have this name.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
}

#[cfg(test)]
mod tests;
