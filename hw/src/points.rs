//! Points: the outputs and inputs of an appliance by id, and what holds them safe.
//!
//! Owns the state of every point and the interlocks ([`Limits`]), which no caller above can pass: there is no way to a
//! line but [`Points::set`] and the ways to the safe state. Promises that every output is in its safe state from the
//! moment its line is taken; that a value is reported only after it was read back; that all intervals are on
//! monotonic time. Names, areas, alarms, users and requests belong to the crates above.
//!
//! Whoever owns a [`Points`] calls [`Points::tick`] at [`Points::next_deadline`], and runs [`serve_port`] for each serial
//! port; everything else may be called from any thread at any time. Calls take microseconds and never wait for anything
//! but each other. The one exception is [`Points::set`] of a [`PointDriver::SerialLine`], which blocks its thread until
//! the instrument has answered or a bounded time has passed ([`crate::serial::PortHandle::write`]), without holding up
//! any other call: on an async runtime call it from `spawn_blocking`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::{Clock, Monotonic};
use crate::gpio::{Bias, GpioBackend, LineReference};
use crate::safe::SafeLine;
use crate::serial::PortHandle;

mod changes;
mod drive;
mod exchange;
mod interlock;
mod limits;
mod refusal;
mod values;

pub use changes::{Cause, Change, Changes, KEPT_CHANGES};
pub use limits::{HIGHEST_RATE_COUNT, Limits, Rate, Requirement};
pub use refusal::{AfterFailure, Failure, PointsError, Refusal, Rule};
pub use values::{SHORTEST_POLL, serve_port, simulated_answers};

use drive::Drive;

/// How often inputs are read: short against a hand on a switch, long against contact bounce.
pub const INPUT_POLL: Duration = Duration::from_millis(20);

/// The value of a point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "true, false or a number")]
pub enum PointValue {
    /// On or off.
    Switch(bool),
    /// A finite number, in the unit of the point.
    Number(f64),
}

impl fmt::Display for PointValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("on"),
            Self::Switch(false) => f.write_str("off"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A point as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct PointConfig {
    /// The id, unique within the appliance.
    pub id: String,
    /// What it is connected to.
    pub driver: PointDriver,
    /// What holds it safe.
    pub limits: Limits,
}

/// What a point is connected to.
#[derive(Debug, Clone, PartialEq)]
pub enum PointDriver {
    /// A line that is driven.
    GpioOutput {
        /// The line.
        line: LineReference,
        /// Whether the point is on when the line is low.
        active_low: bool,
    },
    /// A line that is read.
    GpioInput {
        /// The line.
        line: LineReference,
        /// Whether the point is on when the line is low.
        active_low: bool,
        /// The level when nothing drives the line.
        bias: Bias,
    },
    /// A number that an instrument on a serial port knows, asked for and set by lines of text. It has no limits.
    SerialLine {
        /// The name of the port.
        port: String,
        /// What is asked to learn the value; the answer is the number and nothing else.
        read: Option<String>,
        /// What is written to set the value, with `{value}` in the place of the number.
        write: Option<String>,
        /// How often `read` is asked, 10 ms at least.
        poll: Duration,
    },
}

impl PointDriver {
    /// Whether interlocks can switch it.
    const fn is_switched(&self) -> bool {
        matches!(self, Self::GpioOutput { .. })
    }

    /// Whether its value is on or off, and not a number.
    const fn has_two_states(&self) -> bool {
        matches!(self, Self::GpioOutput { .. } | Self::GpioInput { .. })
    }
}

/// The lines of the outputs among these points, for [`crate::safe::SafeLink::take`].
pub fn safe_lines(configs: &[PointConfig]) -> Vec<SafeLine> {
    configs
        .iter()
        .filter_map(|config| match &config.driver {
            PointDriver::GpioOutput { line, active_low } => {
                Some(SafeLine { line: line.clone(), active_low: *active_low, safe: config.limits.safe })
            }
            _ => None,
        })
        .collect()
}

/// What kind of point it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// A driven line.
    Output,
    /// A read line.
    Input,
    /// A number on a serial port.
    Value,
}

