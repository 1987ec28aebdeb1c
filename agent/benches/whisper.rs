//! What whisper costs on a request of 3 s, with all of its audio context and with as much as the request needs: `cargo bench
//! -p victus-agent --bench whisper`; and what it costs to hold it to the built-in sentences with a thousand names. The model has the shape of tiny.en and random weights, whose arithmetic costs what
//! that of real ones does. Prints a line `figure NAME VALUE UNIT` for each figure.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints its figures, and stops at a fault")]

#[path = "../tests/shared/figures.rs"]
mod figures;
#[path = "../tests/shared/opened.rs"]
mod opened;
#[path = "../tests/shared/random_whisper.rs"]
mod random_whisper;
#[path = "../tests/shared/recordings.rs"]
mod recordings;

use std::sync::Arc;

use figures::{figure, median, milliseconds, resident_megabytes};
use victus_agent::intents::speech::written_grammar;
use victus_agent::intents::{NamedEntity, Sentences, Vocabulary};
use victus_agent::recognise::grammar::SpeechGrammar;
use victus_agent::recognise::whisper::Whisper;
use victus_hw::clock::{Clock as _, SystemClock};

/// A request of 3 s, the tokens that a command of some ten words has, and how often it is decoded.
const SAMPLES: usize = 3 * 16_000;
const TOKENS: usize = 13;
const RUNS: usize = 7;
/// The names of a large workshop.
const NAMES: usize = 1000;

fn main() {
    if opened::trial_if_asked() {
        return;
    }
    let Some(shared) = recordings::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ggml-random.en.bin");
    random_whisper::write(&shared.join("models/whisper/for-tests-ggml-tiny.en.bin"), &file, random_whisper::TINY);
    let mut recording = recordings::read(&shared, "commands-human").swap_remove(0).samples;
    recording.resize(SAMPLES, 0);
    let audio: Vec<f32> = recording.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let grammar = recordings::grammar([vec!["turn".to_owned(), "on".to_owned()]].iter().map(Vec::as_slice));

    let clock = SystemClock::new(0);
    let before = resident_megabytes();
    let mut config = opened::config(folder.path());
    config.threads = None;
    let start = clock.monotonic();
    let mut whisper = Whisper::open(&file, &config, &grammar, Arc::new(clock)).unwrap();
    figure("whisper.open", milliseconds(clock.monotonic().saturating_since(start)), "ms");
    figure("whisper.resident.loaded", resident_megabytes() - before, "MB");

    let context = whisper.context_for(SAMPLES);
    let reduced = measure(&mut whisper, &audio, context, "reduced_context", &clock);
    figure("whisper.resident.after_reduced_context", resident_megabytes() - before, "MB");
    let full = whisper.full_context();
    let full = measure(&mut whisper, &audio, full, "full_context", &clock);
    figure("whisper.resident.after_full_context", resident_megabytes() - before, "MB");
    figure("whisper.request_3s.ratio", full / reduced, "times");

    for language in ["en", "de"] {
        let grammar = written(language);
        let start = clock.monotonic();
        whisper.hold_to(&grammar).unwrap();
        figure(&format!("whisper.hold.{language}.ms"), milliseconds(clock.monotonic().saturating_since(start)), "ms");
        let held = measure(&mut whisper, &audio, context, &format!("held.{language}"), &clock);
        figure(&format!("whisper.request_3s.held.{language}.more"), held - reduced, "ms");
        figure(&format!("whisper.resident.held.{language}"), resident_megabytes() - before, "MB");
    }
}

/// The built-in sentences with [`NAMES`] names, as they are written.
fn written(language: &str) -> SpeechGrammar {
    let (sentences, problems) = Sentences::for_language(language, None);
    assert_eq!(problems, []);
    let kinds = ["light", "switch", "fan", "valve"];
    let entities = (0..NAMES).map(|number| {
        let kind = kinds[number % kinds.len()].to_owned();
        let names = vec![format!("{kind} {} {}", ["left", "right", "upper"][number % 3], number)];
        NamedEntity { id: format!("{kind}.number_{number}"), names, kind, ..NamedEntity::default() }
    });
    let vocabulary = Vocabulary { entities: entities.collect(), ..Vocabulary::default() };
    written_grammar(&sentences, &vocabulary).0
}

fn measure(whisper: &mut Whisper, audio: &[f32], context: usize, name: &str, clock: &SystemClock) -> f64 {
    // The first run allocates.
    whisper.decode(audio, context, TOKENS).unwrap();
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = clock.monotonic();
            whisper.decode(audio, context, TOKENS).unwrap();
            milliseconds(clock.monotonic().saturating_since(start))
        })
        .collect();
    let median = median(&mut times);
    figure(&format!("whisper.request_3s.{name}.ms"), median, "ms");
    median
}
