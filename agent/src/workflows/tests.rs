//! Workflows with a real store and tools that count their effects.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use std::time::Duration;
use victus_hw::clock::SimulatedClock;
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_hw::points::{Limits, PointConfig, PointDriver, PointValue, Points};

use super::engine::Engine;
use super::run::StepState;
use super::*;
use crate::entities::{Entity, EntityKind};
use crate::event::Event;
use crate::store::StoreOptions;
use crate::tool::{CallContext, Caller, Risk, Role, Tool, ToolError, ToolSpec};

mod campaign;
mod durable;
mod files;
mod ways;

/// The world outside, which no restart forgets.
#[derive(Default)]
pub(super) struct Outside {
    /// What tools have done, by key.
    pub(super) counts: Mutex<BTreeMap<String, u32>>,
    /// Ends the program at an effect.
    pub(super) fuse: Mutex<Option<Fuse>>,
    /// Told when the fuse has burnt down; another one in each life.
    pub(super) killed: Mutex<Arc<Notify>>,
}

pub(super) type World = Arc<Outside>;

/// Ends the program after so many effects, right before or right after the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fuse {
    pub(super) effects: u32,
    pub(super) after: bool,
}

impl Outside {
    /// Burns, if it is the moment; then nothing that called ever goes on.
    async fn burn(&self, after: bool) {
        let burnt = {
            let mut fuse = self.fuse.lock().unwrap();
            match fuse.as_mut().filter(|fuse| fuse.after == after) {
                Some(left) => {
                    left.effects = left.effects.saturating_sub(1);
                    left.effects == 0
                }
                None => false,
            }
        };
        if burnt {
            self.killed.lock().unwrap().notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// Adds one in the world, some turns of the runtime after it was called and some before it returns.
pub(super) struct Count {
    pub(super) name: &'static str,
    pub(super) idempotent: bool,
    pub(super) world: World,
}

impl Tool for Count {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name,
            description: "Counts.",
            input: json!({
                "type": "object",
                "properties": {
                    "key": {"type": "string"}, "before": {"type": "integer"}, "after": {"type": "integer"},
                    "fails": {"type": "boolean"}
                },
                "required": ["key"], "additionalProperties": false
            }),
            risk: Risk::Reversible,
            idempotent: self.idempotent,
            role: Role::Operator,
            timeout: Duration::from_secs(30),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            for _ in 0..args["before"].as_u64().unwrap_or(0) {
                tokio::task::yield_now().await;
            }
            if args["fails"] == json!(true) {
                return Err(ToolError::Failed("it does not work".to_owned()));
            }
            let key = args["key"].as_str().unwrap_or_default().to_owned();
            self.world.burn(false).await;
            let count = {
                let mut counts = self.world.counts.lock().unwrap();
                let count = counts.entry(key).or_insert(0);
                *count += 1;
                *count
            };
            self.world.burn(true).await;
            for _ in 0..args["after"].as_u64().unwrap_or(0) {
                tokio::task::yield_now().await;
            }
            Ok(json!({"count": count, "key": args["key"]}))
        })
    }
}

/// A tool that never returns.
struct Hang;

impl Tool for Hang {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "test.hang", ..Count { name: "", idempotent: false, world: World::default() }.spec() }
    }

    fn call<'a>(&'a self, _args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(std::future::pending())
    }
}

/// An appliance's workflows in one life of the program.
pub(super) struct Life {
    pub(super) all: Arc<Workflows>,
    pub(super) tools: Arc<ToolRuntime>,
    pub(super) store: Store,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) entities: Arc<Entities>,
    pub(super) world: World,
}

fn entity(id: &str, kind: EntityKind) -> Entity {
    Entity {
        id: id.to_owned(),
        name: id.to_owned(),
        aliases: Vec::new(),
        spoken: Default::default(),
        kind,
        area: None,
        floor: None,
        unit: None,
        numeric: false,
        risk: Risk::Reversible,
        confirm: false,
        alarm: None,
        signal: false,
        acknowledge: false,
    }
}

