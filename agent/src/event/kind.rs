//! What can happen.
//!
//! Owns the list of the kinds of events with the fields of each. How soon each must be durable, and its name, stand in
//! [`super::class`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use victus_hw::points::{Cause, PointValue};

use super::{Class, Position};
use crate::alarms::{AlarmClass, Limit};
use crate::schedules::RunOutcome;
use crate::tool::{CallStatus, Caller, Risk};
use crate::turn::{Outcome, TurnId};

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
