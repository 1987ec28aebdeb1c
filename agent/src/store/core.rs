//! What the store's handles and its writer share.
//!
//! Owns the order of positions (a mutex under which an event gets its place and is queued), the queue's bound, and the
//! readers' way to the database and to what is held in memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::audit::Chain;
use super::engine::{Engine, Fault, Write};
use super::memory::{Memory, Stored};
use super::record::{self, MAX_PAYLOAD, Tree};
use super::{StoreError, StoreOptions, StoreStatus};
use crate::event::{EVENT_FORMAT, Event, EventKind, Position, Stamp, TraceId};

mod reading;

/// How many commits may wait for the writer. More wait for their turn to queue.
const QUEUE: usize = 1024;

/// How many damaged records are remembered, so that each is reported once.
const REMEMBERED_DAMAGE: usize = 1000;

/// What is said to a writer.
pub(super) enum Message {
    Commit(Job),
    /// Try to bring the disk back; answered with whether it is.
    Recover(oneshot::Sender<bool>),
    /// A reader met damaged records.
    Damaged(Tree, Vec<Vec<u8>>),
    /// A reader could not read.
    Failed(Fault),
    /// Finish what is queued and stop; answered when done.
    Close(SyncSender<()>),
    /// Makes the writer panic, which nothing else can be made to do at will.
    #[cfg(test)]
    Panic,
}

/// Something to be committed as one.
pub(super) struct Job {
    pub(super) events: Vec<Stored>,
    pub(super) writes: Vec<Write>,
    pub(super) reply: Option<oneshot::Sender<Verdict>>,
    /// Its place in the queue, free again when the job is dropped.
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// Whether it is answered only when it would survive a power cut.
    pub(super) fn is_durable_at_once(&self) -> bool {
        !self.writes.is_empty() || self.events.iter().any(|stored| stored.event.kind.class().is_durable_at_once())
    }
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    /// It is on disk, as its class asks.
    pub(super) durable: bool,
    /// Its changes are kept, on disk or in memory.
    pub(super) kept: bool,
}

/// Where the journal counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) epoch: u64,
    /// The sequence that was given out last.
    pub(super) last: u64,
}

/// What writer and readers share.
pub(super) struct Shared {
    pub(super) options: StoreOptions,
    pub(super) told: watch::Sender<Position>,
    sequence: Mutex<Sequence>,
    engine: RwLock<Option<Engine>>,
    /// Whether readers may use the engine: one that is damaged or hangs is not to be touched.
    readable: AtomicBool,
    memory: Mutex<Memory>,
    status: Mutex<StoreStatus>,
    chain: Mutex<Option<Chain>>,
    damaged: Mutex<BTreeSet<(Tree, Vec<u8>)>>,
}

impl Shared {
    pub(super) fn new(options: StoreOptions, sequence: Sequence, status: StoreStatus) -> Self {
        let memory = Memory::new(options.memory);
        Self {
            options,
            told: watch::Sender::new(Position::default()),
            sequence: Mutex::new(sequence),
            engine: RwLock::new(None),
            readable: AtomicBool::new(false),
            memory: Mutex::new(memory),
            status: Mutex::new(status),
            chain: Mutex::new(None),
            damaged: Mutex::new(BTreeSet::new()),
        }
    }

    pub(super) fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        with(&mut locked(&self.memory))
    }

    pub(super) fn status<T>(&self, with: impl FnOnce(&mut StoreStatus) -> T) -> T {
        with(&mut locked(&self.status))
    }

    /// The end of the audit chain on disk.
    pub(super) fn chain<T>(&self, with: impl FnOnce(&mut Option<Chain>) -> T) -> T {
        with(&mut locked(&self.chain))
    }

    pub(super) fn sequence(&self) -> MutexGuard<'_, Sequence> {
        locked(&self.sequence)
    }

    /// Lets readers use the engine, or not.
    pub(super) fn set_readable(&self, readable: bool) {
        self.readable.store(readable, Ordering::Release);
    }

    /// Gives readers `engine`, and returns the one they had once none of them uses it. Waits for them a second at most.
    pub(super) fn exchange_engine(&self, engine: Option<Engine>) -> Result<Option<Engine>, Option<Engine>> {
        for _ in 0..100 {
            if let Ok(mut current) = self.engine.try_write() {
                return Ok(std::mem::replace(&mut *current, engine));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(engine)
    }

    /// Tells those who watch that there is an event at `position`.
    pub(super) fn tell(&self, position: Position) {
        self.told.send_if_modified(|told| {
            let further = position > *told;
            *told = position.max(*told);
            further
        });
    }

    /// Gives an event its place. The guard shows that nobody else does so meanwhile.
    pub(super) fn place(&self, sequence: &mut Sequence, trace: Option<TraceId>, kind: EventKind) -> Stored {
        sequence.last += 1;
        let position = Position { epoch: sequence.epoch, seq: sequence.last };
        let at = Stamp::now(&*self.options.clock, &self.options.boot);
        let mut event = Event { v: EVENT_FORMAT, position, at, trace, kind };
        let mut encoded = serde_json::to_vec(&event);
        if let Some(reason) = unfit(&encoded, event.kind.name()) {
            log::error!("{reason}");
            let class = event.kind.class();
            event.kind = EventKind::Gap { class, first: position, last: position, count: 1, reason };
            encoded = serde_json::to_vec(&event);
        }
        Stored { event, payload: encoded.unwrap_or_default().into() }
    }
}

/// Why an event cannot be stored as it is.
fn unfit(encoded: &Result<Vec<u8>, serde_json::Error>, name: &str) -> Option<String> {
    match encoded {
        Err(error) => Some(format!("an event `{name}` cannot be written as JSON: {error}")),
        Ok(bytes) if bytes.len() > MAX_PAYLOAD => {
            Some(format!("an event `{name}` of {} bytes is above the limit of {MAX_PAYLOAD} bytes", bytes.len()))
        }
        Ok(_) => None,
    }
}

/// A mutex's content, also after a panic elsewhere: each section leaves it whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer's end of the queue.
pub(super) struct Queue {
    pub(super) messages: Receiver<Message>,
    pub(super) pending: VecDeque<Message>,
}

impl Queue {
    /// Moves everything that is queued to `pending`.
    pub(super) fn drain(&mut self) {
        self.pending.extend(self.messages.try_iter());
    }
}

/// What all handles of a store have in common. The last one closes it.
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    sender: SyncSender<Message>,
    permits: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Core").field("path", &self.shared.options.path).finish_non_exhaustive()
    }
}

