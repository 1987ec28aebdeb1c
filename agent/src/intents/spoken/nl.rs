//! Dutch.

use super::{Date, Spoken, Unit, Words, fixed, joined};

pub(super) const WORDS: Words = Words {
    code: "nl",
    and: "en",
    or: "of",
    joint: fixed,
    form: None,
    // Without its accents the number is read out as the article.
    tidy: |said| if said == "een" { "één".to_owned() } else { said },
    not_a_number: "geen getal",
    units: [
        Unit { one: "dag", many: "dagen", form: None },
        Unit { one: "uur", many: "uur", form: None },
        Unit { one: "minuut", many: "minuten", form: None },
        Unit { one: "seconde", many: "seconden", form: None },
    ],
    none_is_one: false,
    time,
    date,
};

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"];

/// "zeven uur twintig 's avonds", by the clock of twelve hours.
fn time(spoken: Spoken, hour: u8, minute: u8) -> String {
    let part = match hour {
        _ if (hour, minute) == (0, 0) => return "middernacht".to_owned(),
        0..=5 => "'s nachts",
        6..=11 => "'s ochtends",
        12..=17 => "'s middags",
        _ => "'s avonds",
    };
    let said_hour = spoken.whole(u64::from(match hour % 12 {
        0 => 12,
        hour => hour,
    }));
    match minute {
        0 => format!("{said_hour} uur {part}"),
        _ => format!("{said_hour} uur {} {part}", spoken.whole(u64::from(minute))),
    }
}

/// "vrijdag eenentwintig november".
fn date(date: &Date) -> String {
    let day = date.day(&MONTHS).map(|(day, month)| format!("{} {month}", date.spoken.whole(u64::from(day))));
    joined(date.weekday(&WEEKDAYS), day, " ")
}
