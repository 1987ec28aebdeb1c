//! Time, as an argument.
//!
//! Owns the two clocks of an appliance and says how far each may be believed. [`Monotonic`] counts from the boot of the
//! machine, includes suspend and never goes back: every order, interval and deadline uses it. [`WallTime`] is for people
//! and for other machines; a Raspberry Pi has no clock battery, so it carries its [`ClockTrust`].
//! Leaves time zones and formatting to the callers.

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time since the machine booted, including suspend (`CLOCK_BOOTTIME`). Comparable only within one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The time `since_boot` after the machine booted.
    pub const fn from_duration(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// The time since the machine booted.
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was; zero if it is in the future.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `duration`; stays at the largest representable time instead of overflowing.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// How far wall time is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// The clock has never been set: it stands before this program was built.
    Unset,
    /// The clock is not before a time known to have passed, and no more is known.
    Floor,
    /// The kernel says that the clock is synchronised with a time server.
    Synchronised,
}

/// Wall time with its trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallTime {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
    /// How far `unix_ms` may be believed.
    pub trust: ClockTrust,
}

/// A source of time. The one way in which any module learns what time it is.
pub trait Clock: Send + Sync {
    /// Time since boot; never goes back.
    fn monotonic(&self) -> Monotonic;
    /// Wall time, which may jump in either direction.
    fn wall(&self) -> WallTime;
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    floor_unix_ms: i64,
}

impl SystemClock {
    /// A clock that trusts no wall time before `floor_unix_ms`, a time known to have passed (such as that of the build).
    pub const fn new(floor_unix_ms: i64) -> Self {
        Self { floor_unix_ms }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Monotonic {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Monotonic(Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0)))
    }

    fn wall(&self) -> WallTime {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let unix_ms = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
        let trust = if unix_ms < self.floor_unix_ms {
            ClockTrust::Unset
        } else if std::path::Path::new("/run/systemd/timesync/synchronized").exists() {
            ClockTrust::Synchronised
        } else {
            ClockTrust::Floor
        };
        WallTime { unix_ms, trust }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct SimulatedClock {
    now: Mutex<(Monotonic, WallTime)>,
}

impl SimulatedClock {
    /// A synchronised clock at `unix_ms` whose machine booted just then.
    pub fn new(unix_ms: i64) -> Self {
        Self { now: Mutex::new((Monotonic::default(), WallTime { unix_ms, trust: ClockTrust::Synchronised })) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.0 = now.0.saturating_add(by);
        now.1.unix_ms = now.1.unix_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Makes wall time jump, in either direction, and sets its trust.
    pub fn set_wall(&self, wall: WallTime) {
        self.lock().1 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Monotonic, WallTime)> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for SimulatedClock {
    fn monotonic(&self) -> Monotonic {
        self.lock().0
    }

    fn wall(&self) -> WallTime {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_goes_forward_and_knows_a_clock_that_was_never_set() {
        let clock = SystemClock::new(0);
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
        assert!(clock.wall().trust >= ClockTrust::Floor);
        assert_eq!(SystemClock::new(i64::MAX).wall().trust, ClockTrust::Unset);
    }

    #[test]
    fn simulated_wall_time_jumps_and_monotonic_time_does_not() {
        let clock = SimulatedClock::new(1_000_000);
        clock.advance(Duration::from_secs(5));
        clock.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Unset });
        assert_eq!(clock.monotonic().since_boot(), Duration::from_secs(5));
        assert_eq!(clock.wall().unix_ms, 0);
        assert_eq!(Monotonic::default().saturating_since(clock.monotonic()), Duration::ZERO);
    }
}
