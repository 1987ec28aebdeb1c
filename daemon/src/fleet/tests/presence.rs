//! What a link says of the appliance, and what the broker says when it is gone.

use std::sync::atomic::Ordering;

use serde_json::json;
use victus_agent::event::EventKind;
use victus_agent::health::LoopState;

use super::bench::{Bench, options};
use super::broker::Broker;
use super::gate::Gate;
use super::subscriber::Subscriber;
use super::until;

#[tokio::test]
async fn state_is_retained_and_events_are_not() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let first = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    bench.up().await;
    let position = bench.happens("one").await;
    let event = first.hears("/event", |heard| heard.payload["data"]["timer"] == "one").await;
    assert_eq!(event.topic, "victus/v1/plant/press/event");
    assert_eq!(event.payload["seq"], position.seq);
    assert_eq!(event.payload["lane"], "live");

    let late = Subscriber::to(broker.port).await;
    let presence = late.hears("/presence", |_| true).await;
    assert!(presence.retained);
    assert_eq!(presence.payload["state"], "online");
    let about = late.hears("/about", |_| true).await;
    assert!(about.retained);
    assert_eq!(about.payload["entities"][0]["id"], "fan.extraction_fan");
    let tools = about.payload["tools"].as_array().unwrap();
    let counter = tools.iter().find(|tool| tool["name"] == "test.count").unwrap();
    assert_eq!(counter["allowed"], true);
    assert!(counter["schema"].as_str().unwrap().starts_with("sha256:"));
    let health = late.hears("/health", |_| true).await;
    assert!(health.retained);
    assert_eq!(health.payload["state"], "up");
    assert!(health.payload["loops"].as_array().unwrap().iter().any(|each| each["name"] == "link.fleet"));
    assert!(health.payload["memory_bytes"].as_u64().unwrap() > 0);
    assert!(health.payload["audit"]["head"].as_str().is_some_and(|head| head.len() == 64), "{}", health.payload);
    assert!(late.heard("/event").is_empty());
}

#[tokio::test]
async fn a_change_of_health_is_told_at_once_and_otherwise_nothing_is() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    subscriber.hears("/health", |heard| heard.payload["state"] == "up").await;
    bench.appliance.health.set("voice", LoopState::Degraded("no microphone".into()));
    let told = subscriber.hears("/health", |heard| heard.payload["state"] == "degraded").await;
    assert!(told.payload["why"].as_str().unwrap().contains("no microphone"));
    let count = subscriber.heard("/health").len();
    let beats = bench.beats.load(Ordering::SeqCst);
    until("two more beats", || (bench.beats.load(Ordering::SeqCst) >= beats + 2).then_some(())).await;
    assert_eq!(subscriber.heard("/health").len(), count);
}

#[tokio::test]
async fn the_broker_says_offline_when_the_wire_is_cut() {
    let Some(broker) = Broker::start().await else { return };
    let gate = Gate::to(broker.port).await;
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(gate.port));
    subscriber.hears("/presence", |heard| heard.payload["state"] == "online").await;
    gate.shut();
    let offline = subscriber.hears("/presence", |heard| heard.payload["state"] == "offline").await;
    assert_eq!(offline.payload["boot"], json!(crate::fleet::readings::boot()));
    bench.degraded("closed the connection").await;
    gate.open();
    until("online again", || {
        let states = subscriber.heard("/presence");
        (states.last()?.payload["state"] == "online").then_some(())
    })
    .await;
    let told = |up: bool| {
        bench.events().iter().any(|event| matches!(&event.kind, EventKind::LinkChanged { up: is, .. } if *is == up))
    };
    until("the link's events", || (told(true) && told(false)).then_some(())).await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    subscriber.hears("/presence", |heard| heard.payload["state"] == "online").await;
    bench.stop().await;
    subscriber.hears("/presence", |heard| heard.payload["state"] == "offline").await;
    let late = Subscriber::to(broker.port).await;
    let presence = late.hears("/presence", |_| true).await;
    assert_eq!((presence.retained, &presence.payload["state"]), (true, &json!("offline")));
}

#[tokio::test]
async fn without_a_broker_the_link_lives_says_why_and_ends_when_asked() {
    let mut bench = Bench::new();
    bench.link(options(1));
    let why = bench.degraded("nothing listens on 127.0.0.1:1").await;
    assert!(why.contains("`broker`"), "{why}");
    bench.stop().await;
}
