//! What shows that there is an alarm, and the button that says that somebody knows.
//!
//! Owns the entities with `signal`: they are on from when there is an alarm that nobody has acknowledged until there is
//! none; and those with `acknowledge`: one that goes on acknowledges all alarms. Both act through the tool runtime, as
//! callers of their own. A signal that can't be switched is tried again after [`RETRY`]. What people do to a signal in the
//! meantime is left as it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use victus_hw::clock::{Clock, Monotonic};
use victus_hw::points::{Cause, PointValue};

use super::Alarms;
use crate::entities::Entities;
use crate::event::{EventKind, Position, TraceId};
use crate::store::{Store, StoreError};
use crate::tool::runtime::ToolRuntime;
use crate::tool::{CallContext, CallStatus, Caller};

/// How long it is until a signal that could not be switched is tried again.
pub const RETRY: Duration = Duration::from_secs(30);

/// How often progress is shown while nothing happens.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How many events are read at a time.
const EVENTS_AT_ONCE: usize = 100;

/// The signals and the buttons of an appliance.
pub struct Signals {
    /// The alarms.
    pub alarms: Arc<Alarms>,
    /// The entities.
    pub entities: Arc<Entities>,
    /// The way to do anything.
    pub tools: Arc<ToolRuntime>,
    /// Whose journal tells what was pressed.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where traces come from.
    pub new_trace: Box<dyn Fn() -> TraceId + Send + Sync>,
}

impl Signals {
    /// Shows and reads until `shutdown`; calls `progress` at least every few seconds.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn run(&self, progress: impl Fn(), shutdown: CancellationToken) -> Result<(), StoreError> {
        let mut changed = self.alarms.watch();
        let mut journal = self.store.journal().watch();
        let mut read = self.store.journal().last();
        let mut lit = BTreeSet::new();
        let mut try_at = Monotonic::default();
        loop {
            progress();
            read = self.read_buttons(read).await?;
            let now = self.clock.monotonic();
            if now >= try_at && !self.show(&mut lit).await {
                try_at = now.saturating_add(RETRY);
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                Ok(()) = changed.changed() => {}
                Ok(()) = journal.changed() => {}
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {}
            }
        }
    }

    /// Acknowledges all alarms for each button that was pressed after `read`. Returns how far was read.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn read_buttons(&self, read: Position) -> Result<Position, StoreError> {
        let mut last = read;
        for event in self.store.journal().read(read, EVENTS_AT_ONCE)? {
            last = event.position;
            let EventKind::EntityChanged { entity, from, to, cause } = event.kind else { continue };
            let pressed = from == Some(PointValue::Switch(false)) && to == Some(PointValue::Switch(true));
            let acknowledges = || self.entities.get(&entity).is_some_and(|entity| entity.acknowledge);
            if pressed && cause == Cause::Input && acknowledges() {
                let context = CallContext::new(Caller::button(&entity), (self.new_trace)());
                self.tools.call("alarm.acknowledge", json!({}), &context).await;
            }
        }
        Ok(last)
    }

    /// Switches the signals as the alarms want it; `lit` holds those that are on for an alarm. False if one could not be.
    pub async fn show(&self, lit: &mut BTreeSet<String>) -> bool {
        let wanted = self.alarms.list().iter().any(|alarm| alarm.acknowledged.is_none());
        let signals: BTreeSet<String> =
            self.entities.all().iter().filter(|entity| entity.signal).map(|entity| entity.id.clone()).collect();
        lit.retain(|id| signals.contains(id));
        let wrong: Vec<String> = signals.into_iter().filter(|id| lit.contains(id) != wanted).collect();
        let mut all = true;
        for id in wrong {
            let tool = if wanted { "entity.turn_on" } else { "entity.turn_off" };
            let context = CallContext::new(Caller::alarm(), (self.new_trace)());
            let called = self.tools.call(tool, json!({"entity": id}), &context).await;
            match (called.status, wanted) {
                (CallStatus::Done, true) => {
                    lit.insert(id);
                }
                (CallStatus::Done, false) => {
                    lit.remove(&id);
                }
                (CallStatus::Refused { .. } | CallStatus::Failed { .. }, _) => all = false,
            }
        }
        all
    }
}
