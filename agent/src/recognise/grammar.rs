//! The closed grammar of everything that can be said, as a recogniser needs it: words and their order, no meaning.
//!
//! Owns the neutral form between the sentence templates (`intents`, which make it) and the recognisers (which restrict
//! themselves to it). Each rule remembers where it was written, so that a fault in it can be named by file and line.

use std::collections::BTreeMap;
use std::fmt;

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
