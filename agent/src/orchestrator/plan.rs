//! Plans: from an intent with slots to steps of tool calls, resolved to entity ids.
//!
//! Owns the table of intents and what each becomes. Promises to be a pure function of what was understood and of the
//! entities: the same request and the same entities give the same plan. Runs nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use super::later;
use crate::conversation::{Missing, Understood, answer};
use crate::entities::{Entities, Entity};
use crate::timers::MAX_DURATION;
use crate::turn::{OnFailure, Step};
use crate::volume::tools::STEP;
use crate::workflows::check::RUN_TOOL;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// These steps, in order. None at all is a plan too (never mind).
    Steps(Vec<Step>),
    /// Nothing yet: something has to be asked first.
    Missing(Missing),
    /// Nothing, because what was asked for does not exist or cannot be: the key of the reply that says so.
    Unable(&'static str),
    /// Nothing by itself: it is an intent of users' own sentences.
    Unknown,
}

/// The intents of which the appliance makes a plan itself.
pub const OWN_INTENTS: [&str; 32] = [
    "HassTurnOn",
    "HassTurnOff",
    "HassToggle",
    "HassLightSet",
    "HassSetPosition",
    "HassFanSetSpeed",
    "HassGetState",
    "HassStartTimer",
    "HassIncreaseTimer",
    "HassDecreaseTimer",
    "HassCancelTimer",
    "HassCancelAllTimers",
    "HassPauseTimer",
    "HassUnpauseTimer",
    "HassTimerStatus",
    "VictusScheduleList",
    "VictusScheduleCancel",
    "VictusScheduleCancelAll",
    "HassSetVolume",
    "HassSetVolumeRelative",
    "HassGetCurrentTime",
    "HassGetCurrentDate",
    "VictusStatus",
    "VictusHistory",
    "VictusAlarms",
    "VictusAcknowledge",
    "VictusCapabilities",
    "VictusStop",
    "HassNevermind",
    "VictusRepeat",
    "VictusExplain",
    "VictusUndo",
];

/// Whether the appliance deals with this intent itself; what users call theirs may begin a workflow.
pub fn is_own(intent: &str) -> bool {
    OWN_INTENTS.contains(&intent) || later::is(intent) || answer::REFERRING.contains(&intent)
}

/// Makes the plan.
pub fn plan(understood: &Understood, entities: &Entities) -> Plan {
    match understood.intent.as_str() {
        "HassTurnOn" => for_entities(understood, entities, "entity.turn_on"),
        "HassTurnOff" => for_entities(understood, entities, "entity.turn_off"),
        "HassToggle" => for_entities(understood, entities, "entity.toggle"),
        "HassLightSet" => set_value(understood, entities, "brightness"),
        "HassSetPosition" => set_value(understood, entities, "position"),
        "HassFanSetSpeed" => set_value(understood, entities, "percentage"),
        "HassGetState" => read(understood, entities),
        "HassStartTimer" => start_timer(understood),
        "HassIncreaseTimer" => change_timer(understood, 1),
        "HassDecreaseTimer" => change_timer(understood, -1),
        "HassCancelTimer" => one(named_timer("timer.cancel", understood)),
        "HassCancelAllTimers" => one(step("timer.cancel_all", json!({}))),
        "HassPauseTimer" => one(named_timer("timer.pause", understood)),
        "HassUnpauseTimer" => one(named_timer("timer.resume", understood)),
        "HassTimerStatus" => one(step("timer.status", json!({}))),
        "VictusScheduleList" => one(step("schedule.list", json!({}))),
        "VictusScheduleCancel" => cancel_schedule(understood),
        "VictusScheduleCancelAll" => one(step("schedule.delete", json!({"all": true}))),
        "HassSetVolume" => set_volume(understood),
        "HassSetVolumeRelative" => change_volume(understood),
        "HassGetCurrentTime" | "HassGetCurrentDate" => one(step("clock.now", json!({}))),
        "VictusStatus" => one(step("appliance.status", json!({}))),
        "VictusHistory" => history(understood),
        "VictusAcknowledge" => acknowledge(understood),
        "VictusAlarms" => one(step("appliance.alarms", json!({}))),
        "VictusCapabilities" => one(step("appliance.capabilities", json!({}))),
        "VictusStop" => one(step("appliance.stop", json!({}))),
        "HassNevermind" | "VictusRepeat" | "VictusExplain" => Plan::Steps(Vec::new()),
        _ => Plan::Unknown,
    }
}

/// The plan that begins a workflow with what was said.
pub fn workflow(name: &str, understood: &Understood) -> Plan {
    one(step(RUN_TOOL, json!({"workflow": name, "intent": understood.intent, "input": understood.slots})))
}

fn step(tool: &str, args: Value) -> Step {
    Step::new(tool, args)
}

/// The steps of a group: one that is not done keeps none of the others from being done.
fn group(mut steps: Vec<Step>) -> Plan {
    if steps.len() > 1 {
        steps.iter_mut().for_each(|step| step.on_failure = OnFailure::Skip);
    }
    Plan::Steps(steps)
}

fn one(step: Step) -> Plan {
    Plan::Steps(vec![step])
}

/// The alarm of what was named; without a name, all.
fn acknowledge(understood: &Understood) -> Plan {
    let args = match (understood.entities.as_slice(), understood.slots.get("name")) {
        ([entity], _) => json!({"alarm": entity}),
        (_, Some(name)) => json!({"alarm": name}),
        (_, None) => json!({}),
    };
    one(step("alarm.acknowledge", args))
}

