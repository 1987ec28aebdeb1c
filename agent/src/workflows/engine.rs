//! The engine: runs that go on.
//!
//! Owns every open run between one stored state and the next. A change is stored before its effect, in one commit with
//! its events: the end of one step and the beginning of the next are one commit. Promises that a tool which is not
//! idempotent is called only when it is on disk that it is, and that runs go on where the store says they were. What the
//! states mean is [`run`](super::run)'s.
//!
//! The loop is one task. It looks at the open runs when an entity changes, when a call ends, when a run begins or is
//! cancelled, and when a time is over.

mod keep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::definition::read::read;
use super::definition::{Action, Definition};
use super::expression::MAX_VALUE_BYTES;
use super::run::{Cause, Next, Run, RunId, StepState};
use super::scope::RunScope;
use super::triggers::Triggers;
use super::{MAX_RUNS, Order, Workflows, is_open};
use crate::store::{Batch, StoreError, TableName};
use crate::tool::runtime::{CallResult, ToolRuntime};
use crate::tool::{CallContext, CallStatus, Caller};

/// How often the loop looks while nothing is due.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How long calls in flight may take to end when the appliance stops.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// The most that all arguments and results of a run take, in bytes of JSON: with the definition it has to fit a record.
const MAX_VALUES_BYTES: usize = 48 * 1024;

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be read.
    #[error("the runs of the workflows cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The tools are gone.
    #[error("the workflows have no tools to call")]
    NoTools,
}

/// The open runs of this process.
pub struct Engine<'a> {
    all: &'a Workflows,
    tools: Arc<ToolRuntime>,
    active: BTreeMap<RunId, Active>,
    calls: FuturesUnordered<BoxFuture<'static, Ended>>,
    triggers: Triggers,
    stops: watch::Receiver<u64>,
}

struct Active {
    run: Run,
    definition: Arc<Definition>,
    /// The states of its steps when it was stored last.
    told: Vec<StepState>,
}

struct Ended {
    run: RunId,
    step: usize,
    result: CallResult,
}

impl Workflows {
    /// Runs workflows until `shutdown`; calls `progress` at least every few seconds.
    ///
    /// # Errors
    /// The store cannot be read, or the tools are gone.
    pub async fn serve(&self, progress: impl Fn(), shutdown: CancellationToken) -> Result<(), EngineError> {
        let mut engine = Engine::open(self).await?;
        let mut points = self.parts.entities.points().watch();
        let mut stops = self.parts.entities.stops();
        loop {
            progress();
            engine.work().await;
            let wait = engine.until_due().map_or(PROGRESS_INTERVAL, |wait| wait.min(PROGRESS_INTERVAL));
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = engine.calls.next(), if !engine.calls.is_empty() => engine.ended(ended).await,
                () = self.changed.notified() => {}
                Ok(()) = points.changed() => {}
                Ok(()) = stops.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        engine.close().await;
        Ok(())
    }
}

impl<'a> Engine<'a> {
    /// Takes up every run that the store knows to be open.
    ///
    /// # Errors
    /// The store cannot be read, or the tools are gone.
    pub async fn open(all: &'a Workflows) -> Result<Self, EngineError> {
        let tools = all.tools().ok_or(EngineError::NoTools)?;
        // What a loop that has crashed sent to the store last is in there before it is read: commits are in order.
        all.parts.store.commit(Batch::default()).await;
        // Whatever was ordered before is stored, or speaks of a run that is.
        let orders = all.take_orders();
        let stored = all.parts.store.table(TableName::Runs).entries::<Run>(super::book::MAX_FINISHED + MAX_RUNS)?;
        let triggers = Triggers::load(all)?;
        let stops = all.parts.entities.stops();
        let mut engine = Self { all, tools, active: BTreeMap::new(), calls: FuturesUnordered::new(), triggers, stops };
        for (_, run) in stored.into_iter().filter(|(_, run)| is_open(run)) {
            engine.resume(run).await;
        }
        for order in orders {
            if let Order::Cancel(..) = order {
                engine.obey(order).await;
            }
        }
        Ok(engine)
    }

    /// Does everything that can be done now.
    pub async fn work(&mut self) {
        for order in self.all.take_orders() {
            self.obey(order).await;
        }
        if self.stops.has_changed().unwrap_or(false) {
            self.stops.mark_unchanged();
            for id in self.active.keys().cloned().collect::<Vec<_>>() {
                self.obey(Order::Cancel(id, "somebody had everything stopped".to_owned())).await;
            }
        }
        self.triggers.look(self.all).await;
        for order in self.all.take_orders() {
            self.obey(order).await;
        }
        for id in self.active.keys().cloned().collect::<Vec<_>>() {
            self.look_at(&id).await;
        }
    }

