//! Templates and names as a graph of nodes, each of which is one step of a walk.
//!
//! # The graph
//!
//! Nodes stand in one array; a node refers only to nodes before it, since a template is compiled from its end to its
//! beginning: there is no cycle, and what follows a group is shared by all its alternatives. Rules are inlined. The
//! values of a list are a graph of their own, compiled once and entered from wherever the list is used.

use super::super::numerals::Numerals;
use super::super::sentences::{NumberList, Requirements};
use super::super::{Origin, SlotValue};
use super::Context;
use std::collections::BTreeMap;

pub(super) type NodeId = u32;

/// One step of a walk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// The end of a template, or of a list's value.
    Accept { owner: u32 },
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

/// A list in the graph: the node at which its values begin, and what each stands for.
#[derive(Debug)]
pub(super) struct CompiledList {
    pub(super) root: NodeId,
    pub(super) values: Vec<CompiledValue>,
}

/// What a value of a list stands for.
#[derive(Debug, Default)]
pub(super) struct CompiledValue {
    /// What the slot gets; nothing: the words as they were said.
    pub(super) out: Option<SlotValue>,
    pub(super) context: Context,
    /// The entity that the value names.
    pub(super) entity: Option<u32>,
}

/// Numbers that a list holds, and the words for them.
#[derive(Debug)]
pub(super) struct CompiledNumbers {
    pub(super) list: NumberList,
    pub(super) numerals: Option<&'static Numerals>,
}

/// An entity as far as a match has to know it.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) id: String,
    pub(super) kind: String,
    /// Its area in normal form.
    pub(super) area: Option<Vec<char>>,
    /// Its floor in normal form.
    pub(super) floor: Option<Vec<char>>,
    pub(super) device_class: Option<String>,
}

/// Everything that a walk needs.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) nodes: Vec<Node>,
    /// The node at which every sentence begins.
    pub(super) root: NodeId,
    pub(super) targets: Vec<NodeId>,
    pub(super) literals: Vec<char>,
    pub(super) slots: Vec<String>,
    pub(super) lists: Vec<CompiledList>,
    pub(super) numbers: Vec<CompiledNumbers>,
    pub(super) blocks: Vec<CompiledBlock>,
    pub(super) templates: Vec<CompiledTemplate>,
    pub(super) entities: Vec<Entity>,
    pub(super) skip_words: Vec<Vec<char>>,
    pub(super) fillers: Vec<Vec<char>>,
    pub(super) ignore_whitespace: bool,
    /// The number words of the sentences' language.
    pub(super) numerals: Option<&'static Numerals>,
}

impl Compiled {
    /// The bytes of memory that this takes, about: what maps and short texts add is left out.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.templates.iter().map(|template| template.text.len() + template.origin.file.len()).sum();
        let values: usize = self.lists.iter().map(|list| list.values.len() * size_of::<CompiledValue>()).sum();
        self.nodes.len() * size_of::<Node>()
            + self.targets.len() * size_of::<NodeId>()
            + self.literals.len() * size_of::<char>()
            + self.templates.len() * size_of::<CompiledTemplate>()
            + self.blocks.len() * size_of::<CompiledBlock>()
            + values
            + texts
    }
}
