//! From templates and names to the graph.
//!
//! Owns the compilation of templates and lists, and its bounds. The names of entities and places are `names`'.

mod names;

use super::super::numerals::Numerals;
use super::super::sentences::{
    Block, ListKind, ListValue, NumberList, Problem, Reference, Sentences, VOCABULARY_LISTS,
};
use super::super::template::Expression;
use super::Vocabulary;
use super::graph::{
    Compiled, CompiledBlock, CompiledList, CompiledNumbers, CompiledTemplate, CompiledValue, Node, NodeId,
};
use super::normalise::{self, Piece};
use std::collections::{HashMap, HashSet};

/// The most nodes that one template may take, its rules included.
const MAX_TEMPLATE_NODES: usize = 20_000;
/// The most nodes that one list may take.
const MAX_LIST_NODES: usize = 500_000;
/// The most nodes in all.
const MAX_NODES: usize = 2_000_000;
/// So many characters of literals, or so many ways on from choices, count as a node.
const COUNT_AS_NODE: usize = 16;

/// The list of the names of entities: the first one compiled.
pub(super) const NAMES: u32 = 0;

/// Compiles sentences and names.
pub(super) fn compile(sentences: &Sentences, vocabulary: &Vocabulary) -> (Compiled, Vec<Problem>) {
    let mut compiler = Compiler {
        sentences,
        out: Compiled {
            ignore_whitespace: sentences.ignore_whitespace,
            numerals: Numerals::of(&sentences.language),
            ..Compiled::default()
        },
        problems: Vec::new(),
        nullable: Vec::new(),
        slots: HashMap::new(),
        lists: HashMap::new(),
        refused: HashSet::new(),
        numbers: HashMap::new(),
        limit: 0,
    };
    compiler.skip_words();
    compiler.vocabulary(vocabulary);
    for block in &sentences.blocks {
        compiler.block(block);
    }
    let starts: Vec<NodeId> = compiler.out.templates.iter().map(|template| template.start).collect();
    compiler.out.root = compiler.choice(&starts);
    (compiler.out, compiler.problems)
}

/// A list as it is seen: one of a block of its own, or as this block changes it, or one that all share.
type ListKey = (Option<usize>, String);

struct Compiler<'a> {
    sentences: &'a Sentences,
    out: Compiled,
    problems: Vec<Problem>,
    /// For each node whether what begins there can be nothing at all.
    nullable: Vec<bool>,
    slots: HashMap<String, u32>,
    lists: HashMap<ListKey, u32>,
    /// Lists that are too large: whatever uses them is left out.
    refused: HashSet<ListKey>,
    /// Numbers already compiled, by their first, their last and their step.
    numbers: HashMap<(i64, i64, i64), Vec<u32>>,
    /// How many nodes there may be when the current template is done.
    limit: usize,
}

/// More nodes than a template may take.
struct TooLarge;

/// The values of a list in the making.
#[derive(Default)]
struct Values {
    starts: Vec<NodeId>,
    values: Vec<CompiledValue>,
}

