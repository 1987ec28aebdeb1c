//! How much one word is like another, by its letters and by its sound.
//!
//! Owns the distance: the least that has to be changed (Levenshtein's, with neighbours that change places as Damerau has
//! it), where letters and sounds that are often taken for each other count less, as a share of the longer word. The sounds
//! are those of the letter-to-sound table of `recognise`; a word in another script has letters only. Leaves to `repair`
//! what a distance is worth.

use crate::recognise::pronunciation::letters;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The longest spelling that is compared, in letters.
const LONGEST: usize = 40;
/// How much the nearer of letters and sound counts: a recogniser errs by sound and a writer by letters, and what is far
/// in the other is a little less likely to be the same.
const NEARER: f32 = 0.75;
/// Letters that are taken for each other because they sound alike in most languages that are written with them.
const LETTERS_ALIKE: [&[char]; 8] = [
    &['a', 'e', 'i', 'o', 'u', 'y'],
    &['b', 'p'],
    &['d', 't'],
    &['c', 'g', 'k', 'q'],
    &['f', 'v', 'w'],
    &['c', 's', 'x', 'z'],
    &['m', 'n'],
    &['i', 'j', 'y'],
];
/// Phones that differ in voice alone, or that noise hides the difference of (Miller and Nicely, 1955).
const PHONES_ALIKE: [&[&str]; 11] = [
    &["B", "P"],
    &["D", "T"],
    &["G", "K"],
    &["F", "V", "TH"],
    &["S", "Z"],
    &["SH", "ZH"],
    &["CH", "JH"],
    &["TH", "DH"],
    &["M", "N", "NG"],
    &["IH", "IY"],
    &["AA", "AH", "AO"],
];
const VOWELS: [&str; 15] = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"];

/// A word or a phrase as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spelling {
    /// Its letters, without spaces.
    letters: Vec<char>,
    /// The same without accents and apostrophes.
    plain: Vec<char>,
    phones: Vec<String>,
}

/// What two spellings have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Likeness {
    /// The same letters: only spaces can differ.
    Same,
    /// The same letters but for accents and apostrophes.
    SameButAccents,
    /// This much of the longer one differs, 0 to 1.
    Differs(f32),
}

impl Spelling {
    /// A text in normal form.
    pub(super) fn new(text: &[char]) -> Spelling {
        let letters: Vec<char> = text.iter().copied().filter(|&letter| letter != ' ').take(LONGEST).collect();
        let decomposed = letters.iter().copied().nfd();
        let plain = decomposed.filter(|&letter| !is_combining_mark(letter) && letter != '\'').collect();
        let written: String = letters.iter().collect();
        Spelling { letters, plain, phones: letters::to_phones(&written) }
    }

    /// How many letters it has.
    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether there are digits in it.
    pub(super) fn has_digits(&self) -> bool {
        self.letters.iter().any(char::is_ascii_digit)
    }

    /// Whether it could be the beginning of another: its letters are those, or nearly those, that the other begins with.
    pub(super) fn begins(&self, other: &Spelling) -> bool {
        let length = self.plain.len();
        let beginning = other.plain.get(..length.min(other.plain.len())).unwrap_or_default();
        length < other.plain.len() && edits(&self.plain, beginning, letters_differ, letter_gap) <= length as f32 / 4.0
    }

    /// How like another it is.
    pub(super) fn likeness(&self, other: &Spelling) -> Likeness {
        if self.letters == other.letters {
            return Likeness::Same;
        }
        if self.plain == other.plain {
            return Likeness::SameButAccents;
        }
        let share = |edits: f32, one: usize, other: usize| edits / one.max(other).max(1) as f32;
        let by_letters = edits(&self.plain, &other.plain, letters_differ, letter_gap);
        let by_letters = share(by_letters, self.plain.len(), other.plain.len());
        if self.phones.is_empty() || other.phones.is_empty() {
            return Likeness::Differs(by_letters);
        }
        let by_sound = edits(&self.phones, &other.phones, phones_differ, phone_gap);
        let by_sound = share(by_sound, self.phones.len(), other.phones.len());
        let (nearer, farther) = (by_letters.min(by_sound), by_letters.max(by_sound));
        Likeness::Differs(NEARER * nearer + (1.0 - NEARER) * farther)
    }
}

