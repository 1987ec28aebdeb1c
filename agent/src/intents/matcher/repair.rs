//! Repair: what a sentence means that nearly fits.
//!
//! A sentence that fits no template is changed a word at a time into what the grammar expects at that place, the least
//! change first, until it fits: a word into one of like letters or sound, two words into one or one into two, and once a
//! word that has no place is passed over. The repaired sentence is then matched as any other. Changes go from left to
//! right, so that each set of them is tried once.
//!
//! Owns the search and what a change costs. Promises:
//!
//! * What comes of it has a confidence of 1 less its cost, and is never given for a sentence that fits as it is.
//! * Readings that cost nearly as little as the best are its rivals: where two entities, or on and off, are equally near,
//!   none of them is chosen.
//! * A short word that differs is never sure: between `on`, `off` and `of` there is a letter.
//! * Work is bounded by walks and by their steps. Where it ends early, what was found is no surer than a question.
//!
//! Leaves likeness to `likeness`, and what is done with a confidence to the orchestrator.

mod expected;
mod likeness;
#[cfg(test)]
mod tests;

use super::Context;
use super::automaton::Automaton;
use super::graph::Compiled;
use super::normalise::Normal;
use super::outcome::Outcome;
use super::walk::{Stand, Walk};
use expected::Expected;
use likeness::{Likeness, Spelling};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

/// The most that changes may cost together, in thousandths of the confidence.
const MAX_COST: u32 = 700;
/// How much more a rival may cost than the best.
const MARGIN: u32 = 200;
/// The same for a sentence of one word, of which nothing would be left: no more than what is acted on.
const MAX_COST_ALONE: u32 = 400;
/// What words cost that differ in spaces alone, or in accents.
const JOINED: u32 = 50;
const ACCENTS: u32 = 50;
/// What any other change costs, and what it costs for each share of the word that differs.
const CHANGED: u32 = 80;
const DIFFERS: f32 = 1300.0;
/// The least that a change of a short word costs: more than what is acted on without asking.
const SHORT_WORD: usize = 4;
const SHORT_COSTS: u32 = 420;
/// What a word costs that is passed over.
const PASSED_OVER: u32 = 450;
/// The surest that something is where the search ended early.
const UNFINISHED: u32 = 500;
/// The most walks, and the longest sentence, in words, that is repaired.
const MAX_WALKS: usize = 300;
/// The most steps of all walks together: about 200 ms on an x86 core.
const MAX_STEPS: u32 = 10_000_000;
const MAX_WORDS: usize = 30;
/// The most changes of one sentence that are tried next.
const MAX_CHANGES: usize = 64;
/// How many words one may become, or become one.
const MAX_JOINED: usize = 3;

/// A repaired sentence that fits.
pub(super) struct Fit<'c> {
    pub(super) normal: Normal,
    pub(super) outcomes: Vec<Outcome<'c>>,
    /// How sure it is that this was meant, 0 to 1.
    pub(super) confidence: f32,
}

/// A sentence on its way to one that fits.
struct Attempt {
    /// The sentence before the change.
    before: Rc<Normal>,
    /// Where something is replaced, and by what.
    change: Option<(usize, usize, Vec<char>)>,
    cost: u32,
    /// Up to where nothing is changed any more.
    settled: usize,
    passed_over: bool,
}

impl Attempt {
    fn text(&self) -> Normal {
        match &self.change {
            Some((start, end, word)) => self.before.with(*start, *end, word),
            None => Normal::clone(&self.before),
        }
    }
}

/// One search.
pub(super) struct Repair<'c, 't> {
    compiled: &'c Compiled,
    automaton: &'t mut Automaton,
    given: &'t Context,
    /// The words that numbers are said with.
    numbers: Vec<Vec<char>>,
    expected: HashMap<Stand, Rc<Vec<Expected>>>,
    /// The automaton's count of forgetting that `expected` belongs to.
    forgotten: u32,
    attempts: Vec<Attempt>,
    /// Attempts by their cost; of equals the earlier first.
    queue: BinaryHeap<Reverse<(u32, usize)>>,
    max_cost: u32,
}

impl<'c, 't> Repair<'c, 't> {
    pub(super) fn new(compiled: &'c Compiled, automaton: &'t mut Automaton, given: &'t Context) -> Self {
        let forgotten = automaton.forgotten();
        Repair {
            compiled,
            automaton,
            given,
            numbers: number_words(compiled),
            expected: HashMap::new(),
            forgotten,
            attempts: Vec::new(),
            queue: BinaryHeap::new(),
            max_cost: MAX_COST,
        }
    }

