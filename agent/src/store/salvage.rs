//! Salvage: what can still be read from a database that was set aside.
//!
//! Owns the two ways to get records out of it, both within bounds of time and size. First a raw scan of the database file
//! for whole envelopes (see [`record`]), which also finds what sled no longer reaches. Then sled itself, without its
//! snapshots and settings, which it makes anew from the log. Of two versions of a record the one with the later write
//! number counts.
//!
//! A raw scan cannot know what was removed. That does no harm to events, turns, handled commands and calls, the outbox's places
//! and the audit chain, whose last checkpoint says what was removed.
//! A timer, though, could come back that was cancelled, and would be acted on: timers and other tables are taken over
//! only where sled shows a state that is not older than what the scan finds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use super::engine::{Engine, Fault, Found, Write};
use super::record::{self, MAX_ENVELOPE, Record, SCHEMA, Tree};
use super::worker::Worker;
use crate::turn::{Outcome, Turn};

/// How long sled may try.
const SLED_WAIT: Duration = Duration::from_secs(10);

/// How much of a database file is scanned: many times what retention lets it become.
const SCAN_BYTES: u64 = 1 << 30;

/// Records per batch.
const BATCH: usize = 256;

/// The trees of which an outdated record does no harm.
const HARMLESS: [Tree; 6] = [Tree::Journal, Tree::Turns, Tree::Outbox, Tree::Ledger, Tree::Audit, Tree::Calls];

/// Copies every readable record of the database in the folder `bad` to `into`, with `ask_sled` also by sled itself.
/// Returns how many there are, by tree. What cannot be read is no error; what cannot be written is.
pub(super) fn salvage(bad: &Path, into: &Engine, ask_sled: bool) -> Result<BTreeMap<String, u64>, Fault> {
    // The scan only reads. sled may overwrite what it does not reach.
    let newest = scan(bad, into)?;
    into.sync()?;
    let (from, by_sled) = (bad.to_path_buf(), into.clone());
    let work = move || if ask_sled { by_sled_itself(&from, &by_sled) } else { Ok(0) };
    let shown = Worker::default().run(SLED_WAIT, "salvaging", work).unwrap_or_else(|fault| {
        log::warn!("sled cannot read {}: {fault}", bad.display());
        0
    });
    if newest > shown {
        remove_all_but(into, &HARMLESS)?;
    }
    mark_running(into)?;
    count(into)
}

/// Returns the highest write number that sled shows.
fn by_sled_itself(bad: &Path, into: &Engine) -> Result<u64, Fault> {
    put_away(bad).map_err(|error| Fault::from_io(&error))?;
    let engine = Engine::open(bad)?;
    let (mut newest, mut found, mut failed) = (0, Vec::new(), None);
    let visited = engine.visit(&[], |sled_key, value| {
        if let Some(record) = record::decode(sled_key, value).filter(|record| record.schema == SCHEMA) {
            newest = newest.max(record.number);
            if record.tree != Tree::State {
                found.push((record.number, write(&record)));
            }
        }
        if found.len() >= BATCH {
            failed = into.restore(&std::mem::take(&mut found)).err();
        }
        failed.is_none()
    });
    engine.close();
    into.restore(&found)?;
    visited?;
    failed.map_or(Ok(newest), Err)
}

/// sled knows these files by their names.
fn put_away(bad: &Path) -> io::Result<()> {
    for entry in fs::read_dir(bad)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") || name == "conf" {
            fs::rename(entry.path(), bad.join(format!("away.{name}")))?;
        }
    }
    Ok(())
}

/// Copies what lies in the database file and is newer than what `into` has. Returns the highest write number found.
fn scan(bad: &Path, into: &Engine) -> Result<u64, Fault> {
    let file = match File::open(bad.join("db")) {
        Ok(file) => file,
        Err(error) => {
            log::warn!("{} has no database file to scan: {error}", bad.display());
            return Ok(0);
        }
    };
    let mut file = file.take(SCAN_BYTES);
    let (mut window, mut newest) = (Vec::new(), 0);
    let mut found = Vec::new();
    loop {
        let read = (&mut file).take(1 << 20).read_to_end(&mut window);
        let end = match read {
            Ok(read) => read == 0,
            Err(error) => {
                log::warn!("scanning {} ended early: {error}", bad.display());
                true
            }
        };
        // What begins in the last stretch may not be there whole yet.
        let stop = if end { window.len() } else { window.len().saturating_sub(MAX_ENVELOPE) };
        let mut at = 0;
        while let Some(mark) = record::find_mark(&window, at).filter(|mark| *mark < stop) {
            at = mark + 1;
            if let Some(record) = record::decode_prefix(&window[mark..]).filter(|record| record.schema == SCHEMA) {
                at = mark + record.envelope_len();
                newest = newest.max(record.number);
                if HARMLESS.contains(&record.tree) {
                    found.push((record.number, write(&record)));
                }
                if found.len() >= BATCH {
                    into.restore(&std::mem::take(&mut found))?;
                }
            }
        }
        window.drain(..at.max(stop).min(window.len()));
        if end {
            break;
        }
    }
    into.restore(&found)?;
    Ok(newest)
}

fn write(record: &Record<'_>) -> Write {
    Write { tree: record.tree, key: record.key.to_vec(), value: Some(record.payload.into()) }
}

fn remove_all_but(into: &Engine, keep: &[Tree]) -> Result<(), Fault> {
    let mut writes = Vec::new();
    into.visit(&[], |sled_key, _| {
        if let Some((number, key)) = sled_key.split_first()
            && let Some(tree) = Tree::from_number(*number).filter(|tree| !keep.contains(tree))
        {
            writes.push(Write { tree, key: key.to_vec(), value: None });
        }
        true
    })?;
    into.apply(&writes).map(drop)
}

/// Marks the turns without an outcome, also those that only the scan found.
fn mark_running(into: &Engine) -> Result<(), Fault> {
    let mut after = Vec::new();
    loop {
        let page = into.after(Tree::Turns, &after, BATCH)?;
        let mut writes = Vec::new();
        for item in &page {
            let (Found::Record { key, .. } | Found::Damaged { key }) = item;
            after.clone_from(key);
            if let Found::Record { payload, .. } = item
                && serde_json::from_slice::<Turn>(payload).is_ok_and(|turn| turn.outcome == Outcome::Running)
            {
                writes.push(Write { tree: Tree::Running, key: key.clone(), value: Some(b"true".as_slice().into()) });
            }
        }
        into.apply(&writes)?;
        if page.len() < BATCH {
            return Ok(());
        }
    }
}

fn count(into: &Engine) -> Result<BTreeMap<String, u64>, Fault> {
    let mut counts = BTreeMap::new();
    into.visit(&[], |sled_key, _| {
        if let Some(tree) = sled_key.first().and_then(|number| Tree::from_number(*number)) {
            *counts.entry(tree.name().to_owned()).or_insert(0) += 1;
        }
        true
    })?;
    Ok(counts)
}