/// The least that changes one row into the other. `gap` says what an entry costs that the other row does not have, from the
/// row and its place.
fn edits<T: PartialEq>(one: &[T], other: &[T], differ: fn(&T, &T) -> f32, gap: fn(&[T], usize) -> f32) -> f32 {
    const NEIGHBOURS_SWAPPED: f32 = 0.8;
    let mut rows: [Vec<f32>; 3] = [Vec::new(), Vec::new(), vec![0.0]];
    for place in 0..other.len() {
        let before = rows[2][place];
        rows[2].push(before + gap(other, place));
    }
    for (row, mine) in one.iter().enumerate() {
        rows.rotate_left(1);
        let mut line = vec![rows[1][0] + gap(one, row)];
        for (place, theirs) in other.iter().enumerate() {
            let replaced = rows[1][place] + differ(mine, theirs);
            let left_out = rows[1][place + 1] + gap(one, row);
            let put_in = line[place] + gap(other, place);
            let mut least = replaced.min(left_out).min(put_in);
            if row > 0 && place > 0 && one[row - 1] == *theirs && *mine == other[place - 1] {
                least = least.min(rows[0][place - 1] + NEIGHBOURS_SWAPPED);
            }
            line.push(least);
        }
        rows[2] = line;
    }
    rows[2].last().copied().unwrap_or_default()
}

fn letters_differ(one: &char, other: &char) -> f32 {
    match one == other {
        true => 0.0,
        false if LETTERS_ALIKE.iter().any(|alike| alike.contains(one) && alike.contains(other)) => 0.7,
        false => 1.0,
    }
}

/// A letter said twice is nearly the letter; an `h` is often not heard.
fn letter_gap(letters: &[char], place: usize) -> f32 {
    let doubled = place > 0 && letters[place - 1] == letters[place];
    match letters[place] {
        _ if doubled => 0.4,
        'h' => 0.7,
        _ => 1.0,
    }
}

fn phones_differ(one: &String, other: &String) -> f32 {
    let alike = |alike: &&[&str]| alike.contains(&one.as_str()) && alike.contains(&other.as_str());
    let vowels = VOWELS.contains(&one.as_str()) && VOWELS.contains(&other.as_str());
    match one == other {
        true => 0.0,
        false if PHONES_ALIKE.iter().any(alike) => 0.5,
        false if vowels => 0.6,
        false => 1.0,
    }
}

fn phone_gap(phones: &[String], place: usize) -> f32 {
    if phones[place] == "HH" { 0.6 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spelling(text: &str) -> Spelling {
        Spelling::new(&text.chars().collect::<Vec<_>>())
    }

    fn differs(one: &str, other: &str) -> f32 {
        match spelling(one).likeness(&spelling(other)) {
            Likeness::Differs(share) => share,
            same => panic!("{one} and {other} are {same:?}"),
        }
    }

    #[test]
    fn spaces_and_accents_are_no_difference() {
        assert_eq!(spelling("bed light").likeness(&spelling("bedlight")), Likeness::Same);
        assert_eq!(spelling("eteins").likeness(&spelling("éteins")), Likeness::SameButAccents);
        assert_eq!(spelling("whats").likeness(&spelling("what's")), Likeness::SameButAccents);
    }

    #[test]
    fn near_misses_are_nearer_than_other_words() {
        for (meant, near, far) in [
            ("extraction", "extracton", "instruction"),
            ("fan", "phan", "pan"),
            ("compressor", "compresser", "processor"),
            ("turn", "trun", "tan"),
            ("light", "lite", "lamp"),
            ("drill", "dril", "grill"),
            ("вентилятор", "вентилатор", "виноград"),
        ] {
            assert!(differs(meant, near) < differs(meant, far), "{meant}: {near} {far}");
            assert!(differs(meant, near) <= 0.36, "{meant} {near} {}", differs(meant, near));
        }
    }

    #[test]
    fn words_that_mean_the_opposite_are_far_apart() {
        for (one, other) in [("on", "off"), ("open", "close"), ("up", "down"), ("start", "stop"), ("lock", "unlock")] {
            assert!(differs(one, other) > 0.3, "{one} {other} {}", differs(one, other));
        }
    }

    proptest! {
        #[test]
        fn a_distance_is_one(one in "[a-zé' ]{0,12}", other in "[a-zé' ]{0,12}") {
            let (one, other) = (spelling(&one), spelling(&other));
            prop_assert_eq!(one.likeness(&one), Likeness::Same);
            match (one.likeness(&other), other.likeness(&one)) {
                (Likeness::Differs(there), Likeness::Differs(back)) => {
                    prop_assert!((there - back).abs() < 1e-5);
                    prop_assert!(there > 0.0 && there <= 1.0, "{}", there);
                }
                (there, back) => prop_assert_eq!(there, back),
            }
        }

        #[test]
        fn any_text_has_a_spelling(text in ".{0,200}") {
            prop_assert!(spelling(&text).len() <= LONGEST);
        }
    }
}
