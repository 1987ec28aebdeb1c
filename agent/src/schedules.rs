//! Schedules: what is to be done later, once or again and again.
//!
//! Owns every schedule: when it is due, the steps that are run then, and what is known of its runs. The steps were planned
//! when the schedule was made and name entities by id; they are run by the tool runtime as [`Source::Schedule`] with the
//! role of whoever made it. Leaves to `due` the arithmetic of dates, to `run` the running, to `permitted` what may be
//! scheduled, and the understanding of "every weekday at six" to the orchestrator.
//!
//! # When a schedule is due
//!
//! * **After a time** ("in ten minutes"): counted as a timer is, by monotonic time; over a reboot by wall time, and not at
//!   all where the wall clock is not to be believed. It is due once.
//! * **At a time of day**, on one date or on every date that falls on one of some weekdays, in the appliance's time zone.
//!   It is due at the first instant at which a calendar clock there shows that date and time or later. A time that the
//!   zone skips is therefore due when the clock leaps over it, and one that comes twice is due the first time only. It is
//!   due once for each date. While the clock has never been set, nothing is due at a time of day.
//!
//! # What is run
//!
//! * What is due is run if that is at most [`GRACE`] ago, else it is missed: that is recorded (`schedule_missed`) and
//!   nothing is run. Where the clock leapt over several due times, or the appliance was off for them, the last is run if it
//!   is within the grace, and the others count as missed.
//! * A schedule is not run twice for one date, whatever the wall clock does: the date is stored before the first step is
//!   run. It is remembered for the last [`MAX_DATES`] runs. A date that was missed may still be run if the clock goes back
//!   before it.
//! * A run that was cut off is not run again. At the next start its outcome is `uncertain`.
//! * Where the disk refuses, all this is held in memory, and holds until the process ends.
//! * Schedules that are due at once are run one after the other, the one with the smallest id first. The steps of one are
//!   run in order, up to the first that is not done and may not be passed over (`on_failure`).
//! * What is due once is deleted when it was run or missed.
//! * A schedule that is disabled is not due. What falls due meanwhile is not missed; a counted time stands still.
//!
//! # Format
//!
//! Table `schedules`, key = schedule id, value = [`Schedule`] as JSON. A database that is set aside takes its schedules with it,
//! as it does timers: an outdated copy could do what was deleted.

mod due;
mod permitted;
mod run;
mod schedule;
pub mod tools;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rand::Rng;
use tokio::sync::Notify;
use victus_hw::clock::{Clock, ClockTrust};

use crate::event::{BootId, EventKind, Stamp, TraceId};
use crate::store::{Batch, Store, StoreError, TableName};
#[cfg(doc)]
use crate::tool::Source;
use crate::tool::runtime::ToolRuntime;

pub(crate) use due::instant;

pub use schedule::{Asked, AskedDay, Day, NewSchedule, RunOutcome, Schedule, When};

/// How many schedules there may be.
pub const MAX_SCHEDULES: usize = 100;

/// How many steps a schedule may have: one for each entity of a large appliance.
pub const MAX_STEPS: usize = 256;

/// The longest time after which something is done; as long as the longest timer.
pub const MAX_DELAY: Duration = crate::timers::MAX_DURATION;

/// How late a schedule is still run. Long enough for a reboot, short enough that what was meant for six is not done at noon.
pub const GRACE: Duration = Duration::from_secs(10 * 60);

/// How many dates of its runs a schedule remembers: a year of days and a month.
pub const MAX_DATES: usize = 400;

/// Why a schedule was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There are too many.
    #[error("there are {MAX_SCHEDULES} schedules already; delete one first")]
    TooMany,
    /// The time until it is due is zero or longer than [`MAX_DELAY`].
    #[error("something can be done after 1 second to 99 hours")]
    Delay,
    /// The date and time are over.
    #[error("that time is over")]
    Over,
    /// A date is needed, and the clock has never been set.
    #[error("the time is not known: the clock has never been set")]
    ClockUnknown,
    /// No schedule has that id or name.
    #[error("there is no such schedule")]
    Unknown,
    /// It could not be stored.
    #[error("the schedule could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// What the schedules work with.
