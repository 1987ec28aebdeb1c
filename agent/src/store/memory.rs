//! The journal and the tables in memory, until they are on disk.
//!
//! Owns what is not on disk yet: events by position and changes of turns and tables. While the disk is well these are the
//! events of the last second, which are written together. While it refuses, all that comes is held here within bounds:
//! when that on events is reached the oldest of the lowest class is dropped, and what was dropped is accounted for by
//! class, first, last and count, until a `gap` event says so. Changes beyond their bound are refused, never dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Write;
use super::record::{self, Tree};
use crate::event::{Class, Event, EventKind, Position};

/// How much is held in memory while the disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Events.
    pub events: usize,
    /// Bytes of events.
    pub event_bytes: usize,
    /// Bytes of changed turns and table entries.
    pub change_bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { events: 4096, event_bytes: 1 << 20, change_bytes: 1 << 20 }
    }
}

/// The base while nothing is held: whoever cannot read the disk cannot read at all.
const NOWHERE: Position = Position { epoch: u64::MAX, seq: u64::MAX };

/// An event with its bytes as they are stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) event: Event,
    pub(super) payload: Arc<[u8]>,
}

impl Stored {
    /// The change that puts it into the journal.
    pub(super) fn write(&self) -> Write {
        let key = record::position_key(self.event.position).to_vec();
        Write { tree: Tree::Journal, key, value: Some(Arc::clone(&self.payload)) }
    }

    /// Whether it belongs into the audit chain.
    pub(super) fn is_call(&self) -> bool {
        self.event.kind.is_audited()
    }
}

/// Events of one class that were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) first: Position,
    pub(super) last: Position,
    pub(super) count: u64,
}

/// Calls that were dropped, which the audit chain has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) first: Position,
    pub(super) last: Position,
    pub(super) count: u64,
}

/// The payload that a key gets; none where it is removed.
type Value = Option<Arc<[u8]>>;

/// What is held.
#[derive(Debug)]
pub(super) struct Memory {
    limits: MemoryLimits,
    events: BTreeMap<Position, Stored>,
    by_class: BTreeMap<Class, BTreeSet<Position>>,
    event_bytes: usize,
    changes: BTreeMap<(Tree, Vec<u8>), Value>,
    change_bytes: usize,
    missing: BTreeMap<Class, Missing>,
    lost: Option<Lost>,
    dropped: u64,
    /// Events up to here are not in memory: they are on disk.
    base: Position,
}

impl Memory {
    pub(super) fn new(limits: MemoryLimits) -> Self {
        Self {
            limits,
            events: BTreeMap::new(),
            by_class: BTreeMap::new(),
            event_bytes: 0,
            changes: BTreeMap::new(),
            change_bytes: 0,
            missing: BTreeMap::new(),
            lost: None,
            dropped: 0,
            base: NOWHERE,
        }
    }

    /// Says that what comes now follows `base`, the last that is on disk.
    pub(super) fn begin(&mut self, base: Position) {
        self.base = base;
    }

    pub(super) fn base(&self) -> Position {
        self.base
    }

