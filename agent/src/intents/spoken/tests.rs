//! What is said, in each language that has a table, and in one that has none.

use super::super::matcher::normalise;
use super::*;
use proptest::prelude::*;

fn english() -> Spoken {
    Spoken::of("en")
}

#[test]
fn numbers_in_english() {
    let cases = [
        (0.0, "zero"),
        (21.5, "twenty one point five"),
        (-4.0, "minus four"),
        (105.0, "one hundred and five"),
        (1005.0, "one thousand and five"),
        (12_345.0, "twelve thousand three hundred and forty five"),
        (100_005.0, "one hundred thousand and five"),
        (1_005_000.0, "one million five thousand"),
        (1_000_105.0, "one million one hundred and five"),
        (0.05, "zero point zero five"),
        (7.499, "seven point five"),
        (-0.001, "zero"),
        (2_000_000.0, "two million"),
        (f64::NAN, "not a number"),
    ];
    for (value, said) in cases {
        assert_eq!(english().number(value), said);
    }
}

#[test]
fn numbers_in_other_languages() {
    let cases = [
        ("de", 21.5, "einundzwanzig Komma fünf"),
        ("de-AT", -4.0, "minus vier"),
        ("de", 1.0, "eins"),
        ("fr", 80.0, "quatre-vingts"),
        ("fr", 2.05, "deux virgule zéro cinq"),
        ("es", 21.5, "veintiuno coma cinco"),
        ("nl", 1.0, "één"),
        ("nl", 55.0, "vijfenvijftig"),
        ("sv", 22.0, "tjugotvå"),
        ("tlh", 21.504, "21.5"),
        ("tlh", -0.001, "0"),
        ("tlh", f64::NAN, "?"),
    ];
    for (language, value, said) in cases {
        assert_eq!(Spoken::of(language).number(value), said, "{language}");
    }
}

#[test]
fn durations() {
    let long = 3600 + 5 * 60 + 1;
    let cases = [
        ("en", 310, "five minutes and ten seconds"),
        ("en", 3600, "one hour"),
        ("en", long, "one hour, five minutes and one second"),
        ("en", 2 * DAY + 60, "two days and one minute"),
        ("en", 0, "zero seconds"),
        ("de", long, "eine Stunde, fünf Minuten und eine Sekunde"),
        ("de", DAY + 21 * 60, "ein Tag und einundzwanzig Minuten"),
        ("fr", long, "une heure, cinq minutes et une seconde"),
        ("fr", 0, "zéro seconde"),
        ("es", long, "una hora, cinco minutos y un segundo"),
        ("nl", 2 * 3600 + 60, "twee uur en één minuut"),
        ("fi", long, "1:05:01"),
        ("fi", 310, "5:10"),
    ];
    for (language, seconds, said) in cases {
        assert_eq!(Spoken::of(language).duration(seconds), said, "{language}");
    }
}

#[test]
fn measures() {
    let cases = [
        ("en", 21.5, "°C", "twenty one point five degrees"),
        ("en", 1.0, "°C", "one degree"),
        ("en", 0.0, "%", "zero percent"),
        ("de", 21.5, "°C", "einundzwanzig Komma fünf Grad"),
        ("de", 1.0, "bar", "ein Bar"),
        ("de", 1.5, "bar", "eins Komma fünf Bar"),
        ("de", 1.0, "kWh", "eine Kilowattstunde"),
        ("fr", 1.5, "°C", "un virgule cinq degré"),
        ("fr", -5.0, "°C", "moins cinq degrés"),
        ("fr", 1.0, "h", "une heure"),
        ("es", 21.0, "°C", "veintiún grados"),
        ("es", 1.0, "rpm", "una revolución por minuto"),
        ("nl", 20.0, "°C", "twintig graden"),
        ("nl", 1.0, "bar", "één bar"),
        ("de", 3.0, "Stück", "drei Stück"),
        ("fi", 3.0, "°C", "kolme °C"),
    ];
    for (language, value, unit, said) in cases {
        let (number, unit) = Spoken::of(language).measure(value, unit);
        assert_eq!(format!("{number} {unit}"), said, "{language}");
    }
}

#[test]
fn times() {
    let cases = [
        ("en", 7, 20, "seven twenty in the morning"),
        ("en", 0, 5, "twelve oh five in the morning"),
        ("en", 15, 0, "three o'clock in the afternoon"),
        ("en", 21, 30, "nine thirty in the evening"),
        ("en", 0, 0, "midnight"),
        ("en", 12, 0, "noon"),
        ("de", 1, 0, "ein Uhr"),
        ("de", 21, 20, "einundzwanzig Uhr zwanzig"),
        ("de", 0, 1, "null Uhr eins"),
        ("fr", 1, 0, "une heure"),
        ("fr", 21, 21, "vingt-et-une heures vingt-et-une"),
        ("fr", 12, 0, "midi"),
        ("es", 13, 30, "la una y media de la tarde"),
        ("es", 7, 20, "las siete y veinte de la mañana"),
        ("es", 0, 0, "las doce de la noche"),
        ("nl", 13, 0, "één uur 's middags"),
        ("nl", 19, 20, "zeven uur twintig 's avonds"),
        ("fi", 19, 5, "19:05"),
    ];
    for (language, hour, minute, said) in cases {
        assert_eq!(Spoken::of(language).time(hour, minute), said, "{language}");
    }
}

