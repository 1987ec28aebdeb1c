//! SIGTERM: lines safe, goodbye said, gone within two seconds.

use std::time::Duration;

use serde_json::json;
use victus_tests::broker::Broker;
use victus_tests::daemon::Daemon;
use victus_tests::eventually;
use victus_tests::subscriber::Subscriber;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_makes_every_line_safe_says_goodbye_and_ends_in_time() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let link = format!("[[link]]\nname = \"fleet\"\nbroker = \"{}\"\n", broker.url());
    let mut daemon = Daemon::start(&link).await;
    eventually("presence", || {
        let online = subscriber.on("/presence").iter().any(|it| it.payload["state"] == "online");
        async move { online.then_some(()) }
    })
    .await;
    daemon.ask("turn on the extraction fan").await;
    assert_eq!(daemon.value("fan.extraction_fan").await, json!(true));
    // The bound is the product's promise, and not a measurement: systemd would kill it soon after.
    let status = tokio::time::timeout(Duration::from_secs(2), daemon.terminate()).await.expect("gone within 2 s");
    assert!(status.success(), "{status}: {}", daemon.log());
    assert_eq!(daemon.line("GPIO17"), "low");
    eventually("the goodbye", || {
        let offline = subscriber.on("/presence").last().is_some_and(|it| it.payload["state"] == "offline");
        async move { offline.then_some(()) }
    })
    .await;
    daemon.resume().await;
    let events = daemon.client().get("/api/v1/events?limit=1000&after=0:0").await.expect("the journal can be read");
    assert!(events.to_string().contains("appliance_stopping"), "the stop is in the journal");
}
