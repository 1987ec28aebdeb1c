//! German.

use super::{Date, Spoken, Unit, Words, fixed, joined};

const FEMININE: Option<&str> = Some("spellout-cardinal-feminine");
const MASCULINE: Option<&str> = Some("spellout-cardinal-masculine");

pub(super) const WORDS: Words = Words {
    code: "de",
    and: "und",
    or: "oder",
    joint: fixed,
    form: None,
    tidy: |said| said,
    not_a_number: "keine Zahl",
    units: [
        Unit { one: "Tag", many: "Tage", form: MASCULINE },
        Unit { one: "Stunde", many: "Stunden", form: FEMININE },
        Unit { one: "Minute", many: "Minuten", form: FEMININE },
        Unit { one: "Sekunde", many: "Sekunden", form: FEMININE },
    ],
    none_is_one: false,
    time,
    date,
};

const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const WEEKDAYS: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];

/// "sieben Uhr zwanzig", by the clock of 24 hours.
fn time(spoken: Spoken, hour: u8, minute: u8) -> String {
    if (hour, minute) == (0, 0) {
        return "Mitternacht".to_owned();
    }
    let said_hour = spoken.agreeing(u64::from(hour), MASCULINE);
    match minute {
        0 => format!("{said_hour} Uhr"),
        _ => format!("{said_hour} Uhr {}", spoken.whole(u64::from(minute))),
    }
}

/// "Freitag, der einundzwanzigste November".
fn date(date: &Date) -> String {
    let day = date.day(&MONTHS).map(|(day, month)| format!("der {} {month}", ordinal(date.spoken, day)));
    joined(date.weekday(&WEEKDAYS), day, ", ")
}

fn ordinal(spoken: Spoken, day: u8) -> String {
    match day {
        1 => "erste".to_owned(),
        3 => "dritte".to_owned(),
        7 => "siebte".to_owned(),
        8 => "achte".to_owned(),
        ..20 => format!("{}te", spoken.whole(u64::from(day))),
        _ => format!("{}ste", spoken.whole(u64::from(day))),
    }
}
