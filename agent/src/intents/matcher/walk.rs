//! The walk of a sentence through the graph: every way in which it fits a template, in bounded time.
//!
//! A state of the walk is a node, a place in the sentence and the captures so far. States wait on a stack, so that no
//! sentence and no template can exhaust the program's own. Two ways to the same node and place are one state, visited
//! once, where their captures are of one *class*: the same values in the same slots, and wildcards in the same slots,
//! whatever words those took. Of such ways the first stands, in which the earlier wildcards are the shorter ones. That is
//! what keeps alternatives and wildcards from multiplying. What a list matches at a place, and the numbers that begin
//! there, are found once for the whole sentence.

use super::super::sentences::{self, Fractions};
use super::Context;
use super::graph::{Compiled, CompiledBlock, CompiledTemplate, Node, NodeId};
use super::normalise::Normal;
use super::numbers::{self, Found};
use super::outcome::{Capture, Outcome, Taken};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// The most states that one sentence may take.
const MAX_STEPS: u32 = 200_000;
/// The most captures that one sentence may try.
const MAX_CAPTURES: usize = 50_000;
/// The most ways in which a sentence may fit, over all templates.
const MAX_OUTCOMES: usize = 1_000;

/// Why a walk gave up.
const TOO_MANY_STEPS: &str = "the sentence can be read in too many ways";

/// A class is the class before it and a capture without its place, where that is a wildcard's.
type ClassKey = (u32, u32, Taken, (u16, u16));

/// A state of the walk.
#[derive(Debug, Clone, Copy)]
struct State {
    node: NodeId,
    position: u16,
    captures: u32,
    /// Whether a value that began a word has just ended here: what follows may be written on to it, as compounds are.
    joins: bool,
}

/// States are small integers and come from no one who could choose them: a multiplication spreads them well enough.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517C_C1B7_2722_0A95);
    }
}

type Spreading = BuildHasherDefault<Spread>;

/// The values of a list that begin at a place: the value and one past its end.
type ValuesHere = Rc<Vec<(u32, u16)>>;

/// One sentence on its way through the graph.
pub(super) struct Walk<'c, 't> {
    compiled: &'c Compiled,
    text: &'t [char],
    normal: &'t Normal,
    given: &'t Context,
    stack: Vec<State>,
    /// Nodes, places, classes, and whether words may join.
    visited: HashSet<(NodeId, u16, u32, bool), Spreading>,
    captures: Vec<Capture>,
    classes: HashMap<ClassKey, u32, Spreading>,
    values: HashMap<(u32, u16), ValuesHere, Spreading>,
    numbers: HashMap<(u16, bool), Rc<Vec<Found>>, Spreading>,
    steps: u32,
    furthest: u16,
}

impl<'c, 't> Walk<'c, 't> {
    pub(super) fn new(compiled: &'c Compiled, normal: &'t Normal, given: &'t Context) -> Self {
        let nothing = Capture { previous: 0, class: 0, slot: 0, start: 0, end: 0, taken: Taken::Words };
        Walk {
            compiled,
            text: &normal.characters,
            normal,
            given,
            stack: Vec::new(),
            visited: HashSet::default(),
            captures: vec![nothing],
            classes: HashMap::default(),
            values: HashMap::default(),
            numbers: HashMap::default(),
            steps: 0,
            furthest: 0,
        }
    }

    /// Every way in which the sentence fits a template.
    ///
    /// # Errors
    /// The reason where it took too long to find them all: what was found so far is no answer.
    pub(super) fn outcomes(mut self) -> Result<Vec<Outcome<'c>>, &'static str> {
        let mut outcomes = Vec::new();
        if self.text.is_empty() {
            return Ok(outcomes);
        }
        let compiled = self.compiled;
        for template in &compiled.templates {
            let block = &compiled.blocks[template.block];
            if !compiled.firsts[template.start as usize].admits(self.text.first().copied())
                || !self.block_is_possible(block)
            {
                continue;
            }
            for captures in self.template(template.start, block)? {
                outcomes.extend(self.outcome(template, block, captures).ok());
            }
            if outcomes.len() > MAX_OUTCOMES {
                return Err(TOO_MANY_STEPS);
            }
        }
        Ok(outcomes)
    }

    /// For each template that matched anything: its index, how far it got, and what context was missing.
    pub(super) fn reached(mut self) -> Vec<(usize, usize, Option<String>)> {
        let mut reached = Vec::new();
        let compiled = self.compiled;
        for (index, template) in compiled.templates.iter().enumerate() {
            let block = &compiled.blocks[template.block];
            self.furthest = 0;
            let Ok(ends) = self.template(template.start, block) else { break };
            let missing = ends.first().and_then(|&captures| self.outcome(template, block, captures).err());
            if self.furthest > 0 {
                reached.push((index, self.furthest as usize, missing));
            }
        }
        reached
    }

