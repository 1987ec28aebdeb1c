//! Numbers, durations, times and dates as they are said.
//!
//! Owns the spoken form of values, a table for each language that has one (`spoken/`), and the words for units of
//! measurement; what to say with them is
//! `responses`', and number words are `numerals`'. Promises that a number said here is read back by the matcher, and that
//! anything can be said in any language: where there is no table a duration, a time and a date are written in figures and
//! names are joined by commas, and where there are no number words a number is written in digits.

mod de;
mod en;
mod es;
mod fr;
mod measures;
mod nl;

#[cfg(test)]
mod tests;

use super::numerals::Numerals;

/// What a language says around numbers.
struct Words {
    /// The code of the language.
    code: &'static str,
    and: &'static str,
    or: &'static str,
    /// The form of "and" or "or" before a word.
    joint: fn(&'static str, &str) -> &'static str,
    /// The ruleset in which numbers are said, where it isn't the usual one.
    form: Option<&'static str>,
    /// What becomes of the words of a number.
    tidy: fn(String) -> String,
    not_a_number: &'static str,
    /// Day, hour, minute, second.
    units: [Unit; 4],
    /// Whether nothing is counted as one is: "zéro seconde".
    none_is_one: bool,
    time: fn(Spoken, u8, u8) -> String,
    date: fn(&Date) -> String,
}

/// A unit of time as it is counted.
struct Unit {
    one: &'static str,
    many: &'static str,
    /// The ruleset that agrees with it.
    form: Option<&'static str>,
}

/// A day of the year; what is unknown is not said.
struct Date {
    spoken: Spoken,
    /// 0 (Monday) to 6.
    weekday: Option<usize>,
    /// 1 to 31, and 0 to 11.
    day: Option<(u8, usize)>,
}

const TABLES: [&Words; 5] = [&en::WORDS, &de::WORDS, &fr::WORDS, &es::WORDS, &nl::WORDS];
const DAY: u64 = 86_400;

/// How a language says values.
#[derive(Clone, Copy)]
pub struct Spoken {
    words: Option<&'static Words>,
    numerals: Option<&'static Numerals>,
}

/// The word before the last part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// All of them.
    And,
    /// Any of them.
    Or,
}

impl Spoken {
    /// How a language says values, by a code such as `de` or `de-AT`.
    pub fn of(language: &str) -> Spoken {
        let base = language.split(['-', '_']).next().unwrap_or_default();
        let words = TABLES.into_iter().find(|words| words.code.eq_ignore_ascii_case(base));
        Spoken { words, numerals: Numerals::of(language) }
    }

    /// Whether the language has words for numbers.
    pub fn has_number_words(self) -> bool {
        self.numerals.is_some()
    }

    /// Whether the language is English, whose numbers are made of few words.
    pub(crate) fn is_english(self) -> bool {
        self.words.is_some_and(|words| words.code == en::WORDS.code)
    }