pub struct SchedulesParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// This boot of the machine.
    pub boot: BootId,
    /// The time zone of their times of day.
    pub time_zone: TimeZone,
    /// Where ids come from.
    pub random: Arc<Mutex<dyn Rng + Send>>,
}

/// The schedules of the appliance.
pub struct Schedules {
    known: Mutex<BTreeMap<String, Schedule>>,
    /// Held over every change, so that what is stored and what is known are alike.
    changing: tokio::sync::Mutex<()>,
    changed: Notify,
    parts: SchedulesParts,
    tools: OnceLock<Weak<ToolRuntime>>,
}

impl Schedules {
    /// The schedules that the store knows.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(parts: SchedulesParts) -> Result<Self, StoreError> {
        let stored = parts.store.table(TableName::Schedules).entries::<Schedule>(MAX_SCHEDULES)?;
        let now = Stamp::now(parts.clock.as_ref(), &parts.boot);
        let known = stored.into_iter().map(|(id, schedule)| (id, schedule.brought_forward(&now))).collect();
        Ok(Self {
            known: Mutex::new(known),
            changing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            parts,
            tools: OnceLock::new(),
        })
    }

    /// Says by which tools steps are run. Only the first call counts; without it nothing can be scheduled or run.
    pub fn use_tools(&self, tools: &Arc<ToolRuntime>) {
        self.tools.get_or_init(|| Arc::downgrade(tools));
    }

    /// All schedules, by id.
    pub fn list(&self) -> Vec<Schedule> {
        self.lock().values().cloned().collect()
    }

    /// What is left until a schedule that counts is due; none for a time of day.
    pub fn left(&self, schedule: &Schedule) -> Option<Duration> {
        schedule.left_ms(&self.now()).map(Duration::from_millis)
    }

    /// When a schedule is next due at a time of day; none for one that counts, that is disabled or over, or while the clock
    /// has never been set.
    pub fn next(&self, schedule: &Schedule) -> Option<Zoned> {
        let now = self.now();
        let known = schedule.enabled && now.trust > ClockTrust::Unset;
        let next = due::next(&schedule.when, &schedule.ran, timestamp(now.wall_ms), &self.parts.time_zone);
        Some(next.filter(|_| known)?.to_zoned(self.parts.time_zone.clone()))
    }

    /// Makes a schedule. It is durable when this returns. What its steps may be is for the caller to check.
    ///
    /// # Errors
    /// There are too many, its time is out of range or over, the clock is not set where a date is needed, or the store
    /// fails.
    pub async fn create(&self, new: NewSchedule, trace: Option<&TraceId>) -> Result<Schedule, ScheduleError> {
        let _changing = self.changing.lock().await;
        if self.lock().len() >= MAX_SCHEDULES {
            return Err(ScheduleError::TooMany);
        }
        let now = self.now();
        let schedule = Schedule {
            id: format!("schedule-{:08x}", self.random()),
            name: new.name,
            command: new.command,
            when: self.when(new.asked, &now)?,
            steps: new.steps,
            enabled: true,
            made_by: new.made_by,
            last: None,
            considered_ms: considered(&now),
            ran: Default::default(),
            running: None,
        };
        let (id, name) = (schedule.id.clone(), schedule.label().map(str::to_owned));
        self.keep(&schedule, trace, Some(EventKind::ScheduleCreated { schedule: id, name })).await?;
        Ok(schedule)
    }

    /// Enables or disables a schedule.
    ///
    /// # Errors
    /// There is no such schedule, or the store fails.
    pub async fn set_enabled(
        &self,
        id: &str,
        enabled: bool,
        trace: Option<&TraceId>,
    ) -> Result<Schedule, ScheduleError> {
        let _changing = self.changing.lock().await;
        let before = self.lock().get(id).cloned().ok_or(ScheduleError::Unknown)?;
        if before.enabled == enabled {
            return Ok(before);
        }
        let now = self.now();
        let mut schedule = before.brought_forward(&now);
        if let When::After { as_of, .. } = &mut schedule.when {
            *as_of = now.clone();
        }
        schedule.enabled = enabled;
        schedule.considered_ms = considered(&now);
        let state = if enabled { "enabled" } else { "disabled" };
        self.keep(&schedule, trace, Some(changed(&schedule, state))).await?;
        Ok(schedule)
    }

    /// Deletes a schedule. A run that has begun goes on.
    ///
    /// # Errors
    /// There is no such schedule, or the store fails.
    pub async fn delete(&self, id: &str, trace: Option<&TraceId>) -> Result<Schedule, ScheduleError> {
        let _changing = self.changing.lock().await;
        let schedule = self.lock().get(id).cloned().ok_or(ScheduleError::Unknown)?;
        self.drop(&schedule, trace, changed(&schedule, "deleted")).await?;
        Ok(schedule)
    }

    /// When that is, from now.
    fn when(&self, asked: Asked, now: &Stamp) -> Result<When, ScheduleError> {
        let (time, day) = match asked {
            Asked::After(delay) if delay < Duration::from_secs(1) || delay > MAX_DELAY => {
                return Err(ScheduleError::Delay);
            }
            Asked::After(delay) => {
                let left_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                return Ok(When::After { left_ms, as_of: now.clone() });
            }
            Asked::At(time, AskedDay::Every(days)) => return Ok(When::Weekly { days, time }),
            Asked::At(time, day) => (time, day),
        };
        if now.trust == ClockTrust::Unset {
            return Err(ScheduleError::ClockUnknown);
        }
        let (zone, at) = (&self.parts.time_zone, timestamp(now.wall_ms));
        let today = zone.to_datetime(at).date();
        let date = match day {
            AskedDay::Next => due::next_date(today, time, at, zone),
            AskedDay::FromToday(days) => today.checked_add(jiff::Span::new().days(days)).ok(),
            AskedDay::On(date) => Some(date),
            AskedDay::Every(_) => None,
        };
        let date = date.ok_or(ScheduleError::Over)?;
        let is_to_come = due::instant(date, time, zone).is_some_and(|due| due > at);
        if is_to_come { Ok(When::Once { date, time }) } else { Err(ScheduleError::Over) }
    }

    /// Stores a schedule, and the event that tells of it, as one.
    async fn keep(
        &self,
        schedule: &Schedule,
        trace: Option<&TraceId>,
        event: Option<EventKind>,
    ) -> Result<(), StoreError> {
        let batch = Batch::default().put(TableName::Schedules, &schedule.id, schedule)?;
        self.commit(event.into_iter().fold(batch, |batch, event| batch.event(trace, event))).await?;
        self.lock().insert(schedule.id.clone(), schedule.clone());
        self.changed.notify_one();
        Ok(())
    }

    /// Removes a schedule, and tells of it, as one.
    async fn drop(&self, schedule: &Schedule, trace: Option<&TraceId>, event: EventKind) -> Result<(), StoreError> {
        let batch = Batch::default().remove(TableName::Schedules, &schedule.id)?;
        self.commit(batch.event(trace, event)).await?;
        self.lock().remove(&schedule.id);
        self.changed.notify_one();
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.parts.store.commit(batch).await.kept { Ok(()) } else { Err(StoreError::MemoryFull) }
    }

    fn random(&self) -> u32 {
        self.parts.random.lock().unwrap_or_else(PoisonError::into_inner).next_u32()
    }

    fn now(&self) -> Stamp {
        Stamp::now(self.parts.clock.as_ref(), &self.parts.boot)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Schedule>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From when on times of day count.
fn considered(now: &Stamp) -> Option<i64> {
    (now.trust > ClockTrust::Unset).then_some(now.wall_ms)
}

/// Wall time as an instant; what is beyond the calendar is its end.
fn timestamp(unix_ms: i64) -> Timestamp {
    let end = if unix_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(unix_ms).unwrap_or(end)
}

fn changed(schedule: &Schedule, state: &str) -> EventKind {
    let name = schedule.label().map(str::to_owned);
    EventKind::ScheduleChanged { schedule: schedule.id.clone(), name, state: state.to_owned() }
}

#[cfg(test)]
mod tests;
