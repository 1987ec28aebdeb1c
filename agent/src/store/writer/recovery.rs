//! Between disk and memory.
//!
//! Owns the ways of the writer when the disk refuses: how the journal goes on in memory, when and how it is tried to bring
//! the disk back, and how everything held is carried over.

use std::sync::Arc;
use std::time::Duration;

use super::{COMMIT_WAIT, Writer, answer};
use crate::event::{EventKind, Position};
use crate::store::Mode;
use crate::store::core::Verdict;
use crate::store::engine::{Engine, Fault};
use crate::store::epoch::{self, Known};
use crate::store::memory::Stored;
use crate::store::opening::{self, Opened};
use crate::store::record::{self, Tree};
use crate::store::retention::Stocks;
use crate::store::worker::Worker;

/// How long opening may take, with salvage.
pub(in crate::store) const OPEN_WAIT: Duration = Duration::from_secs(40);

/// How often it is tried to bring the disk back.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How many dropped events are told in a gap while the disk refuses; when it is back the rest is.
const TELL_MISSING: u64 = 512;

/// How many attempts wait for work that hangs on a disk that answers.
const PATIENCE: u32 = 3;

/// Bytes that must be free before a database is opened again: two of sled's segments and what is carried over.
const ROOM: u64 = 4 << 20;

impl Writer {
    /// The disk refuses: begins the spare epoch, and holds in memory what is not on disk for certain.
    pub(super) fn refuse(&mut self, fault: &Fault) {
        let why = fault.to_string();
        if self.engine.take().is_some() {
            log::error!("the journal goes on in memory: {why}");
            // A full disk can still be read. What is damaged or hangs cannot.
            self.shared.set_readable(matches!(fault, Fault::Full(_) | Fault::Device(_)));
            {
                let mut sequence = self.shared.sequence();
                (sequence.epoch, sequence.last) = (self.spare, 0);
            }
            let told = *self.shared.told.borrow();
            self.shared.memory(|memory| memory.begin(memory.first().map_or(told, before)));
            self.dirty_since = None;
            self.last_attempt = self.shared.options.clock.monotonic();
        }
        self.shared.status(|status| status.mode = Mode::Memory { why });
        self.hold();
    }

    /// Takes the group into memory.
    pub(super) fn hold(&mut self) {
        let mut answers = Vec::with_capacity(self.group.len());
        for job in std::mem::take(&mut self.group) {
            let kept = self.shared.memory(|memory| memory.change(&job.writes));
            for stored in job.events {
                let position = stored.event.position;
                self.shared.memory(|memory| memory.add(stored));
                self.shared.tell(position);
            }
            answers.push((job.reply, Verdict { durable: false, kept }));
        }
        let dropped = self.shared.memory(|memory| memory.dropped());
        self.shared.status(|status| status.dropped = dropped);
        for (reply, verdict) in answers {
            answer(reply, verdict);
        }
        self.tell_missing(TELL_MISSING);
    }

    /// Appends a gap for each class of which at least `least` events were dropped.
    fn tell_missing(&mut self, least: u64) {
        for (class, missing) in self.shared.memory(|memory| memory.take_missing(least)) {
            let reason = "the disk refused and the journal in memory was full".to_owned();
            let (first, last, count) = (missing.first, missing.last, missing.count);
            self.announce(EventKind::Gap { class, first, last, count, reason }, Vec::new());
        }
    }

    pub(super) fn is_attempt_due(&self) -> bool {
        let now = self.shared.options.clock.monotonic();
        now.saturating_since(self.last_attempt) >= RETRY_AFTER
    }

    /// Tries to bring the disk back.
    pub(super) fn recover(&mut self) {
        self.last_attempt = self.shared.options.clock.monotonic();
        if let Err(fault) = self.reopen() {
            log::debug!("the disk is not back: {fault}");
            self.shared.status(|status| status.mode = Mode::Memory { why: fault.to_string() });
        }
    }

    fn reopen(&mut self) -> Result<(), Fault> {
        self.give_up_hung_sled()?;
        let paths = self.paths.clone();
        self.worker.run(COMMIT_WAIT, "looking for room", move || opening::probe(&paths, ROOM))?;
        if !self.let_go(None) {
            return Err(Fault::Device("a reader still uses the database".to_owned()));
        }
        let request = self.request();
        let mut opened = self.worker.run(OPEN_WAIT, "opening the database", move || opening::open(&request))?;
        self.condemned = None;
        let engine = opened.engine.clone();
        let mut writes = self.shared.memory(|memory| memory.writes());
        let (calls, lost) = self.shared.memory(|memory| (memory.calls(), memory.lost()));
        let mut chain = opened.chain.clone();
        let carried = self.worker.run(COMMIT_WAIT, "carrying over", move || {
            writes.extend(chain.add(lost, &not_chained(&engine, calls)?));
            let bytes = engine.apply(&writes)?;
            engine.sync()?;
            opening::inspect(&engine).map(|inspected| (inspected.stocks, bytes, chain))
        });
        match carried {
            Ok((stocks, bytes, chain)) => {
                opened.chain = chain;
                self.shared.status(|status| status.bytes_written += bytes);
                self.adopt(opened, stocks);
                Ok(())
            }
            Err(fault) => {
                // It can be read all the same.
                self.let_go(Some(opened.engine));
                self.shared.set_readable(matches!(fault, Fault::Full(_) | Fault::Device(_)));
                Err(fault)
            }
        }
    }

