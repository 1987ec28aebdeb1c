//! Hours of the day, such as the quiet ones.
//!
//! # Format
//!
//! `HH:MM-HH:MM`, each from `00:00` to `23:59`, an end of `24:00` standing for `00:00`. The first minute belongs to the
//! hours and the last one does not; hours whose end is before their beginning go over midnight. Two equal times are no
//! hours: nobody can tell whether the whole day is meant or none of it.
//!
//! Owns these hours and what time of day it is for the people at the appliance. Leaves to whoever asks what holds while
//! the time is not known.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Serialize, Serializer};
use victus_hw::clock::{ClockTrust, WallTime};

/// Some hours of every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

/// A text is no hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected hours such as \"22:00-06:00\", from one time of day to another")]
pub struct BadHours;

impl Hours {
    /// Whether a time of day is among them.
    pub fn contain(self, time: Time) -> bool {
        let (begun, over) = (time >= self.from, time >= self.to);
        if self.from < self.to { begun && !over } else { begun || !over }
    }
}

impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let (from, to) = text.split_once('-').ok_or(BadHours)?;
        let from = time_of_day(from.trim()).ok_or(BadHours)?;
        let to = match to.trim() {
            "24:00" => Time::midnight(),
            to => time_of_day(to).ok_or(BadHours)?,
        };
        if from == to { Err(BadHours) } else { Ok(Self { from, to }) }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a time of day, `HH:MM`; `None` if it is none.
pub fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, count: std::ops::RangeInclusive<usize>| {
        let plain = count.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse::<i8>().ok() } else { None }
    };
    Time::new(number(hour, 1..=2)?, number(minute, 2..=2)?, 0, 0).ok()
}

/// Date and time in a time zone; `None` while the clock has never been set, because what it shows is no time then.
pub fn zoned(wall: WallTime, zone: &TimeZone) -> Option<Zoned> {
    let now = Timestamp::from_millisecond(wall.unix_ms).ok().filter(|_| wall.trust > ClockTrust::Unset)?;
    Some(now.to_zoned(zone.clone()))
}

/// The time of day in a time zone; as [`zoned`].
pub fn local_time(wall: WallTime, zone: &TimeZone) -> Option<Time> {
    zoned(wall, zone).map(|now| now.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_with_their_first_minute_end_before_their_last_and_go_over_midnight() {
        let table = [
            ("22:00-06:00", "22:00", true),
            ("22:00-06:00", "21:59", false),
            ("22:00-06:00", "00:00", true),
            ("22:00-06:00", "05:59", true),
            ("22:00-06:00", "06:00", false),
            ("22:00-06:00", "12:00", false),
            ("8:00-12:30", "08:00", true),
            ("08:00-12:30", "12:29", true),
            ("08:00-12:30", "12:30", false),
            ("08:00-12:30", "00:00", false),
            ("18:00-24:00", "23:59", true),
            ("18:00-24:00", "00:00", false),
            ("00:00-12:00", "00:00", true),
        ];
        for (hours, time, expected) in table {
            let parsed: Hours = hours.parse().unwrap();
            assert_eq!(parsed.contain(time_of_day(time).unwrap()), expected, "{time} in {hours}");
        }
    }

    #[test]
    fn what_is_no_hours_is_refused_and_what_is_reads_as_it_is_shown() {
        for text in ["", "-", "22:00", "22:00-", "22-06", "22:00-22:00", "24:00-06:00", "22:00-06:60", "22:0-06:00"] {
            assert_eq!(text.parse::<Hours>(), Err(BadHours), "{text}");
        }
        for text in ["+2:00-06:00", "22:00–06:00", "22:00-06:00-07:00", "222:00-06:00", "00:00-24:00"] {
            assert_eq!(text.parse::<Hours>(), Err(BadHours), "{text}");
        }
        for (text, shown) in [("22:00 - 6:00", "22:00-06:00"), ("18:00-24:00", "18:00-00:00")] {
            let hours: Hours = text.parse().unwrap();
            assert_eq!(hours.to_string(), shown);
            assert_eq!(shown.parse(), Ok(hours));
        }
    }

    #[test]
    fn the_time_is_that_of_the_zone_and_unknown_while_the_clock_was_never_set() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |unix_ms, trust| local_time(WallTime { unix_ms, trust }, &berlin);
        // 2026-07-01T20:30:00Z is in summer time, 2026-12-01T21:30:00Z is not.
        assert_eq!(at(1_782_937_800_000, ClockTrust::Synchronised), time_of_day("22:30"));
        assert_eq!(at(1_796_160_600_000, ClockTrust::Floor), time_of_day("22:30"));
        assert_eq!(at(1_796_160_600_000, ClockTrust::Unset), None);
        assert_eq!(at(i64::MAX, ClockTrust::Floor), None);
    }
}
