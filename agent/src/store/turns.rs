//! Turns: each request with what came of it.
//!
//! Owns the tree `turns` (by id, so in the order in which they began) and `running`, which names those without an
//! outcome. Both are written in one commit.

use std::sync::Arc;

use super::core::{Core, payload};
use super::engine::Write;
use super::record::Tree;
use super::{Batch, StoreError};
use crate::turn::{Outcome, Turn, TurnId};

/// How many unfinished turns are read at most. One at a time is running; more were cut off.
const UNFINISHED: usize = 1000;

/// The turns of a [`Store`](super::Store). Clones share it.
#[derive(Debug, Clone)]
pub struct Turns {
    pub(super) core: Arc<Core>,
}

impl Turns {
    /// Stores a turn, in place of the one with its id. Returns whether it would survive a power cut; false where the disk
    /// refuses, or where the turn is too large to be stored.
    pub async fn put(&self, turn: &Turn) -> bool {
        match writes(turn) {
            Ok(writes) => self.core.commit(Vec::new(), writes).await.1.durable,
            Err(error) => {
                log::error!(turn = turn.id.as_str(); "{error}");
                false
            }
        }
    }

    /// The turn with id `id`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read.
    pub fn get(&self, id: &TurnId) -> Result<Option<Turn>, StoreError> {
        self.core.get(Tree::Turns, id.as_str().as_bytes())
    }

    /// Up to `limit` turns that began before the turn `before` (none: the last ones), newest first.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read.
    pub fn latest(&self, before: Option<&TurnId>, limit: usize) -> Result<Vec<Turn>, StoreError> {
        let before = before.map(|id| id.as_str().as_bytes());
        Ok(self.core.values(Tree::Turns, Some(before), limit)?.into_iter().map(|(_, turn)| turn).collect())
    }

    /// The turns whose outcome is still `running`, oldest first. After a start these were cut off.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Turn>, StoreError> {
        let running: Vec<(Vec<u8>, bool)> = self.core.values(Tree::Running, None, UNFINISHED)?;
        let mut turns = Vec::with_capacity(running.len());
        for (id, _) in running {
            turns.extend(self.core.get::<Turn>(Tree::Turns, &id)?);
        }
        Ok(turns)
    }
}

fn writes(turn: &Turn) -> Result<Vec<Write>, StoreError> {
    let id = turn.id.as_str();
    let value = Some(payload(Tree::Turns, id, turn)?);
    let running = if turn.outcome == Outcome::Running { Some(payload(Tree::Running, id, &true)?) } else { None };
    let key = id.as_bytes().to_vec();
    Ok(vec![Write { tree: Tree::Turns, key: key.clone(), value }, Write { tree: Tree::Running, key, value: running }])
}

impl Batch {
    /// Adds a turn.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where it is too large.
    pub fn turn(mut self, turn: &Turn) -> Result<Self, StoreError> {
        self.writes.extend(writes(turn)?);
        Ok(self)
    }
}