    /// Every way to say a number in words, the usual one first: genders, cases, longer and shorter forms.
    pub(crate) fn ways(self, value: f64) -> Vec<String> {
        let mut ways: Vec<String> = self.spelled(value).into_iter().collect();
        for way in self.numerals.map(|numerals| numerals.ways(value)).unwrap_or_default() {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        ways
    }

    /// A number in words, rounded to two places: "twenty one point five", "minus four", "one hundred and five".
    pub fn number(self, value: f64) -> String {
        if !value.is_finite() {
            return self.words.map_or("?", |words| words.not_a_number).to_owned();
        }
        self.spelled(value).unwrap_or_else(|| ((value * 100.0).round() / 100.0 + 0.0).to_string())
    }

    /// A whole number in words: "one thousand two hundred and five".
    pub fn whole(self, value: u64) -> String {
        self.spelled(value as f64).unwrap_or_else(|| value.to_string())
    }

    fn spelled(self, value: f64) -> Option<String> {
        let numerals = self.numerals?;
        let said = match self.words.and_then(|words| words.form) {
            Some(form) => numerals.spell_as(value, form),
            None => numerals.spell(value),
        };
        match self.words {
            Some(words) => said.map(words.tidy),
            None => said,
        }
    }

    /// A whole number in the form of a ruleset, as it agrees with what is counted.
    fn agreeing(self, value: u64, form: Option<&str>) -> String {
        let said = form.and_then(|form| self.numerals?.spell_as(value as f64, form));
        said.unwrap_or_else(|| self.whole(value))
    }

    /// A number with its unit, each in words: ("one", "degree") of `°C`, ("twenty one point five", "degrees"). A unit
    /// that the language has no word for is left as it is written.
    pub fn measure(self, value: f64, unit: &str) -> (String, String) {
        let measure = self.words.and_then(|words| Some((words, measures::of(words.code, unit)?)));
        let Some((words, measure)) = measure else { return (self.number(value), unit.to_owned()) };
        let size = value.abs();
        let one = size == 1.0 || words.none_is_one && size < 2.0;
        let agreeing = (size.fract() == 0.0).then(|| self.numerals?.spell_as(value, measure.form())).flatten();
        let said = if one { measure.one } else { measure.many };
        (agreeing.unwrap_or_else(|| self.number(value)), said.to_owned())
    }

    /// Parts of a list: "the pump", "the pump and the fan", "the pump, the fan and the light".
    pub fn list<S: AsRef<str>>(self, parts: &[S], joint: Joint) -> String {
        let names = |parts: &[S]| parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
        match (parts, self.words) {
            ([first @ .., last], Some(words)) if !first.is_empty() => {
                let last = last.as_ref();
                let word = if joint == Joint::And { words.and } else { words.or };
                format!("{} {} {last}", names(first), (words.joint)(word, last))
            }
            _ => names(parts),
        }
    }

    /// A duration in words, to the second: "one hour, five minutes and ten seconds", "zero seconds".
    pub fn duration(self, seconds: u64) -> String {
        let counts = [seconds / DAY, seconds % DAY / 3_600, seconds % 3_600 / 60, seconds % 60];
        let Some(words) = self.words else {
            let (hours, minutes, seconds) = (seconds / 3_600, counts[2], counts[3]);
            return match hours {
                0 => format!("{minutes}:{seconds:02}"),
                _ => format!("{hours}:{minutes:02}:{seconds:02}"),
            };
        };
        let count = |value: u64, unit: &Unit| {
            let one = value == 1 || value == 0 && words.none_is_one;
            format!("{} {}", self.agreeing(value, unit.form), if one { unit.one } else { unit.many })
        };
        let said = counts.iter().zip(&words.units).filter(|(value, _)| **value > 0);
        let parts: Vec<String> = said.map(|(&value, unit)| count(value, unit)).collect();
        if parts.is_empty() { count(0, &words.units[3]) } else { self.list(&parts, Joint::And) }
    }

    /// A time of day in words: "seven twenty in the morning", "twelve oh five", "three o'clock in the afternoon".
    ///
    /// `hour` is 0 to 23 and `minute` 0 to 59; what is beyond wraps around.
    pub fn time(self, hour: u8, minute: u8) -> String {
        let (hour, minute) = (hour % 24, minute % 60);
        self.words.map_or_else(|| format!("{hour}:{minute:02}"), |words| (words.time)(self, hour, minute))
    }

    /// A date in words: "Friday, the twenty first of November".
    ///
    /// `weekday` is 1 (Monday) to 7, `day` 1 to 31, `month` 1 to 12; what is beyond is left out.
    pub fn date(self, weekday: u8, day: u8, month: u8) -> String {
        let index = |number: u8, count: u8| (1..=count).contains(&number).then(|| usize::from(number) - 1);
        let month = index(month, 12).filter(|_| index(day, 31).is_some());
        let date = Date { spoken: self, weekday: index(weekday, 7), day: month.map(|month| (day, month)) };
        match (self.words, date.day) {
            (Some(words), _) => (words.date)(&date),
            (None, Some((day, month))) => format!("{day}.{}.", month + 1),
            (None, None) => String::new(),
        }
    }

    /// A name with its digits as words, for a recogniser and for a voice: "press 3" is "press three", "line 120" is
    /// "line one hundred and twenty". As it is where the language has no number words.
    pub fn digits_as_words(self, text: &str) -> String {
        if !self.has_number_words() {
            return text.to_owned();
        }
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
                said.push_str(&self.digit_run(&digits));
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
    fn digit_run(self, digits: &str) -> String {
        match digits.parse::<u64>() {
            Ok(value) if digits.len() <= 4 && (digits.len() == 1 || !digits.starts_with('0')) => self.whole(value),
            _ => {
                let names: Vec<String> = digits.bytes().map(|digit| self.whole(u64::from(digit - b'0'))).collect();
                names.join(" ")
            }
        }
    }
}

impl Date {
    fn weekday(&self, names: &[&'static str; 7]) -> Option<&'static str> {
        names.get(self.weekday?).copied()
    }

    fn day(&self, months: &[&'static str; 12]) -> Option<(u8, &'static str)> {
        let (day, month) = self.day?;
        months.get(month).map(|&month| (day, month))
    }
}

/// The parts of a date that are known.
fn joined(weekday: Option<&str>, day: Option<String>, between: &str) -> String {
    match (weekday, day) {
        (Some(weekday), Some(day)) => format!("{weekday}{between}{day}"),
        (Some(weekday), None) => weekday.to_owned(),
        (None, day) => day.unwrap_or_default(),
    }
}

/// A joint that is the same before every word.
fn fixed(word: &'static str, _: &str) -> &'static str {
    word
}
