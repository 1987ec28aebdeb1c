//! When an alarm is said, and said again: at once, then after pauses that grow.
//!
//! Pure: told the alarms, the time and whether the hours are quiet. Promises that an alarm is said as long as nobody has
//! acknowledged it, with pauses of 10 s, 20 s, 40 s and so on up to 5 minutes; the most important first; and that quiet
//! hours keep back warnings and timers, never a danger. How long a timer rings is the register's to bound.

use std::collections::BTreeMap;
use std::time::Duration;

use victus_hw::clock::Monotonic;

use super::{AlarmClass, Raised};

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What was said of each alarm.
#[derive(Debug, Default)]
pub struct Repeats {
    /// When each is to be said again, and after which pause then.
    next: BTreeMap<String, (Monotonic, Duration)>,
}

impl Repeats {
    /// The alarm that is to be said now; none where none is due.
    pub fn due<'a>(&mut self, alarms: &'a [Raised], now: Monotonic, quiet: bool) -> Option<&'a Raised> {
        self.next.retain(|id, _| alarms.iter().any(|alarm| alarm.alarm == *id && alarm.acknowledged.is_none()));
        let due = |alarm: &&Raised| self.next.get(&alarm.alarm).is_none_or(|(at, _)| now >= *at);
        alarms.iter().filter(|alarm| is_said(alarm, quiet)).filter(due).max_by_key(|alarm| alarm.class)
    }

    /// Takes note that an alarm has been said.
    pub fn said(&mut self, alarm: &str, now: Monotonic) {
        let pause = self.next.get(alarm).map_or(FIRST_PAUSE, |(_, pause)| *pause);
        let longer = pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.next.insert(alarm.to_owned(), (now.saturating_add(pause), longer));
    }

    /// How long it is until something is due; none where nothing will be.
    pub fn wait(&self, alarms: &[Raised], now: Monotonic, quiet: bool) -> Option<Duration> {
        let wait =
            |alarm: &Raised| self.next.get(&alarm.alarm).map_or(Duration::ZERO, |(at, _)| at.saturating_since(now));
        alarms.iter().filter(|alarm| is_said(alarm, quiet)).map(wait).min()
    }
}

fn is_said(alarm: &Raised, quiet: bool) -> bool {
    alarm.acknowledged.is_none() && (!quiet || alarm.class == AlarmClass::Danger)
}

#[cfg(test)]
mod tests;
