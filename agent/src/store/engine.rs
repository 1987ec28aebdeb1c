//! The one place that talks to sled.
//!
//! Owns the open database: how it is opened, how a commit is made durable, how records are read and checked. Promises
//! that no failure of sled leaves it as a panic: each becomes a [`Fault`], which says what kind of trouble it is.
//! What to do about a fault is for the writer.
//!
//! sled 0.34 has four traps, and this is where each is avoided. `flush()` calls `sync_file_range`, which does not survive
//! a power cut: a commit is `flush()` and then `fdatasync` on a second handle. A snapshot cut short by a power cut keeps
//! it from opening for ever: such files are swept before. The background flusher syncs even when nothing changed: it is
//! off. The default cache is 1 GiB: it is 4 MiB.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::record::{self, Record, SCHEMA, Tree};

const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// What kind of trouble there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the disk is full ({0})")]
    Full(String),
    #[error("the disk cannot be written ({0})")]
    Device(String),
    #[error("the database is damaged ({0})")]
    Damaged(String),
    #[error("the disk did not answer within {0} s while the store was {1}")]
    Stalled(u64, &'static str),
    #[error("another program holds the database")]
    Busy,
    #[error("the database has schema {0}")]
    Newer(u16),
}

impl Fault {
    /// The fault behind an input or output error.
    pub(super) fn from_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full(error.to_string()),
            Kind::UnexpectedEof | Kind::InvalidData => Self::Damaged(error.to_string()),
            Kind::Other if error.to_string().contains("could not acquire lock") => Self::Busy,
            // sled wraps an error as text when it reports it a second time.
            Kind::Other if error.to_string().contains("StorageFull") => Self::Full(error.to_string()),
            _ => Self::Device(error.to_string()),
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::from_io(&error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// A change of one record. The value is a payload; none removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) tree: Tree,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Arc<[u8]>>,
}

/// An open database. Clones share it.
#[derive(Clone)]
pub(super) struct Engine {
    db: sled::Db,
    file: Arc<File>,
    number: Arc<AtomicU64>,
}

/// A record read from the database, or the key under which there is a damaged one.
pub(super) enum Found {
    Record { key: Vec<u8>, payload: Vec<u8>, size: u64 },
    Damaged { key: Vec<u8> },
}

impl Engine {
    /// Opens the database in the folder `folder`, or makes it.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let mut opened = Self::open_once(folder);
        // The store has a lock of its own. So it is most likely a sled of this process, whose threads let go of the file
        // some time after it was closed.
        for _ in 0..100 {
            if opened.as_ref().err() != Some(&Fault::Busy) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            opened = Self::open_once(folder);
        }
        opened
    }

    fn open_once(folder: &Path) -> Result<Self, Fault> {
        guarded(|| {
            sweep(folder).map_err(|error| Fault::from_io(&error))?;
            let db = sled::Config::new()
                .path(folder)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(None)
                .use_compression(false)
                .open()?;
            let file = open_synced(folder).map_err(|error| Fault::from_io(&error))?;
            Ok(Self { db, file: Arc::new(file), number: Arc::new(AtomicU64::new(0)) })
        })
    }

    /// Sets from where the numbers of the writes count: each is above all of earlier epochs.
    pub(super) fn number_from(&self, epoch: u64) {
        self.number.store(epoch << (record::COMMIT_BITS + record::RECORD_BITS), Ordering::Relaxed);
    }

    /// Counts the records of the next commit from 0: what a killed process had not made durable is of the last one.
    fn next_commit(&self) {
        let records = 1_u64 << record::RECORD_BITS;
        self.number.store(self.number.load(Ordering::Relaxed).next_multiple_of(records), Ordering::Relaxed);
    }

    /// Makes all of `writes` or none. They can be read at once and are durable after [`Engine::sync`].
    /// Returns how many bytes of envelopes were written.
    pub(super) fn apply(&self, writes: &[Write]) -> Result<u64, Fault> {
        self.apply_as(SCHEMA, writes)
    }

    /// [`Engine::apply`] with payloads of schema version `schema`.
    pub(super) fn apply_as(&self, schema: u16, writes: &[Write]) -> Result<u64, Fault> {
        guarded(|| {
            if writes.iter().any(|write| write.value.is_some()) {
                self.next_commit();
            }
            let mut bytes = 0;
            let mut change = |write: &Write| {
                let value = write.value.as_ref().map(|payload| {
                    let number = self.number.fetch_add(1, Ordering::Relaxed);
                    record::encode(schema, write.tree, number, &write.key, payload)
                });
                bytes += value.as_ref().map_or(0, |value| value.len() as u64);
                (record::sled_key(write.tree, &write.key), value)
            };
            // One record is written whole or not at all by itself. A batch costs two more writes to the disk.
            if let [write] = writes {
                match change(write) {
                    (key, Some(value)) => self.db.insert(key, value)?,
                    (key, None) => self.db.remove(key)?,
                };
                return Ok(bytes);
            }
            let mut batch = sled::Batch::default();
            for write in writes {
                match change(write) {
                    (key, Some(value)) => batch.insert(key, value),
                    (key, None) => batch.remove(key),
                }
            }
            self.db.apply_batch(batch)?;
            Ok(bytes)
        })
    }

