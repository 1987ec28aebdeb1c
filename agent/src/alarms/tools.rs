//! The tool by which somebody says that they know of an alarm.
//!
//! Owns `alarm.acknowledge`. An alarm is meant by its id, by the name of its entity, or by the name of its timer; without
//! one, all are meant.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Alarms, Raised};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};

/// Registers the tool of this module.
///
/// # Errors
/// Its name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, alarms: &Arc<Alarms>) -> Result<(), RegisterError> {
    runtime.register(Arc::new(Acknowledge { alarms: Arc::clone(alarms) }))
}

struct Acknowledge {
    alarms: Arc<Alarms>,
}

impl Tool for Acknowledge {
    fn spec(&self) -> ToolSpec {
        let alarm = json!({"type": "string", "minLength": 1, "maxLength": 200});
        ToolSpec {
            name: "alarm.acknowledge",
            description: "Says that somebody knows of an alarm, or of all: it is silent, and dark, from then on.",
            input: json!({"type": "object", "properties": {"alarm": alarm}, "additionalProperties": false}),
            risk: Risk::Reversible,
            idempotent: true,
            role: Role::Operator,
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let alarm = match args["alarm"].as_str() {
                None => None,
                Some(wanted) => Some(self.meant(wanted)?),
            };
            let known = self.alarms.acknowledge(alarm.as_deref(), &context.caller, Some(&context.trace)).await;
            let shown: Vec<Value> = known.iter().map(|alarm| self.shown(alarm)).collect();
            Ok(json!({"acknowledged": shown}))
        })
    }
}

impl Acknowledge {
    /// The id of the alarm that is meant.
    fn meant(&self, wanted: &str) -> Result<String, ToolError> {
        let raised = self.alarms.list();
        let is_meant = |alarm: &&Raised| {
            let named = |name: &str| name.to_lowercase() == wanted.to_lowercase();
            let entity = self.alarms.entities.get(&alarm.alarm);
            alarm.alarm == wanted
                || alarm.name.as_deref().is_some_and(named)
                || entity.is_some_and(|entity| named(&entity.name) || entity.aliases.iter().any(|alias| named(alias)))
        };
        let reason = || ToolError::refused("no_alarm", format!("There is no alarm of {wanted}."));
        raised.iter().find(is_meant).map(|alarm| alarm.alarm.clone()).ok_or_else(reason)
    }

    fn shown(&self, alarm: &Raised) -> Value {
        let entity = self.alarms.entities.get(&alarm.alarm);
        json!({"alarm": alarm.alarm, "name": entity.map(|entity| entity.name.clone()).or_else(|| alarm.name.clone())})
    }
}
