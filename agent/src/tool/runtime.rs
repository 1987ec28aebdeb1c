//! The tool runtime: the one way in which anything is done.
//!
//! Owns the registry of tools and the checks that hold for every caller alike, in this order: the tool exists, the
//! arguments are not too large and fit its schema, the caller's role suffices, the caller's rate is not used up, a call
//! that has to be agreed to was agreed to ([`super::confirmation`]), and a dangerous call is made only while the journal
//! can record it. Then the tool runs within its timeout, in a task of its
//! own, so that a panic in it is a failed call and nothing more. Every call and every refusal becomes an audit event,
//! with secrets blanked. Interlocks stand below, in `victus-hw`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};
use victus_hw::clock::{Clock, Monotonic};

use super::confirmation::{Confirmations, VALID_FOR};
use super::{CallContext, CallStatus, Caller, Rate, Risk, Stakes, Tool, ToolError, ToolSpec};
use crate::event::EventKind;
use crate::store::Store;

/// The largest arguments that a call may have, in bytes of JSON.
pub const MAX_ARGUMENT_BYTES: usize = 64 * 1024;

/// How many pairs of caller and tool the rate limiter remembers; beyond that the one longest unused is forgotten.
const MAX_RATE_WINDOWS: usize = 1024;

/// What is written in place of a secret.
const REDACTED: &str = "[redacted]";

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
}

struct Registered {
    tool: Arc<dyn Tool>,
    spec: ToolSpec,
    schema: jsonschema::Validator,
}

impl ToolRuntime {
    /// A runtime without tools that records its calls in `store`; tokens are drawn from `random`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<Mutex<dyn Rng + Send>>) -> Self {
        let confirmations = Confirmations::new(Arc::clone(&clock), random);
        Self { tools: BTreeMap::new(), store, clock, rates: Mutex::default(), confirmations }
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

    /// Calls a tool, or refuses to, and records which. Never panics, and returns within the tool's timeout and the time
    /// that the store takes to record the call.
    pub async fn call(&self, name: &str, args: Value, context: &CallContext) -> CallResult {
        let begun = self.clock.monotonic();
        let registered = self.tools.get(name);
        let outcome = match self.check(name, registered, &args, context, begun) {
            Ok(registered) => run(registered, args.clone(), context).await,
            Err(refusal) => Err(refusal),
        };
        let took = self.clock.monotonic().saturating_since(begun);
        let (status, result) = match outcome {
            Ok(result) => (CallStatus::Done, result),
            Err(error) => outcome_of(error),
        };
        self.record(name, registered, &args, context, status.clone(), took).await;
        CallResult { status, result, took }
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

    async fn record(
        &self,
        name: &str,
        registered: Option<&Registered>,
        args: &Value,
        context: &CallContext,
        status: CallStatus,
        took: Duration,
    ) {
        let fits = registered.filter(|registered| check_arguments(registered, args).is_ok());
        let risk = match fits {
            Some(registered) => registered.tool.stakes(args).risk,
            None => registered.map_or(Risk::Read, |it| it.spec.risk),
        };
        let redact = registered.map_or(&[][..], |it| &it.spec.redact[..]);
        let kind = EventKind::ToolCalled {
            tool: shortened(name),
            caller: context.caller.clone(),
            risk,
            args: recordable(args, redact),
            status,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
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

fn refused(code: &str, reason: String) -> CallStatus {
    CallStatus::Refused { code: code.to_owned(), reason }
}

fn unknown(name: &str) -> ToolError {
    let reason = format!("there is no tool `{}`; `victus tools` lists what there is", shortened(name));
    ToolError::refused("unknown_tool", reason)
}

fn check_arguments(registered: &Registered, args: &Value) -> Result<(), ToolError> {
    let bytes = serialised_len(args);
    if bytes > MAX_ARGUMENT_BYTES {
        let reason = format!("the arguments have {bytes} bytes, and a call may have {MAX_ARGUMENT_BYTES}");
        return Err(ToolError::BadArguments(reason));
    }
    match registered.schema.iter_errors(args).next() {
        None => Ok(()),
        Some(error) => {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") };
            let reason = format!("`{}`: {place}: {}", registered.spec.name, shortened(&error.to_string()));
            Err(ToolError::BadArguments(reason))
        }
    }
}

/// Runs the tool in a task of its own, so that it ends with its time and a panic in it stays there.
async fn run(registered: &Registered, args: Value, context: &CallContext) -> Result<Value, ToolError> {
    let (tool, context, timeout) = (Arc::clone(&registered.tool), context.clone(), registered.spec.timeout);
    let mut task = tokio::spawn(async move { tool.call(args, &context).await });
    match tokio::time::timeout(timeout, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(join_error)) => {
            log::error!(tool = registered.spec.name; "the tool panicked: {join_error}");
            Err(ToolError::Failed(format!("`{}` crashed; the log says where", registered.spec.name)))
        }
        Err(_elapsed) => {
            task.abort();
            let seconds = timeout.as_secs_f32();
            Err(ToolError::Failed(format!("`{}` did not end within {seconds} seconds", registered.spec.name)))
        }
    }
}

/// The arguments as they may be recorded: secrets blanked, and no larger than a call may be.
fn recordable(args: &Value, redact: &[&str]) -> Value {
    if serialised_len(args) > MAX_ARGUMENT_BYTES {
        return Value::String("[too large]".to_owned());
    }
    let mut args = args.clone();
    if let Some(fields) = args.as_object_mut() {
        for (_, value) in fields.iter_mut().filter(|(name, _)| redact.contains(&name.as_str())) {
            *value = Value::String(REDACTED.to_owned());
        }
    }
    args
}

fn serialised_len(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len())
}

/// Text from outside, bounded for a message or an event.
fn shortened(text: &str) -> String {
    const LIMIT: usize = 200;
    if text.chars().count() <= LIMIT { text.to_owned() } else { text.chars().take(LIMIT).chain(['…']).collect() }
}

/// The times of recent calls for each caller and tool.
#[derive(Default)]
struct RateWindows {
    windows: HashMap<(Caller, &'static str), VecDeque<Monotonic>>,
}

impl RateWindows {
    fn admit(&mut self, caller: &Caller, tool: &'static str, rate: Rate, now: Monotonic) -> Result<(), ToolError> {
        if self.windows.len() >= MAX_RATE_WINDOWS && !self.windows.contains_key(&(caller.clone(), tool)) {
            let idle = self.windows.iter().min_by_key(|(_, calls)| calls.back().copied()).map(|(key, _)| key.clone());
            if let Some(idle) = idle {
                self.windows.remove(&idle);
            }
        }
        let calls = self.windows.entry((caller.clone(), tool)).or_default();
        while calls.front().is_some_and(|call| now.saturating_since(*call) >= rate.per) {
            calls.pop_front();
        }
        if calls.len() >= rate.count as usize {
            let wait = calls.front().map_or(rate.per, |call| rate.per.saturating_sub(now.saturating_since(*call)));
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let reason = format!(
                "`{tool}` may be called {} times in {} seconds; try again in {seconds} seconds",
                rate.count,
                rate.per.as_secs()
            );
            let facts = json!({"rule": "too_often", "wait_seconds": seconds});
            return Err(ToolError::Refused { code: "rate", reason, facts });
        }
        calls.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
