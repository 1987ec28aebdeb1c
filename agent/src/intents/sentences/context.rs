//! What a block asks of the situation, and whether a situation meets it.

use std::collections::BTreeMap;

/// What a context value must be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Requirement {
    /// Any of these; empty: any value at all.
    pub(crate) any_of: Vec<serde_json::Value>,
    /// The slot that the value goes into, if it becomes one.
    pub(crate) slot: Option<String>,
}

/// Context values that a block asks for, or asks not to be.
pub(crate) type Requirements = BTreeMap<String, Requirement>;

impl Requirement {
    /// Whether a context value is one that is asked for. It may stand in a map, under `value`; null is none.
    pub(crate) fn is_met_by(&self, value: &serde_json::Value) -> bool {
        let value = value.get("value").unwrap_or(value);
        if self.any_of.is_empty() { !value.is_null() } else { self.any_of.contains(value) }
    }
}

/// Whether what is known does not speak against a block. What is not known may still come.
pub(crate) fn admits(
    requires: &Requirements,
    excludes: &Requirements,
    context: &BTreeMap<String, serde_json::Value>,
) -> bool {
    if context.is_empty() {
        return true;
    }
    let required = requires.iter().all(|(key, wanted)| context.get(key).is_none_or(|value| wanted.is_met_by(value)));
    required && !excludes.iter().any(|(key, unwanted)| context.get(key).is_some_and(|value| unwanted.is_met_by(value)))
}
