//! The automaton: the graph of all templates and names, made deterministic as sentences need it.
//!
//! # The automaton
//!
//! A *state* is everything that may come next after what was read: places inside literals, ends of words, and *gates*
//! (a list's value, a number, any words), with the templates or values that end here. All templates are read at once:
//! what they have in common is walked once, and a character leads from one state to exactly one other. Gates are where a
//! walk branches, since what they take has to be kept.
//!
//! A state is made from places of the graph and from whether a word may begin here; that decides whether the end of a
//! word may be passed without a space. States and the ways between them are kept when they are first needed, up to
//! [`MAX_KEPT`] entries: a grammar costs what is said with it. What is kept changes no result.
//!
//! Owns states and their making. Leaves captures, bounds and the order of branches to `walk`.

use super::graph::{Compiled, Node, NodeId};
use std::collections::HashMap;

/// A state's number.
pub(super) type StateId = u32;

/// The state from which nothing can follow.
pub(super) const DEAD: StateId = 0;

/// How many entries of states are kept before all are forgotten and made again: some 8 MB.
const MAX_KEPT: usize = 500_000;

/// A place in the graph: a node, and how many characters of its literal have been read.
type Place = (NodeId, u16);

/// What a walk has to branch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Gate {
    /// A value of this list.
    Values(u32),
    /// A number of this kind.
    Number(u32),
    /// Any words.
    Wildcard,
}

/// A gate, the slot that takes what passes it, and what follows.
#[derive(Debug, Clone)]
struct Door {
    gate: Gate,
    slot: u32,
    next: Vec<NodeId>,
    /// The states behind it, made when they are needed: inside a word, where a word begins.
    behind: [Option<StateId>; 2],
}

#[derive(Debug)]
struct State {
    /// What a visit counts as, in steps.
    weight: u32,
    literals: Box<[Place]>,
    /// What follows the ends of words.
    spaces: Box<[NodeId]>,
    doors: Box<[Door]>,
    /// The templates or values that end here.
    accepts: Box<[u32]>,
    /// The same where the sentence ends here; made when it is needed.
    accepts_at_end: Option<Box<[u32]>>,
    /// Characters with the states that they lead to, sorted.
    ways: Vec<(char, StateId)>,
}

/// States and the ways between them.
#[derive(Debug)]
pub(super) struct Automaton {
    states: Vec<State>,
    known: HashMap<(bool, Box<[Place]>), StateId>,
    /// How often everything was forgotten; states of before are then no states any more.
    forgotten: u32,
    /// For each node the round in which it was last looked at.
    seen: Vec<u32>,
    round: u32,
    kept: usize,
}

impl Automaton {
    /// An automaton of which nothing has been made yet.
    pub(super) fn new(compiled: &Compiled) -> Self {
        let mut automaton = Automaton {
            states: Vec::new(),
            known: HashMap::new(),
            forgotten: 0,
            seen: vec![0; compiled.nodes.len()],
            round: 0,
            kept: 0,
        };
        automaton.forget();
        automaton
    }

