//! Durations as people write them.
//!
//! # Format
//!
//! Numbers with a unit each, the largest first: `500ms`, `5s`, `1h30m`, `7d`. Units are `d`, `h`, `m`, `s` and `ms`; none comes
//! twice, and nothing stands between.
//!
//! Owns reading and showing them, for the configuration, workflows and the command line alike. Leaves ranges to whoever
//! asks.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration; `None` if it is none.
pub fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut smallest) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if *millis >= smallest {
            return None;
        }
        total = number.parse::<u64>().ok()?.checked_mul(*millis)?.checked_add(total)?;
        (rest, smallest) = (tail, *millis);
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// A duration as [`parse`] reads it.
pub fn show(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, size) in UNITS {
        if millis >= size {
            shown.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}
