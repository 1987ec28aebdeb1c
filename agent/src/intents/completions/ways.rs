//! Ways through a grammar, word by word, as far as a text goes.
//!
//! A *place* is what is still to be said: the rest of an expansion, and the place behind it. Places are made when they are
//! needed, and equal ones of a template are one, so that a grammar costs what is asked of it; written out, that of a
//! community's pack has millions of words. Owns that walk. Promises bounded work: where there is more at one place than
//! [`MAX_LOOKED_AT`], the first is found.

use super::super::numerals::Numerals;
use super::super::speech::NUMBER_RULE;
use crate::recognise::grammar::{ANY_WORD, DIGITS, Expansion, GrammarRule, SpeechGrammar};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The most parts of expansions that are looked at from one set of places.
const MAX_LOOKED_AT: usize = 200_000;
/// The most places that are kept of one text's.
const MAX_PLACES: usize = 1_000_000;

/// What is still to be said, and whether any words were taken on the way there.
pub(super) type Place = (bool, u32);

/// What may come next.
#[derive(Debug, Default)]
pub(super) struct Next<'g> {
    /// Words, each with the places behind it.
    pub(super) words: BTreeMap<&'g str, Vec<Place>>,
    /// Whether nothing has to come any more.
    pub(super) ends: bool,
    /// Whether any word may come, or a number in digits.
    pub(super) open: bool,
    /// Every place where one is already.
    pub(super) here: HashSet<Place>,
}

/// The rest of an expansion.
#[derive(Clone, Copy)]
struct Rest<'g> {
    parts: &'g [Expansion],
    behind: u32,
    /// Of which sentence of the grammar it is.
    sentence: u32,
}

/// A walk through a grammar.
pub(super) struct Ways<'g> {
    grammar: &'g SpeechGrammar,
    numerals: Option<&'static Numerals>,
    places: Vec<Rest<'g>>,
    known: HashMap<(usize, usize, u32), u32>,
}

/// Which words are looked for.
#[derive(Clone, Copy)]
enum Sought<'t> {
    /// All that can be offered. Where a number may stand in digits, its words are too many.
    Any,
    /// This one.
    Word { word: &'t str, number: bool },
}

impl<'g> Ways<'g> {
    pub(super) fn new(grammar: &'g SpeechGrammar, numerals: Option<&'static Numerals>) -> Self {
        Ways { grammar, numerals, places: Vec::new(), known: HashMap::new() }
    }

    /// Where every sentence begins.
    pub(super) fn start(&mut self) -> Vec<Place> {
        let grammar = self.grammar;
        let begin = |(number, sentence): (usize, &'g GrammarRule)| {
            let end = self.places.len() as u32;
            self.places.push(Rest { parts: &[], behind: end, sentence: number as u32 });
            (false, self.place(std::slice::from_ref(&sentence.expansion), end))
        };
        grammar.sentences.iter().enumerate().map(begin).collect()
    }