    /// Forgets what was made, where it is more than is kept. States of before are then no states any more.
    pub(super) fn tidy(&mut self) {
        if self.kept > MAX_KEPT {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.states.clear();
        self.known.clear();
        self.forgotten = self.forgotten.wrapping_add(1);
        self.kept = 0;
        self.states.push(State {
            weight: 1,
            literals: Box::default(),
            spaces: Box::default(),
            doors: Box::default(),
            accepts: Box::default(),
            accepts_at_end: Some(Box::default()),
            ways: Vec::new(),
        });
    }

    /// How often everything was forgotten. States known from before another number are no states any more.
    pub(super) fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// The bytes that states and ways take, about.
    pub(super) fn bytes(&self) -> usize {
        self.kept * size_of::<Place>() * 2 + self.states.len() * size_of::<State>() + self.seen.len() * size_of::<u32>()
    }

    /// What a visit of a state counts as, in steps.
    pub(super) fn weight(&self, state: StateId) -> u32 {
        self.states[state as usize].weight
    }

    /// How many gates a state has.
    pub(super) fn gates(&self, state: StateId) -> usize {
        self.states[state as usize].doors.len()
    }

    /// A gate of a state, and its slot.
    pub(super) fn gate(&self, state: StateId, index: usize) -> (Gate, u32) {
        let door = &self.states[state as usize].doors[index];
        (door.gate, door.slot)
    }

    /// The templates or values that end in a state.
    pub(super) fn accepts(&self, state: StateId) -> &[u32] {
        &self.states[state as usize].accepts
    }

    /// Whether a word may end in a state: a template that ends here, or a space that follows.
    pub(super) fn ends_word(&self, state: StateId) -> bool {
        let state = &self.states[state as usize];
        !state.accepts.is_empty() || !state.spaces.is_empty()
    }

    /// The characters other than a space that lead on from a state, in order.
    pub(super) fn letters(&self, compiled: &Compiled, state: StateId) -> Vec<char> {
        let read = |&(node, read): &Place| match compiled.nodes[node as usize] {
            Node::Literal { start, .. } => compiled.literals.get(start as usize + usize::from(read)).copied(),
            _ => None,
        };
        let mut letters: Vec<char> = self.states[state as usize].literals.iter().filter_map(read).collect();
        letters.sort_unstable();
        letters.dedup();
        letters
    }

    /// The state of this node alone.
    pub(super) fn begin(&mut self, compiled: &Compiled, node: NodeId, word_begins: bool) -> StateId {
        self.state(compiled, vec![(node, 0)], word_begins)
    }

    /// The state behind a gate.
    pub(super) fn behind(&mut self, compiled: &Compiled, state: StateId, index: usize, word_begins: bool) -> StateId {
        let door = &self.states[state as usize].doors[index];
        if let Some(known) = door.behind[usize::from(word_begins)] {
            return known;
        }
        let places = door.next.iter().map(|&node| (node, 0)).collect();
        let made = self.state(compiled, places, word_begins);
        self.states[state as usize].doors[index].behind[usize::from(word_begins)] = Some(made);
        made
    }

    /// The state that a character leads to.
    pub(super) fn step(&mut self, compiled: &Compiled, state: StateId, character: char) -> StateId {
        let here = &self.states[state as usize];
        let at = match here.ways.binary_search_by_key(&character, |&(way, _)| way) {
            Ok(at) => return here.ways[at].1,
            Err(at) => at,
        };
        let mut places = Vec::new();
        if character == ' ' {
            places.extend(here.spaces.iter().map(|&node| (node, 0)));
        }
        for &(node, read) in &here.literals {
            let Node::Literal { start, length, next } = compiled.nodes[node as usize] else { continue };
            if compiled.literals[start as usize + usize::from(read)] == character {
                places.push(if u32::from(read) + 1 == length { (next, 0) } else { (node, read + 1) });
            }
        }
        let made = self.state(compiled, places, character == ' ');
        self.states[state as usize].ways.insert(at, (character, made));
        self.kept += 1;
        made
    }

    /// The templates or values that end in a state where the sentence ends.
    pub(super) fn accepts_at_end(&mut self, compiled: &Compiled, state: StateId) -> &[u32] {
        if self.states[state as usize].accepts_at_end.is_none() {
            let here = &self.states[state as usize];
            let mut accepts = here.accepts.to_vec();
            let places = here.spaces.iter().map(|&node| (node, 0)).collect();
            let behind = self.state(compiled, places, true);
            for &owner in &self.states[behind as usize].accepts {
                if !accepts.contains(&owner) {
                    accepts.push(owner);
                }
            }
            self.states[state as usize].accepts_at_end = Some(accepts.into_boxed_slice());
        }
        self.states[state as usize].accepts_at_end.as_deref().unwrap_or_default()
    }

    fn state(&mut self, compiled: &Compiled, places: Vec<Place>, word_begins: bool) -> StateId {
        if places.is_empty() {
            return DEAD;
        }
        let key = (word_begins, places.into_boxed_slice());
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let state = self.make(compiled, &key.1, word_begins);
        let empty = state.literals.is_empty() && state.spaces.is_empty() && state.doors.is_empty();
        let id = if empty && state.accepts.is_empty() {
            DEAD
        } else {
            let size = state.literals.len() + state.spaces.len() + state.accepts.len() + 4 * state.doors.len();
            self.kept += size + key.1.len() + 8;
            self.states.push(state);
            (self.states.len() - 1) as StateId
        };
        self.known.insert(key, id);
        id
    }

    /// Follows choices, and ends of words where they may be passed, to where a character or a gate is needed.
    fn make(&mut self, compiled: &Compiled, places: &[Place], word_begins: bool) -> State {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.seen.fill(0);
            self.round = 1;
        }
        let mut literals: Vec<Place> = Vec::new();
        let mut spaces = Vec::new();
        let mut doors = Doors::default();
        let mut accepts = Vec::new();
        let mut open: Vec<Place> = places.iter().rev().copied().collect();
        let mut looked_at = 0_u32;
        while let Some((node, read)) = open.pop() {
            looked_at += 1;
            if read > 0 {
                literals.push((node, read));
                continue;
            }
            if std::mem::replace(&mut self.seen[node as usize], self.round) == self.round {
                continue;
            }
            match compiled.nodes[node as usize] {
                Node::Accept { owner } => accepts.push(owner),
                Node::Literal { .. } => literals.push((node, 0)),
                Node::Space { next } => {
                    spaces.push(next);
                    if word_begins {
                        open.push((next, 0));
                    }
                }
                Node::Split { first, count } => {
                    let targets = &compiled.targets[first as usize..(first + count) as usize];
                    open.extend(targets.iter().rev().map(|&target| (target, 0)));
                }
                Node::Values { list, slot, next } => doors.add(Gate::Values(list), slot, next),
                Node::Number { numbers, slot, next } => doors.add(Gate::Number(numbers), slot, next),
                Node::Wildcard { slot, next } => doors.add(Gate::Wildcard, slot, next),
            }
        }
        State {
            weight: 1 + looked_at / 8,
            literals: literals.into_boxed_slice(),
            spaces: spaces.into_boxed_slice(),
            doors: doors.doors.into_boxed_slice(),
            accepts: accepts.into_boxed_slice(),
            accepts_at_end: None,
            ways: Vec::new(),
        }
    }
}

/// The gates of a state in the making.
#[derive(Default)]
struct Doors {
    doors: Vec<Door>,
    known: HashMap<(Gate, u32), usize>,
}

impl Doors {
    /// Lets a node follow a gate; gates that take the same for the same slot are one.
    fn add(&mut self, gate: Gate, slot: u32, next: NodeId) {
        let at = *self.known.entry((gate, slot)).or_insert(self.doors.len());
        match self.doors.get_mut(at) {
            Some(door) => door.next.push(next),
            None => self.doors.push(Door { gate, slot, next: vec![next], behind: [None; 2] }),
        }
    }
}
