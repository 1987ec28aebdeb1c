//! The corpus: sentence files that attack, and texts that do.
//!
//! A sentence file states what is to come of it: `# says: SENTENCE -> INTENT` is a harmless sentence that must go on
//! working, and `# fault: TEXT` behind a line is a problem that must be named by that line and hold that text. A file that
//! is no YAML states `# whole file: TEXT` instead. What a file does not state must not come.

use std::path::PathBuf;
use victus_agent::intents::{NamedEntity, Source, Vocabulary};

/// A sentence file that attacks, and what is to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    /// The name of its file.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// The lines of its faults, and what is said of each.
    pub(crate) faults: Vec<(usize, String)>,
    /// A sentence and the intent that it means all the same.
    pub(crate) says: Vec<(String, String)>,
}

impl Attack {
    pub(crate) fn source(&self) -> Source {
        Source { name: self.file.clone(), text: self.text.clone() }
    }
}

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "hostile", name].iter().collect()
}

fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder(name))
        .expect("the corpus")
        .map(|entry| entry.expect("a file of the corpus").path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The sentence files that attack.
pub(crate) fn templates() -> Vec<Attack> {
    files("templates").into_iter().map(|(file, bytes)| attack(file, String::from_utf8(bytes).unwrap())).collect()
}

/// The texts that attack, each with its name. What is no UTF-8 comes as it comes from a recogniser or a socket.
pub(crate) fn sentences() -> Vec<(String, String)> {
    files("sentences").into_iter().map(|(file, bytes)| (file, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

fn attack(file: String, text: String) -> Attack {
    let mut attack = Attack { file, text: text.clone(), faults: Vec::new(), says: Vec::new() };
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(said) = text.strip_prefix("# says: ") {
            let (sentence, intent) = said.split_once(" -> ").expect("a sentence and its intent");
            attack.says.push((sentence.to_owned(), intent.to_owned()));
        } else if let Some(fault) = text.strip_prefix("# whole file: ") {
            attack.faults.push((0, fault.to_owned()));
        } else {
            attack.faults.extend(text.split("  # fault: ").skip(1).map(|fault| (line, fault.to_owned())));
        }
    }
    attack
}

/// A file without fault that is loaded beside every attack, and what can be said by it.
pub(crate) fn beside() -> Source {
    let text = "intents:\n  Beside: {data: [{sentences: ['stay where you are', 'see to {name}']}]}\n";
    Source { name: "beside.yaml".to_owned(), text: text.to_owned() }
}

pub(crate) const BESIDE: [&str; 2] = ["stay where you are", "see to the pump"];

/// The names of a small workshop, of which some attack: one of marks alone, one that is a number, one very long one.
pub(crate) fn vocabulary() -> Vocabulary {
    let entity = |id: &str, names: &[&str], area: &str| NamedEntity {
        id: id.to_owned(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        area: Some(area.to_owned()),
        floor: Some("Ground floor".to_owned()),
        kind: id.split('.').next().unwrap().to_owned(),
        ..NamedEntity::default()
    };
    let long = "very ".repeat(90) + "long name";
    Vocabulary {
        entities: vec![
            entity("fan.fan", &["Fan", "fan fan", "the fan"], "Kitchen"),
            entity("fan.cooling_fan", &["Cooling fan", "fan"], "Hall"),
            entity("switch.press_3", &["Press 3", "3", "press"], "Hall"),
            entity("switch.pump", &["the pump", "a", "on", long.as_str()], "Hall"),
            entity("light.lamp", &["L\u{301}amp \u{200d}e", "Öfen (alt)", "100 %"], "Kitchen"),
        ],
        areas: vec!["Kitchen".to_owned(), "Hall".to_owned(), "on".to_owned()],
        floors: vec!["Ground floor".to_owned()],
        templates: false,
    }
}
