//! What begins runs by itself: times of day and entities.
//!
//! Owns when a trigger fires, and what is remembered of it over a restart. Promises:
//! * A schedule fires at most once for each local date, whatever the clock does. A local time that is skipped when the clock
//!   is put forward counts at the first instant after the gap; of one that comes twice the first counts. While the clock
//!   was never set, none fires. One that is more than [`GRACE`] late (the appliance was off, the clock has jumped) is passed
//!   over, and the log says so.
//! * An entity's trigger fires once each time that its condition becomes true and has then held for the stated time,
//!   measured on monotonic time; it is armed again when the condition is no longer true. A value that is not known is not
//!   true. After a restart the hold begins anew, and what has fired and still holds does not fire again.
//! * That a trigger has fired is stored with the run that it begins, in one commit.
//!
//! # Format
//!
//! Table `meta`, key `workflow_triggers`: an object of trigger key ([`TriggerKind::key`]) and its mark: of a schedule the
//! local date up to which it is dealt with, of an entity `fired` while it holds and has fired.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use victus_hw::clock::Monotonic;
use victus_hw::points::PointValue;

use super::catalogue::Catalogue;
use super::definition::{Hold, Schedule, Trigger, TriggerKind};
use super::run::Began;
use super::{Start, StartError, Workflows};
use crate::event::EventKind;
use crate::hours::zoned;
use crate::schedules;
use crate::store::{Batch, StoreError, TableName};

/// How late a schedule may fire.
pub const GRACE: Duration = Duration::from_secs(600);

const KEY: &str = "workflow_triggers";
const FIRED: &str = "fired";

/// The triggers and how far each has got.
pub(super) struct Triggers {
    catalogue: Arc<Catalogue>,
    marks: BTreeMap<String, String>,
    /// Since when the condition of an entity's trigger is true.
    holding: BTreeMap<String, Monotonic>,
    /// The last change of a point that was looked at.
    seen: u64,
}

/// A trigger that fires.
struct Fire {
    workflow: String,
    trigger: usize,
    began: Began,
}

impl Triggers {
    pub(super) fn load(all: &Workflows) -> Result<Self, StoreError> {
        let marks = all.parts.store.table(TableName::Meta).get(KEY)?.unwrap_or_default();
        let mut triggers = Self {
            catalogue: Arc::new(Catalogue::default()),
            marks,
            holding: BTreeMap::new(),
            seen: *all.parts.entities.points().watch().borrow(),
        };
        triggers.take(all);
        Ok(triggers)
    }

    /// Lets everything fire that is due.
    pub(super) async fn look(&mut self, all: &Workflows) {
        let before = self.marks.clone();
        if !Arc::ptr_eq(&self.catalogue, &all.catalogue()) {
            self.take(all);
        }
        let mut due = Vec::new();
        self.look_at_changes(all, &mut due);
        self.look_at_holds(all.parts.clock.monotonic(), &mut due);
        self.look_at_schedules(all, &mut due);
        let mut stored = false;
        for fire in due {
            stored = self.fire(all, fire).await;
        }
        if !stored && self.marks != before {
            match self.batch() {
                Ok(batch) => {
                    all.parts.store.commit(batch).await;
                }
                Err(error) => log::error!("what has fired cannot be stored: {error}"),
            }
        }
    }

    /// How long nothing fires by time.
    pub(super) fn until_due(&self, all: &Workflows) -> Option<Duration> {
        let now = all.parts.clock.monotonic();
        let of_holds = self.holds().filter_map(|(_, _, key, hold)| {
            let since = self.holding.get(&key).filter(|_| !self.marks.contains_key(&key))?;
            Some(hold.hold.saturating_sub(now.saturating_since(*since)))
        });
        of_holds.chain(self.until_schedule(all)).min()
    }

