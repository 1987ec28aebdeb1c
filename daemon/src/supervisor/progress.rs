//! Who shows progress.
//!
//! Each loop has a [`Pulse`] that it beats; [`Progress::check`] says who has been silent for longer than its limit, and
//! writes it into the health register once when it begins and once when it ends. Time is that of the clock argument.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use victus_agent::health::{Health, LoopState};
use victus_hw::clock::Clock;

use super::LoopSpec;

/// The handle by which a loop shows progress. Cheap, and safe to call from anywhere.
#[derive(Clone)]
pub struct Pulse {
    clock: Arc<dyn Clock>,
    last_ms: Arc<AtomicU64>,
}

impl Pulse {
    /// A pulse that beats for the first time now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let pulse = Self { clock, last_ms: Arc::new(AtomicU64::new(0)) };
        pulse.beat();
        pulse
    }

    /// Shows progress.
    pub fn beat(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// How long the last beat is ago, in whole milliseconds.
    pub fn silent_for(&self) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().since_boot().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A loop that has been silent for longer than its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The loop's name.
    pub name: String,
    /// Whether the appliance is of no use without it.
    pub required: bool,
    /// How long it has been silent.
    pub silent_for: Duration,
}

/// One loop, as the check sees it.
pub(super) struct Record {
    pub(super) name: Arc<str>,
    pub(super) pulse: Pulse,
    required: bool,
    limit: Option<Duration>,
    ended: AtomicBool,
    /// The state before the loop fell silent.
    before: Mutex<Option<LoopState>>,
}

impl Record {
    /// The loop was stopped; its silence means nothing.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn silence(&self) -> Option<String> {
        self.limit.map(|limit| format!("has shown no progress for more than {:.1} s", limit.as_secs_f64()))
    }
}

/// The check over all loops.
#[derive(Clone)]
pub struct Progress {
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    records: Arc<Mutex<Vec<Arc<Record>>>>,
}

impl Progress {
    pub(super) fn new(clock: Arc<dyn Clock>, health: Arc<Health>) -> Self {
        Self { clock, health, records: Arc::default() }
    }

    pub(super) fn enter(&self, spec: &LoopSpec) -> Arc<Record> {
        let record = Arc::new(Record {
            name: spec.name.clone(),
            pulse: Pulse::new(self.clock.clone()),
            required: spec.required,
            limit: spec.limit,
            ended: AtomicBool::new(false),
            before: Mutex::new(None),
        });
        lock(&self.records).push(record.clone());
        record
    }

    /// The names of the loops that have not ended.
    pub(super) fn running(&self) -> Vec<String> {
        lock(&self.records).iter().filter(|record| !record.has_ended()).map(|record| record.name.to_string()).collect()
    }

    /// Who is overdue, required or not.
    pub fn check(&self) -> Vec<Overdue> {
        let records: Vec<Arc<Record>> = lock(&self.records).clone();
        records.iter().filter_map(|record| self.check_one(record)).collect()
    }

    fn check_one(&self, record: &Record) -> Option<Overdue> {
        let (limit, silence) = (record.limit?, LoopState::Down(record.silence()?));
        let silent_for = record.pulse.silent_for();
        let mut before = lock(&record.before);
        if record.has_ended() || silent_for <= limit {
            if let Some(before) = before.take()
                && self.health.get(&record.name) == Some(silence)
            {
                self.health.set(&record.name, before);
                log::info!(name = &*record.name; "loop shows progress again");
            }
            return None;
        }
        // A loop that waits for its next start is down already, for a better reason.
        let state = self.health.get(&record.name).filter(|state| !matches!(state, LoopState::Down(_)));
        if let Some(state) = state {
            log::error!(name = &*record.name; "loop has shown no progress for {:.1} s", silent_for.as_secs_f64());
            *before = Some(state);
            self.health.set(&record.name, silence);
        }
        Some(Overdue { name: record.name.to_string(), required: record.required, silent_for })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
