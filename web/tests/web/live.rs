//! The live journal: complete, resumable, bounded.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use victus_agent::event::EventKind;
use victus_web::Limits;

use crate::bench::{Bench, PATIENCE};
use crate::client::{Said, Socket};

fn note(number: usize) -> EventKind {
    EventKind::Voice { stage: "transcript".to_owned(), at_ms: number as u64, text: Some(format!("note {number}")) }
}

impl Bench {
    async fn append(&self, number: usize) {
        self.appliance.store.journal().append(None, note(number)).await;
    }
}

fn position(event: &Value) -> String {
    format!("{}:{}", event["event"]["epoch"], event["event"]["seq"])
}

async fn next_event(socket: &mut Socket) -> Value {
    let said = socket.json().await;
    assert_eq!(said["type"], "event", "{said}");
    said
}

#[tokio::test]
async fn events_come_as_they_happen_and_a_client_that_comes_back_misses_none() {
    let bench = Bench::start().await;
    bench.append(0).await;
    let mut socket = bench.network().socket("/ws/events").await;
    let last = bench.appliance.store.journal().last();
    assert_eq!(socket.json().await, json!({"type": "hello", "last": last.to_string()}));
    bench.append(1).await;
    let first = next_event(&mut socket).await;
    assert_eq!(first["event"]["data"]["text"], "note 1", "what was before is not repeated");
    assert_eq!(first["event"]["kind"], "voice");
    drop(socket);

    for number in 2..500 {
        bench.append(number).await;
    }
    let path = format!("/ws/events?after={}", position(&first));
    for door in [bench.network(), bench.control()] {
        let mut socket = door.socket(&path).await;
        assert_eq!(socket.json().await["type"], "hello");
        for number in 2..500 {
            assert_eq!(next_event(&mut socket).await["event"]["data"]["at_ms"], number);
        }
    }
    let mut socket = bench.network().socket("/ws/events?after=99:1").await;
    assert_eq!(socket.json().await["last"], bench.appliance.store.journal().last().to_string());
    bench.append(500).await;
    assert_eq!(next_event(&mut socket).await["event"]["data"]["at_ms"], 500, "a position beyond the end is the end");
    bench.end().await;
}

#[tokio::test]
async fn a_switched_line_is_seen_live() {
    let bench = Bench::start().await;
    let door = bench.network();
    let mut socket = door.socket("/ws/events").await;
    socket.json().await;
    door.post("/api/v1/ask", r#"{"text":"turn on the extraction fan"}"#).await;
    let mut kinds = Vec::new();
    while !(kinds.contains(&"entity_changed".to_owned()) && kinds.contains(&"turn_finished".to_owned())) {
        let said = next_event(&mut socket).await;
        kinds.push(said["event"]["kind"].as_str().unwrap().to_owned());
        if said["event"]["kind"] == "entity_changed" {
            assert_eq!(said["event"]["data"]["entity"], "fan.extraction_fan");
            assert_eq!(said["event"]["data"]["to"], true);
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_a_websocket_or_has_no_place_is_refused() {
    let limits = Limits { sockets: 2, ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let door = bench.network();
    let (status, code, _) = door.get("/ws/events").await.error();
    assert_eq!((status, code.as_str()), (426, "upgrade_required"));
    assert_eq!(door.try_socket("/ws/events?after=x", &[]).await.err(), Some(400));
    assert_eq!(door.try_socket("/ws/events?since=1:1", &[]).await.err(), Some(400));
    let mut first = door.socket("/ws/events").await;
    let _second = door.socket("/ws/events").await;
    assert_eq!(door.try_socket("/ws/events", &[]).await.err(), Some(503));
    first.stream.close(None).await.unwrap();
    while !matches!(first.hear().await, Said::Gone) {}
    let freed = async {
        while door.try_socket("/ws/events", &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("a place that is left is free again");
    bench.end().await;
}

#[tokio::test]
async fn a_client_that_talks_or_sends_too_much_is_closed() {
    let bench = Bench::start().await;
    let mut socket = bench.network().socket("/ws/events").await;
    socket.say("turn on the fan").await;
    let (code, reason) = socket.close().await;
    assert_eq!(code, 1003);
    assert!(reason.contains("API"), "{reason}");
    let mut socket = bench.network().socket("/ws/events").await;
    socket.say(&"x".repeat(5000)).await;
    assert_eq!(socket.close().await.0, 1002);
    bench.end().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_and_one_that_does_stays() {
    let limits = Limits { sockets: 2, ping_every: Duration::from_millis(50), ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let mut awake = bench.network().socket("/ws/events").await;
    awake.json().await;
    let mut asleep = bench.network().socket("/ws/events").await;
    asleep.json().await;
    // Reading is what answers pings: the one is read until the place of the other is free.
    let freed = async {
        while bench.network().try_socket("/ws/events", &[]).await.is_err() {
            let heard = tokio::time::timeout(Duration::from_millis(10), awake.hear()).await;
            assert!(heard.is_err(), "{heard:?}");
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the silent one is closed");
    let ended = async {
        loop {
            match asleep.hear().await {
                Said::Json(_) => {}
                Said::Close(code, _) => return code,
                // The goodbye is lost where its client answers the pings before it.
                Said::Gone => return 1008,
            }
        }
    };
    assert_eq!(ended.await, 1008);
    bench.append(1).await;
    assert_eq!(next_event(&mut awake).await["event"]["data"]["at_ms"], 1);
    bench.end().await;
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_dropped_and_can_come_back() {
    let limits = Limits { sockets: 1, socket_stalled_within: Duration::from_millis(300), ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let mut slow = bench.network().socket("/ws/events?after=0:0").await;
    let hello = slow.json().await;
    assert_eq!(hello["type"], "hello");
    let text = "x".repeat(20_000);
    // More than the buffers of both kernels hold.
    for _ in 0..600 {
        let kind = EventKind::Voice { stage: "transcript".to_owned(), at_ms: 0, text: Some(text.clone()) };
        bench.appliance.store.journal().append(None, kind).await;
    }
    // Its place is free again, without its having read anything.
    let dropped = async {
        loop {
            if let Ok(other) = bench.network().try_socket("/ws/events", &[]).await {
                return other;
            }
            tokio::task::yield_now().await;
        }
    };
    let other = tokio::time::timeout(PATIENCE, dropped).await.expect("the slow one is dropped");
    drop(other);
    let mut last = "0:0".to_owned();
    loop {
        match slow.hear().await {
            Said::Json(event) if event["type"] == "event" => last = position(&event),
            Said::Json(_) => {}
            Said::Close(code, reason) => {
                assert_eq!(code, 1013, "{reason}");
                break;
            }
            Said::Gone => break,
        }
    }
    assert_ne!(last, bench.appliance.store.journal().last().to_string(), "it was dropped before the end");
    let back = async {
        loop {
            if let Ok(socket) = bench.network().try_socket(&format!("/ws/events?after={last}"), &[]).await {
                return socket;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut again = tokio::time::timeout(PATIENCE, back).await.expect("it may come back");
    assert_eq!(again.json().await["type"], "hello");
    let seq = |position: &str| position.split_once(':').unwrap().1.parse::<u64>().unwrap();
    let next = next_event(&mut again).await;
    assert_eq!(seq(&position(&next)), seq(&last) + 1, "nothing is missing and nothing comes twice");
    again.stream.send(Message::Close(None)).await.unwrap();
    bench.end().await;
}
