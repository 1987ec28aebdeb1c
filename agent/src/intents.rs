//! Understanding: sentence templates, the matcher that turns a sentence into an intent, and the words of the replies.
//!
//! Owns the sentence language (Home Assistant's format), the built-in sentences of `agent/sentences`, their compilation
//! together with the names of the appliance's entities, the match, the grammar for recognisers, and what is said in
//! reply. Promises bounded work for any template and any sentence, and never to choose between two readings that are
//! equally good: it answers with both. Leaves to others what an intent does (`orchestrator`, tools) and where words come
//! from (`recognise`).

mod builtin;
pub mod completions;
pub mod fixtures;
pub mod lint;
pub mod matcher;
pub mod numerals;
pub mod responses;
pub mod sample;
pub mod sentences;
pub mod speech;
pub mod spoken;
pub mod template;
mod value;

pub use crate::recognise::grammar::Origin;
pub use builtin::{is_built_in, languages};
pub use completions::{Completion, Completions};
pub use matcher::{Context, Explanation, IntentMatch, Matcher, Matches, NamedEntity, Vocabulary};
pub use responses::Responses;
pub use sentences::{Problem, QUESTION, Sentences, Source};
pub use value::SlotValue;

#[cfg(test)]
mod tests;
