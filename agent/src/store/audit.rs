//! Where the audit chain lies, and how it grows.
//!
//! Owns the tree `audit`: under the number of an entry (8 bytes, big-endian) the entry's bytes (`crate::audit`). An entry
//! and the event that it holds are written in one commit, so that the chain has no half entry and none too
//! few, however the process ends. The chain follows what is on disk: while the disk refuses, calls are held as events
//! only, and are chained when they are carried over; those that had to be dropped are told by a gap entry.
//!
//! The key lies in `db.audit-key` and is made when the store first opens. Where it is missing or can't be used, a new one
//! is made, and the first entry under it names the end of the chain before. Removing what is beyond the bounds leaves a
//! checkpoint in the place of the last entry that was removed.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use victus_hw::clock::WallTime;

use super::StoreError;
use super::core::Core;
use super::engine::{Engine, Fault, Found, Write};
use super::memory::Lost;
use super::opening::Paths;
use super::record::Tree;
use crate::audit::{Entry, Head, Key, KeyError, Kind, Mac, Report, Verifier, Wanted};

/// How many entries are read at a time.
const PAGE: usize = 256;

/// The end of the chain on disk, with what is needed to go on. It has no `Debug`: it holds the key.
#[derive(Clone)]
pub(super) struct Chain {
    key: Arc<Key>,
    head: Head,
    /// Up to which entry retention has removed what was there.
    removed_through: u64,
}

impl Chain {
    /// The chain of an open database; begins one where there is none, or where its key is gone. With the bytes of the entry
    /// that this took.
    pub(super) fn open(
        engine: &Engine,
        path: &Path,
        removed_through: u64,
        opened: u64,
        random: fn() -> u64,
    ) -> Result<(Self, Option<u64>), Fault> {
        let last = engine.before(Tree::Audit, None, 1)?.pop();
        let (key, trouble) = match Key::read(path) {
            Ok(key) => (key, None),
            Err(error) => {
                if last.is_some() || !matches!(error, KeyError::Missing(_)) {
                    log::error!("{error}");
                }
                (Key::make(path, random).map_err(|error| Fault::from_io(&error))?, Some(error.to_string()))
            }
        };
        let mut chain = Self { key: Arc::new(key), head: Head { number: 0, mac: Mac::NONE }, removed_through };
        let reason = match &last {
            None => Some("there was no chain".to_owned()),
            Some(found) => chain.follow(found).or(trouble),
        };
        let mut begun = None;
        if let Some(reason) = reason {
            let predecessor = (chain.head.number > 0).then_some(chain.head);
            let body = json!({"reason": reason, "opened": opened, "predecessor": predecessor});
            let write = chain.append(Kind::Begin, body.to_string().as_bytes());
            begun = Some(engine.apply(&[write])?);
            engine.sync()?;
        }
        Ok((chain, begun))
    }

    /// Takes the last entry for the end. Why a new chain must begin there, where one must.
    fn follow(&mut self, last: &Found) -> Option<String> {
        let (Found::Record { key, .. } | Found::Damaged { key }) = last;
        self.head.number = number(key);
        let Found::Record { payload, .. } = last else { return Some("the last entry can't be read".to_owned()) };
        let Some(entry) = Entry::decode(payload) else { return Some("the last entry is none".to_owned()) };
        self.head.mac = entry.end().mac;
        (!self.key.is_named(entry.key)).then(|| "the chain before has another key".to_owned())
    }

    fn append(&mut self, kind: Kind, body: &[u8]) -> Write {
        let (head, bytes) = Entry::encode(&self.key, self.head.mac, self.head.number + 1, kind, body);
        self.head = head;
        write(head.number, bytes)
    }

    /// Adds calls, and before them what was lost of them.
    pub(super) fn add(&mut self, lost: Option<Lost>, calls: &[Arc<[u8]>]) -> Vec<Write> {
        let gap = lost.map(|lost| {
            let body = json!({"count": lost.count, "first": lost.first, "last": lost.last});
            self.append(Kind::Gap, body.to_string().as_bytes())
        });
        gap.into_iter().chain(calls.iter().map(|call| self.append(Kind::Call, call))).collect()
    }

    /// What takes the place of entries that are removed up to `last`: a checkpoint.
    pub(super) fn checkpoint(&mut self, last: &Found, wall: WallTime) -> Option<Write> {
        let (Found::Record { key, .. } | Found::Damaged { key }) = last;
        let through = number(key);
        if through < self.removed_through {
            // Salvage brought back what was removed before; the checkpoint for that is there.
            return None;
        }
        let end = match last {
            Found::Record { payload, .. } => Entry::decode(payload).map_or(Mac::NONE, |entry| entry.end().mac),
            Found::Damaged { .. } => Mac::NONE,
        };
        let body = json!({"through": through, "head": end, "wall_ms": wall.unix_ms, "trust": wall.trust});
        let body = body.to_string();
        self.removed_through = through;
        let (_, bytes) = Entry::encode(&self.key, end, through, Kind::Checkpoint, body.as_bytes());
        Some(write(through, bytes))
    }
}

