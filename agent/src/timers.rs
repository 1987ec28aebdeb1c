//! Timers: durable, several, named.
//!
//! Owns every running timer and the moment at which it finishes. A timer counts on monotonic time; over a reboot, where
//! monotonic time begins anew, it goes on by wall time, and by at most its own length if the wall clock is not to be
//! believed. A timer is durable before its start is acknowledged. A timer that ran out while the appliance was off
//! finishes at start, and says how late. Leaves speech and light to whoever reads the `timer_finished` events.
//!
//! # Format
//!
//! Table `timers`, key = timer id, value = [`Timer`] as JSON.

pub mod tools;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use victus_hw::clock::Clock;

use crate::event::{BootId, EventKind, Stamp, TraceId};
use crate::store::{Store, StoreError, TableName};

/// How many timers may run at once.
pub const MAX_TIMERS: usize = 100;

/// The longest timer.
pub const MAX_DURATION: Duration = Duration::from_secs(99 * 3600);

/// How often the loop looks at the clock while no timer is due.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Why a timer was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TimerError {
    /// It would have less than a second left, or nothing.
    #[error("it has only {left_seconds} seconds left; cancel it instead")]
    Left {
        /// What it has left.
        left_seconds: u64,
    },
    /// There are too many.
    #[error("{MAX_TIMERS} timers run already; cancel one first")]
    TooMany,
    /// Zero, or longer than [`MAX_DURATION`].
    #[error("a timer runs from 1 second to 99 hours")]
    Duration,
    /// No timer has that id or name.
    #[error("there is no such timer")]
    Unknown,
    /// It could not be stored.
    #[error("the timer could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// A timer as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// How long it was set for, in milliseconds.
    pub total_ms: u64,
    /// What is left, in milliseconds, at `as_of`; the whole truth while it is paused.
    pub left_ms: u64,
    /// Whether it stands still.
    pub paused: bool,
    /// When `left_ms` was true.
    pub as_of: Stamp,
}

/// The timers of the appliance.
pub struct Timers {
    running: Mutex<BTreeMap<String, Timer>>,
    changed: Notify,
    store: Store,
    clock: Arc<dyn Clock>,
    boot: BootId,
}

