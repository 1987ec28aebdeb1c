//! The tools that start, change and read timers.
//!
//! Owns `timer.start`, `timer.cancel`, `timer.cancel_all`, `timer.pause`, `timer.resume`, `timer.change` and
//! `timer.status`. A timer is meant by id, by name or by the time it was set for; without any, the tools mean the only one there is, and ask where
//! there are several.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::Rng;
use serde_json::{Value, json};

use super::{MAX_DURATION, MAX_TIMERS, Timer, TimerError, Timers};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};

/// Where new timers get the random digits of their ids from.
pub type Random = Arc<Mutex<dyn Rng + Send>>;

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, timers: &Arc<Timers>, random: &Random) -> Result<(), RegisterError> {
    for verb in [Verb::Start, Verb::Cancel, Verb::CancelAll, Verb::Pause, Verb::Resume, Verb::Change, Verb::Status] {
        let (timers, random) = (Arc::clone(timers), Arc::clone(random));
        runtime.register(Arc::new(TimerTool { verb, timers, random }))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Cancel,
    CancelAll,
    Pause,
    Resume,
    Change,
    Status,
}

struct TimerTool {
    verb: Verb,
    timers: Arc<Timers>,
    random: Random,
}

impl Tool for TimerTool {
    fn spec(&self) -> ToolSpec {
        let (name, description) = match self.verb {
            Verb::Start => ("timer.start", "Starts a timer."),
            Verb::Cancel => ("timer.cancel", "Cancels a timer."),
            Verb::CancelAll => ("timer.cancel_all", "Cancels all timers."),
            Verb::Pause => ("timer.pause", "Pauses a timer."),
            Verb::Resume => ("timer.resume", "Lets a paused timer go on."),
            Verb::Change => ("timer.change", "Lets a timer run longer, or shorter by a negative number."),
            Verb::Status => ("timer.status", "Lists the timers and what is left of each."),
        };
        ToolSpec {
            name,
            description,
            input: self.input(),
            risk: if self.verb == Verb::Status { Risk::Read } else { Risk::Reversible },
            idempotent: !matches!(self.verb, Verb::Start | Verb::Cancel | Verb::Change),
            role: if self.verb == Verb::Status { Role::Viewer } else { Role::Operator },
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            match self.verb {
                Verb::Start => self.start(&args, context).await,
                Verb::CancelAll => self.cancel_all(context).await,
                Verb::Status => Ok(json!({"timers": self.timers.list().iter().map(shown).collect::<Vec<_>>()})),
                Verb::Cancel | Verb::Pause | Verb::Resume | Verb::Change => self.change(&args, context).await,
            }
        })
    }
}

impl TimerTool {
    fn input(&self) -> Value {
        let longest = MAX_DURATION.as_secs().cast_signed();
        let named = json!({"type": "string", "minLength": 1, "maxLength": 100});
        let set_for = json!({"type": "number", "minimum": 1, "maximum": longest});
        let properties = match self.verb {
            Verb::Start => json!({
                "seconds": {"type": "integer", "minimum": 1, "maximum": longest},
                "name": named
            }),
            Verb::Cancel | Verb::Pause | Verb::Resume => json!({"timer": named, "set_for_seconds": set_for}),
            Verb::Change => json!({
                "timer": named,
                "set_for_seconds": set_for,
                "by_seconds": {"type": "integer", "minimum": -longest, "maximum": longest}
            }),
            Verb::CancelAll | Verb::Status => json!({}),
        };
        let required = match self.verb {
            Verb::Start => json!(["seconds"]),
            Verb::Change => json!(["by_seconds"]),
            _ => json!([]),
        };
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    async fn start(&self, args: &Value, context: &CallContext) -> Result<Value, ToolError> {
        let seconds = args["seconds"].as_u64().unwrap_or_default();
        let name = args["name"].as_str().map(str::to_owned);
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u32();
        let id = format!("timer-{random:08x}");
        let started = self.timers.start(id, name, Duration::from_secs(seconds), Some(&context.trace)).await;
        Ok(shown(&started.map_err(tool_error)?))
    }

    async fn cancel_all(&self, context: &CallContext) -> Result<Value, ToolError> {
        let timers = self.timers.list();
        for timer in &timers {
            match self.timers.cancel(&timer.id, Some(&context.trace)).await {
                // It ran out in the meantime: what was asked for holds.
                Ok(()) | Err(TimerError::Unknown) => {}
                Err(error) => return Err(tool_error(error)),
            }
        }
        Ok(json!({"cancelled": timers.len()}))
    }

    async fn change(&self, args: &Value, context: &CallContext) -> Result<Value, ToolError> {
        let timer = self.meant(args["timer"].as_str(), args["set_for_seconds"].as_f64())?;
        let trace = Some(&context.trace);
        match self.verb {
            Verb::Pause => Ok(shown(&self.timers.set_paused(&timer.id, true, trace).await.map_err(tool_error)?)),
            Verb::Resume => Ok(shown(&self.timers.set_paused(&timer.id, false, trace).await.map_err(tool_error)?)),
            Verb::Change => {
                let by_seconds = args["by_seconds"].as_i64().unwrap_or_default();
                Ok(shown(&self.timers.change(&timer.id, by_seconds, trace).await.map_err(tool_error)?))
            }
            _ => {
                self.timers.cancel(&timer.id, trace).await.map_err(tool_error)?;
                Ok(shown(&timer))
            }
        }
    }

    /// The timer of that id or name, or that was set for that time; without either, the only timer there is.
    fn meant(&self, wanted: Option<&str>, set_for_seconds: Option<f64>) -> Result<Timer, ToolError> {
        let mut timers = self.timers.list();
        if let Some(wanted) = wanted {
            timers.retain(|timer| timer.id == wanted || timer.name.as_deref() == Some(wanted));
        }
        if let Some(seconds) = set_for_seconds {
            timers.retain(|timer| (timer.total_ms / 1000) as f64 == seconds);
        }
        let count = timers.len();
        match timers.pop() {
            Some(timer) if count == 1 => Ok(timer),
            Some(_) => {
                let reason = format!("There are {count} timers. Say which one, by its name.");
                let facts = json!({"rule": "which_timer", "count": count});
                Err(ToolError::Refused { code: "ambiguous", reason, facts })
            }
            None => Err(ToolError::refused("no_timer", "There is no such timer.")),
        }
    }
}

fn shown(timer: &Timer) -> Value {
    json!({
        "timer": timer.id,
        "name": timer.name,
        "total_seconds": timer.total_ms / 1000,
        "left_seconds": timer.left_ms.div_ceil(1000),
        "paused": timer.paused,
    })
}

fn tool_error(error: TimerError) -> ToolError {
    match error {
        TimerError::Store(_) => ToolError::Failed(error.to_string()),
        TimerError::TooMany => ToolError::Refused {
            code: "too_many",
            reason: error.to_string(),
            facts: json!({"rule": "too_many_timers", "count": MAX_TIMERS}),
        },
        TimerError::Left { left_seconds } => ToolError::Refused {
            code: "too_short",
            reason: error.to_string(),
            facts: json!({"rule": "timer_left", "wait_seconds": left_seconds}),
        },
        TimerError::Duration => ToolError::BadArguments(error.to_string()),
        TimerError::Unknown => ToolError::refused("no_timer", error.to_string()),
    }
}
