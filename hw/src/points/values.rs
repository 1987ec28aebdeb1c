//! Numbers on serial ports.
//!
//! Owns what the answers of an instrument mean: an answer is a number and nothing else, or the point is unavailable; no
//! value is shown longer than its port is served. A value that is written is read again where it can be, and counts as
//! set only if the instrument then has it, to half a unit of the last decimal place that it shows.
//! The port itself, its queue and its timeouts belong to [`crate::serial`].

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::changes::Cause;
use super::refusal::{AfterFailure, Failure, Refusal};
use super::{Applied, PointConfig, PointDriver, PointValue, Points};
use crate::serial::{Answers, Poll, PortConfig, PortLoop, SerialError};

/// The shortest time between two polls of a point.
pub const SHORTEST_POLL: Duration = Duration::from_millis(10);

/// The longest request to an instrument in bytes.
const LONGEST_REQUEST: usize = 128;

/// Where the number goes in a write.
const PLACE: &str = "{value}";

/// Serves one serial port for the points that are on it, until the future is dropped; those points are unavailable then.
/// One task for each port.
pub async fn serve_port(points: Arc<Points>, config: PortConfig) {
    let name = config.name.clone();
    let mut exchanged = points.exchanged.subscribe();
    let _served = Served { points: Arc::clone(&points), port: name.clone() };
    let mut polls = points.polls(&name);
    let mut service = PortLoop::new(config, polls.clone());
    points.ports().insert(name.clone(), service.handle());
    loop {
        tokio::select! {
            () = service.run(|point, answer| points.take_answer(point, answer)) => {}
            () = others_to_poll(&points, &name, &polls, &mut exchanged) => {}
        }
        // Who waits in the queue is served once the port is open again.
        polls = points.polls(&name);
        service.set_polls(polls.clone());
    }
}

/// Returns when something else has to be asked on a port than `polls`.
async fn others_to_poll(points: &Points, port: &str, polls: &[Poll], exchanged: &mut watch::Receiver<u64>) {
    while exchanged.changed().await.is_ok() {
        if points.polls(port) != polls {
            return;
        }
    }
    std::future::pending().await
}

/// What a simulated instrument has to answer so that the points on `port` can be read (0 at first) and written.
pub fn simulated_answers(configs: &[PointConfig], port: &str) -> Answers {
    let mut answers = Answers::new();
    for config in configs {
        if let PointDriver::SerialLine { port: on, read, write, .. } = &config.driver
            && on == port
        {
            if let Some(read) = read {
                answers = answers.answer(read, "0");
            }
            if let Some(write) = write {
                answers = answers.write(write, read.as_deref(), None);
            }
        }
    }
    answers
}

/// Checks how a number is read and written.
pub(super) fn check(read: Option<&str>, write: Option<&str>, poll: Duration) -> Result<(), String> {
    if read.is_none() && write.is_none() {
        return Err("it can be neither read nor written; give it `read`, `write` or both".to_owned());
    }
    for (key, text) in [("read", read), ("write", write)] {
        let Some(text) = text else { continue };
        if text.is_empty() || text.len() > LONGEST_REQUEST || text.chars().any(char::is_control) {
            return Err(format!("its `{key}` has to be a line of 1 to {LONGEST_REQUEST} visible characters"));
        }
    }
    if write.is_some_and(|write| write.matches(PLACE).count() != 1) {
        return Err(format!("its `write` has to contain {PLACE} once, in the place of the number"));
    }
    if read.is_some() && poll < SHORTEST_POLL {
        return Err(format!("its `poll` is below {SHORTEST_POLL:?}, faster than a serial port answers"));
    }
    Ok(())
}

/// Marks the points of a port unavailable when its loop ends, however it ends.
struct Served {
    points: Arc<Points>,
    port: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.points.ports().remove(&self.port);
        let polled: Vec<String> = self.points.polls(&self.port).into_iter().map(|poll| poll.point).collect();
        for point in polled {
            self.points.take_answer(&point, Err(SerialError::NotServed { port: self.port.clone() }));
        }
    }
}

