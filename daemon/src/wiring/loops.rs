//! The loops of a running appliance: which there are, which it needs, and what each does.
//!
//! Owns the list. What a loop does belongs to the module that it calls; starting again, health and the watchdog belong to
//! the supervisor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use victus_agent::alarms::signals::Signals;
use victus_agent::appliance::Appliance;
use victus_agent::entities::changes;
use victus_agent::event::EventKind;
use victus_agent::health::LoopState;
use victus_hw::points::{Points, serve_port};
use victus_hw::serial::{Instrument, PortConfig};
use victus_web::{Microphone, Web};

use super::hearing::NextRecogniser;
use super::voice_loop::{self, PushToTalk, VoiceWork};
use super::{Instruments, Settings, StartError, announce, devices, open_doors, web};
use crate::config::{self, Config};
use crate::fleet::{self, LinkOptions};
use crate::supervisor::{BackoffLimits, Crash, LoopContext, LoopSpec, OnCrash, Supervisor};

/// How long a required loop may go without progress. Each shows some every few seconds.
const PROGRESS_LIMIT: Duration = Duration::from_secs(20);

/// How often the points are looked at while nothing is due.
const POINTS_INTERVAL: Duration = Duration::from_secs(1);

/// How often a loop that waits shows progress.
const BEAT_INTERVAL: Duration = Duration::from_secs(5);

/// What runs.
pub(super) struct Spawned {
    pub(super) web: Arc<Web>,
    pub(super) microphone: Option<Arc<dyn Microphone>>,
    pub(super) instruments: Instruments,
    pub(super) supervisor: Supervisor,
}

/// Opens the doors and starts every loop.
pub(super) async fn spawn(
    config: &Arc<Config>,
    settings: Settings,
    appliance: &Arc<Appliance>,
    next: NextRecogniser,
) -> Result<Spawned, StartError> {
    let listeners = open_doors(config, &settings).await?;
    let microphone = config.voice.enabled.then(PushToTalk::default);
    let port: Option<Arc<dyn Microphone>> =
        microphone.clone().map(|microphone| Arc::new(microphone) as Arc<dyn Microphone>);
    let web = web(appliance, port.clone(), listeners);
    let rng = StdRng::from_rng(&mut rand::rng());
    let health = Arc::clone(&appliance.health);
    let clock = Arc::clone(&settings.clock);
    let mut supervisor = Supervisor::new(clock, health, rng, BackoffLimits::default(), on_crash(appliance));
    spawn_required(&mut supervisor, appliance, &web);
    let instruments = spawn_ports(&mut supervisor, config, &settings, appliance).await?;
    for link in &config.links {
        spawn_link(&mut supervisor, link_options(config, link, &settings), appliance);
    }
    if let Some(microphone) = microphone {
        let work = VoiceWork::new(config, &settings, appliance, microphone, next);
        announce::spawn(&mut supervisor, &work, work.busy());
        voice_loop::spawn(&mut supervisor, work);
    }
    Ok(Spawned { web, microphone: port, instruments, supervisor })
}

/// Tells the journal of a crash, without waiting for it.
fn on_crash(appliance: &Arc<Appliance>) -> OnCrash {
    let (store, runtime) = (appliance.store.clone(), Handle::current());
    Arc::new(move |crash: &Crash| {
        let kind = EventKind::LoopCrashed {
            name: crash.name.clone(),
            reason: crash.reason.clone(),
            restarts: u64::from(crash.crashes),
        };
        let store = store.clone();
        runtime.spawn(async move { store.journal().append(None, kind).await });
    })
}

