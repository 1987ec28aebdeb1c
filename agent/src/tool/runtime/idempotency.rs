//! Idempotency keys: a call that is sent again under the same key is not made again.
//!
//! Owns the table `calls`. An entry is written before the tool runs and again, in one commit with the audit event, when it
//! has ended. So a repetition finds the result, or finds that the program ended in between: then nobody knows whether the
//! call had its effect, which is said (`uncertain`) unless the tool is idempotent and can be called again. Bounded by count,
//! by bytes and by age; the oldest goes first, in the commit that adds a new one. Leaves to the runtime what a call is.
//!
//! # Format
//!
//! Under the SHA-256 of caller and key, in hexadecimal: [`Entry`] as JSON.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use victus_hw::clock::ClockTrust;

use super::arguments::serialised_len;
use crate::event::Stamp;
use crate::store::{Batch, Store, TableName};
use crate::tool::{CallStatus, Caller, IdempotencyKey, ToolError};

/// How long a key names one call.
const VALID_FOR: Duration = Duration::from_secs(24 * 3600);

/// How many calls are remembered.
const MAX_ENTRIES: usize = 1000;

/// How many bytes of them.
const MAX_BYTES: usize = 4 << 20;

/// The largest result that is kept to be given again, in bytes of JSON.
const MAX_RESULT_BYTES: usize = 32 << 10;

/// A call under a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// The version of this format: 1.
    v: u32,
    /// Counts the entries: the oldest has the least.
    order: u64,
    /// What is called and with what, as a digest.
    digest: String,
    /// When it came.
    received: Stamp,
    /// What came of it, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) status: CallStatus,
    /// What the tool returned; null where that was too large to be kept.
    pub(super) result: Value,
}

impl Entry {
    fn size(&self) -> usize {
        serialised_len(&json!(self))
    }

    /// Whether its key is free again. Over a restart of the machine only a wall clock that is believed can tell.
    fn is_over(&self, now: &Stamp) -> bool {
        let age = if self.received.boot == now.boot {
            now.mono_ms.saturating_sub(self.received.mono_ms)
        } else if self.received.trust == ClockTrust::Synchronised && now.trust == ClockTrust::Synchronised {
            u64::try_from(now.wall_ms.saturating_sub(self.received.wall_ms)).unwrap_or(0)
        } else {
            0
        };
        Duration::from_millis(age) >= VALID_FOR
    }
}

/// What is known of a key.
pub(super) enum Known {
    /// It is free: the call may be made.
    Free(Ticket),
    /// The call was made, and this came of it.
    Made(Ended),
    /// The call must not be made.
    Refused(ToolError),
}

/// The right to make the call of a key, which nobody else has until this is dropped.
pub(super) struct Ticket {
    name: String,
    entry: Entry,
    lines: Arc<Mutex<Lines>>,
    opened: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        locked(&self.lines).under_way.remove(&self.name);
    }
}

#[derive(Default)]
struct Lines {
    /// Name and size of each entry, by its order.
    lines: BTreeMap<u64, (String, usize)>,
    /// The keys of calls that are being made by this process.
    under_way: HashSet<String>,
}

impl Lines {
    /// The oldest ones that are too many beside one of `size` bytes, by order and name.
    fn too_many(&self, size: usize) -> Vec<(u64, String)> {
        let mut count = self.lines.len() + 1;
        let mut bytes = size + self.lines.values().map(|(_, size)| size).sum::<usize>();
        let mut oldest = Vec::new();
        for (order, (name, size)) in &self.lines {
            if count <= MAX_ENTRIES && bytes <= MAX_BYTES {
                break;
            }
            if !self.under_way.contains(name) {
                oldest.push((*order, name.clone()));
                (count, bytes) = (count - 1, bytes - size);
            }
        }
        oldest
    }
}

/// The keys that were used.
pub(super) struct Keys {
    store: Store,
    lines: Arc<Mutex<Lines>>,
}

impl Keys {
    /// The keys that `store` remembers. Where it can't be read, they are looked up one by one later.
    pub(super) fn new(store: Store) -> Self {
        let mut lines = Lines::default();
        match store.table(TableName::Calls).entries::<Entry>(2 * MAX_ENTRIES) {
            Ok(entries) => {
                lines.lines = entries.into_iter().map(|(name, entry)| (entry.order, (name, entry.size()))).collect();
            }
            Err(error) => log::warn!("the calls that were made under a key can't be read: {error}"),
        }
        Self { store, lines: Arc::new(Mutex::new(lines)) }
    }

