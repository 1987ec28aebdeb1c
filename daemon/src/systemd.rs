//! What systemd is told: ready, status, stopping, and that the appliance is alive.
//!
//! The protocol (`sd_notify(3)`): one datagram of lines `NAME=VALUE` to the Unix socket that `NOTIFY_SOCKET` names, a
//! path or, with a leading `@`, a name in the abstract namespace. The watchdog (`WATCHDOG_USEC`, for the process
//! `WATCHDOG_PID`) is fed with `WATCHDOG=1` at half its time.
//!
//! Promises: the watchdog is fed only while every required loop shows progress, so that systemd restarts what hangs;
//! a socket that does not take its datagram costs half a second at most and never the process.
//! Leaves who is required to the supervisor, and the environment to the caller, who passes it in.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::supervisor::Progress;

/// How long a full socket may hold up the sender.
const SEND_TIMEOUT: Duration = Duration::from_millis(500);

/// How often the loops are looked at; sooner where the watchdog's time is short.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The longest status text in bytes.
const MAX_STATUS: usize = 500;

/// Why systemd cannot be told anything.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The variable holds no address of a socket.
    #[error("NOTIFY_SOCKET is {0:?}: expected an absolute path, or @ and a name")]
    Address(OsString),
    /// The socket could not be made or reached.
    #[error("cannot send to the socket of NOTIFY_SOCKET ({0}): is the unit's NotifyAccess= set?")]
    Socket(#[from] std::io::Error),
}

/// The line to systemd. One that was made without a socket says nothing and never fails.
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Notifier {
    /// The line that `NOTIFY_SOCKET` names, or a silent one if the variable is missing or empty.
    ///
    /// # Errors
    /// The variable holds no address, or no socket can be made.
    pub fn new(notify_socket: Option<&OsStr>) -> Result<Self, NotifyError> {
        let Some(name) = notify_socket.filter(|name| !name.is_empty()) else { return Ok(Self { socket: None }) };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(NotifyError::Address(name.to_owned())),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { socket: Some((socket, address)) })
    }

    /// Whether anybody listens.
    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// The appliance serves.
    ///
    /// # Errors
    /// The datagram could not be sent.
    pub fn ready(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)))
    }

    /// The appliance reads its sentences again; `ready` ends that.
    ///
    /// # Errors
    /// The datagram could not be sent.
    pub fn reloading(&self) -> Result<(), NotifyError> {
        self.send("RELOADING=1\nSTATUS=reading the sentences again")
    }

    /// One line for `systemctl status`.
    ///
    /// # Errors
    /// The datagram could not be sent.
    pub fn status(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("STATUS={}", one_line(status)))
    }

    /// The appliance ends, as it was told to.
    ///
    /// # Errors
    /// The datagram could not be sent.
    pub fn stopping(&self) -> Result<(), NotifyError> {
        self.send("STOPPING=1")
    }

    /// The appliance is alive.
    ///
    /// # Errors
    /// The datagram could not be sent.
    pub fn feed_watchdog(&self) -> Result<(), NotifyError> {
        self.send("WATCHDOG=1")
    }

    fn send(&self, message: &str) -> Result<(), NotifyError> {
        if let Some((socket, address)) = &self.socket {
            socket.send_to_addr(message.as_bytes(), address)?;
        }
        Ok(())
    }
}

/// A status is one line; a line break in it would be a further assignment.
fn one_line(status: &str) -> String {
    let mut line: String = status.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some(end) = (0..=MAX_STATUS.min(line.len())).rev().find(|end| line.is_char_boundary(*end)) {
        line.truncate(end);
    }
    line
}

