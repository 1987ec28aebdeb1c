//! Templates and names as a graph of nodes, each of which is one step of a walk.
//!
//! # The graph
//!
//! Nodes stand in one array; a node refers only to nodes before it, since a template is compiled from its end to its
//! beginning: there is no cycle, and what follows a group is shared by all its alternatives. Rules are inlined. The
//! values of a list are little graphs of their own, compiled once and entered from wherever the list is used. For each
//! node the set of characters it can begin with is known, so that a walk turns back before it enters a dead end.

use super::super::sentences::{NumberList, Requirements};
use super::super::{Origin, SlotValue};
use super::Context;
use super::numbers::Words;
use std::collections::BTreeMap;

pub(super) type NodeId = u32;

/// One step of a walk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// The end.
    Accept,
    /// These characters.
    Literal { start: u32, length: u32, next: NodeId },
    /// The end of a word: a space, or the place after one, or the end of the sentence.
    Space { next: NodeId },
    /// Any of these nodes.
    Split { first: u32, count: u32 },
    /// A value of a list.
    Values { list: u32, slot: u32, next: NodeId },
    /// A number.
    Number { numbers: u32, slot: u32, next: NodeId },
    /// Any words.
    Wildcard { slot: u32, next: NodeId },
}

/// The characters that something can begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct First {
    ascii: u128,
    /// Any character beyond ASCII.
    others: bool,
    /// The end of the sentence.
    end: bool,
}

impl First {
    /// The end of the sentence and nothing else.
    pub(super) const END: First = First { ascii: 0, others: false, end: true };
    /// Any character.
    pub(super) const ALL: First = First { ascii: u128::MAX, others: true, end: false };

    pub(super) fn of(character: char) -> First {
        let mut first = First::default();
        first.add(character);
        first
    }

    pub(super) fn add(&mut self, character: char) {
        if character.is_ascii() {
            self.ascii |= 1 << (character as u32);
        } else {
            self.others = true;
        }
    }

    pub(super) fn and(self, other: First) -> First {
        First { ascii: self.ascii | other.ascii, others: self.others || other.others, end: self.end || other.end }
    }

    /// Whether the character (nothing: the end of the sentence) can come next.
    pub(super) fn admits(self, character: Option<char>) -> bool {
        match character {
            None => self.end,
            Some(character) if character.is_ascii() => self.ascii & (1 << (character as u32)) != 0,
            Some(_) => self.others,
        }
    }
}

/// A template in the graph.
#[derive(Debug)]
pub(super) struct CompiledTemplate {
    pub(super) text: String,
    pub(super) origin: Origin,
    pub(super) start: NodeId,
    pub(super) block: usize,
}

/// What a block's templates mean.
#[derive(Debug)]
pub(super) struct CompiledBlock {
    pub(super) intent: String,
    pub(super) slots: BTreeMap<String, SlotValue>,
    pub(super) requires: Requirements,
    pub(super) excludes: Requirements,
    pub(super) keywords: Vec<Vec<char>>,
    pub(super) response: Option<String>,
    pub(super) metadata: Context,
}

/// A value of a list in the graph.
#[derive(Debug)]
pub(super) struct CompiledValue {
    pub(super) start: NodeId,
    /// What the slot gets; nothing: the words as they were said.
    pub(super) out: Option<SlotValue>,
    pub(super) context: Context,
    /// The entity that the value names.
    pub(super) entity: Option<u32>,
}

/// An entity as far as a match has to know it.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) area: Option<String>,
    pub(super) floor: Option<String>,
    pub(super) device_class: Option<String>,
}

/// Everything that a walk needs.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) nodes: Vec<Node>,
    pub(super) firsts: Vec<First>,
    pub(super) targets: Vec<NodeId>,
    pub(super) literals: Vec<char>,
    pub(super) slots: Vec<String>,
    pub(super) lists: Vec<Vec<CompiledValue>>,
    pub(super) numbers: Vec<NumberList>,
    pub(super) blocks: Vec<CompiledBlock>,
    pub(super) templates: Vec<CompiledTemplate>,
    pub(super) entities: Vec<Entity>,
    pub(super) skip_words: Vec<Vec<char>>,
    pub(super) ignore_whitespace: bool,
    pub(super) words: Option<&'static Words>,
}
