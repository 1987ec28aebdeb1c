//! What entities mean to each other: names that must exist, and rules that exclude each other.
//!
//! Owns the checks that need more than one entry. Runs only on entries that are right by themselves, so that one fault
//! gives one message. Leaves keeping the rules to the interlocks of `victus-hw`.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Config, Driver, Entity, Limits};
use super::origin::{nearest, quote};
use super::reader::Report;
use super::values::show_duration;

type ById<'a> = BTreeMap<&'a str, &'a Entity>;

/// Checks everything, and makes `conflicts` known to both sides.
pub(super) fn check(config: &mut Config, unread: &BTreeSet<String>, report: &Report) {
    let by_id: ById<'_> = config.entities.iter().map(|entity| (entity.id.as_str(), entity)).collect();
    let rules = Rules { by_id: &by_id, unread, report };
    for entity in &config.entities {
        if let Some(limits) = &entity.limits {
            rules.times(entity, limits);
            rules.conflicts(entity, limits);
            rules.requires(entity, limits);
        }
        rules.port(entity, config);
    }
    rules.requirement_circles();
    rules.impossible_requirements();
    rules.shared_drivers(&config.entities);
    let mirrored = mirrored_conflicts(&by_id);
    for entity in &mut config.entities {
        if let (Some(limits), Some(all)) = (&mut entity.limits, mirrored.get(&entity.id)) {
            limits.conflicts = all.iter().cloned().collect();
        }
    }
}

fn key(entity: &Entity, key: &str) -> String {
    format!("entity[{}].{key}", entity.id)
}

fn mirrored_conflicts(by_id: &ById<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entity in by_id.values() {
        for other in entity.limits.iter().flat_map(|limits| &limits.conflicts) {
            all.entry(entity.id.clone()).or_default().insert(other.clone());
            all.entry(other.clone()).or_default().insert(entity.id.clone());
        }
    }
    all
}

struct Rules<'a> {
    by_id: &'a ById<'a>,
    /// The ids of entities that exist but could not be read; naming them is no further fault.
    unread: &'a BTreeSet<String>,
    report: &'a Report,
}

