//! Which of several ways to read a sentence is meant, which entities it is about, and when two are equally good.

use super::super::SlotValue;
use super::graph::{Compiled, Entity};
use super::outcome::Outcome;
use super::{IntentMatch, Matches};
use std::cmp::Reverse;

/// The most rivals answered.
const MAX_RIVALS: usize = 8;

/// The best of the outcomes, and its rivals.
pub(super) fn best(compiled: &Compiled, outcomes: Vec<Outcome<'_>>) -> Matches {
    let key = |outcome: &Outcome<'_>| {
        (outcome.name_length > 0, outcome.name_length, Reverse(outcome.wildcards), outcome.literal)
    };
    let Some(top) = outcomes.iter().map(key).max() else { return Matches::default() };
    let mut readings: Vec<IntentMatch> = outcomes
        .into_iter()
        .filter(|outcome| key(outcome) == top)
        .flat_map(|outcome| finish(compiled, outcome))
        .collect();
    // "the fan in the hall": of two fans only one is there.
    if readings.iter().any(|reading| !reading.entities.is_empty()) {
        readings.retain(|reading| !reading.entities.is_empty());
    }
    let mut distinct: Vec<IntentMatch> = Vec::new();
    for reading in readings {
        if distinct.len() <= MAX_RIVALS && !distinct.iter().any(|other| same(other, &reading)) {
            distinct.push(reading);
        }
    }
    let mut distinct = distinct.into_iter();
    Matches { best: distinct.next(), rivals: distinct.collect(), gave_up: None }
}

/// Whether two readings would do the same: one intent, the same entities, and no slot on which they differ.
fn same(one: &IntentMatch, other: &IntentMatch) -> bool {
    let agree = |slot: &str, value: &SlotValue| other.slots.get(slot).is_none_or(|others| others == value);
    one.intent == other.intent
        && one.entities == other.entities
        && one.slots.iter().all(|(slot, value)| agree(slot, value))
}

/// The readings of an outcome: one, or, where the block means a single entity (metadata `one: true`: "the fan") and
/// several fit, one for each.
fn finish(compiled: &Compiled, outcome: Outcome<'_>) -> Vec<IntentMatch> {
    let entities = entities(compiled, &outcome);
    let single = outcome.block.metadata.get("one").and_then(serde_json::Value::as_bool) == Some(true);
    let choices = if single && entities.len() > 1 {
        entities.into_iter().take(MAX_RIVALS + 1).map(|entity| vec![entity]).collect()
    } else {
        vec![entities]
    };
    let reading = IntentMatch {
        intent: outcome.block.intent.clone(),
        entities: Vec::new(),
        slots: outcome.slots,
        template: outcome.template.origin.clone(),
        confidence: 1.0,
        response: outcome.block.response.clone(),
        context: outcome.context,
        metadata: outcome.block.metadata.clone(),
    };
    choices.into_iter().map(|entities| IntentMatch { entities, ..reading.clone() }).collect()
}

/// The entities that a reading is about: the one it names, or all of the kind, class, area and floor that it states.
fn entities(compiled: &Compiled, outcome: &Outcome<'_>) -> Vec<String> {
    const FILTERS: [&str; 4] = ["domain", "device_class", "area", "floor"];
    let slot = |name: &str| outcome.slots.get(name);
    let fits = |entity: &Entity| {
        let is = |name: &str, own: Option<&str>| {
            slot(name).is_none_or(|wanted| own.is_some_and(|own| wanted.is_or_holds(own)))
        };
        let place = |name: &str, own: Option<&str>| {
            slot(name).is_none_or(|wanted| own.is_some_and(|own| same_name(wanted, own)))
        };
        is("domain", Some(&entity.kind))
            && is("device_class", entity.device_class.as_deref())
            && place("area", entity.area.as_deref())
            && place("floor", entity.floor.as_deref())
    };
    match outcome.entity {
        Some(named) => compiled
            .entities
            .get(named as usize)
            .filter(|entity| fits(entity))
            .map(|entity| entity.id.clone())
            .into_iter()
            .collect(),
        // A name that is no entity's (a wildcard, a timer's) is about none.
        None if slot("name").is_some() || !FILTERS.iter().any(|filter| slot(filter).is_some()) => Vec::new(),
        None => compiled.entities.iter().filter(|entity| fits(entity)).map(|entity| entity.id.clone()).collect(),
    }
}

fn same_name(wanted: &SlotValue, own: &str) -> bool {
    wanted.as_text().is_some_and(|wanted| {
        super::normalise::sentence(wanted).characters == super::normalise::sentence(own).characters
    })
}
