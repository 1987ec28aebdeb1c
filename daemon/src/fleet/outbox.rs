//! The outbox: which records of the journal are on their way, and which have arrived.
//!
//! Owns the cursor of one link and the window of records in flight. It is a state machine without input or output: it is
//! told what the journal holds, what the broker acknowledged and when a session began, and says what to send next.
//!
//! Promises, whatever the order of these:
//! * A record is released by its own PUBACK and by nothing else. What is not released is offered again after every new
//!   session, whether or not the broker says that it kept the old one.
//! * Records are offered in the order of the journal. Released records that stand behind one that is not are
//!   remembered and not offered again while the process lives.
//! * The cursor stands before the first record that is not released. It is stored lazily: after a restart records may be
//!   sent again, with an equal (epoch, seq). Nothing is ever skipped.
//! * A hole in the journal is told with the record after it, each time that record is offered: a missing number within
//!   an epoch, and an end of an epoch that the journal no longer has.
//! * At most `window` messages are in flight and at most `span` records are remembered.
//!
//! What happened before the session began travels in the lane `backlog`, whose rate a token bucket bounds, so that a
//! fleet that comes back together does not flood its broker. Leaves reading, encoding and sending to `session`.
//!
//! # Format
//!
//! The table `outbox` holds under the link's name `{"v":1,"position":{"epoch":1,"seq":42}}`: everything up to and with
//! this position has been released.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use victus_agent::event::{Event, Position};
use victus_hw::clock::Monotonic;

use super::bucket::TokenBucket;
use super::payloads::{Lane, MissingBefore};

/// How much may be on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The most messages in flight, 1 and more. A record that is also a command's reply counts as two.
    pub window: usize,
    /// The most records between the cursor and the newest that was offered.
    pub span: usize,
    /// Records of the backlog in a second; as many may go at once.
    pub backlog_per_second: f64,
}

impl Default for Limits {
    /// A window of 20, which is what Mosquitto takes unacknowledged from one client by default.
    fn default() -> Self {
        Self { window: 20, span: 80, backlog_per_second: 200.0 }
    }
}

/// The cursor as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCursor {
    /// The version of this format: 1.
    pub v: u32,
    /// Everything up to here has been released.
    pub position: Position,
}

/// A record to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The event.
    pub event: Arc<Event>,
    /// The lane that it travels in.
    pub lane: Lane,
    /// What is missing before it.
    pub gap: Option<MissingBefore>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Send this.
    Send(Offer),
    /// Read the journal after this position.
    Read(Position),
    /// The bucket is empty: ask again after this time.
    Wait(Duration),
    /// Nothing until something is appended, acknowledged or connected.
    Idle,
}

#[derive(Debug)]
struct Loaded {
    event: Arc<Event>,
    messages: usize,
    /// Whether the journal still had the record before it, so that nothing was dropped between the two.
    follows: bool,
}

#[derive(Debug)]
struct Flight {
    position: Position,
    /// Messages that are not acknowledged.
    waiting: usize,
}

/// The outbox of one link.
#[derive(Debug)]
pub struct Outbox {
    limits: Limits,
    cursor: Position,
    /// The head of the journal when the session began; none without a session.
    horizon: Option<Position>,
    loaded: VecDeque<Loaded>,
    read_to: Position,
    offered_to: Position,
    flights: VecDeque<Flight>,
    released_ahead: BTreeSet<Position>,
    bucket: TokenBucket,
}

impl Outbox {
    /// An outbox whose records up to `cursor` have been released.
    pub fn new(limits: Limits, cursor: Position) -> Self {
        let limits = Limits {
            window: limits.window.max(1),
            span: limits.span.max(1),
            backlog_per_second: if limits.backlog_per_second >= 1.0 { limits.backlog_per_second } else { 1.0 },
        };
        Self {
            limits,
            cursor,
            horizon: None,
            loaded: VecDeque::new(),
            read_to: cursor,
            offered_to: cursor,
            flights: VecDeque::new(),
            released_ahead: BTreeSet::new(),
            bucket: TokenBucket::new(limits.backlog_per_second, limits.backlog_per_second),
        }
    }

    /// Everything up to here has been released.
    pub fn cursor(&self) -> Position {
        self.cursor
    }

