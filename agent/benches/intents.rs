//! What understanding costs, beside the reference matcher on the same sentences: `make bench-intents`.
//!
//! Prints a line `figure NAME VALUE UNIT` for each figure. The packs are those of the shared test data; the peer is hassil
//! from PyPI in a Python environment that `VICTUS_HASSIL` names. Loading counts on neither side, and both have seen every
//! sentence once before it is timed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints its figures, and stops at a fault")]

#[path = "../tests/shared/figures.rs"]
mod figures;

use figures::{figure, median, milliseconds, resident_megabytes};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use victus_agent::intents::matcher::Context;
use victus_agent::intents::{Completions, Matcher, NamedEntity, Sentences, Vocabulary, fixtures};
use victus_hw::clock::{Clock as _, SystemClock};

/// How many entities the compiled pack has.
const ENTITIES: usize = 200;
/// How often a compilation is repeated.
const COMPILATIONS: usize = 15;

#[derive(Deserialize)]
struct Case {
    text: String,
    context: Context,
    intent: String,
}

#[derive(Deserialize)]
struct PeerAnswer {
    intent: Option<String>,
    microseconds: f64,
}

fn main() {
    let shared = std::env::var_os("VICTUS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let packs = shared.join("intents");
    if !packs.is_dir() {
        println!("skipped: no sentence packs at {}", packs.display());
        return;
    }
    compilation(&packs.join("en"));
    beside_matching(&packs.join("en"));
    let mut languages: Vec<PathBuf> = std::fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path()).collect();
    languages.retain(|pack| pack.join("cases.jsonl").is_file());
    languages.sort();
    let (mut all, mut all_of_peer) = (Vec::new(), Vec::new());
    for pack in languages {
        let (mut own, mut peer) = match_pack(&pack);
        let language = pack.file_name().unwrap().to_string_lossy().into_owned();
        report(&language, &mut own, &mut peer);
        all.append(&mut own);
        all_of_peer.append(&mut peer);
    }
    report("all", &mut all, &mut all_of_peer);
}

/// Reading and compiling the English pack with many entities.
fn compilation(pack: &Path) {
    let clock = SystemClock::new(0);
    let vocabulary = many_entities(&pack.join("fixtures.yaml"));
    let before = resident_megabytes();
    let (mut reading, mut compiling) = (Vec::new(), Vec::new());
    let mut kept = None;
    for _ in 0..COMPILATIONS {
        let start = clock.monotonic();
        let (sentences, _) = Sentences::from_folder(&pack.join("sentences"));
        let read = clock.monotonic();
        let (matcher, _) = Matcher::compile(&sentences, &vocabulary);
        reading.push(milliseconds(read.saturating_since(start)));
        compiling.push(milliseconds(clock.monotonic().saturating_since(read)));
        if kept.is_none() {
            figure("intents.compile.en_200_entities.resident", resident_megabytes() - before, "MB");
        }
        kept = Some(matcher);
    }
    let matcher = kept.unwrap();
    figure("intents.compile.en_200_entities.compiled", matcher.bytes() as f64 / 1e6, "MB");
    let mut both: Vec<f64> = reading.iter().zip(&compiling).map(|(read, compile)| read + compile).collect();
    figure("intents.compile.en_200_entities.read.median", median(&mut reading), "ms");
    figure("intents.compile.en_200_entities.compile.median", median(&mut compiling), "ms");
    figure("intents.compile.en_200_entities.read_and_compile.median", median(&mut both), "ms");
    for case in cases(pack) {
        matcher.matches_in(&case.text, &case.context);
    }
    figure("intents.compile.en_200_entities.after_all_cases", matcher.bytes() as f64 / 1e6, "MB");
}

/// How sentences that were begun go on, and what nearly fits is understood, with the same sentences and names.
fn beside_matching(pack: &Path) {
    let clock = SystemClock::new(0);
    let vocabulary = many_entities(&pack.join("fixtures.yaml"));
    let (sentences, _) = Sentences::from_folder(&pack.join("sentences"));
    let before = resident_megabytes();
    let start = clock.monotonic();
    let completions = Completions::compile(&sentences, &vocabulary);
    figure("intents.completions.compile", milliseconds(clock.monotonic().saturating_since(start)), "ms");
    figure("intents.completions.resident", resident_megabytes() - before, "MB");
    let (matcher, _) = Matcher::compile(&sentences, &vocabulary);
    let mut random = StdRng::seed_from_u64(1);
    let (mut completing, mut repairing) = (Vec::new(), Vec::new());
    for case in cases(pack).iter().step_by(10) {
        let letters: Vec<char> = case.text.chars().collect();
        let cut: String = letters.iter().take(random.random_range(0..letters.len())).collect();
        let start = clock.monotonic();
        completions.after(&cut, 8);
        completing.push(clock.monotonic().saturating_since(start).as_secs_f64() * 1e6);
        let mut missing = letters;
        missing.remove(random.random_range(0..missing.len()));
        let missing: String = missing.into_iter().collect();
        let start = clock.monotonic();
        matcher.understand(&missing, &case.context);
        repairing.push(clock.monotonic().saturating_since(start).as_secs_f64() * 1e6);
    }
    for (name, mut times) in [("completions.after", completing), ("understand.a_letter_missing", repairing)] {
        figure(&format!("intents.{name}.p50"), median(&mut times), "us");
        figure(&format!("intents.{name}.p99"), percentile(&times, 0.99), "us");
    }
}

