//! The built-in English sentences, from text to intent.

use super::*;
use crate::intents::matcher::Context;
use std::collections::BTreeMap;

/// A small press hall, as an installer would describe it.
pub(super) fn workshop() -> Vocabulary {
    let entity = |id: &str, names: &[&str], area: &str| NamedEntity {
        id: id.to_owned(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        area: Some(area.to_owned()),
        floor: Some("Ground floor".to_owned()),
        kind: id.split('.').next().unwrap().to_owned(),
        context: Context::new(),
    };
    let class = |mut entity: NamedEntity, class: &str| {
        entity.context.insert("device_class".to_owned(), class.into());
        entity
    };
    Vocabulary {
        entities: vec![
            entity("fan.extraction_fan", &["Extraction fan", "fume fan"], "Press hall"),
            entity("fan.cooling_fan", &["Cooling fan"], "Paint shop"),
            entity("switch.coolant_pump", &["Coolant pump", "pump"], "Press hall"),
            entity("switch.press_3", &["Press 3"], "Press hall"),
            entity("light.work_light", &["Work light"], "Press hall"),
            entity("light.ceiling_light", &["Ceiling light"], "Press hall"),
            entity("light.booth_light", &["Booth light"], "Paint shop"),
            entity("valve.main_valve", &["Main valve"], "Press hall"),
            entity("valve.air_valve", &["Air valve"], "Paint shop"),
            entity("cover.roller_door", &["Roller door"], "Paint shop"),
            entity("lock.tool_cabinet", &["Tool cabinet"], "Press hall"),
            entity("siren.alarm_horn", &["Alarm horn"], "Press hall"),
            entity("button.reset", &["Reset"], "Press hall"),
            class(entity("sensor.boiler_pressure", &["Boiler pressure"], "Press hall"), "pressure"),
            class(entity("sensor.hall_temperature", &["Hall temperature"], "Press hall"), "temperature"),
            class(entity("binary_sensor.guard_door", &["Guard door"], "Press hall"), "door"),
        ],
        areas: vec!["Press hall".to_owned(), "Paint shop".to_owned()],
        floors: vec!["Ground floor".to_owned()],
        templates: false,
    }
}

pub(super) fn english() -> Sentences {
    let (sentences, problems) = Sentences::for_language("en", None);
    assert_eq!(problems, [], "the built-in sentences must be without fault");
    sentences
}

pub(super) fn matcher() -> Matcher {
    let (matcher, problems) = Matcher::compile(&english(), &workshop());
    assert_eq!(problems, []);
    matcher
}

/// `intent | slot=value slot=value | entity entity`, with the slots in order and blanks in a value as `_`.
fn summary(reading: &IntentMatch) -> String {
    let slots: Vec<String> = reading
        .slots
        .iter()
        .map(|(slot, value)| format!("{slot}={}", value.to_string().replace(", ", ",").replace(' ', "_")))
        .collect();
    format!("{} | {} | {}", reading.intent, slots.join(" "), reading.entities.join(" "))
}

fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn english_sentences_mean_what_they_say() {
    let matcher = matcher();
    let mut wrong = Vec::new();
    let table = include_str!("tests/english.txt");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (said, expected) = line.split_once("=>").unwrap();
        count += 1;
        let matches = matcher.matches(said.trim());
        let got: Vec<String> = matches.all().map(summary).collect();
        let got = if got.is_empty() { "nothing".to_owned() } else { got.join(" OR ") };
        if tidy(&got) != tidy(expected) {
            wrong.push(format!("{}\n   expected {}\n        got {got}", said.trim(), expected.trim()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 150, "{count}");
}

mod packs;

#[test]
fn replies_have_what_the_sentences_name() {
    let sentences = english();
    for block in &sentences.blocks {
        let key = format!("{}.{}", block.intent, block.response.as_deref().unwrap_or("default"));
        let exists = sentences.responses.has(&key)
            || ["yes_or_no", "any", "all"].contains(&block.response.as_deref().unwrap_or_default());
        assert!(exists, "no reply {key}");
        assert!(sentences.responses.has(&format!("{}.default", block.intent)), "no default reply for {}", block.intent);
    }
    let said = sentences
        .responses
        .render("HassTurnOn.default", &BTreeMap::from([("name".to_owned(), "the extraction fan".to_owned())]));
    assert_eq!(said, "The extraction fan is on.");
}
