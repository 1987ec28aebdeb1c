//! Running what is due.
//!
//! Owns the loop, the verdict on a schedule (not due, due, missed) and the order of a run: what is begun is stored, then the
//! steps are run, then the end is stored with its event. Each of the two stores is one commit, so that a process that is
//! killed in between leaves either a schedule that has not begun or one whose outcome is uncertain.

use std::sync::{PoisonError, Weak};
use std::time::Duration;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;
use victus_hw::clock::ClockTrust;

use super::schedule::Begun;
use super::{GRACE, MAX_DATES, RunOutcome, Schedule, Schedules, When, due, permitted, timestamp};
use crate::event::{EventKind, Stamp, TraceId};
use crate::tool::{CallContext, CallStatus, Caller};
use crate::turn::OnFailure;

/// How often the loop looks at the clock while nothing is due: so much later a leap of the wall clock is noticed.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How long is waited where what is due could not be begun.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What is to be done with a schedule now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Wait,
    /// Times of day count from now on: the clock was set for the first time, or back.
    Reckon,
    /// It is due, for that date where it is due at a time of day.
    Due { date: Option<Date>, late_ms: u64, missed: u32 },
    /// It was due so often, the last time too long ago.
    Missed { late_ms: u64, count: u32 },
}

impl Schedules {
    /// Runs schedules as they are due, until `shutdown`; calls `progress` at least every few seconds and before each step.
    pub async fn run(&self, progress: impl Fn(), shutdown: CancellationToken) {
        self.settle_interrupted().await;
        loop {
            progress();
            self.run_due(&progress).await;
            let wait = match self.until_next() {
                Some(Duration::ZERO) => RETRY_INTERVAL,
                Some(left) => left.min(PROGRESS_INTERVAL),
                None => PROGRESS_INTERVAL,
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Records runs that were cut off as uncertain. They are not run again.
    pub async fn settle_interrupted(&self) {
        for schedule in self.list() {
            if schedule.running.is_some() {
                self.settle(&schedule, RunOutcome::Uncertain).await;
            }
        }
    }

    /// Runs every schedule that is due by now.
    pub async fn run_due(&self, progress: &impl Fn()) {
        for schedule in self.list() {
            match self.verdict(&schedule, &self.now()) {
                Verdict::Wait => {}
                Verdict::Reckon => self.reckon(&schedule).await,
                Verdict::Missed { late_ms, count } => self.miss(&schedule, late_ms, count).await,
                Verdict::Due { date, late_ms, missed } => {
                    if let Some(begun) = self.begin(&schedule, date, late_ms, missed).await {
                        let outcome = self.perform(&begun, progress).await;
                        self.settle(&begun, outcome).await;
                    }
                }
            }
        }
    }

    /// What is to be done with a schedule at that moment.
    pub(super) fn verdict(&self, schedule: &Schedule, now: &Stamp) -> Verdict {
        if !schedule.enabled || schedule.running.is_some() {
            return Verdict::Wait;
        }
        let (date, late_ms, count) = match &schedule.when {
            When::After { left_ms, as_of } => match as_of.milliseconds_until(now).checked_sub(*left_ms) {
                Some(late_ms) => (None, late_ms, 1),
                None => return Verdict::Wait,
            },
            When::Once { .. } | When::Weekly { .. } => {
                if now.trust == ClockTrust::Unset {
                    return Verdict::Wait;
                }
                let Some(considered) = schedule.considered_ms.filter(|at| *at <= now.wall_ms) else {
                    return Verdict::Reckon;
                };
                let (stretch, zone) = ((timestamp(considered), timestamp(now.wall_ms)), &self.parts.time_zone);
                let Some(pending) = due::pending(&schedule.when, &schedule.ran, stretch, zone) else {
                    return Verdict::Wait;
                };
                let late_ms = now.wall_ms.saturating_sub(pending.at.as_millisecond());
                (Some(pending.date), u64::try_from(late_ms).unwrap_or(0), pending.count)
            }
        };
        if u128::from(late_ms) <= GRACE.as_millis() {
            Verdict::Due { date, late_ms, missed: count.saturating_sub(1) }
        } else {
            Verdict::Missed { late_ms, count }
        }
    }

    /// Lets times of day count from just before now, so that what is due at this instant is due.
    async fn reckon(&self, seen: &Schedule) {
        let _changing = self.changing.lock().await;
        let Some(mut schedule) = self.unchanged(seen) else { return };
        schedule.considered_ms = Some(self.now().wall_ms.saturating_sub(1));
        self.log_failure(&schedule, self.keep(&schedule, None, None).await);
    }

    async fn miss(&self, seen: &Schedule, late_ms: u64, count: u32) {
        let _changing = self.changing.lock().await;
        let Some(mut schedule) = self.unchanged(seen) else { return };
        let event = missed(&schedule, late_ms, count);
        schedule.considered_ms = Some(self.now().wall_ms);
        let kept = match schedule.when {
            When::Weekly { .. } => self.keep(&schedule, None, Some(event)).await,
            When::After { .. } | When::Once { .. } => self.drop(&schedule, None, event).await,
        };
        self.log_failure(&schedule, kept);
    }

    /// Stores that a run begins; none where the schedule has changed or it cannot be stored, and nothing may be run then.
    pub(super) async fn begin(
        &self,
        seen: &Schedule,
        date: Option<Date>,
        late_ms: u64,
        missed_before: u32,
    ) -> Option<Schedule> {
        let _changing = self.changing.lock().await;
        let mut schedule = self.unchanged(seen)?;
        let event = (missed_before > 0).then(|| missed(&schedule, late_ms, missed_before));
        schedule.considered_ms = super::considered(&self.now());
        schedule.ran.extend(date);
        while schedule.ran.len() > MAX_DATES {
            schedule.ran.pop_first();
        }
        schedule.running = Some(Begun { trace: self.new_trace(), late_ms });
        let kept = self.keep(&schedule, None, event).await;
        let is_kept = kept.is_ok();
        self.log_failure(&schedule, kept);
        is_kept.then_some(schedule)
    }

    /// Runs the steps in order, up to the first that is not done and may not be passed over.
    pub(super) async fn perform(&self, schedule: &Schedule, progress: &impl Fn()) -> RunOutcome {
        let Some(tools) = self.tools.get().and_then(Weak::upgrade) else { return RunOutcome::Failed };
        let role = schedule.made_by.role;
        if let Err(reason) = permitted::check(&schedule.steps, role, &tools) {
            log::warn!(schedule = schedule.id.as_str(); "a schedule may not be run: {reason}");
            return RunOutcome::Refused;
        }
        let Some(begun) = &schedule.running else { return RunOutcome::Failed };
        let context = CallContext::new(Caller::schedule(&schedule.id, role), begun.trace.clone());
        let mut outcome = RunOutcome::Done;
        for step in &schedule.steps {
            progress();
            let came_of_it = match tools.call(&step.tool, step.args.clone(), &context).await.status {
                CallStatus::Done => continue,
                CallStatus::Refused { .. } => RunOutcome::Refused,
                CallStatus::Failed { .. } => RunOutcome::Failed,
            };
            if outcome == RunOutcome::Done {
                outcome = came_of_it;
            }
            if step.on_failure != OnFailure::Skip {
                break;
            }
        }
        outcome
    }

    /// Stores what came of a run. What is due once is gone with it.
    pub(super) async fn settle(&self, begun: &Schedule, outcome: RunOutcome) {
        let _changing = self.changing.lock().await;
        let Some(Begun { trace, late_ms }) = begun.running.clone() else { return };
        let name = begun.label().map(str::to_owned);
        let event = EventKind::ScheduleRan { schedule: begun.id.clone(), name, outcome, late_ms };
        // It may have been changed or deleted while it ran.
        let Some(mut schedule) = self.lock().get(&begun.id).filter(|it| it.running == begun.running).cloned() else {
            self.parts.store.journal().append(Some(&trace), event).await;
            return;
        };
        schedule.running = None;
        schedule.last = Some(outcome);
        let kept = match schedule.when {
            When::Weekly { .. } => self.keep(&schedule, Some(&trace), Some(event)).await,
            When::After { .. } | When::Once { .. } => self.drop(&schedule, Some(&trace), event).await,
        };
        self.log_failure(&schedule, kept);
    }

    /// The schedule as it is known, unless it was changed or deleted since it was seen.
    fn unchanged(&self, seen: &Schedule) -> Option<Schedule> {
        self.lock().get(&seen.id).filter(|known| *known == seen).cloned()
    }

    fn log_failure(&self, schedule: &Schedule, kept: Result<(), crate::store::StoreError>) {
        if let Err(error) = kept {
            log::error!(schedule = schedule.id.as_str(); "a schedule could not be stored: {error}");
        }
    }

    fn new_trace(&self) -> TraceId {
        let mut random = self.parts.random.lock().unwrap_or_else(PoisonError::into_inner);
        TraceId::from_random((u128::from(random.next_u64()) << 64) | u128::from(random.next_u64()))
    }

    /// How long it is until something is due, by the clocks as they stand.
    fn until_next(&self) -> Option<Duration> {
        let now = self.now();
        let until = |schedule: &Schedule| {
            if schedule.running.is_some() {
                return None;
            }
            if let Some(left) = schedule.left_ms(&now) {
                return schedule.enabled.then(|| Duration::from_millis(left));
            }
            let at = self.next(schedule)?.timestamp().as_millisecond();
            Some(Duration::from_millis(u64::try_from(at.saturating_sub(now.wall_ms)).unwrap_or(0)))
        };
        self.list().iter().filter_map(until).min()
    }
}

fn missed(schedule: &Schedule, late_ms: u64, count: u32) -> EventKind {
    let name = schedule.label().map(str::to_owned);
    EventKind::ScheduleMissed { schedule: schedule.id.clone(), name, count, late_ms }
}
