//! One MQTT connection.
//!
//! Owns the MQTT library: no other module knows it. A `Connection` lives from CONNECT to the end of its socket; the
//! next one begins with a new client, because the library carries packets and ids of an old session into a new one and
//! forgets accepted messages (nothing that it accepts counts as sent: see `outbox`).
//!
//! Promises:
//! * One task only polls. It never publishes, and whoever publishes never waits for it: a full queue is an error.
//! * `Notice::Acknowledged` carries the token of the very message whose PUBACK came, in this connection.
//! * A message from the broker is acknowledged only by `Connection::acknowledge`, after its effect is recorded.
//! * A message that the library refuses to read ends the connection with `Loss::poison`, so that the caller can
//!   get past it.
//!
//! Leaves to `session` what is sent and when, and when to connect again.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet,
    Publish, QoS, StateError, SubscribeReasonCode, Transport,
};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::options::LinkOptions;
use super::payloads::MAX_PAYLOAD;
use super::tls;

/// The largest packet in bytes that is taken from a broker.
pub const MAX_PACKET: usize = 256 * 1024;

/// Requests that may wait for the polling task.
const REQUESTS: usize = 256;

/// Messages that may be given to the polling task before it has sent them.
const UNSENT: usize = 64;

/// Notices that may wait for the caller.
const NOTICES: usize = 64;

/// Packet ids of the library: far more than are ever in flight, so that it never meets an id that is still taken.
const PACKET_IDS: u16 = 1000;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    /// A sentence for a person.
    pub(crate) why: String,
    /// Whether a message ended it that the broker would send again.
    pub(crate) poison: bool,
}

impl Loss {
    pub(crate) fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), poison: false }
    }
}

/// What the broker says.
#[derive(Debug)]
pub(crate) enum Notice<T> {
    /// It answered the subscription; false where it refused.
    Subscribed(bool),
    /// It has the message with this token.
    Acknowledged(T),
    /// It sent a message.
    Message(Message),
    /// The connection is over.
    Lost(Loss),
}

/// A message from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// What acknowledges it; none where it needs no acknowledgement (QoS 0).
    pub(crate) receipt: Option<Receipt>,
}

/// Acknowledges one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    packet: u16,
    exactly_once: bool,
}

/// What only this connection says at its beginning.
pub(crate) struct Greeting {
    /// Topic and payload of the retained last will.
    pub(crate) will: (String, Vec<u8>),
    /// Whether the broker is to forget the session.
    pub(crate) forget_session: bool,
    /// TLS; none for plain TCP.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The password.
    pub(crate) password: Option<String>,
}

enum Raw {
    Sent(u16),
    Acknowledged(u16),
    Subscribed(bool),
    Message(Publish),
    Lost(Loss),
}

/// A connection. Dropping it cuts the socket, upon which the broker publishes the will.
pub(crate) struct Connection<T> {
    client: AsyncClient,
    notices: mpsc::Receiver<Raw>,
    poll: JoinHandle<()>,
    given: VecDeque<T>,
    flying: HashMap<u16, T>,
}

impl<T> Drop for Connection<T> {
    fn drop(&mut self) {
        self.poll.abort();
    }
}

impl<T> Connection<T> {
    /// Connects and waits for the broker's answer, at most the link's timeout.
    pub(crate) async fn open(options: &LinkOptions, greeting: Greeting) -> Result<Self, Loss> {
        let (client, mut events) = AsyncClient::new(mqtt_options(options, greeting), REQUESTS);
        events.network_options.set_connection_timeout(options.timeout.as_secs().max(1));
        events.network_options.set_tcp_nodelay(true);
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {}
            Ok(other) => return Err(Loss::because(format!("the broker did not answer the connection: {other:?}"))),
            Err(error) => return Err(Loss { poison: false, ..loss(error, options) }),
        }
        let (sender, notices) = mpsc::channel(NOTICES);
        let poll = tokio::spawn(poll(events, sender, options.clone()));
        Ok(Self { client, notices, poll, given: VecDeque::new(), flying: HashMap::new() })
    }

    /// What the broker says next. Dropping the future loses nothing.
    pub(crate) async fn notice(&mut self) -> Notice<T> {
        loop {
            match self.notices.recv().await {
                Some(Raw::Sent(packet)) => {
                    if let Some(token) = self.given.pop_front() {
                        self.flying.insert(packet, token);
                    }
                }
                Some(Raw::Acknowledged(packet)) => {
                    if let Some(token) = self.flying.remove(&packet) {
                        return Notice::Acknowledged(token);
                    }
                }
                Some(Raw::Subscribed(granted)) => return Notice::Subscribed(granted),
                Some(Raw::Message(publish)) => return Notice::Message(message(publish)),
                Some(Raw::Lost(loss)) => return Notice::Lost(loss),
                None => return Notice::Lost(Loss::because("the MQTT client ended; this is a fault of the program")),
            }
        }
    }

    /// Whether a message may be published now.
    pub(crate) fn has_room(&self) -> bool {
        self.given.len() < UNSENT
    }

    /// Gives a message to the polling task, at QoS 1. Its token comes back with its PUBACK.
    pub(crate) fn publish(&mut self, topic: &str, payload: Vec<u8>, retain: bool, token: T) -> Result<(), Loss> {
        let given = self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload);
        given.map_err(|error| Loss::because(format!("cannot publish on {topic}: {error}")))?;
        self.given.push_back(token);
        Ok(())
    }

    /// Asks for what is published on `filter`, at QoS 1.
    pub(crate) fn subscribe(&mut self, filter: &str) -> Result<(), Loss> {
        let given = self.client.try_subscribe(filter, QoS::AtLeastOnce);
        given.map_err(|error| Loss::because(format!("cannot subscribe to {filter}: {error}")))
    }

    /// Tells the broker that a message has been dealt with.
    pub(crate) fn acknowledge(&mut self, receipt: Receipt) -> Result<(), Loss> {
        let qos = if receipt.exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        let mut publish = Publish::new("", qos, Vec::new());
        publish.pkid = receipt.packet;
        self.client.try_ack(&publish).map_err(|error| Loss::because(format!("cannot acknowledge a message: {error}")))
    }

    /// Says goodbye: the broker drops the will. Waits until the socket is closed, at most `within`.
    pub(crate) async fn disconnect(mut self, within: Duration) {
        if self.client.try_disconnect().is_ok() {
            let closed = async { while !matches!(self.notice().await, Notice::Lost(_)) {} };
            // Whether it closed in time changes nothing: the socket is dropped either way.
            let _closed_in_time = tokio::time::timeout(within, closed).await;
        }
    }
}

