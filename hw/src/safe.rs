//! The holder of lines in their safe state: what `victus-safe` and its client do.
//!
//! A dead process cannot hold a line, and the kernel gives a freed line back to its pull. So a small second process
//! takes every line in its safe state when the first one ends, however it ends, and keeps it until the first asks for it.
//!
//! # Protocol
//! A Unix stream socket; lines of JSON in UTF-8, each ended by a newline and at most [`LONGEST_MESSAGE`] bytes long.
//!
//! | from | message | meaning |
//! | --- | --- | --- |
//! | client | `{"take":{"v":1,"lines":[{"line":"GPIO17","active_low":true,"safe":false}]}}` | "I am about to hold these lines" |
//! | holder | `{"taken":{"released":2}}` | it holds no line any more; it released this many |
//! | holder | `{"refused":{"reason":"..."}}` | the message had no effect |
//!
//! `line` is a name or `{"chip":"label","offset":n}`; `safe` is whether the line is on when safe; unknown fields are
//! ignored. The first message of a connection is a `take` within [`FIRST_MESSAGE`], or the connection is refused and
//! closed, and nothing changes. After that the client keeps the connection open for as long as it lives. It may send
//! another `take` when its lines change; anything else is refused, and the connection stays. The end of the connection
//! is the signal: the holder takes every line of the last `take` in its safe state, again and again until the kernel has
//! freed it. There is one client at a time; a second is refused.
//!
//! Owns both sides of this protocol; uses nothing of this crate but [`crate::gpio`], because the program `victus-safe` is
//! compiled from these two modules alone (`victus-safe.rs` says why). Remembers nothing over its own restart: a client
//! that finds the connection ended connects again at once ([`SafeLink::ended`]).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::gpio::{Level, LineReference};

mod holder;
mod server;

pub use server::serve;

/// The longest message in bytes: some 600 lines.
pub const LONGEST_MESSAGE: usize = 65_536;

/// How long a client may take for its first message.
pub const FIRST_MESSAGE: Duration = Duration::from_secs(5);

/// The version of the protocol.
const VERSION: u32 = 1;

/// A line and its safe state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeLine {
    /// The line.
    pub line: LineReference,
    /// Whether it is on when low.
    #[serde(default)]
    pub active_low: bool,
    /// Whether it is on when safe.
    pub safe: bool,
}

impl SafeLine {
    const fn level(&self) -> Level {
        Level::of(self.safe, self.active_low)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Take { v: u32, lines: Vec<SafeLine> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Taken { released: usize },
    Refused { reason: String },
}

/// A message or an answer as it is sent.
fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message).map_err(io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Why the holder could not be reached, or did not give the lines.
#[derive(Debug, thiserror::Error)]
pub enum SafeError {
    /// Nobody listens.
    #[error(
        "victus-safe is not running at {path} ({source}): nothing holds the lines safe when this program ends. Start it \
         with `systemctl start victus-safe`."
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It refused.
    #[error("victus-safe did not give the lines: {reason}")]
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
    /// The connection failed, or what it answered was no answer.
    #[error(
        "The connection to victus-safe at {path} failed: {reason}. Look at its log with `journalctl -u victus-safe`."
    )]
    Failed {
        /// The socket.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// The connection of the process that holds the lines. While it is open, `victus-safe` holds none.
#[derive(Debug)]
pub struct SafeLink {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

impl SafeLink {
    /// Connects, says which lines this process is about to hold, and returns once they are free. Keep the link for as
    /// long as the process lives.
    ///
    /// # Errors
    /// [`SafeError`], at the latest after `patience`.
    pub async fn take(path: &Path, lines: &[SafeLine], patience: Duration) -> Result<Self, SafeError> {
        let connected = timeout(patience, UnixStream::connect(path)).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| SafeError::NotRunning { path: path.to_owned(), source })?;
        let mut link = Self { stream: BufReader::new(stream), path: path.to_owned() };
        link.renew(lines, patience).await?;
        Ok(link)
    }

    /// Says anew which lines this process holds or is about to hold.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub async fn renew(&mut self, lines: &[SafeLine], patience: Duration) -> Result<(), SafeError> {
        let message = encode(&Message::Take { v: VERSION, lines: lines.to_vec() });
        let exchanged = timeout(patience, async {
            self.stream.get_mut().write_all(&message?).await?;
            self.answer().await
        });
        match exchanged.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(Answer::Taken { released }) => {
                log::info!("victus-safe released {released} lines.");
                Ok(())
            }
            Ok(Answer::Refused { reason }) => Err(SafeError::Refused { reason }),
            Err(error) => Err(SafeError::Failed { path: self.path.clone(), reason: error.to_string() }),
        }
    }

    /// Returns when the holder has gone. Whoever waits for this connects again, until which nothing holds the lines safe
    /// should this process end.
    pub async fn ended(&mut self) {
        let mut chunk = [0; 256];
        // The holder says nothing unasked; whatever comes is dropped.
        while self.stream.read(&mut chunk).await.is_ok_and(|count| count > 0) {}
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let mut line = Vec::new();
        let longest = u64::try_from(LONGEST_MESSAGE).unwrap_or(u64::MAX);
        (&mut self.stream).take(longest).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_slice(&line).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_specified() {
        let text = r#"{"take":{"v":1,"lines":[{"line":"GPIO17","active_low":true,"safe":false}]}}"#;
        let line = SafeLine { line: "GPIO17".into(), active_low: true, safe: false };
        let message = Message::Take { v: 1, lines: vec![line] };
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), message);
        assert_eq!(encode(&message).unwrap(), format!("{text}\n").as_bytes());
        assert_eq!(encode(&Answer::Taken { released: 2 }).unwrap(), b"{\"taken\":{\"released\":2}}\n");
    }

    #[test]
    fn the_safe_level_depends_on_active_low() {
        for (active_low, safe, level) in
            [(true, false, Level::High), (false, false, Level::Low), (true, true, Level::Low)]
        {
            assert_eq!(SafeLine { line: "GPIO17".into(), active_low, safe }.level(), level);
        }
    }

    #[tokio::test]
    async fn a_holder_that_is_not_there_says_how_to_start_it() {
        let directory = tempfile::tempdir().unwrap();
        let error = SafeLink::take(&directory.path().join("safe.sock"), &[], Duration::from_secs(5)).await.unwrap_err();
        assert!(error.to_string().contains("systemctl start victus-safe"), "{error}");
    }
}
