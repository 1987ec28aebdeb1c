//! How long to wait before the next attempt to connect.
//!
//! Owns the rule: decorrelated jitter, `min(cap, uniform(base, 3 * previous))`, so that appliances that lost their broker
//! together do not come back together. A connection that the broker ends soon after it began (a second client with the
//! same id, a refused subscription) goes on backing off: the wait falls back to the base only after a link was good
//! for a while. Time and randomness are arguments.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The rule and its present state.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    good_after: Duration,
    previous: Duration,
}

impl Backoff {
    /// Waits from `base` (at least 1 ms) to `cap` (at least `base`), and from the base again after a link that was good
    /// for `good_after`.
    pub fn new(base: Duration, cap: Duration, good_after: Duration) -> Self {
        let base = base.max(Duration::from_millis(1));
        Self { base, cap: cap.max(base), good_after, previous: base }
    }

    /// Says how long the link that has just ended was good.
    pub fn link_was_good_for(&mut self, good: Duration) {
        if good >= self.good_after {
            self.previous = self.base;
        }
    }

    /// How long to wait before the next attempt.
    pub fn next(&mut self, random: &mut impl Rng) -> Duration {
        let most = self.previous.saturating_mul(3).min(self.cap).max(self.base);
        self.previous = random.random_range(self.base..=most);
        self.previous
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const BASE: Duration = Duration::from_secs(1);
    const CAP: Duration = Duration::from_secs(300);
    const GOOD: Duration = Duration::from_secs(30);

    proptest! {
        #[test]
        fn every_wait_is_within_base_and_cap(seed in any::<u64>(), goods in prop::collection::vec(0_u64..60, 1..60)) {
            let mut random = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(BASE, CAP, GOOD);
            let mut previous = BASE;
            for good in goods {
                let good = Duration::from_secs(good);
                backoff.link_was_good_for(good);
                let from = if good >= GOOD { BASE } else { previous };
                let wait = backoff.next(&mut random);
                prop_assert!(wait >= BASE && wait <= CAP && wait <= from * 3, "{wait:?} after {from:?}");
                previous = wait;
            }
        }
    }

    #[test]
    fn a_link_that_is_kicked_at_once_backs_off_to_minutes_and_a_good_one_starts_anew() {
        let mut random = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new(BASE, CAP, GOOD);
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            backoff.link_was_good_for(Duration::from_secs(1));
            longest = longest.max(backoff.next(&mut random));
        }
        assert!(longest > Duration::from_secs(60), "{longest:?}");
        backoff.link_was_good_for(GOOD);
        assert!(backoff.next(&mut random) <= 3 * BASE);
    }

    #[test]
    fn a_thousand_appliances_that_lost_their_broker_together_come_back_spread() {
        let mut buckets = [0_u32; 10];
        for seed in 0..1000 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(BASE, CAP, GOOD);
            let total: Duration = (0..4).map(|_| backoff.next(&mut random)).sum();
            buckets[usize::try_from(total.as_secs() / 4).unwrap().min(9)] += 1;
        }
        assert!(buckets.iter().all(|&count| count < 600), "{buckets:?}");
        assert!(buckets.iter().filter(|&&count| count > 20).count() >= 4, "{buckets:?}");
    }
}
