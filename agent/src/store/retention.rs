//! Retention: how much is kept, and what goes first.
//!
//! Owns the count of what lies in the journal, in the turns and in the audit chain, and picks what to remove. The bounds on count and bytes
//! are hard; the bound on age counts only where the wall clock can be believed. The oldest goes first, in small steps,
//! within commits that are made anyway (of the audit chain a checkpoint stays in its place): removing costs no sync of its own, and nothing is removed while nothing is added.

use std::time::Duration;

use victus_hw::clock::{ClockTrust, WallTime};

use super::audit::Chain;
use super::engine::{Engine, Fault, Found, Write};
use super::record::Tree;
use crate::event::Event;

/// The most that one commit removes, beyond what it adds.
const STEP: usize = 64;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events in the journal.
    pub events: u64,
    /// Bytes of events in the journal.
    pub event_bytes: u64,
    /// How long an event is kept.
    pub age: Duration,
    /// Turns.
    pub turns: u64,
    /// Bytes of turns.
    pub turn_bytes: u64,
    /// Entries of the audit chain.
    pub audit: u64,
    /// Bytes of entries of the audit chain.
    pub audit_bytes: u64,
}

impl Default for Retention {
    /// What keeps the database file below some 200 MB (sled's file is up to seven times what lives in it).
    fn default() -> Self {
        Self {
            events: 50_000,
            event_bytes: 16 << 20,
            age: Duration::from_secs(90 * 24 * 3600),
            turns: 5_000,
            turn_bytes: 8 << 20,
            audit: 20_000,
            audit_bytes: 8 << 20,
        }
    }
}

/// What lies in one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stock {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Stock {
    pub(super) fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }

    pub(super) fn remove(&mut self, bytes: u64) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What lies in the trees that are bounded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stocks {
    pub(super) journal: Stock,
    pub(super) turns: Stock,
    pub(super) audit: Stock,
}

/// The bounds of one tree.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    records: u64,
    bytes: u64,
}

impl Bounds {
    fn exceeded(self, stock: &Stock) -> bool {
        stock.records > self.records || stock.bytes > self.bytes
    }

    /// Somewhat tighter ones, so that removing is not due again at once: a commit of one record alone is much cheaper.
    fn with_room(self) -> Self {
        let records = self.records - (self.records / 8).min(STEP as u64);
        Self { records, bytes: self.bytes - (self.bytes / 64).min(1 << 16) }
    }
}

/// Picks what is to be removed so that `stocks` keeps within `keep`, and takes it out of `stocks`. Called with what the
/// commit adds already counted, `added` records of it.
pub(super) fn pick(
    engine: &Engine,
    keep: &Retention,
    wall: WallTime,
    stocks: &mut Stocks,
    added: usize,
) -> Result<Vec<Write>, Fault> {
    let limit = added + STEP;
    let mut writes = Vec::new();
    let bounds = Bounds { records: keep.events, bytes: keep.event_bytes };
    if bounds.exceeded(&stocks.journal) {
        let found = engine.after(Tree::Journal, &[], limit)?;
        remove_while(
            Tree::Journal,
            found,
            &mut stocks.journal,
            |stock, _| bounds.with_room().exceeded(stock),
            &mut writes,
        );
    } else if wall.trust == ClockTrust::Synchronised {
        let age_ms = i64::try_from(keep.age.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = wall.unix_ms.saturating_sub(age_ms);
        let is_old = |payload: &[u8]| {
            let at = serde_json::from_slice::<Event>(payload).ok().map(|event| event.at);
            at.is_some_and(|at| at.trust == ClockTrust::Synchronised && at.wall_ms < oldest_ms)
        };
        let mut found = engine.after(Tree::Journal, &[], 1)?;
        // Usually nothing is due: look at one before looking at many.
        if found.iter().any(|item| matches!(item, Found::Record { payload, .. } if is_old(payload))) {
            found = engine.after(Tree::Journal, &[], limit)?;
        }
        remove_while(Tree::Journal, found, &mut stocks.journal, |_, payload| is_old(payload), &mut writes);
    }
    let bounds = Bounds { records: keep.turns, bytes: keep.turn_bytes };
    if bounds.exceeded(&stocks.turns) {
        let found = engine.after(Tree::Turns, &[], limit)?;
        remove_while(Tree::Turns, found, &mut stocks.turns, |stock, _| bounds.with_room().exceeded(stock), &mut writes);
    }
    Ok(writes)
}

/// What of the audit chain is to be removed beyond what a commit of `adding` entries adds, and the checkpoint in its place.
pub(super) fn pick_audit(
    engine: &Engine,
    keep: &Retention,
    wall: WallTime,
    stocks: &mut Stocks,
    chain: &mut Chain,
    adding: usize,
) -> Result<Vec<Write>, Fault> {
    let bounds = Bounds { records: keep.audit, bytes: keep.audit_bytes };
    if !bounds.exceeded(&stocks.audit) {
        return Ok(Vec::new());
    }
    let found = engine.after(Tree::Audit, &[], STEP + adding)?;
    let mut writes = Vec::new();
    let due = |stock: &Stock, _: &[u8]| bounds.with_room().exceeded(stock);
    let last = remove_while(Tree::Audit, found, &mut stocks.audit, due, &mut writes);
    if let Some(write) = last.and_then(|last| chain.checkpoint(&last, wall)) {
        stocks.audit.add(super::record::envelope_bytes(write.key.len(), write.value.as_ref().map_or(0, |it| it.len())));
        writes.push(write);
    }
    Ok(writes)
}

/// Removes from the front of `found` for as long as `due`. The last that was removed.
fn remove_while(
    tree: Tree,
    found: Vec<Found>,
    stock: &mut Stock,
    due: impl Fn(&Stock, &[u8]) -> bool,
    writes: &mut Vec<Write>,
) -> Option<Found> {
    let mut last = None;
    for item in found {
        let (key, payload, size) = match &item {
            Found::Record { key, payload, size } => (key, payload.as_slice(), *size),
            // It was not counted.
            Found::Damaged { key } => (key, &[][..], 0),
        };
        if !due(stock, payload) {
            break;
        }
        if size > 0 {
            stock.remove(size);
        }
        if tree == Tree::Turns {
            writes.push(Write { tree: Tree::Running, key: key.clone(), value: None });
        }
        writes.push(Write { tree, key: key.clone(), value: None });
        last = Some(item);
    }
    last
}