    fn request(&self) -> opening::Request {
        let options = &self.shared.options;
        opening::Request {
            paths: self.paths.clone(),
            ballast_bytes: options.ballast_bytes,
            random: options.random,
            above: self.shared.sequence().epoch,
            condemned: self.condemned.clone(),
        }
    }

    /// Where work still hangs although the disk answers, it is sled that hangs: after some patience its thread is left to
    /// itself and the database is condemned, once in the life of the process.
    fn give_up_hung_sled(&mut self) -> Result<(), Fault> {
        if !self.worker.is_stuck() {
            self.hung = 0;
            return Ok(());
        }
        let paths = self.paths.clone();
        let answers = Worker::default().run(COMMIT_WAIT, "looking at the disk", move || opening::probe(&paths, 0));
        self.hung = if answers.is_ok() { self.hung + 1 } else { 0 };
        if self.hung != PATIENCE {
            return Err(Fault::Stalled(COMMIT_WAIT.as_secs(), "working on the database"));
        }
        self.worker = Worker::default();
        self.condemned = Some("sled did not come back from its work".to_owned());
        Ok(())
    }

    /// Goes on with a database that was opened and has everything that was held in memory.
    pub(in crate::store) fn adopt(&mut self, opened: Opened, stocks: Stocks) {
        self.stocks = stocks;
        self.engine = Some(opened.engine.clone());
        self.shared.chain(|chain| *chain = Some(opened.chain));
        self.let_go(Some(opened.engine));
        self.shared.set_readable(true);
        {
            let shared = Arc::clone(&self.shared);
            let mut sequence = shared.sequence();
            self.queue.drain();
            sequence.epoch = opened.epoch;
            sequence.last = 0;
        }
        self.spare = opened.epoch + 1;
        self.written();
        self.shared.status(|status| {
            status.mode = Mode::Durable;
            status.opened = opened.opened;
        });
        log::info!("the database is open: epoch {}, opened {} times", opened.epoch, opened.opened);
        if let Some(set_aside) = opened.set_aside {
            self.shared.status(|status| status.salvaged.clone_from(&set_aside.salvaged));
            let opening::SetAside { moved_to, salvaged, reason } = set_aside;
            self.announce(EventKind::StoreSetAside { moved_to, salvaged, reason }, Vec::new());
        }
        self.report_damaged(opened.inspected.damaged, Some(opened.inspected.damaged_count));
        self.tell_missing(1);
    }

    /// Begins with the journal in memory, because of `fault`.
    pub(in crate::store) fn begin_in_memory(&mut self, fault: &Fault) {
        let (paths, random) = (self.paths.clone(), (self.shared.options.random)());
        let begun =
            Worker::default().run(COMMIT_WAIT, "beginning", move || Ok(opening::begin_in_memory(&paths, random)));
        let (epoch, last, opened) = begun.unwrap_or_else(|_| {
            let (epoch, last) = epoch::unclaimed(Known::Lost, random);
            (epoch, last, 0)
        });
        {
            let mut sequence = self.shared.sequence();
            (sequence.epoch, sequence.last) = (epoch, last);
        }
        self.shared.memory(|memory| memory.begin(Position { epoch, seq: last }));
        self.shared.status(|status| status.opened = opened);
        self.refuse(fault);
    }

    /// Gives the readers `engine` in place of what they have, which is closed. False where a reader does not let go.
    pub(super) fn let_go(&mut self, engine: Option<Engine>) -> bool {
        match self.shared.exchange_engine(engine) {
            Ok(None) => true,
            Ok(Some(old)) => {
                let closed = self.worker.run(COMMIT_WAIT, "closing the database", move || {
                    old.close();
                    Ok(())
                });
                closed.is_ok()
            }
            Err(_) => false,
        }
    }
}

/// Those of the calls held in memory that are not on disk. A commit that was thought to have failed may have been made; an
/// event is in the journal if and only if its entry is in the chain.
fn not_chained(engine: &Engine, calls: Vec<Stored>) -> Result<Vec<Arc<[u8]>>, Fault> {
    let mut found = Vec::with_capacity(calls.len());
    for call in calls {
        if engine.get(Tree::Journal, &record::position_key(call.event.position))?.is_none() {
            found.push(call.payload);
        }
    }
    Ok(found)
}

fn before(position: Position) -> Position {
    Position { epoch: position.epoch, seq: position.seq.saturating_sub(1) }
}
