//! Points on their lines: does the steps of the interlocks and keeps record of what came of them.
//!
//! Owns the held lines, the read-back after each write, the polling of inputs and the change records. Promises that a
//! failure never ends a list of steps half way when the list makes points safe, and that a point in conflict with one
//! that may be on is never switched on. Leaves the decision to [`super::interlock`] and the lock to [`super::Points`].

use std::collections::HashMap;
use std::time::Duration;

use super::changes::{Cause, Change, ChangeRing};
use super::interlock::{Forbidden, Interlocks, Step};
use super::refusal::{AfterFailure, Failure, PointsError, Refusal, Rule};
use super::{PointConfig, PointDriver, PointKind, PointState, PointValue};
use crate::clock::Monotonic;
use crate::gpio::{GpioBackend, InputLine, Level, OutputLine};

/// How many points an error lists.
const LISTED_POINTS: usize = 8;

/// A point's hold on the world.
#[derive(Debug)]
pub(super) enum Hold {
    Output {
        line: Box<dyn OutputLine>,
        active_low: bool,
    },
    Input {
        line: Box<dyn InputLine>,
        active_low: bool,
    },
    /// Read and written by the loop of a port.
    Value(ValueLine),
}

/// How a number on a serial port is read and written.
#[derive(Debug, Clone)]
pub(super) struct ValueLine {
    pub(super) port: String,
    pub(super) read: Option<String>,
    pub(super) write: Option<String>,
    pub(super) poll: Duration,
}

/// A point, what it is connected to, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) id: String,
    pub(super) driver: PointDriver,
    hold: Hold,
    fault: Option<String>,
}

/// Everything behind the lock of [`super::Points`].
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) points: Vec<Point>,
    pub(super) numbers: HashMap<String, usize>,
    pub(super) interlocks: Interlocks,
    pub(super) changes: ChangeRing,
}

impl Drive {
    /// Takes every line; outputs get their safe state with the request, those that are safe when off first.
    pub(super) fn new(configs: &[PointConfig], gpio: &dyn GpioBackend, now: Monotonic) -> Result<Self, PointsError> {
        let mut drive = Self {
            points: Vec::new(),
            numbers: HashMap::new(),
            interlocks: Interlocks::new(&[], now),
            changes: ChangeRing::new(),
        };
        drive.exchange(configs, gpio, now)?;
        Ok(drive)
    }

    pub(super) fn not_read_yet(&mut self, number: usize, now: Monotonic) {
        self.learn(number, None, Cause::Start, Some("It has not been read yet.".to_owned()), now);
    }

    pub(super) fn number(&self, id: &str) -> Result<usize, Refusal> {
        self.numbers.get(id).copied().ok_or_else(|| {
            let mut ids: Vec<&str> = self.points.iter().map(|point| point.id.as_str()).collect();
            ids.sort_unstable();
            let more = if ids.len() > LISTED_POINTS { " and others" } else { "" };
            ids.truncate(LISTED_POINTS);
            let known = if ids.is_empty() {
                "No points are configured.".to_owned()
            } else {
                format!("Points that exist: {}{more}.", ids.join(", "))
            };
            Refusal::Unknown { point: id.to_owned(), known }
        })
    }

    pub(super) fn is_output(&self, number: usize) -> bool {
        matches!(self.points[number].hold, Hold::Output { .. })
    }

    pub(super) fn is_value(&self, number: usize) -> bool {
        matches!(self.points[number].hold, Hold::Value(_))
    }

    /// How a number is read and written; none for a line.
    pub(super) fn value_line(&self, number: usize) -> Option<&ValueLine> {
        match &self.points[number].hold {
            Hold::Value(line) => Some(line),
            _ => None,
        }
    }

