//! The tools that read and switch entities.
//!
//! Owns `entity.turn_on`, `entity.turn_off`, `entity.toggle`, `entity.set_value`, `entity.get_state` and
//! `appliance.stop`. Each resolves an entity id and asks the point of that id; "done" is returned when the line's
//! read-back shows it. What may not be switched is refused by the interlocks below, in their words.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use victus_hw::points::{PointValue, Refusal, Rule};

use super::{Entities, Entity};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Rate, Risk, Role, Source, Stakes, Tool, ToolError, ToolSpec};

/// What an entity with a numeric value is set to when it is turned on.
const FULL: f64 = 100.0;

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, entities: &Arc<Entities>) -> Result<(), RegisterError> {
    for verb in [Verb::TurnOn, Verb::TurnOff, Verb::Toggle, Verb::SetValue] {
        runtime.register(Arc::new(Switch { verb, entities: Arc::clone(entities) }))?;
    }
    runtime.register(Arc::new(GetState { entities: Arc::clone(entities) }))?;
    runtime.register(Arc::new(Stop { entities: Arc::clone(entities) }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    TurnOn,
    TurnOff,
    Toggle,
    SetValue,
}

struct Switch {
    verb: Verb,
    entities: Arc<Entities>,
}

impl Tool for Switch {
    fn spec(&self) -> ToolSpec {
        let (name, description) = match self.verb {
            Verb::TurnOn => {
                ("entity.turn_on", "Turns an entity on, opens a valve or cover, or sets a value to its full.")
            }
            Verb::TurnOff => ("entity.turn_off", "Turns an entity off, closes a valve or cover, or sets a value to 0."),
            Verb::Toggle => ("entity.toggle", "Turns an entity on if it is off, and off if it is on."),
            Verb::SetValue => ("entity.set_value", "Sets the value of an entity that takes a number."),
        };
        let mut input = entity_schema();
        if self.verb == Verb::SetValue {
            input["properties"]["value"] = json!({"type": "number", "minimum": -1e9, "maximum": 1e9});
            input["required"] = json!(["entity", "value"]);
        }
        ToolSpec {
            name,
            description,
            input,
            risk: Risk::Reversible,
            idempotent: self.verb != Verb::Toggle,
            role: Role::Operator,
            timeout: Duration::from_secs(5),
            rate: Some(Rate { count: 120, per: Duration::from_secs(60) }),
            redact: Vec::new(),
        }
    }

    /// What the entity is worth; but nobody is asked before it is made safe. A toggle never counts as that: what it comes to
    /// is known only when it is done.
    fn stakes(&self, args: &Value) -> Stakes {
        let Ok(entity) = named_entity(&self.entities, args) else { return Stakes::of(Risk::Reversible) };
        let safe = self.entities.points().state(&entity.id).and_then(|state| state.safe).map(PointValue::Switch);
        let is_certain = self.verb != Verb::Toggle;
        let made_safe = is_certain && self.target(&entity, args).is_ok_and(|target| Some(target) == safe);
        match (made_safe, entity.risk.max(Risk::Reversible)) {
            (true, _) => Stakes::making_safe(),
            (false, risk) => Stakes { confirm: entity.confirm || risk == Risk::Dangerous, ..Stakes::of(risk) },
        }
    }

    fn preview(&self, args: &Value) -> Result<(), ToolError> {
        let (entity, target) = self.meant(args)?;
        let permitted = self.entities.points().may_set(&entity.id, target);
        permitted.map_err(|refusal| tool_error(&self.entities, &entity, &refusal))
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let (entity, target) = self.meant(&args)?;
            set(Arc::clone(&self.entities), entity, target).await
        })
    }
}

impl Switch {
    /// The entity, and what it is to be set to.
    fn meant(&self, args: &Value) -> Result<(Arc<Entity>, PointValue), ToolError> {
        let entity = named_entity(&self.entities, args)?;
        if !entity.kind.is_writable() {
            return Err(ToolError::BadArguments(format!("{} is a {} and cannot be set", entity.name, entity.kind)));
        }
        let target = self.target(&entity, args)?;
        Ok((entity, target))
    }

    fn target(&self, entity: &Entity, args: &Value) -> Result<PointValue, ToolError> {
        let on = match self.verb {
            Verb::TurnOn => true,
            Verb::TurnOff => false,
            Verb::Toggle => match self.entities.points().state(&entity.id).and_then(|state| state.value) {
                Some(PointValue::Switch(on)) => !on,
                Some(PointValue::Number(value)) => value <= 0.0,
                None => {
                    let reason = format!("{} can't be toggled: whether it is on is not known", entity.name);
                    return Err(ToolError::refused("unavailable", reason));
                }
            },
            Verb::SetValue if !entity.numeric => {
                return Err(ToolError::BadArguments(format!("{} is on or off and takes no number", entity.name)));
            }
            Verb::SetValue => return Ok(PointValue::Number(args["value"].as_f64().unwrap_or_default())),
        };
        Ok(match (entity.numeric, on) {
            (false, on) => PointValue::Switch(on),
            (true, true) => PointValue::Number(FULL),
            (true, false) => PointValue::Number(0.0),
        })
    }
}

