//! The appliance as its callers see it: what it is, and the way to each of its parts.
//!
//! Owns nothing that moves; it holds the one store, the entities, the tools, the orchestrator and the health that voice,
//! panel, command line and fleet all share. [`tools`] holds the tools that speak of the appliance as a whole,
//! [`history`] those that tell what has happened to it.

mod happened;
pub mod history;
pub mod tools;

use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use rand::Rng;
use serde::Serialize;
use victus_hw::clock::{Clock, WallTime};
use victus_hw::points::Points;

use crate::alarms::{self, Alarms};
use crate::audit::Head;
use crate::entities::{self, Entities, Entity};
use crate::event::BootId;
use crate::health::{Health, LoopHealth, LoopState};
use crate::intents::{Problem, Sentences};
use crate::language::Language;
use crate::links::Links;
use crate::orchestrator::route::Rule;
use crate::orchestrator::route::router::Router;
use crate::orchestrator::{Orchestrator, OrchestratorParts};
use crate::schedules::{self, Schedules, SchedulesParts};
use crate::store::{Store, StoreError, StoreStatus};
use crate::timers::{self, Timers};
use crate::tool::Tool;
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::volume::{self, Volume};
use crate::workflows::{self, WorkflowParts, Workflows};

/// Which appliance this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its id.
    pub device: String,
    /// The site where it stands.
    pub site: String,
    /// The language that it speaks.
    pub language: String,
    /// The program's version.
    pub version: String,
    /// Whether its devices are simulated.
    pub simulated: bool,
}

/// The appliance.
pub struct Appliance {
    /// Which one it is.
    pub identity: Identity,
    /// What it remembers.
    pub store: Store,
    /// What it knows.
    pub entities: Arc<Entities>,
    /// Its timers.
    pub timers: Arc<Timers>,
    /// What it is to do later.
    pub schedules: Arc<Schedules>,
    /// Its alarms.
    pub alarms: Arc<Alarms>,
    /// How loud it speaks.
    pub volume: Arc<Volume>,
    /// What it does by itself.
    pub workflows: Arc<Workflows>,
    /// What it can do.
    pub tools: Arc<ToolRuntime>,
    /// How it decides.
    pub orchestrator: Arc<Orchestrator>,
    /// How its loops are.
    pub health: Arc<Health>,
    /// Whether it is connected.
    pub links: Arc<Links>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// How the appliance is, as `victus status` and `/api/v1/status` show it.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Which one it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// `up`, `degraded` or `down`, and why.
    #[serde(flatten)]
    pub state: LoopState,
    /// Each loop.
    pub loops: Vec<LoopHealth>,
    /// The store.
    pub store: StoreStatus,
    /// The end of the audit chain.
    pub audit: Option<Head>,
    /// Wall time and how far it is trusted.
    pub clock: WallTime,
    /// Milliseconds since the machine booted.
    pub mono_ms: u64,
    /// How many entities there are.
    pub entities: usize,
}

/// What an appliance is put together from.
pub struct Parts {
    /// Which one it is.
    pub identity: Identity,
    /// Its open store.
    pub store: Store,
    /// Its entities; each has a point of its id.
    pub entities: Vec<Entity>,
    /// The points.
    pub points: Arc<Points>,
    /// The sentences of its language.
    pub sentences: Arc<Sentences>,
    /// The configuration's rules on who deals with an intent, in order.
    pub routes: Vec<Rule>,
    /// The time zone that times are said and meant in.
    pub time_zone: TimeZone,
    /// The register of its loops.
    pub health: Arc<Health>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub random: Arc<Mutex<dyn Rng + Send>>,
    /// This boot of the machine.
    pub boot: BootId,
    /// What only the program around it can do.
    pub tools: Vec<Arc<dyn Tool>>,
}

