//! Where and when: the place of an event, the request that it belongs to, and every clock there is.
//!
//! Owns the stamps of events and the measure of time between two of them, which holds over restarts of the machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use victus_hw::clock::{Clock, ClockTrust};

/// A place in the journal. Ordered by epoch, then by sequence; no place is ever used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// Which run of the journal: each opening of the store begins a new epoch, and so does each change between disk and
    /// memory. Epochs go up, and some are never used.
    pub epoch: u64,
    /// Counts the events of the epoch, without holes, from 1 (a start on a read-only disk: from a random high number).
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.epoch, self.seq)
    }
}

/// Follows one request through turn, events, tool calls and log lines: 16 random bytes in hexadecimal, as in W3C Trace
/// Context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(String);

impl TraceId {
    /// A new trace id from 128 random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// The 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// When an event happened, by every clock there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Wall time in milliseconds since 1970 (UTC).
    pub wall_ms: i64,
    /// How far `wall_ms` may be believed.
    pub trust: ClockTrust,
    /// Milliseconds since the machine booted.
    pub mono_ms: u64,
    /// The boot in which `mono_ms` counts.
    pub boot: BootId,
}

impl Stamp {
    /// The time that `clock` shows in boot `boot`.
    pub fn now(clock: &dyn Clock, boot: &BootId) -> Self {
        let wall = clock.wall();
        let mono_ms = u64::try_from(clock.monotonic().since_boot().as_millis()).unwrap_or(u64::MAX);
        Self { wall_ms: wall.unix_ms, trust: wall.trust, mono_ms, boot: boot.clone() }
    }

    /// How many milliseconds it is from here to `later`: by monotonic time within one boot, by wall time where both are
    /// believed, else unknown and taken as nothing, so that what is counted with it is late and never lost.
    pub fn milliseconds_until(&self, later: &Self) -> u64 {
        if self.boot == later.boot {
            later.mono_ms.saturating_sub(self.mono_ms)
        } else if self.trust > ClockTrust::Unset && later.trust > ClockTrust::Unset {
            u64::try_from(later.wall_ms.saturating_sub(self.wall_ms)).unwrap_or(0)
        } else {
            0
        }
    }
}

/// Names one boot of the machine (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);