fn mqtt_options(options: &LinkOptions, greeting: Greeting) -> MqttOptions {
    let mut mqtt = MqttOptions::new(options.client_id(), options.host.clone(), options.port);
    let (topic, payload) = greeting.will;
    mqtt.set_clean_session(greeting.forget_session)
        .set_keep_alive(options.keep_alive.max(Duration::from_secs(1)))
        .set_inflight(PACKET_IDS)
        .set_max_packet_size(MAX_PACKET, MAX_PAYLOAD + 1024)
        .set_manual_acks(true)
        .set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true));
    if let Some(config) = greeting.tls {
        mqtt.set_transport(Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(config)));
    }
    if let (Some(credentials), Some(password)) = (&options.credentials, greeting.password) {
        mqtt.set_credentials(credentials.username.clone(), password);
    }
    mqtt
}

fn message(publish: Publish) -> Message {
    let receipt = match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(Receipt { packet: publish.pkid, exactly_once: false }),
        QoS::ExactlyOnce => Some(Receipt { packet: publish.pkid, exactly_once: true }),
    };
    Message { topic: publish.topic, payload: publish.payload.to_vec(), receipt }
}

/// Polls until the connection ends.
async fn poll(mut events: EventLoop, notices: mpsc::Sender<Raw>, options: LinkOptions) {
    loop {
        match events.poll().await {
            Ok(event) => {
                if let Some(raw) = raw(event)
                    && notices.send(raw).await.is_err()
                {
                    return;
                }
            }
            Err(error) => {
                // What the library had read before it failed still counts.
                for raw in std::mem::take(&mut events.state.events).into_iter().filter_map(raw) {
                    if notices.send(raw).await.is_err() {
                        return;
                    }
                }
                // The caller has gone if this fails, and needs no reason any more.
                let _told = notices.send(Raw::Lost(loss(error, &options))).await;
                return;
            }
        }
    }
}

fn raw(event: Event) -> Option<Raw> {
    match event {
        Event::Outgoing(Outgoing::Publish(packet)) => Some(Raw::Sent(packet)),
        Event::Incoming(Packet::PubAck(ack)) => Some(Raw::Acknowledged(ack.pkid)),
        Event::Incoming(Packet::SubAck(ack)) => {
            let granted = ack.return_codes.iter().all(|code| !matches!(code, SubscribeReasonCode::Failure));
            Some(Raw::Subscribed(granted))
        }
        Event::Incoming(Packet::Publish(publish)) => Some(Raw::Message(publish)),
        _ => None,
    }
}

fn loss(error: ConnectionError, options: &LinkOptions) -> Loss {
    let broker = options.broker();
    if let Some(why) = tls::explain(&error, &options.host) {
        return Loss::because(format!("{broker}: {why}"));
    }
    if let ConnectionError::MqttState(StateError::Deserialization(fault)) = &error {
        match fault {
            rumqttc::Error::Io(_) | rumqttc::Error::OutgoingPacketTooLarge { .. } => {}
            rumqttc::Error::PayloadSizeLimitExceeded(size) => {
                let why = format!("{broker} sent a message of {size} bytes; {MAX_PACKET} is the most that is taken");
                return Loss { why, poison: true };
            }
            other => return Loss { why: format!("{broker} sent what is not MQTT 3.1.1: {other}"), poison: true },
        }
    }
    Loss::because(match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => format!("{broker} refuses the credentials: check `username` and `password_file`, or `cert`, of the link"),
        ConnectionError::ConnectionRefused(code) => format!("{broker} refuses the connection: {code:?}"),
        ConnectionError::NetworkTimeout => {
            format!("{broker} does not answer within {} s: check the network", options.timeout.as_secs())
        }
        ConnectionError::Io(fault) if fault.kind() == io::ErrorKind::ConnectionRefused => {
            format!("nothing listens on {broker}: check `broker` of the link, and that the broker runs")
        }
        ConnectionError::Io(fault) => format!("cannot reach {broker}: {fault}"),
        ConnectionError::MqttState(StateError::AwaitPingResp) => format!("{broker} stopped answering"),
        ConnectionError::MqttState(StateError::ConnectionAborted) => format!("{broker} closed the connection"),
        other => format!("the connection to {broker} failed: {other}"),
    })
}

#[cfg(test)]
mod tests;
