//! The grammar of what a recogniser writes that knows any word, such as whisper.
//!
//! It is the grammar of what is said, and more: a number stands in digits as well as in words ("50", "press 3"), and a wildcard takes up to [`MOST_ANY_WORDS`] of any
//! words. The same is what somebody types. Promises that what the closed grammar says, this one says too. Which digits a
//! list allows is left to the matcher: here they are any.

use super::super::sentences::{NumberList, Problem, Sentences};
use super::{Builder, Expansion, Vocabulary, build, join, normalise, simplified, word, words};
use crate::recognise::grammar::{ANY_WORD, DIGITS, SpeechGrammar};

/// The most words that a wildcard takes here.
const MOST_ANY_WORDS: usize = 6;

/// The grammar of everything that the sentences understand as it is written, and what was left out of it.
///
/// A language that writes no spaces has no words to build a grammar from: its grammar is empty.
pub fn written_grammar(sentences: &Sentences, vocabulary: &Vocabulary) -> (SpeechGrammar, Vec<Problem>) {
    build(sentences, vocabulary, true)
}

impl Builder<'_> {
    /// A number in words where they are known, and in digits where it is written.
    pub(super) fn numeral(&mut self, list: &NumberList) -> Option<Expansion> {
        let said = self.number(list);
        if !self.written {
            return said;
        }
        let digits = list.digits.then(|| word(DIGITS));
        let choices: Vec<Expansion> = said.into_iter().chain(digits).collect();
        (!choices.is_empty()).then(|| simplified(Expansion::Alternatives(choices)))
    }

    /// Any words; nothing where the words must be known.
    pub(super) fn any_words(&self) -> Option<Expansion> {
        let more = |rest: Expansion| simplified(Expansion::Sequence(vec![word(ANY_WORD), rest]));
        let chain = (1..MOST_ANY_WORDS).fold(word(ANY_WORD), |rest, _| more(Expansion::Optional(Box::new(rest))));
        self.written.then_some(chain)
    }

    /// A name as it is said, and, where it is written, also with its digits as they are.
    pub(super) fn as_written(&self, name: &str, said: Option<Expansion>) -> Option<Expansion> {
        let normal = normalise::sentence(name).text();
        // "21.5", "1,5": a mark within a number.
        let inside = |mark: char| matches!(mark, '.' | ',' | ':');
        let is_number = |word: &str| {
            word.split(inside).all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let is_word = |word: &str| join::is_sayable(word) || is_number(word) || word.chars().all(char::is_alphanumeric);
        if !self.written || normal.is_empty() || !normal.split(' ').all(is_word) {
            return said;
        }
        let choices = said.into_iter().chain([words(&normal)]).collect();
        Some(simplified(Expansion::Alternatives(choices)))
    }
}
