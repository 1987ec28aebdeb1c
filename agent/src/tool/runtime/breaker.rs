//! Circuit breakers: what fails again and again is left alone for a while.
//!
//! Owns one breaker for each tool, or for each pair of tool and entity, so that one dead instrument does not keep others
//! from being called. A breaker opens after [`FAILURES`] failures in a row and refuses for a cool-down. Then it lets one
//! call through, a probe: its success closes the breaker, its failure opens it for twice as long, up to [`LONGEST`]. A
//! refusal is no failure and no success: it says nothing of the device.
//!
//! | state | a call comes | a call succeeded | a call failed | a call was refused |
//! | --- | --- | --- | --- | --- |
//! | closed | goes through | closed, none failed | counted; the fifth in a row opens | - |
//! | open | refused until the cool-down is over, then it is the probe | closed | - | - |
//! | probing | refused until the probe ended, or should have | closed | open, twice as long | the next call is the probe |
//!
//! Leaves to the runtime which calls go past the breakers: those that make something safe.

use std::collections::HashMap;
use std::time::Duration;

use victus_hw::clock::Monotonic;

/// How many failures in a row open a breaker.
pub(super) const FAILURES: u32 = 5;

/// How long a breaker refuses at first.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(10);

/// How long a breaker refuses at most.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// How many breakers are kept: those of which something failed last. The one longest unused goes first.
const MAX_BREAKERS: usize = 256;

/// A tool, and the entity that it was called for.
pub(super) type Circuit = (&'static str, Option<String>);

/// What came of a call, as far as a breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Succeeded,
    Failed,
    Refused,
}

/// What the end of a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened, for so long.
    Opened(Duration),
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Monotonic,
        cool_down: Duration,
    },
    /// A probe is under way, and should have ended at `until`.
    Probing {
        until: Monotonic,
        cool_down: Duration,
    },
}

impl State {
    /// How long a call that comes now is refused; none where it goes through.
    fn refuses(self, now: Monotonic) -> Option<Duration> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { until, .. } | Self::Probing { until, .. } => {
                Some(until.saturating_since(now)).filter(|wait| !wait.is_zero())
            }
        }
    }

    /// A call that goes through begins, which ends within `timeout`.
    fn begin(&mut self, now: Monotonic, timeout: Duration) {
        if let Self::Open { cool_down, .. } | Self::Probing { cool_down, .. } = *self {
            *self = Self::Probing { until: now.saturating_add(timeout), cool_down };
        }
    }

    fn end(&mut self, now: Monotonic, ended: Ended) -> Option<Change> {
        let (next, change) = match (*self, ended) {
            (Self::Closed { .. }, Ended::Succeeded) => (Self::Closed { failures: 0 }, None),
            (_, Ended::Succeeded) => (Self::Closed { failures: 0 }, Some(Change::Closed)),
            (Self::Closed { failures }, Ended::Failed) if failures + 1 < FAILURES => {
                (Self::Closed { failures: failures + 1 }, None)
            }
            (Self::Closed { .. }, Ended::Failed) => Self::opened(now, COOL_DOWN),
            (Self::Probing { cool_down, .. }, Ended::Failed) => Self::opened(now, LONGEST.min(2 * cool_down)),
            (Self::Probing { cool_down, .. }, Ended::Refused) => (Self::Open { until: now, cool_down }, None),
            // A call that began before it opened.
            (Self::Open { .. }, Ended::Failed | Ended::Refused) | (Self::Closed { .. }, Ended::Refused) => {
                (*self, None)
            }
        };
        *self = next;
        change
    }

    fn opened(now: Monotonic, cool_down: Duration) -> (Self, Option<Change>) {
        (Self::Open { until: now.saturating_add(cool_down), cool_down }, Some(Change::Opened(cool_down)))
    }
}

/// The breakers of all tools.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    states: HashMap<Circuit, (State, Monotonic)>,
}

impl Breakers {
    /// How long a call that comes now is refused; none where it goes through.
    pub(super) fn refuses(&self, circuit: &Circuit, now: Monotonic) -> Option<Duration> {
        self.states.get(circuit).and_then(|(state, _)| state.refuses(now))
    }

