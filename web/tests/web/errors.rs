//! Every way to ask wrongly, and the one form of the answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use victus_web::Limits;

use crate::bench::{Bench, Gate, PATIENCE};

#[tokio::test]
async fn what_is_not_there_is_404_and_what_does_not_go_is_405() {
    let bench = Bench::start().await;
    for door in [bench.network(), bench.control()] {
        for path in ["/nothing", "/api", "/api/v1", "/api/v2/status", "/api/v1/status/", "/..%2f..%2fetc/passwd", "//"]
        {
            let (status, code, message) = door.get(path).await.error();
            assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
            assert!(message.contains("/api/v1"), "{message}");
        }
        for path in
            ["/api/v1/entities/fan.attic", "/api/v1/turns/t-1", "/api/v1/turns/t-00000000000000000000000000000000"]
        {
            let (status, code, message) = door.get(path).await.error();
            assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
            assert!(message.contains("lists"), "{message}");
        }
        for (method, path, allow) in [
            ("POST", "/api/v1/status", "GET, HEAD"),
            ("DELETE", "/api/v1/turns", "GET, HEAD"),
            ("GET", "/api/v1/ask", "POST"),
            ("PUT", "/api/v1/tools/entity.turn_on", "POST"),
            ("GET", "/api/v1/listen", "POST"),
            ("POST", "/", "GET, HEAD"),
            ("POST", "/ws/events", "GET, HEAD"),
        ] {
            let answer = door.send(method, path, &[], "").await;
            assert_eq!(answer.error().0, 405, "{method} {path}");
            assert_eq!(answer.headers["allow"], allow, "{method} {path}");
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_told_what_and_where() {
    let bench = Bench::start().await;
    let door = bench.network();
    for (body, says) in [
        ("", "EOF while parsing"),
        ("{\"text\":", "line 1 column 8"),
        ("{\"text\":\"x\"} y", "trailing characters"),
        ("[]", "must be a JSON object"),
        ("[\"turn on the light\", null]", "must be a JSON object"),
        ("{\"text\":1}", "expected a string"),
        ("{}", "missing field `text`"),
        (
            "{\"text\":\"x\",\n\"colour\":1}",
            "unknown field `colour`, expected one of `text`, `conversation`, `dry_run` at line 2",
        ),
        ("{\"text\":\"   \"}", "text is empty"),
        ("{\"text\":\"x\",\"conversation\":\"\"}", "conversation must be a name"),
        ("\u{1F600}", "must be a JSON object"),
    ] {
        let (status, code, message) = door.post("/api/v1/ask", body).await.error();
        assert_eq!((status, code.as_str()), (400, "bad_request"), "{body}");
        assert!(message.contains(says), "{body}: {message}");
    }
    let long = format!("{{\"text\":\"{}\"}}", "a".repeat(501));
    assert!(door.post("/api/v1/ask", &long).await.error().2.contains("500 characters"));
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(door.post("/api/v1/tools/entity.toggle", &deep).await.error().0, 400);
    for path in ["/api/v1/events?after=x", "/api/v1/turns?limit=x", "/api/v1/status?x=1", "/api/v1/turns?before=t-1"] {
        assert_eq!(door.get(path).await.error().0, 400, "{path}");
    }
    for kind in [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")]] {
        let (status, code, _) = door.send("POST", "/api/v1/ask", kind, "{\"text\":\"x\"}").await.error();
        assert_eq!((status, code.as_str()), (415, "unsupported_media_type"));
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(door.send("POST", "/api/v1/ask", &charset, "{\"text\":\"what can I do\"}").await.status, 200);
    bench.end().await;
}

#[tokio::test]
async fn a_body_is_bounded_whether_or_not_it_says_its_length() {
    let bench = Bench::start().await;
    let door = bench.network();
    let large = format!("{{\"text\":\"{}\"}}", "a".repeat(70_000));
    let (status, code, message) = door.post("/api/v1/ask", &large).await.error();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    assert!(message.contains("65536"), "{message}");

    let mut stream = door.connect().await;
    let head = format!(
        "POST /api/v1/ask HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        door.host()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    for _ in 0..17 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    bench.end().await;
}

#[tokio::test]
async fn refusals_of_the_tool_runtime_keep_their_code_and_reason() {
    let bench = Bench::start().await;
    let door = bench.network();
    let call = async |tool: &str, body: &str| door.post(&format!("/api/v1/tools/{tool}"), body).await.error();
    let (status, code, message) = call("entity.explode", "{}").await;
    assert_eq!((status, code.as_str()), (404, "unknown_tool"));
    assert!(message.contains("entity.explode"), "{message}");
    for body in ["{}", r#"{"entity":7}"#, r#"{"entity":"fan.extraction_fan","x":1}"#, r#"{"entity":"fan.attic"}"#] {
        let (status, code, message) = call("entity.turn_on", body).await;
        assert_eq!((status, code.as_str()), (400, "bad_arguments"), "{body}");
        assert!(!message.is_empty());
    }
    assert_eq!(door.post("/api/v1/tools/entity.turn_on", r#"{"entity":"fan.extraction_fan"}"#).await.status, 200);
    let (status, code, message) = call("entity.turn_on", r#"{"entity":"valve.main_valve"}"#).await;
    assert_eq!((status, code.as_str()), (409, "interlock"));
    assert!(message.contains("fan.extraction_fan") || message.contains("Extraction fan"), "{message}");
    bench.end().await;
}

#[tokio::test]
async fn a_slow_head_a_slow_body_and_a_huge_head_end_the_connection() {
    let short = Duration::from_millis(200);
    let limits = Limits { head_within: short, body_within: short, ..Limits::default() };
    let bench = Bench::with(limits, None).await;
    for door in [bench.network(), bench.control()] {
        for sent in ["", "GET /health HTTP/1.1\r\nhost: "] {
            let mut stream = door.connect().await;
            stream.write_all(sent.as_bytes()).await.unwrap();
            read_to_end(&mut stream).await;
        }
        let mut stream = door.connect().await;
        let head = format!(
            "POST /api/v1/ask HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{",
            door.host()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("did not arrive within 0.2 s"), "{answer}");

        let mut stream = door.connect().await;
        let head = format!("GET /health HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n", door.host(), "a".repeat(64 * 1024));
        if stream.write_all(head.as_bytes()).await.is_ok() {
            let answer = read_to_end(&mut stream).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        assert_eq!(door.get("/health").await.status, 200, "others are served");
    }
    bench.end().await;
}

#[tokio::test]
async fn what_takes_too_long_is_answered_and_runs_on() {
    let bench = Bench::with(Limits { answer_within: Duration::from_millis(300), ..Limits::default() }, None).await;
    let (status, code, message) = bench.network().post("/api/v1/tools/bench.wait", "{}").await.error();
    assert_eq!((status, code.as_str()), (504, "timeout"));
    assert!(message.contains("runs on"), "{message}");
    assert_eq!(*bench.gate.through.borrow(), 0);
    bench.gate.let_one_through();
    Gate::reached(&bench.gate.through, 1).await;
    bench.end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cuts_nothing_off_and_frees_no_place_before_its_time() {
    let bench = Bench::with(Limits { actions: 1, ..Limits::default() }, None).await;
    let door = bench.network();
    let asking = tokio::spawn({
        let door = door.clone();
        async move { door.post("/api/v1/tools/bench.wait", "{}").await.status }
    });
    Gate::reached(&bench.gate.waiting, 1).await;
    asking.abort();
    let (status, code, message) = door.post("/api/v1/ask", "{\"text\":\"what can I do\"}").await.error();
    assert_eq!((status, code.as_str()), (503, "busy"));
    assert!(message.contains("try again"), "{message}");
    assert_eq!(door.get("/api/v1/status").await.status, 200, "looking needs no place");
    bench.gate.let_one_through();
    Gate::reached(&bench.gate.through, 1).await;
    let freed = async {
        while door.post("/api/v1/ask", "{\"text\":\"what can I do\"}").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("the place is free again");
    bench.end().await;
}

async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _reset = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut answer = vec![0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer comes").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
