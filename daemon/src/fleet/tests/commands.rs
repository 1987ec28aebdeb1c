//! Commands over the real broker.

use std::sync::atomic::Ordering;

use serde_json::json;
use victus_agent::event::EventKind;

use super::bench::{Bench, options};
use super::broker::Broker;
use super::gate::Gate;
use super::subscriber::Subscriber;
use super::until;
use crate::fleet::link::MAX_PACKET;

const TOPIC: &str = "victus/v1/plant/press/command/";

#[tokio::test]
async fn a_command_is_answered_and_what_is_not_one_is_refused() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    bench.up().await;
    for payload in ["", "{", "\u{1}\u{2}", "[]", "null", r#"{"tool":7}"#, r#"{"tool":"test.count","ttl_s":"x"}"#] {
        subscriber.publish(&format!("{TOPIC}bad"), payload, false).await;
    }
    subscriber.publish(&format!("{TOPIC}bad"), vec![0xff, 0xfe, 0x00], false).await;
    subscriber.publish(&format!("{TOPIC}b\u{e4}d id"), "{}", false).await;
    subscriber.publish(&format!("{TOPIC}large"), vec![b' '; 100_000], false).await;
    subscriber.publish(&format!("{TOPIC}c-1"), r#"{"tool":"test.count"}"#, false).await;
    let done = subscriber.hears("/command/c-1/reply", |heard| heard.payload["state"] == "done").await;
    assert_eq!(done.payload["result"], json!({"call": 1}));
    assert!(done.payload["seq"].is_u64() && done.payload["epoch"].is_u64() && !done.retained);
    let accepted = &subscriber.heard("/command/c-1/reply")[0];
    assert_eq!(accepted.payload["state"], "accepted");
    until("eight refusals", || (subscriber.heard("/command/bad/reply").len() == 8).then_some(())).await;
    let refusals = subscriber.heard("/command/bad/reply");
    assert!(refusals.iter().all(|each| each.payload["code"] == "malformed"), "{refusals:?}");
    subscriber.hears("/command/large/reply", |heard| heard.payload["code"] == "too_large").await;
    let rejected = |event: &victus_agent::event::Event| matches!(event.kind, EventKind::MessageRejected { .. });
    assert_eq!(bench.events().iter().filter(|event| rejected(event)).count(), 1);
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_command_that_is_sent_while_the_link_is_down_comes_when_it_is_back_and_runs_once() {
    let Some(broker) = Broker::start().await else { return };
    let gate = Gate::to(broker.port).await;
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(gate.port));
    bench.up().await;
    gate.shut();
    bench.degraded("").await;
    for _ in 0..3 {
        subscriber.publish(&format!("{TOPIC}c-1"), r#"{"tool":"test.count"}"#, false).await;
    }
    gate.open();
    subscriber.hears("/command/c-1/reply", |heard| heard.payload["state"] == "done").await;
    until("an answer to each", || {
        let answers = subscriber.heard("/command/c-1/reply");
        (answers.len() >= 4).then_some(())
    })
    .await;
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_client_does_not_end_the_link_for_ever() {
    let Some(broker) = Broker::start().await else { return };
    let gate = Gate::to(broker.port).await;
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(gate.port));
    bench.up().await;
    subscriber.publish(&format!("{TOPIC}huge"), vec![b'x'; MAX_PACKET + 1000], false).await;
    let rejected = |event: &victus_agent::event::Event| match &event.kind {
        EventKind::MessageRejected { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    let reason = until("a rejection", || bench.events().iter().find_map(rejected)).await;
    assert!(reason.contains("262144 is the most"), "{reason}");
    bench.up().await;
    subscriber.publish(&format!("{TOPIC}c-1"), r#"{"tool":"test.count"}"#, false).await;
    subscriber.hears("/command/c-1/reply", |heard| heard.payload["state"] == "done").await;
    // The session was forgotten once: what is sent while the link is down now waits again.
    gate.shut();
    bench.degraded("").await;
    subscriber.publish(&format!("{TOPIC}c-2"), r#"{"tool":"test.count"}"#, false).await;
    gate.open();
    subscriber.hears("/command/c-2/reply", |heard| heard.payload["state"] == "done").await;
}

#[tokio::test]
async fn a_retained_message_that_is_too_large_stops_commands_and_not_events() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    subscriber.publish(&format!("{TOPIC}huge"), vec![b'x'; MAX_PACKET + 1000], true).await;
    subscriber.hears("/command/huge", |_| true).await;
    bench.link(options(broker.port));
    let why = bench.degraded("commands are not taken").await;
    assert!(why.contains("too large"), "{why}");
    bench.happens("still here").await;
    subscriber.hears("/event", |heard| heard.payload["data"]["timer"] == "still here").await;
}

#[tokio::test]
async fn a_command_begins_a_workflow_that_takes_commands() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    bench.workflow("open", "[[trigger]]\ncommand=true\n[[step]]\ntool='test.count'\n").await;
    bench.workflow("closed", "[[step]]\ntool='test.count'\n").await;
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    bench.up().await;
    let command = |name: &str| format!(r#"{{"tool":"workflow.run","args":{{"workflow":"{name}"}}}}"#);
    subscriber.publish(&format!("{TOPIC}c-1"), command("closed"), false).await;
    let refused = subscriber.hears("/command/c-1/reply", |heard| heard.payload["state"] == "refused").await;
    assert_eq!(refused.payload["code"], "no_command", "{:?}", refused.payload);
    subscriber.publish(&format!("{TOPIC}c-2"), command("open"), false).await;
    subscriber.hears("/command/c-2/reply", |heard| heard.payload["state"] == "done").await;
    let workflows = std::sync::Arc::clone(&bench.appliance.workflows);
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { workflows.serve(|| {}, stop).await }
    });
    let over = subscriber.hears("/event", |heard| heard.payload["kind"] == "workflow_finished").await;
    assert_eq!(over.payload["data"]["state"], "done");
    assert_eq!(bench.calls.load(std::sync::atomic::Ordering::SeqCst), 1);
    stop.cancel();
    serving.await.unwrap().unwrap();
}
