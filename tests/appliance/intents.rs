//! `victus intents` with a pack of sentences: what people who write sentences see.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use victus_tests::program;

const SENTENCES: &str = "language: en
intents:
  Brew:
    data:
      - sentences:
          - '(make|brew) [a] {size} {drink} [in {area}]'
          - 'serve {guest} a {drink}'
        example: 'brew a {size} {drink}'
  Warm:
    data:
      - sentences: ['warm to {0..100:degrees} degrees']
  Never:
    data:
      - sentences: ['ring {bell}']
lists:
  size: {values: [small, large]}
  drink: {values: [{in: '(coffee|java)', out: coffee}, tea]}
  guest: {wildcard: true}
  bell: {values: []}
";

const NAMES: &str = "areas: [{name: Kitchen, id: kitchen}]\n";

/// A pack in a folder of its own.
fn pack(sentences: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("sentences")).expect("a folder");
    std::fs::write(folder.path().join("sentences/pack.yaml"), sentences).expect("the sentences can be written");
    std::fs::write(folder.path().join("names.yaml"), NAMES).expect("the names can be written");
    folder
}

/// Runs `victus intents` on the pack: whether it succeeded, what it printed, and what it complained of.
fn intents(folder: &Path, options: &[&str], arguments: &[&str]) -> (bool, String, String) {
    let (command, rest) = arguments.split_first().expect("a command");
    let run = Command::new(program("victus"))
        .args(options)
        .args(["intents", command, "--sentences"])
        .arg(folder.join("sentences"))
        .arg("--fixtures")
        .arg(folder.join("names.yaml"))
        .args(rest)
        .output()
        .expect("victus runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (run.status.success(), text(&run.stdout), text(&run.stderr))
}

#[test]
fn sample_says_each_template_and_names_what_cannot_be_said() {
    let pack = pack(SENTENCES);
    let (done, said, complaints) = intents(pack.path(), &["--json"], &["sample", "--count", "40", "--seed", "7"]);
    assert!(done, "{complaints}");
    let samples: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(samples.len(), 40);
    for intent in ["Brew", "Warm"] {
        assert!(samples.iter().any(|sample| sample["intent"] == intent), "{said}");
    }
    assert!(
        samples.iter().any(|sample| sample["text"].as_str().is_some_and(|text| text.starts_with("serve "))),
        "{said}"
    );
    assert_eq!(complaints.lines().count(), 1, "{complaints}");
    assert!(
        complaints.contains("pack.yaml:14:22: nothing was found that can be said with `ring {bell}`"),
        "{complaints}"
    );
    assert_eq!(
        intents(pack.path(), &["--json"], &["sample", "--count", "40", "--seed", "7"]).1,
        said,
        "the same again"
    );
    // What is said is understood, through the same program.
    let (_, more, _) = intents(pack.path(), &[], &["sample"]);
    assert_eq!(more.lines().count(), 3, "one of each: {more}");
}

#[test]
fn complete_goes_on_with_a_text() {
    let pack = pack(SENTENCES);
    let (done, offered, complaints) = intents(pack.path(), &[], &["complete", "brew a l"]);
    assert!(done, "{complaints}");
    assert_eq!(offered, "brew a large …\n");
    let (_, offered, _) = intents(pack.path(), &["--json"], &["complete", "brew a large j"]);
    assert_eq!(offered.trim(), json!({"text": "brew a large java", "adds": "ava", "whole": true}).to_string());
    assert_eq!(intents(pack.path(), &[], &["complete", "bring me"]).1, "");
}

#[test]
fn grammar_is_printed_in_each_format() {
    let pack = pack(SENTENCES);
    // In GBNF a word's first letter is in both cases: it may be the sentence's.
    for (format, begins, java, degrees) in [
        ("gbnf", "root ::= sentence", "[jJ] \"ava\"", "[dD] \"egrees\""),
        ("jsgf", "#JSGF V1.0", "java", "degrees"),
        ("fsg", "FSG_BEGIN", "java", "degrees"),
    ] {
        let (done, grammar, complaints) = intents(pack.path(), &[], &["grammar", "--format", format]);
        assert!(done, "{format}: {complaints}");
        assert!(grammar.starts_with(begins), "{format}: {grammar}");
        assert!(grammar.contains(java) && grammar.contains(degrees), "{format}: {grammar}");
    }
}

#[test]
fn explain_tells_what_was_taken_for_what() {
    let pack = pack(SENTENCES);
    let (done, told, complaints) = intents(pack.path(), &[], &["explain", "Make a large java in the kitchen"]);
    assert!(done, "{complaints}");
    assert!(told.contains("not          ") && told.contains("left “the kitchen”"), "{told}");
    let (_, told, _) = intents(pack.path(), &[], &["explain", "Make a large java in kitchen"]);
    assert!(told.contains("means        Brew (area = Kitchen, drink = coffee, size = large)"), "{told}");
    assert!(told.contains("pack.yaml:6"), "{told}");
}

#[test]
fn lint_names_every_fault_and_fails() {
    let pack =
        pack(&SENTENCES.replace("warm to {0..100:degrees}", "warm to {100..0:degrees}").replace("{bell}", "{gong}"));
    let (done, faults, complaints) = intents(pack.path(), &[], &["lint"]);
    assert!(!done, "{faults}");
    for fault in [
        "pack.yaml:11:31: the range 100..0 is empty",
        "pack.yaml:14:27: the list `{gong}` is not defined",
        "pack.yaml:19:3: nothing uses `{bell}`",
    ] {
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
    assert!(complaints.contains("3 faults; the rest of the sentences works"), "{complaints}");
}