/// Why an appliance could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A tool could not be registered.
    #[error(transparent)]
    Tool(#[from] RegisterError),
    /// The timers could not be read.
    #[error("the timers could not be read: {0}")]
    Timers(#[source] StoreError),
    /// The schedules could not be read.
    #[error("the schedules could not be read: {0}")]
    Schedules(#[source] StoreError),
    /// The runs of workflows could not be read.
    #[error("the runs of the workflows could not be read: {0}")]
    Workflows(#[source] StoreError),
    /// The alarms could not be read.
    #[error("the alarms could not be read: {0}")]
    Alarms(#[source] StoreError),
    /// The volume could not be read.
    #[error("the volume could not be read: {0}")]
    Volume(#[source] StoreError),
}

impl Appliance {
    /// Puts an appliance together. What of the sentences cannot be used is returned beside it, and the rest works.
    ///
    /// # Errors
    /// A tool's name is taken, or the store cannot be read.
    pub fn assemble(parts: Parts) -> Result<(Self, Vec<Problem>), AssembleError> {
        let Parts { identity, store, points, routes, time_zone, health, clock, random, boot, .. } = parts;
        let links = Arc::new(Links::default());
        let router = Router::new(routes, Arc::clone(&clock), time_zone.clone(), Arc::clone(&links));
        let entities = Arc::new(Entities::new(parts.entities, points));
        let timers =
            Arc::new(Timers::load(store.clone(), Arc::clone(&clock), boot.clone()).map_err(AssembleError::Timers)?);
        let schedules = Schedules::load(SchedulesParts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            boot: boot.clone(),
            time_zone: time_zone.clone(),
            random: Arc::clone(&random),
        });
        let schedules = Arc::new(schedules.map_err(AssembleError::Schedules)?);
        let alarms = Alarms::load(&store, Arc::clone(&entities), Arc::clone(&clock), boot.clone());
        let alarms = Arc::new(alarms.map_err(AssembleError::Alarms)?);
        let volume = Arc::new(Volume::load(&store).map_err(AssembleError::Volume)?);
        let workflows = Workflows::load(WorkflowParts {
            store: store.clone(),
            entities: Arc::clone(&entities),
            clock: Arc::clone(&clock),
            time_zone: time_zone.clone(),
            random: Arc::clone(&random),
            boot: boot.clone(),
        })
        .map_err(AssembleError::Workflows)?;
        let workflows = Arc::new(workflows);
        let mut tools = ToolRuntime::new(store.clone(), Arc::clone(&clock), Arc::clone(&random));
        entities::tools::register(&mut tools, &entities)?;
        timers::tools::register(&mut tools, &timers, &random)?;
        schedules::tools::register(&mut tools, &schedules)?;
        alarms::tools::register(&mut tools, &alarms)?;
        volume::tools::register(&mut tools, &volume)?;
        workflows::tools::register(&mut tools, &workflows)?;
        let readings = tools::Readings {
            clock: Arc::clone(&clock),
            time_zone,
            entities: Arc::clone(&entities),
            timers: Arc::clone(&timers),
            alarms: Arc::clone(&alarms),
            health: Arc::clone(&health),
            store: store.clone(),
            boot: boot.clone(),
        };
        tools::register(&mut tools, &readings)?;
        history::register(&mut tools, &readings)?;
        for tool in parts.tools {
            tools.register(tool)?;
        }
        let tools = Arc::new(tools);
        schedules.use_tools(&tools);
        workflows.connect(&tools);
        let (language, problems) = Language::compile(parts.sentences, &entities);
        let orchestrator = Arc::new(Orchestrator::new(OrchestratorParts {
            language: Arc::new(language),
            entities: Arc::clone(&entities),
            tools: Arc::clone(&tools),
            router,
            workflows: Arc::clone(&workflows),
            store: store.clone(),
            clock: Arc::clone(&clock),
            random,
            boot,
        }));
        let appliance = Self {
            identity,
            store,
            entities,
            timers,
            alarms,
            schedules,
            volume,
            workflows,
            tools,
            orchestrator,
            health,
            links,
            clock,
        };
        Ok((appliance, problems))
    }

    /// How the appliance is.
    pub fn status(&self) -> Status {
        Status {
            identity: self.identity.clone(),
            state: self.health.overall(),
            loops: self.health.snapshot(),
            store: self.store.status(),
            audit: self.store.audit().head(),
            clock: self.clock.wall(),
            mono_ms: u64::try_from(self.clock.monotonic().since_boot().as_millis()).unwrap_or(u64::MAX),
            entities: self.entities.count(),
        }
    }
}
