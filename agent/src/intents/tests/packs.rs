//! The community's packs of sentences, where they are there: how many of their cases the matcher gets right.

use super::super::matcher::Context;
use super::super::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Case {
    text: String,
    context: Context,
    intent: String,
    slots: Context,
}

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("VICTUS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("intents");
    if folder.is_dir() {
        return Some(folder);
    }
    let message = format!("skipped: no sentence packs at {}", folder.display());
    assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none_or(|required| required != "1"), "{message}");
    println!("{message}");
    None
}

/// Whether a slot has the value that is expected; a list means any of its values.
fn is_expected(expected: &serde_json::Value, got: &SlotValue) -> bool {
    match expected {
        serde_json::Value::Array(any) => match got {
            SlotValue::List(values) => any.iter().all(|expected| values.iter().any(|got| is_expected(expected, got))),
            _ => any.iter().any(|expected| is_expected(expected, got)),
        },
        _ => match got {
            SlotValue::List(values) => values.iter().any(|got| is_expected(expected, got)),
            SlotValue::Number(number) => expected.as_f64() == Some(*number),
            SlotValue::Text(text) => expected.as_str() == Some(text),
        },
    }
}

/// Every pack with its names, and where it lies; none where the folder is not there.
fn read_all() -> Vec<(PathBuf, Sentences, Vec<Problem>, Vocabulary)> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut packs: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("cases.jsonl").is_file())
        .collect();
    packs.sort();
    let read = |pack: PathBuf| {
        let (sentences, problems) = Sentences::from_folder(&pack.join("sentences"));
        let names = fixtures::read(&pack.join("fixtures.yaml")).unwrap();
        (pack, sentences, problems, names)
    };
    packs.into_iter().map(read).collect()
}

fn language(pack: &Path) -> String {
    pack.file_name().unwrap().to_string_lossy().into_owned()
}

/// The sentences and names of every pack, by its language.
pub(in super::super) fn all() -> impl Iterator<Item = (String, Sentences, Vocabulary)> {
    read_all().into_iter().map(|(pack, sentences, _problems, names)| (language(&pack), sentences, names))
}

#[test]
fn packs_are_understood() {
    for (pack, sentences, problems, names) in read_all() {
        let language = language(&pack);
        let (matcher, more) = Matcher::compile(&sentences, &names);
        // The packs' replies are in Jinja, which is said once a file; everything else must be read.
        let faults: Vec<String> = problems
            .iter()
            .chain(&more)
            .filter(|problem| !problem.message.contains("Jinja"))
            .map(ToString::to_string)
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{language}");
        let cases = std::fs::read_to_string(pack.join("cases.jsonl")).unwrap();
        let mut failed: Vec<String> = Vec::new();
        let mut count = 0;
        for line in cases.lines() {
            let case: Case = serde_json::from_str(line).unwrap();
            count += 1;
            let best = matcher.matches_in(&case.text, &case.context).best;
            let right = best.as_ref().is_some_and(|best| {
                best.intent == case.intent
                    && best.slots.len() == case.slots.len()
                    && case
                        .slots
                        .iter()
                        .all(|(slot, expected)| best.slots.get(slot).is_some_and(|got| is_expected(expected, got)))
            });
            if !right {
                let got = best.map(|best| format!("{} {:?} by {}", best.intent, best.slots, best.template));
                failed.push(format!("{:?}: expected {} {:?}, got {got:?}", case.text, case.intent, case.slots));
            }
        }
        let percent = 100.0 * (count - failed.len()) as f64 / count as f64;
        println!("figure intents.pack.{language}.right {percent:.2} %");
        for failure in failed.iter().take(if std::env::var_os("VICTUS_SHOW").is_some() { 40 } else { 0 }) {
            println!("    {failure}");
        }
        assert!(failed.is_empty(), "{language}: {percent:.2} %: {failed:#?}");
    }
}
