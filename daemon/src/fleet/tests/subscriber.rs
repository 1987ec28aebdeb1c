//! A subscriber that shares nothing with the link but the topics. It keeps all that it hears.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::sync::watch;

use super::until;

/// A message that was heard.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) payload: Value,
    pub(super) retained: bool,
}

/// A subscriber to everything.
pub(super) struct Subscriber {
    client: AsyncClient,
    heard: Arc<Mutex<Vec<Heard>>>,
    sessions: watch::Receiver<u32>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Subscriber {
    pub(super) async fn to(port: u16) -> Self {
        let mut options = MqttOptions::new(format!("subscriber-{}", rand::random::<u64>()), "127.0.0.1", port);
        options.set_max_packet_size(8 << 20, 8 << 20);
        let (client, mut events) = AsyncClient::new(options, 100);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (begun, sessions) = watch::channel(0);
        let (ears, own) = (Arc::clone(&heard), client.clone());
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => own.try_subscribe("#", QoS::AtLeastOnce).unwrap(),
                    Ok(Event::Incoming(Packet::SubAck(_))) => begun.send_modify(|count| *count += 1),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let payload = serde_json::from_slice(&publish.payload).unwrap_or(Value::Null);
                        ears.lock().unwrap().push(Heard { topic: publish.topic, payload, retained: publish.retain });
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        let subscriber = Self { client, heard, sessions, task };
        subscriber.subscribed(1).await;
        subscriber
    }

    /// Waits until it has subscribed for the `count`th time.
    pub(super) async fn subscribed(&self, count: u32) {
        let sessions = self.sessions.clone();
        until("the subscriber's subscription", || (*sessions.borrow() >= count).then_some(())).await;
    }

    pub(super) fn sessions(&self) -> u32 {
        *self.sessions.borrow()
    }

    pub(super) async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.unwrap();
    }

    /// All messages whose topic ends so.
    pub(super) fn heard(&self, end: &str) -> Vec<Heard> {
        self.heard.lock().unwrap().iter().filter(|heard| heard.topic.ends_with(end)).cloned().collect()
    }

    /// Waits for a message whose topic ends so and that fits.
    pub(super) async fn hears(&self, end: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        until(end, || self.heard(end).into_iter().find(&fits)).await
    }

    /// First deliveries of events by position, in the order in which they came; duplicates must be equal.
    pub(super) fn ledger(&self) -> Vec<(u64, u64)> {
        let mut known: BTreeMap<(u64, u64), Value> = BTreeMap::new();
        let mut order = Vec::new();
        for heard in self.heard("/event") {
            let at = |key: &str| heard.payload[key].as_u64().unwrap();
            let position = (at("epoch"), at("seq"));
            let content = heard.payload["data"].clone();
            match known.insert(position, content.clone()) {
                None => order.push(position),
                Some(before) => assert_eq!(before, content, "a duplicate of {position:?} is equal"),
            }
        }
        order
    }
}