/// Sets the point in a thread that may block: a serial device answers in its own time.
async fn set(entities: Arc<Entities>, entity: Arc<Entity>, target: PointValue) -> Result<Value, ToolError> {
    let (points, id) = (Arc::clone(entities.points()), entity.id.clone());
    let applied = tokio::task::spawn_blocking(move || points.set(&id, target))
        .await
        .map_err(|_panicked| ToolError::Failed(format!("{} could not be switched: its driver crashed", entity.name)))?;
    match applied {
        Ok(applied) => Ok(json!({"entity": entity.id, "from": applied.previous, "to": applied.value})),
        Err(refusal) => Err(tool_error(&entities, &entity, &refusal)),
    }
}

/// The refusal in the words of people, who know entities by name.
fn tool_error(entities: &Entities, entity: &Entity, refusal: &Refusal) -> ToolError {
    let named = |id: &str| entities.get(id).map_or_else(|| id.to_owned(), |entity| entity.name.clone());
    match refusal {
        Refusal::Interlock { rule, .. } => {
            let facts = facts(rule);
            let mut rule = rule.clone();
            if let Rule::Conflict { with: other, .. } | Rule::Requires { point: other, .. } = &mut rule {
                *other = named(other);
            }
            ToolError::Refused { code: "interlock", reason: rule.sentence(&entity.name), facts }
        }
        Refusal::Failure(_) => ToolError::Failed(refusal.to_string()),
        Refusal::Unknown { .. } | Refusal::ReadOnly { .. } | Refusal::Value { .. } => {
            ToolError::BadArguments(refusal.to_string())
        }
    }
}

/// What the sentence of an interlock is made of: which limit it is, for how long, and which other entity it is about.
fn facts(rule: &Rule) -> Value {
    let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    match rule {
        Rule::MinOn { wait } | Rule::MinOff { wait } => json!({"rule": rule.key(), "wait_seconds": seconds(*wait)}),
        Rule::Rate { wait, count, per } => json!({
            "rule": rule.key(),
            "wait_seconds": seconds(*wait),
            "count": count,
            "per_seconds": seconds(*per),
        }),
        Rule::Conflict { with, known: true } => json!({"rule": rule.key(), "other": with}),
        Rule::Conflict { with, known: false } => json!({"rule": "conflicts_unknown", "other": with}),
        Rule::Requires { point, is, found } => {
            json!({"rule": rule.key(), "other": point, "is": is, "found": found})
        }
    }
}

struct GetState {
    entities: Arc<Entities>,
}

impl Tool for GetState {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "entity.get_state",
            description: "Reads the value of an entity.",
            input: entity_schema(),
            risk: Risk::Read,
            idempotent: true,
            role: Role::Viewer,
            timeout: Duration::from_secs(1),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let entity = named_entity(&self.entities, &args)?;
            let view = self.entities.view(&entity.id);
            Ok(json!({
                "entity": entity.id,
                "name": entity.name,
                "value": view.and_then(|view| view.value),
                "unit": entity.unit,
            }))
        })
    }
}

struct Stop {
    entities: Arc<Entities>,
}

impl Tool for Stop {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "appliance.stop",
            description: "Makes every entity with `stop = true` safe at once. A convenience, no emergency stop.",
            input: json!({"type": "object", "additionalProperties": false}),
            risk: Risk::Reversible,
            idempotent: true,
            // Nobody who can reach the appliance at all is kept from making it safe.
            role: Role::Viewer,
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn stakes(&self, _args: &Value) -> Stakes {
        Stakes::making_safe()
    }

    fn call<'a>(&'a self, _args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            // A workflow that makes things safe does not end itself.
            if context.caller.source != Source::Workflow {
                self.entities.stopped.send_modify(|count| *count = count.saturating_add(1));
            }
            let points = Arc::clone(self.entities.points());
            let failures = tokio::task::spawn_blocking(move || points.stop_all())
                .await
                .map_err(|_panicked| ToolError::Failed("stopping failed: a driver crashed".to_owned()))?;
            if failures.is_empty() {
                return Ok(json!({}));
            }
            let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Err(ToolError::Failed(format!("not everything could be made safe: {}", failures.join(" "))))
        })
    }
}

fn entity_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"entity": {"type": "string", "minLength": 1, "maxLength": 128}},
        "required": ["entity"],
        "additionalProperties": false
    })
}

fn named_entity(entities: &Entities, args: &Value) -> Result<Arc<Entity>, ToolError> {
    let id = args["entity"].as_str().unwrap_or_default();
    entities
        .get(id)
        .ok_or_else(|| ToolError::BadArguments(format!("there is no entity `{id}`; the list of entities has the ids")))
}
