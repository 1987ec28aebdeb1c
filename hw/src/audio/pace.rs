//! How fast sound that comes from no device goes by.
//!
//! Owns the waiting of files and simulated devices. Promises that at [`Pace::RealTime`] a sample is not delivered before
//! its time, and that someone who stayed away does not get the time that has passed in one burst. Leaves to the sources
//! what is delivered.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Monotonic};

use super::duration_of;

/// Who is later than this has stayed away: the schedule begins anew instead of being caught up.
const LATE: Duration = Duration::from_millis(200);

/// How fast sound goes by.
#[derive(Clone)]
pub enum Pace {
    /// A second of sound in a second of this clock, which has to run.
    RealTime(Arc<dyn Clock>),
    /// As fast as it is read or given.
    Fast,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::RealTime(_) => "RealTime",
            Self::Fast => "Fast",
        })
    }
}

/// Keeps a stream of samples to its pace.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    rate: u32,
    begun: Option<Monotonic>,
    passed: u64,
}

impl Pacer {
    /// A pacer for sound of `rate` samples a second, whose time begins with the first call to [`Pacer::pass`].
    pub(crate) fn new(pace: Pace, rate: u32) -> Self {
        Self { pace, rate, begun: None, passed: 0 }
    }

    /// Whether this waits at all.
    pub(crate) fn is_real_time(&self) -> bool {
        matches!(self.pace, Pace::RealTime(_))
    }

    /// Waits until `samples` more have had their time.
    pub(crate) fn pass(&mut self, samples: usize) {
        let Pace::RealTime(clock) = &self.pace else { return };
        let now = clock.monotonic();
        let begun = *self.begun.get_or_insert(now);
        self.passed = self.passed.saturating_add(samples as u64);
        let due = begun.saturating_add(duration_of(self.passed, self.rate));
        if now.saturating_since(due) > LATE {
            self.begun = Some(now);
            self.passed = 0;
        } else {
            wait(due.saturating_since(now));
        }
    }

    /// Waits for `duration` without any sample, at real time only.
    pub(crate) fn idle(&mut self, duration: Duration) {
        if self.is_real_time() {
            wait(duration);
        }
        self.begun = None;
        self.passed = 0;
    }
}

fn wait(duration: Duration) {
    if !duration.is_zero() {
        std::thread::sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn real_time_is_kept_and_fast_does_not_wait() {
        let clock = Arc::new(SystemClock::new(0));
        let begun = clock.monotonic();
        let mut fast = Pacer::new(Pace::Fast, 16_000);
        fast.pass(16_000 * 3600);
        let mut paced = Pacer::new(Pace::RealTime(clock.clone()), 16_000);
        for _ in 0..5 {
            paced.pass(160);
        }
        assert!(clock.monotonic().saturating_since(begun) >= Duration::from_millis(50));
    }

    #[test]
    fn who_stayed_away_gets_no_burst() {
        let clock = Arc::new(crate::clock::SimulatedClock::new(0));
        let mut pacer = Pacer::new(Pace::RealTime(clock.clone()), 16_000);
        pacer.pass(0);
        clock.advance(Duration::from_secs(60));
        pacer.pass(160);
        assert_eq!((pacer.passed, pacer.begun), (0, Some(clock.monotonic())));
    }
}