/// The watchdog's time from `WATCHDOG_USEC` and `WATCHDOG_PID`, or `None` if there is none or it is for another process.
pub fn watchdog_time(usec: Option<&OsStr>, pid: Option<&OsStr>, own_pid: u32) -> Option<Duration> {
    let number = |text: &OsStr| text.to_str().and_then(|text| text.parse::<u64>().ok());
    if pid.filter(|pid| !pid.is_empty()).is_some_and(|pid| number(pid) != Some(own_pid.into())) {
        return None;
    }
    usec.and_then(number).filter(|usec| *usec > 0).map(Duration::from_micros)
}

/// Looks at the loops until `stop` is cancelled, and feeds the watchdog while every required one shows progress.
///
/// Without a watchdog it still looks, because the health register lives from it.
pub async fn watch(notifier: &Notifier, watchdog: Option<Duration>, progress: &Progress, stop: &CancellationToken) {
    let feed_every = watchdog.map(|time| time / 2);
    // A loop that was late when it was looked at gets several more looks before the time is up.
    let check_every = watchdog.map_or(CHECK_EVERY, |time| (time / 8).min(CHECK_EVERY));
    let mut until_feed = Duration::ZERO;
    let mut failed = false;
    loop {
        let alive = progress.check().iter().all(|overdue| !overdue.required);
        until_feed = until_feed.saturating_sub(check_every);
        if let Some(feed_every) = feed_every
            && alive
            && until_feed.is_zero()
        {
            let fed = notifier.feed_watchdog();
            if let (Err(error), false) = (&fed, failed) {
                log::error!("the watchdog cannot be fed: {error}");
            }
            failed = fed.is_err();
            until_feed = if failed { Duration::ZERO } else { feed_every };
        }
        if stop.run_until_cancelled(tokio::time::sleep(check_every)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use victus_agent::health::Health;
    use victus_hw::clock::{Clock, SimulatedClock};

    use super::*;
    use crate::supervisor::{BackoffLimits, LoopSpec, Supervisor};

    /// A socket as systemd's, and its address as `NOTIFY_SOCKET` gives it.
    fn socket(folder: &tempfile::TempDir) -> (tokio::net::UnixDatagram, OsString) {
        let path = folder.path().join("notify");
        (tokio::net::UnixDatagram::bind(&path).unwrap(), path.into_os_string())
    }

    async fn receive(socket: &tokio::net::UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let received = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8(buffer[..received].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn systemd_hears_of_ready_status_and_stopping() {
        let folder = tempfile::TempDir::new().unwrap();
        let (socket, address) = socket(&folder);
        let notifier = Notifier::new(Some(&address)).unwrap();
        assert!(notifier.is_connected());
        notifier.ready("panel at http://127.0.0.1:8480").unwrap();
        assert_eq!(receive(&socket).await, "READY=1\nSTATUS=panel at http://127.0.0.1:8480");
        notifier.reloading().unwrap();
        assert_eq!(receive(&socket).await, "RELOADING=1\nSTATUS=reading the sentences again");
        notifier.status("two\nlines\nREADY=0").unwrap();
        assert_eq!(receive(&socket).await, "STATUS=two lines READY=0");
        notifier.status(&"ä".repeat(400)).unwrap();
        assert_eq!(receive(&socket).await, format!("STATUS={}", "ä".repeat(250)));
        notifier.stopping().unwrap();
        assert_eq!(receive(&socket).await, "STOPPING=1");
    }

    #[tokio::test]
    async fn an_abstract_socket_works_and_no_socket_is_silence() {
        let name = format!("victus-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::new(Some(OsStr::new(&format!("@{name}")))).unwrap();
        notifier.feed_watchdog().unwrap();
        let mut buffer = [0; 64];
        let received = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..received], b"WATCHDOG=1");
        for none in [None, Some(OsStr::new(""))] {
            let silent = Notifier::new(none).unwrap();
            assert!(!silent.is_connected());
            silent.ready("").unwrap();
        }
    }

    #[test]
    fn wrong_sockets_are_errors() {
        let wrong = Notifier::new(Some(OsStr::new("vsock:2:1"))).err().unwrap().to_string();
        assert_eq!(wrong, "NOTIFY_SOCKET is \"vsock:2:1\": expected an absolute path, or @ and a name");
        let absent = Notifier::new(Some(OsStr::new("/nonexistent/notify"))).unwrap();
        assert!(absent.ready("").unwrap_err().to_string().contains("No such file or directory"));
    }

    #[test]
    fn a_full_socket_holds_up_nobody_for_ever() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let _kept = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(Some(path.as_os_str())).unwrap();
        let first_error = (0..10_000).find_map(|_| notifier.feed_watchdog().err());
        assert!(
            matches!(first_error, Some(NotifyError::Socket(error)) if error.kind() == std::io::ErrorKind::WouldBlock)
        );
    }

    #[test]
    fn the_watchdog_is_for_this_process_only() {
        let time = |usec: Option<&str>, pid: Option<&str>| watchdog_time(usec.map(OsStr::new), pid.map(OsStr::new), 42);
        assert_eq!(time(Some("30000000"), Some("42")), Some(Duration::from_secs(30)));
        assert_eq!(time(Some("30000000"), None), Some(Duration::from_secs(30)));
        for (usec, pid) in [
            (Some("30000000"), Some("43")),
            (None, Some("42")),
            (Some("0"), None),
            (Some("soon"), None),
            (Some("1"), Some("x")),
        ] {
            assert_eq!(time(usec, pid), None, "{usec:?} {pid:?}");
        }
    }

    #[tokio::test]
    async fn the_watchdog_starves_while_a_required_loop_hangs_and_is_fed_when_it_goes_on() {
        let folder = tempfile::TempDir::new().unwrap();
        let (socket, address) = socket(&folder);
        let notifier = Notifier::new(Some(&address)).unwrap();
        let clock = Arc::new(SimulatedClock::new(0));
        let clock_argument: Arc<dyn Clock> = clock.clone();
        let health = Arc::new(Health::new(clock_argument.clone()));
        let rng = StdRng::seed_from_u64(1);
        let mut supervisor =
            Supervisor::new(clock_argument, health.clone(), rng, BackoffLimits::default(), Arc::new(|_| {}));
        let pulses = Arc::new(std::sync::Mutex::new(Vec::new()));
        for spec in [
            LoopSpec::required("points", Duration::from_secs(10)),
            LoopSpec::optional("voice").with_progress_limit(Duration::from_secs(10)),
        ] {
            let pulses = pulses.clone();
            supervisor.spawn(spec, move |context| {
                pulses.lock().unwrap().push((context.name().to_owned(), context.pulse()));
                async move {
                    context.stop().cancelled().await;
                    Ok(())
                }
            });
        }
        let stop = CancellationToken::new();
        let (progress, stop_watch) = (supervisor.progress(), stop.clone());
        let watch =
            tokio::spawn(
                async move { watch(&notifier, Some(Duration::from_millis(16)), &progress, &stop_watch).await },
            );
        assert_eq!(receive(&socket).await, "WATCHDOG=1");
        assert_eq!(receive(&socket).await, "WATCHDOG=1");

        clock.advance(Duration::from_secs(11));
        let seen = async {
            while health.get("points") == Some(victus_agent::health::LoopState::Up) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap();
        // What was sent before the hang was seen may still lie in the socket; after that there is nothing.
        let mut buffer = [0; 64];
        while socket.try_recv(&mut buffer).is_ok() {}
        let fed = tokio::time::timeout(Duration::from_millis(160), socket.recv(&mut buffer)).await;
        assert!(fed.is_err(), "the watchdog was fed while the points hung");

        // The optional loop stays silent, which is no reason to restart the appliance.
        let points = pulses.lock().unwrap().iter().find(|(name, _)| name == "points").unwrap().1.clone();
        points.beat();
        assert_eq!(receive(&socket).await, "WATCHDOG=1");
        stop.cancel();
        watch.await.unwrap();
        supervisor.shutdown(Duration::from_secs(20)).await;
    }
}