/// The number that an answer is, and half a unit of its last decimal place.
fn number(answer: &str) -> Option<(f64, f64)> {
    let text = answer.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = unsigned.starts_with(|first: char| first.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    let number: f64 = text.parse().ok().filter(|number: &f64| plain && number.is_finite())?;
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let last_place = exponent.parse::<i32>().unwrap_or(0).saturating_sub(i32::try_from(decimals).unwrap_or(0));
    Some((number, 0.5 * 10_f64.powi(last_place)))
}

impl Points {
    fn ports(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, crate::serial::PortHandle>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be asked on a port.
    fn polls(&self, port: &str) -> Vec<Poll> {
        let drive = self.lock();
        let values = drive.values_on(port);
        values
            .filter_map(|(_, id, line)| {
                Some(Poll { point: id.to_owned(), request: line.read.clone()?, every: line.poll })
            })
            .collect()
    }

    /// Takes in the answer to a poll.
    fn take_answer(&self, point: &str, answer: Result<String, SerialError>) {
        let read = answer.map_err(|error| error.to_string()).and_then(|answer| {
            let (number, _) = number(&answer).ok_or_else(|| not_a_number(&answer))?;
            Ok(PointValue::Number(number))
        });
        let (value, fault) = match read {
            Ok(value) => (Some(value), None),
            Err(fault) => (None, Some(fault)),
        };
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        if let Ok(number) = drive.number(point) {
            drive.learn(number, value, Cause::Input, fault, now);
            // A point may require this value while it is on. What fails is logged and tried again by the tick.
            let _failures = drive.settle(now);
        }
    }

    /// Writes a number to an instrument; blocks.
    pub(super) fn set_value(&self, id: &str, value: PointValue) -> Result<Applied, Refusal> {
        let (line, previous) = {
            let drive = self.lock();
            let number = drive.number(id)?;
            (drive.value_line(number).cloned(), drive.interlocks.value(number))
        };
        let Some((line, write)) = line.and_then(|line| line.write.clone().map(|write| (line, write))) else {
            return Err(Refusal::ReadOnly { point: id.to_owned() });
        };
        let wanted = match value {
            PointValue::Number(wanted) if wanted.is_finite() => wanted,
            _ => return Err(Refusal::Value { point: id.to_owned(), value, takes: "a number" }),
        };
        let failed = |reason: String| Refusal::Failure(Failure::of_value(id, value, reason));
        let handle = self.ports().get(&line.port).cloned();
        let handle = handle.ok_or_else(|| failed(SerialError::NotServed { port: line.port.clone() }.to_string()))?;
        let answer = handle
            .write(&write.replace(PLACE, &wanted.to_string()), line.read.as_deref())
            .map_err(|error| failed(error.to_string()))?;
        let seen = match answer {
            None => None,
            Some(answer) => {
                let read = self::number(&answer);
                let taken = read.filter(|(seen, half_unit)| (seen - wanted).abs() <= half_unit + f64::EPSILON);
                if taken.is_none() {
                    self.take_answer(id, Ok(answer.clone()));
                    return Err(failed(format!("The instrument shows `{}` afterwards.", answer.trim())));
                }
                taken.map(|(seen, _)| seen)
            }
        };
        let value = PointValue::Number(seen.unwrap_or(wanted));
        let mut drive = self.lock();
        let now = self.clock.monotonic();
        // The points may have been exchanged in the meantime.
        let number = drive.number(id)?;
        drive.learn(number, Some(value), Cause::Set, None, now);
        let _failures = drive.settle(now);
        Ok(Applied { previous, value, read_back: seen.is_some() })
    }
}

fn not_a_number(answer: &str) -> String {
    let shown: String = answer.trim().chars().take(40).collect();
    format!("The instrument answered `{shown}`, which is no number. Check the `read` request of this point.")
}

impl Failure {
    fn of_value(point: &str, value: PointValue, reason: String) -> Self {
        Self { point: point.to_owned(), wanted: value, reason, after: AfterFailure::Unchecked }
    }
}

#[cfg(test)]
mod tests;
