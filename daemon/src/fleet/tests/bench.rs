//! An appliance with a link, put together as the daemon does it, with simulated lines and a store of its own.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use victus_agent::appliance::{Appliance, Identity, Parts};
use victus_agent::entities::{Entity, EntityKind};
use victus_agent::event::{Event, EventKind, Position, TraceId};
use victus_agent::health::{Health, LoopState};
use victus_agent::intents::Sentences;
use victus_agent::store::{Store, StoreOptions};
use victus_agent::tool::{CallContext, CallStatus, Caller, Risk, Role, Tool, ToolError, ToolSpec};
use victus_agent::workflows::catalogue::Folders;
use victus_hw::clock::{Clock, SystemClock};
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_hw::points::{Limits as PointLimits, PointConfig, PointDriver, Points};

use super::until;
use crate::fleet::{LinkError, LinkOptions, readings, run_link};

/// Counts its calls.
struct Counter(Arc<AtomicUsize>);

impl Tool for Counter {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "test.count",
            description: "Counts.",
            input: json!({"type":"object","additionalProperties":false}),
            risk: Risk::Reversible,
            idempotent: false,
            role: Role::Operator,
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, _: Value, _: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move { Ok(json!({ "call": self.0.fetch_add(1, Ordering::SeqCst) + 1 })) })
    }
}

pub(super) struct Bench {
    pub(super) appliance: Arc<Appliance>,
    pub(super) calls: Arc<AtomicUsize>,
    pub(super) beats: Arc<AtomicUsize>,
    running: Option<(CancellationToken, JoinHandle<Result<(), LinkError>>)>,
    folder: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Options of a link to `port` that does not wait long.
pub(super) fn options(port: u16) -> LinkOptions {
    LinkOptions {
        backoff: (Duration::from_millis(20), Duration::from_millis(200)),
        good_after: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        keep_alive: Duration::from_secs(1),
        ..LinkOptions::new("fleet", "plant", "press", "127.0.0.1", port)
    }
}

fn fan() -> Entity {
    Entity {
        id: "fan.extraction_fan".to_owned(),
        name: "Extraction fan".to_owned(),
        aliases: Vec::new(),
        spoken: Default::default(),
        kind: EntityKind::Fan,
        area: Some("Press hall".to_owned()),
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

fn points(folder: &Path, clock: &Arc<dyn Clock>) -> Points {
    let driver = PointDriver::GpioOutput { line: "GPIO17".into(), active_low: false };
    let config = PointConfig { id: fan().id, driver, limits: PointLimits::default() };
    let gpio = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    gpio.add_line(&"GPIO17".into(), Level::Low).unwrap();
    Points::new(&[config], Box::new(gpio), Arc::clone(clock)).unwrap()
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
        let boot = readings::boot();
        let mut store = StoreOptions::new(folder.path().join("db"), Arc::clone(&clock), boot.clone());
        store.ballast_bytes = 0;
        let calls: Arc<AtomicUsize> = Arc::default();
        let identity = Identity {
            device: "press".to_owned(),
            site: "plant".to_owned(),
            language: "en".to_owned(),
            version: "0.0.0-test".to_owned(),
            simulated: true,
        };
        let (appliance, _problems) = Appliance::assemble(Parts {
            identity,
            store: Store::open(store).unwrap(),
            entities: vec![fan()],
            points: Arc::new(points(folder.path(), &clock)),
            sentences: Arc::new(Sentences::for_language("en", None).0),
            routes: Vec::new(),
            time_zone: TimeZone::UTC,
            health: Arc::new(Health::new(Arc::clone(&clock))),
            clock,
            random: Arc::new(Mutex::new(StdRng::seed_from_u64(7))),
            boot,
            tools: vec![Arc::new(Counter(Arc::clone(&calls)))],
        })
        .unwrap();
        let (appliance, beats) = (Arc::new(appliance), Arc::default());
        Self { appliance, calls, beats, running: None, folder }
    }

    /// Makes a workflow.
    pub(super) async fn workflow(&self, name: &str, definition: &str) {
        let (files, made) = (self.folder.path().join("files"), self.folder.path().join("made"));
        self.appliance.workflows.set_folders(Folders { files, made });
        let context = CallContext::new(Caller::cli(), TraceId::from_random(1));
        let args = json!({"name": name, "definition": definition});
        let made = self.appliance.tools.call("workflow.put", args, &context).await;
        assert_eq!(made.status, CallStatus::Done);
    }

    /// Runs the link.
    pub(super) fn link(&mut self, options: LinkOptions) {
        let (stop, beats) = (CancellationToken::new(), Arc::clone(&self.beats));
        let pulse = move || {
            beats.fetch_add(1, Ordering::SeqCst);
        };
        let link = tokio::spawn(run_link(options, Arc::clone(&self.appliance), pulse, stop.clone()));
        self.running = Some((stop, link));
    }

    /// Ends the link in good order.
    pub(super) async fn stop(&mut self) {
        let (stop, link) = self.running.take().unwrap();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), link).await.expect("the link ends within 2 s").unwrap().unwrap();
    }

    /// Ends the link in the middle of whatever it does.
    pub(super) fn crash(&mut self) {
        if let Some((_, link)) = self.running.take() {
            link.abort();
        }
    }

    /// Lets something happen: an event of the journal.
    pub(super) async fn happens(&self, what: &str) -> Position {
        let kind = EventKind::TimerChanged { timer: what.to_owned(), state: "paused".to_owned() };
        self.appliance.store.journal().append(None, kind).await.event.position
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.appliance.store.journal().read(Position::default(), 1_000_000).unwrap()
    }

    /// Every position of the journal.
    pub(super) fn positions(&self) -> Vec<(u64, u64)> {
        self.events().iter().map(|event| (event.position.epoch, event.position.seq)).collect()
    }

    /// Waits until the link is up, or not for a reason that contains `why`.
    pub(super) async fn up(&self) {
        until("the link to be up", || (self.state() == Some(LoopState::Up)).then_some(())).await;
    }

    pub(super) async fn degraded(&self, why: &str) -> String {
        until(why, || match self.state() {
            Some(LoopState::Degraded(reason)) if reason.contains(why) => Some(reason),
            _ => None,
        })
        .await
    }

    fn state(&self) -> Option<LoopState> {
        self.appliance.health.get("link.fleet")
    }
}
