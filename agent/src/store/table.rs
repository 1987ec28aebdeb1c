//! Tables: small named values that other modules keep.
//!
//! Owns reading and writing by key. What a value means, how many there are and when they go is for the module whose
//! table it is.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::core::{Core, check_key, payload};
use super::engine::Write;
use super::record::Tree;
use super::{Batch, StoreError};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableName {
    /// Timers that run or are paused.
    Timers,
    /// How far each link has got.
    Outbox,
    /// Commands that were handled, with their answers.
    Ledger,
    /// What is to be done later.
    Schedules,
    /// Calls that were made under a key, with their results.
    Calls,
    /// What belongs to no other table.
    Meta,
    /// Runs of workflows.
    Runs,
}

impl TableName {
    fn tree(self) -> Tree {
        match self {
            Self::Timers => Tree::Timers,
            Self::Outbox => Tree::Outbox,
            Self::Ledger => Tree::Ledger,
            Self::Schedules => Tree::Schedules,
            Self::Calls => Tree::Calls,
            Self::Meta => Tree::Meta,
            Self::Runs => Tree::Runs,
        }
    }

    fn checked(self, key: &str) -> Result<Tree, StoreError> {
        let tree = self.tree();
        check_key(tree, key)?;
        Ok(tree)
    }
}

/// One table of a [`Store`](super::Store). Clones share it. Keys have 1 to 200 bytes, values up to 128 KiB as JSON.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) core: Arc<Core>,
    pub(super) name: TableName,
}

impl Table {
    /// Stores `value` under `key`. Returns whether it would survive a power cut: false where the disk refuses and it is
    /// held in memory.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a key or value out of bounds, [`StoreError::MemoryFull`] where the disk refuses and no
    /// more is held in memory. Nothing is changed then.
    pub async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<bool, StoreError> {
        let tree = self.name.checked(key)?;
        self.change(tree, key, Some(payload(tree, key, value)?)).await
    }

    /// Removes what is under `key`, if anything is. Returns as [`Table::put`] does.
    ///
    /// # Errors
    /// As [`Table::put`].
    pub async fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let tree = self.name.checked(key)?;
        self.change(tree, key, None).await
    }

    /// What is under `key`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read, [`StoreError::Unfit`] where the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.core.get(self.name.checked(key)?, key.as_bytes())
    }

    /// Up to `limit` entries in the order of their keys. A value that is not a `T` is left out, with a line in the log.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read.
    pub fn entries<T: DeserializeOwned>(&self, limit: usize) -> Result<Vec<(String, T)>, StoreError> {
        let values = self.core.values(self.name.tree(), None, limit)?;
        Ok(values.into_iter().map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value)).collect())
    }

    async fn change(&self, tree: Tree, key: &str, value: Option<Arc<[u8]>>) -> Result<bool, StoreError> {
        let write = Write { tree, key: key.as_bytes().to_vec(), value };
        let (_, verdict) = self.core.commit(Vec::new(), vec![write]).await;
        if verdict.kept { Ok(verdict.durable) } else { Err(StoreError::MemoryFull) }
    }
}

impl Batch {
    /// Adds a change: `value` under `key` in `table`.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a key or value out of bounds.
    pub fn put<T: Serialize>(mut self, table: TableName, key: &str, value: &T) -> Result<Self, StoreError> {
        let tree = table.checked(key)?;
        let value = Some(payload(tree, key, value)?);
        self.writes.push(Write { tree, key: key.as_bytes().to_vec(), value });
        Ok(self)
    }

    /// Adds a removal of `key` from `table`.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a key out of bounds.
    pub fn remove(mut self, table: TableName, key: &str) -> Result<Self, StoreError> {
        let tree = table.checked(key)?;
        self.writes.push(Write { tree, key: key.as_bytes().to_vec(), value: None });
        Ok(self)
    }
}
