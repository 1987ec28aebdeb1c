//! Reading: from the database, with what is held in memory laid over it.
//!
//! Owns the readers' way in: trouble with the disk is told to the writer, a damaged record is reported once and left out.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::de::DeserializeOwned;

use super::{Core, Message, REMEMBERED_DAMAGE, locked};
use crate::store::StoreError;
use crate::store::engine::{Engine, Fault, Found};
use crate::store::record::Tree;

impl Core {
    /// Reads the database. Trouble is told to the writer.
    pub(in crate::store) fn read<T>(&self, read: impl FnOnce(&Engine) -> Result<T, Fault>) -> Result<T, StoreError> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        match engine.as_ref().filter(|_| self.shared.readable.load(Ordering::Acquire)) {
            Some(engine) => read(engine).map_err(|fault| {
                let why = fault.to_string();
                self.shared.set_readable(false);
                self.say(Message::Failed(fault));
                StoreError::Unreadable { why }
            }),
            None => Err(StoreError::Unreadable { why: self.shared.status(|status| status.mode.why().to_owned()) }),
        }
    }

    /// The whole ones of `found` that are a `T`, by key. A damaged one is reported once and left out.
    pub(in crate::store) fn good<T: DeserializeOwned>(&self, tree: Tree, found: Vec<Found>) -> Vec<(Vec<u8>, T)> {
        let whole = self.whole(tree, found).into_iter();
        whole.filter_map(|(key, payload)| parse(tree, &key, &payload).ok().map(|value| (key, value))).collect()
    }

    fn whole(&self, tree: Tree, found: Vec<Found>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (mut whole, mut damaged) = (Vec::with_capacity(found.len()), Vec::new());
        for item in found {
            match item {
                Found::Record { key, payload, .. } => whole.push((key, payload)),
                Found::Damaged { key } => damaged.push(key),
            }
        }
        self.report(tree, damaged);
        whole
    }

    fn report(&self, tree: Tree, keys: Vec<Vec<u8>>) {
        if keys.is_empty() {
            return;
        }
        let mut known = locked(&self.shared.damaged);
        let new: Vec<_> = keys.into_iter().filter(|key| !known.contains(&(tree, key.clone()))).collect();
        if new.is_empty() || known.len() >= REMEMBERED_DAMAGE {
            return;
        }
        if self.say(Message::Damaged(tree, new.clone())) {
            known.extend(new.into_iter().map(|key| (tree, key)));
        }
    }

    /// The value under a key, from memory or disk.
    pub(in crate::store) fn get<T: DeserializeOwned>(&self, tree: Tree, key: &[u8]) -> Result<Option<T>, StoreError> {
        if let Some(changed) = self.shared.memory(|memory| memory.changed(tree, key)) {
            return changed.map(|payload| parse(tree, key, &payload)).transpose();
        }
        let found = self.read(|engine| engine.get(tree, key))?;
        self.whole(tree, found.into_iter().collect())
            .pop()
            .map(|(key, payload)| parse(tree, &key, &payload))
            .transpose()
    }

    /// Up to `limit` values of a tree, by key, with what is held in memory laid over what is on disk. `before` none: in
    /// rising order from the first; else in falling order from the last below it (`Some(None)`: from the end).
    pub(in crate::store) fn values<T: DeserializeOwned>(
        &self,
        tree: Tree,
        before: Option<Option<&[u8]>>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let changes = self.shared.memory(|memory| memory.changes_of(tree));
        // What is removed in memory may hide so many on disk.
        let fetch = limit.saturating_add(changes.len());
        let found = self.read(|engine| match before {
            None => engine.after(tree, &[], fetch),
            Some(before) => engine.before(tree, before, fetch),
        })?;
        let mut values: BTreeMap<Vec<u8>, T> = self.good(tree, found).into_iter().collect();
        for (key, change) in changes {
            let within = before.flatten().is_none_or(|before| key.as_slice() < before);
            match change.and_then(|payload| parse(tree, &key, &payload).ok()) {
                Some(value) if within => drop(values.insert(key, value)),
                _ => drop(values.remove(&key)),
            }
        }
        let values = values.into_iter();
        Ok(if before.is_some() { values.rev().take(limit).collect() } else { values.take(limit).collect() })
    }
}

/// The value in a payload, or a line in the log and an error.
fn parse<T: DeserializeOwned>(tree: Tree, key: &[u8], payload: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(payload).map_err(|error| {
        let why = format!("what is stored there has another form: {error}");
        let error = StoreError::Unfit { tree: tree.name(), key: String::from_utf8_lossy(key).into_owned(), why };
        log::warn!("{error}");
        error
    })
}
