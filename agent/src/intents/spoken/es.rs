//! Spanish.

use super::{Date, Spoken, Unit, Words, joined};

const FEMININE: Option<&str> = Some("spellout-cardinal-feminine");
const MASCULINE: Option<&str> = Some("spellout-cardinal-masculine");

pub(super) const WORDS: Words = Words {
    code: "es",
    and: "y",
    or: "o",
    joint,
    form: None,
    tidy: |said| said.replace(" punto ", " coma "),
    not_a_number: "no es un número",
    units: [
        Unit { one: "día", many: "días", form: MASCULINE },
        Unit { one: "hora", many: "horas", form: FEMININE },
        Unit { one: "minuto", many: "minutos", form: MASCULINE },
        Unit { one: "segundo", many: "segundos", form: MASCULINE },
    ],
    none_is_one: false,
    time,
    date,
};

const MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const WEEKDAYS: [&str; 7] = ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"];

/// "e" before the sound of an i, "u" before that of an o.
fn joint(word: &'static str, next: &str) -> &'static str {
    let next = next.to_lowercase();
    let begins = |sounds: &[&str]| sounds.iter().any(|sound| next.starts_with(sound));
    match word {
        "y" if begins(&["i", "í", "hi", "hí"]) && !begins(&["hie", "hia", "ie", "ia"]) => "e",
        "o" if begins(&["o", "ó", "ho", "hó"]) => "u",
        _ => word,
    }
}

/// "las siete y veinte de la mañana", "la una y media de la tarde": with the article, by the clock of twelve hours.
fn time(spoken: Spoken, hour: u8, minute: u8) -> String {
    let part = match hour {
        0..=5 => "de la madrugada",
        6..=11 => "de la mañana",
        12..=19 => "de la tarde",
        _ => "de la noche",
    };
    match (hour, minute) {
        (0, 0) => return "las doce de la noche".to_owned(),
        (12, 0) => return "las doce del mediodía".to_owned(),
        _ => {}
    }
    let said_hour = match hour % 12 {
        0 => "las doce".to_owned(),
        1 => "la una".to_owned(),
        hour => format!("las {}", spoken.whole(u64::from(hour))),
    };
    match minute {
        0 => format!("{said_hour} {part}"),
        15 => format!("{said_hour} y cuarto {part}"),
        30 => format!("{said_hour} y media {part}"),
        _ => format!("{said_hour} y {} {part}", spoken.whole(u64::from(minute))),
    }
}

/// "viernes, veintiuno de noviembre".
fn date(date: &Date) -> String {
    let day = date.day(&MONTHS).map(|(day, month)| format!("{} de {month}", date.spoken.whole(u64::from(day))));
    joined(date.weekday(&WEEKDAYS), day, ", ")
}
