//! The tool runtime: the one way in which anything is done.
//!
//! Owns the registry of tools and the checks that hold for every caller alike, in this order: the tool exists, the
//! arguments are not too large and fit its schema, the caller's role suffices, the caller's rate is not used up, a call
//! that has to be agreed to was agreed to ([`super::confirmation`]), and a dangerous call is made only while the journal
//! can record it. Then the tool runs within its timeout, in a task of its
//! own, so that a panic in it is a failed call and nothing more; one that is idempotent is tried again (`attempts`), and
//! what fails again and again is left alone for a while (`breaker`), except for what makes something safe. A call under a
//! key is made once (`idempotency`). Every call and every refusal becomes an audit event, with secrets blanked.
//! Interlocks stand below, in `victus-hw`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};
use victus_hw::clock::{Clock, Monotonic};

use super::confirmation::{Confirmations, VALID_FOR};
use super::{CallContext, CallStatus, Caller, Risk, Stakes, Tool, ToolError, ToolSpec};
use crate::event::EventKind;
use crate::store::{Batch, Store};

mod arguments;
mod attempts;
mod breaker;
mod idempotency;
mod rates;

use arguments::{check_arguments, recordable, shortened};
use attempts::Attempted;
use breaker::{Breakers, Change, Circuit, FAILURES};
use idempotency::{Keys, Known, Ticket};
use rates::RateWindows;

/// The largest arguments that a call may have, in bytes of JSON.
pub const MAX_ARGUMENT_BYTES: usize = 64 * 1024;

/// A tool that cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The name is taken.
    #[error("the tool `{0}` is registered twice; each tool has one place that registers it")]
    Duplicate(&'static str),
    /// The input schema is not a JSON Schema.
    #[error("the input schema of the tool `{tool}` is not a JSON Schema: {reason}")]
    Schema {
        /// The tool.
        tool: &'static str,
        /// What is wrong with the schema.
        reason: String,
    },
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// Done, refused or failed.
    pub status: CallStatus,
    /// What the tool returned; of a refusal its facts, where it has any.
    pub result: Value,
    /// From the call to its end, the audit event not included.
    pub took: Duration,
}

/// The registry of tools and the way to call them.
pub struct ToolRuntime {
    tools: BTreeMap<&'static str, Registered>,
    store: Store,
    clock: Arc<dyn Clock>,
    rates: Mutex<RateWindows>,
    confirmations: Confirmations,
    breakers: Mutex<Breakers>,
    keys: Keys,
    random: Arc<Mutex<dyn Rng + Send>>,
}

/// What came of a call, and how.
struct Ended {
    outcome: Result<Value, ToolError>,
    /// How often the tool ran; 0 where it did not.
    attempts: u32,
    /// The breaker that this changed.
    change: Option<(Circuit, Change)>,
}

impl Ended {
    fn refused(refusal: ToolError) -> Self {
        Self { outcome: Err(refusal), attempts: 0, change: None }
    }
}

struct Registered {
    tool: Arc<dyn Tool>,
    spec: ToolSpec,
    schema: jsonschema::Validator,
}

