//! What a template means whose words matched a sentence: its slots, its context, and whether its conditions are met.

use super::super::SlotValue;
use super::Context;
use super::graph::{Compiled, CompiledBlock, CompiledTemplate, CompiledValue};
use super::normalise::Normal;
use std::collections::BTreeMap;
use std::fmt;

/// A part of the sentence that a slot took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capture {
    /// The capture before it; 0 is none.
    pub(super) previous: u32,
    /// What this and all captures before it have in common with others that differ only in the words of wildcards.
    pub(super) class: u32,
    pub(super) slot: u32,
    pub(super) start: u16,
    pub(super) end: u16,
    pub(super) taken: Taken,
}

/// What a slot took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Taken {
    Value {
        list: u32,
        value: u32,
    },
    /// The bits of the number.
    Number(u64),
    Words,
}

impl Capture {
    /// What stands before the first capture.
    pub(super) const NOTHING: Capture =
        Capture { previous: 0, class: 0, slot: 0, start: 0, end: 0, taken: Taken::Words };
}

/// A way in which a sentence fits a template.
#[derive(Debug)]
pub(super) struct Outcome<'c> {
    pub(super) template: &'c CompiledTemplate,
    pub(super) block: &'c CompiledBlock,
    /// The entity that a list value named.
    pub(super) entity: Option<u32>,
    /// Whether the slot `name` has a value that is no wildcard's.
    pub(super) named: bool,
    /// The length of what the slot `name` took.
    pub(super) name_length: usize,
    pub(super) wildcards: usize,
    /// The letters that the wildcards took.
    pub(super) wild: usize,
    /// The characters matched by literal text.
    pub(super) literal: usize,
    captures: Vec<Capture>,
}

/// A condition of a block that is not met.
#[derive(Debug, PartialEq)]
pub(super) enum Unmet<'c> {
    /// The context has a value that is excluded.
    Excluded(&'c str),
    /// The context has another value than is asked for.
    Other(&'c str, serde_json::Value, &'c [serde_json::Value]),
    /// The context does not have what is asked for.
    Unknown(&'c str),
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::Excluded(key) => write!(formatter, "the context `{key}` is excluded"),
            Unmet::Other(key, value, wanted) => {
                write!(formatter, "the context `{key}` is {value}, and must be one of {wanted:?}")
            }
            Unmet::Unknown(key) => write!(formatter, "the context `{key}` is not known"),
        }
    }
}

impl<'c> Outcome<'c> {
    /// What a template means whose words matched, with these captures; the condition that is not met, where there is one.
    pub(super) fn new(
        compiled: &'c Compiled,
        template: &'c CompiledTemplate,
        block: &'c CompiledBlock,
        normal: &Normal,
        given: &Context,
        captures: Vec<Capture>,
    ) -> Result<Outcome<'c>, Unmet<'c>> {
        let known = |key: &str| {
            let values = captures.iter().rev().filter_map(|capture| value_of(compiled, capture));
            let mut said = values.filter_map(|value| value.context.get(key));
            said.next().or_else(|| given.get(key))
        };
        for (key, wanted) in &block.excludes {
            if known(key).is_some_and(|value| wanted.is_met_by(value)) {
                return Err(Unmet::Excluded(key));
            }
        }
        for (key, wanted) in &block.requires {
            match known(key) {
                Some(value) if wanted.is_met_by(value) => {}
                Some(value) => return Err(Unmet::Other(key, value.clone(), &wanted.any_of)),
                None => return Err(Unmet::Unknown(key)),
            }
        }
        let letters = |start: usize, end: usize| {
            let part = normal.characters.get(start..end).unwrap_or_default();
            part.iter().filter(|&&character| character != ' ').count()
        };
        let taken = |capture: &Capture| letters(capture.start as usize, capture.end as usize);
        let wild = captures.iter().filter(|capture| capture.taken == Taken::Words).map(taken).sum();
        let literal = letters(0, normal.characters.len()).saturating_sub(captures.iter().map(taken).sum());
        // As with every slot, the last one said counts, and one that is said before one that is fixed.
        let name = captures.iter().rev().find(|capture| compiled.slots[capture.slot as usize] == "name");
        let said = name.filter(|capture| capture.taken != Taken::Words);
        Ok(Outcome {
            template,
            block,
            entity: captures.iter().rev().find_map(|capture| value_of(compiled, capture)?.entity),
            named: said.is_some() || (name.is_none() && block.slots.contains_key("name")),
            name_length: said.map_or(0, |capture| (capture.end - capture.start) as usize),
            wildcards: captures.iter().filter(|capture| capture.taken == Taken::Words).count(),
            wild,
            literal,
            captures,
        })
    }

    /// Each slot captured, with the words that it took.
    pub(super) fn captured(&self, compiled: &Compiled, normal: &Normal) -> Vec<(String, String)> {
        let words = |capture: &Capture| normal.written(capture.start as usize, capture.end as usize).to_owned();
        self.captures.iter().map(|capture| (compiled.slots[capture.slot as usize].clone(), words(capture))).collect()
    }

    /// The context given, with what the captured values add.
    pub(super) fn context(&self, compiled: &Compiled, given: &Context) -> Context {
        let mut context = given.clone();
        for value in self.captures.iter().filter_map(|capture| value_of(compiled, capture)) {
            context.extend(value.context.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        context
    }

    /// What was said, what the block fixes, and what it takes from the context.
    pub(super) fn slots(&self, compiled: &Compiled, normal: &Normal, context: &Context) -> BTreeMap<String, SlotValue> {
        let mut slots = BTreeMap::new();
        for capture in &self.captures {
            let said = || SlotValue::Text(normal.written(capture.start as usize, capture.end as usize).to_owned());
            let value = match capture.taken {
                Taken::Words => said(),
                Taken::Number(bits) => SlotValue::Number(f64::from_bits(bits)),
                Taken::Value { .. } => {
                    value_of(compiled, capture).and_then(|value| value.out.clone()).unwrap_or_else(said)
                }
            };
            slots.insert(compiled.slots[capture.slot as usize].clone(), value);
        }
        for (slot, value) in &self.block.slots {
            slots.entry(slot.clone()).or_insert_with(|| value.clone());
        }
        for (key, wanted) in &self.block.requires {
            if let (Some(slot), Some(value)) = (&wanted.slot, context.get(key)) {
                slots.entry(slot.clone()).or_insert_with(|| from_json(value));
            }
        }
        slots
    }
}

/// The list value that a capture is, if it is one.
fn value_of<'c>(compiled: &'c Compiled, capture: &Capture) -> Option<&'c CompiledValue> {
    match capture.taken {
        Taken::Value { list, value } => compiled.lists.get(list as usize)?.values.get(value as usize),
        Taken::Number(_) | Taken::Words => None,
    }
}

fn from_json(value: &serde_json::Value) -> SlotValue {
    match value.get("value").unwrap_or(value) {
        serde_json::Value::Number(number) => SlotValue::Number(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => SlotValue::Text(text.clone()),
        serde_json::Value::Array(values) => SlotValue::List(values.iter().map(from_json).collect()),
        other => SlotValue::Text(other.to_string()),
    }
}
