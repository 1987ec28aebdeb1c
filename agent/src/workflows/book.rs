//! Which runs there are.
//!
//! Owns the index of all stored runs and the bounds on them: how many go on at once, how often a workflow begins, and which
//! finished runs are kept. The oldest finished run goes first. The runs themselves are in the store.

use std::collections::{BTreeMap, VecDeque};

use victus_hw::clock::Monotonic;

use super::definition::Limits;
use super::run::{Run, RunId};
use super::{MAX_RUNS, is_open};
use crate::store::{Store, StoreError, TableName};

/// How many finished runs are kept.
pub const MAX_FINISHED: usize = 200;

/// How many bytes of finished runs are kept.
pub const MAX_FINISHED_BYTES: usize = 2 << 20;

/// The index of the runs.
#[derive(Debug, Default)]
pub struct Book {
    entries: BTreeMap<RunId, Entry>,
    /// When each workflow has begun lately.
    begun: BTreeMap<String, VecDeque<Monotonic>>,
}

#[derive(Debug)]
struct Entry {
    workflow: String,
    active: bool,
    bytes: usize,
}

impl Book {
    /// The index of what is stored.
    pub(super) fn load(store: &Store) -> Result<Self, StoreError> {
        let runs = store.table(TableName::Runs).entries::<Run>(MAX_FINISHED + MAX_RUNS)?;
        let entry = |run: &Run| Entry { workflow: run.workflow.clone(), active: is_open(run), bytes: bytes(run) };
        let entries = runs.iter().map(|(_, run)| (run.id.clone(), entry(run))).collect();
        Ok(Self { entries, begun: BTreeMap::new() })
    }

    /// Takes in a run that is to begin; the error says why it may not.
    pub(super) fn admit(&mut self, run: &Run, limits: &Limits, now: Monotonic) -> Result<(), String> {
        let name = &run.workflow;
        let active = || self.entries.values().filter(|entry| entry.active);
        let of_it = active().filter(|entry| entry.workflow == *name).count();
        if of_it >= limits.runs_at_once as usize {
            return Err(match of_it {
                1 => format!("the workflow `{name}` runs already"),
                count => format!("{count} runs of the workflow `{name}` go on already"),
            });
        }
        if active().count() >= MAX_RUNS {
            return Err(format!("{MAX_RUNS} runs go on already"));
        }
        let begun = self.begun.entry(name.clone()).or_default();
        while begun.front().is_some_and(|at| now.saturating_since(*at) >= limits.rate.per) {
            begun.pop_front();
        }
        if begun.len() >= limits.rate.count as usize {
            let (count, seconds) = (limits.rate.count, limits.rate.per.as_secs());
            return Err(format!("the workflow `{name}` begins at most {count} times in {seconds} seconds"));
        }
        begun.push_back(now);
        self.entries.insert(run.id.clone(), Entry { workflow: name.clone(), active: true, bytes: 0 });
        Ok(())
    }

    /// A run that was not stored after all.
    pub(super) fn forget(&mut self, id: &RunId) {
        self.entries.remove(id);
    }

    /// A run is over. Answers with those that are to be removed from the store.
    pub(super) fn finish(&mut self, run: &Run) -> Vec<RunId> {
        let entry = Entry { workflow: run.workflow.clone(), active: false, bytes: bytes(run) };
        self.entries.insert(run.id.clone(), entry);
        let finished = || self.entries.iter().filter(|(_, entry)| !entry.active);
        let mut count = finished().count();
        let mut bytes: usize = finished().map(|(_, entry)| entry.bytes).sum();
        let mut removed = Vec::new();
        for (id, entry) in finished().filter(|(id, _)| **id != run.id) {
            if count <= MAX_FINISHED && bytes <= MAX_FINISHED_BYTES {
                break;
            }
            removed.push(id.clone());
            (count, bytes) = (count - 1, bytes - entry.bytes);
        }
        for id in &removed {
            self.entries.remove(id);
        }
        removed
    }

    /// Whether a run goes on.
    pub(super) fn is_active(&self, id: &RunId) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.active)
    }

    /// The newest runs, of one workflow or of all.
    pub(super) fn newest(&self, workflow: Option<&str>, limit: usize) -> Vec<RunId> {
        let wanted = |entry: &Entry| workflow.is_none_or(|name| entry.workflow == name);
        self.entries.iter().rev().filter(|(_, entry)| wanted(entry)).take(limit).map(|(id, _)| id.clone()).collect()
    }
}

fn bytes(run: &Run) -> usize {
    serde_json::to_vec(run).map_or(0, |text| text.len())
}