fn for_entities(understood: &Understood, entities: &Entities, tool: &str) -> Plan {
    let targets: Vec<_> = meant(understood, entities).into_iter().filter(|entity| entity.kind.is_writable()).collect();
    if targets.is_empty() {
        return none_fits(understood);
    }
    group(targets.iter().map(|entity| step(tool, json!({"entity": entity.id}))).collect())
}

fn set_value(understood: &Understood, entities: &Entities, slot: &str) -> Plan {
    let Some(value) = understood.slots.get(slot).and_then(Value::as_f64) else { return Plan::Unable("not_understood") };
    let targets: Vec<_> =
        meant(understood, entities).into_iter().filter(|entity| entity.kind.is_writable() && entity.numeric).collect();
    if targets.is_empty() {
        return none_fits(understood);
    }
    let set = |entity: &Arc<Entity>| step("entity.set_value", json!({"entity": entity.id, "value": value}));
    group(targets.iter().map(set).collect())
}

fn read(understood: &Understood, entities: &Entities) -> Plan {
    let targets = meant(understood, entities);
    if targets.is_empty() {
        return none_fits(understood);
    }
    group(targets.iter().map(|entity| step("entity.get_state", json!({"entity": entity.id}))).collect())
}

fn start_timer(understood: &Understood) -> Plan {
    const PARTS: [&str; 3] = ["hours", "minutes", "seconds"];
    if !PARTS.iter().any(|part| understood.slots.contains_key(*part)) {
        return Plan::Missing(Missing::Duration);
    }
    let seconds = seconds(understood, PARTS);
    let Some(seconds) = whole_within(seconds, MAX_DURATION.as_secs()) else { return Plan::Unable("timer_length") };
    let mut args = json!({"seconds": seconds});
    if let Some(name) = understood.slots.get("name").and_then(Value::as_str) {
        args["name"] = json!(name);
    }
    one(step("timer.start", args))
}

fn change_timer(understood: &Understood, sign: i64) -> Plan {
    let seconds = seconds(understood, ["hours", "minutes", "seconds"]);
    let Some(seconds) = whole_within(seconds, MAX_DURATION.as_secs()) else { return Plan::Unable("timer_length") };
    let mut change = named_timer("timer.change", understood);
    change.args["by_seconds"] = json!(seconds.cast_signed() * sign);
    one(change)
}

fn cancel_schedule(understood: &Understood) -> Plan {
    let name = understood.slots.get("name").and_then(Value::as_str);
    one(step("schedule.delete", name.map_or_else(|| json!({}), |name| json!({"schedule": name}))))
}

fn history(understood: &Understood) -> Plan {
    let period = understood.slots.get("period").and_then(Value::as_str).unwrap_or("recently");
    one(step("appliance.history", json!({"period": period})))
}

fn set_volume(understood: &Understood) -> Plan {
    let percent = understood.slots.get("volume_level").and_then(Value::as_f64).map(f64::round);
    let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) else {
        return Plan::Unable("not_understood");
    };
    #[expect(clippy::cast_possible_truncation, reason = "whole and from 0 to 100")]
    let percent = percent as i64;
    one(step("speech.set_volume", json!({"percent": percent})))
}

fn change_volume(understood: &Understood) -> Plan {
    match understood.slots.get("volume_step").and_then(Value::as_str) {
        Some("up") => one(step("speech.change_volume", json!({"by": STEP}))),
        Some("down") => one(step("speech.change_volume", json!({"by": -STEP}))),
        _ => Plan::Unable("not_understood"),
    }
}

/// Which timer is meant: by its name, or by the time that it was set for.
fn named_timer(tool: &str, understood: &Understood) -> Step {
    if let Some(name) = understood.slots.get("name").and_then(Value::as_str) {
        return step(tool, json!({"timer": name}));
    }
    let seconds = seconds(understood, ["start_hours", "start_minutes", "start_seconds"]);
    step(tool, if seconds >= 1.0 { json!({"set_for_seconds": seconds}) } else { json!({}) })
}

/// The seconds that these slots for hours, minutes and seconds make together.
pub(super) fn seconds(understood: &Understood, [hours, minutes, seconds]: [&str; 3]) -> f64 {
    let number = |slot: &str| understood.slots.get(slot).and_then(Value::as_f64).unwrap_or(0.0);
    number(hours).mul_add(3600.0, number(minutes).mul_add(60.0, number(seconds))).round()
}

/// A number of seconds as a whole number, if it is from one to `longest`.
pub(super) fn whole_within(seconds: f64, longest: u64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one or more, and at most a u64")]
    let whole = (1.0..=longest as f64).contains(&seconds).then_some(seconds as u64);
    whole
}

/// Why no entity can do what is asked; where nothing was named, it is asked for.
fn none_fits(understood: &Understood) -> Plan {
    const PLACES_AND_KINDS: [&str; 4] = ["area", "floor", "domain", "device_class"];
    let named = understood.slots.contains_key("name");
    let described = PLACES_AND_KINDS.iter().any(|slot| understood.slots.contains_key(*slot));
    match (understood.entities.is_empty(), named, described) {
        (false, _, _) => Plan::Unable("not_supported"),
        (true, true, _) => Plan::Unable("no_entity_in_area"),
        (true, false, true) => Plan::Unable("nothing_there"),
        (true, false, false) => Plan::Missing(Missing::Entity),
    }
}

fn meant(understood: &Understood, entities: &Entities) -> Vec<Arc<Entity>> {
    understood.entities.iter().filter_map(|id| entities.get(id)).collect()
}
