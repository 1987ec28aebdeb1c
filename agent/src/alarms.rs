//! Alarms: values beyond their limits, and timers that ran out, until somebody knows of them.
//!
//! Owns which alarms there are now. An entity's `alarm` says what is one ([`limit`]); a timer that ran out is one of the
//! class `timer`, read from the journal like by everybody else. Each is an event when it is raised, when it is acknowledged
//! and when it is over. Promises that every change of a value is looked at, in order; that an alarm which is not over
//! outlives a restart; and that the list is bounded ([`MAX_RAISED`]): beyond it an alarm of less weight goes first. A
//! timer's alarm is over when it is acknowledged, or after [`TIMER_RINGS`]. Leaves speech, light
//! and button to whoever reads the list: [`repeats`] says
//! when what is said, [`words`] in which words; [`signals`] lights lamps and reads buttons; [`tools`] holds the tool that
//! acknowledges.
//!
//! # Format
//!
//! Table `meta`, key `alarms.raised`, value = list of [`Raised`] as JSON.

pub mod limit;
pub mod repeats;
pub mod signals;
pub mod tools;
pub mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use victus_hw::clock::{Clock, Monotonic};
use victus_hw::points::PointValue;

pub use self::limit::{AlarmClass, Definition, Limit};
use self::limit::{Machine, Phase, Turned};
use crate::entities::Entities;
use crate::event::{BootId, EventKind, Position, Stamp, TraceId};
use crate::store::{Store, StoreError, Table, TableName};
use crate::tool::Caller;

/// The most alarms at once.
pub const MAX_RAISED: usize = 256;

/// How long a timer that ran out is an alarm. With growing pauses it is said six times.
pub const TIMER_RINGS: Duration = Duration::from_secs(600);

/// How often the loop looks while nothing changes.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How many events are read at a time.
const EVENTS_AT_ONCE: usize = 100;

const KEY: &str = "alarms.raised";

/// An alarm that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// Its id: that of its entity or of its timer.
    pub alarm: String,
    /// How much it matters.
    pub class: AlarmClass,
    /// The name of a timer that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The limit; none for a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// The value with which it was raised; none for a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<PointValue>,
    /// When it was raised.
    pub at: Stamp,
    /// Who knows of it; none as long as nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Caller>,
}

/// The alarms of the appliance.
pub struct Alarms {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    entities: Arc<Entities>,
    store: Store,
    table: Table,
    clock: Arc<dyn Clock>,
    boot: BootId,
}

struct State {
    machines: BTreeMap<String, Machine>,
    raised: Vec<Raised>,
    /// When each timer's alarm is over by itself.
    rings_until: BTreeMap<String, Monotonic>,
    /// The last change of a point that was looked at.
    seen: u64,
    /// The last event that was looked at.
    read: Position,
}

