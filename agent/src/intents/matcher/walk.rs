//! The walk of a sentence through the automaton: every way in which it fits a template, in bounded time.
//!
//! Between two gates the walk follows characters from state to state; at a gate it branches, and keeps what the gate let
//! pass as a capture. Branches wait on a stack, so that no sentence and no template can exhaust the program's own. Two
//! branches at the same state and place are one, walked once, where their captures are of one *class*: the same values in
//! the same slots, and wildcards in the same slots, whatever words those took. Of such branches the first stands, in which
//! the earlier wildcards are the shorter ones. That is what keeps alternatives and wildcards from multiplying. What a list
//! matches at a place, and the numbers that begin there, are found once for the whole sentence.

use super::super::numerals::{Found, Numerals};
use super::super::sentences::{self, Fractions};
use super::Context;
use super::automaton::{Automaton, DEAD, Gate, StateId};
use super::graph::{Compiled, CompiledBlock, CompiledNumbers, NodeId};
use super::normalise::Normal;
use super::numbers;
use super::outcome::{Capture, Outcome, Taken};
use super::spread::Spreading;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The most steps that one sentence may take: about 40 ms on an x86 core where nothing has been made before.
const MAX_STEPS: u32 = 2_000_000;
/// The most captures that one sentence may try.
const MAX_CAPTURES: usize = 50_000;
/// The most ways in which a sentence may fit, over all templates.
const MAX_OUTCOMES: usize = 1_000;

/// Why a walk gave up.
const TOO_MANY_STEPS: &str = "the sentence can be read in too many ways";

/// A class is the class before it and a capture without its place, where that is a wildcard's.
type ClassKey = (u32, u32, Taken, (u16, u16));

/// Where a branch goes on.
#[derive(Debug, Clone, Copy)]
struct Branch {
    state: StateId,
    position: u16,
    captures: u32,
    /// Whether a word may begin here: after a space, or after a value that began a word, as compounds are written.
    word_begins: bool,
    /// Whether any words were taken on the way, which says nothing about how far the sentence is understood.
    wild: bool,
}

/// Numbers are looked for at a place, with or without fractions, in the words of a language.
type NumbersKey = (u16, bool, Option<*const Numerals>);

/// The values of a list that begin at a place: the value and one past its end.
type ValuesHere = Rc<Vec<(u32, u16)>>;

/// One sentence on its way through the automaton.
pub(super) struct Walk<'c, 't> {
    compiled: &'c Compiled,
    automaton: &'t mut Automaton,
    text: &'t [char],
    normal: &'t Normal,
    given: &'t Context,
    stack: Vec<Branch>,
    /// States, places and classes from which a walk went on.
    visited: HashSet<(StateId, u16, u32), Spreading>,
    captures: Vec<Capture>,
    classes: HashMap<ClassKey, u32, Spreading>,
    values: HashMap<(u32, u16), ValuesHere, Spreading>,
    numbers: HashMap<NumbersKey, Rc<Vec<Found>>, Spreading>,
    /// The templates that end with the sentence, and with which captures.
    ends: Vec<(u32, u32)>,
    /// The block whose templates alone are walked; then values that its context does not admit are passed over at once.
    only: Option<&'c CompiledBlock>,
    steps: u32,
    most_steps: u32,
    furthest: u16,
    /// Where words begin; kept where somebody wants to know.
    stands: Option<Stands>,
}

/// A state that stood where a word begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stand {
    pub(super) position: u16,
    pub(super) state: StateId,
    /// Inside a list's value: the gate that it is to pass, as a state and which of its gates.
    pub(super) gate: Option<(StateId, usize)>,
}

#[derive(Debug, Default)]
struct Stands {
    found: HashSet<Stand>,
    /// For each list and place the words that begin inside of its values, with the list's own states.
    inside: HashMap<(u32, u16), Vec<(u16, StateId)>, Spreading>,
}