fn write(number: u64, bytes: Vec<u8>) -> Write {
    Write { tree: Tree::Audit, key: number.to_be_bytes().to_vec(), value: Some(bytes.into()) }
}

/// The number of the checkpoint that a record is, if it is one.
pub(super) fn checkpoint_number(key: &[u8], payload: &[u8]) -> Option<u64> {
    Entry::decode(payload).filter(|entry| entry.kind == Kind::Checkpoint).map(|_| number(key))
}

/// The number that a key stands for; 0 for what is no number's key.
fn number(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}

/// An entry as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number.
    pub number: u64,
    /// What it tells; none where it can't be read.
    pub kind: Option<Kind>,
    /// Its MAC, which was the head when it was the last.
    pub head: Option<Mac>,
    /// The MAC of the entry before.
    pub previous: Option<Mac>,
    /// What it says: of a call or a refusal its event.
    pub data: Value,
}

impl AuditEntry {
    fn new(found: &Found) -> Self {
        let (Found::Record { key, .. } | Found::Damaged { key }) = found;
        let entry = match found {
            Found::Record { payload, .. } => Entry::decode(payload),
            Found::Damaged { .. } => None,
        };
        Self {
            number: number(key),
            kind: entry.as_ref().map(|entry| entry.kind),
            head: entry.as_ref().map(|entry| entry.mac),
            previous: entry.as_ref().map(|entry| entry.previous),
            data: entry.and_then(|entry| serde_json::from_slice(entry.body).ok()).unwrap_or(Value::Null),
        }
    }
}

/// The audit chain of a [`Store`](super::Store). Clones share it.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(super) core: Arc<Core>,
}

impl Audit {
    /// Its end on disk. None until the disk could be read once.
    pub fn head(&self) -> Option<Head> {
        self.core.shared.chain(|chain| chain.as_ref().map(|chain| chain.head))
    }

    /// Up to `limit` entries before the one of number `before` (none: the last ones), newest first. They are shown as they
    /// lie there: whether they are as they were written is for [`Audit::verify`].
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk can't be read.
    pub fn latest(&self, before: Option<u64>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let before = before.map(u64::to_be_bytes);
        let found = self.core.read(|engine| engine.before(Tree::Audit, before.as_ref().map(|key| &key[..]), limit))?;
        Ok(found.iter().map(AuditEntry::new).collect())
    }

    /// Checks the chain; `wanted` is a head known from elsewhere, which must be in it. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk can't be read.
    pub fn verify(&self, wanted: Option<Wanted>) -> Result<Report, StoreError> {
        let Some(key) = self.core.shared.chain(|chain| chain.as_ref().map(|chain| Arc::clone(&chain.key))) else {
            return Err(StoreError::Unreadable { why: self.core.shared.status(|status| status.mode.why().to_owned()) });
        };
        walk(&key, wanted, |after| self.core.read(|engine| engine.after(Tree::Audit, after, PAGE)))
    }

    /// Checks the chain of the database `database`, which nobody has open.
    ///
    /// # Errors
    /// There is none, somebody has it open, it does not open, or its key is gone.
    pub fn verify_closed(database: &Path, wanted: Option<Wanted>) -> Result<Report, StoreError> {
        let unreadable = |why: String| StoreError::Unreadable { why };
        if !database.join("db").exists() {
            return Err(unreadable(format!("there is none at {}", database.display())));
        }
        let paths = Paths::new(database);
        let _lock = super::take_lock(&paths)?;
        let key = Key::read(&paths.audit_key).map_err(|error| unreadable(error.to_string()))?;
        let lost = super::replay::would_lose(database).map_err(|error| unreadable(error.to_string()))?;
        if lost.is_some() {
            let why = "its log is damaged; the next start of victusd salvages what is there";
            return Err(unreadable(why.to_owned()));
        }
        let engine = Engine::open(database).map_err(|fault| unreadable(fault.to_string()))?;
        let report = walk(&key, wanted, |after| {
            engine.after(Tree::Audit, after, PAGE).map_err(|fault| unreadable(fault.to_string()))
        });
        engine.close();
        report
    }
}

pub(super) fn walk(
    key: &Key,
    wanted: Option<Wanted>,
    mut page: impl FnMut(&[u8]) -> Result<Vec<Found>, StoreError>,
) -> Result<Report, StoreError> {
    let mut verifier = Verifier::new(key, wanted);
    let mut after = Vec::new();
    loop {
        let found = page(&after)?;
        for item in &found {
            let (Found::Record { key, .. } | Found::Damaged { key }) = item;
            after.clone_from(key);
            match item {
                Found::Record { key, payload, .. } if key.len() == 8 => verifier.take(number(key), Some(payload)),
                _ => verifier.take(number(key), None),
            }
        }
        if found.len() < PAGE {
            return Ok(verifier.finish());
        }
    }
}
