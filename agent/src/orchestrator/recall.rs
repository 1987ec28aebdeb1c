//! Questions about what was said before: the answer is in the turns of whoever asks.
//!
//! Owns which intents look back, whose turns they see, and how far. Promises that nobody hears of what another source
//! asked for, and that a turn which is still running counts as not there. Runs nothing; why a thing was
//! done is told by [`explain`].

use super::explain;
use crate::entities::Entities;
use crate::language::Language;
use crate::store::{StoreError, Turns};
use crate::turn::{Outcome, Turn};

/// How many turns are looked through, those of others included.
pub const LOOK_BACK: usize = 100;

/// Where the turns before are found.
#[derive(Debug, Clone, Copy)]
pub enum Before<'a> {
    /// In the store.
    Store(&'a Turns),
    /// Here, newest first.
    Turns(&'a [Turn]),
}

/// The finished turns of the source of `turn` that began before it, newest first; none for an intent that asks for none.
///
/// # Errors
/// The store cannot be read.
pub fn past(before: Before<'_>, turn: &Turn) -> Result<Vec<Turn>, StoreError> {
    if !matches!(turn.intent.as_deref(), Some("VictusRepeat" | "VictusExplain" | "VictusUndo")) {
        return Ok(Vec::new());
    }
    let (source, name) = (turn.caller.source, &turn.caller.name);
    let mut past = match before {
        Before::Store(turns) => turns.latest(Some(&turn.id), LOOK_BACK)?,
        Before::Turns(turns) => turns.iter().take(LOOK_BACK).cloned().collect(),
    };
    past.retain(|earlier| {
        earlier.caller.source == source && earlier.caller.name == *name && earlier.outcome != Outcome::Running
    });
    Ok(past)
}

/// The reply to an intent that only asks about the past; none for every other.
pub fn reply(turn: &Turn, past: &[Turn], entities: &Entities, language: &Language) -> Option<String> {
    match turn.intent.as_deref()? {
        "VictusRepeat" => Some(repeated(past, language)),
        "VictusExplain" => Some(explain::reply(past, entities, language)),
        _ => None,
    }
}

/// The last reply. It is also what the turn that repeats it replies, so that it can be asked for again.
fn repeated(past: &[Turn], language: &Language) -> String {
    match past.iter().find(|earlier| !earlier.reply.is_empty()) {
        Some(earlier) => language.phrase("VictusRepeat.default", &[("text", &earlier.reply)]),
        None => language.phrase("VictusRepeat.none", &[]),
    }
}
