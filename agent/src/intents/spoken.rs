//! Numbers, durations, times and dates as they are said in English.
//!
//! Owns the words; what to say with them is `responses`'. Promises that a number said here is read back by the matcher.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 31] = [
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
    "twentieth",
    "twenty first",
    "twenty second",
    "twenty third",
    "twenty fourth",
    "twenty fifth",
    "twenty sixth",
    "twenty seventh",
    "twenty eighth",
    "twenty ninth",
    "thirtieth",
    "thirty first",
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

/// From here on a number is written in digits: nobody follows it in words.
const LARGEST_SAID: f64 = 1e12;

/// A number in words, rounded to two places: "twenty one point five", "minus four", "one hundred and five".
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    let hundredths = (value.abs() * 100.0).round();
    if hundredths >= LARGEST_SAID * 100.0 {
        return format!("{value}");
    }
    let hundredths = hundredths as u64;
    let mut said = if value < 0.0 && hundredths > 0 { "minus ".to_owned() } else { String::new() };
    said.push_str(&whole(hundredths / 100));
    let (tenth, hundredth) = (hundredths / 10 % 10, hundredths % 10);
    if tenth > 0 || hundredth > 0 {
        said.push_str(" point ");
        said.push_str(SMALL[tenth as usize]);
    }
    if hundredth > 0 {
        said.push(' ');
        said.push_str(SMALL[hundredth as usize]);
    }
    said
}

/// A whole number in words: "one thousand two hundred and five".
pub fn whole(value: u64) -> String {
    const SCALES: [(u64, &str); 3] = [(1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand")];
    if value < 20 {
        return SMALL[value as usize].to_owned();
    }
    if value < 100 {
        let unit = value % 10;
        let tens = TENS[(value / 10) as usize];
        return if unit == 0 { tens.to_owned() } else { format!("{tens} {}", SMALL[unit as usize]) };
    }
    if value < 1_000 {
        let hundreds = format!("{} hundred", SMALL[(value / 100) as usize]);
        return if value.is_multiple_of(100) { hundreds } else { format!("{hundreds} and {}", whole(value % 100)) };
    }
    for (scale, name) in SCALES {
        if value >= scale {
            let head = format!("{} {name}", whole(value / scale));
            let rest = value % scale;
            return match rest {
                0 => head,
                1..100 => format!("{head} and {}", whole(rest)),
                _ => format!("{head} {}", whole(rest)),
            };
        }
    }
    value.to_string()
}

/// Things of a kind, counted: "one valve", "two valves".
pub fn count(value: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", whole(value), if value == 1 { singular } else { plural })
}

/// Parts of a list: "the pump", "the pump and the fan", "the pump, the fan and the light".
pub fn list<S: AsRef<str>>(parts: &[S], last_joint: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {last_joint} {}", first.join(", "), last.as_ref())
        }
    }
}

/// A duration in words, to the second: "one hour, five minutes and ten seconds", "zero seconds".
pub fn duration(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hours, rest) = (rest / 3_600, rest % 3_600);
    let (minutes, seconds) = (rest / 60, rest % 60);
    let mut parts = Vec::new();
    for (value, singular, plural) in [
        (days, "day", "days"),
        (hours, "hour", "hours"),
        (minutes, "minute", "minutes"),
        (seconds, "second", "seconds"),
    ] {
        if value > 0 {
            parts.push(count(value, singular, plural));
        }
    }
    if parts.is_empty() { "zero seconds".to_owned() } else { list(&parts, "and") }
}

/// A time of day in words: "seven twenty in the morning", "twelve oh five", "three o'clock in the afternoon".
///
/// `hour` is 0 to 23 and `minute` 0 to 59; what is beyond wraps around.
pub fn time(hour: u8, minute: u8) -> String {
    let (hour, minute) = (hour % 24, minute % 60);
    let part = match hour {
        _ if (hour, minute) == (0, 0) => return "midnight".to_owned(),
        _ if (hour, minute) == (12, 0) => return "noon".to_owned(),
        0..=11 => "in the morning",
        12..=17 => "in the afternoon",
        _ => "in the evening",
    };
    let said_hour = whole(u64::from(if hour % 12 == 0 { 12 } else { hour % 12 }));
    let said_minute = match minute {
        0 => "o'clock".to_owned(),
        1..=9 => format!("oh {}", whole(u64::from(minute))),
        _ => whole(u64::from(minute)),
    };
    format!("{said_hour} {said_minute} {part}")
}