/// A fan and a lamp on simulated lines.
pub(super) fn entities(folder: &Path, clock: &Arc<SimulatedClock>) -> Arc<Entities> {
    let gpio = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    let configs: Vec<PointConfig> = ["fan.hall", "light.hall"]
        .into_iter()
        .enumerate()
        .map(|(number, id)| {
            let line = format!("GPIO{number}");
            gpio.add_line(&line.as_str().into(), Level::Low).unwrap();
            let driver = PointDriver::GpioOutput { line: line.as_str().into(), active_low: false };
            PointConfig { id: id.to_owned(), driver, limits: Limits::default() }
        })
        .collect();
    let points = Points::new(&configs, Box::new(gpio), clock.clone()).unwrap();
    let all = vec![entity("fan.hall", EntityKind::Fan), entity("light.hall", EntityKind::Light)];
    Arc::new(Entities::new(all, Arc::new(points)))
}

pub(super) fn open_store(folder: &Path, clock: &Arc<SimulatedClock>) -> Store {
    Store::open(StoreOptions::new(folder.join("db"), clock.clone(), boot())).unwrap()
}

fn random() -> Arc<Mutex<dyn Rng + Send>> {
    Arc::new(Mutex::new(StdRng::seed_from_u64(7)))
}

fn boot() -> BootId {
    BootId("one".to_owned())
}

impl Life {
    /// A life on this store, with the workflow files of `folder`.
    pub(super) fn new(
        folder: &Path,
        store: Store,
        clock: &Arc<SimulatedClock>,
        entities: &Arc<Entities>,
        world: &World,
    ) -> Self {
        let parts = WorkflowParts {
            store: store.clone(),
            entities: Arc::clone(entities),
            clock: clock.clone(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            random: Arc::new(Mutex::new(StdRng::seed_from_u64(store.status().commits))),
            boot: boot(),
        };
        let all = Arc::new(Workflows::load(parts).unwrap());
        let mut tools = ToolRuntime::new(store.clone(), clock.clone(), random());
        for (name, idempotent) in [("test.once", false), ("test.again", true)] {
            tools.register(Arc::new(Count { name, idempotent, world: Arc::clone(world) })).unwrap();
        }
        tools.register(Arc::new(Hang)).unwrap();
        crate::entities::tools::register(&mut tools, entities).unwrap();
        tools::register(&mut tools, &all).unwrap();
        let tools = Arc::new(tools);
        all.connect(&tools);
        all.set_folders(Folders { files: folder.join("files"), made: folder.join("made") });
        all.read();
        Self { all, tools, store, clock: Arc::clone(clock), entities: Arc::clone(entities), world: Arc::clone(world) }
    }

    pub(super) async fn begin(&self, workflow: &str, slots: Value) -> Result<Run, StartError> {
        let slots = slots.as_object().cloned().unwrap_or_default();
        let trigger = Began::Call { caller: Caller::cli() };
        self.all.start(Start { workflow, trigger, when: None, slots, trace: None }).await
    }

    /// Works until nothing is open; where only time is missing, time passes.
    pub(super) async fn live(&self) {
        let mut engine = Engine::open(&self.all).await.unwrap();
        self.live_on(&mut engine).await;
    }

    pub(super) async fn live_on(&self, engine: &mut Engine<'_>) {
        for _ in 0..10_000 {
            engine.work().await;
            if engine.is_idle() {
                return;
            }
            if !engine.next_call().await
                && let Some(wait) = engine.until_due()
            {
                self.clock.advance(wait);
            }
        }
        panic!("the runs do not end");
    }

    pub(super) fn run(&self, id: &RunId) -> Run {
        self.all.run(id).unwrap().unwrap()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.store.journal().latest(1000).unwrap()
    }
}

/// A bench on which one life follows another.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) world: World,
}

impl Bench {
    pub(super) fn new() -> Self {
        let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
        Self { folder: tempfile::tempdir().unwrap(), clock, world: World::default() }
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let files = self.folder.path().join("files");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join(format!("{name}.toml")), text).unwrap();
    }

    /// Opens the store and everything on it.
    pub(super) fn life(&self) -> Life {
        let folder = self.folder.path();
        let store = open_store(folder, &self.clock);
        Life::new(folder, store, &self.clock, &entities(folder, &self.clock), &self.world)
    }

    pub(super) fn count(&self, key: &str) -> u32 {
        self.world.counts.lock().unwrap().get(key).copied().unwrap_or(0)
    }
}

pub(super) fn states(run: &Run) -> Vec<StepState> {
    run.steps.iter().map(|step| step.state).collect()
}
