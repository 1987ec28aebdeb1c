//! Log lines, from the `log` facade to the system journal or to a terminal.
//!
//! Under systemd (standard error is connected to the journal) each line becomes a journal entry: `MESSAGE`, `PRIORITY`,
//! `TARGET`, `CODE_FILE` and so on, and each key-value of the line as a field `VICTUS_<KEY>`, among them `VICTUS_TRACE`,
//! the trace id of the turn the line belongs to. Elsewhere each line goes to standard error:
//!
//! ```text
//!     1.204 INFO  agent::orchestrator  switched  entity=fan.extraction_fan trace=7f3a
//! ```
//!
//! with the seconds since the start, the level, the module, the message, and the key-values. Colours appear on a terminal
//! only, and never where `NO_COLOR` is set. Characters that would steer a terminal are escaped.
//!
//! Promises: no more than [`MOST_PER_WINDOW`] lines come from one place in the code in [`WINDOW`]; the rest are counted,
//! and the count is logged. A journal that is gone costs no line: it goes to standard error. Nothing that a line
//! formats runs under a lock. Leaves rotation and retention to the journal.

mod fields;
mod filter;
mod flood;
mod line;

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use log::{Level, Log, Metadata, Record};
use systemd_journal_logger::JournalLog;
use victus_hw::clock::{Clock, Monotonic};

pub use filter::Filter;
pub use flood::{MOST_PER_WINDOW, WINDOW};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error(
        "{0:?} is no log level: expected off, error, warn, info, debug or trace, or a list such as info,victus_hw=debug"
    )]
    Level(String),
    /// The process has a logger already.
    #[error("the log is set up already")]
    Twice,
}

/// Where the lines go.
pub struct Sink {
    journal: Option<JournalLog>,
    lines: Mutex<Box<dyn Write + Send>>,
    colours: bool,
}

impl Sink {
    /// The journal if standard error is connected to it, else standard error. `no_color` is the variable `NO_COLOR`.
    pub fn detect(no_color: Option<&std::ffi::OsStr>) -> Self {
        let journal = systemd_journal_logger::connected_to_journal().then(JournalLog::new).and_then(Result::ok);
        let colours = std::io::stderr().is_terminal() && no_color.is_none_or(std::ffi::OsStr::is_empty);
        Self { journal, lines: Mutex::new(Box::new(std::io::stderr())), colours }
    }

    /// Lines into `writer`, with or without colours.
    pub fn lines(writer: impl Write + Send + 'static, colours: bool) -> Self {
        Self { journal: None, lines: Mutex::new(Box::new(writer)), colours }
    }

    /// Whether the lines go to the journal.
    pub fn is_journal(&self) -> bool {
        self.journal.is_some()
    }

    fn write(&self, record: &Record<'_>, since_start: f64) {
        let fields = fields::of(record);
        if let Some(journal) = &self.journal
            && journal.journal_send(&fields::for_journal(record, &fields::prefixed(&fields))).is_ok()
        {
            return;
        }
        let line = line::format(record, &fields, since_start, self.colours);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Where standard error is closed there is no place left to complain to.
        lines.write_all(line.as_bytes()).and_then(|()| lines.flush()).ok();
    }

    fn flush(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).flush().ok();
    }
}

/// The logger of the process.
pub struct Logger {
    sink: Sink,
    filter: Filter,
    flood: Mutex<flood::Flood>,
    clock: Arc<dyn Clock>,
    start: Monotonic,
}

impl Logger {
    /// A logger that starts its time now.
    pub fn new(sink: Sink, filter: Filter, clock: Arc<dyn Clock>) -> Self {
        let start = clock.monotonic();
        Self { sink, filter, flood: Mutex::default(), clock, start }
    }

    /// Makes this the logger of the process, and lets panics go through it.
    ///
    /// # Errors
    /// The process has a logger already.
    pub fn install(self) -> Result<(), LogError> {
        let most = self.filter.most();
        log::set_boxed_logger(Box::new(self)).map_err(|_| LogError::Twice)?;
        log::set_max_level(most);
        std::panic::set_hook(Box::new(log_panic));
        Ok(())
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.allows(metadata.target(), metadata.level())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let now = self.clock.monotonic();
        let since_start = now.saturating_since(self.start).as_secs_f64();
        let place = flood::Place::of(record);
        let (admitted, left_out) = {
            let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
            flood.admit(place, now)
        };
        for left_out in left_out {
            let target = left_out.target.as_str();
            self.sink.write(
                &Record::builder()
                    .level(Level::Warn)
                    .target(target)
                    .args(format_args!(
                        "left out {} more lines of {} like the last in {} s",
                        left_out.count,
                        left_out.place,
                        WINDOW.as_secs()
                    ))
                    .build(),
                since_start,
            );
        }
        if admitted {
            self.sink.write(record, since_start);
        }
    }

    fn flush(&self) {
        self.sink.flush();
    }
}

fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("without a message");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("nameless");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    log::error!(target: "victus::panic", thread = name; "panicked at {place}: {message}{backtrace}");
}

#[cfg(test)]
mod tests;
