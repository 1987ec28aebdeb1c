//! Which commands came, and what came of them.
//!
//! Owns the table `ledger`: what makes the effect of a command happen once. An entry is written before the effect and in
//! one commit with the event that answers the command, so that no power cut leaves one without the other. Bounded by
//! count and by bytes; the oldest finished entry goes first, in the commit that adds a new one. Leaves to `commands` what
//! an entry leads to.
//!
//! # Format
//!
//! Under `<link>/<id>`: [`Entry`] as JSON. `command` is there until the command has ended: then its arguments, which may
//! hold secrets, go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use victus_agent::event::{Stamp, TraceId};
use victus_agent::store::{Batch, Store, StoreError, TableName};

use super::command::{Command, CommandState, Reply};

/// Entries of all links that are looked through at start; far more than the links together may have.
const ALL: usize = 200_000;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Commands.
    pub entries: usize,
    /// Bytes of JSON.
    pub bytes: usize,
}

impl Default for LedgerLimits {
    /// 10,000 commands, 8 MiB.
    fn default() -> Self {
        Self { entries: 10_000, bytes: 8 << 20 }
    }
}

/// One command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this format: 1.
    pub v: u32,
    /// The command's id.
    pub id: String,
    /// Counts the commands of the link: the oldest has the least.
    pub order: u64,
    /// What the command says, as a digest.
    pub digest: String,
    /// How it stands.
    pub state: CommandState,
    /// When it came.
    pub received: Stamp,
    /// Follows it through events and log.
    pub trace: TraceId,
    /// What is to be done, until it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// What was answered, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

impl Entry {
    /// Ends it with `reply`.
    pub fn end(&mut self, reply: Reply) {
        self.state = reply.state;
        self.reply = Some(reply);
        self.command = None;
    }

    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |bytes| bytes.len())
    }
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Whether the entry is kept at all.
    pub(crate) kept: bool,
    /// Whether it would survive a power cut.
    pub(crate) durable: bool,
}

/// Writes entries. Clones write to the same table.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    store: Store,
    link: String,
}

impl Pen {
    /// Writes an entry and, in the same commit, `reply` as the event that answers the command.
    pub(crate) async fn write(&self, entry: &Entry, reply: Option<&Reply>) -> Kept {
        self.commit(Batch::default(), entry, reply).await
    }

    async fn commit(&self, batch: Batch, entry: &Entry, reply: Option<&Reply>) -> Kept {
        let batch = match batch.put(TableName::Ledger, &self.key(&entry.id), entry) {
            Ok(batch) => batch,
            Err(error) => {
                log::error!(link = self.link; "the command {} cannot be recorded: {error}", entry.id);
                return Kept { kept: false, durable: false };
            }
        };
        let batch = match reply {
            Some(reply) => batch.event(Some(&entry.trace), reply.clone().into_event(&self.link)),
            None => batch,
        };
        let committed = self.store.commit(batch).await;
        Kept { kept: committed.kept, durable: committed.durable }
    }

    /// Appends a reply to a command that has no entry, or has one that does not change.
    pub(crate) async fn answer(&self, trace: Option<&TraceId>, reply: Reply) {
        self.store.journal().append(trace, reply.into_event(&self.link)).await;
    }

    fn key(&self, id: &str) -> String {
        format!("{}/{id}", self.link)
    }
}

#[derive(Debug)]
struct Line {
    id: String,
    size: usize,
    ended: bool,
}

/// The commands of one link.
#[derive(Debug)]
pub(crate) struct Ledger {
    pen: Pen,
    limits: LedgerLimits,
    lines: BTreeMap<u64, Line>,
    bytes: usize,
}

impl Ledger {
    /// The ledger of `link`, and what had not ended when the program did, oldest first.
    pub(crate) fn open(store: Store, link: &str, limits: LedgerLimits) -> Result<(Self, Vec<Entry>), StoreError> {
        let prefix = format!("{link}/");
        let mut open = Vec::new();
        let pen = Pen { store: store.clone(), link: link.to_owned() };
        let mut ledger = Self { pen, limits, lines: BTreeMap::new(), bytes: 0 };
        for (key, entry) in store.table(TableName::Ledger).entries::<Entry>(ALL)? {
            if key.starts_with(&prefix) {
                ledger.note(&entry);
                if !entry.state.is_final() {
                    open.push(entry);
                }
            }
        }
        open.sort_by_key(|entry| entry.order);
        Ok((ledger, open))
    }

    /// Writes entries from elsewhere.
    pub(crate) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// What is known of command `id`.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        self.pen.store.table(TableName::Ledger).get(&self.pen.key(id))
    }

    /// The order of the next command.
    pub(crate) fn next_order(&self) -> u64 {
        self.lines.last_key_value().map_or(1, |(order, _)| order.saturating_add(1))
    }

    /// Adds a command with what answers it, and forgets the oldest ones that are too many.
    pub(crate) async fn add(&mut self, entry: &Entry, reply: &Reply) -> Kept {
        self.note(entry);
        let mut batch = Batch::default();
        let mut forgotten = Vec::new();
        let (mut count, mut bytes) = (self.lines.len(), self.bytes);
        for (order, line) in &self.lines {
            if (count <= self.limits.entries && bytes <= self.limits.bytes) || *order == entry.order {
                break;
            }
            if line.ended {
                batch = match batch.remove(TableName::Ledger, &self.pen.key(&line.id)) {
                    Ok(batch) => batch,
                    Err(_) => return Kept { kept: false, durable: false },
                };
                forgotten.push(*order);
                count -= 1;
                bytes = bytes.saturating_sub(line.size);
            }
        }
        let kept = self.pen.commit(batch, entry, Some(reply)).await;
        if !kept.kept {
            forgotten = vec![entry.order];
        }
        for order in forgotten {
            if let Some(line) = self.lines.remove(&order) {
                self.bytes = self.bytes.saturating_sub(line.size);
            }
        }
        kept
    }

    /// Takes note of an entry as it was last written.
    pub(crate) fn note(&mut self, entry: &Entry) {
        let line = Line { id: entry.id.clone(), size: entry.size(), ended: entry.state.is_final() };
        self.bytes += line.size;
        if let Some(before) = self.lines.insert(entry.order, line) {
            self.bytes = self.bytes.saturating_sub(before.size);
        }
    }

    /// How many commands are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }
}