    /// How many events have been dropped since the store was opened.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many events are held, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.events.len(), self.event_bytes)
    }

    /// The position of the first event that is held.
    pub(super) fn first(&self) -> Option<Position> {
        self.events.keys().next().copied()
    }

    /// Takes an event in, which goes to the disk soon.
    pub(super) fn keep(&mut self, stored: Stored) {
        let position = stored.event.position;
        self.event_bytes += stored.payload.len();
        self.by_class.entry(stored.event.kind.class()).or_default().insert(position);
        if let Some(replaced) = self.events.insert(position, stored) {
            self.event_bytes -= replaced.payload.len();
        }
    }

    /// Takes an event in, and drops what is beyond the bounds.
    pub(super) fn add(&mut self, stored: Stored) {
        self.keep(stored);
        while self.events.len() > self.limits.events || self.event_bytes > self.limits.event_bytes {
            if !self.drop_one() {
                break;
            }
        }
    }

    fn drop_one(&mut self) -> bool {
        self.by_class.retain(|_, positions| !positions.is_empty());
        let Some((&class, positions)) = self.by_class.iter_mut().next() else { return false };
        let Some(stored) = positions.pop_first().and_then(|position| self.events.remove(&position)) else {
            return false;
        };
        self.event_bytes -= stored.payload.len();
        self.dropped += 1;
        let position = stored.event.position;
        if stored.is_call() {
            let lost = self.lost.get_or_insert(Lost { first: position, last: position, count: 0 });
            (lost.last, lost.count) = (lost.last.max(position), lost.count + 1);
        }
        self.account(class, Missing { first: position, last: position, count: 1 });
        // What a dropped gap told is told by the next one.
        if let EventKind::Gap { class, first, last, count, .. } = stored.event.kind {
            self.account(class, Missing { first, last, count });
        }
        true
    }

    fn account(&mut self, class: Class, more: Missing) {
        let missing = self.missing.entry(class).or_insert(Missing { count: 0, ..more });
        missing.first = missing.first.min(more.first);
        missing.last = missing.last.max(more.last);
        missing.count += more.count;
    }

    /// Takes what must be told as gaps: the classes of which at least `least` are missing.
    pub(super) fn take_missing(&mut self, least: u64) -> Vec<(Class, Missing)> {
        self.missing.extract_if(.., |_, missing| missing.count >= least).collect()
    }

    /// Takes all of `changes` in, or none where they are beyond the bound.
    pub(super) fn change(&mut self, changes: &[Write]) -> bool {
        let more: usize = changes.iter().map(cost).sum();
        if self.change_bytes + more > self.limits.change_bytes {
            return false;
        }
        for change in changes {
            self.change_bytes += cost(change);
            let key = (change.tree, change.key.clone());
            if let Some(replaced) = self.changes.insert(key, change.value.clone()) {
                let replaced = Write { tree: change.tree, key: change.key.clone(), value: replaced };
                self.change_bytes -= cost(&replaced);
            }
        }
        true
    }

    /// Up to `limit` events above `after`, in order.
    pub(super) fn after(&self, after: Position, limit: usize) -> Vec<Event> {
        use std::ops::Bound;
        let range = self.events.range((Bound::Excluded(after), Bound::Unbounded));
        range.take(limit).map(|(_, stored)| stored.event.clone()).collect()
    }

    /// The last `limit` events up to `last`, newest first.
    pub(super) fn latest(&self, last: Position, limit: usize) -> Vec<Event> {
        self.events.range(..=last).rev().take(limit).map(|(_, stored)| stored.event.clone()).collect()
    }

    /// The change held for a key: `Some(None)` where it is removed.
    pub(super) fn changed(&self, tree: Tree, key: &[u8]) -> Option<Value> {
        self.changes.get(&(tree, key.to_vec())).cloned()
    }

    /// All changes held for a tree, by key.
    pub(super) fn changes_of(&self, tree: Tree) -> BTreeMap<Vec<u8>, Value> {
        let range = self.changes.range((tree, Vec::new())..);
        range.take_while(|((of, _), _)| *of == tree).map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    /// The calls that are held, in order.
    pub(super) fn calls(&self) -> Vec<Stored> {
        self.events.values().filter(|stored| stored.is_call()).cloned().collect()
    }

    /// The calls that were dropped since what was held was last on disk.
    pub(super) fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// Everything that is to be carried over to the disk.
    pub(super) fn writes(&self) -> Vec<Write> {
        let changes = self.changes.iter();
        let changes = changes.map(|((tree, key), value)| Write { tree: *tree, key: key.clone(), value: value.clone() });
        self.events.values().map(Stored::write).chain(changes).collect()
    }

    /// Forgets what is on disk by now. What is missing is still to be told.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.by_class.clear();
        self.event_bytes = 0;
        self.changes.clear();
        self.change_bytes = 0;
        self.lost = None;
        self.base = NOWHERE;
    }
}

fn cost(change: &Write) -> usize {
    // The constant stands for the map's own overhead, so that removals are bounded too.
    64 + change.key.len() + change.value.as_ref().map_or(0, |value| value.len())
}