/// The pack's names, and as many more like them as make two hundred entities.
fn many_entities(file: &Path) -> Vocabulary {
    let mut vocabulary = fixtures::read(file).unwrap();
    let places = ["north", "south", "upper", "lower", "inner", "outer", "left", "right"];
    let things =
        [("light", "work light"), ("fan", "extraction fan"), ("switch", "coolant pump"), ("cover", "roller door")];
    let mut more = places.iter().cycle().zip(1..).flat_map(|(place, number)| {
        things.iter().map(move |(kind, thing)| NamedEntity {
            id: format!("{kind}.{place}_{number}"),
            names: vec![format!("{place} {thing} {number}")],
            kind: (*kind).to_owned(),
            ..NamedEntity::default()
        })
    });
    while vocabulary.entities.len() < ENTITIES {
        vocabulary.entities.extend(more.next());
    }
    vocabulary
}

fn cases(pack: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(pack.join("cases.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The microseconds of each case, here and with the peer; the peer's are empty where it is not there.
fn match_pack(pack: &Path) -> (Vec<f64>, Vec<f64>) {
    let clock = SystemClock::new(0);
    let (sentences, _) = Sentences::from_folder(&pack.join("sentences"));
    let vocabulary = fixtures::read(&pack.join("fixtures.yaml")).unwrap();
    let (matcher, _) = Matcher::compile(&sentences, &vocabulary);
    let cases = cases(pack);
    for case in &cases {
        matcher.matches_in(&case.text, &case.context);
    }
    let mut own = Vec::new();
    let mut right = 0;
    for case in &cases {
        let start = clock.monotonic();
        let matches = matcher.matches_in(&case.text, &case.context);
        own.push(clock.monotonic().saturating_since(start).as_secs_f64() * 1e6);
        right += usize::from(matches.best.is_some_and(|best| best.intent == case.intent));
    }
    assert_eq!(right, cases.len(), "{}: an intent is wrong, so that times mean nothing", pack.display());
    (own, ask_peer(pack, &cases))
}

fn ask_peer(pack: &Path, cases: &[Case]) -> Vec<f64> {
    let Some(python) = std::env::var_os("VICTUS_HASSIL") else { return Vec::new() };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/intents/hassil_peer.py");
    let mut peer = Command::new(python)
        .args([script, pack.join("sentences"), pack.join("fixtures.yaml")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = peer.stdin.take().unwrap();
    let lines = std::fs::read(pack.join("cases.jsonl")).unwrap();
    let writer = std::thread::Builder::new()
        .name("to the peer".to_owned())
        .spawn(move || input.write_all(&lines).unwrap())
        .unwrap();
    let output = peer.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the peer failed");
    let answers: Vec<PeerAnswer> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    let right = answers.iter().zip(cases).filter(|(answer, case)| answer.intent.as_deref() == Some(&*case.intent));
    assert_eq!(right.count(), cases.len(), "{}: the peer is wrong: it was not asked as it should be", pack.display());
    answers.iter().map(|answer| answer.microseconds).collect()
}

fn report(name: &str, own: &mut [f64], peer: &mut [f64]) {
    let (p50, p99) = (median(own), percentile(own, 0.99));
    figure(&format!("intents.match.{name}.p50"), p50, "us");
    figure(&format!("intents.match.{name}.p99"), p99, "us");
    if peer.is_empty() {
        println!("skipped: no hassil to compare with: run it by `make bench-intents`");
        return;
    }
    let (peer_p50, peer_p99) = (median(peer), percentile(peer, 0.99));
    figure(&format!("intents.match.{name}.hassil.p50"), peer_p50, "us");
    figure(&format!("intents.match.{name}.hassil.p99"), peer_p99, "us");
    figure(&format!("intents.match.{name}.times_faster_than_hassil.p50"), peer_p50 / p50, "x");
    figure(&format!("intents.match.{name}.times_faster_than_hassil.p99"), peer_p99 / p99, "x");
}

/// A percentile of sorted values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
