//! Values that are written as text: days, times of day, durations, rates, states.

use std::time::Duration;

use victus_hw::points::PointValue;

pub(super) use crate::durations::parse as duration;
use crate::hours::time_of_day;
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

/// A time of day of two digits each: what is read by programs is written in one way.
pub(super) fn clock_time(text: &str) -> Option<(i8, i8)> {
    let time = time_of_day(text).filter(|_| text.len() == "HH:MM".len())?;
    Some((time.hour(), time.minute()))
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
