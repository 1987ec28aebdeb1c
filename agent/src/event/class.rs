//! How much each kind of event matters, and what it is called.

use serde::{Deserialize, Serialize};

use super::EventKind;
use crate::tool::Risk;

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
