//! The client of the appliance's API over its control socket: what the command line speaks.
//!
//! Owns one HTTP/1.1 connection for each request, with a bound on time and on the size of the answer. Leaves the meaning
//! of answers to the commands.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// Where the daemon listens when no state folder is given.
pub const DEFAULT_SOCKET: &str = "/run/victus/control.sock";

/// The socket's name in a state folder.
pub const SOCKET_NAME: &str = "control.sock";

/// How long an answer may take. A turn may wait for a slow device.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("no daemon answers on {socket}: start it with `systemctl start victusd`, or give its folder with --state")]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket belongs to root and the group `victus`.
    #[error("{socket} may be used by root and the group `victus`: run this with sudo, or join the group")]
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// The connection failed.
    #[error("the daemon on {socket} did not answer: {reason}")]
    Failed {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The daemon refused, in its own words.
    #[error("{message}")]
    Refused {
        /// What it says.
        message: String,
        /// One word for programs.
        code: String,
        /// What the message is made of; null where it is made of nothing.
        facts: Value,
    },
}

/// A client of one daemon.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// The daemon of a state folder, or the system's.
    pub fn new(state: Option<&Path>) -> Self {
        let socket = state.map_or_else(|| PathBuf::from(DEFAULT_SOCKET), |state| state.join(SOCKET_NAME));
        Self { socket }
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// Nobody answers, or the daemon refuses.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, path, None, None).await
    }

    /// Posts `body` to `path`.
    ///
    /// # Errors
    /// Nobody answers, or the daemon refuses.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, path, Some(body), None).await
    }

    /// Posts `body` to `path` with the token by which the call is agreed to.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub async fn post_confirmed(&self, path: &str, body: &Value, token: &str) -> Result<Value, ClientError> {
        self.send(Method::POST, path, Some(body), Some(token)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Result<Value, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let exchange = exchange(stream, method, path, (body, token));
        let (status, bytes) = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_elapsed| self.failed(&format!("no answer within {} seconds", TIMEOUT.as_secs())))?
            .map_err(|reason| self.failed(&reason))?;
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| self.failed(&format!("its answer ({status}) is no JSON: {error}")))?;
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer["error"]["message"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        let code = answer["error"]["code"].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Refused { message, code, facts: answer["error"]["facts"].clone() })
    }

    fn unreachable(&self, error: &io::Error) -> ClientError {
        let socket = self.socket.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning { socket },
            io::ErrorKind::PermissionDenied => ClientError::NotAllowed { socket },
            _ => self.failed(&error.to_string()),
        }
    }

    fn failed(&self, reason: &str) -> ClientError {
        ClientError::Failed { socket: self.socket.clone(), reason: reason.to_owned() }
    }
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    (body, token): (Option<&Value>, Option<&str>),
) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // Drives the connection until the answer is read; dropped with it.
    let driver = tokio::spawn(connection);
    let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("confirm-token", token);
    }
    let request = request.body(Full::new(bytes)).map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let collected = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| format!("the answer broke off or is too large: {error}"))?;
    driver.abort();
    Ok((status, collected.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_there_is_a_sentence_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Client::new(Some(folder.path())).get("/health").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("control.sock") && text.contains("systemctl start victusd"), "{text}");
    }
}
