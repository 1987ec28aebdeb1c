//! Events: what happened.
//!
//! Owns the vocabulary of the journal: each kind of event, its class (how soon it must be durable, and what is dropped
//! first) and the stamp that orders it. An event is appended to the journal (`store::journal`) before anyone is told;
//! panel, fleet, metrics and tests read it there.
//!
//! # Format
//!
//! In JSON, which is also how the store keeps it and how the API and MQTT show it:
//!
//! ```json
//! {"v":1,"epoch":1,"seq":42,"at":{"wall_ms":1790000000000,"trust":"floor","mono_ms":81234,"boot":"9f0c..."},
//!  "trace":"4bf92f3577b34da6a3ce929d0e0e4736","kind":"turn_finished","data":{...}}
//! ```
//!
//! `(epoch, seq)` is unique for the life of the appliance. Readers ignore fields that they do not know.

mod stamp;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use victus_hw::points::{Cause, PointValue};

use crate::alarms::{AlarmClass, Limit};
use crate::schedules::RunOutcome;
use crate::tool::{CallStatus, Caller, Risk};
use crate::turn::{Outcome, TurnId};

pub use stamp::{BootId, Position, Stamp, TraceId};

/// The version of the event format.
pub const EVENT_FORMAT: u32 = 1;

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of this format.
    pub v: u32,
    /// Its place in the journal.
    #[serde(flatten)]
    pub position: Position,
    /// When it happened.
    pub at: Stamp,
    /// The request that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// How soon an event must be durable, and what is dropped first when space ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Voice stages and link changes: flushed in groups, dropped first.
    Chatter,
    /// Changes of entities and timers: flushed in groups.
    State,
    /// Turns, tool calls, commands: durable before their effect is acknowledged to the outside.
    Record,
    /// Alarms, crashes, interlock trips, gaps: durable at once, dropped last.
    Alarm,
}

impl Class {
    /// Whether an append of this class returns only when the event would survive a power cut.
    pub fn is_durable_at_once(self) -> bool {
        self >= Self::Record
    }
}

