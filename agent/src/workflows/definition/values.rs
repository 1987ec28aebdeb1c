//! Values that are written as text: days, times of day, durations, rates, states.

use std::time::Duration;

use victus_hw::points::PointValue;

use crate::tool::Rate;

/// The days of the week, Monday first.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

pub(super) fn days(names: &[String]) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for name in names {
        let range = match name.as_str() {
            "day" => 0..7,
            "weekday" => 0..5,
            "weekend" => 5..7,
            name => match DAYS.iter().position(|day| *day == name) {
                Some(day) => day..day + 1,
                None => {
                    return Err(format!("expected day, weekday, weekend or a day such as monday, found \"{name}\""));
                }
            },
        };
        days.iter_mut().enumerate().filter(|(day, _)| range.contains(day)).for_each(|(_, on)| *on = true);
    }
    if days.contains(&true) { Ok(days) } else { Err("expected at least one day".to_owned()) }
}

pub(super) fn clock_time(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        if digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.parse::<i8>().ok()
        } else {
            None
        }
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Numbers with a unit, largest first, as in the configuration.
pub(super) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
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

pub(super) fn rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let per = match per {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let count = count.parse().ok().filter(|count| (1..=1000).contains(count))?;
    Some(Rate { count, per: Duration::from_secs(per) })
}

pub(super) fn point_value(value: &toml::Value) -> Result<PointValue, String> {
    match value {
        toml::Value::Boolean(on) => Ok(PointValue::Switch(*on)),
        toml::Value::Integer(number) =>
        {
            #[expect(clippy::cast_precision_loss, reason = "nothing that is measured needs more than 53 bits")]
            Ok(PointValue::Number(*number as f64))
        }
        toml::Value::Float(number) if number.is_finite() => Ok(PointValue::Number(*number)),
        toml::Value::String(word) => match word.as_str() {
            "on" | "open" | "locked" | "pressed" => Ok(PointValue::Switch(true)),
            "off" | "closed" | "unlocked" | "released" => Ok(PointValue::Switch(false)),
            other => Err(format!("expected on, off, open, closed, locked, unlocked or a number, found \"{other}\"")),
        },
        other => Err(format!("expected on, off or a number, found {other}")),
    }
}
