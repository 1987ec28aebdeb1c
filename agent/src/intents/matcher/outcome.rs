//! What a template means whose words matched a sentence: its slots, its context, and whether its conditions are met.

use super::super::SlotValue;
use super::Context;
use super::graph::{Compiled, CompiledBlock, CompiledTemplate};
use super::normalise::Normal;
use std::collections::BTreeMap;

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

/// A way in which a sentence fits a template.
#[derive(Debug)]
pub(super) struct Outcome<'c> {
    pub(super) template: &'c CompiledTemplate,
    pub(super) block: &'c CompiledBlock,
    pub(super) slots: BTreeMap<String, SlotValue>,
    pub(super) context: Context,
    /// The entity that a list value named.
    pub(super) entity: Option<u32>,
    /// The length of what the slot `name` took, where that was no wildcard.
    pub(super) name_length: usize,
    pub(super) wildcards: usize,
    /// The characters matched by literal text.
    pub(super) literal: usize,
    captures: Vec<Capture>,
}

impl<'c> Outcome<'c> {
    /// Each slot captured, with the words that it took.
    pub(super) fn captured(&self, compiled: &Compiled, normal: &Normal) -> Vec<(String, String)> {
        let words = |capture: &Capture| normal.written(capture.start as usize, capture.end as usize).to_owned();
        self.captures.iter().map(|capture| (compiled.slots[capture.slot as usize].clone(), words(capture))).collect()
    }

    /// What a template means whose words matched, with these captures; the condition that is not met, where there is one.
    pub(super) fn new(
        compiled: &'c Compiled,
        template: &'c CompiledTemplate,
        block: &'c CompiledBlock,
        normal: &Normal,
        given: &Context,
        captures: Vec<Capture>,
    ) -> Result<Outcome<'c>, String> {
        let mut outcome = Outcome {
            template,
            block,
            slots: BTreeMap::new(),
            context: given.clone(),
            entity: None,
            name_length: 0,
            wildcards: 0,
            literal: normal.characters.iter().filter(|&&character| character != ' ').count(),
            captures,
        };
        for index in 0..outcome.captures.len() {
            outcome.take(compiled, normal, outcome.captures[index]);
        }
        for (key, wanted) in &block.excludes {
            if outcome.context.get(key).is_some_and(|value| wanted.is_met_by(value)) {
                return Err(format!("the context `{key}` is excluded"));
            }
        }
        let mut slots_from_context = Vec::new();
        for (key, wanted) in &block.requires {
            match outcome.context.get(key) {
                Some(value) if wanted.is_met_by(value) => {
                    if wanted.slot {
                        slots_from_context.push((key.clone(), from_json(value)));
                    }
                }
                Some(value) => {
                    return Err(format!("the context `{key}` is {value}, and must be one of {:?}", wanted.any_of));
                }
                None => return Err(format!("the context `{key}` is not known")),
            }
        }
        for (slot, value) in
            block.slots.iter().map(|(slot, value)| (slot.clone(), value.clone())).chain(slots_from_context)
        {
            outcome.slots.entry(slot).or_insert(value);
        }
        Ok(outcome)
    }

    fn take(&mut self, compiled: &Compiled, normal: &Normal, capture: Capture) {
        let (start, end) = (capture.start as usize, capture.end as usize);
        let slot = &compiled.slots[capture.slot as usize];
        let taken =
            normal.characters.get(start..end).unwrap_or_default().iter().filter(|&&character| character != ' ').count();
        self.literal = self.literal.saturating_sub(taken);
        let said = || SlotValue::Text(normal.written(start, end).to_owned());
        let value = match capture.taken {
            Taken::Words => {
                self.wildcards += 1;
                said()
            }
            Taken::Number(bits) => SlotValue::Number(f64::from_bits(bits)),
            Taken::Value { list, value } => {
                let value = &compiled.lists[list as usize][value as usize];
                self.context.extend(value.context.iter().map(|(key, value)| (key.clone(), value.clone())));
                self.entity = value.entity.or(self.entity);
                value.out.clone().unwrap_or_else(said)
            }
        };
        if slot == "name" && capture.taken != Taken::Words {
            self.name_length = self.name_length.max(end - start);
        }
        self.slots.insert(slot.clone(), value);
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
