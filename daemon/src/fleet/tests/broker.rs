//! A real Mosquitto that can be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpStream;

/// A broker on a free port of loopback, with a folder of its own. It keeps nothing when it is killed.
pub(super) struct Broker {
    pub(super) port: u16,
    folder: tempfile::TempDir,
    extra: String,
    child: Option<Child>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where Mosquitto is; none, said aloud, where it is not installed.
pub(super) fn program() -> Option<PathBuf> {
    let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    let found = places.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "mosquitto is not installed");
        println!("skipped: mosquitto is not installed (run make deps)");
    }
    found
}

impl Broker {
    /// Starts a broker that lets everybody in; none where there is no Mosquitto.
    pub(super) async fn start() -> Option<Self> {
        Self::with(|_folder| "allow_anonymous true\n".to_owned()).await
    }

    /// Starts a broker with more lines of configuration, which may name files in its folder.
    pub(super) async fn with(extra: impl FnOnce(&Path) -> String) -> Option<Self> {
        program()?;
        let folder = tempfile::tempdir().unwrap();
        let extra = extra(folder.path());
        let mut broker = Self { port: 0, folder, extra, child: None };
        // Another program may take the port between the look and the start: then another port is tried.
        for _ in 0..5 {
            broker.port = free_port();
            if broker.begin().await {
                return Some(broker);
            }
        }
        panic!("mosquitto does not start on any port");
    }

    /// Kills it with SIGKILL: sessions, queues and retained messages are gone.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port.
    pub(super) async fn restart(&mut self) {
        self.kill();
        for _ in 0..5 {
            if self.begin().await {
                return;
            }
        }
        panic!("mosquitto does not start again on port {}", self.port);
    }

    async fn begin(&mut self) -> bool {
        let config = self.folder.path().join("mosquitto.conf");
        // A broker that is started by root would otherwise change to a user that cannot read the folder.
        let lines = format!("user root\npersistence false\nlistener {} 127.0.0.1\n{}", self.port, self.extra);
        std::fs::write(&config, lines).unwrap();
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(program().unwrap())
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let port = self.port;
        let mut ended = false;
        while !ended {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return self.child.as_mut().unwrap().try_wait().unwrap().is_none();
            }
            ended = self.child.as_mut().unwrap().try_wait().unwrap().is_some();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