impl Compiler<'_> {
    fn skip_words(&mut self) {
        self.out.skip_words = normalise::longest_first(&self.sentences.skip_words);
        self.out.fillers = normalise::longest_first(&self.sentences.fillers);
    }

    fn block(&mut self, block: &Block) {
        let index = self.out.blocks.len();
        self.out.blocks.push(CompiledBlock {
            intent: block.intent.clone(),
            slots: block.slots.clone(),
            requires: block.requires.clone(),
            excludes: block.excludes.clone(),
            keywords: block
                .required_keywords
                .iter()
                .map(|word| normalise::sentence(word).characters)
                .filter(|word| !word.is_empty())
                .collect(),
            response: block.response.clone(),
            metadata: block.metadata.clone(),
        });
        self.prepare_lists(index, block);
        for template in &block.templates {
            self.limit = (self.size() + MAX_TEMPLATE_NODES).min(MAX_NODES);
            let kept = self.written();
            let owner = self.out.templates.len() as u32;
            let start = self
                .node(Node::Accept { owner })
                .and_then(|end| self.expression(&template.expression, end, index, block));
            match start {
                Ok(start) => self.out.templates.push(CompiledTemplate {
                    text: template.text.clone(),
                    origin: template.origin.clone(),
                    start,
                    block: index,
                }),
                Err(TooLarge) => {
                    self.shrink(kept);
                    let message = format!(
                        "with its rules the sentence has more than {MAX_TEMPLATE_NODES} parts, or a list in it more than {MAX_LIST_NODES} (or all together more than {MAX_NODES}), and is left out: `{}`; split it",
                        template.text.chars().take(160).collect::<String>()
                    );
                    self.problems.push(Problem { origin: template.origin.clone(), column: template.column, message });
                }
            }
        }
    }

    /// Compiles the lists that a block's templates refer to, so that they stay where a template does not.
    fn prepare_lists(&mut self, index: usize, block: &Block) {
        let sentences = self.sentences;
        let templates = block.templates.iter().map(|template| &template.expression);
        for reference in sentences.references(block, templates) {
            let Reference::List(list) = reference else { continue };
            let (key, kind) = self.seen(list, index, block);
            let Some(ListKind::Values(values)) = kind else { continue };
            if self.lists.contains_key(&key) || self.refused.contains(&key) {
                continue;
            }
            let kept = self.written();
            match self.values(&key, values, (index, block)) {
                Ok(compiled) => {
                    self.add_list(key, compiled);
                }
                Err(TooLarge) => {
                    self.shrink(kept);
                    self.refused.insert(key);
                }
            }
        }
    }

    /// A list as a block sees it.
    fn seen<'b>(&self, name: &str, index: usize, block: &'b Block) -> (ListKey, Option<&'b ListKind>)
    where
        Self: 'b,
    {
        let own = block.lists.get(name);
        let sentences = self.sentences;
        let shared = if VOCABULARY_LISTS.contains(&name) { None } else { sentences.lists.get(name) };
        let of_block = own.is_some() || (shared.is_some() && block.changed.contains(name));
        ((of_block.then_some(index), name.to_owned()), own.or(shared).map(|list| &list.kind))
    }

    /// How far the graph is written.
    fn written(&self) -> (usize, usize, usize) {
        (self.out.nodes.len(), self.out.literals.len(), self.out.targets.len())
    }

    /// Goes back to where a template or a list began.
    fn shrink(&mut self, (nodes, literals, targets): (usize, usize, usize)) {
        self.out.nodes.truncate(nodes);
        self.nullable.truncate(nodes);
        self.out.literals.truncate(literals);
        self.out.targets.truncate(targets);
    }

    /// What has been compiled, in nodes.
    fn size(&self) -> usize {
        self.out.nodes.len() + (self.out.literals.len() + self.out.targets.len()) / COUNT_AS_NODE
    }

    fn node(&mut self, node: Node) -> Result<NodeId, TooLarge> {
        if self.size() >= self.limit {
            return Err(TooLarge);
        }
        Ok(self.add_node(node))
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        let nullable = match node {
            Node::Accept { .. } => true,
            Node::Space { next } => self.nullable[next as usize],
            Node::Split { first, count } => {
                let targets = &self.out.targets[first as usize..(first + count) as usize];
                targets.iter().any(|&target| self.nullable[target as usize])
            }
            Node::Literal { .. } | Node::Values { .. } | Node::Number { .. } | Node::Wildcard { .. } => false,
        };
        self.out.nodes.push(node);
        self.nullable.push(nullable);
        (self.out.nodes.len() - 1) as NodeId
    }

    /// A choice that is always allowed: there is one for each list, and one for all templates.
    fn choice(&mut self, targets: &[NodeId]) -> NodeId {
        let first = self.out.targets.len() as u32;
        self.out.targets.extend_from_slice(targets);
        self.add_node(Node::Split { first, count: targets.len() as u32 })
    }

    fn slot(&mut self, name: &str) -> u32 {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = self.out.slots.len() as u32;
        self.out.slots.push(name.to_owned());
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    /// Compiles a part that `next` follows, as seen from a block.
    fn expression(
        &mut self,
        expression: &Expression,
        next: NodeId,
        index: usize,
        block: &Block,
    ) -> Result<NodeId, TooLarge> {
        let sentences = self.sentences;
        match expression {
            Expression::Text(text) => self.text(text, next),
            Expression::Sequence(parts) => {
                let mut next = next;
                for part in parts.iter().rev() {
                    next = self.expression(part, next, index, block)?;
                }
                Ok(next)
            }
            Expression::Alternatives(parts) => {
                let mut targets = Vec::with_capacity(parts.len());
                for part in parts {
                    targets.push(self.expression(part, next, index, block)?);
                }
                self.split(&targets)
            }
            Expression::Optional(part) => {
                let said = self.expression(part, next, index, block)?;
                self.split(&[said, next])
            }
            Expression::Permutation(parts) => self.permutation(parts, next, index, block),
            Expression::Rule(name) => match sentences.rule(block, name) {
                Some(rule) => self.expression(&rule.expression, next, index, block),
                // Undefined rules are found when sentences are loaded, and nothing can be said for one.
                None => self.split(&[]),
            },
            Expression::Range { range, slot } => self.number((*range).into(), slot, next),
            Expression::List { list, slot } => self.list(list, slot, next, index, block),
        }
    }

    fn list(&mut self, name: &str, slot: &str, next: NodeId, index: usize, block: &Block) -> Result<NodeId, TooLarge> {
        let (key, kind) = self.seen(name, index, block);
        match kind {
            Some(ListKind::Wildcard) => {
                let slot = self.slot(slot);
                self.node(Node::Wildcard { slot, next })
            }
            Some(ListKind::Numbers(numbers)) => self.number(numbers.clone(), slot, next),
            Some(ListKind::Values(_)) => {
                // One that was not compiled is too large.
                let list = *self.lists.get(&key).ok_or(TooLarge)?;
                let slot = self.slot(slot);
                self.node(Node::Values { list, slot, next })
            }
            None => match self.lists.get(&key) {
                Some(&list) => {
                    let slot = self.slot(slot);
                    self.node(Node::Values { list, slot, next })
                }
                None => self.split(&[]),
            },
        }
    }

    /// Compiles the values of a list.
    fn values(
        &mut self,
        key: &ListKey,
        values: &[ListValue],
        (index, block): (usize, &Block),
    ) -> Result<Values, TooLarge> {
        self.limit = (self.size() + MAX_LIST_NODES).min(MAX_NODES);
        // What all share is seen from no block.
        let nobody = Block::default();
        let seen_from = if key.0.is_some() { (index, block) } else { (usize::MAX, &nobody) };
        let mut compiled = Values::default();
        for value in values {
            let stands_for = CompiledValue { out: value.out.clone(), context: value.context.clone(), entity: None };
            self.value(&mut compiled, &value.expression, stands_for, seen_from)?;
        }
        Ok(compiled)
    }

    /// Adds a value to a list; false where it can be nothing at all, which would match everywhere.
    fn value(
        &mut self,
        list: &mut Values,
        expression: &Expression,
        stands_for: CompiledValue,
        (index, block): (usize, &Block),
    ) -> Result<bool, TooLarge> {
        let end = self.node(Node::Accept { owner: list.values.len() as u32 })?;
        let start = self.expression(expression, end, index, block)?;
        let said = !self.nullable[start as usize];
        if said {
            list.starts.push(start);
            list.values.push(stands_for);
        }
        Ok(said)
    }

    fn add_list(&mut self, key: ListKey, list: Values) -> u32 {
        let root = self.choice(&list.starts);
        self.out.lists.push(CompiledList { root, values: list.values });
        let number = (self.out.lists.len() - 1) as u32;
        self.lists.insert(key, number);
        number
    }

    fn number(&mut self, numbers: NumberList, slot: &str, next: NodeId) -> Result<NodeId, TooLarge> {
        let alike = self.numbers.entry((numbers.from, numbers.to, numbers.step)).or_default();
        let known = alike.iter().copied().find(|&known| self.out.numbers[known as usize].list == numbers);
        let numbers = known.unwrap_or_else(|| {
            let numerals = match &numbers.words_language {
                Some(language) => Numerals::of(language),
                None => self.out.numerals,
            };
            self.out.numbers.push(CompiledNumbers { list: numbers, numerals });
            let number = (self.out.numbers.len() - 1) as u32;
            alike.push(number);
            number
        });
        let slot = self.slot(slot);
        self.node(Node::Number { numbers, slot, next })
    }

    fn split(&mut self, targets: &[NodeId]) -> Result<NodeId, TooLarge> {
        if let [only] = targets {
            return Ok(*only);
        }
        let first = self.out.targets.len() as u32;
        self.out.targets.extend_from_slice(targets);
        self.node(Node::Split { first, count: targets.len() as u32 })
    }

    fn text(&mut self, text: &str, next: NodeId) -> Result<NodeId, TooLarge> {
        let mut next = next;
        for piece in normalise::literal(text).into_iter().rev() {
            next = match piece {
                Piece::Space if self.out.ignore_whitespace => next,
                Piece::Space => self.node(Node::Space { next })?,
                Piece::Perhaps(character) => {
                    let said = self.literal(&[character], next)?;
                    self.split(&[said, next])?
                }
                Piece::Characters(characters) => self.literal(&characters, next)?,
            };
        }
        Ok(next)
    }

    fn literal(&mut self, characters: &[char], next: NodeId) -> Result<NodeId, TooLarge> {
        let start = self.out.literals.len() as u32;
        self.out.literals.extend_from_slice(characters);
        self.node(Node::Literal { start, length: characters.len() as u32, next })
    }

    /// All parts in any order, as separate words. A set of parts still to come is compiled once: 2^n states, not n!.
    fn permutation(
        &mut self,
        parts: &[Expression],
        next: NodeId,
        index: usize,
        block: &Block,
    ) -> Result<NodeId, TooLarge> {
        let count = parts.len();
        let mut rest: Vec<NodeId> = vec![next; 1 << count];
        for set in 1..1usize << count {
            let mut targets = Vec::new();
            for (member, part) in parts.iter().enumerate().filter(|(member, _)| set >> member & 1 == 1) {
                let after = self.node(Node::Space { next: rest[set & !(1 << member)] })?;
                let said = self.expression(part, after, index, block)?;
                targets.push(self.node(Node::Space { next: said })?);
            }
            rest[set] = self.split(&targets)?;
        }
        Ok(rest[(1 << count) - 1])
    }
}