/// A date in words: "Friday, the twenty first of November".
///
/// `weekday` is 1 (Monday) to 7, `day` 1 to 31, `month` 1 to 12; what is beyond is left out.
pub fn date(weekday: u8, day: u8, month: u8) -> String {
    let name = |names: &[&'static str], number: u8| {
        number.checked_sub(1).and_then(|index| names.get(usize::from(index))).copied()
    };
    let day = match (name(&ORDINALS, day), name(&MONTHS, month)) {
        (Some(day), Some(month)) => format!("the {day} of {month}"),
        _ => String::new(),
    };
    match name(&WEEKDAYS, weekday) {
        Some(weekday) if !day.is_empty() => format!("{weekday}, {day}"),
        Some(weekday) => weekday.to_owned(),
        None => day,
    }
}

/// A name with its digits as words, for a recogniser and for a voice: "press 3" is "press three", "line 120" is
/// "line one hundred and twenty".
pub fn digits_as_words(text: &str) -> String {
    let mut said = String::new();
    let mut digits = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if !digits.is_empty() {
            if !said.is_empty() && !said.ends_with(' ') {
                said.push(' ');
            }
            said.push_str(&digit_run(&digits));
            if character != ' ' {
                said.push(' ');
            }
            digits.clear();
        }
        said.push(character);
    }
    said.trim().to_owned()
}

/// Up to four digits are a number; more, or a leading zero, are read out one by one.
fn digit_run(digits: &str) -> String {
    match digits.parse::<u64>() {
        Ok(value) if digits.len() <= 4 && (digits.len() == 1 || !digits.starts_with('0')) => whole(value),
        _ => {
            let names: Vec<&str> = digits.bytes().map(|digit| SMALL[usize::from(digit - b'0')]).collect();
            names.join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        let cases = [
            (0.0, "zero"),
            (21.5, "twenty one point five"),
            (-4.0, "minus four"),
            (105.0, "one hundred and five"),
            (1005.0, "one thousand and five"),
            (12_345.0, "twelve thousand three hundred and forty five"),
            (0.05, "zero point zero five"),
            (7.499, "seven point five"),
            (-0.001, "zero"),
            (2_000_000.0, "two million"),
            (f64::NAN, "not a number"),
        ];
        for (value, said) in cases {
            assert_eq!(number(value), said);
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration(310), "five minutes and ten seconds");
        assert_eq!(duration(3600), "one hour");
        assert_eq!(duration(3600 + 5 * 60 + 1), "one hour, five minutes and one second");
        assert_eq!(duration(2 * 86_400 + 60), "two days and one minute");
        assert_eq!(duration(0), "zero seconds");
    }

    #[test]
    fn times_and_dates() {
        assert_eq!(time(7, 20), "seven twenty in the morning");
        assert_eq!(time(0, 5), "twelve oh five in the morning");
        assert_eq!(time(15, 0), "three o'clock in the afternoon");
        assert_eq!(time(21, 30), "nine thirty in the evening");
        assert_eq!((time(0, 0).as_str(), time(12, 0).as_str()), ("midnight", "noon"));
        assert_eq!(date(5, 21, 11), "Friday, the twenty first of November");
        assert_eq!(date(0, 32, 13), "");
    }

    #[test]
    fn lists_and_digits() {
        assert_eq!(list(&["a", "b", "c"], "or"), "a, b or c");
        assert_eq!(list(&["a", "b"], "and"), "a and b");
        assert_eq!(digits_as_words("press 3"), "press three");
        assert_eq!(digits_as_words("CO2 meter 120"), "CO two meter one hundred and twenty");
        assert_eq!(digits_as_words("unit 007a"), "unit zero zero seven a");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn anything_can_be_said(value in any::<f64>(), seconds in any::<u64>(), hour in any::<u8>(), minute in any::<u8>()) {
            prop_assert!(!number(value).is_empty());
            prop_assert!(!duration(seconds).is_empty());
            prop_assert!(!time(hour, minute).is_empty());
        }
    }
}
