//! Completions: how a sentence that was begun can go on, for people who type.
//!
//! The ways through the grammar of everything that can be written (`speech::written_grammar`), which names only what a
//! sentence can be about. Owns the order of what is offered and its spelling: the grammar is in lower case, and people
//! want to read names and nouns as they are written. The way through the grammar is `ways`'. Promises bounded work for any
//! text and any grammar, and that what is offered as whole fits a template, if that takes the numbers in the text. A
//! language without spaces has no words to go on with: nothing is offered.

#[cfg(test)]
mod tests;
mod ways;
mod written;

use super::matcher::{MAX_WORDS, Vocabulary, normalise};
use super::numerals::Numerals;
use super::sentences::Sentences;
use super::speech;
use crate::recognise::grammar::SpeechGrammar;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashSet;
use ways::{Place, Ways};
use written::WrittenWords;

/// The most completions of one text.
pub const MAX_COMPLETIONS: usize = 50;
/// The longest text that is completed, in bytes.
const MAX_BYTES: usize = 2_000;
/// The most words that are added where nothing else can come.
const MAX_ADDED: usize = 8;
/// As how many templates more a word counts with which the name of a thing begins: most requests are about one.
const NAME_COUNTS: usize = 4;

/// A way in which a text can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completion {
    /// The text with what is added.
    pub text: String,
    /// What is added.
    pub adds: String,
    /// Whether that is a whole sentence.
    pub whole: bool,
}

/// Everything that can be written, word by word.
#[derive(Debug)]
pub struct Completions {
    grammar: SpeechGrammar,
    written: WrittenWords,
    /// The words with which names of entities begin.
    named: HashSet<String>,
    skip_words: Vec<Vec<char>>,
    numerals: Option<&'static Numerals>,
}

impl Completions {
    /// Compiles sentences with the names that they may use.
    pub fn compile(sentences: &Sentences, vocabulary: &Vocabulary) -> Self {
        let (grammar, _left_out) = speech::written_grammar(&sentences.unprompted(), vocabulary);
        let (grammar, _left_out) = grammar.checked();
        let skip_words = normalise::longest_first(&sentences.skip_words);
        let written = WrittenWords::new(sentences, vocabulary);
        let names = vocabulary.entities.iter().flat_map(|entity| &entity.names);
        let first = |name: &String| normalise::sentence(name).text().split(' ').next().map(str::to_owned);
        let named = names.filter_map(first).collect();
        Completions { grammar, written, named, skip_words, numerals: Numerals::of(&sentences.language) }
    }

    /// How a text can go on, what begins most templates first, and then what their files say first; at most `limit` ways,
    /// and [`MAX_COMPLETIONS`].
    ///
    /// A text that ends within a word is completed to words that begin like it; of a whole word also what can follow.
    pub fn after(&self, text: &str, limit: usize) -> Vec<Completion> {
        if text.len() > MAX_BYTES {
            return Vec::new();
        }
        let limit = limit.min(MAX_COMPLETIONS);
        let stem = text.trim_end();
        let (kept, begun) = if stem.len() < text.len() { (stem, "") } else { apart(stem) };
        // Behind nothing but skip words a sentence begins.
        let said = normalise::sentence(kept).cut(&self.skip_words, true).text();
        let words: Vec<&str> = said.split(' ').filter(|word| !word.is_empty()).collect();
        if words.len() > MAX_WORDS {
            return Vec::new();
        }
        let mut ways = Ways::new(&self.grammar, self.numerals);
        let mut before = ways.start();
        for word in words {
            before = ways.step(&before, word);
        }
        let mut offered = Vec::new();
        let folded = normalise::sentence(begun).text();
        if !folded.is_empty() {
            let longer = |word: &str| word.len() > folded.len() && word.starts_with(&folded);
            offered = self.offer(&mut ways, &before, longer, (kept, begun.len(), limit));
            before = ways.step(&before, &folded);
        }
        let joint = if stem.is_empty() { String::new() } else { format!("{stem} ") };
        let left = limit - offered.len();
        offered.extend(self.offer(&mut ways, &before, |_| true, (&joint, 0, left)));
        offered
    }

    /// What may come next from these places, written behind `stem`; of the first word so many bytes stand there already.
    fn offer<'g>(
        &self,
        ways: &mut Ways<'g>,
        from: &[Place],
        fits: impl Fn(&str) -> bool,
        (stem, there, limit): (&str, usize, usize),
    ) -> Vec<Completion> {
        let next = ways.next(from);
        let mut words: Vec<(&'g str, Vec<Place>)> = next.words.into_iter().filter(|(word, _)| fits(word)).collect();
        words.sort_by_cached_key(|(word, places)| {
            // An article before a name leads mostly to where one is already: what says more comes first.
            let says_nothing = places.iter().filter(|place| next.here.contains(place)).count() * 2 > places.len();
            let (count, first) = ways.sentences(places);
            let count = if self.named.contains(*word) { count + NAME_COUNTS } else { count };
            (says_nothing, Reverse(count), first)
        });
        let complete = |(word, places): (&'g str, Vec<Place>)| {
            let (words, whole) = go_on(ways, word, places);
            let added: Vec<String> = words.iter().map(|word| self.written.of(word)).collect();
            let added = added.join(" ");
            let adds = added.get(there..).unwrap_or(&added).to_owned();
            Completion { text: format!("{stem}{added}"), adds, whole }
        };
        words.into_iter().take(limit).map(complete).collect()
    }
}

/// The words behind a first one, as long as only one can come; and whether the sentence may end there.
fn go_on<'g>(ways: &mut Ways<'g>, first: &'g str, mut places: Vec<Place>) -> (Vec<&'g str>, bool) {
    let mut words = vec![first];
    loop {
        let next = ways.next(&places);
        let whole = next.ends;
        let mut following = next.words.into_iter();
        match (following.next(), following.next()) {
            (Some((word, behind)), None) if !whole && !next.open && words.len() < MAX_ADDED => {
                words.push(word);
                places = behind;
            }
            _ => return (words, whole),
        }
    }
}

/// A text without its last word, and that word as it was written: what stands behind the last space, hyphen or quotation.
fn apart(stem: &str) -> (&str, &str) {
    let joint = |character: &char| !character.is_alphanumeric() && !matches!(character, '\'' | '\u{2019}');
    let end = stem.char_indices().rev().find(|(_, character)| joint(character));
    stem.split_at_checked(end.map_or(0, |(at, character)| at + character.len_utf8())).unwrap_or(("", stem))
}
