//! What the fleet sees of an appliance over a real broker, and over a broker that forgets.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use victus_tests::broker::Broker;
use victus_tests::daemon::Daemon;
use victus_tests::eventually;
use victus_tests::subscriber::{Message, Subscriber};

const ROOT: &str = "victus/v1/plant/box";

fn link(broker: &Broker) -> String {
    format!("[[link]]\nname = \"fleet\"\nbroker = \"{}\"\n", broker.url())
}

async fn message(subscriber: &Subscriber, ending: &str, wanted: impl Fn(&Value) -> bool) -> Message {
    eventually(ending, || {
        let found = subscriber.on(ending).into_iter().find(|message| wanted(&message.payload));
        async move { found }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_about_health_and_events_arrive_and_a_turn_is_among_them() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let daemon = Daemon::start(&link(&broker)).await;
    message(&subscriber, "/presence", |it| it["state"] == "online").await;
    let about = message(&subscriber, "/about", |_| true).await;
    assert_eq!(about.topic, format!("{ROOT}/about"));
    assert!(about.payload.to_string().contains("fan.extraction_fan"), "{}", about.payload);
    message(&subscriber, "/health", |it| !it["loops"].is_null()).await;
    let turn = daemon.ask("turn on the extraction fan").await;
    let event = message(&subscriber, "/event", |it| it["kind"] == "turn_finished").await;
    assert_eq!(event.payload["trace"], turn["trace_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_switches_a_line_once_however_often_it_comes() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let daemon = Daemon::start(&link(&broker)).await;
    message(&subscriber, "/presence", |it| it["state"] == "online").await;
    let command = json!({"tool": "entity.toggle", "args": {"entity": "fan.extraction_fan"}, "ttl_s": 60}).to_string();
    for _ in 0..3 {
        subscriber.publish(&format!("{ROOT}/command/c-1"), command.clone()).await;
    }
    message(&subscriber, "/command/c-1/reply", |it| it["state"] == "done").await;
    subscriber
        .publish(
            &format!("{ROOT}/command/c-2"),
            r#"{"tool":"entity.get_state","args":{"entity":"fan.extraction_fan"}}"#,
        )
        .await;
    message(&subscriber, "/command/c-2/reply", |it| it["state"] == "done").await;
    assert_eq!(daemon.value("fan.extraction_fan").await, json!(true));
    assert_eq!(daemon.line("GPIO17"), "high");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_command_is_answered_or_recorded_and_nothing_is_lost() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let daemon = Daemon::start(&link(&broker)).await;
    message(&subscriber, "/presence", |it| it["state"] == "online").await;
    let malformed: [&[u8]; 6] =
        [b"", b"{", b"\xff\xfe", b"[]", br#"{"tool":7}"#, br#"{"tool":"entity.explode","args":{}}"#];
    for (number, payload) in malformed.into_iter().enumerate() {
        subscriber.publish(&format!("{ROOT}/command/bad-{number}"), payload).await;
        let ending = format!("/command/bad-{number}/reply");
        let reply = message(&subscriber, &ending, |it| it["state"] == "refused").await;
        assert!(reply.payload.to_string().len() > 40, "a reason is given: {}", reply.payload);
    }
    assert_eq!(daemon.ask("turn on the extraction fan").await["outcome"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_without_its_sessions_loses_nothing() {
    let Some(mut broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let daemon = Daemon::start(&link(&broker)).await;
    message(&subscriber, "/presence", |it| it["state"] == "online").await;
    for round in 0..3 {
        daemon.ask("turn on the extraction fan").await;
        broker.kill();
        for _ in 0..10 {
            daemon.ask("what time is it").await;
        }
        broker.forget();
        broker.resume();
        daemon.ask("turn off the extraction fan").await;
        let wanted = all_positions(&daemon).await;
        eventually(&format!("every event after round {round}"), || {
            let seen: BTreeSet<_> = subscriber.event_positions().into_iter().collect();
            let complete = wanted.is_subset(&seen);
            async move { complete.then_some(()) }
        })
        .await;
    }
    let mut first_seen = Vec::new();
    let mut seen = BTreeSet::new();
    for position in subscriber.event_positions() {
        if seen.insert(position) {
            first_seen.push(position);
        }
    }
    assert!(first_seen.is_sorted(), "events arrive in order: {first_seen:?}");
}

/// Where every event of the journal stands, by the appliance's own account.
async fn all_positions(daemon: &Daemon) -> BTreeSet<(u64, u64)> {
    let page = daemon.client().get("/api/v1/events?limit=1000&after=0:0").await.expect("the journal can be read");
    let number = |value: &Value| value.as_u64().expect("a position is a number");
    page["events"].as_array().expect("events").iter().map(|it| (number(&it["epoch"]), number(&it["seq"]))).collect()
}
