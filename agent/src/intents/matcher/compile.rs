//! From templates and names to the graph.
//!
//! Owns the compilation and its bounds.

use super::super::sentences::{Block, ListKind, NumberList, Problem, Sentences, VOCABULARY_LISTS};
use super::super::template::{self, Expression};
use super::super::{Origin, SlotValue, spoken};
use super::graph::{Compiled, CompiledBlock, CompiledTemplate, CompiledValue, Entity, First, Node, NodeId};
use super::normalise::{self, Piece};
use super::numbers::{self, Words};
use super::{Context, Vocabulary};
use std::collections::HashMap;

/// The most nodes that one template may take, its rules included.
const MAX_TEMPLATE_NODES: usize = 20_000;
/// The most nodes in all.
const MAX_NODES: usize = 2_000_000;

/// The node at which every template ends, with the sentence.
const ACCEPT: NodeId = 0;
/// The node at which every list value ends, wherever the sentence goes on.
const VALUE_END: NodeId = 1;

/// The list of the names of entities: the first one compiled.
pub(super) const NAMES: u32 = 0;

/// Compiles sentences and names.
pub(super) fn compile(sentences: &Sentences, vocabulary: &Vocabulary) -> (Compiled, Vec<Problem>) {
    let mut compiler = Compiler {
        sentences,
        out: Compiled {
            ignore_whitespace: sentences.ignore_whitespace,
            words: numbers::words(&sentences.language),
            ..Compiled::default()
        },
        problems: Vec::new(),
        slots: HashMap::new(),
        lists: HashMap::new(),
        limit: 0,
    };
    compiler.out.nodes = vec![Node::Accept; 2];
    compiler.out.firsts = vec![First::END, First::END.and(First::ALL)];
    compiler.skip_words();
    compiler.vocabulary(vocabulary);
    for block in &sentences.blocks {
        compiler.block(block);
    }
    (compiler.out, compiler.problems)
}

/// A list as it is seen: one of a block of its own, or one that all share.
type ListKey = (Option<usize>, String);

struct Compiler<'a> {
    sentences: &'a Sentences,
    out: Compiled,
    problems: Vec<Problem>,
    slots: HashMap<String, u32>,
    lists: HashMap<ListKey, u32>,
    /// How many nodes there may be when the current template is done.
    limit: usize,
}

/// More nodes than a template may take.
struct TooLarge;