impl Rules<'_> {
    fn times(&self, entity: &Entity, limits: &Limits) {
        let Some(max_on) = limits.max_on else { return };
        if limits.min_on > max_on {
            let message = format!(
                "{} is above max_on, {}: the two exclude each other",
                show_duration(limits.min_on),
                show_duration(max_on)
            );
            self.report.broken(&key(entity, "min_on"), message);
        }
        if limits.safe_on {
            let message = "excludes safe = \"on\": the limit would trip into the state that it ends";
            self.report.broken(&key(entity, "max_on"), message);
        }
    }

    fn conflicts(&self, entity: &Entity, limits: &Limits) {
        for id in &limits.conflicts {
            let at = key(entity, "conflicts");
            let Some(other) = self.find(&at, id) else { continue };
            if other.id == entity.id {
                self.report.broken(&at, "names the entity itself");
                continue;
            }
            let Some(other_limits) = &other.limits else {
                self.report.broken(&at, format!("{} is only read: use requires", quote(id)));
                continue;
            };
            // Each pair is reported once, from the side that names the conflict first.
            let named_before = other_limits.conflicts.contains(&entity.id) && other.id < entity.id;
            if limits.safe_on && other_limits.safe_on && !named_before {
                let there = self.report.origin(&key(other, "safe")).seen_from(&self.report.origin(&at));
                let message = format!(
                    "{} is safe when on ({there}) and so is this entity: the two exclude each other",
                    quote(id)
                );
                self.report.broken(&at, message);
            }
        }
    }

    fn requires(&self, entity: &Entity, limits: &Limits) {
        let at = key(entity, "requires");
        if limits.safe_on && !limits.requires.is_empty() {
            self.report.broken(&at, "excludes safe = \"on\": the safe state must be reached whatever else holds");
        }
        for (index, requirement) in limits.requires.iter().enumerate() {
            let Some(other) = self.find(&at, &requirement.point) else { continue };
            let point = quote(&requirement.point);
            if other.id == entity.id {
                self.report.broken(&at, "names the entity itself");
            } else if matches!(other.driver, super::model::Driver::Line { .. }) {
                self.report
                    .broken(&at, format!("{point} has a number for a value: expected something that is on or off"));
            }
            if limits
                .requires
                .iter()
                .take(index)
                .any(|earlier| earlier.point == requirement.point && earlier.on != requirement.on)
            {
                self.report.broken(&at, format!("{point} cannot be on and off at once: the two exclude each other"));
            }
        }
    }

    /// Outputs that wait for each other to be on can never go on.
    fn requirement_circles(&self) {
        let mut reported: Vec<(&str, BTreeSet<&str>)> = Vec::new();
        for start in self.by_id.keys() {
            let reached = self.required_on(start);
            let known = reported.iter().any(|(other, circle)| circle.contains(start) && reached.contains(other));
            if !reached.contains(start) || known {
                continue;
            }
            let others: Vec<String> = reached.iter().filter(|id| *id != start).map(|id| quote(id)).collect();
            // An entity that requires itself has been reported as such.
            if !others.is_empty() {
                let message =
                    format!("goes round in a circle through {}, so none of them can ever be on", others.join(", "));
                self.report.broken(&format!("entity[{start}].requires"), message);
            }
            reported.push((start, reached));
        }
    }

    /// Everything that has to be on before `start` can be.
    fn required_on(&self, start: &str) -> BTreeSet<&str> {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            let limits = self.by_id.get(id).and_then(|entity| entity.limits.as_ref());
            for next in limits.iter().flat_map(|limits| &limits.requires).filter(|next| next.on) {
                if let Some((known, _)) = self.by_id.get_key_value(next.point.as_str())
                    && reached.insert(known)
                {
                    open.push(known);
                }
            }
        }
        reached
    }

    /// All that has to be on before an output can be must be allowed on together with it.
    fn impossible_requirements(&self) {
        let mut impossible: BTreeSet<&str> = BTreeSet::new();
        let excluded = |id: &str| self.excluded_together(id).map(|pair| (id.to_owned(), pair));
        let found: Vec<_> = self.by_id.keys().filter_map(|id| excluded(id)).collect();
        impossible.extend(found.iter().map(|(id, _)| id.as_str()));
        for (id, (one, other)) in &found {
            // Where something required is impossible by itself, that is the fault.
            if self.required_on(id).iter().any(|needed| needed != id && impossible.contains(needed)) {
                continue;
            }
            let message = format!(
                "{} and {} would have to be on together, and their rules exclude each other",
                quote(one),
                quote(other)
            );
            self.report.broken(&format!("entity[{id}].requires"), message);
        }
    }

    /// Two outputs that would have to be on together for `id` to be on, and must not.
    fn excluded_together(&self, id: &str) -> Option<(String, String)> {
        let mut together: Vec<&Entity> =
            self.required_on(id).iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        together.extend(self.by_id.get(id).copied().filter(|_| !together.iter().any(|known| known.id == id)));
        let excludes = |one: &Entity, other: &Entity| {
            let Some(limits) = &one.limits else { return false };
            let required = |on: bool| limits.requires.iter().any(|needed| needed.point == other.id && needed.on == on);
            // What contradicts itself in one place has been reported there.
            (limits.conflicts.contains(&other.id) && other.limits.is_some()) || (required(false) && !required(true))
        };
        let pairs = together.iter().flat_map(|one| together.iter().map(move |other| (*one, *other)));
        let mut pairs = pairs.filter(|(one, other)| one.id != other.id);
        pairs.find(|(one, other)| excludes(one, other)).map(|(one, other)| (one.id.clone(), other.id.clone()))
    }

    fn port(&self, entity: &Entity, config: &Config) {
        let Driver::Line { port, .. } = &entity.driver else { return };
        if config.serial.iter().any(|known| known.name == *port) || self.unread.contains(&format!("serial {port}")) {
            return;
        }
        let names: Vec<&str> = config.serial.iter().map(|known| known.name.as_str()).collect();
        let hint = match nearest(port, names.iter().copied()) {
            Some(near) => format!("did you mean {}?", quote(near)),
            None if names.is_empty() => "there is no [[serial]] at all: add one".to_owned(),
            None => format!("there is {}", names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")),
        };
        self.report
            .broken(&key(entity, "driver.line.port"), format!("no [[serial]] has the name {}: {hint}", quote(port)));
    }

    /// One line or one command cannot be two entities.
    fn shared_drivers(&self, entities: &[Entity]) {
        let mut lines: BTreeMap<String, &Entity> = BTreeMap::new();
        for entity in entities {
            let (used, at, what) = match &entity.driver {
                Driver::GpioOutput { line, .. } | Driver::GpioInput { line, .. } => match line {
                    super::model::GpioLine::Name(name) => (format!("gpio {name}"), "driver.gpio.line", "line"),
                    super::model::GpioLine::Offset { chip, offset } => {
                        (format!("gpio {chip} {offset}"), "driver.gpio.offset", "line")
                    }
                },
                Driver::Line { port, write: Some(write), .. } => {
                    (format!("line {port} {write}"), "driver.line.write", "command")
                }
                Driver::Line { .. } => continue,
            };
            let Some(first) = lines.get(&used) else {
                lines.insert(used, entity);
                continue;
            };
            let at = key(entity, at);
            let there = self.report.origin(&key(first, "driver")).seen_from(&self.report.origin(&at));
            self.report.broken(&at, format!("this {what} belongs to {} ({there}) already", quote(&first.id)));
        }
    }

    fn find(&self, at: &str, id: &str) -> Option<&Entity> {
        if let Some(entity) = self.by_id.get(id) {
            return Some(entity);
        }
        if !self.unread.contains(id) {
            let hint = nearest(id, self.by_id.keys().copied()).map(|near| format!(": did you mean {}?", quote(near)));
            self.report.broken(at, format!("there is no entity {}{}", quote(id), hint.unwrap_or_default()));
        }
        None
    }
}