/// What can happen. Serialised as `"kind"` (the name) and `"data"` (the fields).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum EventKind {
    /// The appliance is up.
    ApplianceStarted {
        /// The program's version.
        version: String,
        /// How often this database has been opened.
        boots: u64,
        /// Milliseconds from the start of the process to ready.
        ready_ms: u64,
    },
    /// The appliance is going down in good order.
    ApplianceStopping {
        /// Why, as a sentence.
        reason: String,
    },
    /// The sentence files were read again, and what they say is understood from the next request on.
    SentencesLoaded {
        /// How many templates there are.
        templates: usize,
        /// How many faults cost a part of them.
        faults: usize,
    },
    /// The configuration was read again, and its entities are in force.
    ConfigurationLoaded {
        /// How many entities are new.
        added: usize,
        /// How many are other than before.
        changed: usize,
        /// How many are gone.
        removed: usize,
        /// The sections that differ from those in force and count from the next start.
        later: Vec<String>,
    },
    /// The configuration was read again and can't be used; the entities stay as they are.
    ConfigurationRefused {
        /// How much is wrong.
        problems: usize,
        /// The first that is wrong, as a sentence.
        reason: String,
    },
    /// A loop changed its health.
    LoopChanged {
        /// The loop's name.
        name: String,
        /// `up`, `degraded` or `down`.
        state: String,
        /// Why, where it is not up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A loop ended by panic or error and is restarted.
    LoopCrashed {
        /// The loop's name.
        name: String,
        /// The panic message or the error.
        reason: String,
        /// How often it has been restarted since the start of the process.
        restarts: u64,
    },
    /// A stage of a spoken request: `wake speech_start endpoint transcript intent action reply`.
    Voice {
        /// Which stage.
        stage: String,
        /// Milliseconds of audio since the voice loop began to listen.
        at_ms: u64,
        /// What was heard or is said, where the stage has words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A request began to be handled. Its plan is stored before anything runs.
    TurnStarted {
        /// The turn.
        turn: TurnId,
        /// Where the request came from.
        caller: Caller,
        /// The words.
        text: String,
    },
    /// A request was handled to its end; the turn is stored whole.
    TurnFinished {
        /// The turn.
        turn: TurnId,
        /// What came of it.
        outcome: Outcome,
        /// The intent, where one was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<String>,
        /// What was answered.
        reply: String,
    },
    /// A tool was called, or a call was refused: the audit trail.
    ToolCalled {
        /// The tool's name.
        tool: String,
        /// Who called.
        caller: Caller,
        /// What the tool's effect is worth.
        risk: Risk,
        /// The arguments, with secrets blanked.
        args: serde_json::Value,
        /// What came of it.
        status: CallStatus,
        /// How long it took, in microseconds.
        took_us: u64,
        /// How often the tool was tried, where that was more than once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempts: Option<u32>,
        /// Whether the result of an earlier call under the same key was given, without a call.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repeated: bool,
    },
    /// A tool, or a tool for one entity, failed again and again: it is left alone for a while.
    BreakerOpened {
        /// The tool's name.
        tool: String,
        /// The entity's id, where the tool has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<String>,
        /// For how long it is refused, in seconds.
        seconds: u64,
        /// Why it failed last.
        reason: String,
    },
    /// What was left alone works again.
    BreakerClosed {
        /// The tool's name.
        tool: String,
        /// The entity's id, where the tool has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<String>,
    },
    /// An entity's value changed.
    EntityChanged {
        /// The entity's id.
        entity: String,
        /// The value before; none when it was unknown.
        from: Option<PointValue>,
        /// The value after; none when it became unknown.
        to: Option<PointValue>,
        /// What changed it.
        cause: Cause,
    },
    /// A timer was started.
    TimerStarted {
        /// The timer's id.
        timer: String,
        /// The name it was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// How long it runs.
        seconds: u64,
    },
    /// A timer ran out.
    TimerFinished {
        /// The timer's id.
        timer: String,
        /// The name it was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// How late it was noticed, in milliseconds (the appliance may have been off).
        late_ms: u64,
    },
    /// A timer was changed.
    TimerChanged {
        /// The timer's id.
        timer: String,
        /// `paused`, `resumed`, `extended`, `shortened` or `cancelled`.
        state: String,
    },
    /// Something was scheduled.
    ScheduleCreated {
        /// The schedule's id.
        schedule: String,
        /// What people know it by: its name, or the words that it was made with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A schedule was enabled, disabled or deleted.
    ScheduleChanged {
        /// The schedule's id.
        schedule: String,
        /// What people know it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// `enabled`, `disabled` or `deleted`.
        state: String,
    },
    /// A schedule was due, and its steps were run.
    ScheduleRan {
        /// The schedule's id.
        schedule: String,
        /// What people know it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What came of it.
        outcome: RunOutcome,
        /// How late it began, in milliseconds.
        late_ms: u64,
    },
    /// A schedule was due while the appliance was off or its clock leapt, and was not run.
    ScheduleMissed {
        /// The schedule's id.
        schedule: String,
        /// What people know it by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// How often it was due and not run.
        count: u32,
        /// How late the last of these was noticed, in milliseconds.
        late_ms: u64,
    },
    /// A run of a workflow began.
    WorkflowStarted {
        /// The run.
        run: String,
        /// The workflow.
        workflow: String,
        /// Which text of it: the beginning of its SHA-256.
        version: String,
        /// What began it: `intent`, `schedule`, `entity` or `call`, and its facts.
        trigger: serde_json::Value,
    },
    /// A step of a run is over.
    WorkflowStep {
        /// The run.
        run: String,
        /// The workflow.
        workflow: String,
        /// The step's name.
        step: String,
        /// `done`, `skipped`, `failed`, `uncertain` or `stopped`.
        state: String,
        /// Why it was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A run of a workflow is over.
    WorkflowFinished {
        /// The run.
        run: String,
        /// The workflow.
        workflow: String,
        /// `done`, `failed` or `cancelled`.
        state: String,
        /// Why, where it was not done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Whether it is not known of a step whether it took effect.
        uncertain: bool,
    },
    /// A workflow cannot be used, or did not begin when something should have begun it.
    WorkflowFaulty {
        /// The workflow.
        workflow: String,
        /// Why, as a sentence, with file and line where they are known.
        reason: String,
    },
    /// A value went beyond the limit of its alarm, or a timer ran out.
    AlarmRaised {
        /// The alarm's id: that of its entity or of its timer.
        alarm: String,
        /// How much it matters.
        class: AlarmClass,
        /// The name of a timer that has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The limit; none for a timer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Limit>,
        /// The value; none for a timer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<PointValue>,
    },
    /// Somebody said that they know of an alarm.
    AlarmAcknowledged {
        /// The alarm's id.
        alarm: String,
        /// Who.
        by: Caller,
    },
    /// An alarm is over: the value is back, or a timer has rung for long enough.
    AlarmCleared {
        /// The alarm's id.
        alarm: String,
        /// Whether anybody had acknowledged it.
        acknowledged: bool,
    },
    /// A link to a broker came up or went down.
    LinkChanged {
        /// The link's name.
        link: String,
        /// Whether it is connected.
        up: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A command came over a link and was answered.
    CommandHandled {
        /// The link's name.
        link: String,
        /// The command's id.
        id: String,
        /// `accepted`, `done`, `failed`, `refused`, `expired` or `uncertain`.
        state: String,
        /// The answer as it is sent.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        reply: serde_json::Value,
    },
    /// A message from outside could not be understood.
    MessageRejected {
        /// Where it came from: a link and topic.
        source: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database could not be opened: it was set aside and a new epoch began.
    StoreSetAside {
        /// The folder that it was moved to.
        moved_to: String,
        /// How many records were salvaged from it, by tree.
        salvaged: BTreeMap<String, u64>,
        /// Why it did not open.
        reason: String,
    },
    /// Records in the database are damaged: they were left out and removed.
    StoreDamaged {
        /// How many.
        records: u64,
        /// The tree and key of the first.
        first: String,
    },
    /// Events are missing: what was dropped, and why.
    Gap {
        /// The class that was dropped.
        class: Class,
        /// The first that is missing.
        first: Position,
        /// The last that is missing.
        last: Position,
        /// How many.
        count: u64,
        /// Why.
        reason: String,
    },
}

impl EventKind {
    /// The class of this kind of event.
    pub fn class(&self) -> Class {
        match self {
            Self::Voice { .. } | Self::LinkChanged { .. } | Self::MessageRejected { .. } => Class::Chatter,
            // A call that changes nothing may be lost in a power cut; one that changes something may not.
            Self::ToolCalled { risk: Risk::Read, .. }
            | Self::EntityChanged { .. }
            | Self::LoopChanged { .. }
            | Self::WorkflowStep { .. }
            | Self::WorkflowFaulty { .. }
            | Self::TurnStarted { .. } => Class::State,
            Self::TurnFinished { .. }
            | Self::ToolCalled { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerClosed { .. }
            | Self::TimerStarted { .. }
            | Self::TimerFinished { .. }
            | Self::TimerChanged { .. }
            | Self::ScheduleCreated { .. }
            | Self::ScheduleChanged { .. }
            | Self::ScheduleRan { .. }
            | Self::ScheduleMissed { .. }
            | Self::AlarmAcknowledged { .. }
            | Self::AlarmCleared { .. }
            | Self::CommandHandled { .. }
            | Self::WorkflowStarted { .. }
            | Self::WorkflowFinished { .. }
            | Self::ApplianceStarted { .. }
            | Self::ApplianceStopping { .. }
            | Self::ConfigurationLoaded { .. }
            | Self::ConfigurationRefused { .. }
            | Self::SentencesLoaded { .. } => Class::Record,
            Self::AlarmRaised { .. }
            | Self::LoopCrashed { .. }
            | Self::StoreSetAside { .. }
            | Self::StoreDamaged { .. }
            | Self::Gap { .. } => Class::Alarm,
        }
    }

    /// Whether it belongs into the audit chain: a call, or a refusal.
    pub fn is_audited(&self) -> bool {
        match self {
            Self::ToolCalled { .. } => true,
            Self::CommandHandled { state, .. } => state == "refused",
            _ => false,
        }
    }

    /// The name of this kind, as in the `kind` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApplianceStarted { .. } => "appliance_started",
            Self::ApplianceStopping { .. } => "appliance_stopping",
            Self::SentencesLoaded { .. } => "sentences_loaded",
            Self::ConfigurationLoaded { .. } => "configuration_loaded",
            Self::ConfigurationRefused { .. } => "configuration_refused",
            Self::LoopChanged { .. } => "loop_changed",
            Self::LoopCrashed { .. } => "loop_crashed",
            Self::Voice { .. } => "voice",
            Self::TurnStarted { .. } => "turn_started",
            Self::TurnFinished { .. } => "turn_finished",
            Self::ToolCalled { .. } => "tool_called",
            Self::BreakerOpened { .. } => "breaker_opened",
            Self::BreakerClosed { .. } => "breaker_closed",
            Self::EntityChanged { .. } => "entity_changed",
            Self::TimerStarted { .. } => "timer_started",
            Self::TimerFinished { .. } => "timer_finished",
            Self::TimerChanged { .. } => "timer_changed",
            Self::ScheduleCreated { .. } => "schedule_created",
            Self::ScheduleChanged { .. } => "schedule_changed",
            Self::ScheduleRan { .. } => "schedule_ran",
            Self::ScheduleMissed { .. } => "schedule_missed",
            Self::WorkflowStarted { .. } => "workflow_started",
            Self::WorkflowStep { .. } => "workflow_step",
            Self::WorkflowFinished { .. } => "workflow_finished",
            Self::WorkflowFaulty { .. } => "workflow_faulty",
            Self::AlarmRaised { .. } => "alarm_raised",
            Self::AlarmAcknowledged { .. } => "alarm_acknowledged",
            Self::AlarmCleared { .. } => "alarm_cleared",
            Self::LinkChanged { .. } => "link_changed",
            Self::CommandHandled { .. } => "command_handled",
            Self::MessageRejected { .. } => "message_rejected",
            Self::StoreSetAside { .. } => "store_set_aside",
            Self::StoreDamaged { .. } => "store_damaged",
            Self::Gap { .. } => "gap",
        }
    }
}