    /// The entities that values of a list name anywhere in the sentence as whole words, each with the name's length.
    pub(super) fn named(mut self, list: u32) -> Result<Vec<(u32, usize)>, &'static str> {
        let mut named = Vec::new();
        for start in (0..self.text.len()).filter(|&start| start == 0 || self.text[start - 1] == ' ') {
            for &(value, end) in self.values(list, start as u16)?.iter() {
                let whole = self.text.get(end as usize).is_none_or(|&next| next == ' ');
                let entity = self.compiled.lists[list as usize][value as usize].entity;
                named.extend(entity.filter(|_| whole).map(|entity| (entity, end as usize - start)));
            }
        }
        Ok(named)
    }

    /// Whether the keywords are there and nothing that is known already speaks against the block.
    fn block_is_possible(&self, block: &CompiledBlock) -> bool {
        let keyword = || {
            let mut words = self.text.split(|&character| character == ' ');
            words.any(|word| block.keywords.iter().any(|keyword| keyword == word))
        };
        (block.keywords.is_empty() || self.compiled.ignore_whitespace || keyword())
            && sentences::admits(&block.requires, &block.excludes, self.given)
    }

    /// The sets of captures with which a template matches the whole sentence.
    fn template(&mut self, start: NodeId, block: &CompiledBlock) -> Result<Vec<u32>, &'static str> {
        let mut ends = Vec::new();
        self.stack.clear();
        self.visited.clear();
        self.push(State { node: start, position: 0, captures: 0, joins: false });
        while let Some(state) = self.stack.pop() {
            self.steps += 1;
            if self.steps > MAX_STEPS || self.captures.len() > MAX_CAPTURES || ends.len() > MAX_OUTCOMES {
                return Err(TOO_MANY_STEPS);
            }
            self.furthest = self.furthest.max(state.position);
            let State { node, position, captures, .. } = state;
            match self.compiled.nodes[node as usize] {
                Node::Accept => {
                    if position as usize == self.text.len() {
                        ends.push(captures);
                    }
                }
                Node::Values { list, slot, next } => {
                    let here = self.values(list, position)?;
                    for &(value, end) in here.iter().rev() {
                        let context = &self.compiled.lists[list as usize][value as usize].context;
                        if sentences::admits(&block.requires, &block.excludes, context) {
                            let taken = Taken::Value { list, value };
                            self.capture(state, slot, taken, (position, end), next);
                        }
                    }
                }
                Node::Number { numbers, slot, next } => self.number(numbers, slot, next, state),
                Node::Wildcard { slot, next } => self.wildcard(slot, next, state),
                Node::Literal { .. } | Node::Space { .. } | Node::Split { .. } => self.step(state),
            }
        }
        Ok(ends)
    }

    /// Puts a state on the stack, unless it leads nowhere or was there before.
    fn push(&mut self, state: State) {
        let class = self.captures[state.captures as usize].class;
        if self.is_new(state, class) {
            self.stack.push(state);
        }
    }

    fn is_new(&mut self, state: State, class: u32) -> bool {
        let State { node, position, joins, .. } = state;
        let next = self.text.get(position as usize).copied();
        let first = self.compiled.firsts[node as usize];
        first.admits(next) && self.visited.insert((node, position, class, joins))
    }

    /// The nodes that capture nothing.
    fn step(&mut self, state: State) {
        let State { node, position, joins, .. } = state;
        match self.compiled.nodes[node as usize] {
            Node::Literal { start, length, next } => {
                let literal = &self.compiled.literals[start as usize..(start + length) as usize];
                let rest = self.text.get(position as usize..).unwrap_or_default();
                if rest.starts_with(literal) {
                    self.push(State { node: next, position: position + length as u16, joins: false, ..state });
                } else {
                    let same = rest.iter().zip(literal).take_while(|(said, meant)| said == meant).count();
                    self.furthest = self.furthest.max(position + same as u16);
                }
            }
            Node::Space { next } => match self.text.get(position as usize) {
                Some(' ') => self.push(State { node: next, position: position + 1, ..state }),
                None => self.push(State { node: next, ..state }),
                Some(_) if joins || self.begins_word(position) => self.push(State { node: next, ..state }),
                Some(_) => {}
            },
            Node::Split { first, count } => {
                // The last one pushed is walked first.
                for index in (first..first + count).rev() {
                    self.push(State { node: self.compiled.targets[index as usize], ..state });
                }
            }
            Node::Accept | Node::Values { .. } | Node::Number { .. } | Node::Wildcard { .. } => {}
        }
    }

    fn begins_word(&self, position: u16) -> bool {
        position == 0 || self.text.get(position as usize - 1) == Some(&' ')
    }

    /// Lets a slot take a part of the sentence, and goes on behind it.
    fn capture(&mut self, from: State, slot: u32, taken: Taken, (start, end): (u16, u16), next: NodeId) {
        let words = taken == Taken::Words;
        let place = if words { (0, 0) } else { (start, end) };
        let key = (self.captures[from.captures as usize].class, slot, taken, place);
        let count = self.classes.len() as u32;
        let class = *self.classes.entry(key).or_insert(count + 1);
        let joins = !words && (from.joins || self.begins_word(start));
        // A space said after such a value need not stand in the template.
        let apart = joins && self.text.get(end as usize) == Some(&' ');
        for position in apart.then_some(end + 1).into_iter().chain([end]) {
            let state = State { node: next, position, captures: self.captures.len() as u32, joins };
            if self.is_new(state, class) {
                self.captures.push(Capture { previous: from.captures, class, slot, start, end, taken });
                self.stack.push(state);
            }
        }
    }

    fn number(&mut self, numbers: u32, slot: u32, next: NodeId, state: State) {
        let list = self.compiled.numbers[numbers as usize];
        let fractions = list.fractions != Fractions::None;
        let (text, words) = (self.text, self.compiled.words);
        let start = state.position + u16::from(text.get(state.position as usize) == Some(&' '));
        let here = self
            .numbers
            .entry((start, fractions))
            .or_insert_with(|| Rc::new(numbers::at(text, start as usize, words, fractions)));
        for found in Rc::clone(here).iter().rev() {
            let digits = matches!(text.get(start as usize), Some('0'..='9' | '-'));
            if !(if digits { list.digits } else { list.words }) || !list.holds(found.value) {
                continue;
            }
            let taken = Taken::Number((found.value * list.multiplier).to_bits());
            self.capture(state, slot, taken, (start, found.end as u16), next);
        }
    }

    /// Any words, the fewest first. They begin and end with no space, and end only where what follows can go on.
    fn wildcard(&mut self, slot: u32, next: NodeId, state: State) {
        let start = state.position as usize + usize::from(self.text.get(state.position as usize) == Some(&' '));
        for end in (start + 1..=self.text.len()).rev() {
            if self.text[end - 1] != ' ' && self.compiled.firsts[next as usize].admits(self.text.get(end).copied()) {
                self.capture(state, slot, Taken::Words, (start as u16, end as u16), next);
            }
        }
    }

    /// The values of a list that match at a place, in their order, each with its longest form last.
    fn values(&mut self, list: u32, position: u16) -> Result<ValuesHere, &'static str> {
        if let Some(known) = self.values.get(&(list, position)) {
            return Ok(Rc::clone(known));
        }
        let compiled = self.compiled;
        let first = self.text.get(position as usize).copied();
        let mut here = Vec::new();
        // The walk of the template waits while the values are walked with the same steps.
        let waiting = (std::mem::take(&mut self.stack), std::mem::take(&mut self.visited));
        for (index, value) in compiled.lists[list as usize].iter().enumerate() {
            if !compiled.firsts[value.start as usize].admits(first) {
                continue;
            }
            self.push(State { node: value.start, position, captures: 0, joins: false });
            while let Some(state) = self.stack.pop() {
                self.steps += 1;
                if self.steps > MAX_STEPS {
                    return Err(TOO_MANY_STEPS);
                }
                match compiled.nodes[state.node as usize] {
                    Node::Accept => here.push((index as u32, state.position)),
                    _ => self.step(state),
                }
            }
            self.visited.clear();
        }
        (self.stack, self.visited) = waiting;
        here.sort_unstable();
        here.dedup();
        let here = Rc::new(here);
        self.values.insert((list, position), Rc::clone(&here));
        Ok(here)
    }

    /// What a template that matched the words means; the condition that is not met, where there is one.
    fn outcome(
        &self,
        template: &'c CompiledTemplate,
        block: &'c CompiledBlock,
        last: u32,
    ) -> Result<Outcome<'c>, String> {
        let mut captures = Vec::new();
        let mut at = last;
        while at != 0 {
            let capture = self.captures[at as usize];
            captures.push(capture);
            at = capture.previous;
        }
        captures.reverse();
        Outcome::new(self.compiled, template, block, self.normal, self.given, captures)
    }
}
