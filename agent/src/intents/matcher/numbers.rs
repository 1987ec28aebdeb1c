//! Numbers as they are said and written: `20`, `20.5`, `-5`, `twenty one point five`, `one hundred and five`, `half`.
//!
//! Owns finding every number that begins at a place of a sentence. A language is a [`Words`] table; digits are read in
//! every language. Leaves ranges, steps and fractions that a list allows to `compile`.

/// A number that begins at the place asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// One past its last character.
    pub(crate) end: usize,
    /// Its value.
    pub(crate) value: f64,
}

/// The number words of a language that counts as English does.
#[derive(Debug)]
pub(crate) struct Words {
    /// Zero to nineteen.
    small: &'static [(&'static str, u32)],
    tens: &'static [(&'static str, u32)],
    hundred: &'static str,
    thousand: &'static str,
    /// Stands for one before `hundred`, `thousand` and `half`.
    article: &'static str,
    and: &'static str,
    point: &'static str,
    half: &'static str,
    minus: &'static [&'static str],
}

/// The most words of one number: "minus nine hundred and ninety nine thousand nine hundred and ninety nine point ..."
const MAX_WORDS: usize = 24;
/// The most digits that are read after a point.
const MAX_DECIMALS: usize = 6;
/// The most digits of a number; more than this is no number that a list could hold.
const MAX_DIGITS: usize = 15;

const ENGLISH: Words = Words {
    small: &[
        ("zero", 0),
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("six", 6),
        ("seven", 7),
        ("eight", 8),
        ("nine", 9),
        ("ten", 10),
        ("eleven", 11),
        ("twelve", 12),
        ("thirteen", 13),
        ("fourteen", 14),
        ("fifteen", 15),
        ("sixteen", 16),
        ("seventeen", 17),
        ("eighteen", 18),
        ("nineteen", 19),
    ],
    tens: &[
        ("twenty", 20),
        ("thirty", 30),
        ("forty", 40),
        ("fifty", 50),
        ("sixty", 60),
        ("seventy", 70),
        ("eighty", 80),
        ("ninety", 90),
    ],
    hundred: "hundred",
    thousand: "thousand",
    article: "a",
    and: "and",
    point: "point",
    half: "half",
    minus: &["minus", "negative"],
};

/// The number words of a language; nothing where only digits are read.
pub(crate) fn words(language: &str) -> Option<&'static Words> {
    matches!(language.split(['-', '_']).next(), Some("en")).then_some(&ENGLISH)
}

impl Words {
    fn value(table: &[(&str, u32)], word: &str) -> Option<u32> {
        table.iter().find(|(name, _)| *name == word).map(|&(_, value)| value)
    }
}

/// Every number that begins at `start`, longest first: in digits, else in words.
pub(crate) fn at(text: &[char], start: usize, words: Option<&Words>, fractions: bool) -> Vec<Found> {
    if let Some(found) = digits(text, start, fractions) {
        return vec![found];
    }
    let Some(words) = words else { return Vec::new() };
    let tokens = Tokens::read(text, start);
    let mut found = signed(words, &tokens, fractions);
    found.sort_by_key(|found| std::cmp::Reverse(found.end));
    found.dedup();
    found
}

fn digits(text: &[char], start: usize, fractions: bool) -> Option<Found> {
    let mut end = start + usize::from(text.get(start) == Some(&'-'));
    let first = end;
    let count = |from: usize| {
        text.get(from..).unwrap_or_default().iter().take_while(|character| character.is_ascii_digit()).count()
    };
    end += count(end);
    if end == first || end - first > MAX_DIGITS {
        return None;
    }
    if fractions && matches!(text.get(end), Some('.' | ',')) {
        let decimals = count(end + 1);
        if decimals > 0 && decimals <= MAX_DIGITS {
            end += 1 + decimals;
        }
    }
    let written: String =
        text[start..end].iter().map(|&character| if character == ',' { '.' } else { character }).collect();
    written.parse().ok().map(|value| Found { end, value })
}

/// The words from a place on, with their ends.
struct Tokens {
    words: Vec<String>,
    ends: Vec<usize>,
}

