//! An appliance with its web, in a folder of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use victus_agent::appliance::{Appliance, Identity, Parts};
use victus_agent::entities::changes::record_changes;
use victus_agent::entities::{Entity, EntityKind};
use victus_agent::event::BootId;
use victus_agent::health::Health;
use victus_agent::intents::Sentences;
use victus_agent::store::{Store, StoreOptions};
use victus_agent::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};
use victus_agent::workflows::catalogue::Folders;
use victus_hw::clock::{Clock, SimulatedClock};
use victus_hw::gpio::{Level, LineReference, SimulatedGpio};
use victus_hw::points::{Limits as PointLimits, PointConfig, PointDriver, Points};
use victus_web::listen::Listener;
use victus_web::{Limits, Microphone, Web};

use crate::client::Door;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running appliance with its web.
pub(crate) struct Bench {
    pub(crate) appliance: Arc<Appliance>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) stop: CancellationToken,
    pub(crate) gate: Arc<Gate>,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), None).await
    }

    pub(crate) async fn with(limits: Limits, microphone: Option<Arc<dyn Microphone>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gate = Arc::new(Gate::default());
        let appliance = Arc::new(appliance(&folder, gate.clone()));
        let socket = folder.path().join("control.sock");
        let network = Listener::network("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let control = Listener::control(&socket).await.unwrap();
        let web = Web::new(appliance.clone(), microphone, limits, vec![network, control]);
        let address = web.addresses().next().unwrap();
        let stop = CancellationToken::new();
        let (run, record) = (stop.clone(), stop.clone());
        let (points, store) = (appliance.entities.points().clone(), appliance.store.clone());
        let serving = tokio::spawn(async move {
            tokio::join!(web.run(run), record_changes(points, store, || {}, record));
        });
        // The values at start are in the journal before a test looks at it.
        let (mut ends, entities) = (appliance.store.journal().watch(), appliance.entities.count() as u64);
        tokio::time::timeout(PATIENCE, ends.wait_for(|end| end.seq >= entities)).await.unwrap().unwrap();
        Self { appliance, address, socket, stop, gate, serving, _folder: folder }
    }

    pub(crate) fn network(&self) -> Door {
        Door::Network(self.address)
    }

    pub(crate) fn control(&self) -> Door {
        Door::Control(self.socket.clone())
    }

    /// Stops the web and waits for its end.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.expect("the web ends").unwrap();
    }
}

/// A tool, `bench.wait`, that waits until it is let through.
#[derive(Default)]
pub(crate) struct Gate {
    open: Notify,
    pub(crate) waiting: watch::Sender<usize>,
    pub(crate) through: watch::Sender<usize>,
}

impl Gate {
    pub(crate) fn let_one_through(&self) {
        self.open.notify_one();
    }

    /// Waits until so many calls have come, or have been let through.
    pub(crate) async fn reached(counter: &watch::Sender<usize>, count: usize) {
        let mut counter = counter.subscribe();
        tokio::time::timeout(PATIENCE, counter.wait_for(|reached| *reached >= count)).await.unwrap().unwrap();
    }
}

impl Tool for Gate {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "bench.wait",
            description: "Waits until it is let through.",
            input: json!({"type": "object"}),
            risk: Risk::Reversible,
            idempotent: false,
            role: Role::Operator,
            timeout: PATIENCE,
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, _args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async {
            self.waiting.send_modify(|count| *count += 1);
            self.open.notified().await;
            self.through.send_modify(|count| *count += 1);
            Ok(Value::Null)
        })
    }
}

fn entity(kind: EntityKind, name: &str, area: Option<&str>) -> Entity {
    Entity {
        id: format!("{kind}.{}", name.to_lowercase().replace(' ', "_")),
        name: name.to_owned(),
        aliases: vec![format!("the other {}", name.to_lowercase())],
        spoken: Default::default(),
        kind,
        area: area.map(str::to_owned),
        floor: Some("Ground floor".to_owned()),
        unit: None,
        numeric: false,
        risk: Risk::Reversible,
        confirm: false,
        alarm: None,
        signal: false,
        acknowledge: false,
    }
}

/// An appliance of a fan, a light and a valve; the valve is never open while the fan is on.
fn appliance(folder: &TempDir, gate: Arc<Gate>) -> Appliance {
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    clock.advance(Duration::from_secs(3600));
    let boot = BootId("boot".to_owned());
    let entities = vec![
        entity(EntityKind::Fan, "Extraction fan", Some("Press hall")),
        entity(EntityKind::Light, "Ceiling light", Some("Press hall")),
        entity(EntityKind::Valve, "Main valve", None),
    ];
    let gpio = SimulatedGpio::open(&folder.path().join("gpio")).unwrap();
    let mut configs = Vec::new();
    for (number, entity) in entities.iter().enumerate() {
        let line: LineReference = format!("GPIO{number}").as_str().into();
        gpio.add_line(&line, Level::Low).unwrap();
        let conflicts = match entity.kind {
            EntityKind::Valve => vec!["fan.extraction_fan".to_owned()],
            _ => Vec::new(),
        };
        let limits = PointLimits { conflicts, stop: true, ..PointLimits::default() };
        configs.push(PointConfig {
            id: entity.id.clone(),
            driver: PointDriver::GpioOutput { line, active_low: false },
            limits,
        });
    }
    let shared: Arc<dyn Clock> = clock;
    let points = Points::new(&configs, Box::new(gpio), shared.clone()).unwrap();
    let identity = Identity {
        device: "bench".to_owned(),
        site: "test".to_owned(),
        language: "en".to_owned(),
        version: "0.0.0".to_owned(),
        simulated: true,
    };
    let parts = Parts {
        identity,
        store: Store::open(StoreOptions::new(folder.path().join("db"), shared.clone(), boot.clone())).unwrap(),
        entities,
        points: Arc::new(points),
        sentences: Arc::new(Sentences::for_language("en", None).0),
        routes: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        health: Arc::new(Health::new(shared.clone())),
        clock: shared,
        random: Arc::new(Mutex::new(StdRng::seed_from_u64(7))),
        boot,
        tools: vec![gate],
    };
    let appliance = Appliance::assemble(parts).unwrap().0;
    let (files, made) = (folder.path().join("files"), folder.path().join("made"));
    appliance.workflows.set_folders(Folders { files, made });
    appliance
}