/// What is known of a point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PointState {
    /// The id.
    pub id: String,
    /// What kind of point it is.
    pub kind: PointKind,
    /// The value; none while it is unavailable, and `fault` says why.
    pub value: Option<PointValue>,
    /// Since when it has this value.
    pub since: Monotonic,
    /// Whether it is on when safe; only for an output.
    pub safe: Option<bool>,
    /// What is wrong with it, as a sentence.
    pub fault: Option<String>,
}

/// A point was set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applied {
    /// The value before; none when it was unavailable.
    pub previous: Option<PointValue>,
    /// The value since.
    pub value: PointValue,
    /// Whether the value was read back from the hardware, and not only written.
    pub read_back: bool,
}

/// The points of an appliance.
pub struct Points {
    drive: Mutex<Drive>,
    ports: Mutex<HashMap<String, PortHandle>>,
    clock: Arc<dyn Clock>,
    /// Counts the exchanges.
    exchanged: watch::Sender<u64>,
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Points").field("drive", &self.drive).finish_non_exhaustive()
    }
}

impl Points {
    /// Takes every line and puts every output into its safe state.
    ///
    /// A line that is taken but does not follow (a short circuit, say) is no error here: its point is unavailable, with
    /// the fault in its state, and is made safe again and again.
    ///
    /// # Errors
    /// [`PointsError`] when limits exclude each other or a line cannot be taken. No line is held then.
    pub fn new(
        configs: &[PointConfig],
        gpio: Box<dyn GpioBackend>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PointsError> {
        limits::check(configs)?;
        let drive = Drive::new(configs, gpio.as_ref(), clock.monotonic())?;
        Ok(Self { drive: Mutex::new(drive), ports: Mutex::default(), clock, exchanged: watch::Sender::new(0) })
    }

    /// Takes these points in place of those that it has, while it runs. A line that stays is neither let go of nor
    /// switched, and its limits go on counting; a point that is new or goes is made safe. A point that is renamed keeps
    /// its line. The port of a new number on a serial port has to be served already.
    ///
    /// # Errors
    /// [`PointsError`] when limits exclude each other, a line cannot be taken, or a held line would be used in another
    /// way. The points stay as they are then, of which at most some were made safe.
    pub fn exchange(&self, configs: &[PointConfig], gpio: &dyn GpioBackend) -> Result<(), PointsError> {
        limits::check(configs)?;
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        let _failures = self.refresh(&mut drive, now);
        drive.exchange(configs, gpio, now)?;
        drop(drive);
        self.exchanged.send_modify(|count| *count = count.saturating_add(1));
        Ok(())
    }

    /// Checks that the limits of these points can be kept together, without touching a line.
    ///
    /// # Errors
    /// [`PointsError::Limits`] with the first rule that cannot be kept.
    pub fn check(configs: &[PointConfig]) -> Result<(), PointsError> {
        limits::check(configs)
    }

    /// Sets a point, if its limits permit it. Setting the value that it has succeeds and restarts no limit.
    ///
    /// Points whose `requires` would be lost are made safe first. A number on a serial port blocks (see the module).
    ///
    /// # Errors
    /// [`Refusal`]: the limit in the way and how long, or the failure of the hardware, after which the point was made
    /// safe.
    pub fn set(&self, id: &str, value: PointValue) -> Result<Applied, Refusal> {
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        let number = drive.number(id)?;
        if drive.is_value(number) {
            drop(drive);
            return self.set_value(id, value);
        }
        if !drive.is_output(number) {
            return Err(Refusal::ReadOnly { point: id.to_owned() });
        }
        let PointValue::Switch(on) = value else {
            return Err(Refusal::Value { point: id.to_owned(), value, takes: "on or off" });
        };
        self.refresh(&mut drive, now);
        let previous = drive.interlocks.value(number);
        let steps = drive.interlocks.plan_set(number, on, now).map_err(|forbidden| drive.refusal(number, forbidden))?;
        drive.switch(&steps, now)?;
        Ok(Applied { previous, value, read_back: true })
    }

    /// Whether [`Self::set`] would be permitted as things stand. Touches nothing, and promises nothing for a moment later.
    ///
    /// # Errors
    /// [`Refusal`] as of [`Self::set`], all but failures of the hardware.
    pub fn may_set(&self, id: &str, value: PointValue) -> Result<(), Refusal> {
        let drive = self.lock();
        let number = drive.number(id)?;
        let wrong = |takes| Refusal::Value { point: id.to_owned(), value, takes };
        if drive.is_value(number) {
            let is_written = drive.value_line(number).is_some_and(|line| line.write.is_some());
            let is_number = matches!(value, PointValue::Number(wanted) if wanted.is_finite());
            return match (is_written, is_number) {
                (false, _) => Err(Refusal::ReadOnly { point: id.to_owned() }),
                (true, false) => Err(wrong("a number")),
                (true, true) => Ok(()),
            };
        }
        if !drive.is_output(number) {
            return Err(Refusal::ReadOnly { point: id.to_owned() });
        }
        let PointValue::Switch(on) = value else { return Err(wrong("on or off")) };
        let planned = drive.interlocks.plan_set(number, on, self.clock.monotonic());
        planned.map(|_steps| ()).map_err(|forbidden| drive.refusal(number, forbidden))
    }

    /// What is known of a point; none if there is no such point.
    pub fn state(&self, id: &str) -> Option<PointState> {
        let drive = self.lock();
        drive.number(id).ok().map(|number| drive.state(number))
    }

    /// What is known of all points, in the order of the config.
    pub fn snapshot(&self) -> Vec<PointState> {
        self.lock().snapshot()
    }

    /// Reads the inputs and makes safe what has been on for too long, what lost a requirement, and what could not be
    /// made safe before. Returns what failed.
    pub fn tick(&self) -> Vec<Failure> {
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        self.refresh(&mut drive, now)
    }

    /// When [`Self::tick`] has something to do next; none when it never has.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let drive = self.lock();
        let poll = drive.has_inputs().then(|| self.clock.monotonic().saturating_add(INPUT_POLL));
        [drive.interlocks.next_deadline(), poll].into_iter().flatten().min()
    }