impl Core {
    pub(super) fn new(shared: Arc<Shared>) -> (Self, Queue) {
        // Twice the permits: what a reader or an owner says needs none and is dropped only when there is a flood of it.
        let (sender, messages) = sync_channel(2 * QUEUE);
        let core = Self { shared, sender, permits: Arc::new(Semaphore::new(QUEUE)), thread: Mutex::new(None) };
        (core, Queue { messages, pending: VecDeque::new() })
    }

    /// Says something to the writer, if it is there and not flooded.
    pub(super) fn say(&self, message: Message) -> bool {
        self.sender.try_send(message).is_ok()
    }

    /// Appends one event.
    pub(super) async fn append(&self, trace: Option<&TraceId>, kind: EventKind) -> (Event, bool) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (reply, verdict) = oneshot::channel();
        let event = {
            let mut sequence = self.shared.sequence();
            let stored = self.shared.place(&mut sequence, trace.cloned(), kind);
            let event = stored.event.clone();
            self.queue(Job { events: vec![stored], writes: Vec::new(), reply: Some(reply), _permit: permit });
            event
        };
        let durable = verdict.await.unwrap_or_default().durable;
        (event, durable)
    }

    /// Commits events and changes as one.
    pub(super) async fn commit(
        &self,
        kinds: Vec<(Option<TraceId>, EventKind)>,
        writes: Vec<Write>,
    ) -> (Vec<Event>, Verdict) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (reply, verdict) = oneshot::channel();
        let events = {
            let mut sequence = self.shared.sequence();
            let place = |(trace, kind)| self.shared.place(&mut sequence, trace, kind);
            let stored: Vec<Stored> = kinds.into_iter().map(place).collect();
            let events = stored.iter().map(|stored| stored.event.clone()).collect();
            self.queue(Job { events: stored, writes, reply: Some(reply), _permit: permit });
            events
        };
        (events, verdict.await.unwrap_or_default())
    }

    /// Queues a job whose events have their places. With the writer gone they are held in memory.
    fn queue(&self, job: Job) {
        let message = match self.sender.try_send(Message::Commit(job)) {
            Ok(()) => return,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => message,
        };
        if let Message::Commit(job) = message {
            let kept = self.shared.memory(|memory| memory.change(&job.writes));
            for stored in job.events {
                let position = stored.event.position;
                self.shared.memory(|memory| memory.add(stored));
                self.shared.tell(position);
            }
            if let Some(reply) = job.reply {
                // The caller may have gone.
                reply.send(Verdict { durable: false, kept }).ok();
            }
        }
    }

    /// Keeps the writer's thread.
    pub(super) fn own(&self, thread: JoinHandle<()>) {
        *locked(&self.thread) = Some(thread);
    }

    /// Tells the writer to stop and waits for its end, at most `limit`. Whether it ended.
    pub(super) fn close(&self, limit: Duration) -> bool {
        let Some(thread) = locked(&self.thread).take() else { return true };
        let (done, closed) = sync_channel(1);
        // Its end is seen by the channel's: the sender goes with the writer.
        let ended = !self.say(Message::Close(done)) || closed.recv_timeout(limit) != Err(RecvTimeoutError::Timeout);
        if ended && thread.join().is_err() {
            log::error!("the store's writer panicked while it closed");
        }
        ended
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close(super::CLOSE_WAIT);
    }
}

/// The bytes of a record's payload, or why it cannot be stored.
pub(super) fn payload<T: serde::Serialize>(tree: Tree, key: &str, value: &T) -> Result<Arc<[u8]>, StoreError> {
    check_key(tree, key)?;
    let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Unfit {
        tree: tree.name(),
        key: key.to_owned(),
        why: error.to_string(),
    })?;
    if bytes.len() > MAX_PAYLOAD {
        let why = format!("{} bytes are above the limit of {MAX_PAYLOAD}", bytes.len());
        return Err(StoreError::Unfit { tree: tree.name(), key: key.to_owned(), why });
    }
    Ok(bytes.into())
}

/// Whether `key` can be a key.
pub(super) fn check_key(tree: Tree, key: &str) -> Result<(), StoreError> {
    let why = match key.len() {
        0 => "a key is not empty".to_owned(),
        length if length > record::MAX_KEY => format!("a key has {} bytes at most", record::MAX_KEY),
        _ => return Ok(()),
    };
    Err(StoreError::Unfit { tree: tree.name(), key: key.chars().take(40).collect(), why })
}
