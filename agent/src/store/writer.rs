//! The writer: the one thread that changes the database.
//!
//! Owns the order of commits. It takes what is waiting as one group, writes one batch, makes it durable where anything in
//! it asks for that, tells the readers, answers. What needs no durability of its own is flushed within a second, and
//! nothing is done while nothing changes. When the disk refuses, the spare epoch begins and what comes is held in memory;
//! every ten seconds it is tried to bring the disk back, and then everything held is carried over.
//!
//! A panic in here is caught, counts as a fault of the disk, and loses nothing: the group is held outside of what panicked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::time::Duration;

use victus_hw::clock::Monotonic;

use super::Mode;
use super::core::{Job, Message, Queue, Shared, Verdict};
use super::engine::{Engine, Fault, Found, Write, panic_text};
use super::memory::Stored;
use super::opening::Paths;
use super::record::Tree;
use super::retention::{self, Stocks};
use super::worker::Worker;
use crate::event::EventKind;

mod recovery;

pub(super) use recovery::OPEN_WAIT;

/// Messages in a group.
const GROUP: usize = 256;

/// How long what needs no durability of its own may wait for a flush.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// How many events may wait for that flush, and how many bytes of them.
const FLUSH_BEYOND: usize = 1024;
const FLUSH_BEYOND_BYTES: usize = 256 * 1024;

/// How long a commit may take. A worn card has been seen to pause for seconds.
const COMMIT_WAIT: Duration = Duration::from_secs(8);

