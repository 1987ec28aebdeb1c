//! The tools that make, change and read schedules.
//!
//! Owns `schedule.create`, `schedule.delete`, `schedule.set_enabled` and `schedule.list`. A schedule is meant by id, by name
//! or by the words that it was made with; without any, the tools mean the only one there is, and refuse where there are
//! several.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::civil::{Date, Time};
use serde_json::{Value, json};

use super::{
    Asked, AskedDay, Day, MAX_DELAY, MAX_SCHEDULES, MAX_STEPS, NewSchedule, Schedule, ScheduleError, Schedules, When,
    permitted,
};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};
use crate::turn::Step;

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, schedules: &Arc<Schedules>) -> Result<(), RegisterError> {
    for verb in [Verb::Create, Verb::Delete, Verb::SetEnabled, Verb::List] {
        runtime.register(Arc::new(ScheduleTool { verb, schedules: Arc::clone(schedules) }))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Delete,
    SetEnabled,
    List,
}

struct ScheduleTool {
    verb: Verb,
    schedules: Arc<Schedules>,
}

impl Tool for ScheduleTool {
    fn spec(&self) -> ToolSpec {
        let (name, description) = match self.verb {
            Verb::Create => (
                "schedule.create",
                "Schedules steps: once after a time (`after_seconds`) or at a time of day (`at`, with a `date` or without), \
                 or on every one of some `days`.",
            ),
            Verb::Delete => ("schedule.delete", "Deletes a schedule, or `all`."),
            Verb::SetEnabled => ("schedule.set_enabled", "Enables or disables a schedule."),
            Verb::List => ("schedule.list", "Lists the schedules and when each is next due."),
        };
        ToolSpec {
            name,
            description,
            input: self.input(),
            risk: if self.verb == Verb::List { Risk::Read } else { Risk::Reversible },
            idempotent: matches!(self.verb, Verb::SetEnabled | Verb::List),
            role: if self.verb == Verb::List { Role::Viewer } else { Role::Operator },
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            match self.verb {
                Verb::Create => self.create(&args, context).await,
                Verb::Delete if args["all"] == true => self.delete_all(context).await,
                Verb::Delete => {
                    let id = self.meant(args["schedule"].as_str())?.id;
                    let deleted = self.schedules.delete(&id, Some(&context.trace)).await.map_err(tool_error)?;
                    Ok(self.shown(&deleted))
                }
                Verb::SetEnabled => {
                    let id = self.meant(args["schedule"].as_str())?.id;
                    let enabled = args["enabled"] == true;
                    let set = self.schedules.set_enabled(&id, enabled, Some(&context.trace)).await;
                    Ok(self.shown(&set.map_err(tool_error)?))
                }
                Verb::List => {
                    let mut all = self.schedules.list();
                    all.sort_by_key(|schedule| (!schedule.enabled, self.due_in_ms(schedule)));
                    Ok(json!({"schedules": all.iter().map(|it| self.shown(it)).collect::<Vec<_>>()}))
                }
            }
        })
    }
}

