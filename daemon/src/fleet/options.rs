//! What a link is told.
//!
//! Owns the plain values that the wiring fills from the config, their defaults and their checks. Secrets are named by
//! file and read anew for each connection, so that they can be rotated; none of them is kept here.

use std::path::PathBuf;
use std::time::Duration;

use super::command::sha256;
use super::outbox::Limits;
use super::topics::{BadId, Topics, check_id};

/// The certificates of the system's authorities on Debian and its relatives.
pub const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The longest client id in bytes: the limit of AWS IoT Core (its quota "client ID size").
const MAX_CLIENT_ID: usize = 128;

/// What goes into a link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkOptions {
    /// Its name, as in events and health.
    pub name: String,
    /// The site in the topics.
    pub site: String,
    /// The device in the topics.
    pub device: String,
    /// The broker's host name or address.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// TLS; none for plain TCP.
    pub tls: Option<TlsOptions>,
    /// User and password.
    pub credentials: Option<Credentials>,
    /// Tools that the fleet may call whatever their role, beside those of an operator.
    pub tools: Vec<String>,
    /// How often a silent connection is tried, 1 s and more.
    pub keep_alive: Duration,
    /// How long a connection, a subscription or a flush may take, whole seconds from 1 s.
    pub timeout: Duration,
    /// The shortest and the longest wait before a new attempt.
    pub backoff: (Duration, Duration),
    /// After how long a link counts as good, so that waiting begins anew at the shortest.
    pub good_after: Duration,
    /// How much may be on its way.
    pub limits: Limits,
    /// The longest time between two health messages while anything in them changes.
    pub health_every: Duration,
    /// A folder on the file system whose free space is reported: that of the state.
    pub state: Option<PathBuf>,
}

/// How the broker proves who it is, and the link to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the certificates of the authorities that may sign the broker's; [`SYSTEM_CA`] for the system's.
    pub ca: PathBuf,
    /// The link's own certificate and key.
    pub identity: Option<TlsIdentity>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    /// PEM file with the certificate and those between it and the authority.
    pub cert: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// File with the password; a line break at its end does not count.
    pub password_file: PathBuf,
}

impl LinkOptions {
    /// A link by plain TCP with all defaults.
    pub fn new(name: &str, site: &str, device: &str, host: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            site: site.to_owned(),
            device: device.to_owned(),
            host: host.to_owned(),
            port,
            tls: None,
            credentials: None,
            tools: Vec::new(),
            keep_alive: Duration::from_secs(30),
            timeout: Duration::from_secs(20),
            backoff: (Duration::from_secs(1), Duration::from_secs(300)),
            good_after: Duration::from_secs(30),
            limits: Limits::default(),
            health_every: Duration::from_secs(60),
            state: None,
        }
    }

    /// The topics of this appliance on this link.
    ///
    /// # Errors
    /// The link's name, the site or the device cannot stand in a topic.
    pub fn topics(&self) -> Result<Topics, BadId> {
        check_id("link", &self.name)?;
        Topics::new(&self.site, &self.device)
    }

    /// The id by which the broker knows this link; the same at every start, because the broker keeps the session by it.
    pub fn client_id(&self) -> String {
        let id = format!("victus.{}.{}.{}", self.site, self.device, self.name);
        if id.len() <= MAX_CLIENT_ID { id } else { format!("victus.{}", sha256(id.as_bytes())) }
    }

    /// `host:port`, for messages.
    pub fn broker(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_id_is_stable_distinct_and_bounded() {
        let id =
            |site: &str, device: &str, name: &str| LinkOptions::new(name, site, device, "localhost", 1).client_id();
        assert_eq!(id("plant-a", "press", "fleet"), "victus.plant-a.press.fleet");
        let long = "x".repeat(64);
        assert!(id(&long, &long, "fleet").len() <= MAX_CLIENT_ID);
        assert_ne!(id(&long, &long, "fleet"), id(&long, &long, "cloud"));
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_topic_is_refused() {
        assert!(LinkOptions::new("fleet", "plant-a", "press", "h", 1).topics().is_ok());
        assert_eq!(LinkOptions::new("fl/eet", "plant-a", "press", "h", 1).topics().unwrap_err().what, "link");
        assert_eq!(LinkOptions::new("fleet", "plant a", "press", "h", 1).topics().unwrap_err().what, "site");
    }
}
