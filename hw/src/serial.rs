//! Serial ports: one loop a port that asks, writes and reopens.
//!
//! Owns the way of a request to an instrument and back. A request is a line of text; so is its answer.
//! * [`PortLoop`] alone holds the port. It takes requests from a queue of [`QUEUE`] places through [`PortHandle`] and
//!   polls in between; a full queue refuses at once.
//! * A request waits in the queue for at most its own deadline; once it was given up it is never written later.
//! * An answer is at most [`PortConfig::longest_line`] bytes; longer lines are dropped and counted. After a timeout the
//!   line is listened to until it is silent for as long again, so that an answer up to that late is not taken for the
//!   answer to the next request: set the timeout to the slowest answer of the instrument.
//! * A port that is unplugged is closed before it is opened again, with a growing pause.
//!
//! What an answer means (a number, a confirmation) is left to [`crate::points`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

mod port;
mod service;
mod simulated;

pub use service::{Poll, PortLoop};
pub use simulated::{Answers, Instrument, InstrumentFault};

/// How many requests wait for a port at most.
pub const QUEUE: usize = 16;

/// How long an instrument may take to say something about a write, which is then dropped: many answer `OK`, many
/// nothing.
pub const WRITE_SETTLE: Duration = Duration::from_millis(250);

/// A port as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// The name by which points refer to it.
    pub name: String,
    /// The device. `/dev/serial/by-id/...` is best: the number in `/dev/ttyUSB0` moves.
    pub path: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// What ends a request and an answer, usually `\n`, `\r` or `\r\n`. Not empty.
    pub terminator: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The longest answer in bytes, without its terminator.
    pub longest_line: usize,
    /// The pause before the port is opened again, doubled after each failure.
    pub reopen_first: Duration,
    /// The longest pause before the port is opened again.
    pub reopen_longest: Duration,
}

impl PortConfig {
    /// A port with the usual settings: 9600 baud, lines end with `\n`, an answer within 1 s and 256 bytes, reopened
    /// after 250 ms to 30 s.
    pub fn new(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            baud: 9_600,
            terminator: "\n".to_owned(),
            timeout: Duration::from_secs(1),
            longest_line: 256,
            reopen_first: Duration::from_millis(250),
            reopen_longest: Duration::from_secs(30),
        }
    }

    /// The longest time that one request can take on the port: writing, settling, two answers, and silence after a
    /// timeout.
    fn longest_exchange(&self) -> Duration {
        self.timeout.saturating_mul(6).saturating_add(WRITE_SETTLE)
    }
}

/// What went wrong with a port. Each message says what, where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    /// Another program has the port open.
    #[error(
        "The serial port {path} is in use by another program. `fuser {path}` shows which: end it (often ModemManager or \
         a terminal program), or choose another port."
    )]
    Busy {
        /// The device.
        path: String,
    },
    /// No such device.
    #[error("There is no serial port {path}. Plug the device in; `ls /dev/serial/by-id` lists those that are there.")]
    Missing {
        /// The device.
        path: String,
    },
    /// The user of this program may not use the port.
    #[error(
        "No permission to use the serial port {path}. Add the user to the group `dialout` (`usermod -aG dialout USER`) \
         and start the program again."
    )]
    Permission {
        /// The device.
        path: String,
    },
    /// The device went away.
    #[error("The serial port {path} was unplugged. It is opened again when it is back.")]
    Unplugged {
        /// The device.
        path: String,
    },
    /// The device failed.
    #[error("The serial port {path} failed: {reason}. Check the cable and the adapter.")]
    Failed {
        /// The device.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// No answer, or no whole one.
    #[error(
        "The instrument on {path} did not answer `{request}` within {timeout:?}{partial}. Check its power and baud."
    )]
    NoAnswer {
        /// The device.
        path: String,
        /// What was asked.
        request: String,
        /// The time that it had.
        timeout: Duration,
        /// What arrived of an answer, as the rest of a clause.
        partial: String,
    },
    /// An answer that is no text.
    #[error("The instrument on {path} answered `{request}` with something that is no text. Check the baud rate.")]
    Garbled {
        /// The device.
        path: String,
        /// What was asked.
        request: String,
    },
    /// Too many requests wait.
    #[error("{QUEUE} requests wait for the serial port {port} already. Try again in a moment.")]
    QueueFull {
        /// The name of the port.
        port: String,
    },
    /// The request was given up before its turn; nothing was written.
    #[error("The serial port {port} was too busy, and nothing was written. Try again in a moment.")]
    TooLate {
        /// The name of the port.
        port: String,
    },
    /// The loop of the port ended in the middle of the request.
    #[error("The serial port {port} stopped in the middle of a request: it is not known whether it was written.")]
    Uncertain {
        /// The name of the port.
        port: String,
    },
    /// The loop of the port has ended.
    #[error("The serial port {port} is not served at the moment. Try again in a moment.")]
    NotServed {
        /// The name of the port.
        port: String,
    },
}

