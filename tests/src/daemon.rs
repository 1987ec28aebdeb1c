//! A real victusd with simulated devices.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use victus_daemon::client::Client;

use crate::{PATIENCE, eventually, free_port, program};

/// The entities of every test.
const ENTITIES: &str = r#"
[[entity]]
name = "Extraction fan"
kind = "fan"
area = "Press hall"
driver = { gpio = { line = "GPIO17" } }
stop = true

[[entity]]
name = "Main valve"
kind = "valve"
area = "Boiler room"
driver = { gpio = { line = "GPIO27", active_low = true } }
"#;

/// A daemon, ended with the test.
pub struct Daemon {
    folder: TempDir,
    panel: Option<SocketAddr>,
    child: Option<Child>,
}

impl Daemon {
    /// Writes a configuration with the test's entities and `more`, and starts the daemon on it.
    pub async fn start(more: &str) -> Self {
        Self::start_at(None, more).await
    }

    /// The same, with the panel on a loopback port.
    pub async fn start_with_panel(more: &str) -> Self {
        Self::start_at(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))), more).await
    }

    async fn start_at(panel: Option<SocketAddr>, more: &str) -> Self {
        let mut daemon = Self::prepared(panel, more);
        daemon.resume().await;
        daemon
    }

    /// A daemon with its configuration that is not started yet.
    pub fn prepared(panel: Option<SocketAddr>, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listen = panel.map(|address| format!("\"{address}\"")).unwrap_or_default();
        let config = format!(
            "[device]\nid = \"box\"\nsite = \"plant\"\n[voice]\nenabled = false\n[web]\nlisten = [{listen}]\n{more}\n\
             {ENTITIES}"
        );
        std::fs::write(folder.path().join("victus.toml"), config).expect("the configuration can be written");
        Self { folder, panel, child: None }
    }

    /// Writes a file beside its configuration.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }

    /// Adds to its configuration.
    pub fn add(&self, more: &str) {
        let path = self.folder.path().join("victus.toml");
        let config = std::fs::read_to_string(&path).expect("the configuration can be read");
        std::fs::write(path, config + more).expect("the configuration can be written");
    }

    /// Asks it to read its entities and sentences again (SIGHUP).
    pub fn reload(&self) {
        let child = self.child.as_ref().expect("the daemon runs");
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::HUP).expect("the daemon can be signalled");
    }

    /// Starts it again on the same state and waits until it is ready.
    pub async fn resume(&mut self) {
        assert!(self.child.is_none(), "the daemon still runs");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log file");
        let child = self.command().stdout(Stdio::null()).stderr(log).spawn().expect("victusd starts");
        self.child = Some(child);
        let client = self.client();
        eventually("the daemon to be ready", || {
            let client = client.clone();
            async move { client.get("/ready").await.ok() }
        })
        .await;
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program("victusd"));
        command.arg("--config").arg(self.folder.path().join("victus.toml"));
        command.arg("--state").arg(self.state()).arg("--simulate");
        command
    }

    /// The panel's host and port.
    ///
    /// # Panics
    /// It was started without.
    pub fn panel(&self) -> SocketAddr {
        self.panel.expect("the daemon was started with a panel")
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A client of its API.
    pub fn client(&self) -> Client {
        Client::new(Some(&self.state()))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks it by text; the finished turn.
    pub async fn ask(&self, text: &str) -> Value {
        self.client().post("/api/v1/ask", &json!({"text": text})).await.expect("the daemon answers")
    }

    /// The value of an entity.
    pub async fn value(&self, entity: &str) -> Value {
        let view = self.client().get(&format!("/api/v1/entities/{entity}")).await.expect("the daemon answers");
        view["value"].clone()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_ended = child.kill();
            child.wait().expect("the daemon can be waited for");
        }
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Panics
    /// It does not end.
    pub async fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the daemon runs");
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::TERM).expect("the daemon can be signalled");
        tokio::task::spawn_blocking(move || {
            let mut waited = std::time::Duration::ZERO;
            loop {
                if let Some(status) = child.try_wait().expect("the daemon can be waited for") {
                    return status;
                }
                assert!(waited < PATIENCE, "the daemon did not end");
                std::thread::sleep(crate::POLL);
                waited += crate::POLL;
            }
        })
        .await
        .expect("waiting does not panic")
    }

    /// The simulated level of a line: `high` or `low`.
    pub fn line(&self, name: &str) -> String {
        let gpio = victus_hw::gpio::SimulatedGpio::open(&simulated_lines(&self.state())).expect("the simulated lines");
        gpio.level(&name.into()).expect("the line exists").to_string()
    }
}

/// Where a daemon that simulates keeps its lines.
pub fn simulated_lines(state: &Path) -> PathBuf {
    state.join("simulation").join("gpio")
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of victusd ---\n{}", self.log());
        }
    }
}
