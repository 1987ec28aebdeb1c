//! The numbers of a list as a language spells them.
//!
//! Owns which numbers of a list are said, in which words (all ways that the language has), and how they share their words:
//! "treinta" to "noventa" go on alike and are one choice, so that a grammar stays small. Promises a bound: of a list with
//! more than `MOST` numbers the fractions are left out first, then the numbers that are not round. What is left out can
//! still be typed.

use super::super::sentences::{Fractions, NumberList};
use super::super::spoken::Spoken;
use super::{Expansion, join, normalise, simplified, word};
use std::collections::HashMap;

/// The most numbers of a list that are listed.
const MOST: usize = 1_000;

/// Every way to say each number of the list.
pub(super) fn choices(spoken: Spoken, list: &NumberList) -> Vec<Expansion> {
    let mut ways: Vec<Vec<String>> = Vec::new();
    for number in numbers(list) {
        for way in spoken.ways(number) {
            let said = normalise::sentence(&way).text();
            if said.split(' ').all(join::is_sayable) {
                ways.push(said.split(' ').map(str::to_owned).collect());
            }
        }
    }
    let ways: Vec<&[String]> = ways.iter().map(Vec::as_slice).collect();
    shared(&ways)
}

/// Exactly these sequences of words, those that begin alike together, and first words that go on alike as one choice.
/// As deep as the longest sequence.
fn shared<'a>(ways: &[&'a [String]]) -> Vec<Expansion> {
    let mut heads: Vec<(&'a String, Vec<&'a [String]>)> = Vec::new();
    let mut place_of: HashMap<&String, usize> = HashMap::new();
    for (head, rest) in ways.iter().filter_map(|way| way.split_first()) {
        let place = *place_of.entry(head).or_insert(heads.len());
        match heads.get_mut(place) {
            Some((_, rests)) => rests.push(rest),
            None => heads.push((head, vec![rest])),
        }
    }
    let mut groups: Vec<(Vec<&[String]>, Vec<Expansion>)> = Vec::new();
    let mut group_of: HashMap<Vec<&[String]>, usize> = HashMap::new();
    for (head, mut rests) in heads {
        rests.sort_unstable();
        rests.dedup();
        let place = *group_of.entry(rests.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, heads)) => heads.push(word(head)),
            None => groups.push((rests, vec![word(head)])),
        }
    }
    let choice = |(rests, heads): (Vec<&'a [String]>, Vec<Expansion>)| {
        let ends_here = rests.first().is_some_and(|rest| rest.is_empty());
        let rest = Expansion::Alternatives(shared(&rests));
        let rest = if ends_here { Expansion::Optional(Box::new(rest)) } else { rest };
        simplified(Expansion::Sequence(vec![Expansion::Alternatives(heads), rest]))
    };
    groups.into_iter().map(choice).collect()
}

/// The numbers of a list, as many of them as can be listed.
fn numbers(list: &NumberList) -> Vec<f64> {
    let tenths: &[i64] = match list.fractions {
        Fractions::None => &[0],
        Fractions::Halves => &[0, 5],
        Fractions::Tenths => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    };
    let step = list.step.max(1);
    let count = list.to.saturating_sub(list.from).max(0).unsigned_abs() / step.unsigned_abs() + 1;
    if count > MOST as u64 {
        let fits = |number: &i64| {
            (list.from..=list.to).contains(number) && number.rem_euclid(step) == list.from.rem_euclid(step)
        };
        return round().filter(fits).take(MOST).map(|number| number as f64).collect();
    }
    let whole = (0..count).map(|index| list.from + step * index as i64);
    let with_fractions = count * tenths.len() as u64 <= MOST as u64;
    let tenths = if with_fractions { tenths } else { &[0] };
    let all = whole.flat_map(|number| tenths.iter().map(move |tenth| number as f64 + *tenth as f64 / 10.0));
    all.filter(|number| *number <= list.to as f64).collect()
}

/// Numbers with one or two digits before their zeros, small ones first, each with its opposite.
fn round() -> impl Iterator<Item = i64> {
    let scaled = (0..16).map(|zeros| 10_i64.pow(zeros)).flat_map(|scale| {
        let from = if scale == 1 { 1 } else { 10 };
        (from..100).map(move |digits| digits * scale)
    });
    std::iter::once(0).chain(scaled.flat_map(|number| [number, -number]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(from: i64, to: i64, fractions: Fractions) -> NumberList {
        NumberList { from, to, step: 1, fractions, multiplier: 1.0, digits: true, words: true, words_language: None }
    }

    #[test]
    fn a_list_that_fits_is_listed_whole() {
        assert_eq!(numbers(&list(-1, 1, Fractions::Halves)), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(numbers(&list(0, 999, Fractions::None)).len(), 1000);
        assert_eq!(numbers(&NumberList { step: 25, ..list(0, 100, Fractions::None) }), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(numbers(&list(0, 500, Fractions::Tenths)).len(), 501, "whole numbers only");
    }

    #[test]
    fn a_list_of_any_size_is_bounded_and_has_its_round_numbers() {
        let many = numbers(&list(0, 1_000_000, Fractions::None));
        assert!(many.len() <= MOST && [0.0, 99.0, 250.0, 1_000_000.0].iter().all(|number| many.contains(number)));
        assert!(!many.contains(&101.0));
        assert!(numbers(&list(i64::MIN, i64::MAX, Fractions::Tenths)).len() <= MOST);
    }

    #[test]
    fn numbers_share_their_words_and_are_still_themselves() {
        let spoken = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
        let ways = ["treinta", "treinta y uno", "treinta y dos", "cuarenta", "cuarenta y uno", "cuarenta y dos", "dos"];
        let ways: Vec<Vec<String>> = ways.into_iter().map(spoken).collect();
        let choices = shared(&ways.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let either = |words: [&str; 2]| Expansion::Alternatives(words.map(word).to_vec());
        let rest = Expansion::Sequence(vec![word("y"), either(["dos", "uno"])]);
        let tens = vec![either(["treinta", "cuarenta"]), Expansion::Optional(Box::new(rest))];
        assert_eq!(choices, [Expansion::Sequence(tens), word("dos")]);
        for language in ["es", "fr"] {
            let choices = choices_of(language, 1, 100);
            let words = format!("{choices:?}").matches("Word").count();
            assert!(words < 90, "{language}: {words}");
        }
    }

    fn choices_of(language: &str, from: i64, to: i64) -> Vec<Expansion> {
        choices(Spoken::of(language), &list(from, to, Fractions::None))
    }

    #[test]
    fn a_number_is_listed_in_every_way() {
        let said = |language: &str, number: i64| {
            let choices = choices_of(language, number, number);
            choices.iter().map(|choice| format!("{choice:?}")).collect::<Vec<_>>().join(" ")
        };
        for way in ["eins", "eine", "einen"] {
            assert!(said("de", 1).contains(&format!("{way:?}")), "{}", said("de", 1));
        }
        assert!(said("de", 2).contains("zwo"));
        assert!(said("fr", 21).contains("\"vingt\"") && said("fr", 21).contains("\"une\""));
        assert!(said("es", 1).contains("\"un\"") && said("nl", 21).contains("\"eenentwintig\""));
        assert_eq!(said("tlh", 1), "");
    }
}
