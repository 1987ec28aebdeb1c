//! Which tokens may come next, so that what whisper writes stays a sentence of the grammar.
//!
//! Owns the way through the automaton of the grammar, letter by letter, and the search for the tokens of a vocabulary that
//! keep to it. Promises that every text it allows to end is a sentence of the grammar as whisper writes one: a space
//! before each word, the first letter small or a capital (also one after an apostrophe, and all of a short word), a comma
//! after a word, one of `.!?` at the end; numbers in digits and any words where the grammar has a place for them. Work for
//! a token is bounded by the vocabulary times [`MOST_PLACES`], memory by [`MOST_NODES`]. Leaves the decoder to `filter`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::recognise::grammar::automaton::Automaton;
use crate::recognise::grammar::{ANY_WORD, DIGITS};

/// The most places of the grammar that are followed at once. Beyond it the last ones are given up.
const MOST_PLACES: usize = 64;
/// The most searches that are remembered.
const MOST_REMEMBERED: usize = 200;
/// The most nodes of trees that are kept, some 100 bytes each. Beyond it they are made again as they are needed.
const MOST_NODES: usize = 400_000;
/// The most digits before and after the point.
const MOST_DIGITS: u8 = 6;
/// The longest word that is also written in capitals throughout ("LED").
const LONGEST_IN_CAPITALS: usize = 4;
/// The longest of any words, in bytes.
const LONGEST_ANY_WORD: u8 = 40;

/// How far a text has come in the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// Before the space in front of a word.
    Before { state: u32 },
    /// In a word: at a node of the tree of all words of that state.
    In { state: u32, node: u32 },
    /// In a word that may be any, after so many bytes.
    InAny { then: u32, bytes: u8 },
    /// In a number in digits.
    InDigits { then: u32, part: Part },
    /// After the mark that ends a sentence.
    End,
}

/// The part of a number in digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Whole(u8),
    Point,
    Fraction(u8),
    Percent,
}

/// The words that may come next in a state, as a tree of bytes. Node 0 is its root.
#[derive(Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
    /// Where any word leads, and where digits do.
    any: Option<u32>,
    digits: Option<u32>,
}

#[derive(Debug, Default)]
struct Node {
    next: Vec<(u8, u32)>,
    /// The states after the words that end here.
    ends: Vec<u32>,
}

/// What may be written next.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    /// The tokens, in order.
    pub(super) tokens: Arc<[i32]>,
    /// Whether the text may end here.
    pub(super) may_end: bool,
}

/// The grammar together with the vocabulary of a model.
pub(super) struct Bias {
    automaton: Automaton,
    /// By state, made as they are needed.
    trees: Vec<Option<Tree>>,
    /// How many nodes they have.
    nodes: usize,
    vocabulary: Vocabulary,
    remembered: HashMap<Vec<Place>, Arc<[i32]>>,
}

impl Bias {
    /// For the tokens of a model, by their number: what each writes; nothing for those that write nothing.
    pub(super) fn new(automaton: Automaton, tokens: Vec<Vec<u8>>) -> Self {
        let trees = (0..automaton.size()).map(|_| None).collect();
        Self { automaton, trees, nodes: 0, vocabulary: Vocabulary::new(tokens), remembered: HashMap::new() }
    }

    /// Whether a text is a sentence of the grammar.
    pub(super) fn is_sentence(&mut self, text: &[u8]) -> bool {
        let places = self.after(text);
        self.may_end(&places)
    }

    /// What may be written after these tokens; none where they have left the grammar.
    pub(super) fn allowed(&mut self, written: &[i32]) -> Option<Allowed> {
        let text: Vec<u8> = written.iter().flat_map(|token| self.vocabulary.text(*token).to_vec()).collect();
        let places = self.after(&text);
        if places.is_empty() {
            return None;
        }
        let may_end = self.may_end(&places);
        if let Some(tokens) = self.remembered.get(&places) {
            return Some(Allowed { tokens: Arc::clone(tokens), may_end });
        }
        let tokens: Arc<[i32]> = self.search(&places).into();
        if self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(places, Arc::clone(&tokens));
        Some(Allowed { tokens, may_end })
    }