    /// Takes the workflows as they are now: forgets what is gone, and begins to hold what holds.
    fn take(&mut self, all: &Workflows) {
        self.catalogue = all.catalogue();
        let keys: Vec<String> = self.each().map(|(name, _, trigger)| trigger.kind.key(name)).collect();
        self.marks.retain(|key, _| keys.contains(key));
        self.holding.retain(|key, _| keys.contains(key));
        let (points, now) = (all.parts.entities.points(), all.parts.clock.monotonic());
        let found: Vec<(String, bool)> = self
            .holds()
            .map(|(_, _, key, hold)| (key, hold.fits(points.state(&hold.entity).and_then(|state| state.value))))
            .collect();
        for (key, fits) in found {
            if fits {
                self.holding.entry(key).or_insert(now);
            } else {
                self.holding.remove(&key);
                self.marks.remove(&key);
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (&String, usize, &Trigger)> {
        self.catalogue.workflows.iter().flat_map(|(name, workflow)| {
            workflow.definition.triggers.iter().enumerate().map(move |(at, trigger)| (name, at, trigger))
        })
    }

    fn holds(&self) -> impl Iterator<Item = (&String, usize, String, &Hold)> {
        self.each().filter_map(|(name, at, trigger)| match &trigger.kind {
            TriggerKind::Entity(hold) => Some((name, at, trigger.kind.key(name), hold)),
            _ => None,
        })
    }

    fn look_at_changes(&mut self, all: &Workflows, due: &mut Vec<Fire>) {
        let points = Arc::clone(all.parts.entities.points());
        let batch = points.changes_since(self.seen);
        if batch.lost > 0 {
            log::warn!(lost = batch.lost; "points changed faster than the triggers of workflows could be looked at");
        }
        for change in batch.changes {
            self.seen = change.seq;
            self.look_at_change(&change.point, change.value, change.at, due);
        }
        if batch.lost > 0 {
            self.take(all);
        }
    }

    fn look_at_change(&mut self, point: &str, value: Option<PointValue>, at: Monotonic, due: &mut Vec<Fire>) {
        // What was held for long enough until now fires even if it is over by now.
        self.look_at_holds(at, due);
        let catalogue = Arc::clone(&self.catalogue);
        for (name, workflow) in &catalogue.workflows {
            for (trigger, stated) in workflow.definition.triggers.iter().enumerate() {
                let TriggerKind::Entity(hold) = &stated.kind else { continue };
                if hold.entity != point {
                    continue;
                }
                let key = stated.kind.key(name);
                if !hold.fits(value) {
                    self.holding.remove(&key);
                    self.marks.remove(&key);
                    continue;
                }
                self.holding.entry(key.clone()).or_insert(at);
                if hold.hold.is_zero() && self.marks.insert(key, FIRED.to_owned()).is_none() {
                    let began = Began::Entity { entity: point.to_owned(), value };
                    due.push(Fire { workflow: name.clone(), trigger, began });
                }
            }
        }
    }

    fn look_at_holds(&mut self, now: Monotonic, due: &mut Vec<Fire>) {
        let ripe: Vec<(String, usize, String, String)> = self
            .holds()
            .filter(|(_, _, key, hold)| {
                let since = self.holding.get(key).filter(|_| !self.marks.contains_key(key));
                since.is_some_and(|since| now.saturating_since(*since) >= hold.hold)
            })
            .map(|(name, at, key, hold)| (name.clone(), at, key, hold.entity.clone()))
            .collect();
        for (workflow, trigger, key, entity) in ripe {
            self.marks.insert(key, FIRED.to_owned());
            due.push(Fire { workflow, trigger, began: Began::Entity { entity, value: None } });
        }
    }

    fn look_at_schedules(&mut self, all: &Workflows, due: &mut Vec<Fire>) {
        let Some((now, today)) = local(all) else { return };
        let zone = &all.parts.time_zone;
        let catalogue = Arc::clone(&self.catalogue);
        for (name, workflow) in &catalogue.workflows {
            for (trigger, stated) in workflow.definition.triggers.iter().enumerate() {
                let TriggerKind::Schedule(schedule) = &stated.kind else { continue };
                let key = stated.kind.key(name);
                let dealt_with = self.dealt_with(&key, schedule, zone, now, today);
                for date in [today.yesterday().ok(), Some(today)].into_iter().flatten() {
                    let Some(at) = instant(zone, date, schedule).filter(|at| date > dealt_with && *at <= now) else {
                        continue;
                    };
                    self.marks.insert(key.clone(), date.to_string());
                    let late = Duration::try_from(now.duration_since(at)).unwrap_or_default();
                    if late > GRACE {
                        log::warn!(
                            "the workflow `{name}` of {date} is passed over: it is {} minutes late",
                            late.as_secs() / 60
                        );
                        continue;
                    }
                    let at = format!("{:02}:{:02}", schedule.hour, schedule.minute);
                    due.push(Fire {
                        workflow: name.clone(),
                        trigger,
                        began: Began::Schedule { date: date.to_string(), at },
                    });
                }
            }
        }
    }

    /// The last local date that a schedule has nothing more to do with. One that is seen for the first time begins now; a
    /// mark that lies ahead was set by a clock that was wrong.
    fn dealt_with(&mut self, key: &str, schedule: &Schedule, zone: &TimeZone, now: Timestamp, today: Date) -> Date {
        let yesterday = today.yesterday().unwrap_or(today);
        let marked = self.marks.get(key).and_then(|mark| mark.parse::<Date>().ok());
        let ahead = today.tomorrow().unwrap_or(today);
        if let Some(marked) = marked.filter(|marked| *marked <= ahead) {
            return marked;
        }
        let passed = instant(zone, today, schedule).is_none_or(|at| at <= now);
        let dealt_with = if passed { today } else { yesterday };
        self.marks.insert(key.to_owned(), dealt_with.to_string());
        dealt_with
    }

    fn until_schedule(&self, all: &Workflows) -> Option<Duration> {
        let (now, today) = local(all)?;
        let zone = &all.parts.time_zone;
        let next = |schedule: &Schedule| {
            let days = [Some(today), today.tomorrow().ok()].into_iter().flatten();
            days.filter_map(|date| instant(zone, date, schedule)).find(|at| *at > now)
        };
        let schedules = self.each().filter_map(|(_, _, trigger)| match &trigger.kind {
            TriggerKind::Schedule(schedule) => next(schedule),
            _ => None,
        });
        schedules.min().map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default())
    }

    /// Begins a run, or says why not. Whether the marks were stored with it.
    async fn fire(&self, all: &Workflows, fire: Fire) -> bool {
        let catalogue = Arc::clone(&self.catalogue);
        let trigger = catalogue.workflows.get(&fire.workflow).and_then(|it| it.definition.triggers.get(fire.trigger));
        let began = match fire.began {
            Began::Entity { entity, value: None } => {
                let value = all.parts.entities.points().state(&entity).and_then(|state| state.value);
                Began::Entity { entity, value }
            }
            other => other,
        };
        let start = Start {
            workflow: &fire.workflow,
            trigger: began,
            when: trigger.and_then(|trigger| trigger.when.as_ref()),
            slots: serde_json::Map::new(),
            trace: None,
        };
        let batch = match self.batch() {
            Ok(batch) => batch,
            Err(error) => {
                log::error!("what has fired cannot be stored: {error}");
                return false;
            }
        };
        match all.start_with(start, batch).await {
            Ok(_run) => true,
            Err(StartError::NotNow(_)) => false,
            Err(error) => {
                let kind = EventKind::WorkflowFaulty { workflow: fire.workflow, reason: error.to_string() };
                all.parts.store.journal().append(None, kind).await;
                false
            }
        }
    }

    fn batch(&self) -> Result<Batch, StoreError> {
        Batch::default().put(TableName::Meta, KEY, &self.marks)
    }
}

/// The time and the local date; none while the clock was never set.
fn local(all: &Workflows) -> Option<(Timestamp, Date)> {
    let now = zoned(all.parts.clock.wall(), &all.parts.time_zone)?;
    Some((now.timestamp(), now.date()))
}

/// When a schedule is due on a date; none where that is no day of its.
fn instant(zone: &TimeZone, date: Date, schedule: &Schedule) -> Option<Timestamp> {
    let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
    if !schedule.days.get(day).is_some_and(|on| *on) {
        return None;
    }
    schedules::instant(date, Time::new(schedule.hour, schedule.minute, 0, 0).ok()?, zone)
}

#[cfg(test)]
mod tests;
