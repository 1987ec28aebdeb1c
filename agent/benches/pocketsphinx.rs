//! What PocketSphinx costs on recorded commands, in a grammar of all of their sentences: `cargo bench -p victus-agent
//! --bench pocketsphinx`. Prints a line `figure NAME VALUE UNIT` for each figure.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints its figures, and stops at a fault")]

#[path = "../tests/shared/figures.rs"]
mod figures;
#[path = "../tests/shared/opened.rs"]
mod opened;
#[path = "../tests/shared/recordings.rs"]
mod recordings;

use figures::{figure, median, milliseconds, processor_time, resident_megabytes};
use recordings::Recording;
use victus_agent::recognise::Recogniser;
use victus_hw::clock::{Clock as _, SystemClock};

fn main() {
    if opened::trial_if_asked() {
        return;
    }
    let Some(shared) = recordings::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sets = ["commands-tts", "commands-human"].map(|set| (set, recordings::read(&shared, set)));
    let sentences = sets.iter().flat_map(|(_, set)| set).map(|one| one.words.as_slice());
    let grammar = recordings::grammar(sentences);
    let clock = SystemClock::new(0);

    let before = resident_megabytes();
    let start = clock.monotonic();
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    figure("pocketsphinx.open.first", milliseconds(clock.monotonic().saturating_since(start)), "ms");
    let start = clock.monotonic();
    drop(opened::open_now(&opened::config(folder.path()), &grammar).unwrap());
    figure("pocketsphinx.open.again", milliseconds(clock.monotonic().saturating_since(start)), "ms");
    figure("pocketsphinx.resident", resident_megabytes() - before, "MB");
    for (name, set) in &sets {
        measure(name, set, opened.recogniser.as_mut(), &clock);
    }
}

/// Hears each recording in blocks of 20 ms, once without and once with a partial result every 100 ms.
fn measure(name: &str, set: &[Recording], recogniser: &mut dyn Recogniser, clock: &SystemClock) {
    let seconds: f64 = set.iter().map(|one| one.samples.len() as f64 / 16_000.0).sum();
    for (way, partials) in [("", false), ("partials.", true)] {
        let (mut exact, mut latencies) = (0, Vec::new());
        let before = processor_time();
        for one in set {
            recogniser.start().unwrap();
            for (index, block) in one.samples.chunks(320).enumerate() {
                recogniser.feed(block).unwrap();
                if partials && index % 5 == 4 {
                    recogniser.partial();
                }
            }
            let last = clock.monotonic();
            let heard = recogniser.finish().unwrap().text;
            latencies.push(milliseconds(clock.monotonic().saturating_since(last)));
            exact += usize::from(heard == one.words.join(" "));
        }
        let cost = milliseconds(processor_time() - before) / seconds;
        figure(&format!("pocketsphinx.{name}.{way}processor"), cost, "ms/s");
        figure(&format!("pocketsphinx.{name}.{way}last_sample_to_transcript.median"), median(&mut latencies), "ms");
        figure(&format!("pocketsphinx.{name}.{way}last_sample_to_transcript.most"), *latencies.last().unwrap(), "ms");
        println!("figure pocketsphinx.{name}.{way}word_for_word {exact} of {}", set.len());
    }
}