    /// Waits for the next call to end and goes on from there. False where none is in flight.
    pub async fn next_call(&mut self) -> bool {
        match self.calls.next().await {
            Some(ended) => {
                self.ended(ended).await;
                true
            }
            None => false,
        }
    }

    /// How long nothing is due.
    pub fn until_due(&self) -> Option<Duration> {
        let now = self.all.now();
        let of_run = |active: &Active| {
            let waits = active.run.steps.iter().filter_map(|step| step.wait.as_ref());
            waits.chain(&active.run.time).map(|countdown| countdown.left_ms(&now)).min()
        };
        let runs = self.active.values().filter_map(of_run).min().map(Duration::from_millis);
        runs.into_iter().chain(self.triggers.until_due(self.all)).min()
    }

    /// Whether no run is open.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    async fn obey(&mut self, order: Order) {
        let now = self.all.now();
        match order {
            // One that was read from the store already.
            Order::Run(run, _) if self.active.contains_key(&run.id) => {}
            Order::Run(run, definition) => {
                let told = run.steps.iter().map(|step| step.state).collect();
                self.settle(Active { run: *run, definition, told }, Vec::new()).await;
            }
            Order::Cancel(id, reason) => {
                if let Some(mut active) = self.active.remove(&id) {
                    let definition = Arc::clone(&active.definition);
                    active.run.interrupt(&definition, Cause::Cancelled, &reason, &now);
                    self.settle(active, Vec::new()).await;
                }
            }
        }
    }

    async fn resume(&mut self, mut run: Run) {
        let now = self.all.now();
        let mut told: Vec<StepState> = run.steps.iter().map(|step| step.state).collect();
        match read(&run.workflow, &run.definition) {
            Ok(definition) => {
                let is_idempotent = |tool: &str| self.tools.spec(tool).is_some_and(|spec| spec.idempotent);
                let again = run.resumed(&definition, &is_idempotent, &now);
                self.settle(Active { run, definition: Arc::new(definition), told }, again).await;
            }
            Err(wrong) => {
                let why =
                    wrong.first().map_or(String::new(), |wrong| format!("line {}: {}", wrong.line, wrong.message));
                run.abandon(&format!("this program cannot read the definition any more: {why}"), &now);
                self.all.keep_changes(&run, &mut told).await;
            }
        }
    }

    /// What time and conditions change.
    async fn look_at(&mut self, id: &RunId) {
        let Some(active) = self.active.get_mut(id) else { return };
        let (now, definition) = (self.all.now(), Arc::clone(&active.definition));
        let mut changed = false;
        if active.run.time.as_ref().is_some_and(|time| time.left_ms(&now) == 0) {
            let reason = format!("it took longer than {} seconds", definition.limits.duration.as_secs_f64());
            active.run.interrupt(&definition, Cause::Time, &reason, &now);
            changed = true;
        }
        for step in 0..active.run.steps.len() {
            changed |= look_at_wait(self.all, &mut active.run, &definition, step);
        }
        if changed && let Some(active) = self.active.remove(id) {
            self.settle(active, Vec::new()).await;
        }
    }

    async fn ended(&mut self, ended: Ended) {
        let Some(mut active) = self.active.remove(&ended.run) else { return };
        let now = self.all.now();
        let definition = Arc::clone(&active.definition);
        match ended.result.status {
            CallStatus::Done => {
                let room = MAX_VALUES_BYTES.saturating_sub(active.run.bytes_of_values()).min(MAX_VALUE_BYTES);
                active.run.done(ended.step, within(ended.result.result, room), &now);
            }
            CallStatus::Refused { reason, .. } | CallStatus::Failed { reason } => {
                active.run.failed(&definition, ended.step, &reason, false, &now);
            }
        }
        self.settle(active, Vec::new()).await;
    }

    /// Goes on with a run as far as it goes, stores it, and then makes the calls that are due, those of `again` too.
    async fn settle(&mut self, mut active: Active, again: Vec<usize>) {
        let definition = Arc::clone(&active.definition);
        let mut calls = again;
        loop {
            let now = self.all.now();
            while let Next::Begin(steps) = active.run.next(&definition, &now) {
                steps.into_iter().for_each(|step| self.begin(&mut active.run, &definition, step, &mut calls));
            }
            let durable = self.all.keep_changes(&active.run, &mut active.told).await;
            if durable || !self.give_up_unrecorded(&mut active.run, &definition, &mut calls) {
                break;
            }
        }
        for step in calls {
            self.call(&active.run, step);
        }
        if is_open(&active.run) {
            self.active.insert(active.run.id.clone(), active);
        }
    }

