//! Mutations: a text with some of it gone, doubled, exchanged, or in the place of a part of another. The same each time.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// One change of a text.
#[derive(Debug, Clone)]
enum Mutation {
    Delete(Index, usize),
    Insert(Index, &'static str),
    Duplicate(Index, usize, usize),
    Swap(Index, Index),
    /// The beginning of this text and the end of another.
    Splice(Index, Index, Index),
    /// A byte that is another.
    Byte(Index, u8),
}

/// What is inserted: what means something to YAML, to templates or to sentences.
const PIECES: [&str; 34] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "|",
    ";",
    "\\",
    "\"",
    "'",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "#",
    "&a ",
    "*a",
    "!!",
    "? ",
    "{any}",
    "<a>",
    "{0..9:n}",
    "..",
    "\0",
    "\u{202e}",
    "\u{301}",
    "\u{200d}",
    "%",
    "9999999999999999999",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 1..12_usize).prop_map(|(at, count)| Mutation::Delete(at, count)),
        (at(), proptest::sample::select(PIECES.to_vec())).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at(), 1..60_usize, 1..4_usize).prop_map(|(at, count, times)| Mutation::Duplicate(at, count, times)),
        (at(), at()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        (at(), at(), at()).prop_map(|(other, here, there)| Mutation::Splice(other, here, there)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
    ]
}

impl Mutation {
    fn apply(&self, text: &str, corpus: &[&str]) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let length = characters.len();
        if length == 0 {
            return if let Mutation::Insert(_, piece) = self { (*piece).to_owned() } else { String::new() };
        }
        match self {
            Mutation::Delete(at, count) => {
                let at = at.index(length);
                characters.drain(at..length.min(at + count));
            }
            Mutation::Insert(at, piece) => {
                let at = at.index(length + 1);
                characters.splice(at..at, piece.chars());
            }
            Mutation::Duplicate(at, count, times) => {
                let at = at.index(length);
                let part = characters[at..length.min(at + count)].repeat(*times);
                characters.splice(at..at, part);
            }
            Mutation::Swap(one, other) => characters.swap(one.index(length), other.index(length)),
            Mutation::Splice(other, here, there) => {
                let other: Vec<char> = corpus[other.index(corpus.len())].chars().collect();
                characters.truncate(here.index(length));
                characters.extend(&other[there.index(other.len() + 1)..]);
            }
            Mutation::Byte(at, byte) => {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at.index(text.len())] = *byte;
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        characters.into_iter().collect()
    }
}

/// Tries so many mutations of a text, each of up to four changes.
pub(crate) fn try_each(text: &str, corpus: &[&str], cases: u32, attempt: impl Fn(&str)) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&proptest::collection::vec(mutation(), 1..5), |mutations| {
        attempt(&mutations.iter().fold(text.to_owned(), |text, mutation| mutation.apply(&text, corpus)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
