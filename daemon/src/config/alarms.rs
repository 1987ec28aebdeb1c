//! `alarm`, `signal` and `acknowledge` of an `[[entity]]`: what is an alarm, what shows it, and what says that it is known.

use std::time::Duration;

use victus_agent::alarms::{AlarmClass, Definition, Limit};

use super::model::{Driver, Kind};
use super::reader::Reader;

/// The longest time for which a value may have to last.
const LONGEST: Duration = Duration::from_secs(86_400);

const LIMIT: &str = "one of above, below and is, such as { above = 8.0 } or { is = \"on\" }";

/// When the value of an entity is an alarm.
pub(super) fn alarm(reader: &Reader<'_>, driver: Option<&Driver>) -> Option<Definition> {
    let table = reader.optional_section("alarm")?;
    let above = table.decimal("above").map(|found| Limit::Above(found.value));
    let below = table.decimal("below").map(|found| Limit::Below(found.value));
    let states = [("on", true), ("off", false), ("open", true), ("closed", false)];
    let is = table.one_of("is", &states).map(|found| Limit::Is(found.value));
    let hysteresis = table.decimal("hysteresis").map(|found| found.value);
    let after = table.duration("after", Duration::ZERO, LONGEST).map(|found| found.value);
    let classes = [("warning", AlarmClass::Warning), ("danger", AlarmClass::Danger)];
    let class = table.one_of("class", &classes).map(|found| found.value);
    let given: Vec<&str> = ["above", "below", "is"].into_iter().filter(|key| table.at(key).is_some()).collect();
    if given.len() != 1 {
        reader.rule("alarm", format!("expected {LIMIT}, found {}", if given.is_empty() { "none" } else { "several" }));
    }
    let numeric = driver.map(|driver| matches!(driver, Driver::Line { .. }));
    for key in ["above", "below", "hysteresis"].into_iter().filter(|key| table.at(key).is_some()) {
        if numeric == Some(false) {
            table.rule(key, "is for a number, and this entity is on or off: use is = \"on\"");
        }
    }
    if numeric == Some(true) && table.at("is").is_some() {
        table.rule("is", "is for what is on or off, and this entity has a number: use above or below");
    }
    if numeric == Some(true) && !matches!(driver, Some(Driver::Line { read: Some(_), .. })) {
        reader.rule("alarm", "needs a value that is read: add read to the driver");
    }
    if hysteresis.is_some_and(|hysteresis| hysteresis < 0.0) {
        table.wrong("hysteresis", "expected a number from 0 on");
    }
    table.finish();
    Some(Definition {
        limit: above.or(below).or(is)?,
        hysteresis: hysteresis.unwrap_or_default(),
        after: after.unwrap_or_default(),
        class: class.unwrap_or(AlarmClass::Warning),
    })
}

/// Whether it is on while there is an alarm that nobody knows of.
pub(super) fn signal(reader: &Reader<'_>, kind: Option<Kind>, asks: bool) -> bool {
    let signal = reader.flag("signal").is_some_and(|found| found.value);
    if let Some(kind) = kind.filter(|kind| signal && !matches!(kind, Kind::Light | Kind::Siren | Kind::Switch)) {
        reader.rule(
            "signal",
            format!("is for a light, a siren or a switch, and this is a {}: leave it out", kind.name()),
        );
    }
    if signal && asks {
        reader.rule("signal", "nobody is there to agree to it: leave out confirm and risk = \"dangerous\"");
    }
    signal
}

/// Whether it says, when it goes on, that somebody knows of all alarms.
pub(super) fn acknowledge(reader: &Reader<'_>, kind: Option<Kind>) -> bool {
    let acknowledge = reader.flag("acknowledge").is_some_and(|found| found.value);
    if let Some(kind) = kind.filter(|kind| acknowledge && *kind != Kind::BinarySensor) {
        let message = format!("is for a push button that is read, a binary_sensor, and this is a {}", kind.name());
        reader.rule("acknowledge", message);
    }
    acknowledge
}