    fn begin(&self, run: &mut Run, definition: &Definition, step: usize, calls: &mut Vec<usize>) {
        let now = self.all.now();
        let Some(stated) = definition.steps.get(step) else {
            // One that takes something back: it says itself what it calls.
            let call = run.steps.get(step).and_then(|it| Some((it.tool.clone()?, it.args.clone()?)));
            if let Some((tool, args)) = call {
                run.started(step, &tool, args, &now);
                calls.push(step);
            }
            return;
        };
        let scope = RunScope { all: self.all, run };
        match stated.when.as_ref().map(|when| when.holds(&scope)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return run.skipped(step, &now),
            Some(Err(reason)) => return run.failed(definition, step, &reason, false, &now),
        }
        match &stated.action {
            Action::Wait(duration) => run.waits(step, *duration, &now),
            Action::WaitUntil { timeout, .. } => run.waits(step, *timeout, &now),
            Action::Parallel(_) => return run.opened(step, &now),
            Action::Call { tool, args } => match self.arguments(&scope, args) {
                Ok(args) => {
                    run.started(step, tool, args, &now);
                    calls.push(step);
                }
                Err(reason) => run.failed(definition, step, &reason, false, &now),
            },
        }
        look_at_wait(self.all, run, definition, step);
    }

    fn arguments(&self, scope: &RunScope<'_>, args: &super::definition::template::Template) -> Result<Value, String> {
        let args = args.render(scope)?;
        let bytes = serde_json::to_vec(&args).map_or(usize::MAX, |text| text.len());
        let room = MAX_VALUES_BYTES.saturating_sub(scope.run.bytes_of_values()).min(MAX_VALUE_BYTES);
        if bytes > room {
            return Err(format!("its arguments have {bytes} bytes, and there is room for {room}"));
        }
        Ok(args)
    }

    /// Fails the steps whose call must not be made because it is not on disk. Whether there are any.
    fn give_up_unrecorded(&self, run: &mut Run, definition: &Definition, calls: &mut Vec<usize>) -> bool {
        let now = self.all.now();
        let tool = |step: usize| run.steps.get(step).and_then(|it| it.tool.as_deref());
        let repeatable =
            |step: &usize| tool(*step).and_then(|tool| self.tools.spec(tool)).is_none_or(|spec| spec.idempotent);
        let (keep, give_up): (Vec<usize>, Vec<usize>) = calls.iter().partition(|step| repeatable(step));
        *calls = keep;
        for step in &give_up {
            let reason = "it was not done: it could not be recorded that it is, and it must not be done twice";
            run.failed(definition, *step, reason, false, &now);
        }
        !give_up.is_empty()
    }

    fn call(&self, run: &Run, step: usize) {
        let Some(StepCall { tool, args }) = StepCall::of(run, step) else { return };
        let context = CallContext::new(Caller::workflow(&run.workflow, run.role), run.trace.clone());
        let (tools, run) = (Arc::clone(&self.tools), run.id.clone());
        self.calls.push(Box::pin(async move {
            let result = tools.call(&tool, args, &context).await;
            Ended { run, step, result }
        }));
    }

    /// Lets calls in flight end; what does not is settled at the next start.
    async fn close(mut self) {
        let last = async { while self.next_call().await {} };
        if tokio::time::timeout(LAST_WAIT, last).await.is_err() {
            log::warn!("calls of workflows were cut off by the stop; what became of them is settled at the next start");
        }
    }
}

/// What a step calls.
struct StepCall {
    tool: String,
    args: Value,
}

impl StepCall {
    fn of(run: &Run, step: usize) -> Option<Self> {
        let step = run.steps.get(step).filter(|step| step.state == StepState::Started)?;
        Some(Self { tool: step.tool.clone()?, args: step.args.clone()? })
    }
}

/// Ends a wait whose time is over or whose condition holds. Whether it has ended.
fn look_at_wait(all: &Workflows, run: &mut Run, definition: &Definition, step: usize) -> bool {
    let now = all.now();
    let waiting = run.steps.get(step).filter(|it| it.state == StepState::Waiting);
    let Some(left) = waiting.and_then(|it| it.wait.as_ref()).map(|wait| wait.left_ms(&now)) else { return false };
    let Some(Action::WaitUntil { until, timeout }) = definition.steps.get(step).map(|it| &it.action) else {
        if left == 0 {
            run.done(step, Value::Null, &now);
        }
        return left == 0;
    };
    // What has no value yet may have one later: an instrument that does not answer, for one.
    let why = match until.holds(&RunScope { all, run }) {
        Ok(true) => {
            run.done(step, Value::Null, &now);
            return true;
        }
        Ok(false) => format!("`{}` did not hold", until.source()),
        Err(reason) => reason,
    };
    if left == 0 {
        run.failed(definition, step, &format!("{why} within {} seconds", timeout.as_secs_f64()), false, &now);
    }
    left == 0
}

/// A result that fits, or how large it was.
fn within(result: Value, room: usize) -> Value {
    let bytes = serde_json::to_vec(&result).map_or(usize::MAX, |text| text.len());
    if bytes <= room { result } else { json!({"too_large": bytes}) }
}
