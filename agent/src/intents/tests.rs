//! The built-in sentences, from text to intent: a table for each language.

use super::*;
use crate::intents::matcher::Context;
use std::collections::BTreeMap;
use std::path::Path;

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

fn built_in(language: &str) -> Sentences {
    let (sentences, problems) = Sentences::for_language(language, None);
    assert_eq!(problems, [], "the built-in sentences must be without fault");
    sentences
}

pub(super) fn english() -> Sentences {
    built_in("en")
}

pub(super) fn matcher() -> Matcher {
    let (matcher, problems) = Matcher::compile(&english(), &workshop());
    assert_eq!(problems, []);
    matcher
}

/// The built-in sentences of each language, with names in it.
pub(super) fn built_in_languages() -> Vec<(&'static str, Sentences, Vocabulary)> {
    let files = [
        ("de", include_str!("tests/german.yaml")),
        ("es", include_str!("tests/spanish.yaml")),
        ("fr", include_str!("tests/french.yaml")),
        ("nl", include_str!("tests/dutch.yaml")),
    ];
    let named = files.map(|(language, names)| (language, fixtures::parse(Path::new(language), names).unwrap()));
    named.into_iter().chain([("en", workshop())]).map(|(code, names)| (code, built_in(code), names)).collect()
}

/// `intent | slot=value slot=value | entity entity`, with the slots in order and blanks in a value as `_`.
fn summary(reading: &IntentMatch) -> String {
    let mut entities: Vec<&str> = reading.entities.iter().map(String::as_str).collect();
    // In a fixtures file each name of an entity stands for itself.
    entities.dedup();
    let slots: Vec<String> = reading
        .slots
        .iter()
        .map(|(slot, value)| format!("{slot}={}", value.to_string().replace(", ", ",").replace(' ', "_")))
        .collect();
    format!("{} | {} | {}", reading.intent, slots.join(" "), entities.join(" "))
}

/// Every situation in which a sentence may be an answer, and the one in which nothing was asked.
pub(super) fn situations() -> Vec<Context> {
    let asked = ["which", "entity", "duration"].map(|kind| [(QUESTION.to_owned(), kind.into())].into());
    std::iter::once(Context::new()).chain(asked).collect()
}

fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every sentence of a table must mean what stands beside it.
fn table_holds(matcher: &Matcher, table: &str) {
    let mut wrong = Vec::new();
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

/// Holds a language to its table, with the names of its fixtures; to the rules of `lint`; and to what English
/// understands and answers.
fn language_holds(language: &str, table: &str, fixtures: &str) {
    let sentences = built_in(language);
    let names = fixtures::parse(Path::new(language), fixtures).unwrap();
    assert_eq!(lint::lint(&sentences, &names), []);
    let (matcher, problems) = Matcher::compile(&sentences, &names);
    assert_eq!(problems, []);
    table_holds(&matcher, table);
    replies_hold(&sentences);
    let english = english();
    let missing: Vec<&str> = english.responses.keys().filter(|key| !sentences.responses.has(key)).collect();
    assert!(missing.is_empty(), "no replies {missing:?}");
    let intents = sentences.intents();
    let missing: Vec<&str> = english.intents().into_iter().filter(|intent| !intents.contains(intent)).collect();
    assert!(missing.is_empty(), "nothing is said for {missing:?}");
}

#[test]
fn english_sentences_mean_what_they_say() {
    table_holds(&matcher(), include_str!("tests/english.txt"));
}

#[test]
fn german_sentences_mean_what_they_say() {
    language_holds("de", include_str!("tests/german.txt"), include_str!("tests/german.yaml"));
}

#[test]
fn french_sentences_mean_what_they_say() {
    language_holds("fr", include_str!("tests/french.txt"), include_str!("tests/french.yaml"));
}

#[test]
fn spanish_sentences_mean_what_they_say() {
    language_holds("es", include_str!("tests/spanish.txt"), include_str!("tests/spanish.yaml"));
}

#[test]
fn dutch_sentences_mean_what_they_say() {
    language_holds("nl", include_str!("tests/dutch.txt"), include_str!("tests/dutch.yaml"));
}

pub(super) mod packs;

/// Whatever a block answers has a reply, and so has its intent.
fn replies_hold(sentences: &Sentences) {
    let refers = |intent: &str| crate::conversation::answer::REFERRING.contains(&intent);
    for block in sentences.blocks.iter().filter(|block| !refers(&block.intent)) {
        let key = format!("{}.{}", block.intent, block.response.as_deref().unwrap_or("default"));
        let exists = sentences.responses.has(&key)
            || ["yes_or_no", "any", "all"].contains(&block.response.as_deref().unwrap_or_default());
        assert!(exists, "no reply {key}");
        assert!(sentences.responses.has(&format!("{}.default", block.intent)), "no default reply for {}", block.intent);
    }
}

#[test]
fn replies_have_what_the_sentences_name() {
    let sentences = english();
    replies_hold(&sentences);
    let said = sentences
        .responses
        .render("HassTurnOn.default", &BTreeMap::from([("name".to_owned(), "the extraction fan".to_owned())]));
    assert_eq!(said, "The extraction fan is on.");
}
