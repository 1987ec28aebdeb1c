//! How much the web may use, and how long anything may take.
//!
//! Owns the bounds; `serve`, `guard`, `routes` and `live` keep to them. Tests make them small; the appliance uses
//! [`Limits::default`].

use std::time::Duration;

/// The bounds of the web. Each has a stated rule for when it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open HTTP connections of one listener. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// Open WebSockets. A further one is answered 503.
    pub sockets: usize,
    /// Requests that act (ask, call a tool) at one time. A further one is answered 503.
    pub actions: usize,
    /// The largest body of a request in bytes. A larger one is answered 413.
    pub body_bytes: usize,
    /// The largest head of a request in bytes. A larger one is answered 431 and the connection closed.
    pub head_bytes: usize,
    /// The largest message that a client may send over a WebSocket, in bytes. A larger one closes it.
    pub message_bytes: usize,
    /// From the end of one request to the last header of the next. Then the connection is closed.
    pub head_within: Duration,
    /// From the last header to the last byte of the body. Then 408.
    pub body_within: Duration,
    /// From the last header to the answer. Then 504; what has begun runs to its end.
    pub answer_within: Duration,
    /// How long a client may take nothing of an answer. Then the connection is dropped.
    pub stalled_within: Duration,
    /// How long a WebSocket client may take nothing. Then the socket is closed as too slow.
    pub socket_stalled_within: Duration,
    /// How often a WebSocket is pinged. One that answers nothing for two of them is closed.
    pub ping_every: Duration,
    /// How long open requests may take to end when the web stops. Then they are cut off.
    pub drain_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            sockets: 16,
            actions: 8,
            body_bytes: 64 * 1024,
            head_bytes: 16 * 1024,
            message_bytes: 4 * 1024,
            head_within: Duration::from_secs(15),
            body_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(30),
            stalled_within: Duration::from_secs(30),
            socket_stalled_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(20),
            drain_within: Duration::from_millis(1000),
        }
    }
}
