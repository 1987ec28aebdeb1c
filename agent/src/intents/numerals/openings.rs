//! The letters that a number can begin with, up to three: most words of a sentence are told from numbers by them.
//!
//! Owns the beginnings of a language's numbers. Promises that no number begins otherwise; what begins like a number need
//! not be one. Reading it is `read`'s.

use super::rules::{Language, Mark, Part, SetId, Text};
use std::collections::HashSet;

/// How many letters are looked at.
const LETTERS: usize = 3;

/// Letters, the first ones first; after the last one anything may come.
type Opening = [char; LETTERS];

const NOTHING: Opening = ['\0'; LETTERS];

/// Beginnings of numbers; one that is shorter than [`LETTERS`] is a whole number, after which anything may come.
#[derive(Debug, Default)]
pub(super) struct Openings(HashSet<Opening>);

/// What a rule set, or all of a language, begins with: letters, or letters and then what another set begins with.
#[derive(Debug, Default, Clone)]
struct Beginning {
    letters: HashSet<Opening>,
    links: HashSet<(Opening, SetId)>,
}

impl Openings {
    /// What the numbers of a language begin with.
    pub(super) fn of(language: &Language) -> Openings {
        let mut sets: Vec<Beginning> = Vec::new();
        for set in &language.sets {
            let mut beginning = Beginning::default();
            set.rules.iter().for_each(|rule| beginning.add(&rule.parts));
            sets.push(beginning);
        }
        let mut all = Beginning::default();
        all.links.extend(language.public.iter().map(|&set| (NOTHING, set)));
        for set in &language.sets {
            let exact = set.exact.iter().map(|(_, parts)| parts);
            for parts in set.minus.iter().chain(&set.point).chain(&set.below_one).chain(&set.halves).chain(exact) {
                all.add(parts);
            }
        }
        sets.push(all);
        // A set can begin with what another one begins with, which is known when nothing is added any more.
        let mut grown = true;
        while grown {
            grown = false;
            for id in 0..sets.len() {
                for (before, link) in sets[id].links.clone() {
                    for opening in sets[link].letters.clone() {
                        grown |= sets[id].letters.insert(joined(before, opening));
                    }
                }
            }
        }
        Openings(sets.pop().unwrap_or_default().letters)
    }

    /// Whether a number may begin with these characters.
    pub(super) fn admit(&self, text: &[char]) -> bool {
        let mut opening = NOTHING;
        opening.iter_mut().zip(text).for_each(|(place, &character)| *place = character);
        (1..=LETTERS.min(text.len())).any(|length| {
            let mut shorter = opening;
            shorter[length..].fill('\0');
            self.0.contains(&shorter)
        })
    }
}

impl Beginning {
    /// Adds what parts begin with.
    fn add(&mut self, parts: &[Part]) {
        let whole = self.extend(parts, vec![NOTHING]);
        self.letters.extend(whole);
    }

    /// Adds what parts after one of these letters begin with, and returns the letters after which more is to come.
    fn extend(&mut self, parts: &[Part], mut open: Vec<Opening>) -> Vec<Opening> {
        for part in parts {
            let mut next = Vec::new();
            match part {
                Part::Text(text) => next = of_text(text, &open),
                Part::Plural(forms) => next.extend(forms.iter().flat_map(|(_, text)| of_text(text, &open))),
                Part::Same(set) | Part::Quotient(set) => self.links.extend(open.iter().map(|&before| (before, *set))),
                Part::Remainder { set, named } => {
                    self.links.extend(open.iter().map(|&before| (before, *set)));
                    if !named {
                        next = open;
                    }
                }
                Part::Optional(parts) => {
                    next = self.extend(parts, open.clone());
                    next.extend(open);
                }
                Part::Digits => {}
            }
            let (long, short) = next.into_iter().partition(|opening| opening[LETTERS - 1] != '\0');
            self.letters.extend::<Vec<Opening>>(long);
            open = short;
            open.sort_unstable();
            open.dedup();
            if open.is_empty() {
                break;
            }
        }
        open
    }
}

fn of_text(text: &Text, open: &[Opening]) -> Vec<Opening> {
    let mut open = open.to_vec();
    for mark in &text.marks {
        let with = |opening: &Opening, character: char| joined(*opening, [character, '\0', '\0']);
        let mut next: Vec<Opening> = match mark {
            Mark::Letter(letter) => open.iter().map(|opening| with(opening, *letter)).collect(),
            // A text without spaces has none here either.
            Mark::Space | Mark::Joint => open.iter().map(|opening| with(opening, ' ')).collect(),
            Mark::Apostrophe => open.iter().map(|opening| with(opening, '\'')).collect(),
        };
        if !matches!(mark, Mark::Letter(_)) {
            next.append(&mut open);
        }
        open = next;
    }
    open
}

/// The first letters of one and then the other.
fn joined(opening: Opening, more: Opening) -> Opening {
    let mut joined = NOTHING;
    let letters = opening.iter().chain(&more).filter(|character| **character != '\0');
    joined.iter_mut().zip(letters).for_each(|(place, &letter)| *place = letter);
    joined
}
