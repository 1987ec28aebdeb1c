//! How long to wait before a loop starts again.
//!
//! The wait doubles from `first` to `most`, is forgotten after a run of `reset_after`, and is shortened by up to a
//! quarter at random, so that loops that fell together do not rise together for ever.

use std::time::Duration;

use rand::RngExt;

/// The bounds of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffLimits {
    /// The wait after the first crash.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// How long a run must be good for the crashes before it to be forgotten.
    pub reset_after: Duration,
}

impl Default for BackoffLimits {
    /// 1 s, 60 s, 60 s: quick enough for a microphone that was pulled out, slow enough to leave a log readable.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(60), reset_after: Duration::from_secs(60) }
    }
}

/// The wait of one loop.
#[derive(Debug)]
pub struct Backoff {
    limits: BackoffLimits,
    crashes: u32,
}

impl Backoff {
    /// The wait of a loop that has not crashed yet.
    pub fn new(limits: BackoffLimits) -> Self {
        Self { limits, crashes: 0 }
    }

    /// How long to wait after a crash that ended a run of `ran_for`.
    pub fn next(&mut self, ran_for: Duration, rng: &mut dyn rand::Rng) -> Duration {
        if ran_for >= self.limits.reset_after {
            self.crashes = 0;
        }
        let factor = 1_u32.checked_shl(self.crashes).unwrap_or(u32::MAX);
        self.crashes = self.crashes.saturating_add(1);
        let wait = self.limits.first.saturating_mul(factor).min(self.limits.most);
        wait.mul_f64(rng.random_range(0.75..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_most_and_is_forgotten_after_a_good_run() {
        let mut backoff = Backoff::new(BackoffLimits::default());
        let mut rng = StdRng::seed_from_u64(1);
        let mut next = |ran_for| backoff.next(Duration::from_secs(ran_for), &mut rng).as_secs_f64();
        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0] {
            let wait = next(59);
            assert!((0.75 * expected..=expected).contains(&wait), "{wait} for {expected}");
        }
        assert!(next(60) <= 1.0);
        assert!((1.5..=2.0).contains(&next(0)));
    }

    proptest! {
        #[test]
        fn the_wait_is_never_zero_and_never_above_the_most(runs in prop::collection::vec(0_u64..100, 1..200), seed in any::<u64>()) {
            let limits = BackoffLimits::default();
            let mut backoff = Backoff::new(limits);
            let mut rng = StdRng::seed_from_u64(seed);
            for run in runs {
                let wait = backoff.next(Duration::from_secs(run), &mut rng);
                prop_assert!(wait >= limits.first.mul_f64(0.75) && wait <= limits.most, "{:?}", wait);
            }
        }
    }
}
