//! Workflows: what the appliance does by itself, step by step, over restarts.
//!
//! Owns the workflows that there are, every run of them, and what begins a run. Promises:
//! * Everything that a step does is a call of the tool runtime, with the role of whoever made the workflow.
//! * A run goes on after `kill -9` at any step. No tool that is not idempotent is called twice for one step: a call that was
//!   cut off is `uncertain`, is reported, and leads to the failure branch. Such a tool is not called at all while the store
//!   cannot keep that it is.
//! * When somebody has everything stopped (`appliance.stop`), every run is cancelled, so that none switches on again what was
//!   made safe.
//! * A run keeps the text of the workflow with which it began, whatever becomes of the file.
//! * A condition that cannot be evaluated is not taken for true or false: the step fails, or the run does not begin, and
//!   that is reported.
//! * Everything is bounded: files, steps, expressions, values, runs at once, how often one begins, how long it may take, and
//!   how many finished runs are kept ([`book`]).
//!
//! [`definition`] has the format of a file, [`run`] the states of a run and how it is stored, [`triggers`] what begins one by
//! itself; [`engine`] runs them and [`tools`] are the way in from outside.

pub mod book;
pub mod catalogue;
pub mod check;
pub mod definition;
pub mod engine;
pub mod expression;
pub mod run;
mod scope;
pub mod tools;
pub mod triggers;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use rand::Rng;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use victus_hw::clock::Clock;

use crate::entities::Entities;
use crate::event::{BootId, EventKind, Stamp, TraceId};
use crate::store::{Batch, Store, StoreError, TableName};
use crate::tool::runtime::ToolRuntime;
use book::Book;
use catalogue::{Catalogue, Fault, Folders};
use check::Misfit;
use definition::Definition;
use expression::{Expression, MAX_VALUE_BYTES};
use run::{Began, Beginning, Run, RunId, RunState};
use scope::StartScope;

/// The most runs at once, of all workflows together.
pub const MAX_RUNS: usize = 32;

/// Why a run did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// There is no such workflow, or it cannot be used.
    #[error(
        "there is no workflow `{0}`; `victus workflows list` shows those that can be used and what is wrong with others"
    )]
    Unknown(String),
    /// What was handed over is too large.
    #[error("what is handed to a workflow has at most {MAX_VALUE_BYTES} bytes")]
    TooLarge,
    /// Its condition does not hold.
    #[error("the workflow `{0}` does not begin now: its condition does not hold")]
    NotNow(String),
    /// Its condition has no value.
    #[error("the workflow `{workflow}` does not begin: {reason}")]
    Condition {
        /// The workflow.
        workflow: String,
        /// Why.
        reason: String,
    },
    /// As many runs as there may be.
    #[error("{0}")]
    Busy(String),
    /// It could not be stored.
    #[error("the run could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// What workflows work with.
pub struct WorkflowParts {
    /// Where runs are kept.
    pub store: Store,
    /// What conditions and triggers look at.
    pub entities: Arc<Entities>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The time zone of schedules.
    pub time_zone: TimeZone,
    /// Where ids come from.
    pub random: Arc<Mutex<dyn Rng + Send>>,
    /// This boot of the machine.
    pub boot: BootId,
}

/// The workflows of the appliance.
pub struct Workflows {
    parts: WorkflowParts,
    opened: u64,
    /// Weak, because the tools know the workflows too.
    tools: OnceLock<Weak<ToolRuntime>>,
    folders: OnceLock<Folders>,
    catalogue: ArcSwap<Catalogue>,
    book: Mutex<Book>,
    orders: Mutex<Vec<Order>>,
    changed: Notify,
}

/// What the engine is told.
enum Order {
    /// A run was stored: run it.
    Run(Box<Run>, Arc<Definition>),
    /// Cancel it, for this reason.
    Cancel(RunId, String),
}

/// What is asked to begin.
pub struct Start<'a> {
    /// The workflow.
    pub workflow: &'a str,
    /// What begins it.
    pub trigger: Began,
    /// The condition of the trigger.
    pub when: Option<&'a Expression>,
    /// What is handed over.
    pub slots: Map<String, Value>,
    /// The trace of the request; a new one where there is none.
    pub trace: Option<TraceId>,
}