impl ToolRuntime {
    /// A runtime without tools that records its calls in `store`; tokens and pauses are drawn from `random`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<Mutex<dyn Rng + Send>>) -> Self {
        let confirmations = Confirmations::new(Arc::clone(&clock), Arc::clone(&random));
        Self {
            tools: BTreeMap::new(),
            keys: Keys::new(store.clone()),
            store,
            clock,
            rates: Mutex::default(),
            confirmations,
            breakers: Mutex::default(),
            random,
        }
    }

    /// The questions that are open, and the agreements to them.
    pub fn confirmations(&self) -> &Confirmations {
        &self.confirmations
    }

    /// What a call is worth; none where there is no such tool or the arguments do not fit it.
    pub fn stakes(&self, name: &str, args: &Value) -> Option<Stakes> {
        let registered = self.tools.get(name).filter(|registered| check_arguments(registered, args).is_ok())?;
        Some(registered.tool.stakes(args))
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// The name is taken, or the schema is none.
    pub fn register(&mut self, tool: Arc<dyn Tool>) -> Result<(), RegisterError> {
        let spec = tool.spec();
        let schema = jsonschema::validator_for(&spec.input)
            .map_err(|error| RegisterError::Schema { tool: spec.name, reason: error.to_string() })?;
        if self.tools.contains_key(spec.name) {
            return Err(RegisterError::Duplicate(spec.name));
        }
        self.tools.insert(spec.name, Registered { tool, spec, schema });
        Ok(())
    }

    /// What there is, by name.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.values().map(|registered| &registered.spec)
    }

    /// The tool of that name.
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.get(name).map(|registered| &registered.spec)
    }

    /// What a call would come to as things stand: done, or refused, why. Does nothing, uses up nothing and records nothing;
    /// whether it has to be confirmed is told by [`Self::stakes`].
    pub fn preview(&self, name: &str, args: &Value, caller: &Caller) -> (CallStatus, Value) {
        let preview = |registered: &Registered| {
            check_arguments(registered, args)?;
            check_role(&registered.spec, caller)?;
            registered.tool.preview(args)
        };
        match self.tools.get(name).ok_or_else(|| unknown(name)).and_then(preview) {
            Ok(()) => (CallStatus::Done, Value::Null),
            Err(error) => outcome_of(error),
        }
    }

    /// The tool of that name, if it takes these arguments, and what such a call is worth now: what is planned for later is
    /// checked by it.
    ///
    /// # Errors
    /// There is no such tool, or the arguments are too large or don't fit its schema.
    pub fn accepts(&self, name: &str, args: &Value) -> Result<(&ToolSpec, Stakes), ToolError> {
        let registered = self.tools.get(name).ok_or_else(|| unknown(name))?;
        check_arguments(registered, args)?;
        Ok((&registered.spec, registered.tool.stakes(args)))
    }

    /// Why these arguments do not fit the tool of that name, as a sentence; none where they do, or there is no such tool.
    pub fn misfit(&self, name: &str, args: &Value) -> Option<String> {
        match check_arguments(self.tools.get(name)?, args) {
            Err(ToolError::BadArguments(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Whether a person has to agree to this call before it is made. False where there is no such tool.
    pub fn needs_confirmation(&self, name: &str, args: &Value) -> bool {
        self.tools.get(name).is_some_and(|registered| registered.tool.stakes(args).confirm)
    }

    /// Calls a tool, or refuses to, and records which. Never panics, and returns within the tool's timeout and the time
    /// that the store takes to record the call.
    pub async fn call(&self, name: &str, args: Value, context: &CallContext) -> CallResult {
        let begun = self.clock.monotonic();
        let registered = self.tools.get(name);
        let (ended, ticket) = match self.known(registered, &args, context) {
            None => (self.attempt(name, registered, &args, context, None).await, None),
            Some(Known::Free(mut ticket)) => {
                let ended = self.attempt(name, registered, &args, context, Some(&mut ticket)).await;
                (ended, Some(ticket))
            }
            Some(Known::Refused(refusal)) => (Ended::refused(refusal), None),
            Some(Known::Made(made)) => return self.repeat(name, registered, &args, context, made).await,
        };
        let took = self.clock.monotonic().saturating_since(begun);
        let (status, result) = match ended.outcome {
            Ok(result) => (CallStatus::Done, result),
            Err(error) => outcome_of(error),
        };
        let called = CallResult { status, result, took };
        let attempts = (ended.attempts > 1).then_some(ended.attempts);
        let kind = self.event(name, registered, &args, context, &called, (attempts, false));
        self.record(context, kind, ticket, &called).await;
        self.tell(context, ended.change, &called.status).await;
        called
    }

    /// Refuses a call that was stopped on its way here, and records that.
    pub async fn refuse(
        &self,
        name: &str,
        args: &Value,
        context: &CallContext,
        code: &str,
        reason: String,
    ) -> CallResult {
        let (status, result) = (refused(code, reason), Value::Null);
        let called = CallResult { status, result, took: Duration::ZERO };
        let kind = self.event(name, self.tools.get(name), args, context, &called, (None, false));
        self.record(context, kind, None, &called).await;
        called
    }

    /// What is known of the key of a call; none where it has no key.
    fn known(&self, registered: Option<&Registered>, args: &Value, context: &CallContext) -> Option<Known> {
        let (key, spec) = (context.key.as_ref()?, &registered?.spec);
        Some(self.keys.look_up(&context.caller, key, (spec.name, args, spec.idempotent)))
    }

    /// Gives the result of an earlier call under the same key.
    async fn repeat(
        &self,
        name: &str,
        registered: Option<&Registered>,
        args: &Value,
        context: &CallContext,
        made: idempotency::Ended,
    ) -> CallResult {
        let called = CallResult { status: made.status, result: made.result, took: Duration::ZERO };
        let kind = self.event(name, registered, args, context, &called, (None, true));
        self.record(context, kind, None, &called).await;
        called
    }

    /// Makes a call that passes the checks and the breaker.
    async fn attempt(
        &self,
        name: &str,
        registered: Option<&Registered>,
        args: &Value,
        context: &CallContext,
        ticket: Option<&mut Ticket>,
    ) -> Ended {
        let registered = match self.check(name, registered, args, context, self.clock.monotonic()) {
            Ok(registered) => registered,
            Err(refusal) => return Ended::refused(refusal),
        };
        let circuit = circuit(registered, args);
        let now = self.clock.monotonic();
        if let Some(circuit) = &circuit
            && let Some(wait) = self.breakers().begin(circuit, now, registered.spec.timeout)
        {
            return Ended::refused(unavailable(circuit, wait));
        }
        let opened = match ticket {
            Some(ticket) => self.keys.open(ticket).await,
            None => Ok(()),
        };
        let Attempted { outcome, attempts } = match opened {
            Ok(()) => attempts::attempt(registered, args, context, &*self.random).await,
            Err(refusal) => Attempted { outcome: Err(refusal), attempts: 0 },
        };
        let ended = match &outcome {
            Ok(_) => breaker::Ended::Succeeded,
            Err(ToolError::Failed(_)) => breaker::Ended::Failed,
            Err(_) => breaker::Ended::Refused,
        };
        let now = self.clock.monotonic();
        let change = circuit.and_then(|circuit| {
            let change = self.breakers().end(circuit.clone(), now, ended)?;
            Some((circuit, change))
        });
        Ended { outcome, attempts, change }
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check<'a>(
        &'a self,
        name: &str,
        registered: Option<&'a Registered>,
        args: &Value,
        context: &CallContext,
        now: Monotonic,
    ) -> Result<&'a Registered, ToolError> {
        let caller = &context.caller;
        let registered = registered.ok_or_else(|| unknown(name))?;
        let spec = &registered.spec;
        check_arguments(registered, args)?;
        check_role(spec, caller)?;
        if let Some(rate) = spec.rate {
            let mut windows = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            windows.admit(caller, spec.name, rate, now)?;
        }
        if let Some(circuit) = circuit(registered, args)
            && let Some(wait) = self.breakers().refuses(&circuit, now)
        {
            return Err(unavailable(&circuit, wait));
        }
        let stakes = registered.tool.stakes(args);
        if stakes.confirm && !context.permit.use_for(spec.name, args) {
            return Err(self.confirmation_required(spec.name, args, caller));
        }
        if stakes.risk == Risk::Dangerous && !self.store.status().is_durable() {
            let reason = format!("`{}` is dangerous and could not be recorded: the store is not writable", spec.name);
            return Err(ToolError::refused("not_recorded", reason));
        }
        Ok(registered)
    }

    /// The refusal of a call that nobody has agreed to, with the token to agree by.
    fn confirmation_required(&self, tool: &str, args: &Value, caller: &Caller) -> ToolError {
        let token = self.confirmations.ask(caller, vec![(tool.to_owned(), args.clone())]);
        let seconds = VALID_FOR.as_secs();
        let reason = format!("this has to be confirmed: make the same call with the token within {seconds} seconds");
        let facts = json!({"rule": "confirmation", "token": token.reveal(), "within_seconds": seconds});
        ToolError::Refused { code: "confirmation_required", reason, facts }
    }

    /// The event that tells of a call; `attempts` where the tool ran more than once, and whether an earlier result was given.
    fn event(
        &self,
        name: &str,
        registered: Option<&Registered>,
        args: &Value,
        context: &CallContext,
        called: &CallResult,
        (attempts, repeated): (Option<u32>, bool),
    ) -> EventKind {
        let fits = registered.filter(|registered| check_arguments(registered, args).is_ok());
        let risk = match fits {
            Some(registered) => registered.tool.stakes(args).risk,
            None => registered.map_or(Risk::Read, |it| it.spec.risk),
        };
        let redact = registered.map_or(&[][..], |it| &it.spec.redact[..]);
        EventKind::ToolCalled {
            tool: shortened(name),
            caller: context.caller.clone(),
            risk,
            args: recordable(args, redact),
            status: called.status.clone(),
            took_us: u64::try_from(called.took.as_micros()).unwrap_or(u64::MAX),
            attempts,
            repeated,
        }
    }

    /// Records a call, and its end under its key in the same commit.
    async fn record(&self, context: &CallContext, kind: EventKind, ticket: Option<Ticket>, called: &CallResult) {
        match ticket {
            None => drop(self.store.journal().append(Some(&context.trace), kind).await),
            Some(ticket) => {
                let batch = Batch::default().event(Some(&context.trace), kind);
                self.store.commit(self.keys.end(&ticket, &called.status, &called.result, batch)).await;
            }
        }
    }

    /// Tells of a breaker that opened or closed.
    async fn tell(&self, context: &CallContext, change: Option<(Circuit, Change)>, status: &CallStatus) {
        let kind = match (change, status) {
            (Some(((tool, entity), Change::Opened(cool_down))), CallStatus::Failed { reason }) => {
                let (tool, seconds) = (tool.to_owned(), cool_down.as_secs());
                EventKind::BreakerOpened { tool, entity, seconds, reason: shortened(reason) }
            }
            (Some(((tool, entity), Change::Closed)), _) => EventKind::BreakerClosed { tool: tool.to_owned(), entity },
            _ => return,
        };
        self.store.journal().append(Some(&context.trace), kind).await;
    }
}

fn check_role(spec: &ToolSpec, caller: &Caller) -> Result<(), ToolError> {
    if caller.role >= spec.role {
        return Ok(());
    }
    let reason = format!("`{}` needs the role {}, and this caller is {}", spec.name, spec.role, caller.role);
    Err(ToolError::refused("role", reason))
}

/// What a call came to that was not done, and the facts of a refusal.
fn outcome_of(error: ToolError) -> (CallStatus, Value) {
    match error {
        ToolError::BadArguments(reason) => (refused("bad_arguments", reason), Value::Null),
        ToolError::Refused { code, reason, facts } => (refused(code, reason), facts),
        ToolError::Failed(reason) => (CallStatus::Failed { reason }, Value::Null),
    }
}

/// The breaker of a call; none where the call makes something safe, which is always tried.
fn circuit(registered: &Registered, args: &Value) -> Option<Circuit> {
    let guarded = !registered.tool.stakes(args).makes_safe;
    guarded.then(|| (registered.spec.name, args["entity"].as_str().map(str::to_owned)))
}

/// The refusal of a call whose breaker is open.
fn unavailable((tool, entity): &Circuit, wait: Duration) -> ToolError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let of = entity.as_ref().map_or_else(String::new, |entity| format!(" of {entity}"));
    let reason =
        format!("`{tool}`{of} failed {FAILURES} times in a row and is left alone; try again in {seconds} seconds");
    ToolError::Refused { code: "unavailable", reason, facts: json!({"rule": "failing", "wait_seconds": seconds}) }
}

fn refused(code: &str, reason: String) -> CallStatus {
    CallStatus::Refused { code: code.to_owned(), reason }
}

fn unknown(name: &str) -> ToolError {
    let reason = format!("there is no tool `{}`; `victus tools` lists what there is", shortened(name));
    ToolError::refused("unknown_tool", reason)
}

#[cfg(test)]
mod tests;
