//! How often something may happen.
//!
//! Owns one token bucket: so many at once, so many a second from then on. It bounds the backlog's rate, and what hostile
//! messages and a flapping link may write into the journal. Time is an argument.

use std::time::Duration;

use victus_hw::clock::Monotonic;

/// A token bucket. It begins full.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled_at: Option<Monotonic>,
}

impl TokenBucket {
    /// `burst` at once and `per_second` from then on; `burst` is at least 1.
    pub fn new(per_second: f64, burst: f64) -> Self {
        let burst = burst.max(1.0);
        Self { per_second, burst, tokens: burst, filled_at: None }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none: how long until there is, at least 1 ms and at most a day.
    pub fn take(&mut self, now: Monotonic) -> Result<(), Duration> {
        let since = self.filled_at.map_or(Duration::ZERO, |filled| now.saturating_since(filled));
        self.tokens = (self.tokens + since.as_secs_f64() * self.per_second).min(self.burst);
        self.filled_at = Some(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let seconds = (1.0 - self.tokens) / self.per_second;
        Err(Duration::from_secs_f64(if seconds.is_finite() { seconds.clamp(0.001, 86_400.0) } else { 86_400.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Monotonic {
        Monotonic::from_duration(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10.0, 3.0);
        for _ in 0..3 {
            assert_eq!(bucket.take(at(5000)), Ok(()));
        }
        assert_eq!(bucket.take(at(5000)), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(at(5100)), Ok(()));
        assert!(bucket.take(at(5100)).is_err());
        assert_eq!((0..10).filter(|_| bucket.take(at(99_000)).is_ok()).count(), 3, "no more is saved up");
    }

    #[test]
    fn a_bucket_that_never_fills_says_so() {
        let mut bucket = TokenBucket::new(0.0, 1.0);
        assert_eq!(bucket.take(at(0)), Ok(()));
        assert_eq!(bucket.take(at(1)), Err(Duration::from_secs(86_400)));
    }
}
