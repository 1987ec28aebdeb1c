//! What the whole appliance costs, measured on the real programs: `make bench-appliance`.
//!
//! Owns the figures that no single crate can give: end of speech to switched line, start to ready, memory and processor
//! time at rest, size of the programs. Prints a line `figure NAME VALUE UNIT` for each figure, and `skipped: why` for what
//! can't be measured here. Devices are simulated, recordings run at the pace of speech, and everything else is real.

#[path = "../../agent/tests/shared/figures.rs"]
mod figures;
#[path = "appliance/measured.rs"]
mod measured;
#[path = "../../agent/tests/shared/random_whisper.rs"]
mod random_whisper;
#[path = "appliance/speech.rs"]
mod speech;

use std::path::Path;
use std::time::Duration;

use figures::{figure, median, milliseconds};
use measured::{Measured, Voice};
use victus_agent::recognise::DEFAULT_POCKETSPHINX_MODEL;
use victus_tests::{program, shared, skip};

/// How often the appliance is started for a median.
const STARTS: usize = 5;

/// What settles after the start is not counted as rest.
const SETTLE: Duration = Duration::from_secs(3);

/// How long the appliance is watched at rest.
const REST: Duration = Duration::from_secs(20);

fn main() {
    sizes();
    starts("voice_off", Voice::Off);
    rest("voice_off", Voice::Off, None);
    if Path::new(DEFAULT_POCKETSPHINX_MODEL).exists() {
        starts("pocketsphinx", Voice::PocketSphinx);
        rest("pocketsphinx", Voice::PocketSphinx, None);
        speech::measure();
    } else {
        skip("PocketSphinx is not installed (packaging/dependencies demo)");
    }
    whisper();
}

/// How large the programs are, as built.
fn sizes() {
    for name in ["victusd", "victus", "victus-safe"] {
        let bytes = std::fs::metadata(program(name)).expect("a program has a size").len();
        figure(&format!("appliance.size.{name}"), bytes as f64 / 1e6, "MB");
    }
}

/// How long a start on an empty state takes, as seen from outside and as the appliance itself records it.
fn starts(name: &str, voice: Voice) {
    let (mut ready, mut recorded, mut hears) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let started = Measured::start(voice, None);
        ready.push(milliseconds(started.ready_after()));
        recorded.push(started.recorded_ready_ms());
        if voice != Voice::Off {
            hears.push(milliseconds(started.until_it_hears()));
        }
    }
    figure(&format!("appliance.start.{name}.process_to_ready"), median(&mut ready), "ms");
    figure(&format!("appliance.start.{name}.recorded"), median(&mut recorded), "ms");
    if voice != Voice::Off {
        figure(&format!("appliance.start.{name}.process_to_hearing"), median(&mut hears), "ms");
    }
}

/// What an appliance takes that nobody speaks to.
fn rest(name: &str, voice: Voice, models: Option<&Path>) {
    let started = Measured::start(voice, models);
    if voice != Voice::Off {
        started.until_it_hears();
    }
    std::thread::sleep(SETTLE);
    let memory = started.memory();
    figure(&format!("appliance.rest.{name}.resident"), memory.resident, "MB");
    figure(&format!("appliance.rest.{name}.proportional"), memory.proportional, "MB");
    let before = started.processor_time();
    std::thread::sleep(REST);
    let spent = started.processor_time().saturating_sub(before);
    figure(&format!("appliance.rest.{name}.processor"), milliseconds(spent) / REST.as_secs_f64(), "ms/s");
}

/// The same with whisper: a model of the shape of tiny.en with random weights, which takes what real ones take.
fn whisper() {
    let Some(beginning) = shared("models/whisper/for-tests-ggml-tiny.en.bin") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_whisper::write(&beginning, &folder.path().join("ggml-tiny.en.bin"), random_whisper::TINY);
    rest("whisper", Voice::Whisper, Some(folder.path()));
}
