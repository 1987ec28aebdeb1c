//! A plain HTTP client over either door, and a WebSocket client.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use warp::http::{HeaderMap, Request};

use crate::bench::PATIENCE;

/// A way in.
#[derive(Clone)]
pub(crate) enum Door {
    Network(SocketAddr),
    Control(PathBuf),
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The status and the code of an error in the one form that errors have.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("not an error: {body}"));
        assert_eq!(error.len(), 3 + usize::from(error.contains_key("facts")), "{body}");
        assert_eq!(error["trace_id"].as_str().unwrap(), self.headers["x-request-id"].to_str().unwrap());
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        (self.status, text("code"), text("message"))
    }
}

pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Door {
    pub(crate) async fn connect(&self) -> Box<dyn Connection> {
        match self {
            Self::Network(address) => Box::new(TcpStream::connect(address).await.unwrap()),
            Self::Control(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        }
    }

    pub(crate) fn host(&self) -> String {
        match self {
            Self::Network(address) => address.to_string(),
            Self::Control(_) => "localhost".to_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }

    /// Sends a request; a `host` among the headers takes the place of the right one.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.host());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.expect("an answer comes")
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await)).await.unwrap();
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        drop(sender);
        driver.await.unwrap().unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Opens a WebSocket.
    pub(crate) async fn socket(&self, path: &str) -> Socket {
        self.try_socket(path, &[]).await.unwrap_or_else(|refused| panic!("refused: {refused}"))
    }

    /// Opens a WebSocket, or gives the status of the refusal.
    pub(crate) async fn try_socket(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.host()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, self.connect().await).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A WebSocket client.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<Box<dyn Connection>>,
}

/// What a WebSocket said.
#[derive(Debug)]
pub(crate) enum Said {
    Json(Value),
    Close(u16, String),
    Gone,
}

impl Socket {
    /// The next thing that is said, pings aside.
    pub(crate) async fn hear(&mut self) -> Said {
        let next = async {
            loop {
                return match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => Said::Json(serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Close(Some(frame)))) => Said::Close(frame.code.into(), frame.reason.to_string()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(other)) => panic!("unexpected: {other:?}"),
                    Some(Err(_)) | None => Said::Gone,
                };
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("something is said")
    }

    pub(crate) async fn json(&mut self) -> Value {
        match self.hear().await {
            Said::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// The code and reason of the close; events before it are skipped.
    pub(crate) async fn close(&mut self) -> (u16, String) {
        loop {
            match self.hear().await {
                Said::Json(_) => {}
                Said::Close(code, reason) => return (code, reason),
                Said::Gone => panic!("gone without a close"),
            }
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text.to_owned())).await.unwrap();
    }
}
