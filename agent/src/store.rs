//! The store: what an appliance remembers.
//!
//! Owns the one database (`<state>/db`), the journal of events, the turns, the audit chain, and the small tables of other
//! modules.
//!
//! Promises:
//! * An append of a class that is durable at once returns when the event would survive a power cut, or says that it would
//!   not. Other events are flushed within a second. Nothing is written while nothing changes.
//! * Readers are told of an event only when it is as durable as its class asks.
//! * An append never fails and never hangs: with the disk full, read-only, broken or frozen, events are held in memory
//!   within a bound, what is dropped is accounted for, and all is carried over when the disk is back.
//! * A database that does not open is set aside, and what can be read is salvaged into a new one.
//! * No [`Position`] is ever used twice. Each opening begins a new epoch, and so does each change to the journal in memory
//!   and back; why that holds through quarantine, full disk and power cut is argued rule by rule in `store/epoch.rs`.
//! * Each call and each refusal is an entry of the audit chain, in one commit with its event (`store/audit.rs`).
//! * A record that is shown is the record that was written: each carries a checksum over itself and its key.
//!
//! Leaves to others: what events mean, when a turn is stored, what tables hold and when their entries go.
//!
//! The format is stated in `store/record.rs` (keys and values), `store/opening.rs` (files) and `store/epoch.rs` (the file
//! of epochs).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use victus_hw::clock::Clock;

use crate::event::{BootId, Event, EventKind, Position, Stamp, TraceId};

mod audit;
mod ballast;
mod core;
mod engine;
mod epoch;
mod journal;
mod lock;
mod memory;
mod migrate;
mod opening;
mod record;
mod replay;
mod retention;
mod salvage;
mod table;
mod turns;
mod waiting;
mod worker;
mod writer;

pub use audit::{Audit, AuditEntry};
pub use journal::{Journal, Recorded};
pub use memory::MemoryLimits;
pub use retention::Retention;
pub use table::{Table, TableName};
pub use turns::Turns;

use self::core::{Core, Message, Sequence, Shared};
use engine::Fault;
use opening::Paths;
use record::Tree;
use worker::Worker;
use writer::Writer;

/// How long closing may take.
const CLOSE_WAIT: Duration = Duration::from_millis(1500);

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// The folder of the database; its files `db.*` lie beside it. It and its parent are made where they are missing.
    pub path: PathBuf,
    /// The time, for stamps and intervals.
    pub clock: Arc<dyn Clock>,
    /// The boot in which this process runs.
    pub boot: BootId,
    /// Bytes of the ballast file, which is given up when the disk is full; 0 for none.
    pub ballast_bytes: u64,
    /// How much is kept on disk.
    pub limits: Retention,
    /// How much is held in memory while the disk refuses.
    pub memory: MemoryLimits,
    /// Random numbers that nobody can guess: for the key of the audit chain, and the epochs of starts that cannot write.
    pub random: fn() -> u64,
}

impl StoreOptions {
    /// The usual options: 8 MiB of ballast, and the default bounds.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>, boot: BootId) -> Self {
        Self {
            path: path.into(),
            clock,
            boot,
            ballast_bytes: 8 << 20,
            limits: Retention::default(),
            memory: MemoryLimits::default(),
            random: rand::random,
        }
    }
}

