//! Which lines are held in their safe state.
//!
//! Owns the held lines. A line that cannot be taken yet is reported and stays wanted; asking again never lets go of those
//! that are held.

use crate::gpio::{GpioBackend, GpioError, OutputLine};

use super::SafeLine;

/// The lines of the last `take`, and the hold on each.
#[derive(Debug)]
pub(super) struct Holder {
    gpio: Box<dyn GpioBackend>,
    lines: Vec<(SafeLine, Option<Box<dyn OutputLine>>)>,
}

impl Holder {
    pub(super) fn new(gpio: Box<dyn GpioBackend>) -> Self {
        Self { gpio, lines: Vec::new() }
    }

    /// Lets go of every line and remembers which to take next time. Returns how many were held.
    pub(super) fn release(&mut self, next: Vec<SafeLine>) -> usize {
        let held = self.lines.iter().filter(|(_, hold)| hold.is_some()).count();
        self.lines = next.into_iter().map(|line| (line, None)).collect();
        held
    }

    /// Takes every line that is not held yet. Returns what failed.
    pub(super) fn hold(&mut self) -> Vec<GpioError> {
        let mut failures = Vec::new();
        for (line, hold) in self.lines.iter_mut().filter(|(_, hold)| hold.is_none()) {
            match self.gpio.request_output(&line.line, line.level()) {
                Ok(held) => {
                    log::info!("The line {} is held {}.", line.line, if line.safe { "on" } else { "off" });
                    *hold = Some(held);
                }
                Err(error) => failures.push(error),
            }
        }
        failures
    }
}
