//! What of the journal a person wants to be told.
//!
//! Owns the choice of events (what was switched, by whom and with what success; what tripped, failed or was lost; timers
//! and starts), how much each matters, and the joining of events that are alike. Promises that an event is placed in time
//! by the monotonic clock where it is of this boot, by the wall clock only where that was set, and not at all otherwise.
//! Pure; reading the journal is for [`history`](super::history) and words are for the orchestrator.

use serde_json::Value;
use victus_hw::clock::ClockTrust;
use victus_hw::points::Cause;

use crate::alarms::AlarmClass;
use crate::event::{Event, EventKind, Stamp};
use crate::schedules::RunOutcome;
use crate::tool::{CallStatus, Caller, Risk, Source};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Somebody did something, or a timer ended.
    Usual,
    /// Something was stopped or refused.
    Notable,
    /// Something tripped, failed or was lost.
    Alarm,
}

/// Something that happened, once or several times alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    /// What, as in the keys of the reply.
    pub(super) what: &'static str,
    /// How much it matters.
    pub(super) weight: Weight,
    /// The id of the entity that it happened to.
    pub(super) entity: Option<String>,
    /// The name of what it happened to, where that is no entity.
    pub(super) name: Option<String>,
    /// Who did it, as in the keys of the reply.
    pub(super) by: Option<&'static str>,
    /// The value that was set.
    pub(super) value: Option<f64>,
    /// How often.
    pub(super) count: u64,
    /// When last, in milliseconds since 1970 by the wall clock of `now`.
    pub(super) at_ms: i64,
}

/// When an event happened, by the wall clock as it stands `now`; none where nobody knows.
pub(super) fn placed(at: &Stamp, now: &Stamp) -> Option<i64> {
    if at.boot == now.boot {
        let ago = i64::try_from(now.mono_ms.saturating_sub(at.mono_ms)).unwrap_or(i64::MAX);
        return Some(now.wall_ms.saturating_sub(ago));
    }
    let believed = at.trust > ClockTrust::Unset && now.trust > ClockTrust::Unset;
    believed.then_some(at.wall_ms)
}

/// What is worth telling of `events` between `from_ms` and `to_ms`, the most important first and of those the newest.
pub(super) fn told(events: &[Event], now: &Stamp, from_ms: i64, to_ms: i64) -> Vec<Happened> {
    let mut told: Vec<Happened> = Vec::new();
    for event in events {
        let Some(at_ms) = placed(&event.at, now).filter(|at| (from_ms..=to_ms).contains(at)) else { continue };
        let Some(new) = happened(&event.kind) else { continue };
        let alike = |known: &Happened| {
            (known.what, &known.entity, &known.name, known.by, known.value)
                == (new.what, &new.entity, &new.name, new.by, new.value)
        };
        let room = told.len() < MAX_KINDS;
        match told.iter_mut().find(|known| alike(known)) {
            Some(known) => (known.count, known.at_ms) = (known.count.saturating_add(1), known.at_ms.max(at_ms)),
            None if room => told.push(Happened { at_ms, ..new }),
            None => {}
        }
    }
    told.sort_by_key(|happened| (std::cmp::Reverse(happened.weight), std::cmp::Reverse(happened.at_ms)));
    told
}

/// How many different things are told apart; a workshop has fewer things and fewer ways to switch them.
const MAX_KINDS: usize = 500;

fn happened(kind: &EventKind) -> Option<Happened> {
    match kind {
        EventKind::ToolCalled { tool, caller, risk, args, status, .. } if *risk > Risk::Read => {
            called(tool, caller, args, status)
        }
        EventKind::EntityChanged { entity, to, cause, .. } => {
            let what = match cause {
                Cause::MaxOn => "tripped_time",
                Cause::RequirementLost => "tripped_requirement",
                Cause::Fault if to.is_none() => "fault",
                _ => return None,
            };
            Some(Happened { entity: Some(entity.clone()), ..new(what, Weight::Alarm) })
        }
        EventKind::LoopCrashed { name, .. } => {
            Some(Happened { name: Some(name.clone()), ..new("crashed", Weight::Alarm) })
        }
        EventKind::StoreSetAside { .. } | EventKind::StoreDamaged { .. } | EventKind::Gap { .. } => {
            Some(new("records_lost", Weight::Alarm))
        }
        EventKind::AlarmRaised { alarm, class, .. } if *class > AlarmClass::Timer => {
            Some(Happened { entity: Some(alarm.clone()), ..new("alarm", Weight::Alarm) })
        }
        EventKind::TimerFinished { name, .. } => Some(Happened { name: name.clone(), ..new("timer", Weight::Usual) }),
        EventKind::ScheduleMissed { name, .. } => {
            Some(Happened { name: name.clone(), ..new("schedule_missed", Weight::Notable) })
        }
        EventKind::ScheduleRan { name, outcome: RunOutcome::Uncertain, .. } => {
            Some(Happened { name: name.clone(), ..new("schedule_uncertain", Weight::Alarm) })
        }
        EventKind::ApplianceStarted { .. } => Some(new("started", Weight::Usual)),
        _ => None,
    }
}

/// A call of a tool that changes something.
fn called(tool: &str, caller: &Caller, args: &Value, status: &CallStatus) -> Option<Happened> {
    let (what, weight) = match (status, tool) {
        (CallStatus::Refused { .. }, _) => ("refused", Weight::Notable),
        (CallStatus::Failed { .. }, _) => ("failed", Weight::Alarm),
        (CallStatus::Done, "entity.turn_on") => ("turned_on", Weight::Usual),
        (CallStatus::Done, "entity.turn_off") => ("turned_off", Weight::Usual),
        (CallStatus::Done, "entity.toggle") => ("toggled", Weight::Usual),
        (CallStatus::Done, "entity.set_value") => ("set", Weight::Usual),
        (CallStatus::Done, "appliance.stop") => ("stopped", Weight::Notable),
        (CallStatus::Done, _) => return None,
    };
    let by = match caller.source {
        Source::Voice => "by_voice",
        Source::Panel => "by_panel",
        Source::Cli => "by_cli",
        Source::Fleet => "by_fleet",
        Source::Timer => "by_timer",
        Source::Schedule => "by_schedule",
        Source::Workflow => "by_workflow",
        Source::Alarm => "by_alarm",
        Source::Button => "by_button",
    };
    let value = if what == "set" { args["value"].as_f64() } else { None };
    Some(Happened { entity: args["entity"].as_str().map(str::to_owned), by: Some(by), value, ..new(what, weight) })
}

fn new(what: &'static str, weight: Weight) -> Happened {
    Happened { what, weight, entity: None, name: None, by: None, value: None, count: 1, at_ms: 0 }
}

#[cfg(test)]
mod tests;
