//! French.

use super::{Date, Spoken, Unit, Words, fixed, joined};

const FEMININE: Option<&str> = Some("spellout-cardinal-feminine");

pub(super) const WORDS: Words = Words {
    code: "fr",
    and: "et",
    or: "ou",
    joint: fixed,
    form: None,
    tidy: |said| said,
    not_a_number: "pas un nombre",
    units: [
        Unit { one: "jour", many: "jours", form: None },
        Unit { one: "heure", many: "heures", form: FEMININE },
        Unit { one: "minute", many: "minutes", form: FEMININE },
        Unit { one: "seconde", many: "secondes", form: FEMININE },
    ],
    none_is_one: true,
    time,
    date,
};

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const WEEKDAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// "sept heures vingt", by the clock of 24 hours.
fn time(spoken: Spoken, hour: u8, minute: u8) -> String {
    match (hour, minute) {
        (0, 0) => return "minuit".to_owned(),
        (12, 0) => return "midi".to_owned(),
        _ => {}
    }
    let said_hour = spoken.agreeing(u64::from(hour), FEMININE);
    let hours = if hour < 2 { "heure" } else { "heures" };
    match minute {
        0 => format!("{said_hour} {hours}"),
        _ => format!("{said_hour} {hours} {}", spoken.agreeing(u64::from(minute), FEMININE)),
    }
}

/// "vendredi vingt-et-un novembre".
fn date(date: &Date) -> String {
    let day = date.day(&MONTHS).map(|(day, month)| match day {
        1 => format!("premier {month}"),
        _ => format!("{} {month}", date.spoken.whole(u64::from(day))),
    });
    joined(date.weekday(&WEEKDAYS), day, " ")
}
