//! Tries a model in a child process, because a recogniser's library may end the process that loads a broken one.
//!
//! The child is the same program, started as `PROGRAM recognise-probe KIND PATH` with KIND `pocketsphinx` or `whisper`. It
//! loads the model, uses it once, and prints the line `victus-probe: ok`, or `victus-probe: SENTENCE` with what is wrong.
//! No such line means that the library ended it. A program that may open a recogniser hands such a command line to
//! [`run_probe`] before it does anything else.
//!
//! Promises that a trial ends (time limit) and does not take the machine's memory (address space limit), and that
//! the same files are tried once in the life of a process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::pocketsphinx::Model;
use super::{RecogniseError, pocketsphinx, whisper};
use crate::subprocess::{Finished, Limits, run};

/// The argument that makes a program a trial of a model.
pub const PROBE_ARGUMENT: &str = "recognise-probe";

/// What starts the child's answer, and the answer when the model is good.
const ANSWER: &str = "victus-probe: ";
const GOOD: &str = "ok";

/// The longest trial. A Pi 4 loads the English model in about 1 s and a small whisper model in a few.
const TIME: Duration = Duration::from_secs(60);
/// The address space of a trial beyond the model's own size.
const MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// How many outcomes are remembered.
const REMEMBERED: usize = 32;

/// How the child is started.
#[derive(Debug, Clone)]
pub struct ProbeCommand {
    program: PathBuf,
    leading: Vec<OsString>,
}

impl ProbeCommand {
    /// This same program.
    ///
    /// # Errors
    /// [`RecogniseError::File`] if the system does not say where this program is.
    pub fn this_program() -> Result<Self, RecogniseError> {
        let program = std::env::current_exe()
            .map_err(|source| RecogniseError::File { path: PathBuf::from("/proc/self/exe"), source })?;
        Ok(Self { program, leading: Vec::new() })
    }

    /// A given program, with arguments that come before [`PROBE_ARGUMENT`].
    pub fn program(program: impl Into<PathBuf>, leading: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { program: program.into(), leading: leading.into_iter().map(Into::into).collect() }
    }

    /// Tries a PocketSphinx model.
    pub(super) fn try_pocketsphinx(&self, model: &Model) -> Result<(), RecogniseError> {
        self.outcome("pocketsphinx", model.folder(), &model.files()).map_err(|happened| model.broken(&happened))
    }

    /// Tries a whisper.cpp model; a sentence with what happened if it does not load.
    pub(super) fn try_whisper(&self, file: &Path) -> Result<(), String> {
        self.outcome("whisper", file, &[file.to_owned()])
    }

    /// The outcome of a trial, from memory if these files were tried before.
    fn outcome(&self, kind: &str, path: &Path, files: &[PathBuf]) -> Result<(), String> {
        static OUTCOMES: Mutex<BTreeMap<String, Result<(), String>>> = Mutex::new(BTreeMap::new());
        let key = fingerprint(kind, path, files);
        if let Some(known) = OUTCOMES.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let (outcome, lasting) = self.attempt(kind, path);
        if lasting {
            let mut outcomes = OUTCOMES.lock().unwrap_or_else(PoisonError::into_inner);
            if outcomes.len() >= REMEMBERED {
                outcomes.pop_first();
            }
            outcomes.insert(key, outcome.clone());
        }
        outcome
    }

    /// Runs a trial. The flag says whether the outcome is that of the model, rather than of this moment.
    fn attempt(&self, kind: &str, path: &Path) -> (Result<(), String>, bool) {
        let mut arguments = self.leading.clone();
        arguments.extend([PROBE_ARGUMENT.into(), kind.into(), path.as_os_str().to_owned()]);
        let limits = Limits { output: 64 * 1024, time: TIME };
        match run(self.program.as_os_str(), &arguments, Vec::new(), limits) {
            Err(error) => (Err(format!("it could not be tried: {error}")), false),
            Ok(finished) => {
                let output = String::from_utf8_lossy(&finished.output).into_owned();
                // A test harness prints before it on the same line.
                match output.lines().find_map(|line| line.split_once(ANSWER)) {
                    Some((_, GOOD)) => (Ok(()), true),
                    Some((_, sentence)) => (Err(with_reason(sentence, &finished.complaint)), true),
                    None => (Err(with_reason(&ending(&finished), &finished.complaint)), true),
                }
            }
        }
    }
}

/// What tells one state of these files from another.
fn fingerprint(kind: &str, path: &Path, files: &[PathBuf]) -> String {
    let mut text = format!("{kind} {}", path.display());
    for file in files {
        if let Ok(data) = std::fs::metadata(file) {
            let line = format!("\n{} {} {}.{:09}", file.display(), data.len(), data.mtime(), data.mtime_nsec());
            text.push_str(&line);
        }
    }
    text
}

fn ending(finished: &Finished) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (finished.status.code(), finished.status.signal()) {
        (Some(code), _) => format!("its library ended the program that loaded it, with code {code}"),
        (None, Some(signal)) => format!("its library crashed, by signal {signal}"),
        (None, None) => "its library ended the program that loaded it".to_owned(),
    }
}

/// The last thing that the library complained about is usually the reason.
fn with_reason(happened: &str, complaint: &str) -> String {
    let line = complaint
        .lines()
        .rev()
        .find(|line| line.contains("FATAL") || line.contains("ERROR") || line.contains("failed"));
    match line {
        Some(line) => {
            let line: String = line.trim().chars().filter(|character| !character.is_control()).take(200).collect();
            format!("{happened} ({line})")
        }
        None => happened.to_owned(),
    }
}

/// Does the trial if that is what this process was started for. The first thing in the `main` of every program that
/// recognises.
pub fn answer_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().is_some_and(|first| first == PROBE_ARGUMENT);
    asked.then(|| run_probe(&arguments.collect::<Vec<_>>()))
}

/// Does the trial that a command line asks for. `arguments` are those after [`PROBE_ARGUMENT`]: the kind and the path.
/// The answer goes to standard output. The calling process must be started for this alone.
pub fn run_probe(arguments: &[OsString]) -> ExitCode {
    let outcome = match arguments {
        [kind, path] if kind == "pocketsphinx" => {
            limit_memory(Path::new(path));
            pocketsphinx::probe(Path::new(path))
        }
        [kind, path] if kind == "whisper" => {
            limit_memory(Path::new(path));
            whisper::probe(Path::new(path))
        }
        _ => Err(format!("usage: {PROBE_ARGUMENT} pocketsphinx|whisper PATH")),
    };
    let (answer, code) = match outcome {
        Ok(()) => (GOOD.to_owned(), ExitCode::SUCCESS),
        Err(sentence) => (sentence.replace(['\n', '\r'], " "), ExitCode::FAILURE),
    };
    let mut output = std::io::stdout();
    let written = writeln!(output, "{ANSWER}{answer}").and_then(|()| output.flush());
    if written.is_ok() { code } else { ExitCode::FAILURE }
}

/// A broken header may ask for any amount of memory. No core is written either.
fn limit_memory(model: &Path) {
    let size = std::fs::metadata(model).map_or(0, |data| data.len());
    for (resource, most) in [(Resource::As, MEMORY + 3 * size), (Resource::Core, 0)] {
        let limit = Rlimit { current: Some(most), maximum: getrlimit(resource).maximum };
        // Without the limit the trial is still worth having.
        if let Err(error) = setrlimit(resource, limit) {
            log::debug!("the memory of this trial is not limited: {error}");
        }
    }
}
