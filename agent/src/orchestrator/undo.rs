//! Undoing: from the last thing that a source has done to the tool calls that take it back.
//!
//! Owns which steps have an inverse, and which thing is the last. Promises that a plan to undo is made of the same tools
//! as any other, so that roles, rates and interlocks hold for it too, and that nothing is taken back by halves: a turn
//! of which one step has no inverse is not undone. What is long past is left alone, because nobody remembers it. Runs
//! nothing.

use serde_json::{Value, json};

use super::plan::Plan;
use crate::tool::CallStatus;
use crate::turn::{Outcome, Step, StepResult, Turn};

/// For how long a thing can be undone, in milliseconds: within that, whoever says "undo that" still knows what it is.
const MEMORY_MS: u64 = 15 * 60 * 1000;

/// The plan that undoes the last thing of `past`, the turns of the source of `turn`, newest first. Asked for again, it
/// undoes the thing before.
pub fn plan(turn: &Turn, past: &[Turn]) -> Plan {
    let mut undone = 0_usize;
    for earlier in past.iter().take_while(|earlier| is_remembered(earlier, turn)) {
        if earlier.intent.as_deref() == Some("VictusUndo") {
            undone += usize::from(earlier.outcome == Outcome::Done);
            continue;
        }
        let effects: Vec<Effect> = earlier.steps.iter().rev().map(effect).filter(|it| *it != Effect::None).collect();
        match (effects.is_empty(), undone) {
            (true, _) => {}
            (false, 0) => return back(effects).map_or(Plan::Unable("VictusUndo.not_possible"), Plan::Steps),
            (false, _) => undone -= 1,
        }
    }
    Plan::Unable("VictusUndo.none")
}

fn is_remembered(earlier: &Turn, turn: &Turn) -> bool {
    earlier.at.boot == turn.at.boot && turn.at.mono_ms.saturating_sub(earlier.at.mono_ms) <= MEMORY_MS
}

/// The steps that take back what these have left behind, the last first; none where something can't be taken back.
pub fn inverse(steps: &[StepResult]) -> Option<Vec<Step>> {
    back(steps.iter().rev().map(effect).filter(|it| *it != Effect::None).collect())
}

fn back(effects: Vec<Effect>) -> Option<Vec<Step>> {
    let step = |effect| match effect {
        Effect::Reversible(step) => Some(step),
        Effect::None | Effect::Final => None,
    };
    effects.into_iter().map(step).collect()
}

/// What a step has left behind.
#[derive(Debug, Clone, PartialEq)]
enum Effect {
    /// Nothing: it only read, was not done, or found things as they should be.
    None,
    /// What this step takes back.
    Reversible(Step),
    /// What cannot be taken back.
    Final,
}

fn effect(done: &StepResult) -> Effect {
    match done.status {
        CallStatus::Done => effect_of(&done.step.tool, &done.step.args, &done.result),
        _ => Effect::None,
    }
}

/// The call that takes a call back which was done; none where it left nothing behind, or what can't be taken back.
pub fn inverse_of(tool: &str, args: &Value, result: &Value) -> Option<Step> {
    match effect_of(tool, args, result) {
        Effect::Reversible(step) => Some(step),
        Effect::None | Effect::Final => None,
    }
}

fn effect_of(tool: &str, args: &Value, result: &Value) -> Effect {
    let reverse = |tool: &str, args: Value| Effect::Reversible(Step::new(tool, args));
    match tool {
        "entity.turn_on" | "entity.turn_off" | "entity.toggle" | "entity.set_value" => {
            let (entity, from, to) = (&args["entity"], &result["from"], &result["to"]);
            match from {
                _ if from == to => Effect::None,
                Value::Bool(true) => reverse("entity.turn_on", json!({"entity": entity})),
                Value::Bool(false) => reverse("entity.turn_off", json!({"entity": entity})),
                Value::Number(value) => reverse("entity.set_value", json!({"entity": entity, "value": value})),
                // It was not known how it stood.
                _ => Effect::Final,
            }
        }
        "speech.set_volume" | "speech.change_volume" => match &result["from"] {
            from if *from == result["to"] => Effect::None,
            from => reverse("speech.set_volume", json!({"percent": from})),
        },
        "timer.start" => reverse("timer.cancel", json!({"timer": result["timer"]})),
        "timer.pause" => reverse("timer.resume", json!({"timer": result["timer"]})),
        "timer.resume" => reverse("timer.pause", json!({"timer": result["timer"]})),
        "timer.change" => {
            let by_seconds = args["by_seconds"].as_i64().unwrap_or_default();
            reverse("timer.change", json!({"timer": result["timer"], "by_seconds": -by_seconds}))
        }
        "schedule.create" => reverse("schedule.delete", json!({"schedule": result["schedule"]})),
        "schedule.set_enabled" => {
            let enabled = args["enabled"] != true;
            reverse("schedule.set_enabled", json!({"schedule": result["schedule"], "enabled": enabled}))
        }
        "schedule.delete" if result["deleted"] == 0 => Effect::None,
        "timer.cancel_all" if result["cancelled"] == 0 => Effect::None,
        "timer.cancel" | "timer.cancel_all" | "schedule.delete" | "appliance.stop" => Effect::Final,
        "workflow.run" | "workflow.cancel" | "workflow.put" | "workflow.remove" | "alarm.acknowledge" => Effect::Final,
        _ => Effect::None,
    }
}