    /// What may come next. What can be said behind any words is not known: it may be more of them.
    pub(super) fn next(&mut self, from: &[Place]) -> Next<'g> {
        let from: Vec<Place> = from.iter().filter(|(wild, _)| !wild).copied().collect();
        self.look(&from, Sought::Any)
    }

    /// The places behind a word. One that the grammar names is not taken for any number.
    pub(super) fn step(&mut self, from: &[Place], word: &str) -> Vec<Place> {
        let number = word.bytes().any(|byte| byte.is_ascii_digit()) || self.is_number(word);
        let mut words = self.look(from, Sought::Word { word, number }).words;
        if words.contains_key(word) {
            words.remove(DIGITS);
        }
        let mut places: Vec<Place> = words.into_values().flatten().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Of how many sentences of the grammar these places are, and the first of them.
    pub(super) fn sentences(&self, places: &[Place]) -> (usize, u32) {
        let mut sentences: Vec<u32> = places.iter().map(|(_, place)| self.rest(*place).sentence).collect();
        sentences.sort_unstable();
        sentences.dedup();
        (sentences.len(), sentences.first().copied().unwrap_or(u32::MAX))
    }

    fn rest(&self, place: u32) -> &Rest<'g> {
        &self.places[place as usize]
    }

    fn is_number(&self, word: &str) -> bool {
        let characters: Vec<char> = word.chars().collect();
        let read = |numerals: &Numerals| numerals.read(&characters, 0, false, true);
        self.numerals.is_some_and(|numerals| read(numerals).iter().any(|found| found.end == characters.len()))
    }

    /// Whether a part is a number in words, or begins with one.
    fn begins_number(&self, part: &Expansion) -> bool {
        match part {
            Expansion::Word(word) => word != DIGITS && self.is_number(word),
            Expansion::Rule(name) => name.starts_with(NUMBER_RULE),
            Expansion::Sequence(parts) => parts.first().is_some_and(|first| self.begins_number(first)),
            Expansion::Alternatives(parts) => parts.iter().all(|part| self.begins_number(part)),
            Expansion::Empty | Expansion::Optional(_) => false,
        }
    }

    /// The place of these parts with what is behind them.
    fn place(&mut self, parts: &'g [Expansion], behind: u32) -> u32 {
        let Some(first) = parts.first() else { return behind };
        let key = (std::ptr::from_ref(first) as usize, parts.len(), behind);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let sentence = self.rest(behind).sentence;
        self.places.push(Rest { parts, behind, sentence });
        let place = (self.places.len() - 1) as u32;
        self.known.insert(key, place);
        place
    }

    fn look(&mut self, from: &[Place], sought: Sought<'_>) -> Next<'g> {
        let mut next = Next::default();
        let mut open: Vec<Place> = from.iter().rev().copied().collect();
        let mut looked_at = 0;
        while let Some((wild, place)) = open.pop() {
            if !next.here.insert((wild, place)) {
                continue;
            }
            looked_at += 1;
            if looked_at > MAX_LOOKED_AT || self.places.len() > MAX_PLACES {
                break;
            }
            let Rest { parts, behind, .. } = *self.rest(place);
            let Some((first, rest)) = parts.split_first() else {
                next.ends = true;
                continue;
            };
            let behind = self.place(rest, behind);
            let mut enter = |ways: &mut Self, part: &'g Expansion| {
                open.push((wild, ways.place(std::slice::from_ref(part), behind)));
            };
            match first {
                Expansion::Empty => open.push((wild, behind)),
                Expansion::Word(word) => take(&mut next, word, (wild, behind), sought),
                Expansion::Sequence(parts) => open.push((wild, self.place(parts, behind))),
                Expansion::Optional(part) => {
                    open.push((wild, behind));
                    open.push((wild, self.place(std::slice::from_ref(&**part), behind)));
                }
                Expansion::Alternatives(parts) => {
                    let in_digits = parts.iter().any(|part| matches!(part, Expansion::Word(word) if word == DIGITS));
                    let digits_do = in_digits && !matches!(sought, Sought::Word { number: true, .. });
                    let entered = parts.iter().rev().filter(|part| !(digits_do && self.begins_number(part)));
                    let entered: Vec<&Expansion> = entered.collect();
                    entered.into_iter().for_each(|part| enter(self, part));
                }
                Expansion::Rule(name) => {
                    let grammar = self.grammar;
                    if let Some(rule) = grammar.rules.get(name) {
                        enter(self, &rule.expansion);
                    }
                }
            }
        }
        next
    }
}

/// Takes a word that may come next, if it is one that is looked for.
fn take<'g>(next: &mut Next<'g>, word: &'g str, (wild, behind): Place, sought: Sought<'_>) {
    let is_open = word == ANY_WORD || word == DIGITS;
    next.open |= is_open;
    let fits = match sought {
        Sought::Any => !is_open,
        Sought::Word { word: wanted, number } => word == wanted || word == ANY_WORD || (number && word == DIGITS),
    };
    if fits {
        let place = (wild || word == ANY_WORD, behind);
        let places = next.words.entry(word).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }
}