impl Tokens {
    fn read(text: &[char], start: usize) -> Tokens {
        let mut tokens = Tokens { words: Vec::new(), ends: Vec::new() };
        let mut word = String::new();
        let rest = text.get(start..).unwrap_or_default();
        for (index, &character) in rest.iter().chain([&' ']).enumerate() {
            if character.is_alphabetic() {
                word.push(character);
                continue;
            }
            if word.is_empty() || tokens.words.len() == MAX_WORDS {
                break;
            }
            tokens.words.push(std::mem::take(&mut word));
            tokens.ends.push(start + index);
            if character != ' ' {
                break;
            }
        }
        tokens
    }

    fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }
}

/// A number that takes the words up to `next`.
type Reading = (usize, f64);

fn signed(words: &Words, tokens: &Tokens, fractions: bool) -> Vec<Found> {
    let negative = words.minus.contains(&tokens.word(0));
    let start = usize::from(negative);
    let sign = if negative { -1.0 } else { 1.0 };
    let mut readings: Vec<Reading> = Vec::new();
    for (next, value) in whole(words, tokens, start) {
        let value = f64::from(value);
        readings.push((next, value));
        if fractions {
            decimals(words, tokens, next, value, &mut readings);
            let and = usize::from(tokens.word(next) == words.and);
            let article = usize::from(and == 1 && tokens.word(next + 1) == words.article);
            if and == 1 && tokens.word(next + and + article) == words.half {
                readings.push((next + and + article + 1, value + 0.5));
            }
        }
    }
    if fractions {
        decimals(words, tokens, start, 0.0, &mut readings);
        let article = usize::from(tokens.word(start) == words.article);
        if tokens.word(start + article) == words.half {
            readings.push((start + article + 1, 0.5));
        }
    }
    readings
        .into_iter()
        .filter_map(|(next, value)| Some(Found { end: *tokens.ends.get(next.checked_sub(1)?)?, value: sign * value }))
        .collect()
}

/// "point two five" after a number: every prefix of the digits is a reading.
fn decimals(words: &Words, tokens: &Tokens, start: usize, value: f64, readings: &mut Vec<Reading>) {
    if tokens.word(start) != words.point {
        return;
    }
    let mut written = String::from("0.");
    for index in start + 1..start + 1 + MAX_DECIMALS {
        match Words::value(words.small, tokens.word(index)) {
            Some(digit) if digit < 10 => written.push_str(&digit.to_string()),
            _ => break,
        }
        readings.push((index + 1, value + written.parse::<f64>().unwrap_or(0.0)));
    }
}

/// Whole numbers from 0 to 999 999, every prefix that is a number by itself included.
fn whole(words: &Words, tokens: &Tokens, start: usize) -> Vec<(usize, u32)> {
    let below = below_thousand(words, tokens, start);
    let mut all = below.clone();
    for (next, count) in below.into_iter().chain(article(words, tokens, start)) {
        if count == 0 || tokens.word(next) != words.thousand {
            continue;
        }
        let thousands = count * 1000;
        all.push((next + 1, thousands));
        all.extend(
            remainder(words, tokens, next + 1, below_thousand).into_iter().map(|(next, rest)| (next, thousands + rest)),
        );
    }
    all
}

fn below_thousand(words: &Words, tokens: &Tokens, start: usize) -> Vec<(usize, u32)> {
    let below = below_hundred(words, tokens, start);
    let mut all = below.clone();
    for (next, count) in below.into_iter().chain(article(words, tokens, start)) {
        if count == 0 || count > 9 || tokens.word(next) != words.hundred {
            continue;
        }
        let hundreds = count * 100;
        all.push((next + 1, hundreds));
        all.extend(
            remainder(words, tokens, next + 1, below_hundred).into_iter().map(|(next, rest)| (next, hundreds + rest)),
        );
    }
    all
}