    /// The tokens of which every byte keeps to the grammar. The vocabulary is in order, so that what tokens have in common
    /// is followed once.
    fn search(&mut self, places: &[Place]) -> Vec<i32> {
        let mut found = Vec::new();
        let mut followed: Vec<Vec<Place>> = vec![places.to_vec()];
        // The number of bytes after which the last token left the grammar.
        let mut left_after: Option<usize> = None;
        for index in 0..self.vocabulary.order.len() {
            let (token, common) = self.vocabulary.order[index];
            if left_after.is_some_and(|left| common > left) {
                continue;
            }
            followed.truncate(common + 1);
            left_after = None;
            let length = self.vocabulary.text(token).len();
            while followed.len() <= length {
                let byte = self.vocabulary.text(token)[followed.len() - 1];
                let next = followed.last().map(|places| self.step(places, byte)).unwrap_or_default();
                if next.is_empty() {
                    left_after = Some(followed.len() - 1);
                    break;
                }
                followed.push(next);
            }
            if left_after.is_none() {
                found.push(token);
            }
        }
        found.sort_unstable();
        found
    }

    fn after(&mut self, text: &[u8]) -> Vec<Place> {
        // The very first word may do without its space.
        let mut places = vec![Place::Before { state: 0 }, Place::In { state: 0, node: 0 }];
        for byte in text {
            places = self.step(&places, *byte);
        }
        places
    }

    fn step(&mut self, places: &[Place], byte: u8) -> Vec<Place> {
        let mut next = BTreeSet::new();
        for place in places {
            self.advance(*place, byte, &mut next);
        }
        next.into_iter().take(MOST_PLACES).collect()
    }

    fn advance(&mut self, place: Place, byte: u8, next: &mut BTreeSet<Place>) {
        match place {
            Place::End => {}
            Place::Before { state } => {
                if byte == b' ' {
                    next.insert(Place::In { state, node: 0 });
                }
            }
            Place::In { state, node } => {
                let tree = self.tree(state);
                let Some(at) = tree.nodes.get(node as usize) else { return };
                next.extend(at.next.iter().filter(|(own, _)| *own == byte).map(|&(_, node)| Place::In { state, node }));
                if node == 0 {
                    next.extend(tree.any.filter(|_| begins_word(byte)).map(|then| Place::InAny { then, bytes: 1 }));
                    let part = Part::Whole(1);
                    next.extend(
                        tree.digits.filter(|_| byte.is_ascii_digit()).map(|then| Place::InDigits { then, part }),
                    );
                }
                for then in at.ends.clone() {
                    self.close(then, byte, next);
                }
            }
            Place::InAny { then, bytes } => {
                if bytes < LONGEST_ANY_WORD && (begins_word(byte) || matches!(byte, b'\'' | b'-')) {
                    next.insert(Place::InAny { then, bytes: bytes + 1 });
                }
                self.close(then, byte, next);
            }
            Place::InDigits { then, part } => {
                let more = match (part, byte) {
                    (Part::Whole(count), b'0'..=b'9') if count < MOST_DIGITS => Some(Part::Whole(count + 1)),
                    (Part::Point, b'0'..=b'9') => Some(Part::Fraction(1)),
                    (Part::Fraction(count), b'0'..=b'9') if count < MOST_DIGITS => Some(Part::Fraction(count + 1)),
                    (Part::Whole(_), b'.' | b',') => Some(Part::Point),
                    (Part::Whole(_) | Part::Fraction(_), b'%') => Some(Part::Percent),
                    _ => None,
                };
                next.extend(more.map(|part| Place::InDigits { then, part }));
                if part != Part::Point {
                    self.close(then, byte, next);
                }
            }
        }
    }

    /// What may follow a whole word.
    fn close(&self, then: u32, byte: u8, next: &mut BTreeSet<Place>) {
        match byte {
            b' ' if self.goes_on(then) => {
                next.insert(Place::In { state: then, node: 0 });
            }
            b',' if self.goes_on(then) => {
                next.insert(Place::Before { state: then });
            }
            b'.' | b'!' | b'?' if self.automaton.ends(then) => {
                next.insert(Place::End);
            }
            _ => {}
        }
    }