    /// The numbers on one port: place, id, and how they are read and written.
    pub(super) fn values_on<'a>(&'a self, port: &'a str) -> impl Iterator<Item = (usize, &'a str, &'a ValueLine)> {
        self.points.iter().enumerate().filter_map(move |(number, point)| match &point.hold {
            Hold::Value(line) if line.port == port => Some((number, point.id.as_str(), line)),
            _ => None,
        })
    }

    pub(super) fn has_inputs(&self) -> bool {
        self.points.iter().any(|point| matches!(point.hold, Hold::Input { .. }))
    }

    pub(super) fn state(&self, number: usize) -> PointState {
        let point = &self.points[number];
        PointState {
            id: point.id.clone(),
            kind: match point.hold {
                Hold::Output { .. } => PointKind::Output,
                Hold::Input { .. } => PointKind::Input,
                Hold::Value(_) => PointKind::Value,
            },
            value: self.interlocks.value(number),
            since: self.interlocks.since(number),
            safe: self.is_output(number).then(|| self.interlocks.safe(number)),
            fault: point.fault.clone(),
        }
    }

    pub(super) fn snapshot(&self) -> Vec<PointState> {
        (0..self.points.len()).map(|number| self.state(number)).collect()
    }

    /// The refusal for a limit, with points by id.
    pub(super) fn refusal(&self, number: usize, forbidden: Forbidden) -> Refusal {
        let id = |number: usize| self.points[number].id.clone();
        let rule = match forbidden {
            Forbidden::MinOn { wait } => Rule::MinOn { wait },
            Forbidden::MinOff { wait } => Rule::MinOff { wait },
            Forbidden::Rate { wait, rate } => Rule::Rate { wait, count: rate.count, per: rate.per },
            Forbidden::Conflict { with, known } => Rule::Conflict { with: id(with), known },
            Forbidden::Requires { point, is, found } => Rule::Requires { point: id(point), is, found },
        };
        Refusal::Interlock { point: id(number), rule }
    }

    /// Does steps up to the first failure; the point that failed is then made safe.
    pub(super) fn switch(&mut self, steps: &[Step], now: Monotonic) -> Result<(), Failure> {
        for step in steps {
            if let Err(mut failure) = self.step(*step, now) {
                let number = step.point;
                let safe = self.interlocks.plan_safe(&[number], Cause::Fault);
                self.make_safe(&safe, now);
                let is_safe = self.interlocks.value(number) == Some(PointValue::Switch(self.interlocks.safe(number)));
                failure.after = if is_safe { AfterFailure::Safe } else { AfterFailure::Unknown };
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Does every step, past failures.
    pub(super) fn make_safe(&mut self, steps: &[Step], now: Monotonic) -> Vec<Failure> {
        let mut failures = Vec::new();
        for step in steps {
            if let Err(failure) = self.step(*step, now) {
                log::error!(point = failure.point.as_str(); "{failure}");
                failures.push(failure);
            }
        }
        failures
    }

    /// Makes safe what is due. Each pass only moves points to their safe state, so it ends after as many as there are.
    pub(super) fn settle(&mut self, now: Monotonic) -> Vec<Failure> {
        let mut failures = Vec::new();
        for _ in 0..=self.points.len() {
            let due = self.interlocks.due(now);
            if due.is_empty() {
                break;
            }
            for (number, cause) in due {
                let steps = self.interlocks.plan_safe(&[number], cause);
                failures.extend(self.make_safe(&steps, now));
            }
        }
        failures
    }

    fn step(&mut self, step: Step, now: Monotonic) -> Result<(), Failure> {
        if let Some(other) = self.interlocks.clash(step.point).filter(|_| step.on) {
            let reason = format!("{} may be on, and they are in conflict.", self.points[other].id);
            self.learn(step.point, None, step.cause, Some(reason.clone()), now);
            return Err(self.failure(step, reason));
        }
        self.interlocks.attempted(step.point, step.on, now);
        let outcome = self.points[step.point].write(step.on);
        match outcome {
            Ok(()) => {
                self.learn(step.point, Some(PointValue::Switch(step.on)), step.cause, None, now);
                Ok(())
            }
            Err(reason) => {
                self.learn(step.point, None, Cause::Fault, Some(reason.clone()), now);
                Err(self.failure(step, reason))
            }
        }
    }

    fn failure(&self, step: Step, reason: String) -> Failure {
        let point = self.points[step.point].id.clone();
        Failure { point, wanted: PointValue::Switch(step.on), reason, after: AfterFailure::Unknown }
    }

    /// Reads every input and records those that changed.
    pub(super) fn poll_inputs(&mut self, now: Monotonic, cause: Cause) {
        for number in 0..self.points.len() {
            let Hold::Input { line, active_low } = &self.points[number].hold else { continue };
            let (value, fault) = match line.read() {
                Ok(level) => (Some(PointValue::Switch(level.is_on(*active_low))), None),
                Err(error) => (None, Some(error.to_string())),
            };
            self.learn(number, value, cause, fault, now);
        }
    }

    /// Takes in what a point was seen to be; records it if it is news.
    pub(super) fn learn(
        &mut self,
        number: usize,
        value: Option<PointValue>,
        cause: Cause,
        fault: Option<String>,
        now: Monotonic,
    ) {
        let previous = self.interlocks.value(number);
        self.interlocks.seen(number, value, now);
        let point = &mut self.points[number];
        if previous != value || point.fault.is_some() != fault.is_some() {
            let id = point.id.clone();
            self.changes.push(Change { seq: 0, at: now, point: id, previous, value, cause, fault: fault.clone() });
        }
        point.fault = fault;
    }
}

impl Point {
    pub(super) fn new(config: &PointConfig, hold: Hold) -> Self {
        Self { id: config.id.clone(), driver: config.driver.clone(), hold, fault: None }
    }

    /// Drives the line and looks whether it followed. The error is a sentence.
    fn write(&mut self, on: bool) -> Result<(), String> {
        let Hold::Output { line, active_low } = &mut self.hold else {
            return Err(format!("{} is no output.", self.id));
        };
        let wanted = Level::of(on, *active_low);
        line.set(wanted).map_err(|error| error.to_string())?;
        let seen = line.read_back().map_err(|error| error.to_string())?;
        if seen == wanted {
            Ok(())
        } else {
            Err(format!("The line was driven {wanted} and reads {seen}: check for a short circuit or a broken output."))
        }
    }
}

/// Takes the line of a point; an output has its safe state with the request.
pub(super) fn take(config: &PointConfig, gpio: &dyn GpioBackend) -> Result<Hold, crate::gpio::GpioError> {
    match &config.driver {
        PointDriver::GpioOutput { line, active_low } => Ok(Hold::Output {
            line: gpio.request_output(line, Level::of(config.limits.safe, *active_low))?,
            active_low: *active_low,
        }),
        PointDriver::GpioInput { line, active_low, bias } => {
            Ok(Hold::Input { line: gpio.request_input(line, *bias)?, active_low: *active_low })
        }
        PointDriver::SerialLine { port, read, write, poll } => {
            let (port, read, write) = (port.clone(), read.clone(), write.clone());
            Ok(Hold::Value(ValueLine { port, read, write, poll: *poll }))
        }
    }
}
