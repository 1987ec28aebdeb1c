//! From a configuration to a running appliance, and back to a stopped one.
//!
//! Owns the order in which the parts start (store, lines, agent, doors, loops) and stop (lines safe first, then the
//! journal, the loops, the store). Promises that nothing listens or switches before the configuration and the store are
//! good, and that [`Running::stop`] ends within [`STOP_DEADLINE`]. The parts themselves belong to their modules.

mod announce;
mod configuration;
pub mod devices;
pub mod hearing;
mod holder;
mod loops;
pub mod reload;
mod sound;
pub mod voice;
mod voice_loop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use victus_agent::appliance::{Appliance, AssembleError, Identity, Parts};
use victus_agent::event::{BootId, EventKind};
use victus_agent::health::Health;
use victus_agent::store::{Store, StoreError, StoreOptions};
use victus_agent::workflows::catalogue::Folders;
use victus_hw::clock::{Clock, Monotonic};
use victus_hw::serial::Instrument;
use victus_web::listen::{ListenError, Listener};
use victus_web::{Limits, Microphone, Web};

use crate::config::{Config, Sources};
use crate::supervisor::Supervisor;
use configuration::Configuration;
use devices::DeviceError;
use hearing::NextRecogniser;
use holder::Holder;
use reload::{Ears, Reload};

pub use reload::load_sentences;
pub use sound::Sound;
pub use voice_loop::EventListener;

/// How long a stop may take; systemd and people wait no longer.
pub const STOP_DEADLINE: Duration = Duration::from_millis(1800);

/// How much of [`STOP_DEADLINE`] the loops get, goodbyes over MQTT included.
const LOOPS_END_WITHIN: Duration = Duration::from_millis(1200);

/// Where the holder of the lines listens.
pub const HOLDER_SOCKET: &str = "/run/victus/safe.sock";

/// Simulated instruments by the name of their port.
pub type Instruments = BTreeMap<String, Instrument>;