    /// Puts records with the numbers of their writes, each unless there is one that was written later.
    pub(super) fn restore(&self, records: &[(u64, Write)]) -> Result<(), Fault> {
        guarded(|| {
            for (number, write) in records {
                let sled_key = record::sled_key(write.tree, &write.key);
                let present = self.db.get(&sled_key)?;
                let present = present.as_ref().and_then(|value| record::decode(&sled_key, value));
                if let (Some(payload), true) = (&write.value, present.is_none_or(|present| present.number < *number)) {
                    self.db.insert(&sled_key, record::encode(SCHEMA, write.tree, *number, &write.key, payload))?;
                }
            }
            Ok(())
        })
    }

    /// Makes everything that was applied survive a power cut.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        guarded(|| {
            self.db.flush()?;
            self.file.sync_data().map_err(|error| Fault::from_io(&error))
        })
    }

    /// The payload under `key`. `Ok(None)` where there is none; a damaged one is a [`Found::Damaged`].
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Found>, Fault> {
        guarded(|| {
            let sled_key = record::sled_key(tree, key);
            Ok(self.db.get(&sled_key)?.map(|value| found(&sled_key, &value)))
        })
    }

    /// Up to `limit` records of `tree` in the order of their keys, from the first above `after` on.
    pub(super) fn after(&self, tree: Tree, after: &[u8], limit: usize) -> Result<Vec<Found>, Fault> {
        use std::ops::Bound;
        let from = Bound::Excluded(record::sled_key(tree, after));
        let to = Bound::Excluded(vec![tree.number() + 1]);
        guarded(|| {
            self.db
                .range((from, to))
                .take(limit)
                .map(|item| Ok(item.map(|(key, value)| found(&key, &value))?))
                .collect()
        })
    }

    /// Up to `limit` records of `tree` in falling order of their keys, from the last below `before` on (none: from the end).
    pub(super) fn before(&self, tree: Tree, before: Option<&[u8]>, limit: usize) -> Result<Vec<Found>, Fault> {
        let from = vec![tree.number()];
        let to = before.map_or_else(|| vec![tree.number() + 1], |key| record::sled_key(tree, key));
        guarded(|| {
            self.db
                .range(from..to)
                .rev()
                .take(limit)
                .map(|item| Ok(item.map(|(key, value)| found(&key, &value))?))
                .collect()
        })
    }

    /// Calls `visit` with every sled key above `after`, and its value, until it returns false.
    pub(super) fn visit(&self, after: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> bool) -> Result<(), Fault> {
        use std::ops::Bound;
        guarded(|| {
            for item in self.db.range::<&[u8], _>((Bound::Excluded(after), Bound::Unbounded)) {
                let (key, value) = item?;
                if !visit(&key, &value) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Puts `bytes` in place of a whole value, as a worn disk may.
    #[cfg(test)]
    pub(super) fn overwrite(&self, sled_key: &[u8], bytes: &[u8]) -> Result<(), Fault> {
        self.db.insert(sled_key, bytes)?;
        Ok(())
    }

    /// Removes what lies under a key, whatever it is.
    #[cfg(test)]
    pub(super) fn erase(&self, sled_key: &[u8]) -> Result<(), Fault> {
        self.db.remove(sled_key)?;
        Ok(())
    }

    /// Closes the database, which takes a write. Others that share it keep it open.
    pub(super) fn close(self) {
        let closed = guarded(|| {
            drop(self);
            Ok(())
        });
        if let Err(fault) = closed {
            log::warn!("the database was not closed in good order: {fault}");
        }
    }

    /// Bytes of the database on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }
}

fn found(sled_key: &[u8], value: &[u8]) -> Found {
    let key = sled_key.get(1..).unwrap_or_default().to_vec();
    match record::decode(sled_key, value) {
        Some(Record { schema: SCHEMA, payload, .. }) => {
            Found::Record { key, payload: payload.to_vec(), size: value.len() as u64 }
        }
        _ => Found::Damaged { key },
    }
}

/// Runs `work` and makes a panic inside (sled 0.34 panics on some damage) a fault.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Fault::Damaged(panic_text(&*panic))))
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Removes snapshots that were being written when the power went.
fn sweep(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            log::info!("a snapshot cut short is removed: {}", entry.path().display());
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The second handle to the database file, with file and folders made durable.
fn open_synced(folder: &Path) -> io::Result<File> {
    let file = File::open(folder.join("db"))?;
    file.sync_all()?;
    File::open(folder.join("conf"))?.sync_all()?;
    File::open(folder)?.sync_all()?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(file)
}
