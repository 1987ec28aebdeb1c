//! Speech as people make it: "uh", and words said twice while they think.
//!
//! Owns what of a sentence is hesitation. Promises to take away only words that are fillers of the language, or that stand
//! in the sentence once more right behind themselves, and never a number: "five five" may be two digits. Whether anything
//! is taken away is decided by the matcher, which tries the sentence as it was said first.

use super::Normal;

/// The most words that are taken for said twice together: "turn on turn on the fan".
const LONGEST_REPEATED: usize = 4;

impl Normal {
    /// Without the fillers (in normal form, longest first), and without what is said again at once. `is_number` tells which
    /// words are numbers.
    pub(crate) fn without_hesitation(&self, fillers: &[Vec<char>], is_number: impl Fn(&[char]) -> bool) -> Normal {
        let fluent = self.without_words(fillers, true);
        let words: Vec<(usize, usize)> = fluent.words();
        let text = |word: usize| words.get(word).map(|&(start, end)| &fluent.characters[start..end]);
        let said_again = |first: usize, length: usize| {
            (first..first + length).all(|word| text(word + length).is_some() && text(word) == text(word + length))
                && !(first..first + length).any(|word| text(word).is_some_and(&is_number))
        };
        let mut keep = vec![true; fluent.characters.len()];
        let mut word = 0;
        while word < words.len() {
            let length = (1..=LONGEST_REPEATED).rev().find(|&length| said_again(word, length)).unwrap_or(0);
            if let (1.., Some(&(start, _)), Some(&(next, _))) = (length, words.get(word), words.get(word + length)) {
                keep[start..next].fill(false);
            }
            word += length.max(1);
        }
        fluent.keep(&keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sentence;
    use proptest::prelude::*;

    fn fluent(text: &str) -> String {
        let fillers: Vec<Vec<char>> = ["you know", "uh", "um"].iter().map(|filler| filler.chars().collect()).collect();
        let is_number = |word: &[char]| word.iter().all(char::is_ascii_digit) || word == ['f', 'i', 'v', 'e'];
        sentence(text).without_hesitation(&fillers, is_number).text()
    }

    #[test]
    fn fillers_and_what_is_said_again_go() {
        for (said, meant) in [
            ("Uh, turn on the, um, fan", "turn on the fan"),
            ("turn turn on the the the fan", "turn on the fan"),
            ("turn on turn on the fan", "turn on the fan"),
            ("turn uh turn on you know the fan", "turn on the fan"),
            ("turn on the fan the fan", "turn on the fan"),
            ("the umbrella", "the umbrella"),
            ("turn the fan on the fan", "turn the fan on the fan"),
            ("five five minutes", "five five minutes"),
            ("5 5", "5 5"),
            ("uh", "uh"),
            ("", ""),
        ] {
            assert_eq!(fluent(said), meant, "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_word_is_added_or_lost_for_good(text in "(uh |um |on |off |the |five |fan ){0,12}") {
            let (before, after) = (sentence(&text).text(), fluent(&text));
            for word in ["on", "off", "the", "five", "fan"] {
                let count = |text: &str| text.split(' ').filter(|said| *said == word).count();
                prop_assert!(count(&after) <= count(&before));
                prop_assert_eq!(count(&after) > 0, count(&before) > 0, "{} in {:?}", word, after);
            }
            prop_assert_eq!(fluent(&text).contains("five five"), before.replace("uh ", "").replace("um ", "").contains("five five"));
        }
    }
}