    /// A call begins, which ends within `timeout`, unless it is refused: for how long then.
    pub(super) fn begin(&mut self, circuit: &Circuit, now: Monotonic, timeout: Duration) -> Option<Duration> {
        let (state, used) = self.states.get_mut(circuit)?;
        let refused = state.refuses(now);
        if refused.is_none() {
            state.begin(now, timeout);
            *used = now;
        }
        refused
    }

    /// A call ended.
    pub(super) fn end(&mut self, circuit: Circuit, now: Monotonic, ended: Ended) -> Option<Change> {
        if !self.states.contains_key(&circuit) {
            if ended != Ended::Failed {
                return None;
            }
            self.make_room();
        }
        let (state, used) = self.states.entry(circuit.clone()).or_insert((State::Closed { failures: 0 }, now));
        *used = now;
        let change = state.end(now, ended);
        if *state == (State::Closed { failures: 0 }) {
            self.states.remove(&circuit);
        }
        change
    }

    fn make_room(&mut self) {
        if self.states.len() >= MAX_BREAKERS {
            let idle = self.states.iter().min_by_key(|(_, (_, used))| *used).map(|(circuit, _)| circuit.clone());
            if let Some(idle) = idle {
                self.states.remove(&idle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn every_state_meets_every_event_as_the_table_says() {
        let seconds = Duration::from_secs;
        let closed = |failures| State::Closed { failures };
        let open = |until, cool_down| State::Open { until: at(until), cool_down: seconds(cool_down) };
        let probing = |until, cool_down| State::Probing { until: at(until), cool_down: seconds(cool_down) };
        let opened = |cool_down| Some(Change::Opened(seconds(cool_down)));
        let table = [
            (closed(0), Ended::Succeeded, closed(0), None),
            (closed(4), Ended::Succeeded, closed(0), None),
            (closed(0), Ended::Failed, closed(1), None),
            (closed(4), Ended::Failed, open(110, 10), opened(10)),
            (closed(4), Ended::Refused, closed(4), None),
            (open(105, 10), Ended::Succeeded, closed(0), Some(Change::Closed)),
            (open(105, 10), Ended::Failed, open(105, 10), None),
            (open(105, 10), Ended::Refused, open(105, 10), None),
            (probing(105, 10), Ended::Succeeded, closed(0), Some(Change::Closed)),
            (probing(105, 10), Ended::Failed, open(120, 20), opened(20)),
            (probing(105, 200), Ended::Failed, open(400, 300), opened(300)),
            (probing(105, 10), Ended::Refused, open(100, 10), None),
        ];
        for (before, ended, after, change) in table {
            let mut state = before;
            assert_eq!((state.end(at(100), ended), state), (change, after), "{before:?} {ended:?}");
        }
        let waits = [
            (closed(4), None, closed(4)),
            (open(105, 10), Some(5), open(105, 10)),
            (open(100, 10), None, probing(103, 10)),
            (probing(105, 10), Some(5), probing(105, 10)),
            (probing(99, 10), None, probing(103, 10)),
        ];
        for (before, wait, after) in waits {
            let mut state = before;
            assert_eq!(state.refuses(at(100)), wait.map(seconds), "{before:?}");
            if wait.is_none() {
                state.begin(at(100), seconds(3));
            }
            assert_eq!(state, after, "{before:?}");
        }
    }

    #[test]
    fn the_breakers_are_bounded_and_one_device_does_not_stop_another() {
        let mut breakers = Breakers::default();
        let circuit = |number: usize| ("entity.set", Some(format!("number.n{number}")));
        for _ in 0..FAILURES {
            breakers.end(circuit(0), at(1), Ended::Failed);
        }
        assert_eq!(breakers.begin(&circuit(0), at(2), COOL_DOWN), Some(Duration::from_secs(9)));
        assert_eq!(breakers.begin(&circuit(1), at(2), COOL_DOWN), None);
        assert_eq!(breakers.begin(&("entity.get", circuit(0).1), at(2), COOL_DOWN), None);
        for number in 1..2 * MAX_BREAKERS {
            breakers.end(circuit(number), at(3), Ended::Failed);
            breakers.end(circuit(number), at(3), Ended::Refused);
        }
        assert_eq!(breakers.states.len(), MAX_BREAKERS);
        breakers.end(circuit(2 * MAX_BREAKERS - 1), at(4), Ended::Succeeded);
        assert_eq!(breakers.states.len(), MAX_BREAKERS - 1, "what works needs no breaker");
    }
}
