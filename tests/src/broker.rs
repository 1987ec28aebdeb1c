//! A real Mosquitto on a loopback port.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{PATIENCE, free_port, skip};

/// Where Debian installs it.
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A broker, ended with the test.
pub struct Broker {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker; none, and said so, where Mosquitto is not installed.
    pub fn start() -> Option<Self> {
        if !std::path::Path::new(MOSQUITTO).exists() {
            skip("mosquitto is not installed (packaging/dependencies test)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut broker = Self { port: free_port(), folder, child: None };
        broker.resume();
        Some(broker)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address as in a configuration.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_ended = child.kill();
            child.wait().expect("the broker can be waited for");
        }
    }

    /// Forgets every session and retained message. The broker must have been killed.
    pub fn forget(&self) {
        assert!(self.child.is_none(), "the broker still runs");
        match std::fs::remove_file(self.folder.path().join("mosquitto.db")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("the broker's store: {error}"),
            _ => {}
        }
    }

    /// Starts it again on the same port.
    pub fn resume(&mut self) {
        let config = self.configuration();
        let child = Command::new(MOSQUITTO)
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        self.child = Some(child);
        let begun = std::time::Duration::ZERO;
        let mut waited = begun;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(waited < PATIENCE, "mosquitto does not listen on port {}", self.port);
            std::thread::sleep(crate::POLL);
            waited += crate::POLL;
        }
    }

    fn configuration(&self) -> PathBuf {
        let path = self.folder.path().join("mosquitto.conf");
        let folder = self.folder.path().display();
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n\
             autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 100000\nuser root\n",
            self.port
        );
        std::fs::write(&path, text).expect("the broker's configuration can be written");
        path
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