impl<'c, 't> Walk<'c, 't> {
    pub(super) fn new(
        compiled: &'c Compiled,
        automaton: &'t mut Automaton,
        normal: &'t Normal,
        given: &'t Context,
    ) -> Self {
        automaton.tidy();
        Walk {
            compiled,
            automaton,
            text: &normal.characters,
            normal,
            given,
            stack: Vec::new(),
            visited: HashSet::default(),
            captures: vec![Capture::NOTHING],
            classes: HashMap::default(),
            values: HashMap::default(),
            numbers: HashMap::default(),
            ends: Vec::new(),
            only: None,
            steps: 0,
            most_steps: MAX_STEPS,
            furthest: 0,
            stands: None,
        }
    }

    /// Every way in which the sentence fits a template, and every state that stood where a word begins, in order.
    /// `steps` is how many may be taken, and then how many are left.
    ///
    /// # Errors
    /// As `outcomes`.
    pub(super) fn outcomes_and_stands(
        mut self,
        steps: &mut u32,
    ) -> Result<(Vec<Outcome<'c>>, Vec<Stand>), &'static str> {
        self.stands = Some(Stands::default());
        self.most_steps = MAX_STEPS.min(*steps);
        let outcomes = self.outcomes();
        *steps = steps.saturating_sub(self.steps);
        let outcomes = outcomes?;
        let mut stands: Vec<Stand> = self.stands.unwrap_or_default().found.into_iter().collect();
        stands.sort_unstable();
        Ok((outcomes, stands))
    }

    /// Every way in which the sentence fits a template, in the order of the templates.
    ///
    /// # Errors
    /// The reason where it took too long to find them all: what was found so far is no answer.
    pub(super) fn outcomes(&mut self) -> Result<Vec<Outcome<'c>>, &'static str> {
        if self.text.is_empty() {
            return Ok(Vec::new());
        }
        let compiled = self.compiled;
        self.walk(compiled.root)?;
        if self.ends.len() > MAX_OUTCOMES {
            return Err(TOO_MANY_STEPS);
        }
        // Of the ways through one template the first that was found stays the first.
        self.ends.sort_by_key(|&(template, _)| template);
        let mut possible: Vec<Option<bool>> = vec![None; compiled.blocks.len()];
        let mut outcomes = Vec::new();
        for &(template, captures) in &self.ends {
            let template = &compiled.templates[template as usize];
            let block = &compiled.blocks[template.block];
            if *possible[template.block].get_or_insert_with(|| self.block_is_possible(block)) {
                outcomes.extend(self.outcome(template.block, template, captures).ok());
            }
        }
        Ok(outcomes)
    }

    /// For each template that matched anything: its index, how far it got, and what context was missing. Of sentences for
    /// which that takes too long only the first are looked at.
    pub(super) fn reached(mut self) -> Vec<(usize, usize, Option<String>)> {
        let mut reached = Vec::new();
        let compiled = self.compiled;
        for (index, template) in compiled.templates.iter().enumerate() {
            self.only = Some(&compiled.blocks[template.block]);
            self.furthest = 0;
            self.visited.clear();
            self.ends.clear();
            if self.walk(template.start).is_err() {
                break;
            }
            let missing =
                self.ends.first().and_then(|&(_, captures)| self.outcome(template.block, template, captures).err());
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
                let entity = self.compiled.lists[list as usize].values[value as usize].entity;
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

    /// Walks the whole sentence from a node; the templates that end with it are then in `ends`.
    fn walk(&mut self, node: NodeId) -> Result<(), &'static str> {
        let state = self.automaton.begin(self.compiled, node, true);
        self.stack.push(Branch { state, position: 0, captures: 0, word_begins: true, wild: false });
        while let Some(branch) = self.stack.pop() {
            self.follow(branch)?;
        }
        Ok(())
    }

    /// Follows the characters of the sentence as far as they lead; what gates let pass waits on the stack.
    fn follow(&mut self, mut branch: Branch) -> Result<(), &'static str> {
        let class = self.captures[branch.captures as usize].class;
        while branch.state != DEAD {
            self.count(branch.state)?;
            self.stand(branch);
            if !branch.wild {
                self.furthest = self.furthest.max(branch.position);
            }
            let gates = self.automaton.gates(branch.state);
            let next = self.text.get(branch.position as usize).copied();
            if (gates > 0 || next.is_none()) && !self.visited.insert((branch.state, branch.position, class)) {
                return Ok(());
            }
            let Some(next) = next else {
                for &template in self.automaton.accepts_at_end(self.compiled, branch.state) {
                    self.ends.push((template, branch.captures));
                }
                return Ok(());
            };
            // The last one pushed is walked first.
            for gate in (0..gates).rev() {
                self.pass(branch, gate)?;
            }
            branch.state = self.automaton.step(self.compiled, branch.state, next);
            branch.position += 1;
            branch.word_begins = next == ' ';
        }
        Ok(())
    }

    /// Keeps where a word begins.
    fn stand(&mut self, Branch { state, position, .. }: Branch) {
        let begins = self.stands.is_some() && self.begins_word(position);
        if let Some(stands) = self.stands.as_mut().filter(|_| begins) {
            stands.found.insert(Stand { position, state, gate: None });
        }
    }

    /// Keeps where a word begins inside of a list's values that begin at a place.
    fn stand_inside(&mut self, list: u32, start: u16, gate: (StateId, usize)) {
        if let Some(stands) = &mut self.stands {
            let inside = stands.inside.get(&(list, start)).into_iter().flatten();
            stands.found.extend(inside.map(|&(position, state)| Stand { position, state, gate: Some(gate) }));
        }
    }

    fn count(&mut self, state: StateId) -> Result<(), &'static str> {
        self.steps += self.automaton.weight(state);
        let bounded =
            self.steps <= self.most_steps && self.captures.len() <= MAX_CAPTURES && self.ends.len() <= MAX_OUTCOMES;
        if bounded { Ok(()) } else { Err(TOO_MANY_STEPS) }
    }