/// Why the store did not open, or did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database.
    #[error("the database {path} is in use by {holder}: stop that process, or give this one another state folder")]
    InUse {
        /// The database.
        path: String,
        /// `process <id>`, or `another process` where the id is not known.
        holder: String,
    },
    /// A newer program wrote the database.
    #[error(
        "the database {path} has schema {found}, and this program knows schemas up to {known}: install the newer \
         program again, or move the folder away to begin without it"
    )]
    Newer {
        /// The database.
        path: String,
        /// Its schema.
        found: u16,
        /// The newest schema that this program knows.
        known: u16,
    },
    /// The folder cannot be made or entered.
    #[error("the folder {path} cannot be used: {why}; make it, and let this user write to it")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        why: String,
    },
    /// The disk cannot be read.
    #[error("the database cannot be read: {why}")]
    Unreadable {
        /// Why.
        why: String,
    },
    /// The disk refuses, and as much is held in memory as may be.
    #[error("the disk refuses and the memory for changes is full: free or replace the disk; nothing was changed")]
    MemoryFull,
    /// A key or value cannot be stored, or is not what was asked for.
    #[error("`{key}` in the table {tree} cannot be used: {why}")]
    Unfit {
        /// The table.
        tree: &'static str,
        /// The key, or its beginning.
        key: String,
        /// Why.
        why: String,
    },
}

/// Where the journal goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// To disk.
    Durable,
    /// To memory, because the disk refuses.
    Memory {
        /// Why, as a sentence.
        why: String,
    },
}

impl Mode {
    fn why(&self) -> &str {
        match self {
            Self::Durable => "it is not open",
            Self::Memory { why } => why,
        }
    }
}

/// How the store does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// Where the journal goes.
    #[serde(flatten)]
    pub mode: Mode,
    /// The epoch in which events are counted.
    pub epoch: u64,
    /// The last event that was told.
    pub last: Position,
    /// How often this appliance's store has been opened.
    pub opened: u64,
    /// Bytes of the database file.
    pub bytes_on_disk: u64,
    /// Bytes of records written since this store was opened. What reaches the disk is several times that.
    pub bytes_written: u64,
    /// Commits that were made durable since this store was opened; each is one sync of the disk.
    pub commits: u64,
    /// Damaged records found since this store was opened.
    pub damaged: u64,
    /// Events dropped from memory since this store was opened.
    pub dropped: u64,
    /// Records salvaged from a database that was set aside, by tree.
    pub salvaged: BTreeMap<String, u64>,
}

impl StoreStatus {
    /// Whether events go to disk.
    pub fn is_durable(&self) -> bool {
        self.mode == Mode::Durable
    }
}

/// Events and changes that are committed as one: all of them or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    events: Vec<(Option<TraceId>, EventKind)>,
    writes: Vec<engine::Write>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Its events with their places.
    pub events: Vec<Event>,
    /// Whether all of it would survive a power cut.
    pub durable: bool,
    /// Whether its changes are kept, on disk or in memory. False where the disk refuses and the memory for changes is full;
    /// its events are kept all the same.
    pub kept: bool,
}

/// The store. Clones share it; when the last handle goes, it is closed.
#[derive(Debug, Clone)]
pub struct Store {
    core: Arc<Core>,
    journal: Journal,
    turns: Turns,
}

