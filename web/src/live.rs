//! The live journal, `/ws/events?after=EPOCH:SEQ`.
//!
//! Owns one WebSocket from its opening to its close. The journal is its queue: the socket reads on from its position, so
//! a client that is slow costs no memory, and one that comes back with `after` has missed nothing.
//!
//! # Format
//!
//! Text messages in JSON from the appliance, nothing from the client:
//!
//! ```json
//! {"type":"hello","last":"1:42"}
//! {"type":"event","event":{...}}
//! ```
//!
//! `last` is the end of the journal when the socket opened. Without `after`, or with one beyond the end, events follow
//! from there. Close codes: 1001 the appliance stops, 1002 the client sent something broken or too large, 1003 the client
//! sent a message, 1008 no answer to pings, 1011 the journal could not be read, 1013 too slow. After each of them the
//! client may come back with the position of the last event that it has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use victus_agent::event::{Event, Position};
use victus_agent::store::Store;
use warp::ws::{Message, WebSocket};

use crate::limits::Limits;

/// What may wait to be written to one socket, in bytes: more than the largest event.
pub(crate) const WRITE_BUFFER: usize = 1024 * 1024;

/// How many events are read and written at a time.
const BATCH: usize = 64;

/// How long a closing client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How many pings may stay without an answer.
const UNANSWERED_PINGS: u32 = 2;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Say<'a> {
    Hello { last: String },
    Event { event: &'a Event },
}

/// Why a socket ends.
enum End {
    /// The client closed it or is gone.
    Gone,
    /// The appliance closes it.
    Close(u16, &'static str),
}

/// Feeds one socket until either side ends it.
pub(crate) async fn run(
    mut socket: WebSocket,
    store: &Store,
    after: Option<Position>,
    limits: &Arc<Limits>,
    stop: CancellationToken,
) {
    let Err(end) = feed(&mut socket, store, after, limits, &stop).await;
    if let End::Close(code, reason) = end {
        log::debug!("a live journal is closed: {reason}");
        let goodbye = async {
            socket.send(Message::close_with(code, reason)).await?;
            while let Some(Ok(_)) = socket.next().await {}
            Ok::<(), warp::Error>(())
        };
        if !matches!(timeout(GOODBYE, goodbye).await, Ok(Ok(()))) {
            log::debug!("a client of a live journal did not say goodbye");
        }
    }
}

async fn feed(
    socket: &mut WebSocket,
    store: &Store,
    after: Option<Position>,
    limits: &Limits,
    stop: &CancellationToken,
) -> Result<std::convert::Infallible, End> {
    let mut ends = store.journal().watch();
    let last = *ends.borrow_and_update();
    let mut position = after.unwrap_or(last).min(last);
    say(socket, limits, &[text(&Say::Hello { last: last.to_string() })?]).await?;
    let mut ping = tokio::time::interval(limits.ping_every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let mut unanswered = 0;
    loop {
        let end = *ends.borrow_and_update();
        let behind = position < end;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Err(End::Close(1001, "the appliance stops or restarts: come back")),
            message = socket.next() => {
                heard(message)?;
                unanswered = 0;
            }
            _ = ping.tick() => {
                if unanswered >= UNANSWERED_PINGS {
                    return Err(End::Close(1008, "no answer to pings"));
                }
                unanswered += 1;
                say(socket, limits, &[Message::ping("")]).await?;
            }
            () = std::future::ready(()), if behind => {
                position = advance(socket, store, position, limits).await?.unwrap_or(end);
            }
            changed = ends.changed(), if !behind => {
                changed.map_err(|_| End::Close(1001, "the appliance stops"))?;
            }
        }
    }
}

/// What a client may say: that it is there, and that it leaves.
fn heard(message: Option<Result<Message, warp::Error>>) -> Result<(), End> {
    match message {
        Some(Ok(message)) if message.is_ping() || message.is_pong() => Ok(()),
        None => Err(End::Gone),
        Some(Err(_)) => Err(End::Close(1002, "a broken or too large message; nothing is taken here anyway")),
        Some(Ok(message)) if message.is_close() => Err(End::Gone),
        Some(Ok(_)) => Err(End::Close(1003, "nothing is taken here: use the API")),
    }
}

/// Sends the next events and returns the position of the last; none where nothing follows (retention may have dropped
/// what did).
async fn advance(
    socket: &mut WebSocket,
    store: &Store,
    position: Position,
    limits: &Limits,
) -> Result<Option<Position>, End> {
    let reader = store.clone();
    let read = tokio::task::spawn_blocking(move || reader.journal().read(position, BATCH)).await;
    let events = match read {
        Ok(Ok(events)) => events,
        Ok(Err(error)) => return Err(unreadable(&error)),
        Err(error) => return Err(unreadable(&error)),
    };
    let messages: Result<Vec<_>, _> = events.iter().map(|event| text(&Say::Event { event })).collect();
    say(socket, limits, &messages?).await?;
    Ok(events.last().map(|event| event.position))
}

async fn say(socket: &mut WebSocket, limits: &Limits, messages: &[Message]) -> Result<(), End> {
    let write = async {
        for message in messages {
            socket.feed(message.clone()).await?;
        }
        socket.flush().await
    };
    match timeout(limits.socket_stalled_within, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(1013, "too slow: come back with the last position")),
    }
}

fn text(say: &Say<'_>) -> Result<Message, End> {
    serde_json::to_string(say).map(Message::text).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::fmt::Display) -> End {
    log::error!("the journal could not be shown: {error}");
    End::Close(1011, "the journal could not be read")
}
