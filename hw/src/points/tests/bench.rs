//! A bench of lines in memory: every change of a level is recorded with its time, lines can be broken, and a crash
//! frees all lines as the kernel does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clock::{Clock, Monotonic, SimulatedClock};
use crate::gpio::{Bias, GpioBackend, GpioError, InputLine, Level, LineReference, OutputLine};

/// A line whose level changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Monotonic,
    pub(super) line: String,
    pub(super) level: Level,
}

#[derive(Debug)]
struct BenchLine {
    pull: Level,
    driven: Option<Level>,
    shown: Level,
    held: bool,
    stuck: Option<Level>,
    write_error: bool,
    read_error: bool,
}

#[derive(Debug, Default)]
struct State {
    lines: BTreeMap<String, BenchLine>,
    events: Vec<Event>,
    /// Handles of an earlier life have no effect.
    life: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Bench {
    state: Arc<Mutex<State>>,
    clock: Arc<SimulatedClock>,
}

impl Bench {
    pub(super) fn new(clock: Arc<SimulatedClock>, lines: &[(String, Level)]) -> Self {
        let lines = lines
            .iter()
            .map(|(name, pull)| {
                let line = BenchLine {
                    pull: *pull,
                    driven: None,
                    shown: *pull,
                    held: false,
                    stuck: None,
                    write_error: false,
                    read_error: false,
                };
                (name.clone(), line)
            })
            .collect();
        Self { state: Arc::new(Mutex::new(State { lines, ..State::default() })), clock }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut BenchLine) -> T) -> T {
        let mut state = self.lock();
        let line = state.lines.get_mut(name).unwrap();
        let result = change(line);
        let level = line.stuck.or(line.driven).unwrap_or(line.pull);
        if level != line.shown {
            line.shown = level;
            state.events.push(Event { at: self.clock.monotonic(), line: name.to_owned(), level });
        }
        result
    }

    pub(super) fn drive(&self, name: &str, level: Level) {
        self.change(name, |line| line.driven = Some(level));
    }

    pub(super) fn stick(&self, name: &str, level: Option<Level>) {
        self.change(name, |line| line.stuck = level);
    }

    pub(super) fn break_writes(&self, name: &str, broken: bool) {
        self.change(name, |line| line.write_error = broken);
    }

    pub(super) fn break_reads(&self, name: &str, broken: bool) {
        self.change(name, |line| line.read_error = broken);
    }

    pub(super) fn level(&self, name: &str) -> Level {
        self.lock().lines[name].shown
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock().events)
    }

    /// Frees every line at once: what an output drove is gone.
    pub(super) fn crash(&self, outputs: &[String]) {
        self.lock().life += 1;
        for name in outputs {
            self.change(name, |line| line.driven = None);
        }
        self.lock().lines.values_mut().for_each(|line| line.held = false);
    }

    fn hold(&self, line: &LineReference, initial: Option<Level>) -> Result<Handle, GpioError> {
        let name = line.to_string();
        if !self.lock().lines.contains_key(&name) {
            return Err(GpioError::NoSuchLine { line: name, known: "This is a bench.".to_owned() });
        }
        if std::mem::replace(&mut self.lock().lines.get_mut(&name).unwrap().held, true) {
            return Err(GpioError::Busy { line: name, holder: "the bench".to_owned() });
        }
        if initial.is_some() {
            self.change(&name, |line| line.driven = initial);
        }
        Ok(Handle { life: self.lock().life, bench: self.clone(), output: initial.is_some(), name })
    }
}

impl GpioBackend for Bench {
    fn name(&self) -> &'static str {
        "bench"
    }

    fn request_output(&self, line: &LineReference, initial: Level) -> Result<Box<dyn OutputLine>, GpioError> {
        Ok(Box::new(self.hold(line, Some(initial))?))
    }

    fn request_input(&self, line: &LineReference, _bias: Bias) -> Result<Box<dyn InputLine>, GpioError> {
        Ok(Box::new(self.hold(line, None)?))
    }

    fn lines(&self) -> Result<Vec<LineReference>, GpioError> {
        Ok(self.lock().lines.keys().map(|name| name.as_str().into()).collect())
    }
}

#[derive(Debug)]
struct Handle {
    bench: Bench,
    name: String,
    life: u64,
    output: bool,
}

impl Handle {
    fn failed(&self, action: &'static str) -> GpioError {
        GpioError::Device { line: self.name.clone(), action, reason: "broken on the bench".to_owned() }
    }
}

impl OutputLine for Handle {
    fn set(&mut self, level: Level) -> Result<(), GpioError> {
        if self.bench.lock().life != self.life {
            return Ok(());
        }
        if self.bench.lock().lines[&self.name].write_error {
            return Err(self.failed("set"));
        }
        self.bench.change(&self.name, |line| line.driven = Some(level));
        Ok(())
    }

    fn read_back(&self) -> Result<Level, GpioError> {
        self.read()
    }
}

impl InputLine for Handle {
    fn read(&self) -> Result<Level, GpioError> {
        if self.bench.lock().lines[&self.name].read_error {
            return Err(self.failed("read"));
        }
        Ok(self.bench.level(&self.name))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.bench.lock().life == self.life {
            let output = self.output;
            self.bench.change(&self.name, |line| {
                line.held = false;
                if output {
                    line.driven = None;
                }
            });
        }
    }
}