    fn goes_on(&self, state: u32) -> bool {
        self.automaton.next(state).next().is_some()
    }

    fn may_end(&mut self, places: &[Place]) -> bool {
        places.iter().any(|place| match *place {
            Place::End => true,
            Place::Before { .. } | Place::InDigits { part: Part::Point, .. } => false,
            Place::InAny { then, .. } | Place::InDigits { then, .. } => self.automaton.ends(then),
            Place::In { state, node } => {
                let ends = self.tree(state).nodes.get(node as usize).map(|node| node.ends.clone()).unwrap_or_default();
                ends.into_iter().any(|then| self.automaton.ends(then))
            }
        })
    }

    fn tree(&mut self, state: u32) -> &Tree {
        if self.nodes > MOST_NODES && self.trees.get(state as usize).is_some_and(Option::is_none) {
            self.trees.fill_with(|| None);
            self.nodes = 0;
        }
        let Some(place) = self.trees.get_mut(state as usize) else { return &NO_WORDS };
        let (automaton, nodes) = (&self.automaton, &mut self.nodes);
        place.get_or_insert_with(|| {
            let tree = Tree::new(automaton, state);
            *nodes += tree.nodes.len();
            tree
        })
    }
}

static NO_WORDS: Tree = Tree { nodes: Vec::new(), any: None, digits: None };

impl Tree {
    fn new(automaton: &Automaton, state: u32) -> Self {
        let mut tree = Tree { nodes: vec![Node::default()], any: None, digits: None };
        for next in automaton.next(state) {
            match next.word {
                ANY_WORD => tree.any = Some(next.state),
                DIGITS => tree.digits = Some(next.state),
                word => spellings(word).iter().for_each(|word| tree.add(word, next.state)),
            }
        }
        tree
    }

    fn add(&mut self, word: &str, then: u32) {
        let mut at = 0;
        for byte in word.bytes() {
            let known = self.nodes[at].next.iter().find(|(own, _)| *own == byte).map(|&(_, node)| node as usize);
            at = known.unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[at].next.push((byte, u32::try_from(new).unwrap_or(u32::MAX)));
                new
            });
        }
        if !self.nodes[at].ends.contains(&then) {
            self.nodes[at].ends.push(then);
        }
    }
}

/// The ways to write a word of the grammar, which knows no capitals and has `ss` for `ß`.
fn spellings(word: &str) -> BTreeSet<String> {
    let mut spellings = BTreeSet::new();
    for word in [word.to_owned(), word.replace("ss", "ß")] {
        spellings.insert(capitalised(&word));
        // A name that something was put before: "l'Atelier".
        if let Some((before, after)) = word.split_once('\'') {
            spellings.extend([before.to_owned(), capitalised(before)].map(|it| format!("{it}'{}", capitalised(after))));
        }
        if word.chars().count() <= LONGEST_IN_CAPITALS {
            spellings.insert(word.to_uppercase());
        }
        spellings.insert(word);
    }
    spellings
}

/// The same with its first letter as a capital.
fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let capital: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{capital}{}", characters.as_str())
}

/// Whether a byte may stand in any word: a letter, a digit, a part of a letter beyond ASCII.
fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The texts of tokens, and their order.
struct Vocabulary {
    texts: Vec<Vec<u8>>,
    /// The tokens in the order of their texts, each with the number of bytes that it has in common with the one before.
    order: Vec<(i32, usize)>,
}

impl Vocabulary {
    fn new(texts: Vec<Vec<u8>>) -> Self {
        let mut sorted: Vec<usize> = (0..texts.len()).filter(|&token| !texts[token].is_empty()).collect();
        sorted.sort_by(|&one, &other| texts[one].cmp(&texts[other]));
        let mut order = Vec::with_capacity(sorted.len());
        let mut before: &[u8] = &[];
        for token in sorted {
            let common = before.iter().zip(&texts[token]).take_while(|(one, other)| one == other).count();
            before = &texts[token];
            order.extend(i32::try_from(token).ok().map(|token| (token, common)));
        }
        Self { texts, order }
    }

    fn text(&self, token: i32) -> &[u8] {
        usize::try_from(token).ok().and_then(|token| self.texts.get(token)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