impl Workflows {
    /// The workflows over the runs that the store knows. There are none until [`Workflows::read`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(parts: WorkflowParts) -> Result<Self, StoreError> {
        let book = Book::load(&parts.store)?;
        Ok(Self {
            opened: parts.store.status().opened,
            parts,
            tools: OnceLock::new(),
            folders: OnceLock::new(),
            catalogue: ArcSwap::default(),
            book: Mutex::new(book),
            orders: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Tells them of the tools, once, when all are registered.
    pub fn connect(&self, tools: &Arc<ToolRuntime>) {
        // A second word would be of the same tools.
        let _already_known = self.tools.set(Arc::downgrade(tools));
    }

    /// Tells them where their files are, once.
    pub fn set_folders(&self, folders: Folders) {
        let _already_known = self.folders.set(folders);
    }

    /// Reads all files; blocks. Runs that have begun keep what they have.
    pub fn read(&self) -> Arc<Catalogue> {
        let Some(folders) = self.folders.get() else { return self.catalogue() };
        let catalogue = Arc::new(Catalogue::read(folders, &|definition| self.check(definition)));
        self.catalogue.store(Arc::clone(&catalogue));
        self.changed.notify_one();
        catalogue
    }

    /// What of a definition does not fit this appliance.
    pub fn check(&self, definition: &Definition) -> Vec<Misfit> {
        self.tools().map_or_else(Vec::new, |tools| check::check(definition, &tools, &self.parts.entities))
    }

    /// Reads all files and tells log and journal what is wrong with them. How many workflows can be used, and how many
    /// faults there are.
    pub async fn reload(self: Arc<Self>) -> (usize, usize) {
        let this = Arc::clone(&self);
        let catalogue = match tokio::task::spawn_blocking(move || this.read()).await {
            Ok(catalogue) => catalogue,
            Err(error) => {
                log::error!("the workflows stay as they are: reading them crashed: {error}");
                return (self.catalogue().workflows.len(), 0);
            }
        };
        for fault in &catalogue.faults {
            log::warn!("{fault}");
            let Fault { workflow, .. } = fault;
            let kind = EventKind::WorkflowFaulty { workflow: workflow.clone(), reason: fault.to_string() };
            self.parts.store.journal().append(None, kind).await;
        }
        (catalogue.workflows.len(), catalogue.faults.len())
    }

    /// Those that there are, and what is wrong with others.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    /// The workflow that an intent begins.
    pub fn by_intent(&self, intent: &str) -> Option<String> {
        self.catalogue().by_intent(intent).map(|workflow| workflow.definition.name.clone())
    }

    /// Begins a run. It is stored when this returns.
    ///
    /// # Errors
    /// It does not begin, and why.
    pub async fn start(&self, start: Start<'_>) -> Result<Run, StartError> {
        self.start_with(start, Batch::default()).await
    }

    /// Begins a run; what else is in `batch` is stored with it or not at all.
    async fn start_with(&self, start: Start<'_>, batch: Batch) -> Result<Run, StartError> {
        let name = start.workflow.to_owned();
        let workflow = self.catalogue().workflows.get(&name).cloned().ok_or(StartError::Unknown(name.clone()))?;
        if serde_json::to_vec(&start.slots).map_or(usize::MAX, |text| text.len()) > MAX_VALUE_BYTES {
            return Err(StartError::TooLarge);
        }
        let now = self.now();
        let begins = StartScope { all: self, trigger: &start.trigger, slots: &start.slots };
        for when in start.when.into_iter().chain(&workflow.definition.when) {
            match when.holds(&begins) {
                Ok(true) => {}
                Ok(false) => return Err(StartError::NotNow(name)),
                Err(reason) => return Err(StartError::Condition { workflow: name, reason }),
            }
        }
        let (id, trace) = self.names(&now, start.trace);
        let beginning = Beginning { id: id.clone(), trace, trigger: start.trigger, slots: start.slots, at: now };
        let run = Run::new(&workflow.definition, beginning);
        self.book().admit(&run, &workflow.definition.limits, self.parts.clock.monotonic()).map_err(StartError::Busy)?;
        if let Err(error) = self.keep_begun(&run, batch).await {
            self.book().forget(&id);
            return Err(StartError::Store(error));
        }
        self.order(Order::Run(Box::new(run.clone()), Arc::clone(&workflow.definition)));
        Ok(run)
    }

    async fn keep_begun(&self, run: &Run, batch: Batch) -> Result<(), StoreError> {
        let kind = EventKind::WorkflowStarted {
            run: run.id.to_string(),
            workflow: run.workflow.clone(),
            version: run.version.clone(),
            trigger: serde_json::to_value(&run.trigger).unwrap_or_default(),
        };
        let batch = batch.put(TableName::Runs, run.id.as_str(), run)?.event(Some(&run.trace), kind);
        if self.parts.store.commit(batch).await.kept { Ok(()) } else { Err(StoreError::MemoryFull) }
    }

    /// Cancels a run: nothing more of its steps begins, and its failure branch runs. False where it is over or there is none.
    pub fn cancel(&self, id: &RunId, reason: String) -> bool {
        let active = self.book().is_active(id);
        if active {
            self.order(Order::Cancel(id.clone(), reason));
        }
        active
    }

    /// The newest runs, of one workflow or of all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, workflow: Option<&str>, limit: usize) -> Result<Vec<Run>, StoreError> {
        let ids = self.book().newest(workflow, limit);
        let table = self.parts.store.table(TableName::Runs);
        let mut runs = Vec::with_capacity(ids.len());
        for id in ids {
            runs.extend(table.get::<Run>(id.as_str())?);
        }
        Ok(runs)
    }

    /// A run.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.parts.store.table(TableName::Runs).get(id.as_str())
    }

    fn order(&self, order: Order) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.changed.notify_one();
    }

    fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tools(&self) -> Option<Arc<ToolRuntime>> {
        self.tools.get().and_then(Weak::upgrade)
    }

    fn names(&self, now: &Stamp, trace: Option<TraceId>) -> (RunId, TraceId) {
        let mut random = self.parts.random.lock().unwrap_or_else(PoisonError::into_inner);
        let id = RunId::new(self.opened, now.mono_ms, random.next_u64());
        let bits = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
        (id, trace.unwrap_or_else(|| TraceId::from_random(bits)))
    }

    fn now(&self) -> Stamp {
        Stamp::now(self.parts.clock.as_ref(), &self.parts.boot)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a run may still change.
fn is_open(run: &Run) -> bool {
    matches!(run.state, RunState::Running | RunState::Failing)
}

#[cfg(test)]
pub(crate) mod tests;