    /// How many records up to `head` have not been released; in an epoch that the cursor has not reached, how many that
    /// epoch has.
    pub fn unsent(&self, head: Position) -> u64 {
        match self.cursor.epoch == head.epoch {
            true => head.seq.saturating_sub(self.cursor.seq),
            false => head.seq,
        }
    }

    /// A session began while the journal ended at `head`: everything that is not released is offered again.
    pub fn session_began(&mut self, head: Position) {
        self.session_ended();
        self.horizon = Some(head);
    }

    /// The session ended: nothing is in flight.
    pub fn session_ended(&mut self) {
        self.horizon = None;
        let released = self.flights.drain(..).filter(|flight| flight.waiting == 0).map(|flight| flight.position);
        self.released_ahead.extend(released);
        self.loaded.clear();
        self.read_to = self.cursor;
        self.offered_to = self.cursor;
    }

    /// Takes what the journal holds after the position that [`Next::Read`] named, in its order. `oldest` is the first
    /// position that the journal held just after that; `messages` says how many messages carry an event, 1 and more.
    pub fn load(&mut self, events: Vec<Event>, oldest: Position, messages: impl Fn(&Event) -> usize) {
        // The journal drops its oldest first: as long as it has what was read before, nothing is missing since.
        let mut follows = oldest <= self.read_to;
        for event in events {
            if event.position > self.read_to && self.horizon.is_some() {
                self.read_to = event.position;
                let messages = messages(&event).max(1);
                self.loaded.push_back(Loaded { event: Arc::new(event), messages, follows });
                follows = true;
            }
        }
    }

    /// What to do now, while the journal ends at `head`. An offered record counts as sent.
    pub fn next(&mut self, head: Position, now: Monotonic) -> Next {
        let Some(horizon) = self.horizon else { return Next::Idle };
        loop {
            let Some(loaded) = self.loaded.front() else {
                return if head > self.read_to { Next::Read(self.read_to) } else { Next::Idle };
            };
            let in_flight: usize = self.flights.iter().map(|flight| flight.waiting).sum();
            // A record of more messages than the window holds goes alone.
            let fits = in_flight == 0 || in_flight + loaded.messages <= self.limits.window;
            let position = loaded.event.position;
            if self.released_ahead.contains(&position) {
                self.loaded.pop_front();
                self.take_off(position, 0);
                continue;
            }
            if !fits || self.flights.len() >= self.limits.span {
                return Next::Idle;
            }
            let lane = if position <= horizon { Lane::Backlog } else { Lane::Live };
            if lane == Lane::Backlog
                && let Err(wait) = self.bucket.take(now)
            {
                return Next::Wait(wait);
            }
            let gap = self.gap_before(position, loaded.follows);
            let Some(loaded) = self.loaded.pop_front() else { return Next::Idle };
            self.take_off(position, loaded.messages);
            return Next::Send(Offer { event: loaded.event, lane, gap });
        }
    }

    /// The broker acknowledged one message of the record at `position`. Anything that is not in flight is ignored.
    pub fn acknowledged(&mut self, position: Position) {
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.position == position) {
            flight.waiting = flight.waiting.saturating_sub(1);
        }
        self.release();
    }

    fn take_off(&mut self, position: Position, waiting: usize) {
        self.offered_to = position;
        self.flights.push_back(Flight { position, waiting });
        self.release();
    }

    fn release(&mut self) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.waiting == 0) {
            self.cursor = flight.position;
        }
        if self.released_ahead.first().is_some_and(|first| *first <= self.cursor) {
            let cursor = self.cursor;
            self.released_ahead.retain(|position| *position > cursor);
        }
    }

    fn gap_before(&self, position: Position, follows: bool) -> Option<MissingBefore> {
        let after = self.offered_to;
        let count = match after.epoch == position.epoch {
            true => Some(position.seq.saturating_sub(after.seq).saturating_sub(1)),
            // A new epoch begins at every start; where the journal still has the end of the last one, nothing is missing.
            false if follows && position.seq == 1 => Some(0),
            // Before the first epoch there was nothing.
            false if after.epoch == 0 && position.epoch == 1 => Some(position.seq.saturating_sub(1)),
            false => None,
        };
        // A store that could not write counts on from a random place: so large a hole is no count of events.
        let count = count.filter(|count| *count <= u64::from(u32::MAX));
        (count != Some(0)).then_some(MissingBefore { after, before: position, count })
    }
}

#[cfg(test)]
mod tests;
