//! The daemon from start to stop.
//!
//! Owns the process: the log, the order of a start, the signals (SIGHUP reads entities, workflows and sentences again), the word to systemd, and the exit status (0 stopped in
//! good order, 1 it failed, 2 the configuration is wrong).

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use victus_hw::audio::pace::Pace;
use victus_hw::clock::{Clock, SystemClock};

use crate::config::{Config, Sources};
use crate::logging::{Filter, Logger, Sink};
use crate::systemd::{self, Notifier};
use crate::wiring::{self, Running, Settings, Sound};

/// A time known to have passed when this program was written, in milliseconds since 1970: 2026-11-01.
pub const CLOCK_FLOOR_MS: i64 = 1_793_491_200_000;

/// The state folder unless another is named.
pub const DEFAULT_STATE: &str = "/var/lib/victus";

/// How long the runtime waits for threads that do not look at their stop token.
const THREADS_END_WITHIN: Duration = Duration::from_millis(100);

/// What the daemon was called with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The main configuration file.
    pub config: Option<PathBuf>,
    /// The state folder.
    pub state: Option<PathBuf>,
    /// Whether every device is simulated.
    pub simulate: bool,
    /// Whether to check the configuration and end.
    pub check: bool,
}

/// Runs the daemon until a signal ends it.
pub fn run(options: Options) -> ExitCode {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(CLOCK_FLOOR_MS));
    let began = clock.monotonic();
    let state = options.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let sources = Sources::new(options.config.clone(), state.clone(), std::env::vars_os().collect());
    if options.check {
        return check(&sources);
    }
    if let Err(error) = install_log("info", &clock) {
        complain(&error);
        return ExitCode::from(2);
    }
    let config = match Config::load(&sources) {
        Ok(config) => Arc::new(config),
        Err(problems) => {
            complain(&problems.to_string());
            return ExitCode::from(2);
        }
    };
    for warning in config.warnings() {
        log::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the threads of the daemon can't be started: {error}"));
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(live(config, sources, options, clock, began));
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&reason);
            ExitCode::from(1)
        }
    }
}

/// Installs the log: the system journal under systemd, lines on standard error elsewhere. `VICTUS_LOG` says how much.
///
/// # Errors
/// `VICTUS_LOG` is no level, as a sentence.
pub fn install_log(default: &str, clock: &Arc<dyn Clock>) -> Result<(), String> {
    let wanted = std::env::var("VICTUS_LOG").unwrap_or_else(|_unset| default.to_owned());
    let filter = Filter::parse(&wanted).map_err(|error| error.to_string())?;
    let sink = Sink::detect(std::env::var_os("NO_COLOR").as_deref());
    Logger::new(sink, filter, Arc::clone(clock)).install().map_err(|error| error.to_string())
}

fn check(sources: &Sources) -> ExitCode {
    let check = Config::check(sources);
    complain(&check.to_string());
    if check.problems.is_none() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Says why on standard error, which exists also where the log does not.
#[expect(clippy::print_stderr, reason = "the last word of a process that ends belongs on its standard error")]
fn complain(text: &str) {
    eprintln!("{text}");
}

async fn live(
    config: Arc<Config>,
    sources: Sources,
    options: Options,
    clock: Arc<dyn Clock>,
    began: victus_hw::clock::Monotonic,
) -> Result<(), String> {
    let state = sources.state.clone();
    let control_socket = match &options.state {
        Some(state) => state.join(crate::client::SOCKET_NAME),
        None => PathBuf::from(crate::client::DEFAULT_SOCKET),
    };
    let sound = if options.simulate {
        let (sound, _microphone, _record) =
            Sound::simulated(&state.join("simulation").join("speaker"), Pace::RealTime(Arc::clone(&clock)))
                .map_err(|error| error.to_string())?;
        sound
    } else {
        Sound::Devices
    };
    let settings = Settings {
        models: models(&state),
        state,
        control_socket: Some(control_socket),
        simulate: options.simulate,
        sources: Some(sources),
        sound,
        listener: None,
        began,
        clock,
    };
    // Before anything starts, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    let notifier = Notifier::new(std::env::var_os("NOTIFY_SOCKET").as_deref()).map_err(|error| error.to_string())?;
    let running = wiring::start(config, settings).await.map_err(|error| error.to_string())?;
    announce(&running, &notifier);
    let progress = running.supervisor.progress();
    let watchdog = systemd::watchdog_time(
        std::env::var_os("WATCHDOG_USEC").as_deref(),
        std::env::var_os("WATCHDOG_PID").as_deref(),
        std::process::id(),
    );
    let stop = running.supervisor.stop_token();
    let reason = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = reload_on(&mut hangup, &running, &notifier) => "SIGHUP, its terminal was closed",
        () = systemd::watch(&notifier, watchdog, &progress, &stop) => "the loops were stopped",
    };
    log::info!("stopping: {reason}");
    if let Err(error) = notifier.stopping() {
        log::warn!("{error}");
    }
    if tokio::time::timeout(wiring::STOP_DEADLINE, running.stop(reason)).await.is_err() {
        return Err(format!("not everything ended within {} ms", wiring::STOP_DEADLINE.as_millis()));
    }
    Ok(())
}

/// Reads entities, workflows and sentences again at each SIGHUP; several that come during one reading are one. To a daemon of a terminal it
/// says that this was closed, and only then does this return.
async fn reload_on(hangup: &mut Signal, running: &Running, notifier: &Notifier) {
    let told = |sent: Result<(), systemd::NotifyError>| {
        if let Err(error) = sent {
            log::warn!("systemd was not told of the reload: {error}");
        }
    };
    let of_terminal = !notifier.is_connected() && std::io::stdin().is_terminal();
    while hangup.recv().await.is_some() {
        if of_terminal {
            return;
        }
        told(notifier.reloading());
        Arc::clone(&running.reload).again().await;
        told(notifier.ready("ready"));
    }
    std::future::pending().await
}

/// Logs every address, and says ready.
fn announce(running: &Running, notifier: &Notifier) {
    for address in running.web.addresses() {
        log::info!("the panel is at http://{address}/");
    }
    let identity = &running.appliance.identity;
    log::info!(device = identity.device.as_str(), site = identity.site.as_str(); "ready, version {}", identity.version);
    if let Err(error) = notifier.ready("ready") {
        log::error!("systemd was not told that the daemon is ready: {error}");
    }
}

/// Where models lie: `VICTUS_MODELS`, else in the state folder.
pub fn models(state: &std::path::Path) -> PathBuf {
    std::env::var_os("VICTUS_MODELS").map_or_else(|| state.join("models"), PathBuf::from)
}