impl ScheduleTool {
    fn input(&self) -> Value {
        let words = |longest: u32| json!({"type": "string", "minLength": 1, "maxLength": longest});
        let (properties, required) = match self.verb {
            Verb::Create => (
                json!({
                    "name": words(100),
                    "command": words(500),
                    "after_seconds": {"type": "integer", "minimum": 1, "maximum": MAX_DELAY.as_secs()},
                    "at": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
                    "date": {"type": "string", "pattern": "^(today|tomorrow|[0-9]{4}-[0-9]{2}-[0-9]{2})$"},
                    "days": {
                        "type": "array", "minItems": 1, "maxItems": 7, "uniqueItems": true, "items": {"enum": Day::ALL}
                    },
                    "steps": {
                        "type": "array", "maxItems": MAX_STEPS, "items": {
                            "type": "object",
                            "properties": {
                                "tool": words(100), "args": {"type": "object"}, "on_failure": {"enum": ["stop", "skip"]}
                            },
                            "required": ["tool", "args"],
                            "additionalProperties": false
                        }
                    }
                }),
                json!(["steps"]),
            ),
            Verb::Delete => (json!({"schedule": words(500), "all": {"const": true}}), json!([])),
            Verb::SetEnabled => (json!({"schedule": words(500), "enabled": {"type": "boolean"}}), json!(["enabled"])),
            Verb::List => (json!({}), json!([])),
        };
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    async fn create(&self, args: &Value, context: &CallContext) -> Result<Value, ToolError> {
        let steps: Vec<Step> = serde_json::from_value(args["steps"].clone())
            .map_err(|error| ToolError::BadArguments(format!("the steps cannot be used: {error}")))?;
        let asked = asked(args)?;
        let tools = self.schedules.tools.get().and_then(Weak::upgrade);
        let tools = tools.ok_or_else(|| ToolError::Failed("the appliance is not put together yet".to_owned()))?;
        permitted::check(&steps, context.caller.role, &tools)?;
        let text = |field: &str| args[field].as_str().map(str::to_owned);
        let new =
            NewSchedule { name: text("name"), command: text("command"), asked, steps, made_by: context.caller.clone() };
        let made = self.schedules.create(new, Some(&context.trace)).await.map_err(tool_error)?;
        Ok(self.shown(&made))
    }

    async fn delete_all(&self, context: &CallContext) -> Result<Value, ToolError> {
        let all = self.schedules.list();
        for schedule in &all {
            match self.schedules.delete(&schedule.id, Some(&context.trace)).await {
                // It was run in the meantime, and was for once.
                Ok(_) | Err(ScheduleError::Unknown) => {}
                Err(error) => return Err(tool_error(error)),
            }
        }
        Ok(json!({"deleted": all.len()}))
    }

    /// The schedule of that id, name or words; without any, the only one there is.
    fn meant(&self, wanted: Option<&str>) -> Result<Schedule, ToolError> {
        let mut schedules = self.schedules.list();
        if let Some(wanted) = wanted {
            let is = |text: Option<&str>| text.is_some_and(|text| text.to_lowercase() == wanted.to_lowercase());
            schedules.retain(|schedule| {
                schedule.id == wanted || is(schedule.name.as_deref()) || is(schedule.command.as_deref())
            });
        }
        let count = schedules.len();
        match schedules.pop() {
            Some(schedule) if count == 1 => Ok(schedule),
            Some(_) => {
                let reason = format!("There are {count} schedules. Say which one, by its name.");
                let facts = json!({"rule": "which_schedule", "count": count});
                Err(ToolError::Refused { code: "ambiguous", reason, facts })
            }
            None => Err(ToolError::refused("no_schedule", "There is no such schedule.")),
        }
    }

    fn due_in_ms(&self, schedule: &Schedule) -> i64 {
        let left = self.schedules.left(schedule).map(|left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
        let now = self.schedules.now().wall_ms;
        let next = || Some(self.schedules.next(schedule)?.timestamp().as_millisecond().saturating_sub(now));
        left.or_else(next).unwrap_or(i64::MAX)
    }

    fn shown(&self, schedule: &Schedule) -> Value {
        let mut shown = json!({
            "schedule": schedule.id,
            "name": schedule.name,
            "command": schedule.command,
            "steps": schedule.steps,
            "enabled": schedule.enabled,
            "made_by": schedule.made_by,
            "last": schedule.last,
        });
        let (time, next) = match &schedule.when {
            When::After { .. } => {
                shown["left_seconds"] =
                    json!(self.schedules.left(schedule).unwrap_or_default().as_millis().div_ceil(1000));
                return shown;
            }
            When::Once { date, time } => {
                shown["date"] = json!(date);
                let parts = json!({"weekday": Day::of(*date).number(), "day": date.day(), "month": date.month()});
                shown["on"] = parts;
                (time, self.schedules.next(schedule))
            }
            When::Weekly { days, time } => {
                shown["days"] = json!(days);
                (time, self.schedules.next(schedule))
            }
        };
        shown["at"] = json!(format!("{:02}:{:02}", time.hour(), time.minute()));
        shown["next"] = json!(next.map(|next| next.to_string()));
        shown
    }
}

/// When it is to be done, from arguments that fit the schema.
fn asked(args: &Value) -> Result<Asked, ToolError> {
    let bad = |reason: &str| Err(ToolError::BadArguments(reason.to_owned()));
    let at = args["at"].as_str();
    let (date, days) = (args["date"].as_str(), args["days"].as_array());
    if let Some(seconds) = args["after_seconds"].as_u64() {
        if at.is_some() || date.is_some() || days.is_some() {
            return bad("`after_seconds` stands alone: leave out `at`, `date` and `days`, or take them instead");
        }
        return Ok(Asked::After(Duration::from_secs(seconds)));
    }
    let Some(time) = at.and_then(|at| at.parse::<Time>().ok()) else {
        return bad("say when: `after_seconds`, or `at` as in \"06:30\"");
    };
    let day = match (date, days) {
        (Some(_), Some(_)) => return bad("`date` and `days` exclude each other"),
        (None, None) => AskedDay::Next,
        (Some("today"), None) => AskedDay::FromToday(0),
        (Some("tomorrow"), None) => AskedDay::FromToday(1),
        (Some(date), None) => match date.parse::<Date>() {
            Ok(date) => AskedDay::On(date),
            Err(error) => return bad(&format!("the date {date} is none: {error}")),
        },
        (None, Some(days)) => {
            let days: BTreeSet<Day> = days.iter().filter_map(|day| serde_json::from_value(day.clone()).ok()).collect();
            AskedDay::Every(days)
        }
    };
    Ok(Asked::At(time, day))
}

fn tool_error(error: ScheduleError) -> ToolError {
    let refused = |code: &'static str, facts: Value| ToolError::Refused { code, reason: error.to_string(), facts };
    match error {
        ScheduleError::Store(_) => ToolError::Failed(error.to_string()),
        ScheduleError::TooMany => refused("too_many", json!({"rule": "too_many_schedules", "count": MAX_SCHEDULES})),
        ScheduleError::Delay => ToolError::BadArguments(error.to_string()),
        ScheduleError::Over => refused("over", json!({"rule": "time_over"})),
        ScheduleError::ClockUnknown => refused("clock_unknown", Value::Null),
        ScheduleError::Unknown => refused("no_schedule", Value::Null),
    }
}
