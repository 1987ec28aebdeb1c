//! The tools that tell what has happened and what is wrong now.
//!
//! Owns `appliance.history` and `appliance.alarms`, what each period of time means, and how far back the journal is
//! read. Both only read. Promises a bounded answer, also from a journal of years. What is worth telling is chosen by
//! `happened`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::{Value, json};
use victus_hw::clock::ClockTrust;

use super::happened::{self, Happened, Weight};
use super::tools::Readings;
use crate::event::{Event, Stamp};
use crate::health::LoopState;
use crate::store::Store;
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};

/// How many events are told; more are counted.
const TOLD: usize = 5;

/// How many events of the journal are looked through, from the last on.
const LOOKED_THROUGH: usize = 4000;

/// How long ago an alarm may be that is told among those of now.
const ALARM_MS: i64 = 60 * 60 * 1000;

/// The periods that can be asked for.
const PERIODS: [&str; 6] = ["last_night", "today", "yesterday", "this_morning", "last_hour", "recently"];

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, readings: &Readings) -> Result<(), RegisterError> {
    for alarms in [false, true] {
        runtime.register(Arc::new(Telling { alarms, readings: readings.clone() }))?;
    }
    Ok(())
}

struct Telling {
    alarms: bool,
    readings: Readings,
}

impl Tool for Telling {
    fn spec(&self) -> ToolSpec {
        let (name, description, input) = if self.alarms {
            let nothing = json!({"type": "object", "additionalProperties": false});
            (
                "appliance.alarms",
                "Tells which alarms there are, and what can't be reached, is down or tripped in the last hour.",
                nothing,
            )
        } else {
            let properties = json!({"period": {"enum": PERIODS}});
            let period = json!({
                "type": "object", "properties": properties, "required": ["period"], "additionalProperties": false
            });
            ("appliance.history", "Tells what happened in a period of time, the most important first.", period)
        };
        ToolSpec {
            name,
            description,
            input,
            risk: Risk::Read,
            idempotent: true,
            role: Role::Viewer,
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let now = Stamp::now(self.readings.clock.as_ref(), &self.readings.boot);
            if self.alarms {
                let events = latest(&self.readings.store).await?;
                return Ok(self.readings.alarms(&events, &now));
            }
            if now.trust == ClockTrust::Unset {
                let reason = "The clock has not been set, and there was no time server yet.".to_owned();
                return Err(ToolError::Refused { code: "clock_unknown", reason, facts: Value::Null });
            }
            let period = args["period"].as_str().unwrap_or_default();
            let (from_ms, to_ms) = bounds(period, &now, &self.readings.time_zone)
                .map_err(|error| ToolError::Failed(format!("the clock shows no date: {error}")))?;
            let events = latest(&self.readings.store).await?;
            Ok(self.readings.history(&events, &now, from_ms, to_ms))
        })
    }
}

/// The last events, read in a thread that may block.
async fn latest(store: &Store) -> Result<Vec<Event>, ToolError> {
    let journal = store.journal().clone();
    tokio::task::spawn_blocking(move || journal.latest(LOOKED_THROUGH))
        .await
        .map_err(|_panicked| ToolError::Failed("the journal could not be read: its reader crashed".to_owned()))?
        .map_err(|error| ToolError::Failed(format!("the journal could not be read: {error}")))
}

/// From when to when a period goes, in milliseconds since 1970.
fn bounds(period: &str, now: &Stamp, zone: &TimeZone) -> Result<(i64, i64), jiff::Error> {
    let moment: Zoned = Timestamp::from_millisecond(now.wall_ms)?.to_zoned(zone.clone());
    let (today, yesterday) = (moment.date(), moment.date().yesterday()?);
    let at = |date: jiff::civil::Date, hour: i8| -> Result<i64, jiff::Error> {
        Ok(date.at(hour, 0, 0, 0).to_zoned(zone.clone())?.timestamp().as_millisecond())
    };
    let before = |hours: i64| -> Result<i64, jiff::Error> {
        Ok(moment.checked_sub(hours.hours())?.timestamp().as_millisecond())
    };
    let (from_ms, to_ms) = match period {
        "last_night" => (at(yesterday, 20)?, at(today, 6)?),
        "today" => (at(today, 0)?, now.wall_ms),
        "yesterday" => (at(yesterday, 0)?, at(today, 0)?),
        "this_morning" => (at(today, 4)?, at(today, 12)?),
        "last_hour" => (before(1)?, now.wall_ms),
        _ => (before(24)?, now.wall_ms),
    };
    Ok((from_ms, to_ms.min(now.wall_ms)))
}

impl Readings {
    fn history(&self, events: &[Event], now: &Stamp, from_ms: i64, to_ms: i64) -> Value {
        let told = happened::told(events, now, from_ms, to_ms);
        let oldest = events.first().and_then(|event| happened::placed(&event.at, now));
        json!({
            "events": told.iter().take(TOLD).map(|happened| self.shown(happened, now)).collect::<Vec<_>>(),
            "more": told.len().saturating_sub(TOLD),
            // The journal goes on before what was looked through, and so does the period.
            "earlier": events.len() >= LOOKED_THROUGH && oldest.is_none_or(|oldest| oldest > from_ms),
        })
    }

    fn alarms(&self, events: &[Event], now: &Stamp) -> Value {
        let unavailable: Vec<String> = self
            .entities
            .list()
            .into_iter()
            .filter(|view| !view.available)
            .map(|view| view.entity.name.clone())
            .collect();
        let down: Vec<String> = self
            .health
            .snapshot()
            .into_iter()
            .filter(|entry| matches!(entry.state, LoopState::Down(_)))
            .map(|entry| entry.name)
            .collect();
        let mut told = happened::told(events, now, now.wall_ms.saturating_sub(ALARM_MS), now.wall_ms);
        let active = self.alarms.list();
        // What is still so is told as it is, and not as what has happened.
        let is_active = |entity: &Option<String>| active.iter().any(|alarm| Some(&alarm.alarm) == entity.as_ref());
        told.retain(|happened| {
            happened.weight == Weight::Alarm && !(happened.what == "alarm" && is_active(&happened.entity))
        });
        json!({
            "active": active,
            "unavailable": unavailable,
            "down": down,
            "recording": self.store.status().is_durable(),
            "events": told.iter().take(TOLD).map(|happened| self.shown(happened, now)).collect::<Vec<_>>(),
            "more": told.len().saturating_sub(TOLD),
        })
    }

    fn shown(&self, happened: &Happened, now: &Stamp) -> Value {
        let time = Timestamp::from_millisecond(happened.at_ms).ok().filter(|_| now.trust > ClockTrust::Unset);
        let time = time.map(|time| time.to_zoned(self.time_zone.clone()));
        json!({
            "what": happened.what,
            "entity": happened.entity,
            "name": happened.name,
            "by": happened.by,
            "value": happened.value,
            "count": happened.count,
            "hour": time.as_ref().map(Zoned::hour),
            "minute": time.as_ref().map(Zoned::minute),
        })
    }
}

#[cfg(test)]
mod tests;