impl Alarms {
    /// The alarms that the store knows. Events from now on are read for timers.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(
        store: &Store,
        entities: Arc<Entities>,
        clock: Arc<dyn Clock>,
        boot: BootId,
    ) -> Result<Self, StoreError> {
        let table = store.table(TableName::Meta);
        let raised = match table.get::<Vec<Raised>>(KEY) {
            Ok(stored) => stored.unwrap_or_default(),
            Err(StoreError::Unfit { why, .. }) => {
                log::warn!("the stored alarms are left out: {why}");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let until = clock.monotonic().saturating_add(TIMER_RINGS);
        let rings = raised.iter().filter(|alarm| alarm.class == AlarmClass::Timer);
        let state = State {
            machines: BTreeMap::new(),
            rings_until: rings.map(|alarm| (alarm.alarm.clone(), until)).collect(),
            raised,
            seen: 0,
            read: store.journal().last(),
        };
        let (changed, store) = (watch::Sender::new(0), store.clone());
        Ok(Self { state: Mutex::new(state), changed, entities, store, table, clock, boot })
    }

    /// The alarms that are not over, the oldest first.
    pub fn list(&self) -> Vec<Raised> {
        self.lock().raised.clone()
    }

    /// Tells when the list has changed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes note that `by` knows of an alarm, or of all. Returns those that nobody knew of before.
    pub async fn acknowledge(&self, alarm: Option<&str>, by: &Caller, trace: Option<&TraceId>) -> Vec<Raised> {
        let acknowledged = self.lock().acknowledge(alarm, by);
        for alarm in &acknowledged {
            let kind = EventKind::AlarmAcknowledged { alarm: alarm.alarm.clone(), by: by.clone() };
            self.store.journal().append(trace, kind).await;
            if alarm.class == AlarmClass::Timer {
                self.over(alarm, true).await;
            }
        }
        if !acknowledged.is_empty() {
            self.keep().await;
        }
        acknowledged
    }

    /// Looks at values and timers until `shutdown`; calls `progress` at least every few seconds.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn run(&self, progress: impl Fn(), shutdown: CancellationToken) -> Result<(), StoreError> {
        let mut values = self.entities.points().watch();
        let mut exchanged = self.entities.watch();
        let mut journal = self.store.journal().watch();
        loop {
            progress();
            self.look().await?;
            let now = self.clock.monotonic();
            let due = self.lock().due().map_or(PROGRESS_INTERVAL, |due| due.saturating_since(now));
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                Ok(()) = values.changed() => {}
                Ok(()) = exchanged.changed() => {}
                Ok(()) = journal.changed() => {}
                () = tokio::time::sleep(due.min(PROGRESS_INTERVAL)) => {}
            }
        }
    }

    /// Looks at what has changed since the last look, and at what is due.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn look(&self) -> Result<(), StoreError> {
        let mut turned = self.turned_values();
        turned.extend(self.turned_timers()?);
        if turned.is_empty() {
            return Ok(());
        }
        for turn in &turned {
            match turn {
                Turn::Raised(alarm) => self.raise(alarm).await,
                Turn::Over(alarm) => self.over(alarm, alarm.acknowledged.is_some()).await,
            }
        }
        self.keep().await;
        Ok(())
    }

    /// What the values of the entities have turned. The list is changed by it already.
    fn turned_values(&self) -> Vec<Turn> {
        let (now, at) = (self.clock.monotonic(), Stamp::now(self.clock.as_ref(), &self.boot));
        let mut state = self.lock();
        // The changes first: a value that was read before them would be older than they are.
        let changes = self.entities.points().changes_since(state.seen);
        let views = self.entities.list();
        let definitions: BTreeMap<String, Definition> =
            views.iter().filter_map(|view| Some((view.entity.id.clone(), view.entity.alarm?))).collect();
        let mut turned = state.define(&definitions);
        for change in changes.changes {
            state.seen = change.seq;
            turned.extend(state.tell(&change.point, change.value, change.at, &at));
        }
        for view in &views {
            turned.extend(state.tell(&view.entity.id, view.value, now, &at));
        }
        turned
    }

    /// The timers that ran out since the last look, and those that have rung for long enough.
    fn turned_timers(&self) -> Result<Vec<Turn>, StoreError> {
        let read = self.lock().read;
        let events = self.store.journal().read(read, EVENTS_AT_ONCE)?;
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let mut turned = state.silenced(now);
        for event in events {
            state.read = event.position;
            if let EventKind::TimerFinished { timer, name, .. } = event.kind {
                state.rings_until.insert(timer.clone(), now.saturating_add(TIMER_RINGS));
                let class = AlarmClass::Timer;
                let (limit, value, acknowledged) = (None, None, None);
                turned.extend(state.add(Raised {
                    alarm: timer,
                    class,
                    name,
                    limit,
                    value,
                    at: event.at,
                    acknowledged,
                }));
            }
        }
        Ok(turned)
    }

    async fn raise(&self, alarm: &Raised) {
        let Raised { alarm, class, name, limit, value, .. } = alarm.clone();
        self.store.journal().append(None, EventKind::AlarmRaised { alarm, class, name, limit, value }).await;
    }

    async fn over(&self, alarm: &Raised, acknowledged: bool) {
        let kind = EventKind::AlarmCleared { alarm: alarm.alarm.clone(), acknowledged };
        self.store.journal().append(None, kind).await;
    }

    /// Stores the list as it is, and tells whoever watches it. What cannot be stored holds until the next start.
    async fn keep(&self) {
        let raised = self.list();
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        if let Err(error) = self.table.put(KEY, &raised).await {
            log::error!("the alarms could not be stored: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has become of an alarm.
enum Turn {
    Raised(Raised),
    Over(Raised),
}

impl State {
    /// Takes the alarms that entities have now. Those of entities that have none any more are over.
    fn define(&mut self, definitions: &BTreeMap<String, Definition>) -> Vec<Turn> {
        self.machines.retain(|id, _| definitions.contains_key(id));
        for (id, definition) in definitions {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.definition = *definition;
                continue;
            }
            let phase = match self.raised.iter().find(|alarm| alarm.alarm == *id) {
                None => Phase::Normal,
                Some(Raised { acknowledged: None, .. }) => Phase::Active,
                Some(_) => Phase::Acknowledged,
            };
            self.machines.insert(id.clone(), Machine::new(*definition, phase));
        }
        self.remove(|alarm| alarm.class != AlarmClass::Timer && !definitions.contains_key(&alarm.alarm))
    }

    fn tell(&mut self, id: &str, value: Option<PointValue>, now: Monotonic, at: &Stamp) -> Vec<Turn> {
        let Some(machine) = self.machines.get_mut(id) else { return Vec::new() };
        let Definition { limit, class, .. } = machine.definition;
        match machine.tell(value, now) {
            None => Vec::new(),
            Some(Turned::Cleared) => self.remove(|alarm| alarm.alarm == id),
            Some(Turned::Raised) => {
                let (alarm, limit, at) = (id.to_owned(), Some(limit), at.clone());
                self.add(Raised { alarm, class, name: None, limit, value, at, acknowledged: None })
            }
        }
    }

    /// Adds an alarm. Where there are too many, the oldest of the least weight goes.
    fn add(&mut self, alarm: Raised) -> Vec<Turn> {
        self.raised.retain(|known| known.alarm != alarm.alarm);
        self.raised.push(alarm.clone());
        let mut turned = vec![Turn::Raised(alarm)];
        if self.raised.len() > MAX_RAISED
            && let Some(least) = self.raised.iter().min_by_key(|alarm| alarm.class).map(|alarm| alarm.alarm.clone())
        {
            log::warn!(alarm = least.as_str(); "there are more than {MAX_RAISED} alarms: one is left out");
            turned.extend(self.remove(|alarm| alarm.alarm == least));
        }
        turned
    }

    /// Timers that have rung for long enough.
    fn silenced(&mut self, now: Monotonic) -> Vec<Turn> {
        let over: Vec<String> =
            self.rings_until.iter().filter(|(_, until)| now >= **until).map(|(timer, _)| timer.clone()).collect();
        self.remove(|alarm| over.contains(&alarm.alarm))
    }

    fn acknowledge(&mut self, alarm: Option<&str>, by: &Caller) -> Vec<Raised> {
        let mut acknowledged = Vec::new();
        for known in &mut self.raised {
            if known.acknowledged.is_none() && alarm.is_none_or(|alarm| known.alarm == alarm) {
                known.acknowledged = Some(by.clone());
                if let Some(machine) = self.machines.get_mut(&known.alarm) {
                    machine.acknowledge();
                }
                acknowledged.push(known.clone());
            }
        }
        self.remove(|alarm| alarm.class == AlarmClass::Timer && alarm.acknowledged.is_some());
        acknowledged
    }

    fn remove(&mut self, is_over: impl Fn(&Raised) -> bool) -> Vec<Turn> {
        let (over, raised) = std::mem::take(&mut self.raised).into_iter().partition(is_over);
        self.raised = raised;
        self.rings_until.retain(|timer, _| self.raised.iter().any(|alarm| alarm.alarm == *timer));
        let over: Vec<Raised> = over;
        over.into_iter().map(Turn::Over).collect()
    }

    /// When something has to be looked at again, though nothing has changed.
    fn due(&self) -> Option<Monotonic> {
        self.machines.values().filter_map(Machine::due).chain(self.rings_until.values().copied()).min()
    }
}

#[cfg(test)]
mod tests;