    /// The repaired sentences that fit, the surest first; none that costs much more than the first.
    pub(super) fn fits(mut self, forms: Vec<Normal>) -> Vec<Fit<'c>> {
        if forms.iter().any(|form| form.words().len() == 1) {
            self.max_cost = MAX_COST_ALONE;
        }
        for form in forms.into_iter().filter(|form| form.words().len() <= MAX_WORDS) {
            let before = Rc::new(form);
            self.attempt(Attempt { before, change: None, cost: 0, settled: 0, passed_over: false });
        }
        let mut fits: Vec<(u32, Fit<'c>)> = Vec::new();
        let mut tried: HashSet<Vec<char>> = HashSet::new();
        let mut walks = 0;
        let mut steps = MAX_STEPS;
        let mut finished = true;
        while let Some(Reverse((cost, serial))) = self.queue.pop() {
            if fits.first().is_some_and(|(best, _)| cost > best + MARGIN) {
                break;
            }
            let normal = self.attempts[serial].text();
            if !tried.insert(normal.characters.clone()) {
                continue;
            }
            walks += 1;
            if walks > MAX_WALKS || steps == 0 {
                finished = false;
                break;
            }
            let walk = Walk::new(self.compiled, self.automaton, &normal, self.given);
            match walk.outcomes_and_stands(&mut steps) {
                Ok((outcomes, stands)) if outcomes.is_empty() => self.extend(serial, &normal, &stands),
                Ok((outcomes, _)) => fits.push((cost, Fit { normal, outcomes, confidence: 0.0 })),
                Err(_) => finished = false,
            }
        }
        let least = if finished { 0 } else { UNFINISHED };
        let sure = |(cost, fit): (u32, Fit<'c>)| Fit { confidence: 1.0 - cost.max(least) as f32 / 1000.0, ..fit };
        fits.into_iter().map(sure).collect()
    }

    fn attempt(&mut self, attempt: Attempt) {
        if attempt.cost <= self.max_cost {
            self.queue.push(Reverse((attempt.cost, self.attempts.len())));
            self.attempts.push(attempt);
        }
    }

    /// Everything that may be changed next: at each place where a word begins, into each word that is expected there.
    fn extend(&mut self, from: usize, normal: &Normal, stands: &[Stand]) {
        let Attempt { cost: so_far, settled, passed_over, .. } = self.attempts[from];
        let before = Rc::new(normal.clone());
        let words = normal.words();
        let mut changes: BTreeMap<(usize, usize, Vec<char>), u32> = BTreeMap::new();
        for (first, &(start, end)) in words.iter().enumerate().filter(|(_, (start, _))| *start >= settled) {
            let here: Vec<&Stand> = stands.iter().filter(|stand| stand.position as usize == start).collect();
            if !here.is_empty() && !passed_over && words.len() > 2 {
                let (before, change) = (Rc::clone(&before), Some((start, end, Vec::new())));
                let cost = so_far + PASSED_OVER;
                self.attempt(Attempt { before, change, cost, settled: start, passed_over: true });
            }
            let said: Vec<(usize, Spelling)> = (first..words.len().min(first + MAX_JOINED))
                .map(|last| (words[last].1, Spelling::new(&normal.characters[start..words[last].1])))
                .collect();
            for &&stand in &here {
                self.changes(stand, &said, (&[], 1), &mut |end, word, cost| {
                    let least = changes.entry((start, end, word)).or_insert(cost);
                    *least = cost.min(*least);
                });
            }
        }
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by_key(|&(_, cost)| cost);
        for ((start, end, word), cost) in changes.into_iter().take(MAX_CHANGES) {
            let (before, settled, cost) = (Rc::clone(&before), start + word.len(), so_far + cost);
            self.attempt(Attempt { before, change: Some((start, end, word)), cost, settled, passed_over });
        }
    }

    /// What the words that begin at a place may be changed into: `said` are one, two and more of them with their ends,
    /// `before` what was expected before this place and which word of a change this is.
    fn changes(
        &mut self,
        stand: Stand,
        said: &[(usize, Spelling)],
        (before, count): (&[char], usize),
        found: &mut dyn FnMut(usize, Vec<char>, u32),
    ) {
        let Some((_, one)) = said.first() else { return };
        for expected in self.expected(stand).iter() {
            let (word, spelling) = if before.is_empty() {
                (expected.word.clone(), expected.spelling.clone())
            } else {
                let word = [before, &[' '], &expected.word].concat();
                let spelling = Spelling::new(&word);
                (word, spelling)
            };
            for (index, (end, said)) in said.iter().enumerate() {
                // One word as it was said is no change; neither are two for two.
                let same_shape = index + 1 == count;
                match cost(&spelling, said) {
                    Some(0) if same_shape => {}
                    _ if index > 0 && count > 1 => {}
                    Some(cost) => found(*end, word.clone(), if same_shape { cost } else { cost + JOINED }),
                    None => {}
                }
            }
            if count < MAX_JOINED && spelling.begins(one) {
                for &after in &expected.after {
                    self.changes(after, &said[..1], (&word, count + 1), found);
                }
            }
        }
    }

    fn expected(&mut self, stand: Stand) -> Rc<Vec<Expected>> {
        if self.automaton.forgotten() != self.forgotten {
            self.forgotten = self.automaton.forgotten();
            self.expected.clear();
        }
        let stand = Stand { position: 0, ..stand };
        let (compiled, automaton, numbers) = (self.compiled, &mut *self.automaton, &self.numbers);
        let words = || Rc::new(expected::words(compiled, automaton, stand, numbers));
        Rc::clone(self.expected.entry(stand).or_insert_with(words))
    }
}

/// What it costs to take one for the other; nothing where they are too different.
fn cost(expected: &Spelling, said: &Spelling) -> Option<u32> {
    // A number in digits is what it is.
    if said.has_digits() {
        return None;
    }
    match said.likeness(expected) {
        Likeness::Same => Some(0),
        Likeness::SameButAccents => Some(ACCENTS),
        Likeness::Differs(share) => {
            let cost = CHANGED + (share * DIFFERS) as u32;
            let short = expected.len().min(said.len()) < SHORT_WORD;
            let cost = if short { cost.max(SHORT_COSTS) } else { cost };
            (cost <= MAX_COST).then_some(cost)
        }
    }
}

/// The single words with which the language says its numbers.
fn number_words(compiled: &Compiled) -> Vec<Vec<char>> {
    let Some(numerals) = compiled.numerals else { return Vec::new() };
    let numbers = (0..=20).chain((30..=90).step_by(10)).chain([100, 1000]);
    let words = numbers.filter_map(|number| numerals.spell(f64::from(number)));
    words.map(|word| super::normalise::sentence(&word).characters).filter(|word| !word.contains(&' ')).collect()
}
