//! Nothing is lost: the broker dies without its sessions, the wire is cut, the link starts anew.

use std::collections::BTreeSet;

use super::bench::{Bench, options};
use super::broker::Broker;
use super::gate::Gate;
use super::subscriber::Subscriber;
use super::until;

/// Waits until the subscriber has every position of the journal, and checks their order.
async fn everything_arrives(bench: &Bench, subscriber: &Subscriber) {
    let wanted = bench.positions();
    until("every event", || {
        let known: BTreeSet<_> = subscriber.ledger().into_iter().collect();
        wanted.iter().all(|position| known.contains(position)).then_some(())
    })
    .await;
    let order = subscriber.ledger();
    assert!(order.is_sorted(), "out of order: {order:?}");
}

#[tokio::test]
async fn a_broker_that_dies_without_its_sessions_loses_nothing() {
    let Some(mut broker) = Broker::start().await else { return };
    let gate = Gate::to(broker.port).await;
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(gate.port));
    bench.up().await;
    for round in 0..4 {
        // The broker dies while events are on their way to it.
        for number in 0..40 {
            bench.happens(&format!("{round}-{number}")).await;
            if number == 20 {
                broker.kill();
                gate.shut();
            }
        }
        let sessions = subscriber.sessions();
        broker.restart().await;
        // What the broker acknowledges while nobody subscribes is nobody's: the wire opens once somebody does.
        subscriber.subscribed(sessions + 1).await;
        gate.open();
        bench.happens("after").await;
        everything_arrives(&bench, &subscriber).await;
    }
}

#[tokio::test]
async fn a_wire_that_is_cut_again_and_again_loses_nothing() {
    let Some(broker) = Broker::start().await else { return };
    let gate = Gate::to(broker.port).await;
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(gate.port));
    for round in 0..12 {
        for number in 0..30 {
            bench.happens(&format!("{round}-{number}")).await;
            if number == 2 * round {
                gate.shut();
            }
        }
        gate.open();
    }
    everything_arrives(&bench, &subscriber).await;
}

#[tokio::test]
async fn a_link_that_starts_anew_sends_what_happened_meanwhile_as_backlog() {
    let Some(broker) = Broker::start().await else { return };
    let mut bench = Bench::new();
    let subscriber = Subscriber::to(broker.port).await;
    bench.link(options(broker.port));
    bench.up().await;
    bench.happens("before").await;
    everything_arrives(&bench, &subscriber).await;
    bench.stop().await;
    let heard = subscriber.heard("/event").len();
    for number in 0..100 {
        bench.happens(&format!("meanwhile-{number}")).await;
    }
    bench.link(options(broker.port));
    everything_arrives(&bench, &subscriber).await;
    let later = subscriber.heard("/event").split_off(heard);
    let meanwhile = later.iter().filter(|each| each.payload["lane"] == "backlog");
    assert_eq!(meanwhile.count(), 100, "the goodbye stored how far the link was, so nothing was sent again");
    assert!(later.iter().all(|each| each.payload.get("gap").is_none()));
    // A crash may send again what was not stored as sent, and nothing else.
    bench.crash();
    bench.happens("after the crash").await;
    bench.link(options(broker.port));
    everything_arrives(&bench, &subscriber).await;
}