impl Store {
    /// Opens the store. A database that does not open is set aside and salvaged; a disk that is full, read-only or broken
    /// leaves the store open with its journal in memory. Neither is an error. Blocks, for a second or so when all is well.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Newer`] or [`StoreError::Folder`].
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let paths = Paths::new(&options.path);
        let lock = take_lock(&paths)?;
        let mut worker = Worker::default();
        let request = opening::Request {
            paths: paths.clone(),
            ballast_bytes: options.ballast_bytes,
            random: options.random,
            above: 0,
            condemned: None,
        };
        let opened = worker.run(writer::OPEN_WAIT, "opening the database", move || opening::open(&request));
        let path = options.path.display().to_string();
        let opened = match opened {
            Err(Fault::Busy) => return Err(StoreError::InUse { path, holder: "another process".to_owned() }),
            Err(Fault::Newer(found)) => return Err(StoreError::Newer { path, found, known: record::SCHEMA }),
            other => other,
        };
        let status = StoreStatus {
            mode: Mode::Durable,
            epoch: 0,
            last: Position::default(),
            opened: 0,
            bytes_on_disk: 0,
            bytes_written: 0,
            commits: 0,
            damaged: 0,
            dropped: 0,
            salvaged: BTreeMap::new(),
        };
        let shared = Arc::new(Shared::new(options, Sequence { epoch: 0, last: 0 }, status));
        let (core, queue) = Core::new(Arc::clone(&shared));
        let mut writer = Writer::new(shared, queue, paths, worker);
        match opened {
            Ok(opened) => {
                let stocks = opened.inspected.stocks;
                writer.shared.tell(opened.inspected.last);
                writer.adopt(opened, stocks);
            }
            Err(fault) => writer.begin_in_memory(&fault),
        }
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            writer.serve();
            drop(lock);
        });
        core.own(
            thread.map_err(|error| StoreError::Folder { path, why: format!("no thread for the store: {error}") })?,
        );
        let core = Arc::new(core);
        Ok(Self { journal: Journal { core: Arc::clone(&core) }, turns: Turns { core: Arc::clone(&core) }, core })
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The audit chain.
    pub fn audit(&self) -> Audit {
        Audit { core: Arc::clone(&self.core) }
    }

    /// The turns.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// A table.
    pub fn table(&self, name: TableName) -> Table {
        Table { core: Arc::clone(&self.core), name }
    }

    /// Commits events and changes as one.
    pub async fn commit(&self, batch: Batch) -> Committed {
        let (events, verdict) = self.core.commit(batch.events, batch.writes).await;
        Committed { events, durable: verdict.durable, kept: verdict.kept }
    }

    /// How the store does.
    pub fn status(&self) -> StoreStatus {
        let mut status = self.core.shared.status(|status| status.clone());
        status.epoch = self.core.shared.sequence().epoch;
        status.last = self.journal.last();
        status
    }

    /// The time, as events are stamped with it.
    pub fn stamp(&self) -> Stamp {
        Stamp::now(&*self.core.shared.options.clock, &self.core.shared.options.boot)
    }

    /// Tries at once to bring the disk back, which is otherwise tried every ten seconds. Whether the journal goes to disk.
    pub async fn try_recover(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.core.say(Message::Recover(reply)) && answer.await.unwrap_or(false)
    }

    /// Commits what is queued, flushes, and lets go of the database. Whether that was done within 1.5 s. What is appended
    /// afterwards is held in memory only.
    pub fn close(&self) -> bool {
        self.core.close(CLOSE_WAIT)
    }
}

fn take_lock(paths: &Paths) -> Result<Option<lock::Lock>, StoreError> {
    let cannot = |error: &std::io::Error| StoreError::Folder {
        path: paths.folder.display().to_string(),
        why: error.to_string(),
    };
    if let Err(error) = std::fs::create_dir_all(&paths.folder)
        && !is_refusal(&error)
    {
        return Err(cannot(&error));
    }
    match lock::Lock::take(&paths.lock, &paths.folder) {
        Ok(lock) => Ok(Some(lock)),
        Err(lock::Refused::Held(pid)) => Err(StoreError::InUse {
            path: paths.database.display().to_string(),
            holder: pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")),
        }),
        // There is not even a folder to lock: the journal will be in memory, and nothing is there to be shared.
        Err(lock::Refused::Io(error)) if is_refusal(&error) || !paths.folder.exists() => Ok(None),
        Err(lock::Refused::Io(error)) => Err(cannot(&error)),
    }
}

/// Whether an error is the disk's, rather than a wrong path or missing rights.
fn is_refusal(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    !matches!(error.kind(), Kind::PermissionDenied | Kind::NotADirectory | Kind::AlreadyExists | Kind::InvalidInput)
}

/// A key for a person.
fn readable(tree: Tree, key: &[u8]) -> String {
    match record::key_position(key).filter(|_| tree == Tree::Journal) {
        Some(position) => position.to_string(),
        None => String::from_utf8_lossy(key).into_owned(),
    }
}

#[cfg(test)]
mod tests;
