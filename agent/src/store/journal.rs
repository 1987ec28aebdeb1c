//! The journal: every event, in order.
//!
//! Owns appending, reading and watching. An event can be read once it is told: for a class that is durable at once that
//! is after it would survive a power cut.

use std::sync::Arc;

use tokio::sync::watch;

use super::core::Core;
use super::engine::Found;
use super::record::{self, Tree};
use super::{Batch, StoreError};
use crate::event::{Event, EventKind, Position, TraceId};

/// What became of an append.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The event with its place.
    pub event: Event,
    /// Whether it is kept as its class asks: durable at once, or flushed within a second. False where the disk refuses
    /// and it is held in memory only.
    pub durable: bool,
}

/// The journal of a [`Store`](super::Store). Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) core: Arc<Core>,
}

impl Journal {
    /// Appends an event. Never fails: with the disk full or read-only the event is held in memory, in an epoch of its own.
    /// Returns for a class that is durable at once when the event would survive a power cut, else when it has its place.
    pub async fn append(&self, trace: Option<&TraceId>, kind: EventKind) -> Recorded {
        let (stored, durable) = self.core.append(trace, kind).await;
        Recorded { event: stored, durable }
    }

    /// [`Journal::append`] for threads outside the runtime. Blocks the thread.
    pub fn append_blocking(&self, trace: Option<&TraceId>, kind: EventKind) -> Recorded {
        super::waiting::block_on(self.append(trace, kind))
    }

    /// Up to `limit` events after `after`, in order, across epochs.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where the disk cannot be read and events after `after` lie there: the caller would
    /// otherwise pass them over without knowing.
    pub fn read(&self, after: Position, limit: usize) -> Result<Vec<Event>, StoreError> {
        let told = self.last();
        // Memory first: what moves from memory to disk meanwhile is then seen twice, not never.
        let (in_memory, base) = self.core.shared.memory(|memory| (memory.after(after, limit), memory.base()));
        let on_disk = match self.on_disk(after, limit) {
            Ok(events) => events,
            Err(_) if after >= base => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut events = merge(on_disk, in_memory);
        events.retain(|event| event.position <= told);
        events.truncate(limit);
        Ok(events)
    }

    /// The last `limit` events, oldest first. Where the disk cannot be read, those in memory.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where there is nothing in memory either.
    pub fn latest(&self, limit: usize) -> Result<Vec<Event>, StoreError> {
        let told = self.last();
        let in_memory = self.core.shared.memory(|memory| memory.latest(told, limit));
        // From the last that was told: what is behind it would take the place of what may be shown.
        let end = record::position_key(Position { seq: told.seq.saturating_add(1), ..told });
        let on_disk = match self.core.read(|engine| engine.before(Tree::Journal, Some(&end), limit)) {
            Ok(found) => self.events(found),
            Err(_) if !in_memory.is_empty() => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut events = merge(on_disk, in_memory);
        events.drain(..events.len().saturating_sub(limit));
        Ok(events)
    }

    /// The position of the last event that was told, and of each that follows. Whoever watches then reads.
    pub fn watch(&self) -> watch::Receiver<Position> {
        self.core.shared.told.subscribe()
    }

    /// The position of the last event that was told.
    pub fn last(&self) -> Position {
        *self.core.shared.told.borrow()
    }

    fn on_disk(&self, after: Position, limit: usize) -> Result<Vec<Event>, StoreError> {
        let mut key = record::position_key(after).to_vec();
        loop {
            let found = self.core.read(|engine| engine.after(Tree::Journal, &key, limit))?;
            let full = found.len() == limit;
            match found.last() {
                Some(Found::Record { key: last, .. } | Found::Damaged { key: last }) if full => key.clone_from(last),
                _ => {}
            }
            let events = self.events(found);
            // A whole page of damaged records must not look like the end.
            if !events.is_empty() || !full || limit == 0 {
                return Ok(events);
            }
        }
    }

    fn events(&self, found: Vec<Found>) -> Vec<Event> {
        self.core.good(Tree::Journal, found).into_iter().map(|(_, event)| event).collect()
    }
}

/// Both lists as one, in order, each position once.
fn merge(on_disk: Vec<Event>, in_memory: Vec<Event>) -> Vec<Event> {
    let mut events = on_disk;
    events.extend(in_memory);
    events.sort_by_key(|event| event.position);
    events.dedup_by_key(|event| event.position);
    events
}

impl Batch {
    /// Adds an event.
    #[must_use]
    pub fn event(mut self, trace: Option<&TraceId>, kind: EventKind) -> Self {
        self.events.push((trace.cloned(), kind));
        self
    }
}
