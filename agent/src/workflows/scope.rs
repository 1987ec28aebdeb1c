//! What the expressions of a workflow are told.

use serde_json::{Map, Value, json};

use super::Workflows;
use super::expression::Scope;
use super::run::{Began, Run};
use crate::hours::zoned;

/// What a run tells.
pub(super) struct RunScope<'a> {
    pub(super) all: &'a Workflows,
    pub(super) run: &'a Run,
}

/// What there is before a run has begun.
pub(super) struct StartScope<'a> {
    pub(super) all: &'a Workflows,
    pub(super) trigger: &'a Began,
    pub(super) slots: &'a Map<String, Value>,
}

impl Scope for RunScope<'_> {
    fn entity(&self, id: &str) -> Value {
        self.all.entity_value(id)
    }

    fn variable(&self, name: &str) -> Option<Value> {
        match name {
            "steps" => Some(self.run.steps_value()),
            "failure" => {
                let failure = self.run.failure.as_ref()?;
                Some(json!({"step": failure.step, "reason": failure.reason, "uncertain": failure.uncertain}))
            }
            name => self.all.variable(name, &self.run.trigger, &self.run.slots),
        }
    }
}

impl Scope for StartScope<'_> {
    fn entity(&self, id: &str) -> Value {
        self.all.entity_value(id)
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.all.variable(name, self.trigger, self.slots)
    }
}

impl Workflows {
    fn entity_value(&self, id: &str) -> Value {
        let value = self.parts.entities.points().state(id).and_then(|state| state.value);
        serde_json::to_value(value).unwrap_or_default()
    }

    fn variable(&self, name: &str, trigger: &Began, slots: &Map<String, Value>) -> Option<Value> {
        match name {
            "slots" => Some(Value::Object(slots.clone())),
            "trigger" => serde_json::to_value(trigger).ok(),
            "now" => self.local_time(),
            _ => None,
        }
    }

    /// None where the clock was never set.
    fn local_time(&self) -> Option<Value> {
        let now = zoned(self.parts.clock.wall(), &self.parts.time_zone)?;
        Some(json!({
            "year": now.year(), "month": now.month(), "day": now.day(), "hour": now.hour(), "minute": now.minute(),
            "weekday": now.weekday().to_monday_one_offset(),
        }))
    }
}