    /// How long until [`Self::tick`] has something to do; none when it never has.
    pub fn until_next_deadline(&self) -> Option<Duration> {
        self.next_deadline().map(|deadline| deadline.saturating_since(self.clock.monotonic()))
    }

    /// Makes one point safe, whatever its limits say.
    ///
    /// # Errors
    /// [`Refusal`] for an unknown point, an input, or a failure of the hardware; a failed point is tried again by
    /// [`Self::tick`].
    pub fn make_safe(&self, id: &str) -> Result<(), Refusal> {
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        let number = drive.number(id)?;
        if !drive.is_output(number) {
            return Err(Refusal::ReadOnly { point: id.to_owned() });
        }
        let steps = drive.interlocks.plan_safe(&[number], Cause::Safe);
        drive.make_safe(&steps, now).into_iter().next().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Makes every output safe, past failures. Returns what failed.
    pub fn make_all_safe(&self) -> Vec<Failure> {
        let mut drive = self.lock();
        let points = drive.interlocks.switched();
        self.all_safe(&mut drive, &points, Cause::Safe)
    }

    /// Makes every output with `stop` safe, past failures. Returns what failed.
    pub fn stop_all(&self) -> Vec<Failure> {
        let mut drive = self.lock();
        let points = drive.interlocks.stopped();
        self.all_safe(&mut drive, &points, Cause::Stop)
    }

    /// The changes after the one numbered `seq` (0: all that are kept, at most [`KEPT_CHANGES`]).
    pub fn changes_since(&self, seq: u64) -> Changes {
        self.lock().changes.since(seq)
    }

    /// The number of the latest change, as it moves.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.lock().changes.watch()
    }

    fn all_safe(&self, drive: &mut Drive, points: &[usize], cause: Cause) -> Vec<Failure> {
        let steps = drive.interlocks.plan_safe(points, cause);
        drive.make_safe(&steps, self.clock.monotonic())
    }

    fn refresh(&self, drive: &mut Drive, now: Monotonic) -> Vec<Failure> {
        drive.poll_inputs(now, Cause::Input);
        drive.settle(now)
    }

    fn lock(&self) -> MutexGuard<'_, Drive> {
        // A panic while the lock was held leaves at worst a line whose note is old; the lines must stay reachable.
        self.drive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Points {
    fn drop(&mut self) {
        // A freed line falls back to its pull; until then it is safe. What fails is logged where it fails.
        let _failures = self.make_all_safe();
    }
}

#[cfg(test)]
mod tests;