/// The loops without which the appliance is of no use.
fn spawn_required(supervisor: &mut Supervisor, appliance: &Arc<Appliance>, web: &Arc<Web>) {
    let required = |name: &str| LoopSpec::required(name, PROGRESS_LIMIT);
    let points = Arc::clone(appliance.entities.points());
    supervisor.spawn(required("points"), move |context| {
        let points = Arc::clone(&points);
        async move {
            tick(&points, &context).await;
            Ok(())
        }
    });
    let all = Arc::clone(appliance);
    supervisor.spawn(required("changes"), move |context| {
        let (points, store) = (Arc::clone(all.entities.points()), all.store.clone());
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            changes::record_changes(points, store, move || pulse.beat(), stop).await;
            Ok(())
        }
    });
    spawn_clockwork(supervisor, appliance);
    let workflows = Arc::clone(&appliance.workflows);
    supervisor.spawn(required("workflows"), move |context| {
        let workflows = Arc::clone(&workflows);
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            workflows.serve(move || pulse.beat(), stop).await?;
            Ok(())
        }
    });
    spawn_alarms(supervisor, appliance);
    let all = Arc::clone(appliance);
    supervisor.spawn(required("health"), move |context| {
        let appliance = Arc::clone(&all);
        async move {
            record_health(&appliance, &context).await;
            Ok(())
        }
    });
    let web = Arc::clone(web);
    supervisor.spawn(required("web"), move |context| {
        let web = Arc::clone(&web);
        async move {
            context.up();
            let stop = context.stop().clone();
            tokio::join!(web.run(stop), beat_until_stop(&context));
            Ok(())
        }
    });
}

/// What is done when its time comes.
fn spawn_clockwork(supervisor: &mut Supervisor, appliance: &Arc<Appliance>) {
    let timers = Arc::clone(&appliance.timers);
    supervisor.spawn(LoopSpec::required("timers", PROGRESS_LIMIT), move |context| {
        let timers = Arc::clone(&timers);
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            timers.run(move || pulse.beat(), stop).await;
            Ok(())
        }
    });
    let schedules = Arc::clone(&appliance.schedules);
    supervisor.spawn(LoopSpec::required("schedules", PROGRESS_LIMIT), move |context| {
        let schedules = Arc::clone(&schedules);
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            schedules.run(move || pulse.beat(), stop).await;
            Ok(())
        }
    });
}

/// What raises alarms, and what shows them.
fn spawn_alarms(supervisor: &mut Supervisor, appliance: &Arc<Appliance>) {
    let alarms = Arc::clone(&appliance.alarms);
    supervisor.spawn(LoopSpec::required("alarms", PROGRESS_LIMIT), move |context| {
        let alarms = Arc::clone(&alarms);
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            Ok(alarms.run(move || pulse.beat(), stop).await?)
        }
    });
    let all = Arc::clone(appliance);
    supervisor.spawn(LoopSpec::optional("signals"), move |context| {
        let orchestrator = Arc::clone(&all.orchestrator);
        let signals = Signals {
            alarms: Arc::clone(&all.alarms),
            entities: Arc::clone(&all.entities),
            tools: Arc::clone(&all.tools),
            store: all.store.clone(),
            clock: Arc::clone(&all.clock),
            new_trace: Box::new(move || orchestrator.new_trace()),
        };
        async move {
            context.up();
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            Ok(signals.run(move || pulse.beat(), stop).await?)
        }
    });
}

async fn beat_until_stop(context: &LoopContext) {
    while context.stop().run_until_cancelled(tokio::time::sleep(BEAT_INTERVAL)).await.is_some() {
        context.beat();
    }
}

/// Keeps the points' time: what has been on for too long goes off, inputs are read.
async fn tick(points: &Arc<Points>, context: &LoopContext) {
    context.up();
    let mut changed = points.watch();
    loop {
        context.beat();
        for failure in points.tick() {
            log::error!("{failure}");
        }
        let wait = points.until_next_deadline().map_or(POINTS_INTERVAL, |wait| wait.min(POINTS_INTERVAL));
        tokio::select! {
            () = context.stop().cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            Ok(()) = changed.changed() => {}
        }
    }
}

