//! Opens the real recogniser for tests and benches.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and it prints its figures"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use victus_agent::recognise::grammar::SpeechGrammar;
use victus_agent::recognise::probe::{PROBE_ARGUMENT, ProbeCommand, run_probe};
use victus_agent::recognise::{Choice, DEFAULT_POCKETSPHINX_MODEL, Opened, RecogniseError, RecogniserConfig, open};
use victus_hw::clock::SystemClock;

/// The name of the test that stands in for a program's hidden `recognise-probe`.
const CHILD: &str = "a_trial_of_a_model_runs_in_a_child";

/// A config for PocketSphinx, with this test program as the child that tries a model.
pub(crate) fn config(work_dir: &Path) -> RecogniserConfig {
    RecogniserConfig {
        recognizer: Choice::PocketSphinx,
        language: "en".into(),
        models_dir: work_dir.join("models"),
        whisper_model: None,
        written: None,
        threads: Some(1),
        pocketsphinx_model: PathBuf::from(DEFAULT_POCKETSPHINX_MODEL),
        work_dir: work_dir.to_owned(),
        spoken: Default::default(),
        espeak: Some(PathBuf::from("espeak-ng")),
        probe: ProbeCommand::program(std::env::current_exe().unwrap(), ["--exact", CHILD, "--nocapture"]),
        meaning: None,
    }
}

/// What the child does: the trial, if this process was started for one. True if it was.
pub(crate) fn trial_if_asked() -> bool {
    let arguments: Vec<_> = std::env::args_os().collect();
    let Some(at) = arguments.iter().position(|argument| argument == PROBE_ARGUMENT) else { return false };
    // The answer on standard output counts, not the code.
    run_probe(&arguments[at + 1..]);
    true
}

/// Opens a recogniser with the clock of this machine.
pub(crate) fn open_now(config: &RecogniserConfig, grammar: &SpeechGrammar) -> Result<Opened, RecogniseError> {
    open(config, grammar, Arc::new(SystemClock::new(0)))
}
