//! Which of several ways to read a sentence is meant, which entities it is about, and when two are equally good.

use super::super::SlotValue;
use super::graph::{Compiled, Entity};
use super::normalise::{self, Normal};
use super::outcome::Outcome;
use super::{Context, IntentMatch, Matches};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The most rivals answered.
const MAX_RIVALS: usize = 8;

/// The best of the outcomes, and its rivals.
pub(super) fn best(compiled: &Compiled, outcomes: &[Outcome<'_>], normal: &Normal, given: &Context) -> Matches {
    let key = |outcome: &Outcome<'_>| {
        (outcome.named, outcome.name_length, Reverse(outcome.wildcards), outcome.literal, Reverse(outcome.wild))
    };
    let Some(top) = outcomes.iter().map(key).max() else { return Matches::default() };
    let mut readings: Vec<IntentMatch> = outcomes
        .iter()
        .filter(|outcome| key(outcome) == top)
        .flat_map(|outcome| finish(compiled, outcome, normal, given))
        .collect();
    // "the fan in the hall": of two fans only one is there.
    if readings.iter().any(|reading| !reading.entities.is_empty()) {
        readings.retain(|reading| !reading.entities.is_empty());
    }
    distinct(readings)
}

/// The first reading as the best, and as its rivals those of the others that would do something else.
pub(super) fn distinct(readings: impl IntoIterator<Item = IntentMatch>) -> Matches {
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
fn finish(compiled: &Compiled, outcome: &Outcome<'_>, normal: &Normal, given: &Context) -> Vec<IntentMatch> {
    let context = outcome.context(compiled, given);
    let slots = outcome.slots(compiled, normal, &context);
    let entities = entities(compiled, outcome, &slots);
    let single = outcome.block.metadata.get("one").and_then(serde_json::Value::as_bool) == Some(true);
    let choices = if single && entities.len() > 1 {
        entities.into_iter().take(MAX_RIVALS + 1).map(|entity| vec![entity]).collect()
    } else {
        vec![entities]
    };
    let reading = IntentMatch {
        intent: outcome.block.intent.clone(),
        entities: Vec::new(),
        slots,
        template: outcome.template.origin.clone(),
        confidence: 1.0,
        repaired: None,
        response: outcome.block.response.clone(),
        context,
        metadata: outcome.block.metadata.clone(),
    };
    choices.into_iter().map(|entities| IntentMatch { entities, ..reading.clone() }).collect()
}

/// The entities that a reading is about: the one it names, or all of the kind, class, area and floor that it states.
fn entities(compiled: &Compiled, outcome: &Outcome<'_>, slots: &BTreeMap<String, SlotValue>) -> Vec<String> {
    const FILTERS: [&str; 4] = ["domain", "device_class", "area", "floor"];
    let [domain, class, area, floor] = FILTERS.map(|filter| slots.get(filter));
    let is = |wanted: Option<&SlotValue>, own: Option<&str>| {
        wanted.is_none_or(|wanted| own.is_some_and(|own| wanted.is_or_holds(own)))
    };
    let place = |wanted: Option<&SlotValue>| {
        wanted.map(|wanted| wanted.as_text().map(|wanted| normalise::sentence(wanted).characters))
    };
    let (area, floor) = (place(area), place(floor));
    let fits = |entity: &Entity| {
        is(domain, Some(&entity.kind))
            && is(class, entity.device_class.as_deref())
            && area.as_ref().is_none_or(|area| area.is_some() && *area == entity.area)
            && floor.as_ref().is_none_or(|floor| floor.is_some() && *floor == entity.floor)
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
        None if slots.contains_key("name") || !FILTERS.iter().any(|filter| slots.contains_key(*filter)) => Vec::new(),
        None => compiled.entities.iter().filter(|entity| fits(entity)).map(|entity| entity.id.clone()).collect(),
    }
}