/// Tells the journal how the loops are, whenever that changes.
async fn record_health(appliance: &Appliance, context: &LoopContext) {
    let mut changes = appliance.health.subscribe();
    let mut known: BTreeMap<String, LoopState> = BTreeMap::new();
    loop {
        context.beat();
        for entry in appliance.health.snapshot() {
            let before = known.insert(entry.name.clone(), entry.state.clone());
            // A loop that comes up for the first time is no news; one that does not is.
            if before.as_ref() == Some(&entry.state) || (before.is_none() && entry.state == LoopState::Up) {
                continue;
            }
            let (state, why) = match entry.state {
                LoopState::Up => ("up", None),
                LoopState::Degraded(why) => ("degraded", Some(why)),
                LoopState::Down(why) => ("down", Some(why)),
            };
            let kind = EventKind::LoopChanged { name: entry.name, state: state.to_owned(), why };
            appliance.store.journal().append(None, kind).await;
        }
        tokio::select! {
            () = context.stop().cancelled() => return,
            () = tokio::time::sleep(BEAT_INTERVAL) => {}
            Ok(()) = changes.changed() => {}
        }
    }
}

/// One loop for each serial port; a simulated appliance has an instrument at the other end.
async fn spawn_ports(
    supervisor: &mut Supervisor,
    config: &Arc<Config>,
    settings: &Settings,
    appliance: &Arc<Appliance>,
) -> Result<Instruments, StartError> {
    let folder = settings.simulate.then(|| settings.state.join("simulation").join("serial"));
    let path = |serial: &config::Serial| {
        folder.as_ref().map_or_else(|| serial.port.clone(), |folder| folder.join(&serial.name))
    };
    let mut instruments = Instruments::new();
    for port in devices::ports(config, path) {
        if settings.simulate {
            instruments.insert(port.name.clone(), plug_in(config, &port).await?);
        }
        let points = Arc::clone(appliance.entities.points());
        supervisor.spawn(LoopSpec::optional(&format!("serial.{}", port.name)), move |context| {
            let (points, port) = (Arc::clone(&points), port.clone());
            async move {
                context.up();
                context.stop().run_until_cancelled(serve_port(points, port)).await;
                Ok(())
            }
        });
    }
    Ok(instruments)
}

async fn plug_in(config: &Arc<Config>, port: &PortConfig) -> Result<Instrument, StartError> {
    let (config, wanted) = (Arc::clone(config), port.clone());
    let plugged = tokio::task::spawn_blocking(move || {
        if let Some(folder) = wanted.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        devices::instrument(&config, &wanted)
    });
    let failed = |reason| StartError::Instrument { port: port.name.clone(), reason };
    plugged.await.map_err(|crashed| failed(std::io::Error::other(crashed)))?.map_err(failed)
}

fn spawn_link(supervisor: &mut Supervisor, options: LinkOptions, appliance: &Arc<Appliance>) {
    let appliance = Arc::clone(appliance);
    supervisor.spawn(LoopSpec::optional(&format!("link.{}", options.name)), move |context| {
        let (options, appliance) = (options.clone(), Arc::clone(&appliance));
        async move {
            let (pulse, stop) = (context.pulse(), context.stop().clone());
            fleet::run_link(options, appliance, move || pulse.beat(), stop).await?;
            Ok(())
        }
    });
}

fn link_options(config: &Config, link: &config::Link, settings: &Settings) -> LinkOptions {
    let device = &config.device;
    LinkOptions {
        tls: link.broker.tls.then(|| fleet::TlsOptions {
            ca: link.ca.clone().unwrap_or_else(|| fleet::options::SYSTEM_CA.into()),
            identity: link.identity.clone().map(|(cert, key)| fleet::TlsIdentity { cert, key }),
        }),
        credentials: link.login.as_ref().map(|login| fleet::Credentials {
            username: login.username.clone(),
            password_file: login.password_file.clone(),
        }),
        tools: link.tools.clone(),
        state: Some(settings.state.clone()),
        ..LinkOptions::new(&link.name, &device.site, &device.id, &link.broker.host, link.broker.port)
    }
}