/// The writer.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Queue,
    pub(super) paths: Paths,
    pub(super) worker: Worker,
    /// None while the disk refuses.
    pub(super) engine: Option<Engine>,
    /// The epoch that begins when the disk refuses.
    pub(super) spare: u64,
    pub(super) stocks: Stocks,
    /// What is being committed.
    group: Vec<Job>,
    /// Since when events wait in memory to be flushed.
    dirty_since: Option<Monotonic>,
    last_attempt: Monotonic,
    /// Why the database is to be set aside at the next attempt.
    condemned: Option<String>,
    /// How often in a row the disk answered while work still hung.
    hung: u32,
    closing: Option<SyncSender<()>>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, queue: Queue, paths: Paths, worker: Worker) -> Self {
        let last_attempt = shared.options.clock.monotonic();
        Self {
            shared,
            queue,
            paths,
            worker,
            engine: None,
            spare: 0,
            stocks: Stocks::default(),
            group: Vec::new(),
            dirty_since: None,
            last_attempt,
            condemned: None,
            hung: 0,
            closing: None,
        }
    }

    /// Runs until the store is closed.
    pub(super) fn serve(mut self) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.run())) {
                Ok(()) => break,
                Err(panic) => {
                    let why = panic_text(&*panic);
                    log::error!("the store's writer panicked: {why}");
                    self.refuse(&Fault::Device(format!("the writer panicked: {why}")));
                }
            }
        }
        self.finish();
    }

    fn run(&mut self) {
        while self.closing.is_none() {
            if !self.collect() {
                return;
            }
            self.commit();
            if self.is_flush_due() {
                self.flush();
            }
            if self.engine.is_none() && self.is_attempt_due() {
                self.recover();
            }
        }
    }

    /// Waits for messages and turns them into a group. False when all handles are gone.
    fn collect(&mut self) -> bool {
        let first = match self.queue.pending.pop_front() {
            Some(message) => Some(message),
            // Nothing to flush and nothing to bring back: sleep until something comes.
            None if self.engine.is_some() && self.dirty_since.is_none() => match self.queue.messages.recv() {
                Ok(message) => Some(message),
                Err(_) => return false,
            },
            None => match self.queue.messages.recv_timeout(FLUSH_AFTER) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => {
                    if self.engine.is_some() {
                        self.flush();
                    }
                    None
                }
                Err(RecvTimeoutError::Disconnected) => return false,
            },
        };
        let mut next = first;
        for _ in 0..GROUP {
            let Some(message) = next.take() else { break };
            self.take(message);
            if self.closing.is_some() {
                break;
            }
            next = self.queue.pending.pop_front().or_else(|| self.queue.messages.try_recv().ok());
        }
        if let Some(message) = next {
            self.queue.pending.push_front(message);
        }
        true
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Commit(job) => self.group.push(job),
            Message::Recover(reply) => {
                self.commit();
                if self.engine.is_none() {
                    self.recover();
                }
                // Whoever asked may have gone.
                reply.send(self.engine.is_some()).ok();
            }
            Message::Damaged(tree, keys) => {
                self.report_damaged(keys.into_iter().map(|key| (tree, key)).collect(), None)
            }
            Message::Failed(fault) => {
                self.commit();
                if self.engine.is_some() {
                    self.refuse(&fault);
                }
            }
            Message::Close(done) => self.closing = Some(done),
            #[cfg(test)]
            Message::Panic => panic!("as asked"),
        }
    }

    /// Commits the group.
    fn commit(&mut self) {
        if self.group.is_empty() {
            return;
        }
        if self.engine.is_none() {
            self.hold();
        } else if self.group.iter().any(Job::is_durable_at_once) {
            self.write();
        } else {
            self.keep();
        }
    }

    /// Keeps a group that needs no durability of its own in memory, until it is written together with others. sled writes
    /// to the disk at each batch, flushed or not.
    fn keep(&mut self) {
        self.dirty_since.get_or_insert_with(|| self.shared.options.clock.monotonic());
        for job in self.group.drain(..) {
            for stored in job.events {
                let position = stored.event.position;
                self.shared.memory(|memory| memory.keep(stored));
                self.shared.tell(position);
            }
            answer(job.reply, Verdict { durable: true, kept: true });
        }
    }

    /// Writes what is kept and then the group as one, and makes it durable.
    fn write(&mut self) {
        let Some(engine) = self.engine.clone() else { return };
        let mut writes = self.shared.memory(|memory| memory.writes());
        writes.extend(self.group.iter().flat_map(Job::all_writes));
        let mut calls: Vec<_> = self.shared.memory(|memory| memory.calls());
        calls.extend(self.group.iter().flat_map(|job| &job.events).filter(|stored| stored.is_call()).cloned());
        let calls: Vec<_> = calls.into_iter().map(|stored| stored.payload).collect();
        let lost = self.shared.memory(|memory| memory.lost());
        let Some(mut chain) = self.shared.chain(|chain| chain.clone()) else { return };
        let (keep, wall) = (self.shared.options.limits, self.shared.options.clock.wall());
        let mut stocks = self.stocks;
        let done = self.worker.run(COMMIT_WAIT, "writing", move || {
            writes.extend(chain.add(lost, &calls));
            for write in &writes {
                stocks.count(&engine, write)?;
            }
            let removed = retention::pick(&engine, &keep, wall, &mut stocks, writes.len())?;
            writes.extend(removed);
            writes.extend(retention::pick_audit(&engine, &keep, wall, &mut stocks, &mut chain, calls.len())?);
            let bytes = engine.apply(&writes)?;
            engine.sync()?;
            Ok((stocks, bytes, chain))
        });
        match done {
            Ok((stocks, bytes, chain)) => {
                self.stocks = stocks;
                self.shared.chain(|end| *end = Some(chain));
                self.shared.status(|status| status.bytes_written += bytes);
                self.written();
                for job in self.group.drain(..) {
                    job.events.iter().for_each(|stored| self.shared.tell(stored.event.position));
                    answer(job.reply, Verdict { durable: true, kept: true });
                }
            }
            Err(fault) => self.refuse(&fault),
        }
    }

    /// Everything that was held is on disk.
    fn written(&mut self) {
        self.shared.memory(|memory| memory.clear());
        self.dirty_since = None;
        let bytes = self.engine.as_ref().map_or(0, Engine::disk_bytes);
        self.shared.status(|status| {
            status.commits += 1;
            status.bytes_on_disk = bytes;
        });
    }

    fn is_flush_due(&self) -> bool {
        let now = self.shared.options.clock.monotonic();
        let waited = self.dirty_since.map(|since| now.saturating_since(since));
        let (events, bytes) = self.shared.memory(|memory| memory.size());
        waited.is_some_and(|waited| waited >= FLUSH_AFTER || events >= FLUSH_BEYOND || bytes >= FLUSH_BEYOND_BYTES)
    }

    fn flush(&mut self) {
        if self.dirty_since.is_some() {
            self.write();
        }
    }

    /// Queues an event of the writer's own, behind everything that has its place already.
    fn announce(&mut self, kind: EventKind, writes: Vec<Write>) {
        let shared = Arc::clone(&self.shared);
        let mut sequence = shared.sequence();
        self.queue.drain();
        let events = vec![shared.place(&mut sequence, None, kind)];
        self.queue.pending.push_back(Message::Commit(Job { events, writes, reply: None, _permit: None }));
    }

    /// Reports damaged records, and removes them: they hold nothing that could be read. Those of the audit chain stay, as
    /// evidence. `count` counts those without a
    /// name too.
    pub(super) fn report_damaged(&mut self, keys: Vec<(Tree, Vec<u8>)>, count: Option<u64>) {
        let Some((tree, key)) = keys.first() else { return };
        let first = format!("{} {}", tree.name(), super::readable(*tree, key));
        let records = count.unwrap_or(keys.len() as u64);
        log::error!("{records} records in the database are damaged and left out, the first is {first}");
        self.shared.status(|status| status.damaged += records);
        let removed = keys.into_iter().filter(|(tree, _)| *tree != Tree::Audit);
        let writes = removed.map(|(tree, key)| Write { tree, key, value: None }).collect();
        self.announce(EventKind::StoreDamaged { records, first }, writes);
    }

    /// Commits what is queued, flushes and lets go of the database.
    fn finish(mut self) {
        self.queue.drain();
        while let Some(message) = self.queue.pending.pop_front() {
            match message {
                Message::Commit(job) => self.group.push(job),
                Message::Close(_) | Message::Recover(_) | Message::Damaged(..) | Message::Failed(_) => {}
                #[cfg(test)]
                Message::Panic => {}
            }
        }
        self.commit();
        self.flush();
        self.engine = None;
        self.shared.set_readable(false);
        self.shared.memory(|memory| memory.begin(*self.shared.told.borrow()));
        self.shared.status(|status| status.mode = Mode::Memory { why: "the store is closed".to_owned() });
        self.let_go(None);
    }
}

impl Job {
    fn all_writes(&self) -> impl Iterator<Item = Write> + '_ {
        self.events.iter().map(Stored::write).chain(self.writes.iter().cloned())
    }
}

impl Stocks {
    /// Counts a change before it is made.
    fn count(&mut self, engine: &Engine, write: &Write) -> Result<(), Fault> {
        let stock = match write.tree {
            Tree::Journal => &mut self.journal,
            Tree::Turns => &mut self.turns,
            Tree::Audit => &mut self.audit,
            _ => return Ok(()),
        };
        // An event is only ever written once; removals name what is damaged, and that was not counted.
        if write.tree == Tree::Turns
            && let Some(Found::Record { size, .. }) = engine.get(Tree::Turns, &write.key)?
        {
            stock.remove(size);
        }
        if let Some(payload) = &write.value {
            stock.add(super::record::envelope_bytes(write.key.len(), payload.len()));
        }
        Ok(())
    }
}

fn answer(reply: Option<tokio::sync::oneshot::Sender<Verdict>>, verdict: Verdict) {
    if let Some(reply) = reply {
        // Whoever asked may have gone.
        reply.send(verdict).ok();
    }
}