/// Why the appliance did not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be made.
    #[error("the state folder {folder} can't be made: {reason}; give another with --state, or make it as root")]
    State {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The devices cannot be used.
    #[error("{0}")]
    Devices(#[from] DeviceError),
    /// The agent cannot be put together.
    #[error("{0}")]
    Assemble(#[from] AssembleError),
    /// A simulated instrument cannot be plugged in.
    #[error("the simulated instrument on the port {port} can't be made: {reason}")]
    Instrument {
        /// The port.
        port: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A door cannot be opened.
    #[error("{0}")]
    Listen(#[from] ListenError),
}

/// How the appliance is to run.
pub struct Settings {
    /// Its state folder.
    pub state: PathBuf,
    /// Where its models lie.
    pub models: PathBuf,
    /// The control socket; none for an appliance inside a command.
    pub control_socket: Option<PathBuf>,
    /// Whether its devices are simulated.
    pub simulate: bool,
    /// Where its configuration is read again from; none where it never is.
    pub sources: Option<Sources>,
    /// What it hears and speaks with.
    pub sound: Sound,
    /// Who is told of voice events beside the journal.
    pub listener: Option<EventListener>,
    /// When the process began.
    pub began: Monotonic,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// A running appliance.
pub struct Running {
    /// The appliance.
    pub appliance: Arc<Appliance>,
    /// Its panel and API.
    pub web: Arc<Web>,
    /// Its push-to-talk; none where it has no voice.
    pub microphone: Option<Arc<dyn Microphone>>,
    /// Its simulated instruments, by port.
    pub instruments: Arc<Instruments>,
    /// Its loops.
    pub supervisor: Supervisor,
    /// What reads its entities and sentences again.
    pub reload: Arc<Reload>,
    /// The tie to the holder of the lines, which takes them when this process ends.
    _holder: Option<Holder>,
}

/// Starts an appliance and returns when it is ready.
///
/// # Errors
/// Something is in the way; nothing runs then, and every line is given back.
pub async fn start(config: Arc<Config>, settings: Settings) -> Result<Running, StartError> {
    make_state(&settings.state)?;
    let boot = boot_id();
    let store = open_store(&settings, &boot).await?;
    let holder = Holder::ask(&config, &settings).await;
    let simulated = settings.simulate.then(|| simulated_lines(&settings.state));
    let points = Arc::new(devices::points(&config, simulated.as_deref(), Arc::clone(&settings.clock))?);
    let health = Arc::new(Health::new(Arc::clone(&settings.clock)));
    let (sentences, mut problems) = load_sentences(&config);
    let (appliance, more) = Appliance::assemble(Parts {
        identity: identity(&config, settings.simulate),
        store: store.clone(),
        entities: devices::entities(&config),
        points,
        sentences: Arc::new(sentences),
        routes: config.routes.clone(),
        time_zone: config.device.timezone.clone(),
        health: Arc::clone(&health),
        clock: Arc::clone(&settings.clock),
        random: Arc::new(Mutex::new(StdRng::from_rng(&mut rand::rng()))),
        boot,
        tools: Vec::new(),
    })?;
    problems.extend(more);
    for problem in problems {
        log::warn!("{problem}");
    }
    let appliance = Arc::new(appliance);
    let settled = appliance.orchestrator.settle_interrupted().await?;
    if settled > 0 {
        log::warn!(turns = settled; "the last stop cut requests off; they are recorded as interrupted and not run again");
    }
    appliance.workflows.set_folders(workflow_folders(&config, &settings));
    Arc::clone(&appliance.workflows).reload().await;
    let began = settings.began;
    let next = NextRecogniser::default();
    let ears = config.voice.enabled.then(|| Ears {
        models: settings.models.clone(),
        work: settings.state.join(voice_loop::WORK),
        next: next.clone(),
    });
    let (clock, sources) = (Arc::clone(&settings.clock), settings.sources.clone());
    let loops::Spawned { web, microphone, instruments, mut supervisor } =
        loops::spawn(&config, settings, &appliance, next).await?;
    if let Some(holder) = &holder {
        holder.clone().spawn(&mut supervisor);
    }
    let ready = appliance.clock.monotonic().saturating_since(began);
    let started = EventKind::ApplianceStarted {
        version: appliance.identity.version.clone(),
        boots: appliance.store.status().opened,
        ready_ms: u64::try_from(ready.as_millis()).unwrap_or(u64::MAX),
    };
    appliance.store.journal().append(None, started).await;
    let instruments = Arc::new(instruments);
    let configuration = sources
        .map(|sources| Configuration::new(sources, &config, simulated, Arc::clone(&instruments), holder.clone()));
    let reload = Arc::new(Reload { config, appliance: Arc::clone(&appliance), clock, ears, configuration });
    Ok(Running { appliance, web, microphone, instruments, supervisor, reload, _holder: holder })
}

impl Running {
    /// Stops everything: every line into its safe state at once, then the rest in good order.
    pub async fn stop(self, reason: &str) {
        let points = Arc::clone(self.appliance.entities.points());
        let made_safe = tokio::task::spawn_blocking(move || points.make_all_safe()).await;
        match made_safe {
            Ok(failures) => failures.iter().for_each(|failure| log::error!("{failure}")),
            Err(error) => log::error!("a driver crashed while lines were made safe: {error}"),
        }
        let stopping = EventKind::ApplianceStopping { reason: reason.to_owned() };
        self.appliance.store.journal().append(None, stopping).await;
        let cut_off = self.supervisor.shutdown(LOOPS_END_WITHIN).await;
        if !cut_off.is_empty() {
            log::warn!("these loops did not end in time: {}", cut_off.join(", "));
        }
        let store = self.appliance.store.clone();
        if !tokio::task::spawn_blocking(move || store.close()).await.unwrap_or(false) {
            log::error!("the store did not close cleanly; it is checked at the next start");
        }
    }
}

/// Where workflows lie: the administrator's beside the configuration, others in the state folder.
fn workflow_folders(config: &Config, settings: &Settings) -> Folders {
    Folders { files: config.device.workflows.clone(), made: settings.state.join("workflows") }
}

/// Where a simulated appliance keeps its lines.
pub fn simulated_lines(state: &Path) -> PathBuf {
    state.join("simulation").join("gpio")
}

fn make_state(folder: &Path) -> Result<(), StartError> {
    std::fs::create_dir_all(folder).map_err(|reason| StartError::State { folder: folder.to_owned(), reason })
}

async fn open_store(settings: &Settings, boot: &BootId) -> Result<Store, StartError> {
    let options = StoreOptions::new(settings.state.join("db"), Arc::clone(&settings.clock), boot.clone());
    let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
    match opened {
        Ok(store) => Ok(store?),
        Err(error) => Err(StartError::State {
            folder: settings.state.clone(),
            reason: std::io::Error::other(format!("opening the store crashed: {error}")),
        }),
    }
}

fn identity(config: &Config, simulated: bool) -> Identity {
    Identity {
        device: config.device.id.clone(),
        site: config.device.site.clone(),
        language: config.device.language.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        simulated,
    }
}

/// The kernel's name for this boot; one of our own where there is none, so that nothing is taken for the same boot.
fn boot_id() -> BootId {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let own = || format!("unknown-{:016x}", rand::random::<u64>());
    BootId(kernel.map_or_else(|_| own(), |id| id.trim().to_owned()))
}

async fn open_doors(config: &Config, settings: &Settings) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for address in &config.web.listen {
        listeners.push(Listener::network(*address).await?);
    }
    if let Some(socket) = &settings.control_socket {
        listeners.push(Listener::control(socket).await?);
    }
    Ok(listeners)
}

/// The web behind its doors.
fn web(appliance: &Arc<Appliance>, microphone: Option<Arc<dyn Microphone>>, listeners: Vec<Listener>) -> Arc<Web> {
    Arc::new(Web::new(Arc::clone(appliance), microphone, Limits::default(), listeners))
}