/// How a port is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortHealth {
    /// Whether the port is open.
    pub open: bool,
    /// Why it is not, or what the last request met.
    pub trouble: Option<String>,
    /// How often it was opened.
    pub opened: u64,
    /// How many requests had no whole answer in time.
    pub timeouts: u64,
    /// How many bytes were dropped: lines that were too long, late answers, what nobody asked for.
    pub dropped_bytes: u64,
}

/// One request in the queue.
#[derive(Debug)]
struct Request {
    /// What is written.
    write: String,
    /// What is asked afterwards, to see the effect.
    confirm: Option<String>,
    turn: Arc<Turn>,
    reply: std::sync::mpsc::SyncSender<Result<Option<String>, SerialError>>,
}

/// Who decides over a request: the loop that takes it or the caller who gives it up. Only one of them can.
#[derive(Debug, Default)]
struct Turn(AtomicU8);

impl Turn {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// The loop takes the request; false if it was given up.
    fn take(&self) -> bool {
        self.move_to(Self::TAKEN)
    }

    /// The caller gives the request up; false if it is being done.
    fn give_up(&self) -> bool {
        self.move_to(Self::GIVEN_UP)
    }

    fn move_to(&self, to: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A way to the queue of a port.
#[derive(Debug, Clone)]
pub struct PortHandle {
    name: String,
    queue: mpsc::Sender<Request>,
    /// How long a request may wait for its turn.
    patience: Duration,
    longest_exchange: Duration,
    health: watch::Receiver<PortHealth>,
}

impl PortHandle {
    /// Writes a line, and then asks `confirm` and returns its answer. Blocks the thread, in all for at most twelve
    /// timeouts of the port and half a second; on an async runtime call it from `spawn_blocking`.
    ///
    /// # Errors
    /// [`SerialError`]. After [`SerialError::QueueFull`], [`SerialError::TooLate`] and [`SerialError::NotServed`]
    /// nothing was written; after any other it may have been.
    pub fn write(&self, line: &str, confirm: Option<&str>) -> Result<Option<String>, SerialError> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let turn = Arc::new(Turn::default());
        let request =
            Request { write: line.to_owned(), confirm: confirm.map(str::to_owned), turn: Arc::clone(&turn), reply };
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SerialError::QueueFull { port: self.name.clone() },
            mpsc::error::TrySendError::Closed(_) => self.not_served(),
        })?;
        match answer.recv_timeout(self.patience) {
            Ok(result) => result,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if turn.give_up() => {
                Err(SerialError::TooLate { port: self.name.clone() })
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) if turn.give_up() => Err(self.not_served()),
            // It is being done right now, which takes a bounded time.
            Err(_) => answer
                .recv_timeout(self.longest_exchange)
                .unwrap_or_else(|_| Err(SerialError::Uncertain { port: self.name.clone() })),
        }
    }

    /// How the port is, as it changes.
    pub fn health(&self) -> watch::Receiver<PortHealth> {
        self.health.clone()
    }

    fn not_served(&self) -> SerialError {
        SerialError::NotServed { port: self.name.clone() }
    }
}

#[cfg(test)]
mod tests;
