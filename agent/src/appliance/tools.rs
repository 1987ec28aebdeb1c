//! The tools that speak of the appliance as a whole.
//!
//! Owns `clock.now`, `appliance.status` and `appliance.capabilities`. All of them only read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use victus_hw::clock::{Clock, ClockTrust};

use crate::alarms::Alarms;
use crate::entities::Entities;
use crate::event::BootId;
use crate::health::{Health, LoopState};
use crate::store::Store;
use crate::timers::Timers;
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};

/// How many names `appliance.capabilities` gives as examples.
const EXAMPLES: usize = 3;

/// What the tools of this module read.
#[derive(Clone)]
pub struct Readings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The time zone that times are said in.
    pub time_zone: TimeZone,
    /// The entities.
    pub entities: Arc<Entities>,
    /// The timers.
    pub timers: Arc<Timers>,
    /// The alarms.
    pub alarms: Arc<Alarms>,
    /// The health of the loops.
    pub health: Arc<Health>,
    /// The store.
    pub store: Store,
    /// This boot of the machine.
    pub boot: BootId,
}

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, readings: &Readings) -> Result<(), RegisterError> {
    for topic in [Topic::Now, Topic::Status, Topic::Capabilities] {
        runtime.register(Arc::new(Reading { topic, readings: readings.clone() }))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Topic {
    Now,
    Status,
    Capabilities,
}

struct Reading {
    topic: Topic,
    readings: Readings,
}

impl Tool for Reading {
    fn spec(&self) -> ToolSpec {
        let (name, description) = match self.topic {
            Topic::Now => ("clock.now", "Tells date and time in the appliance's time zone."),
            Topic::Status => ("appliance.status", "Tells how the appliance is and what is wrong with it."),
            Topic::Capabilities => ("appliance.capabilities", "Tells what can be asked of the appliance."),
        };
        ToolSpec {
            name,
            description,
            input: json!({"type": "object", "additionalProperties": false}),
            risk: Risk::Read,
            idempotent: true,
            role: Role::Viewer,
            timeout: Duration::from_secs(1),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, _args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            match self.topic {
                Topic::Now => self.readings.now(),
                Topic::Status => Ok(self.readings.status()),
                Topic::Capabilities => Ok(self.readings.capabilities()),
            }
        })
    }
}

impl Readings {
    fn now(&self) -> Result<Value, ToolError> {
        let wall = self.clock.wall();
        if wall.trust == ClockTrust::Unset {
            let reason = "The clock has not been set, and there was no time server yet.".to_owned();
            return Err(ToolError::refused("clock_unknown", reason));
        }
        let now = Timestamp::from_millisecond(wall.unix_ms)
            .map_err(|error| ToolError::Failed(format!("the clock shows no date: {error}")))?
            .to_zoned(self.time_zone.clone());
        Ok(json!({
            "hour": now.hour(),
            "minute": now.minute(),
            "year": now.year(),
            "month": now.month(),
            "day": now.day(),
            "weekday": now.weekday().to_monday_one_offset(),
            "trust": wall.trust,
        }))
    }

    fn status(&self) -> Value {
        let troubles: Vec<String> = self
            .health
            .snapshot()
            .into_iter()
            .filter_map(|entry| match entry.state {
                LoopState::Up => None,
                LoopState::Degraded(why) | LoopState::Down(why) => Some(format!("{}: {why}", entry.name)),
            })
            .collect();
        let unavailable: Vec<String> = self
            .entities
            .list()
            .into_iter()
            .filter(|view| !view.available)
            .map(|view| view.entity.name.clone())
            .collect();
        json!({
            "troubles": troubles,
            "unavailable": unavailable,
            "entities": self.entities.count(),
            "timers": self.timers.list().len(),
            "recording": self.store.status().is_durable(),
        })
    }

    fn capabilities(&self) -> Value {
        let (writable, readable): (Vec<_>, Vec<_>) =
            self.entities.all().into_iter().partition(|entity| entity.kind.is_writable());
        let names = |entities: &[Arc<crate::entities::Entity>]| -> Vec<String> {
            entities.iter().take(EXAMPLES).map(|entity| entity.name.clone()).collect()
        };
        json!({"can_switch": names(&writable), "can_read": names(&readable)})
    }
}