    /// Lets a gate take what it can.
    fn pass(&mut self, from: Branch, index: usize) -> Result<(), &'static str> {
        let (gate, slot) = self.automaton.gate(from.state, index);
        match gate {
            Gate::Values(list) => {
                let here = self.values(list, from.position)?;
                self.stand_inside(list, from.position, (from.state, index));
                for &(value, end) in here.iter().rev() {
                    if self.is_admitted(list, value) {
                        self.capture(from, index, (slot, Taken::Value { list, value }), (from.position, end));
                    }
                }
            }
            Gate::Number(numbers) => self.number(numbers, slot, index, from),
            Gate::Wildcard => self.wildcard(slot, index, from)?,
        }
        Ok(())
    }

    fn is_admitted(&self, list: u32, value: u32) -> bool {
        self.only.is_none_or(|block| {
            let context = &self.compiled.lists[list as usize].values[value as usize].context;
            sentences::admits(&block.requires, &block.excludes, context)
        })
    }

    fn begins_word(&self, position: u16) -> bool {
        position == 0 || self.text.get(position as usize - 1) == Some(&' ')
    }

    /// Lets a slot take a part of the sentence, and goes on behind it.
    fn capture(&mut self, from: Branch, index: usize, (slot, taken): (u32, Taken), (start, end): (u16, u16)) {
        // The branches that wait for it already make the walk give up.
        if self.captures.len() > MAX_CAPTURES {
            return;
        }
        let words = taken == Taken::Words;
        let place = if words { (0, 0) } else { (start, end) };
        let key = (self.captures[from.captures as usize].class, slot, taken, place);
        let count = self.classes.len() as u32;
        let class = *self.classes.entry(key).or_insert(count + 1);
        let joins = !words && (from.word_begins || self.begins_word(start));
        // A space said after such a value need not stand in the template.
        let apart = joins && self.text.get(end as usize) == Some(&' ');
        for position in apart.then_some(end + 1).into_iter().chain([end]) {
            let word_begins = joins || self.begins_word(position);
            let state = self.automaton.behind(self.compiled, from.state, index, word_begins);
            if state != DEAD && !self.visited.contains(&(state, position, class)) {
                let captures = self.captures.len() as u32;
                self.captures.push(Capture { previous: from.captures, class, slot, start, end, taken });
                self.stack.push(Branch { state, position, captures, word_begins, wild: words || from.wild });
            }
        }
    }

    fn number(&mut self, numbers: u32, slot: u32, index: usize, from: Branch) {
        let (text, spaces) = (self.text, !self.compiled.ignore_whitespace);
        let CompiledNumbers { list, numerals } = &self.compiled.numbers[numbers as usize];
        let start = from.position + u16::from(text.get(from.position as usize) == Some(&' '));
        let (numerals, fractions) = (numerals.filter(|_| list.words), list.fractions != Fractions::None);
        let here = self
            .numbers
            .entry((start, fractions, numerals.map(std::ptr::from_ref)))
            .or_insert_with(|| Rc::new(numbers::at(text, start as usize, numerals, fractions, spaces)));
        for found in Rc::clone(here).iter().rev() {
            let digits = matches!(text.get(start as usize), Some('0'..='9' | '-'));
            if (digits && !list.digits) || !list.holds(found.value) {
                continue;
            }
            let taken = Taken::Number((found.value * list.multiplier).to_bits());
            self.capture(from, index, (slot, taken), (start, found.end as u16));
        }
    }

    /// Any words, the fewest first. They begin and end with no space, and end only where what follows can go on.
    fn wildcard(&mut self, slot: u32, index: usize, from: Branch) -> Result<(), &'static str> {
        let start = from.position as usize + usize::from(self.text.get(from.position as usize) == Some(&' '));
        let is_letter = |index: usize| self.text.get(index).is_some_and(|character| character.is_alphabetic());
        // "fiveish" is no number with words after it: a word is not taken apart for them.
        if from.word_begins && start > 0 && is_letter(start - 1) && is_letter(start) && !self.compiled.ignore_whitespace
        {
            return Ok(());
        }
        self.steps += (self.text.len().saturating_sub(start) / 4) as u32;
        if self.steps > self.most_steps {
            return Err(TOO_MANY_STEPS);
        }
        for end in (start + 1..=self.text.len()).rev() {
            if self.text[end - 1] != ' ' && self.goes_on(from.state, index, end) {
                self.capture(from, index, (slot, Taken::Words), (start as u16, end as u16));
            }
        }
        Ok(())
    }

    /// Whether what follows a gate can go on at a place.
    fn goes_on(&mut self, state: StateId, index: usize, position: usize) -> bool {
        let behind = self.automaton.behind(self.compiled, state, index, self.begins_word(position as u16));
        match self.text.get(position) {
            None => behind != DEAD,
            Some(_) if self.automaton.gates(behind) > 0 => true,
            Some(&next) => self.automaton.step(self.compiled, behind, next) != DEAD,
        }
    }

    /// The values of a list that match at a place, in their order, each with its longest form last.
    fn values(&mut self, list: u32, position: u16) -> Result<ValuesHere, &'static str> {
        if let Some(known) = self.values.get(&(list, position)) {
            return Ok(Rc::clone(known));
        }
        let root = self.compiled.lists[list as usize].root;
        let mut state = self.automaton.begin(self.compiled, root, self.begins_word(position));
        let mut here: Vec<(u32, u16)> = Vec::new();
        for end in position.. {
            if state == DEAD {
                break;
            }
            self.count(state)?;
            if let Some(stands) = self.stands.as_mut().filter(|_| end > position && self.text[end as usize - 1] == ' ')
            {
                stands.inside.entry((list, position)).or_default().push((end, state));
            }
            let next = self.text.get(end as usize).copied();
            let accepts = match next {
                Some(_) => self.automaton.accepts(state),
                None => self.automaton.accepts_at_end(self.compiled, state),
            };
            here.extend(accepts.iter().map(|&value| (value, end)));
            let Some(next) = next else { break };
            state = self.automaton.step(self.compiled, state, next);
        }
        here.sort_unstable();
        here.dedup();
        let here = Rc::new(here);
        self.values.insert((list, position), Rc::clone(&here));
        Ok(here)
    }

    /// What a template that matched the words means; the condition that is not met, where there is one.
    fn outcome(
        &self,
        block: usize,
        template: &'c super::graph::CompiledTemplate,
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
        Outcome::new(self.compiled, template, &self.compiled.blocks[block], self.normal, self.given, captures)
            .map_err(|unmet| unmet.to_string())
    }
}
