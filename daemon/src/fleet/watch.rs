//! The other side of the broker: what an appliance has really published.
//!
//! Owns a subscriber to one appliance's topics, for the demo. It has a session of its own and never publishes.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::sync::mpsc;

/// How many messages may wait to be read; beyond that the newest are dropped.
const WAITING: usize = 1024;

/// The pause before a lost broker is tried again.
const RECONNECT: Duration = Duration::from_millis(500);

/// The largest message.
const MAX_PACKET: usize = 1024 * 1024;

/// A message as it came from the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload; null where it is no JSON.
    pub payload: Value,
}

/// Subscribes to everything below `root` on a broker of this machine, until the receiver is dropped.
pub fn watch(port: u16, root: &str) -> mpsc::Receiver<Message> {
    let mut options = MqttOptions::new("victus-demo-watch", "127.0.0.1", port);
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET).set_clean_session(true);
    let (client, mut connection) = AsyncClient::new(options, 8);
    let (messages, waiting) = mpsc::channel(WAITING);
    let filter = format!("{root}/#");
    tokio::spawn(async move {
        while !messages.is_closed() {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if let Err(error) = client.try_subscribe(&filter, QoS::AtLeastOnce) {
                        log::warn!("the broker could not be watched: {error}");
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let payload = serde_json::from_slice(&publish.payload).unwrap_or(Value::Null);
                    let message = Message { topic: publish.topic, payload };
                    if messages.try_send(message).is_err() {
                        log::debug!("a message was not shown: too many wait");
                    }
                }
                Ok(_) => {}
                Err(_gone) => tokio::time::sleep(RECONNECT).await,
            }
        }
    });
    waiting
}
