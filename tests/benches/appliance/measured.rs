//! One victusd that is measured from outside.
//!
//! Owns the process, its configuration and its state folder, and reads what the kernel knows of it. Ended with the value.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use victus_daemon::client::Client;
use victus_hw::clock::{Clock as _, Monotonic, SystemClock};
use victus_tests::{free_port, program};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(1);

/// How long anything may take before the bench stops.
const PATIENCE: Duration = Duration::from_secs(60);

/// The kernel counts processor time for other programs in hundredths of a second (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// What the appliance hears with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Nothing.
    Off,
    /// PocketSphinx.
    PocketSphinx,
    /// Whisper, with a model that the caller names.
    Whisper,
}

/// The rooms of the recordings: what is said in them can be switched here.
const HOUSE: &str = include_str!("house.toml");

/// Writes a configuration of the house into `folder`.
pub(crate) fn configure(folder: &Path, voice: Voice) -> PathBuf {
    let voice = match voice {
        Voice::Off => "enabled = false",
        Voice::PocketSphinx => "recognizer = \"pocketsphinx\"",
        Voice::Whisper => "recognizer = \"whisper\"",
    };
    let path = folder.join("victus.toml");
    let text = format!("[voice]\n{voice}\n[web]\nlisten = [\"127.0.0.1:{}\"]\n{HOUSE}", free_port());
    std::fs::write(&path, text).expect("the configuration can be written");
    path
}

/// Memory in MB (10^6 bytes).
pub(crate) struct Memory {
    /// All pages that are in memory.
    pub(crate) resident: f64,
    /// The same, but a page that several processes share counts for its part.
    pub(crate) proportional: f64,
}

/// A running victusd.
pub(crate) struct Measured {
    folder: TempDir,
    child: Child,
    runtime: Runtime,
    clock: SystemClock,
    begun: Monotonic,
    ready_after: Duration,
}

impl Measured {
    /// Starts one with devices simulated and an empty state, and waits until it is ready.
    pub(crate) fn start(voice: Voice, models: Option<&Path>) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), voice, models)
    }

    /// Starts one on what stands in the folder `state` of `folder`.
    pub(crate) fn start_in(folder: TempDir, voice: Voice, models: Option<&Path>) -> Self {
        let config = configure(folder.path(), voice);
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let mut command = Command::new(program("victusd"));
        command.arg("--config").arg(config).arg("--state").arg(folder.path().join("state")).arg("--simulate");
        if let Some(models) = models {
            command.env("VICTUS_MODELS", models);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let clock = SystemClock::new(0);
        let begun = clock.monotonic();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("victusd starts");
        let mut measured = Self { folder, child, runtime, clock, begun, ready_after: Duration::ZERO };
        measured.ready_after = measured.wait_for("it to be ready", || measured.ask("/ready").map(drop));
        measured
    }

    /// How long after its start as a process it answered that it is ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// How long it took from the start of its program to ready by its own account.
    pub(crate) fn recorded_ready_ms(&self) -> f64 {
        let mut recorded = None;
        self.wait_for("the record of the start", || {
            let page = self.ask("/api/v1/events?limit=200")?;
            let events = page["events"].as_array()?;
            let started = events.iter().find(|event| event["kind"] == "appliance_started")?;
            recorded = started["data"]["ready_ms"].as_f64();
            recorded.map(drop)
        });
        recorded.expect("waited for")
    }

    /// Waits until its voice is up; how long that was after the start of the process.
    pub(crate) fn until_it_hears(&self) -> Duration {
        self.wait_for("its voice", || {
            let status = self.ask("/api/v1/status")?;
            let loops = status["loops"].as_array()?;
            loops.iter().find(|entry| entry["name"] == "voice" && entry["state"] == "up").map(drop)
        })
    }

    /// Its memory.
    pub(crate) fn memory(&self) -> Memory {
        let text = self.kernel("smaps_rollup");
        let megabytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
            let kibibytes: f64 = line.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a number");
            kibibytes * 1024.0 / 1e6
        };
        Memory { resident: megabytes("Rss:"), proportional: megabytes("Pss:") }
    }

    /// The processor time that it has taken so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let text = self.kernel("stat");
        // The name, in parentheses, may hold anything; user and system time are the 12th and 13th fields after it.
        let (_name, fields) = text.rsplit_once(')').expect("a name in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2).map(|it| it.parse::<u32>().expect("a number"));
        TICK * ticks.sum::<u32>()
    }

    /// The answer to a request for `path`.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.ask(path).unwrap_or_else(|| panic!("victusd does not answer {path}:\n{}", self.log()))
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let client = Client::new(Some(&self.state()));
        self.runtime.block_on(client.get(path)).ok()
    }

    /// Waits for `probe`; how long after the start of the process it came.
    fn wait_for(&self, what: &str, mut probe: impl FnMut() -> Option<()>) -> Duration {
        let passed = || self.clock.monotonic().saturating_since(self.begun);
        while probe().is_none() {
            assert!(passed() < PATIENCE, "waited in vain for {what}:\n{}", self.log());
            std::thread::sleep(POLL);
        }
        passed()
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn kernel(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the process runs")
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited_for = self.child.wait();
    }
}
