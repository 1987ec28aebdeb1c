//! The side of the holder: one client at a time, and the lines while there is none.
//!
//! Owns the socket. Nothing that arrives on it ends the holder.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep_until, timeout};

use super::holder::Holder;
use super::{Answer, FIRST_MESSAGE, LONGEST_MESSAGE, Message, VERSION, encode};
use crate::gpio::GpioBackend;

/// A line is busy until the kernel has freed it, milliseconds after its holder ended: tried this often at first ...
const RETRY_FIRST: Duration = Duration::from_millis(5);
/// ... for this long ...
const RETRY_FAST: Duration = Duration::from_secs(2);
/// ... and then this often, for as long as there is no client.
const RETRY_SLOW: Duration = Duration::from_secs(1);

/// An answer that a client does not take within this time is dropped with the client.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// How long a new connection waits for the end of the one before.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Serves the socket at `path` until the future is dropped, which frees the lines and removes the socket.
///
/// # Errors
/// When the socket cannot be made, or another holder listens there already. Nothing that a client does is an error.
pub async fn serve(path: &Path, gpio: Box<dyn GpioBackend>) -> io::Result<()> {
    let socket = Socket::bind(path).await?;
    let mut server = Server { holder: Holder::new(gpio), client: None, retry: None };
    loop {
        server.turn(&socket.listener).await;
    }
}

/// A bound socket; its file goes with it.
#[derive(Debug)]
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    async fn bind(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).await.is_ok() {
            let said = format!("Another victus-safe listens at {} already. Stop it first.", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, said));
        }
        // What is left of a holder that was killed.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("The socket {} cannot be removed: {error}", self.path.display());
        }
    }
}

/// The one connection.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    heard: Vec<u8>,
    /// Whether the rest of a message that was too long is still to be dropped.
    skipping: bool,
    /// Until when its first `take` has to come; none once it came.
    deadline: Option<Instant>,
}

/// What a connection brought.
#[derive(Debug)]
enum Heard {
    Message(Vec<u8>),
    TooLong,
    Ended,
}

/// The tries to take lines.
#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Instant,
    fast_until: Instant,
    said: bool,
}

#[derive(Debug)]
struct Server {
    holder: Holder,
    client: Option<Client>,
    retry: Option<Retry>,
}

impl Server {
    /// Waits for the next thing to happen, and does it.
    async fn turn(&mut self, listener: &UnixListener) {
        let deadline = self.client.as_ref().and_then(|client| client.deadline);
        let retry = self.retry.map(|retry| retry.at);
        tokio::select! {
            biased;
            heard = hear(self.client.as_mut()) => self.heard(heard).await,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => self.connected(stream).await,
                Err(error) => {
                    log::warn!("A connection failed: {error}");
                    // Such as too many open files: it passes, and must not be asked for without a pause.
                    tokio::time::sleep(RETRY_FIRST).await;
                }
            },
            () = at(deadline) => self.refuse_client("No `take` came in time.").await,
            () = at(retry) => self.hold(),
        }
    }

    async fn connected(&mut self, stream: UnixStream) {
        let deadline = Some(Instant::now() + FIRST_MESSAGE);
        let mut client = Client { stream, heard: Vec::new(), skipping: false, deadline };
        // A process that was killed and started again may be here before its old end was seen.
        if self.client.is_some()
            && let Ok(heard) = timeout(LAST_WORD, hear(self.client.as_mut())).await
        {
            self.heard(heard).await;
        }
        if self.client.is_some() {
            let reason = "Another process is connected already. Stop it first: one process holds the lines at a time.";
            client.answer(&Answer::Refused { reason: reason.to_owned() }).await;
        } else {
            self.client = Some(client);
        }
    }

    async fn heard(&mut self, heard: Heard) {
        let bytes = match heard {
            Heard::Ended => return self.ended(),
            Heard::TooLong => {
                return self.refuse_message(&format!("A message has at most {LONGEST_MESSAGE} bytes.")).await;
            }
            Heard::Message(bytes) => bytes,
        };
        match serde_json::from_slice(&bytes) {
            Ok(Message::Take { v: VERSION, lines }) => {
                let count = lines.len();
                let released = self.holder.release(lines);
                self.retry = None;
                log::info!("The client takes {count} lines; {released} were released.");
                if let Some(client) = &mut self.client {
                    client.deadline = None;
                    if !client.answer(&Answer::Taken { released }).await {
                        self.ended();
                    }
                }
            }
            Ok(Message::Take { v, .. }) => {
                self.refuse_message(&format!("This victus-safe speaks version {VERSION}, not {v}. Update both.")).await;
            }
            Err(error) => self.refuse_message(&format!("That is no message: {error}.")).await,
        }
    }

    /// A message without effect. It ends a connection that has not begun with a `take`, and no other.
    async fn refuse_message(&mut self, reason: &str) {
        match &mut self.client {
            Some(client) if client.deadline.is_none() => {
                client.answer(&Answer::Refused { reason: reason.to_owned() }).await;
            }
            _ => self.refuse_client(reason).await,
        }
    }

    async fn refuse_client(&mut self, reason: &str) {
        if let Some(mut client) = self.client.take() {
            log::warn!("A connection was refused: {reason}");
            client.answer(&Answer::Refused { reason: reason.to_owned() }).await;
        }
    }

    /// The connection is gone. If it was that of the process with the lines, they are taken.
    fn ended(&mut self) {
        if self.client.take().is_some_and(|client| client.deadline.is_none()) {
            log::warn!("The process with the lines has ended: they are taken in their safe state.");
            let now = Instant::now();
            self.retry = Some(Retry { at: now, fast_until: now + RETRY_FAST, said: false });
            self.hold();
        }
    }

    fn hold(&mut self) {
        let failures = self.holder.hold();
        let Some(mut retry) = self.retry.filter(|_| !failures.is_empty()) else {
            self.retry = None;
            return;
        };
        let now = Instant::now();
        let fast = now < retry.fast_until;
        if !fast && !std::mem::replace(&mut retry.said, true) {
            for failure in failures {
                log::error!("A line is NOT held in its safe state; it is tried again every second. {failure}");
            }
        }
        retry.at = now + if fast { RETRY_FIRST } else { RETRY_SLOW };
        self.retry = Some(retry);
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The next message of the client. Nothing is lost when it is given up in between.
async fn hear(client: Option<&mut Client>) -> Heard {
    let Some(client) = client else { return std::future::pending().await };
    loop {
        if let Some(end) = client.heard.iter().position(|byte| *byte == b'\n') {
            let mut line: Vec<u8> = client.heard.drain(..=end).collect();
            line.pop();
            if !std::mem::take(&mut client.skipping) {
                return Heard::Message(line);
            }
        } else if client.heard.len() > LONGEST_MESSAGE {
            client.heard.clear();
            if !std::mem::replace(&mut client.skipping, true) {
                return Heard::TooLong;
            }
        }
        if client.stream.readable().await.is_err() {
            return Heard::Ended;
        }
        let mut chunk = [0; 4_096];
        match client.stream.try_read(&mut chunk) {
            Ok(0) => return Heard::Ended,
            Ok(count) => client.heard.extend(chunk.iter().take(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Heard::Ended,
        }
    }
}

impl Client {
    /// Sends an answer; false if the client does not take it.
    async fn answer(&mut self, answer: &Answer) -> bool {
        let Ok(bytes) = encode(answer) else { return false };
        matches!(timeout(ANSWER_TIME, self.stream.write_all(&bytes)).await, Ok(Ok(())))
    }
}