impl Timers {
    /// The timers that the store knows, brought forward to now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(store: Store, clock: Arc<dyn Clock>, boot: BootId) -> Result<Self, StoreError> {
        let stored = store.table(TableName::Timers).entries::<Timer>(MAX_TIMERS)?;
        let timers = Self { running: Mutex::default(), changed: Notify::new(), store, clock, boot };
        let now = timers.now();
        let running = stored.into_iter().map(|(id, timer)| (id, brought_forward(timer, &now))).collect();
        *timers.lock() = running;
        Ok(timers)
    }

    /// All timers as they stand, the next to finish first.
    pub fn list(&self) -> Vec<Timer> {
        let now = self.now();
        let mut timers: Vec<Timer> =
            self.lock().values().map(|timer| Timer { left_ms: left_ms(timer, &now), ..timer.clone() }).collect();
        timers.sort_by_key(|timer| (timer.paused, timer.left_ms));
        timers
    }

    /// Starts a timer. It is durable when this returns.
    ///
    /// # Errors
    /// Too many run, the duration is out of range, or the store fails.
    pub async fn start(
        &self,
        id: String,
        name: Option<String>,
        duration: Duration,
        trace: Option<&TraceId>,
    ) -> Result<Timer, TimerError> {
        if duration < Duration::from_secs(1) || duration > MAX_DURATION {
            return Err(TimerError::Duration);
        }
        let left_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let timer = Timer { id, name, total_ms: left_ms, left_ms, paused: false, as_of: self.now() };
        if self.lock().len() >= MAX_TIMERS {
            return Err(TimerError::TooMany);
        }
        self.put(&timer).await?;
        let kind =
            EventKind::TimerStarted { timer: timer.id.clone(), name: timer.name.clone(), seconds: duration.as_secs() };
        self.store.journal().append(trace, kind).await;
        Ok(timer)
    }

    /// Pauses or resumes a timer.
    ///
    /// # Errors
    /// There is no such timer, or the store fails.
    pub async fn set_paused(&self, id: &str, paused: bool, trace: Option<&TraceId>) -> Result<Timer, TimerError> {
        let now = self.now();
        let timer = self.lock().get(id).cloned().ok_or(TimerError::Unknown)?;
        let timer = Timer { paused, ..brought_forward(timer, &now) };
        self.put(&timer).await?;
        let state = if paused { "paused" } else { "resumed" }.to_owned();
        self.store.journal().append(trace, EventKind::TimerChanged { timer: timer.id.clone(), state }).await;
        Ok(timer)
    }

    /// Lets a timer run longer, or shorter where `by_seconds` is negative. A paused one stays so.
    ///
    /// # Errors
    /// There is no such timer, it would have less than a second or more than [`MAX_DURATION`] left, or the store fails.
    pub async fn change(&self, id: &str, by_seconds: i64, trace: Option<&TraceId>) -> Result<Timer, TimerError> {
        let now = self.now();
        let timer = self.lock().get(id).cloned().ok_or(TimerError::Unknown)?;
        let timer = brought_forward(timer, &now);
        let left = left_ms(&timer, &now);
        let by_ms = by_seconds.saturating_mul(1000);
        let left_ms = left.saturating_add_signed(by_ms);
        if left_ms < 1000 {
            return Err(TimerError::Left { left_seconds: left.div_ceil(1000) });
        }
        if u128::from(left_ms) > MAX_DURATION.as_millis() {
            return Err(TimerError::Duration);
        }
        let total_ms = timer.total_ms.saturating_add_signed(by_ms).max(left_ms);
        let timer = Timer { left_ms, total_ms, as_of: now, ..timer };
        self.put(&timer).await?;
        let state = if by_seconds < 0 { "shortened" } else { "extended" }.to_owned();
        self.store.journal().append(trace, EventKind::TimerChanged { timer: timer.id.clone(), state }).await;
        Ok(timer)
    }

    /// Cancels a timer.
    ///
    /// # Errors
    /// There is no such timer, or the store fails.
    pub async fn cancel(&self, id: &str, trace: Option<&TraceId>) -> Result<(), TimerError> {
        if self.lock().remove(id).is_none() {
            return Err(TimerError::Unknown);
        }
        self.store.table(TableName::Timers).remove(id).await?;
        let kind = EventKind::TimerChanged { timer: id.to_owned(), state: "cancelled".to_owned() };
        self.store.journal().append(trace, kind).await;
        self.changed.notify_one();
        Ok(())
    }

    /// Finishes timers as they run out, until `shutdown`; calls `progress` at least every few seconds.
    pub async fn run(&self, progress: impl Fn(), shutdown: CancellationToken) {
        loop {
            progress();
            self.finish_due().await;
            let wait = self.next_due().map_or(PROGRESS_INTERVAL, |left| left.min(PROGRESS_INTERVAL));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Finishes every timer that has run out by now.
    pub async fn finish_due(&self) {
        let now = self.now();
        let due: Vec<(Timer, u64)> = self.lock().values().filter_map(|timer| lateness(timer, &now)).collect();
        for (timer, late_ms) in due {
            // The event comes first: a timer that is announced twice after a power cut is better than one never heard.
            let kind = EventKind::TimerFinished { timer: timer.id.clone(), name: timer.name.clone(), late_ms };
            self.store.journal().append(None, kind).await;
            self.lock().remove(&timer.id);
            if let Err(error) = self.store.table(TableName::Timers).remove(&timer.id).await {
                log::error!(timer = timer.id.as_str(); "a finished timer could not be removed: {error}");
            }
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let next = self.list().into_iter().find(|timer| !timer.paused)?;
        Some(Duration::from_millis(next.left_ms))
    }

    async fn put(&self, timer: &Timer) -> Result<(), StoreError> {
        self.store.table(TableName::Timers).put(&timer.id, timer).await?;
        self.lock().insert(timer.id.clone(), timer.clone());
        self.changed.notify_one();
        Ok(())
    }

    fn now(&self) -> Stamp {
        Stamp::now(self.clock.as_ref(), &self.boot)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Timer>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_ms(timer: &Timer, now: &Stamp) -> u64 {
    if timer.paused { timer.left_ms } else { timer.left_ms.saturating_sub(timer.as_of.milliseconds_until(now)) }
}

/// The same timer counted from `now`. One that ran out keeps its moment, so that it can say how late it is.
fn brought_forward(timer: Timer, now: &Stamp) -> Timer {
    match left_ms(&timer, now) {
        0 => timer,
        left_ms => Timer { left_ms, as_of: now.clone(), ..timer },
    }
}

fn lateness(timer: &Timer, now: &Stamp) -> Option<(Timer, u64)> {
    let elapsed = timer.as_of.milliseconds_until(now);
    (!timer.paused && elapsed >= timer.left_ms).then(|| (timer.clone(), elapsed - timer.left_ms))
}

#[cfg(test)]
mod tests;
