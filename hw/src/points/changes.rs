//! What happened to the points, in order.
//!
//! Owns a bounded ring of changes with sequence numbers from 1. Promises that a reader who comes too late is told how
//! many it missed. Holds nothing across a restart: the journal above does that.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::PointValue;
use crate::clock::Monotonic;

/// How many changes are kept for readers.
pub const KEPT_CHANGES: usize = 1_024;

/// Why a point has a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody asked for it.
    Set,
    /// It was on for as long as it may be.
    MaxOn,
    /// Something that has to be so while it is on was no longer so.
    RequirementLost,
    /// All points with `stop` were made safe.
    Stop,
    /// It was made safe by name, at the end of the program, or because a point in conflict was made safe.
    Safe,
    /// An input was read.
    Input,
    /// The start of the program.
    Start,
    /// The hardware failed, or works again.
    Fault,
}

/// A point has a new value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The number of the change, from 1.
    pub seq: u64,
    /// When.
    pub at: Monotonic,
    /// The id of the point.
    pub point: String,
    /// The value before; none when it was unavailable.
    pub previous: Option<PointValue>,
    /// The value since; none when it is unavailable.
    pub value: Option<PointValue>,
    /// Why.
    pub cause: Cause,
    /// What is wrong with the point, where something is.
    pub fault: Option<String>,
}

/// The changes after a sequence number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The changes, oldest first.
    pub changes: Vec<Change>,
    /// How many between the asked number and the first of `changes` are no longer kept.
    pub lost: u64,
}

/// The ring.
#[derive(Debug)]
pub(super) struct ChangeRing {
    kept: VecDeque<Change>,
    latest: watch::Sender<u64>,
}

impl ChangeRing {
    pub(super) fn new() -> Self {
        Self { kept: VecDeque::with_capacity(KEPT_CHANGES), latest: watch::Sender::new(0) }
    }

    pub(super) fn push(&mut self, mut change: Change) {
        change.seq = self.latest().saturating_add(1);
        if self.kept.len() == KEPT_CHANGES {
            self.kept.pop_front();
        }
        let seq = change.seq;
        self.kept.push_back(change);
        self.latest.send_replace(seq);
    }

    pub(super) fn latest(&self) -> u64 {
        *self.latest.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    pub(super) fn since(&self, seq: u64) -> Changes {
        let oldest = self.kept.front().map_or_else(|| self.latest().saturating_add(1), |change| change.seq);
        let wanted = seq.saturating_add(1);
        Changes {
            changes: self.kept.iter().filter(|change| change.seq >= wanted).cloned().collect(),
            lost: oldest.saturating_sub(wanted),
        }
    }
}
