//! What the grammar expects at a place: every word that may come next from a state of the automaton.
//!
//! Owns the way from a state to words: along the letters of templates, through the values of lists, and the words of
//! numbers where a number may stand. What a wildcard takes is not known to anyone. Promises a bounded search; of a grammar
//! that has more words at one place than that, the first are found.

use super::super::automaton::{Automaton, DEAD, Gate, StateId};
use super::super::graph::Compiled;
use super::super::walk::Stand;
use super::likeness::Spelling;
use std::collections::BTreeMap;

/// The most letters that are followed from one state.
const MAX_STEPS: usize = 20_000;
/// The longest word, in letters.
const MAX_LETTERS: usize = 30;

/// A word that may come next.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) word: Vec<char>,
    pub(super) spelling: Spelling,
    /// Where the word behind it begins.
    pub(super) after: Vec<Stand>,
}

/// A place inside a word.
struct Inside {
    state: StateId,
    letters: Vec<char>,
    /// The gate that a list's value began to pass: its state, and which of its gates.
    gate: Option<(StateId, usize)>,
}

/// The words that may come next, in the order of their letters; a stand's position says nothing. `numbers` are the words that numbers are said with.
pub(super) fn words(
    compiled: &Compiled,
    automaton: &mut Automaton,
    from: Stand,
    numbers: &[Vec<char>],
) -> Vec<Expected> {
    let mut found: BTreeMap<Vec<char>, Vec<Stand>> = BTreeMap::new();
    let mut open = vec![Inside { state: from.state, letters: Vec::new(), gate: from.gate }];
    let mut steps = 0;
    while let Some(inside) = open.pop() {
        steps += 1;
        if steps > MAX_STEPS {
            break;
        }
        if inside.state == DEAD || inside.letters.len() > MAX_LETTERS {
            continue;
        }
        if !inside.letters.is_empty() && automaton.ends_word(inside.state) {
            let after = automaton.step(compiled, inside.state, ' ');
            // The end of a list's value is no end of a word in itself: what follows the gate decides that.
            if inside.gate.is_none() || after != DEAD {
                let after = Stand { position: 0, state: after, gate: inside.gate };
                found.entry(inside.letters.clone()).or_default().extend((after.state != DEAD).then_some(after));
            }
        }
        if let Some((state, index)) = inside.gate
            && !automaton.accepts(inside.state).is_empty()
        {
            let behind = automaton.behind(compiled, state, index, false);
            open.push(Inside { state: behind, letters: inside.letters.clone(), gate: None });
        }
        through_gates(compiled, automaton, &inside, numbers, (&mut open, &mut found));
        for letter in automaton.letters(compiled, inside.state) {
            let letters = inside.letters.iter().copied().chain([letter]).collect();
            let state = automaton.step(compiled, inside.state, letter);
            open.push(Inside { state, letters, gate: inside.gate });
        }
    }
    let word = |(word, mut after): (Vec<char>, Vec<Stand>)| {
        after.sort_unstable();
        after.dedup();
        Expected { spelling: Spelling::new(&word), word, after }
    };
    found.into_iter().map(word).collect()
}

/// Into the lists whose values may stand here, and past the numbers that may.
fn through_gates(
    compiled: &Compiled,
    automaton: &mut Automaton,
    inside: &Inside,
    numbers: &[Vec<char>],
    (open, found): (&mut Vec<Inside>, &mut BTreeMap<Vec<char>, Vec<Stand>>),
) {
    // What waits behind more than can be followed is never reached.
    for index in (0..automaton.gates(inside.state)).take(MAX_STEPS.saturating_sub(open.len())) {
        match automaton.gate(inside.state, index).0 {
            Gate::Values(list) => {
                let root = compiled.lists[list as usize].root;
                let state = automaton.begin(compiled, root, inside.letters.is_empty());
                let gate = Some((inside.state, index));
                open.push(Inside { state, letters: inside.letters.clone(), gate });
            }
            Gate::Number(_) if inside.letters.is_empty() => {
                let state = automaton.behind(compiled, inside.state, index, true);
                let after = Stand { position: 0, state, gate: None };
                for number in numbers {
                    found.entry(number.clone()).or_default().push(after);
                }
            }
            Gate::Number(_) | Gate::Wildcard => {}
        }
    }
}
