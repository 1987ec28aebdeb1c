//! Who is let in, how many, and how everything ends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use victus_hw::points::PointValue;
use victus_web::Limits;
use victus_web::listen::Listener;

use crate::bench::{Bench, PATIENCE};
use crate::client::Said;

const TURN_ON: &str = r#"{"entity":"fan.extraction_fan"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_foreign_name_or_page_reaches_nothing() {
    let bench = Bench::start().await;
    let door = bench.network();
    let (status, code, message) = door.send("GET", "/api/v1/status", &[("host", "evil.example")], "").await.error();
    assert_eq!((status, code.as_str()), (421, "wrong_host"));
    assert!(message.contains(&bench.address.to_string()), "{message}");
    for foreign in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let answer = door.send("POST", "/api/v1/tools/entity.turn_on", &[JSON, foreign], TURN_ON).await;
        let (status, code, _) = answer.error();
        assert_eq!((status, code.as_str()), (403, "wrong_origin"), "{foreign:?}");
        let listen = door.send("POST", "/api/v1/listen", &[foreign], "").await;
        assert_eq!(listen.error().0, 403);
        assert_eq!(door.try_socket("/ws/events", &[foreign]).await.err(), Some(403));
    }
    let preflight = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    let answer = door.send("OPTIONS", "/api/v1/ask", &preflight, "").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let state = bench.appliance.entities.points().state("fan.extraction_fan").unwrap();
    assert_eq!(state.value, Some(PointValue::Switch(false)), "nothing was switched");

    let own = format!("http://{}", bench.address);
    let answer = door.send("POST", "/api/v1/tools/entity.turn_on", &[JSON, ("origin", &own)], TURN_ON).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert!(door.try_socket("/ws/events", &[("origin", &own)]).await.is_ok());
    bench.end().await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    let bench = Bench::start().await;
    let door = bench.network();
    let mut ids = Vec::new();
    for path in ["/", "/panel.js", "/health", "/api/v1/status", "/nothing", "/ws/events"] {
        let answer = door.get(path).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'self'"), "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        ids.push(header("x-request-id"));
    }
    assert!(ids.iter().all(|id| id.len() == 32));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each has its own");
    bench.end().await;
}

#[tokio::test]
async fn more_clients_than_places_wait_and_are_served() {
    let limits = Limits { connections: 2, head_within: Duration::from_millis(300), ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let door = bench.network();
    let _idle = [door.connect().await, door.connect().await];
    assert_eq!(door.get("/health").await.status, 200, "served once an idle one is closed");
    assert_eq!(bench.control().get("/health").await.status, 200);
    bench.end().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped() {
    let limits = Limits { connections: 1, stalled_within: Duration::from_millis(300), ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let door = bench.network();
    let mut deaf = door.connect().await;
    let one = format!("GET /api/v1/tools HTTP/1.1\r\nhost: {}\r\n\r\n", door.host());
    let asking = async {
        // Until both sides' buffers are full, and then until the appliance gives up.
        while deaf.write_all(one.as_bytes()).await.is_ok() {}
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the appliance drops it");
    assert_eq!(door.get("/health").await.status, 200);
    bench.end().await;
}

#[tokio::test]
async fn a_stop_ends_what_is_open_and_frees_the_doors() {
    let limits = Limits { drain_within: Duration::from_millis(300), ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    let (door, address, path) = (bench.network(), bench.address, bench.socket.clone());
    let mut idle = door.connect().await;
    let mut half = door.connect().await;
    half.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    let mut live = door.socket("/ws/events").await;
    live.json().await;
    bench.stop.cancel();
    let (code, reason) = live.close().await;
    assert_eq!(code, 1001, "{reason}");
    assert!(matches!(live.hear().await, Said::Gone));
    for stream in [&mut idle, &mut half] {
        let mut rest = Vec::new();
        let _reset = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed");
    }
    bench.end().await;
    assert!(!path.exists(), "the control socket is gone");
    assert!(Listener::network(address).await.is_ok(), "the port is free");
}
