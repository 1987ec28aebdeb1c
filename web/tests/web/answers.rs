//! What each path answers, and in which form.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use victus_agent::health::LoopState;
use victus_hw::points::PointValue;
use victus_web::{Limits, Microphone};

use crate::bench::Bench;
use crate::client::Answer;

/// The form of an answer: each value by its type, lists by the form of their first element.
fn form(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => Value::Array(items.first().map(form).into_iter().collect()),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), form(value))).collect(),
    }
}

fn golden(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("forms.json")).unwrap();
    all[name].clone()
}

#[track_caller]
fn assert_form(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{name}: {:?}", answer.body);
    let found = form(&answer.json());
    let expected = golden(name);
    assert_eq!(found, expected, "{name}: found {}", serde_json::to_string_pretty(&found).unwrap());
}

#[tokio::test]
async fn every_answer_has_its_form() {
    let bench = Bench::start().await;
    bench.appliance.health.register("points", true);
    bench.appliance.health.set("voice", LoopState::Degraded("no microphone".to_owned()));
    let shift = r#"{"name":"shift","definition":"limits = { runs_at_once = 2 }\n[[step]]\nwait = '1s'\n"}"#;
    assert_form("put", &bench.control().post("/api/v1/tools/workflow.put", shift).await);
    for door in [bench.network(), bench.control()] {
        let turn = door.post("/api/v1/ask", r#"{"text":"turn on the extraction fan","conversation":"bench"}"#).await;
        assert_form("turn", &turn);
        let id = turn.json()["turn"].as_str().unwrap().to_owned();
        assert_form("turn", &door.get(&format!("/api/v1/turns/{id}")).await);
        assert_form("call", &door.post("/api/v1/tools/entity.turn_off", r#"{"entity":"fan.extraction_fan"}"#).await);
        assert_form("health", &door.get("/health").await);
        assert_form("ready", &door.get("/ready").await);
        assert_form("status", &door.get("/api/v1/status").await);
        assert_form("entities", &door.get("/api/v1/entities").await);
        assert_form("entity", &door.get("/api/v1/entities/fan.extraction_fan").await);
        assert_form("turns", &door.get("/api/v1/turns?limit=1").await);
        assert_form("events", &door.get("/api/v1/events?after=0:0&limit=1").await);
        assert_form("audit", &door.get("/api/v1/audit?limit=1").await);
        assert_form("audit_verify", &door.get("/api/v1/audit/verify").await);
        assert_form("tools", &door.get("/api/v1/tools").await);
        assert_form("sentences", &door.get("/api/v1/sentences").await);
        assert_form("workflows", &door.get("/api/v1/workflows").await);
        assert_form("workflow", &door.get("/api/v1/workflows/shift").await);
        assert_form("begun", &door.post("/api/v1/workflows/shift/run", r#"{"who":"ada"}"#).await);
        assert_form("runs", &door.get("/api/v1/runs?workflow=shift&limit=1").await);
        let run = door.get("/api/v1/runs").await.json()["runs"][0]["run"].as_str().unwrap().to_owned();
        assert_form("run", &door.get(&format!("/api/v1/runs/{run}")).await);
        assert_form("completions", &door.get("/api/v1/completions?text=turn+on+the+ex").await);
        assert_form("alarms", &door.get("/api/v1/alarms").await);
        assert_form("routes", &door.get("/api/v1/routes").await);
        let explained = door.post("/api/v1/routes/explain", r#"{"text":"turn on the extraction fan"}"#).await;
        assert_form("explained_route", &explained);
    }
    bench.end().await;
}

#[tokio::test]
async fn what_can_be_said_is_told_with_the_names_there_are() {
    let bench = Bench::start().await;
    let door = bench.network();
    let sentences = door.get("/api/v1/sentences").await.json();
    let of = |intent: &str| {
        let all = sentences["intents"].as_array().unwrap();
        all.iter().find(|it| it["intent"] == intent).map_or(json!(null), |it| it["sentences"].clone())
    };
    assert_eq!(of("HassTurnOn"), json!(["open the Main valve", "turn on the Ceiling light"]), "{sentences}");
    let completions = async |query: &str| door.get(&format!("/api/v1/completions{query}")).await;
    let found = completions("?text=open%20the%20").await.json();
    assert_eq!(
        found["completions"][0],
        json!({"text": "open the main valve", "adds": "main valve", "whole": true}),
        "{found}"
    );
    assert_eq!(completions("?text=turn&limit=2").await.json()["completions"].as_array().unwrap().len(), 2);
    assert_eq!(completions("?text=colourless+green").await.json()["completions"], json!([]));
    assert_eq!(completions("").await.json()["completions"].as_array().unwrap().len(), 8);
    for (query, message) in [
        (format!("?text={}", "x".repeat(501)), "longer than 500"),
        ("?text=a&text=b".to_owned(), "twice"),
        ("?limit=many".to_owned(), "whole number from 1 to 50"),
    ] {
        let answer = completions(&query).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(message), "{query}");
    }
    bench.end().await;
}

#[tokio::test]
async fn the_rules_are_told_and_a_request_is_explained_without_being_made() {
    let bench = Bench::start().await;
    let door = bench.network();
    let routes = door.get("/api/v1/routes").await.json();
    let names: Vec<&str> = routes["routes"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["not_heard", "confidence_below", "stop", "otherwise"]);
    let explain = async |body: &str| door.post("/api/v1/routes/explain", body).await;
    let told =
        explain(r#"{"text":"turn on the extraction fan","confidence":0.5,"at":"23:30","link":"up"}"#).await.json();
    assert_eq!(told["decided_by"], "confidence_below");
    assert_eq!(told["rules"][0]["why_not"], json!(["the confidence is 0.50, not below 0.30"]));
    assert_eq!(
        told["facts"],
        json!({"source": "panel", "role": "operator", "confidence": 0.5, "time": "23:30", "link": "up"})
    );
    let told = explain(r#"{"text":"turn on the extraction fan","source":"cli"}"#).await.json();
    assert_eq!((&told["facts"]["role"], &told["decided_by"]), (&json!("admin"), &json!("otherwise")));
    let told = explain(r#"{"text":"turn on the extraction fan","source":"fleet","role":"viewer"}"#).await.json();
    assert_eq!((&told["facts"]["source"], &told["facts"]["role"]), (&json!("fleet"), &json!("viewer")));
    let state = bench.appliance.entities.points().state("fan.extraction_fan").unwrap();
    assert_eq!(state.value, Some(PointValue::Switch(false)), "nothing was done");
    assert_eq!(door.get("/api/v1/turns").await.json()["turns"], json!([]), "nobody asked");
    for (body, message) in [
        (r#"{"text":" "}"#, "text is empty"),
        (r#"{"text":"a","at":"25:00"}"#, "at must be a time of day"),
        (r#"{"text":"a","confidence":1.5}"#, "a number from 0 to 1"),
        (r#"{"text":"a","source":"phone"}"#, "unknown variant"),
        (r#"{"text":"a","when":"now"}"#, "unknown field"),
    ] {
        let answer = explain(body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(message), "{body}: {:?}", answer.body);
    }
    assert_eq!(door.get("/api/v1/routes/explain").await.status, 405);
    bench.end().await;
}

#[tokio::test]
async fn a_typed_request_switches_the_line_and_is_found_again() {
    let bench = Bench::start().await;
    let door = bench.network();
    let turn = door.post("/api/v1/ask", r#"{"text":"  Turn on the extraction fan "}"#).await.json();
    assert_eq!(turn["outcome"], "done", "{turn}");
    assert_eq!(turn["caller"], json!({"source": "panel", "role": "operator"}));
    let state = bench.appliance.entities.points().state("fan.extraction_fan").unwrap();
    assert_eq!(state.value, Some(PointValue::Switch(true)));
    let entity = door.get("/api/v1/entities/fan.extraction_fan").await.json();
    assert_eq!(entity["value"], true);
    let found = door.get("/api/v1/turns").await.json();
    assert_eq!(found["turns"][0], turn);
    assert_eq!(found["next"], Value::Null);
    bench.end().await;
}

#[tokio::test]
async fn the_control_socket_is_the_command_line_and_the_id_of_a_request_is_its_trace() {
    let bench = Bench::start().await;
    let answer = bench.control().post("/api/v1/ask", r#"{"text":"what can I do"}"#).await;
    let turn = answer.json();
    assert_eq!(turn["caller"], json!({"source": "cli", "role": "admin"}));
    assert_eq!(turn["trace_id"], answer.headers["x-request-id"].to_str().unwrap());
    bench.end().await;
}

#[tokio::test]
async fn a_request_that_nobody_understands_is_a_turn_all_the_same() {
    let bench = Bench::start().await;
    let answer = bench.network().post("/api/v1/ask", r#"{"text":"colourless green ideas"}"#).await;
    assert_eq!(answer.status, 200);
    let turn = answer.json();
    assert_eq!(turn["outcome"], "not_understood");
    assert!(!turn["reply"].as_str().unwrap().is_empty());
    bench.end().await;
}

#[tokio::test]
async fn turns_and_events_are_read_page_by_page() {
    let bench = Bench::start().await;
    let door = bench.network();
    for _ in 0..5 {
        door.post("/api/v1/ask", r#"{"text":"what can I do"}"#).await;
    }
    let mut turns = Vec::new();
    let mut path = "/api/v1/turns?limit=2".to_owned();
    loop {
        let page = door.get(&path).await.json();
        turns.extend(page["turns"].as_array().unwrap().iter().map(|turn| turn["turn"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/turns?limit=2&before={next}");
    }
    assert_eq!(turns.len(), 5);
    assert!(turns.is_sorted_by(|newer, older| newer > older), "{turns:?}");

    let whole = door.get("/api/v1/events?after=0:0&limit=500").await.json();
    let (mut events, mut after) = (Vec::new(), "0:0".to_owned());
    loop {
        let page = door.get(&format!("/api/v1/events?after={}&limit=3", after.replace(':', "%3A"))).await.json();
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        after = page["last"].as_str().unwrap().to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(Value::Array(events), whole["events"]);
    assert_eq!(after, bench.appliance.store.journal().last().to_string());
    let latest = door.get("/api/v1/events?limit=2").await.json();
    let all = whole["events"].as_array().unwrap();
    assert_eq!(latest["events"].as_array().unwrap()[..], all[all.len() - 2..], "the latest, oldest first");
    bench.end().await;
}

#[tokio::test]
async fn readiness_follows_the_required_loops() {
    let bench = Bench::start().await;
    bench.appliance.health.register("points", true);
    assert_eq!(bench.network().get("/ready").await.status, 200);
    bench.appliance.health.set("voice", LoopState::Down("no microphone".to_owned()));
    assert_eq!(bench.network().get("/ready").await.status, 200, "voice is not required");
    bench.appliance.health.set("points", LoopState::Down("the lines are gone".to_owned()));
    let (status, code, why) = bench.network().get("/ready").await.error();
    assert_eq!((status, code.as_str()), (503, "not_ready"));
    assert!(why.contains("the lines are gone"), "{why}");
    assert_eq!(bench.network().get("/health").await.status, 200, "alive all the same");
    bench.end().await;
}

struct Button {
    pressed: AtomicUsize,
}

impl Microphone for Button {
    fn listen(&self) -> Result<(), String> {
        match self.pressed.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err("The appliance is listening already.".to_owned()),
        }
    }
}

#[tokio::test]
async fn push_to_talk_is_offered_only_with_a_microphone() {
    let without = Bench::start().await;
    assert_eq!(without.network().get("/api/v1/status").await.json()["push_to_talk"], false);
    let (status, code, _) = without.network().post("/api/v1/listen", "").await.error();
    assert_eq!((status, code.as_str()), (409, "no_microphone"));
    without.end().await;

    let button = Arc::new(Button { pressed: AtomicUsize::new(0) });
    let with = Bench::with(Limits::default(), Some(button.clone())).await;
    assert_eq!(with.network().get("/api/v1/status").await.json()["push_to_talk"], true);
    assert_eq!(with.network().send("POST", "/api/v1/listen", &[], "").await.status, 202);
    let (status, code, message) = with.network().post("/api/v1/listen", "").await.error();
    assert_eq!((status, code.as_str()), (409, "not_listening"));
    assert_eq!(message, "The appliance is listening already.");
    assert_eq!(button.pressed.load(Ordering::SeqCst), 2);
    with.end().await;
}

#[tokio::test]
async fn a_call_that_is_sent_again_under_its_key_is_made_once() {
    let bench = Bench::start().await;
    let door = bench.network();
    let post = async |body: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        door.send("POST", "/api/v1/tools/bench.wait", &all, body).await
    };
    let key = [("idempotency-key", "order-7")];
    bench.gate.let_one_through();
    assert_eq!(post("{}", &key).await.status, 200);
    let again = post("{}", &key).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &json!({"state": "done"})));
    assert_eq!(*bench.gate.through.borrow(), 1, "it was made once");
    let wrong = post("{}", &[("confirm-token", "guessed")]).await.error();
    assert_eq!((wrong.0, wrong.1.as_str()), (409, "not_confirmed"));
    let newest = door.get("/api/v1/audit?limit=1").await.json()["entries"][0]["data"]["data"]["status"].clone();
    assert_eq!(newest["code"], "not_confirmed", "each refusal is recorded");
    let (status, code, _) = post(r#"{"other":1}"#, &key).await.error();
    assert_eq!((status, code.as_str()), (422, "key_reused"));
    let long = "k".repeat(129);
    for headers in [&[("idempotency-key", "")][..], &[("idempotency-key", long.as_str())], &[key[0], key[0]]] {
        let (status, _, message) = post("{}", headers).await.error();
        assert!(status == 400 && message.contains("Idempotency-Key"), "{status} {message}");
    }
    let audit = door.get("/api/v1/audit?limit=500").await.json();
    let repeated = audit["entries"].as_array().unwrap().iter().filter(|it| it["data"]["data"]["repeated"] == true);
    assert_eq!(repeated.count(), 1, "{audit}");
    bench.end().await;
}

#[tokio::test]
async fn the_audit_chain_is_read_page_by_page_and_checked_against_a_head() {
    let bench = Bench::start().await;
    let door = bench.network();
    for _ in 0..5 {
        door.post("/api/v1/tools/entity.turn_on", r#"{"entity":"fan.extraction_fan"}"#).await;
    }
    let (mut numbers, mut next) = (Vec::new(), Some(String::new()));
    while let Some(before) = next {
        let page = door.get(&format!("/api/v1/audit?limit=4{before}")).await.json();
        numbers.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["number"].as_u64().unwrap()));
        next = page["next"].as_u64().map(|number| format!("&before={number}"));
    }
    assert_eq!(numbers, (1..=6).rev().collect::<Vec<_>>());
    let head = door.get("/api/v1/status").await.json()["audit"].clone();
    let digits = head["head"].as_str().unwrap();
    for given in [digits.to_owned(), format!("{}:{digits}", head["number"])] {
        let report = door.get(&format!("/api/v1/audit/verify?head={given}")).await.json();
        assert_eq!((&report["whole"], &report["entries"], &report["head"]), (&json!(true), &json!(6), &head));
    }
    let report = door.get(&format!("/api/v1/audit/verify?head={}", "0".repeat(64))).await.json();
    assert_eq!((&report["whole"], &report["fault"]), (&json!(false), &json!("cut_off")));
    let (status, _, message) = door.get("/api/v1/audit/verify?head=beef").await.error();
    assert!(status == 400 && message.contains("64 hexadecimal digits"), "{message}");
    bench.end().await;
}
