//! English.

use super::{Date, Spoken, Unit, Words, fixed, joined};

pub(super) const WORDS: Words = Words {
    code: "en",
    and: "and",
    or: "or",
    joint: fixed,
    form: Some("spellout-cardinal-verbose"),
    tidy: |said| said.replace('-', " ").replace(',', ""),
    not_a_number: "not a number",
    units: [
        Unit { one: "day", many: "days", form: None },
        Unit { one: "hour", many: "hours", form: None },
        Unit { one: "minute", many: "minutes", form: None },
        Unit { one: "second", many: "seconds", form: None },
    ],
    none_is_one: false,
    time,
    date,
};

const ORDINALS: [&str; 20] = [
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn time(spoken: Spoken, hour: u8, minute: u8) -> String {
    let part = match (hour, minute) {
        (0, 0) => return "midnight".to_owned(),
        (12, 0) => return "noon".to_owned(),
        (0..=11, _) => "in the morning",
        (12..=17, _) => "in the afternoon",
        _ => "in the evening",
    };
    let said_hour = spoken.whole(u64::from(match hour % 12 {
        0 => 12,
        hour => hour,
    }));
    let said_minute = match minute {
        0 => "o'clock".to_owned(),
        1..=9 => format!("oh {}", spoken.whole(u64::from(minute))),
        _ => spoken.whole(u64::from(minute)),
    };
    format!("{said_hour} {said_minute} {part}")
}

fn date(date: &Date) -> String {
    let day = date.day(&MONTHS).map(|(day, month)| format!("the {} of {month}", ordinal(day)));
    joined(date.weekday(&WEEKDAYS), day, ", ")
}

/// The ordinal number of a day, 1 to 31.
fn ordinal(day: u8) -> String {
    let small = |day: u8| ORDINALS.get(usize::from(day)).copied().unwrap_or_default();
    match day {
        20 => "twentieth".to_owned(),
        30 => "thirtieth".to_owned(),
        21..=29 => format!("twenty {}", small(day - 20)),
        31 => "thirty first".to_owned(),
        _ => small(day).to_owned(),
    }
}
