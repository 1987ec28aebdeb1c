//! Units of measurement as they are said: `°C` is "degrees".
//!
//! # Format
//!
//! A row is the ways to write a unit, and its word in each language in the order of `LANGUAGES`: `one/many`, or one word
//! for both; a star marks a feminine word. A unit that has no row is said as its owner wrote it.

const LANGUAGES: [&str; 5] = ["de", "en", "es", "fr", "nl"];

type Row = (&'static [&'static str], [&'static str; 5]);

const ROWS: [Row; 30] = [
    (&["°C", "°"], ["Grad", "degree/degrees", "grado/grados", "degré/degrés", "graad/graden"]),
    (
        &["°F"],
        [
            "Grad Fahrenheit",
            "degree Fahrenheit/degrees Fahrenheit",
            "grado Fahrenheit/grados Fahrenheit",
            "degré Fahrenheit/degrés Fahrenheit",
            "graad Fahrenheit/graden Fahrenheit",
        ],
    ),
    (&["K"], ["Kelvin", "kelvin/kelvins", "kelvin/kelvins", "kelvin/kelvins", "kelvin"]),
    (&["%"], ["Prozent", "percent", "por ciento", "pour cent", "procent"]),
    (&["bar"], ["Bar", "bar", "bar/bares", "bar/bars", "bar"]),
    (&["mbar"], ["Millibar", "millibar/millibars", "milibar/milibares", "millibar/millibars", "millibar"]),
    (&["Pa"], ["Pascal", "pascal/pascals", "pascal/pascales", "pascal/pascals", "pascal"]),
    (
        &["hPa"],
        [
            "Hektopascal",
            "hectopascal/hectopascals",
            "hectopascal/hectopascales",
            "hectopascal/hectopascals",
            "hectopascal",
        ],
    ),
    (
        &["kPa"],
        ["Kilopascal", "kilopascal/kilopascals", "kilopascal/kilopascales", "kilopascal/kilopascals", "kilopascal"],
    ),
    (&["V"], ["Volt", "volt/volts", "voltio/voltios", "volt/volts", "volt"]),
    (&["A"], ["Ampere", "amp/amps", "amperio/amperios", "ampère/ampères", "ampère"]),
    (
        &["mA"],
        ["Milliampere", "milliamp/milliamps", "miliamperio/miliamperios", "milliampère/milliampères", "milliampère"],
    ),
    (&["W"], ["Watt", "watt/watts", "vatio/vatios", "watt/watts", "watt"]),
    (&["kW"], ["Kilowatt", "kilowatt/kilowatts", "kilovatio/kilovatios", "kilowatt/kilowatts", "kilowatt"]),
    (
        &["kWh"],
        [
            "*Kilowattstunde/Kilowattstunden",
            "kilowatt hour/kilowatt hours",
            "kilovatio hora/kilovatios hora",
            "kilowattheure/kilowattheures",
            "kilowattuur",
        ],
    ),
    (&["Hz"], ["Hertz", "hertz", "hercio/hercios", "hertz", "hertz"]),
    (
        &["rpm", "1/min", "U/min", "/min"],
        [
            "*Umdrehung pro Minute/Umdrehungen pro Minute",
            "revolution per minute/revolutions per minute",
            "*revolución por minuto/revoluciones por minuto",
            "tour par minute/tours par minute",
            "toer per minuut/toeren per minuut",
        ],
    ),
    (
        &["l/min", "L/min"],
        [
            "Liter pro Minute",
            "litre per minute/litres per minute",
            "litro por minuto/litros por minuto",
            "litre par minute/litres par minute",
            "liter per minuut",
        ],
    ),
    (
        &["m³/h", "m3/h"],
        [
            "Kubikmeter pro Stunde",
            "cubic metre per hour/cubic metres per hour",
            "metro cúbico por hora/metros cúbicos por hora",
            "mètre cube par heure/mètres cubes par heure",
            "kubieke meter per uur",
        ],
    ),
    (
        &["m/s"],
        [
            "Meter pro Sekunde",
            "metre per second/metres per second",
            "metro por segundo/metros por segundo",
            "mètre par seconde/mètres par seconde",
            "meter per seconde",
        ],
    ),
    (&["mm"], ["Millimeter", "millimetre/millimetres", "milímetro/milímetros", "millimètre/millimètres", "millimeter"]),
    (
        &["cm"],
        ["Zentimeter", "centimetre/centimetres", "centímetro/centímetros", "centimètre/centimètres", "centimeter"],
    ),
    (&["m"], ["Meter", "metre/metres", "metro/metros", "mètre/mètres", "meter"]),
    (&["kg"], ["Kilogramm", "kilogram/kilograms", "kilogramo/kilogramos", "kilogramme/kilogrammes", "kilogram"]),
    (&["l", "L"], ["Liter", "litre/litres", "litro/litros", "litre/litres", "liter"]),
    (&["s"], ["*Sekunde/Sekunden", "second/seconds", "segundo/segundos", "*seconde/secondes", "seconde/seconden"]),
    (&["min"], ["*Minute/Minuten", "minute/minutes", "minuto/minutos", "*minute/minutes", "minuut/minuten"]),
    (&["h"], ["*Stunde/Stunden", "hour/hours", "*hora/horas", "*heure/heures", "uur"]),
    (&["lx"], ["Lux", "lux", "lux", "lux", "lux"]),
    (&["dB"], ["Dezibel", "decibel/decibels", "decibelio/decibelios", "décibel/décibels", "decibel"]),
];

/// A unit in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    feminine: bool,
}

impl Measure {
    /// The ruleset of the numbers that agree with it, in the languages that have genders.
    pub(super) const fn form(self) -> &'static str {
        if self.feminine { "spellout-cardinal-feminine" } else { "spellout-cardinal-masculine" }
    }
}

/// The unit that is written so, in a language that has a table.
pub(super) fn of(language: &str, written: &str) -> Option<Measure> {
    let column = LANGUAGES.iter().position(|code| *code == language)?;
    let (_, words) = ROWS.iter().find(|(symbols, _)| symbols.contains(&written.trim()))?;
    let word = words.get(column).copied()?;
    let (feminine, word) = word.strip_prefix('*').map_or((false, word), |word| (true, word));
    let (one, many) = word.split_once('/').unwrap_or((word, word));
    Some(Measure { one, many, feminine })
}
