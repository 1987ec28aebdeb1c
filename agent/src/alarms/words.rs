//! An alarm in words: what, where and with which value.
//!
//! Owns the choice of the sentence and the values in it; the words are in the sentence files of the language. The value is
//! the one that there is now, where it is known.

use victus_hw::points::PointValue;

use super::{AlarmClass, Limit, Raised};
use crate::entities::{Entities, Entity, EntityKind};
use crate::language::Language;

/// What is wrong, as a part of a sentence: "Boiler pressure is above 8 bar".
pub fn what(alarm: &Raised, entities: &Entities, language: &Language) -> String {
    let part =
        |key: &str, values: &[(&str, &str)]| language.part(&format!("VictusAlarms.{key}"), values).unwrap_or_default();
    let entity = entities.get(&alarm.alarm);
    // What is no longer configured has only its id left.
    let name = entity.as_ref().map_or(alarm.alarm.as_str(), |entity| entity.name.as_str());
    let unit = entity.as_deref().map(unit).unwrap_or_default();
    let measured = |number| measured(number, unit, language);
    match alarm.limit {
        Some(Limit::Above(limit)) => part("above", &[("name", name), ("limit", &measured(limit))]),
        Some(Limit::Below(limit)) => part("below", &[("name", name), ("limit", &measured(limit))]),
        Some(Limit::Is(on)) => {
            let kind = entity.as_ref().map_or(EntityKind::BinarySensor, |entity| entity.kind);
            part("is", &[("name", name), ("state", &language.state(kind, on))])
        }
        None => finished(alarm, language).trim_end_matches('.').to_owned(),
    }
}

/// What is said of it without being asked: "Alarm, Boiler room: Boiler pressure is above 8 bar, at 8.4 bar."
pub fn announcement(alarm: &Raised, entities: &Entities, language: &Language) -> String {
    let entity = entities.get(&alarm.alarm);
    let area = entity.as_ref().and_then(|entity| entity.area.as_deref()).unwrap_or_default();
    let value = match (&entity, entities.view(&alarm.alarm).and_then(|view| view.value)) {
        (Some(entity), Some(PointValue::Number(number))) => measured(number, unit(entity), language),
        _ => String::new(),
    };
    let key = match alarm.class {
        AlarmClass::Timer => return finished(alarm, language),
        AlarmClass::Warning => "VictusAlarms.announced_warning",
        AlarmClass::Danger => "VictusAlarms.announced_danger",
    };
    language.phrase(key, &[("what", &what(alarm, entities, language)), ("area", area), ("value", &value)])
}

fn finished(alarm: &Raised, language: &Language) -> String {
    language.phrase("HassStartTimer.finished", &[("name", alarm.name.as_deref().unwrap_or_default())])
}

/// The unit of an entity's number. What is set to a number is set in percent.
fn unit(entity: &Entity) -> &str {
    entity.unit.as_deref().unwrap_or(if entity.kind.is_writable() { "%" } else { "" })
}

fn measured(number: f64, unit: &str, language: &Language) -> String {
    let (value, unit) = language.spoken().measure(number, unit);
    format!("{value} {unit}").trim().to_owned()
}
