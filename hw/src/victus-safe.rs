//! `victus-safe`: holds every line in its safe state while `victusd` is not there to do it.
//!
//! A small program without the daemon's dependencies. The protocol and the work are in `safe`; here are the command line,
//! the log (to standard error, with the priorities that systemd reads) and the end: SIGTERM and SIGINT free the lines
//! and remove the socket.
//!
//! It is compiled from the modules `gpio` and `safe` and does not use the library of this crate: GNU ld, which links the
//! builds for ARM, notes libasound as needed by whatever links a library that could call it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

#[allow(dead_code, unused_imports, unreachable_pub, reason = "the library uses the rest of this module")]
mod gpio;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the library uses the rest of this module")]
mod safe;

use gpio::{Backend, GpioBackend, SimulatedGpio};

const USAGE: &str = "\
Holds GPIO lines in their safe state whenever the process that owns them has ended.

Usage: victus-safe --socket PATH [--backend auto|rppal|chardev] [--simulate DIR]

  --socket PATH     where victusd connects, such as /run/victus/safe.sock
  --backend NAME    how lines are driven; auto takes the best for this machine
  --simulate DIR    lines simulated by files in DIR, and nothing else is touched
";

/// Exit status of a wrong call.
const WRONG_CALL: u8 = 2;

struct Options {
    socket: PathBuf,
    backend: Backend,
    simulate: Option<PathBuf>,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut socket, mut backend, mut simulate) = (None, Backend::Auto, None);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value."));
        match option.as_str() {
            "--socket" => socket = Some(PathBuf::from(value()?)),
            "--simulate" => simulate = Some(PathBuf::from(value()?)),
            "--backend" => backend = value()?.parse()?,
            _ => return Err(format!("There is no option {option}.")),
        }
    }
    let socket = socket.ok_or_else(|| "--socket is missing: say where victusd connects.".to_owned())?;
    Ok(Options { socket, backend, simulate })
}

struct StandardError;

impl log::Log for StandardError {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let priority = match record.level() {
                log::Level::Error => 3,
                log::Level::Warn => 4,
                _ => 6,
            };
            say(&format!("<{priority}>{}\n", record.args()));
        }
    }

    fn flush(&self) {}
}

fn say(text: &str) {
    // Without standard error there is nowhere left to complain.
    let _lost = std::io::stderr().write_all(text.as_bytes());
}

fn lines(options: &Options) -> Result<Box<dyn GpioBackend>, gpio::GpioError> {
    match &options.simulate {
        Some(directory) => Ok(Box::new(SimulatedGpio::open(directory)?)),
        None => gpio::open(options.backend),
    }
}

async fn run(options: Options) -> Result<(), String> {
    let lines = lines(&options).map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| format!("The socket {} can't be used: {error}", options.socket.display());
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        ended = safe::serve(&options.socket, lines) => ended.map_err(failed),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn main() -> ExitCode {
    log::set_logger(&StandardError).map_or_else(|_| {}, |()| log::set_max_level(log::LevelFilter::Info));
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == "--help" || first == "-h") {
        // Not print!, which panics when nobody reads.
        return if std::io::stdout().write_all(USAGE.as_bytes()).is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let options = match options(arguments) {
        Ok(options) => options,
        Err(problem) => {
            say(&format!("victus-safe: {problem}\n\n{USAGE}"));
            return ExitCode::from(WRONG_CALL);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("<3>victus-safe: {problem}\n"));
            ExitCode::FAILURE
        }
    }
}