impl Compiler<'_> {
    fn skip_words(&mut self) {
        let mut words: Vec<Vec<char>> =
            self.sentences.skip_words.iter().map(|word| normalise::sentence(word).characters).collect();
        words.retain(|word| !word.is_empty());
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        self.out.skip_words = words;
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
        for template in &block.templates {
            self.limit = (self.out.nodes.len() + MAX_TEMPLATE_NODES).min(MAX_NODES);
            let kept = (self.out.nodes.len(), self.out.literals.len(), self.out.targets.len());
            match self.expression(&template.expression, ACCEPT, index, block) {
                Ok(start) => self.out.templates.push(CompiledTemplate {
                    text: template.text.clone(),
                    origin: template.origin.clone(),
                    start,
                    block: index,
                }),
                Err(TooLarge) => {
                    self.shrink(kept);
                    let message = format!(
                        "with its rules the sentence has more than {MAX_TEMPLATE_NODES} parts (or all together more than {MAX_NODES}) and is left out: `{}`; split it",
                        template.text.chars().take(160).collect::<String>()
                    );
                    self.problems.push(Problem { origin: template.origin.clone(), column: None, message });
                }
            }
        }
    }

    /// Goes back to where a template began. Lists compiled on the way are forgotten, since their nodes are gone.
    fn shrink(&mut self, (nodes, literals, targets): (usize, usize, usize)) {
        self.out.nodes.truncate(nodes);
        self.out.firsts.truncate(nodes);
        self.out.literals.truncate(literals);
        self.out.targets.truncate(targets);
        let lists = &self.out.lists;
        self.lists.retain(|_, list| lists[*list as usize].iter().all(|value| (value.start as usize) < nodes));
    }

    fn node(&mut self, node: Node) -> Result<NodeId, TooLarge> {
        if self.out.nodes.len() >= self.limit {
            return Err(TooLarge);
        }
        let first = self.first(node);
        self.out.nodes.push(node);
        self.out.firsts.push(first);
        Ok((self.out.nodes.len() - 1) as NodeId)
    }

    fn first(&self, node: Node) -> First {
        let of = |node: NodeId| self.out.firsts[node as usize];
        match node {
            Node::Accept => First::ALL,
            Node::Literal { start, .. } => First::of(self.out.literals[start as usize]),
            Node::Space { next } => First::of(' ').and(of(next)),
            Node::Split { first, count } => {
                let targets = &self.out.targets[first as usize..(first + count) as usize];
                targets.iter().fold(First::default(), |all, &target| all.and(of(target)))
            }
            Node::Values { list, .. } => {
                self.out.lists[list as usize].iter().fold(First::default(), |all, value| all.and(of(value.start)))
            }
            Node::Number { numbers, .. } => {
                let mut first = First::default();
                ('0'..='9').chain(['-', ' ']).for_each(|digit| first.add(digit));
                if self.out.numbers[numbers as usize].words {
                    self.out
                        .words
                        .into_iter()
                        .flat_map(Words::first_characters)
                        .for_each(|character| first.add(character));
                }
                first
            }
            Node::Wildcard { .. } => First::ALL,
        }
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
        let own = block.lists.get(name);
        let shared = if VOCABULARY_LISTS.contains(&name) { None } else { self.sentences.lists.get(name) };
        let key = (own.map(|_| index), name.to_owned());
        match own.or(shared).map(|list| &list.kind) {
            Some(ListKind::Wildcard) => {
                let slot = self.slot(slot);
                self.node(Node::Wildcard { slot, next })
            }
            Some(ListKind::Numbers(numbers)) => self.number(*numbers, slot, next),
            Some(ListKind::Values(values)) => {
                let list = match self.lists.get(&key) {
                    Some(&list) => list,
                    None => {
                        let mut compiled = Vec::with_capacity(values.len());
                        for value in values {
                            let start = self.expression(&value.expression, VALUE_END, index, block)?;
                            compiled.push(CompiledValue {
                                start,
                                out: value.out.clone(),
                                context: value.context.clone(),
                                entity: None,
                            });
                        }
                        self.add_list(key, compiled)
                    }
                };
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

    fn add_list(&mut self, key: ListKey, values: Vec<CompiledValue>) -> u32 {
        // A value that can be nothing at all would match everywhere.
        let values = values.into_iter().filter(|value| !self.out.firsts[value.start as usize].admits(None)).collect();
        self.out.lists.push(values);
        let list = (self.out.lists.len() - 1) as u32;
        self.lists.insert(key, list);
        list
    }

    fn number(&mut self, numbers: NumberList, slot: &str, next: NodeId) -> Result<NodeId, TooLarge> {
        let known = self.out.numbers.iter().position(|known| *known == numbers);
        let numbers = known.unwrap_or_else(|| {
            self.out.numbers.push(numbers);
            self.out.numbers.len() - 1
        }) as u32;
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

    fn vocabulary(&mut self, vocabulary: &Vocabulary) {
        self.limit = MAX_NODES;
        let mut names = Vec::new();
        for (index, entity) in vocabulary.entities.iter().enumerate() {
            let context = entity.full_context();
            let out = entity.names.first().cloned().unwrap_or_default();
            for name in &entity.names {
                let starts = self.name(name, vocabulary.templates, &entity.id);
                names.extend(starts.into_iter().map(|start| CompiledValue {
                    start,
                    out: Some(SlotValue::Text(out.clone())),
                    context: context.clone(),
                    entity: Some(index as u32),
                }));
            }
            self.out.entities.push(Entity {
                id: entity.id.clone(),
                kind: entity.kind.clone(),
                area: entity.area.clone(),
                floor: entity.floor.clone(),
                device_class: entity.context.get("device_class").and_then(|class| class.as_str()).map(str::to_owned),
            });
        }
        self.add_list((None, "name".to_owned()), names);
        for (list, places) in [("area", &vocabulary.areas), ("floor", &vocabulary.floors)] {
            let mut values = Vec::new();
            for place in places {
                let starts = self.name(place, vocabulary.templates, list);
                let out = Some(SlotValue::Text(place.clone()));
                values.extend(starts.into_iter().map(|start| CompiledValue {
                    start,
                    out: out.clone(),
                    context: Context::new(),
                    entity: None,
                }));
            }
            self.add_list((None, list.to_owned()), values);
        }
    }

    /// The ways to say a name: as it is written, and with its digits as words.
    fn name(&mut self, name: &str, template: bool, owner: &str) -> Vec<NodeId> {
        let fault = |message: String| Problem {
            origin: Origin { file: format!("the name of {owner}"), line: 1 },
            column: None,
            message,
        };
        let parsed = if template {
            template::parse(name).map_err(|error| error.to_string())
        } else {
            Ok(Expression::Text(name.trim().to_owned()))
        };
        let mut expressions = Vec::new();
        match parsed {
            Ok(expression) => expressions.push(expression),
            Err(message) => self.problems.push(fault(format!("`{name}` is no template: {message}; it can't be said"))),
        }
        if self.out.words.is_some() && !template {
            // Joined to a letter, a number is also said apart from it: "B2" is "b two".
            let said = spoken::digits_as_words(name);
            if said != name {
                expressions.push(Expression::Text(said));
            }
        }
        let nobody = Block::default();
        let mut starts = Vec::new();
        for expression in expressions {
            match self.expression(&expression, VALUE_END, usize::MAX, &nobody) {
                Ok(start) if !self.out.firsts[start as usize].admits(None) => starts.push(start),
                Ok(_) => self.problems.push(fault(format!(
                    "`{name}` has nothing in it that can be said; give it a name of letters or digits"
                ))),
                Err(TooLarge) => self.problems.push(fault(format!("`{name}` is too large"))),
            }
        }
        starts
    }
}