    /// Looks up the key of a call.
    pub(super) fn look_up(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        (tool, args, idempotent): (&str, &Value, bool),
    ) -> Known {
        let name = hash(&json!([caller, key.as_str()]));
        let digest = hash(&json!([tool, args]));
        if !locked(&self.lines).under_way.insert(name.clone()) {
            return refused("in_progress", "the call of this key is being made: try again when it has ended");
        }
        let received = self.store.stamp();
        let entry = Entry { v: 1, order: 0, digest, received, ended: None };
        let ticket = Ticket { name, entry, lines: Arc::clone(&self.lines), opened: false };
        let found = match self.store.table(TableName::Calls).get::<Entry>(&ticket.name) {
            Ok(found) => found.filter(|found| !found.is_over(&ticket.entry.received)),
            Err(error) => return refused("not_recorded", format!("whether this key was used can't be known: {error}")),
        };
        match found {
            None => Known::Free(ticket),
            Some(found) if found.digest != ticket.entry.digest => {
                refused("key_reused", "this key was used for another call: each call needs a key of its own")
            }
            Some(Entry { ended: Some(ended), .. }) => Known::Made(ended),
            Some(_) if idempotent => Known::Free(ticket),
            Some(_) => {
                let reason = "the appliance stopped while it made this call: whether it had its effect is not known";
                refused("uncertain", reason)
            }
        }
    }

    /// Notes that the call is about to be made.
    ///
    /// # Errors
    /// It can't be kept, so that a repetition would not be known for one.
    pub(super) async fn open(&self, ticket: &mut Ticket) -> Result<(), ToolError> {
        let not_kept =
            || ToolError::refused("not_recorded", "the key of this call can't be recorded: nothing was done");
        let (batch, oldest) = {
            let lines = locked(&self.lines);
            ticket.entry.order = lines.lines.last_key_value().map_or(1, |(order, _)| order.saturating_add(1));
            let mut oldest = lines.too_many(ticket.entry.size());
            // An entry of the same key that is no longer good is replaced.
            oldest.extend(
                lines
                    .lines
                    .iter()
                    .filter(|(_, (name, _))| *name == ticket.name)
                    .map(|(order, (name, _))| (*order, name.clone())),
            );
            let mut batch = Batch::default();
            for (_, name) in oldest.iter().filter(|(_, name)| *name != ticket.name) {
                batch = batch.remove(TableName::Calls, name).map_err(|_| not_kept())?;
            }
            (batch.put(TableName::Calls, &ticket.name, &ticket.entry).map_err(|_| not_kept())?, oldest)
        };
        if !self.store.commit(batch).await.kept {
            return Err(not_kept());
        }
        let mut lines = locked(&self.lines);
        for (order, _) in oldest {
            lines.lines.remove(&order);
        }
        lines.lines.insert(ticket.entry.order, (ticket.name.clone(), ticket.entry.size()));
        ticket.opened = true;
        Ok(())
    }

    /// Adds the end of a call to the commit of its audit event. A call that was not opened leaves nothing.
    pub(super) fn end(&self, ticket: &Ticket, status: &CallStatus, result: &Value, batch: Batch) -> Batch {
        if !ticket.opened {
            return batch;
        }
        let result = if serialised_len(result) > MAX_RESULT_BYTES { Value::Null } else { result.clone() };
        let entry = Entry { ended: Some(Ended { status: status.clone(), result }), ..ticket.entry.clone() };
        locked(&self.lines).lines.insert(entry.order, (ticket.name.clone(), entry.size()));
        match batch.clone().put(TableName::Calls, &ticket.name, &entry) {
            Ok(batch) => batch,
            Err(error) => {
                log::error!("the end of a call under a key can't be recorded: {error}");
                batch
            }
        }
    }
}

fn refused(code: &'static str, reason: impl Into<String>) -> Known {
    Known::Refused(ToolError::refused(code, reason))
}

fn hash(value: &Value) -> String {
    Sha256::digest(value.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn locked(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
