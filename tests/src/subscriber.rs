//! A separate MQTT client with its own ledger: what the fleet's side really gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::task::JoinHandle;

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Whether the broker kept it from before.
    pub retained: bool,
    /// Its payload; null where it is empty.
    pub payload: Value,
}

/// Subscribes to everything and keeps it.
pub struct Subscriber {
    client: AsyncClient,
    messages: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

impl Subscriber {
    /// Connects, and goes on connecting whenever the broker went away.
    pub fn connect(port: u16, name: &str) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5)).set_clean_session(false);
        options.set_max_packet_size(1024 * 1024, 1024 * 1024);
        let (client, mut connection) = AsyncClient::new(options, 64);
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (kept, subscribing) = (Arc::clone(&messages), client.clone());
        let task = tokio::spawn(async move {
            loop {
                match connection.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        subscribing.try_subscribe("#", QoS::AtLeastOnce).expect("the client's queue has room");
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let payload = serde_json::from_slice(&publish.payload).unwrap_or(Value::Null);
                        let message = Message { topic: publish.topic, retained: publish.retain, payload };
                        kept.lock().expect("no test panicked here").push(message);
                    }
                    Ok(_) => {}
                    Err(_gone) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Self { client, messages, task }
    }

    /// Publishes to `topic` at QoS 1.
    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload.into()).await.expect("the client takes a message");
    }

    /// Everything that has arrived.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("no test panicked here").clone()
    }

    /// What has arrived on topics that end so.
    pub fn on(&self, ending: &str) -> Vec<Message> {
        self.messages().into_iter().filter(|message| message.topic.ends_with(ending)).collect()
    }

    /// The (epoch, seq) of every event, in the order of arrival.
    pub fn event_positions(&self) -> Vec<(u64, u64)> {
        let number = |value: &Value| value.as_u64().expect("a position is a number");
        self.on("/event").iter().map(|it| (number(&it.payload["epoch"]), number(&it.payload["seq"]))).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}
