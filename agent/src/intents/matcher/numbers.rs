//! The numbers that begin at a place of a sentence: `20`, `20.5`, `-5`, `twenty one point five`.
//!
//! Owns digits, which are read in every language; words are `numerals`'. Leaves ranges, steps and fractions that a list
//! allows to `sentences`.

use super::super::numerals::{Found, Numerals};

/// The most digits of a number; more than this is no number that a list could hold.
const MAX_DIGITS: usize = 15;

/// Every number that begins at `start`, longest first: in digits, else in words. `spaces`: whether the text has any.
pub(crate) fn at(
    text: &[char],
    start: usize,
    numerals: Option<&Numerals>,
    fractions: bool,
    spaces: bool,
) -> Vec<Found> {
    match digits(text, start, fractions) {
        Some(found) => vec![found],
        None => numerals.map(|numerals| numerals.read(text, start, fractions, spaces)).unwrap_or_default(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intents::spoken::Spoken;
    use proptest::prelude::*;

    fn longest(text: &str, fractions: bool) -> Option<(String, f64)> {
        let characters: Vec<char> = text.chars().collect();
        let found = at(&characters, 0, Numerals::of("en"), fractions, true);
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
        // What is written on to it may be an ending that a template names: "beşe", "20°".
        assert_eq!(longest("fiveish", false), Some(("five".to_owned(), 5.0)));
        assert_eq!(longest("and five", false), None);
        assert_eq!(longest("", false), None);
        assert_eq!(longest("12345678901234567890", false), None);
    }

    #[test]
    fn every_prefix_that_is_a_number_is_found() {
        let text: Vec<char> = "one hundred and twenty five".chars().collect();
        let values: Vec<f64> = at(&text, 0, Numerals::of("en"), false, true).iter().map(|found| found.value).collect();
        assert_eq!(values, [125.0, 120.0, 100.0, 1.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_number_that_is_spoken_is_read_back(number in -99_999i32..=99_999, tenths in 0u8..10) {
            let value = f64::from(number) + f64::from(tenths) / 10.0 * f64::from(number.signum());
            let said = Spoken::of("en").number(value);
            let (text, read) = longest(&said, true).ok_or_else(|| TestCaseError::fail(said.clone()))?;
            prop_assert_eq!(text, said);
            prop_assert!((read - value).abs() < 1e-9, "{} {}", read, value);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}", start in 0usize..70) {
            let characters: Vec<char> = text.chars().collect();
            for found in at(&characters, start, Numerals::of("en"), true, true) {
                prop_assert!(found.end > start && found.end <= characters.len());
            }
        }
    }
}
