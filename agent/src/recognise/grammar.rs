//! The closed grammar of everything that can be said, as a recogniser needs it: words and their order, no meaning.
//!
//! Owns the neutral form between the sentence templates (`intents`, which make it) and the recognisers (which restrict
//! themselves to it). Each rule remembers where it was written, so that a fault in it can be named by file and line.
//! Promises that one fault costs only what uses it: [`SpeechGrammar::checked`] leaves out what is broken and
//! [`SpeechGrammar::without_words`] what cannot be heard, and both say what they left out.
//! Leaves to others what a sentence means, and how a word sounds (`pronunciation`).

pub mod automaton;
pub(crate) mod gbnf;
mod jsgf;
mod prune;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(crate) use jsgf::token_of_word;
pub use jsgf::word_of_token;

/// The most words that a grammar may have when every rule is written out at each place that uses it. PocketSphinx
/// makes a state of each: this many load in half a second and decode in about real time on an x86 core.
pub const MAX_WORDS_WRITTEN_OUT: usize = 60_000;

/// The deepest nesting of expansions and rules that is accepted.
pub const MAX_DEPTH: usize = 64;

/// The longest word, in bytes.
pub const MAX_WORD_BYTES: usize = 100;

/// In the place of a word: any word at all. Only a grammar of what is written has it, for nobody knows its sound.
pub const ANY_WORD: &str = "*";

/// In the place of a word: a number in digits, with a fraction or a percent sign or without. Only a grammar of what is
/// written has it.
pub const DIGITS: &str = "#";

/// The rule of what may be said before and after every sentence ("please"). No sentence refers to it.
pub const POLITENESS: &str = "politeness";

/// Something in a grammar or its words that was left out, while the rest is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written; none where it comes from no line of a file.
    pub origin: Option<Origin>,
    /// What is wrong, what is left out and what to do, as a sentence.
    pub message: String,
}

impl Problem {
    pub(crate) fn at(origin: &Origin, message: String) -> Self {
        Self { origin: Some(origin.clone()), message }
    }

    pub(crate) fn anywhere(message: String) -> Self {
        Self { origin: None, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(formatter, "{origin}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

/// Why no recogniser can be made for a grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// Nothing is left that could be said.
    #[error(
        "there is no sentence that could be heard: add a sentence file or an entity, and see the problems reported before"
    )]
    Empty,
    /// The grammar has too many words to be searched in time and memory.
    #[error(
        "the sentences are too many: written out they have {words} words and {most} are possible; \
         the largest is at {largest}: shorten its lists, or split it"
    )]
    TooLarge {
        /// The number of words, written out.
        words: usize,
        /// The limit.
        most: usize,
        /// The sentence with the most words.
        largest: Origin,
    },
    /// The automaton of the grammar has too many states.
    #[error(
        "the sentences are too many: they can go on from more than {most} places; the largest is at {largest}: \
         shorten its lists, or split it"
    )]
    TooManyStates {
        /// The limit.
        most: usize,
        /// The sentence with the most words.
        largest: Origin,
    },
    /// A rule is used that does not exist, or uses itself, or nests too deeply: the grammar was not checked.
    #[error("{origin}: {message}")]
    Unchecked {
        /// Where the rule or sentence was written.
        origin: Origin,
        /// What is wrong with it.
        message: String,
    },
}

/// Where a rule was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file, or a stated source such as `built-in/en`.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// What may be said at one place. Words are in lower case and normalised (no punctuation, no white space inside).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expansion {
    /// Nothing.
    Empty,
    /// One word.
    Word(String),
    /// All of these, in this order.
    Sequence(Vec<Expansion>),
    /// One of these.
    Alternatives(Vec<Expansion>),
    /// This, or nothing.
    Optional(Box<Expansion>),
    /// What the rule of that name says.
    Rule(String),
}

/// A named rule and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarRule {
    /// What it expands to.
    pub expansion: Expansion,
    /// Where it was written.
    pub origin: Origin,
}

/// A closed grammar: the sentences that may be said, and the rules that they use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpeechGrammar {
    /// Whole sentences; any one of them may be said.
    pub sentences: Vec<GrammarRule>,
    /// Rules by name. Names are `[a-z0-9_]+`.
    pub rules: BTreeMap<String, GrammarRule>,
}

impl SpeechGrammar {
    /// Every word that may be said, each once. Rules that no sentence uses do not count.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        let mut rules = BTreeSet::from([POLITENESS.to_owned()]);
        for sentence in &self.sentences {
            collect_words(&sentence.expansion, &mut words, &mut rules, 0);
        }
        let mut pending: Vec<String> = rules.iter().cloned().collect();
        while let Some(name) = pending.pop() {
            let Some(rule) = self.rules.get(&name) else { continue };
            let mut found = BTreeSet::new();
            collect_words(&rule.expansion, &mut words, &mut found, 0);
            pending.extend(found.into_iter().filter(|name| rules.insert(name.clone())));
        }
        words
    }

    /// How many words the grammar has when every rule is written out at each place that uses it, and the sentence that
    /// has the most. Stops counting at `usize::MAX`.
    pub(crate) fn written_out(&self) -> (usize, Option<&Origin>) {
        let mut sizes = BTreeMap::new();
        let mut total = 0_usize;
        let mut largest: Option<(usize, &Origin)> = None;
        for sentence in &self.sentences {
            let size = self.size(&sentence.expansion, &mut sizes, 0);
            total = total.saturating_add(size);
            if largest.is_none_or(|(most, _)| size > most) {
                largest = Some((size, &sentence.origin));
            }
        }
        (total, largest.map(|(_, origin)| origin))
    }

    fn size<'a>(&'a self, expansion: &'a Expansion, sizes: &mut BTreeMap<&'a str, usize>, depth: usize) -> usize {
        if depth > MAX_DEPTH {
            return usize::MAX;
        }
        match expansion {
            Expansion::Empty => 0,
            Expansion::Word(_) => 1,
            Expansion::Optional(inner) => self.size(inner, sizes, depth + 1),
            Expansion::Sequence(parts) | Expansion::Alternatives(parts) => {
                parts.iter().fold(0, |sum: usize, part| sum.saturating_add(self.size(part, sizes, depth + 1)))
            }
            Expansion::Rule(name) => {
                if let Some(size) = sizes.get(name.as_str()) {
                    return *size;
                }
                let size = self.rules.get(name).map_or(0, |rule| self.size(&rule.expansion, sizes, depth + 1));
                sizes.insert(name, size);
                size
            }
        }
    }
}

fn collect_words(expansion: &Expansion, words: &mut BTreeSet<String>, rules: &mut BTreeSet<String>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match expansion {
        Expansion::Empty => {}
        Expansion::Word(word) => {
            words.insert(word.clone());
        }
        Expansion::Rule(name) => {
            rules.insert(name.clone());
        }
        Expansion::Optional(inner) => collect_words(inner, words, rules, depth + 1),
        Expansion::Sequence(parts) | Expansion::Alternatives(parts) => {
            for part in parts {
                collect_words(part, words, rules, depth + 1);
            }
        }
    }
}