#[test]
fn dates() {
    let cases = [
        ("en", "Friday, the twenty first of November"),
        ("de", "Freitag, der einundzwanzigste November"),
        ("fr", "vendredi vingt-et-un novembre"),
        ("es", "viernes, veintiuno de noviembre"),
        ("nl", "vrijdag eenentwintig november"),
        ("fi", "21.11."),
    ];
    for (language, said) in cases {
        assert_eq!(Spoken::of(language).date(5, 21, 11), said, "{language}");
        assert_eq!(Spoken::of(language).date(0, 32, 13), "", "{language}");
    }
    assert_eq!(english().date(0, 20, 1), "the twentieth of January");
    assert_eq!(Spoken::of("de").date(0, 7, 3), "der siebte März");
    assert_eq!(Spoken::of("fr").date(7, 1, 8), "dimanche premier août");
}

#[test]
fn lists_and_digits() {
    assert_eq!(english().list(&["a", "b", "c"], Joint::Or), "a, b or c");
    assert_eq!(english().list(&["a", "b"], Joint::And), "a and b");
    assert_eq!(english().list::<&str>(&[], Joint::And), "");
    assert_eq!(Spoken::of("de").list(&["Pumpe", "Licht"], Joint::Or), "Pumpe oder Licht");
    assert_eq!(Spoken::of("fr").list(&["pompe", "lampe", "porte"], Joint::And), "pompe, lampe et porte");
    assert_eq!(Spoken::of("fr").list(&["pompe", "lampe"], Joint::Or), "pompe ou lampe");
    assert_eq!(Spoken::of("nl").list(&["pomp", "lamp", "deur"], Joint::Or), "pomp, lamp of deur");
    assert_eq!(Spoken::of("nl").list(&["pomp", "lamp"], Joint::And), "pomp en lamp");
    assert_eq!(Spoken::of("es").list(&["bomba", "iluminación"], Joint::And), "bomba e iluminación");
    assert_eq!(Spoken::of("es").list(&["uno", "otro"], Joint::Or), "uno u otro");
    assert_eq!(Spoken::of("fi").list(&["a", "b", "c"], Joint::And), "a, b, c");
    assert_eq!(english().digits_as_words("press 3"), "press three");
    assert_eq!(english().digits_as_words("CO2 meter 120"), "CO two meter one hundred and twenty");
    assert_eq!(english().digits_as_words("unit 007a"), "unit zero zero seven a");
    assert_eq!(Spoken::of("de").digits_as_words("Presse 3"), "Presse drei");
    assert_eq!(Spoken::of("fr").digits_as_words("presse 3"), "presse trois");
    assert_eq!(Spoken::of("es").digits_as_words("prensa 12"), "prensa doce");
    assert_eq!(Spoken::of("nl").digits_as_words("pers 3B"), "pers drie B");
    assert_eq!(Spoken::of("pl").digits_as_words("prasa 3"), "prasa trzy");
    assert_eq!(Spoken::of("tlh").digits_as_words("Presse 3"), "Presse 3");
}

fn read_back(language: &str, value: f64) -> Result<(), String> {
    let said = Spoken::of(language).number(value);
    let text = normalise::sentence(&said).characters;
    let found = Numerals::of(language).unwrap().read(&text, 0, true, true);
    let whole = found.iter().any(|found| found.end == text.len() && (found.value - value).abs() < 1e-9);
    if whole { Ok(()) } else { Err(format!("{language} {value} {said}: {found:?}")) }
}

#[test]
fn small_numbers_that_are_said_are_read_back() {
    for language in ["en", "de", "fr", "es", "nl"] {
        for number in -10..=200 {
            assert_eq!(read_back(language, f64::from(number)), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn anything_can_be_said(value in any::<f64>(), seconds in any::<u64>(), hour in any::<u8>(), minute in any::<u8>()) {
        for language in ["en", "de", "fr", "es", "nl", "fi", "tlh"] {
            let spoken = Spoken::of(language);
            prop_assert!(!spoken.number(value).is_empty());
            prop_assert!(!spoken.duration(seconds).is_empty());
            prop_assert!(!spoken.time(hour, minute).is_empty());
            prop_assert!(!spoken.measure(value, "°C").0.is_empty());
        }
    }

    #[test]
    fn any_number_that_is_said_is_read_back(hundredths in -9_999_999i32..=9_999_999) {
        for language in ["en", "de", "fr", "es", "nl"] {
            prop_assert_eq!(read_back(language, f64::from(hundredths) / 100.0), Ok(()));
        }
    }
}
