//! What a request means after what was said before: answers to questions, "it", "the other one", "a bit more".
//!
//! Owns the intents that have no meaning of their own (`VictusYes`, `VictusAnswer`, `VictusOther`, `VictusCorrect`,
//! `VictusAdjust`, and the slot `reference: it`) and what each becomes. A pure function of what was understood, of the
//! memory and of the entities. Promises that what refers to nothing, or to several things, becomes a sentence or a
//! question and never an action. Runs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Memory, Missing, Question, Recent, Understood};
use crate::entities::{Entities, Entity, EntityKind};
use crate::turn::Step;

/// By how much "a bit more" changes a level, in percent of its range.
const BIT: f64 = 10.0;

/// How many choices a question offers.
const MAX_CHOICES: usize = 8;

/// What is to happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// These, in order.
    Do(Vec<Understood>),
    /// What was done last is taken back, and then these.
    Correct(Vec<Understood>),
    /// These steps, which were read back and agreed to.
    Confirmed {
        /// What they came of.
        readings: Vec<Understood>,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Something is asked.
    Ask(Question),
    /// Nothing: the key of the sentence that says why.
    Say(&'static str),
}

/// The intents that mean nothing by themselves.
pub const REFERRING: [&str; 5] = ["VictusYes", "VictusAnswer", "VictusOther", "VictusCorrect", "VictusAdjust"];

/// Whether the intent is an answer or refers to something, so that it means nothing by itself.
pub fn refers(understood: &Understood) -> bool {
    REFERRING.contains(&understood.intent.as_str()) || understood.slots.contains_key("reference")
}

/// Whether a move uses the open question.
pub fn is_answer(understood: &Understood) -> bool {
    matches!(understood.intent.as_str(), "VictusYes" | "VictusAnswer")
}

/// How entities stand that have a level, by id.
pub type Levels = BTreeMap<String, f64>;

/// What the request means; `levels` is how the things stand that were last dealt with.
pub fn resolve(said: Understood, memory: &Memory, entities: &Entities, levels: &Levels) -> Move {
    let question = memory.asked.as_ref().map(|asked| &asked.question);
    match said.intent.as_str() {
        "VictusYes" => agree(question),
        "VictusAnswer" => answer(&said, question, entities),
        "VictusOther" => other(memory, entities).map_or_else(|cannot| cannot, Move::Do),
        "VictusCorrect" if said.entities.is_empty() => {
            other(memory, entities).map_or_else(|cannot| cannot, Move::Correct)
        }
        "VictusCorrect" => match &memory.recent {
            Some(recent) => Move::Correct(vec![about(recent, said.entities)]),
            None => Move::Say("no_reference"),
        },
        "VictusAdjust" => adjust(&said, memory, entities, levels),
        _ if said.slots.contains_key("reference") => refer(said, memory, entities),
        _ => Move::Do(vec![said]),
    }
}

fn agree(question: Option<&Question>) -> Move {
    match question {
        None => Move::Say("nothing_asked"),
        Some(Question::Confirm { readings, steps }) => {
            Move::Confirmed { readings: readings.clone(), steps: steps.clone() }
        }
        Some(Question::Whether { readings }) => Move::Do(readings.clone()),
        Some(other) => Move::Ask(other.clone()),
    }
}

fn answer(said: &Understood, question: Option<&Question>, entities: &Entities) -> Move {
    match question {
        Some(Question::Which { readings }) => choose(said, readings, entities),
        Some(Question::Missing { reading, what: Missing::Entity }) if !said.entities.is_empty() => {
            let about = |entity: &String| with_entities(reading, vec![entity.clone()]);
            match said.entities.as_slice() {
                [only] => Move::Do(vec![about(only)]),
                several => ask_which(several.iter().map(about).collect()),
            }
        }
        Some(Question::Missing { reading, what: Missing::Duration }) => {
            let mut whole = reading.clone();
            whole.slots.extend(said.slots.clone());
            Move::Do(vec![whole])
        }
        Some(other) => Move::Ask(other.clone()),
        None => Move::Say("nothing_asked"),
    }
}

fn ask_which(mut readings: Vec<Understood>) -> Move {
    readings.truncate(MAX_CHOICES);
    Move::Ask(Question::Which { readings })
}

/// Which of the choices the answer means.
fn choose(said: &Understood, readings: &[Understood], entities: &Entities) -> Move {
    if said.slots.get("which").and_then(Value::as_str) == Some("all") {
        return Move::Do(readings.to_vec());
    }
    let fitting: Vec<Understood> = match place(said, readings.len()) {
        Some(place) => readings.get(place).cloned().into_iter().collect(),
        None => readings.iter().filter(|reading| is_meant(said, reading, entities)).cloned().collect(),
    };
    match fitting.len() {
        0 => ask_which(readings.to_vec()),
        1 => Move::Do(fitting),
        _ => ask_which(fitting),
    }
}

/// The place that was named by counting: "the second one", "the last".
fn place(said: &Understood, count: usize) -> Option<usize> {
    let ordinal = said.slots.get("ordinal")?;
    match (ordinal.as_u64(), ordinal.as_str()) {
        (Some(number), _) => usize::try_from(number).ok()?.checked_sub(1),
        (None, Some("last")) => count.checked_sub(1),
        (None, _) => None,
    }
}

/// Whether a choice is about what was named, or is where was said.
fn is_meant(said: &Understood, reading: &Understood, entities: &Entities) -> bool {
    if !said.entities.is_empty() {
        return reading.entities.iter().any(|id| said.entities.contains(id));
    }
    let area = said.slots.get("area").and_then(Value::as_str);
    let is_there = |id: &String| entities.get(id).is_some_and(|entity| entity.area.as_deref() == area);
    area.is_some() && reading.entities.iter().all(is_there)
}

/// The entities that a part such as "the first", "the lamp" or "those in the hall" leaves out of `all`; none where it is
/// none of them.
pub fn left_out(said: &Understood, all: &[String], entities: &Entities) -> Option<Vec<String>> {
    let readings: Vec<Understood> =
        all.iter().map(|id| Understood { entities: vec![id.clone()], ..Understood::default() }).collect();
    let out: Vec<String> = match place(said, all.len()) {
        Some(place) => all.get(place).cloned().into_iter().collect(),
        None => {
            let meant = readings.iter().filter(|reading| is_meant(said, reading, entities));
            meant.flat_map(|reading| reading.entities.clone()).collect()
        }
    };
    (!out.is_empty()).then_some(out)
}

/// A request as it is, about other entities.
pub fn with_entities(reading: &Understood, entities: Vec<String>) -> Understood {
    let mut reading = Understood { entities, ..reading.clone() };
    // What it was called before is no longer what it is about.
    reading
        .slots
        .retain(|slot, _| !matches!(slot.as_str(), "name" | "area" | "floor" | "domain" | "reference" | "of_kind"));
    reading
}

/// The last request again, about other entities.
fn about(recent: &Recent, entities: Vec<String>) -> Understood {
    with_entities(&recent.understood, entities)
}

/// What was last dealt with, as far as it is of a kind that the sentence can mean: a fan is not opened.
fn refer(said: Understood, memory: &Memory, entities: &Entities) -> Move {
    let kinds = said.slots.get("of_kind");
    let is_one = |id: &&String| {
        let kind = entities.get(id).map(|entity| entity.kind.name());
        let is_of = |wanted: &Value| match wanted {
            Value::Array(kinds) => kinds.iter().any(|it| it.as_str() == kind),
            wanted => wanted.as_str() == kind,
        };
        kind.is_some() && kinds.is_none_or(is_of)
    };
    let last = memory.recent.as_ref().map_or(&[][..], |recent| &recent.understood.entities);
    let meant: Vec<String> = last.iter().filter(is_one).cloned().collect();
    match meant.is_empty() {
        true => Move::Say("no_reference"),
        false => Move::Do(vec![with_entities(&said, meant)]),
    }
}

/// The last request about the one thing beside the one that it was about.
fn other(memory: &Memory, entities: &Entities) -> Result<Vec<Understood>, Move> {
    let recent = memory.recent.as_ref().ok_or(Move::Say("no_reference"))?;
    let [last] = recent.understood.entities.as_slice() else { return Err(Move::Say("no_other")) };
    let last = entities.get(last).ok_or(Move::Say("no_other"))?;
    let choices = beside(&last, recent, entities);
    match choices.as_slice() {
        [] => Err(Move::Say("no_other")),
        [only] => Ok(vec![about(recent, vec![only.clone()])]),
        several => Err(ask_which(several.iter().map(|id| about(recent, vec![id.clone()])).collect())),
    }
}

/// What there is beside an entity: the others that a question offered, else those of its kind in its area, else those of
/// its kind.
fn beside(last: &Entity, recent: &Recent, entities: &Entities) -> Vec<String> {
    let offered: Vec<String> = recent.offered.iter().filter(|id| **id != last.id).cloned().collect();
    if !offered.is_empty() {
        return offered;
    }
    let of_kind: Vec<Arc<Entity>> =
        entities.all().into_iter().filter(|entity| entity.kind == last.kind && entity.id != last.id).collect();
    let near: Vec<String> =
        of_kind.iter().filter(|entity| entity.area == last.area).map(|entity| entity.id.clone()).collect();
    if near.is_empty() { of_kind.iter().map(|entity| entity.id.clone()).collect() } else { near }
}

/// The last thing, a bit more or less.
fn adjust(said: &Understood, memory: &Memory, entities: &Entities, levels: &Levels) -> Move {
    let Some(recent) = &memory.recent else { return Move::Say("no_reference") };
    let direction = said.slots.get("direction").and_then(Value::as_str).unwrap_or_default().to_owned();
    if recent.understood.intent.starts_with("HassSetVolume") {
        let slots = [("volume_step".to_owned(), json!(direction))].into();
        let louder = Understood { intent: "HassSetVolumeRelative".to_owned(), slots, ..Understood::default() };
        return Move::Do(vec![louder]);
    }
    let new = |id: &String| level(id, *levels.get(id)?, &direction, entities);
    let levels = recent.understood.entities.iter().take(MAX_CHOICES).map(new);
    match levels.collect::<Option<Vec<Understood>>>() {
        Some(levels) if !levels.is_empty() => Move::Do(levels),
        _ => Move::Say("no_level"),
    }
}

/// Sets an entity to a bit more or less than it is; none where it has no level, or that is not known.
fn level(id: &str, now: f64, direction: &str, entities: &Entities) -> Option<Understood> {
    let entity = entities.get(id).filter(|entity| entity.numeric && entity.kind.is_writable())?;
    let value = (if direction == "down" { now - BIT } else { now + BIT }).clamp(0.0, 100.0);
    let (intent, slot) = match entity.kind {
        EntityKind::Light => ("HassLightSet", "brightness"),
        EntityKind::Fan => ("HassFanSetSpeed", "percentage"),
        _ => ("HassSetPosition", "position"),
    };
    let slots = [(slot.to_owned(), json!(value))].into();
    Some(Understood { intent: intent.to_owned(), slots, entities: vec![id.to_owned()], ..Understood::default() })
}
