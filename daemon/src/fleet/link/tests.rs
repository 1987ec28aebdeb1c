//! A connection against a broker that does exactly what a test says, packet by packet.

use bytes::BytesMut;
use rumqttc::{ConnAck, PubAck, SubAck};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// The broker's side of a connection.
struct Script {
    stream: TcpStream,
    read: BytesMut,
}

impl Script {
    /// The next packet that is not a ping.
    async fn receive(&mut self) -> Packet {
        loop {
            match Packet::read(&mut self.read, 1 << 20) {
                Ok(Packet::PingReq) => {}
                Ok(packet) => return packet,
                Err(_incomplete) => {
                    let more = self.stream.read_buf(&mut self.read);
                    assert_ne!(tokio::time::timeout(LONG, more).await.unwrap().unwrap(), 0, "the link hung up");
                }
            }
        }
    }

    async fn publish(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => publish,
            other => panic!("a publish, not {other:?}"),
        }
    }

    async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, 1 << 20).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn acknowledge(&mut self, packet: u16) {
        self.send(Packet::PubAck(PubAck::new(packet))).await;
    }
}

fn greeting() -> Greeting {
    Greeting { will: ("will".to_owned(), b"gone".to_vec()), forget_session: false, tls: None, password: None }
}

async fn connected() -> (Connection<u32>, Script) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let options = LinkOptions::new("fleet", "plant", "press", "127.0.0.1", listener.local_addr().unwrap().port());
    let answer = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut script = Script { stream, read: BytesMut::new() };
        let Packet::Connect(connect) = script.receive().await else { panic!("CONNECT comes first") };
        assert!(!connect.clean_session && connect.last_will.unwrap().retain);
        assert_eq!(connect.client_id, "victus.plant.press.fleet");
        script.send(Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, true))).await;
        script
    };
    let (opened, script) = tokio::join!(Connection::open(&options, greeting()), answer);
    (opened.unwrap(), script)
}

async fn notice(connection: &mut Connection<u32>) -> Notice<u32> {
    tokio::time::timeout(LONG, connection.notice()).await.unwrap()
}

#[tokio::test]
async fn each_acknowledgement_brings_the_token_of_its_own_message_in_whichever_order() {
    let (mut connection, mut script) = connected().await;
    let mut ids = Vec::new();
    for token in 0..20 {
        connection.publish("event", vec![token], false, u32::from(token)).unwrap();
        let publish = script.publish().await;
        assert_eq!(publish.payload, vec![token]);
        ids.push(publish.pkid);
    }
    for token in [7, 19, 0, 1, 18, 3] {
        script.acknowledge(ids[usize::try_from(token).unwrap()]).await;
        assert!(matches!(notice(&mut connection).await, Notice::Acknowledged(is) if is == token));
    }
    // One is never acknowledged while more are sent than the library has ids for in a window of twenty.
    for token in 100..400 {
        connection.publish("event", Vec::new(), false, token).unwrap();
        let publish = script.publish().await;
        script.acknowledge(publish.pkid).await;
        assert!(matches!(notice(&mut connection).await, Notice::Acknowledged(is) if is == token));
    }
}

#[tokio::test]
async fn a_message_is_acknowledged_only_when_its_effect_is_recorded() {
    let (mut connection, mut script) = connected().await;
    let mut publish = Publish::new("command/c-1", QoS::AtLeastOnce, "{}");
    publish.pkid = 41;
    script.send(Packet::Publish(publish)).await;
    let Notice::Message(message) = notice(&mut connection).await else { panic!("a message") };
    assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("command/c-1", &b"{}"[..]));
    connection.subscribe("command/+").unwrap();
    let Packet::Subscribe(subscribe) = script.receive().await else { panic!("no acknowledgement comes by itself") };
    script.send(Packet::SubAck(SubAck::new(subscribe.pkid, vec![SubscribeReasonCode::Failure]))).await;
    assert!(matches!(notice(&mut connection).await, Notice::Subscribed(false)));
    connection.acknowledge(message.receipt.unwrap()).unwrap();
    assert!(matches!(script.receive().await, Packet::PubAck(ack) if ack.pkid == 41));
}

#[tokio::test]
async fn what_is_not_mqtt_ends_the_connection_as_poison_and_a_cut_does_not() {
    let (mut connection, script) = connected().await;
    drop(script);
    assert!(matches!(notice(&mut connection).await, Notice::Lost(Loss { poison: false, .. })));

    let (mut connection, mut script) = connected().await;
    script.stream.write_all(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await.unwrap();
    let Notice::Lost(loss) = notice(&mut connection).await else { panic!("a loss") };
    assert!(loss.poison && loss.why.contains("268435455 bytes"), "{loss:?}");

    let (mut connection, mut script) = connected().await;
    script.stream.write_all(&[0xf0, 0x00, 0xf0, 0x00]).await.unwrap();
    let Notice::Lost(loss) = notice(&mut connection).await else { panic!("a loss") };
    assert!(loss.poison && loss.why.contains("not MQTT"), "{loss:?}");
}

#[tokio::test]
async fn a_queue_that_is_full_is_an_error_and_nobody_waits() {
    let (mut connection, _script) = connected().await;
    let mut given = 0;
    while connection.has_room() {
        connection.publish("event", vec![0; 1024], false, given).unwrap();
        given += 1;
    }
    assert_eq!(given, u32::try_from(UNSENT).unwrap());
    let mut refused = None;
    for token in 0..10_000 {
        if let Err(loss) = connection.publish("event", Vec::new(), false, token) {
            refused = Some(loss);
            break;
        }
    }
    assert!(refused.unwrap().why.contains("cannot publish"));
}

#[tokio::test]
async fn an_answer_that_refuses_the_connection_is_explained() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let options = LinkOptions::new("fleet", "plant", "press", "127.0.0.1", listener.local_addr().unwrap().port());
    let answer = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut script = Script { stream, read: BytesMut::new() };
        script.receive().await;
        script.send(Packet::ConnAck(ConnAck::new(ConnectReturnCode::NotAuthorized, false))).await;
        script
    };
    let (opened, _script) = tokio::join!(Connection::<u32>::open(&options, greeting()), answer);
    let why = opened.err().unwrap().why;
    assert!(why.contains("refuses the credentials") && why.contains("`password_file`"), "{why}");
}
