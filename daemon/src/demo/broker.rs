//! A Mosquitto of the demo's own, on loopback.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where Debian installs it.
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// How often, and how many times, the port is tried before the broker counts as broken.
const TRIES: (Duration, u32) = (Duration::from_millis(50), 100);

/// A broker, ended with the demo.
pub(super) struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts it; none where it is not installed.
    pub(super) fn start(folder: &Path) -> io::Result<Option<Self>> {
        if !Path::new(MOSQUITTO).exists() {
            return Ok(None);
        }
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"))?;
        let child =
            Command::new(MOSQUITTO).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let broker = Self { child, port };
        for _ in 0..TRIES.1 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Some(broker));
            }
            std::thread::sleep(TRIES.0);
        }
        Err(io::Error::other("mosquitto started and does not listen"))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