fn below_hundred(words: &Words, tokens: &Tokens, start: usize) -> Vec<(usize, u32)> {
    if let Some(value) = Words::value(words.small, tokens.word(start)) {
        return vec![(start + 1, value)];
    }
    let Some(tens) = Words::value(words.tens, tokens.word(start)) else { return Vec::new() };
    let mut all = vec![(start + 1, tens)];
    if let Some(unit) = Words::value(words.small, tokens.word(start + 1)).filter(|unit| (1..10).contains(unit)) {
        all.push((start + 2, tens + unit));
    }
    all
}

fn article(words: &Words, tokens: &Tokens, start: usize) -> Option<(usize, u32)> {
    (tokens.word(start) == words.article).then_some((start + 1, 1))
}

/// What follows a hundred or a thousand, with or without "and".
fn remainder(
    words: &Words,
    tokens: &Tokens,
    start: usize,
    read: fn(&Words, &Tokens, usize) -> Vec<(usize, u32)>,
) -> Vec<(usize, u32)> {
    let start = start + usize::from(tokens.word(start) == words.and);
    read(words, tokens, start).into_iter().filter(|&(_, value)| value > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intents::spoken;
    use proptest::prelude::*;

    fn longest(text: &str, fractions: bool) -> Option<(String, f64)> {
        let characters: Vec<char> = text.chars().collect();
        let found = at(&characters, 0, words("en"), fractions);
        found.first().map(|found| (characters[..found.end].iter().collect(), found.value))
    }

    #[test]
    fn reads_numbers_in_words_and_digits() {
        let cases = [
            ("zero", 0.0),
            ("seventeen", 17.0),
            ("twenty one", 21.0),
            ("a hundred", 100.0),
            ("one hundred and five", 105.0),
            ("two hundred fifty", 250.0),
            ("nine hundred and ninety nine", 999.0),
            ("a thousand and one", 1001.0),
            ("twelve thousand three hundred and forty five", 12345.0),
            ("minus twenty", -20.0),
            ("negative five", -5.0),
            ("20", 20.0),
            ("-5", -5.0),
        ];
        for (text, value) in cases {
            assert_eq!(longest(text, false), Some((text.to_owned(), value)), "{text}");
        }
        let fractions = [
            ("twenty one point five", 21.5),
            ("point five", 0.5),
            ("zero point two five", 0.25),
            ("half", 0.5),
            ("a half", 0.5),
            ("two and a half", 2.5),
            ("20.5", 20.5),
            ("20,5", 20.5),
            ("minus one point five", -1.5),
        ];
        for (text, value) in fractions {
            assert_eq!(longest(text, true), Some((text.to_owned(), value)), "{text}");
        }
    }

    #[test]
    fn a_number_ends_where_its_words_end() {
        assert_eq!(longest("five minutes", false), Some(("five".to_owned(), 5.0)));
        assert_eq!(longest("twenty one point five", false), Some(("twenty one".to_owned(), 21.0)));
        assert_eq!(longest("one hundred and counting", false), Some(("one hundred".to_owned(), 100.0)));
        assert_eq!(longest("fiveish", false), None);
        assert_eq!(longest("and five", false), None);
        assert_eq!(longest("", false), None);
        assert_eq!(longest("12345678901234567890", false), None);
    }

    #[test]
    fn every_prefix_that_is_a_number_is_found() {
        let text: Vec<char> = "one hundred and twenty five".chars().collect();
        let values: Vec<f64> = at(&text, 0, words("en"), false).iter().map(|found| found.value).collect();
        assert_eq!(values, [125.0, 120.0, 100.0, 1.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_number_that_is_spoken_is_read_back(number in -99_999i32..=99_999, tenths in 0u8..10) {
            let value = f64::from(number) + f64::from(tenths) / 10.0 * f64::from(number.signum());
            let said = spoken::number(value);
            let (text, read) = longest(&said, true).ok_or_else(|| TestCaseError::fail(said.clone()))?;
            prop_assert_eq!(text, said);
            prop_assert!((read - value).abs() < 1e-9, "{} {}", read, value);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}", start in 0usize..70) {
            let characters: Vec<char> = text.chars().collect();
            for found in at(&characters, start, words("en"), true) {
                prop_assert!(found.end > start && found.end <= characters.len());
            }
        }
    }
}
