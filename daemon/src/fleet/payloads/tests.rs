//! Golden payloads: what a fleet's programs have been written against.

use serde_json::json;
use victus_agent::event::{EVENT_FORMAT, EventKind, TraceId};
use victus_hw::clock::SimulatedClock;

use super::*;

const WALL: i64 = 1_790_000_000_000;

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn event(kind: EventKind) -> Event {
    Event {
        v: EVENT_FORMAT,
        position: Position { epoch: 2, seq: 42 },
        at: Stamp { wall_ms: WALL, trust: ClockTrust::Floor, mono_ms: 5, boot: BootId("b00t".into()) },
        trace: Some(TraceId::from_random(1)),
        kind,
    }
}

#[test]
fn presence() {
    let clock = SimulatedClock::new(WALL);
    let presence = Presence::new(PresenceState::Online, BootId("b00t".into()), &clock);
    assert_eq!(
        value(&encode(&presence)),
        json!({"v":1,"state":"online","boot":"b00t","at":{"wall_ms":WALL,"trust":"synchronised","mono_ms":0}})
    );
    let gone = Presence::new(PresenceState::Offline, BootId("b00t".into()), &clock);
    assert_eq!(value(&encode(&gone))["state"], "offline");
}

fn about(entities: Vec<Value>) -> About {
    About {
        v: PAYLOAD_VERSION,
        device: "press-hall-3".into(),
        site: "plant-a".into(),
        language: "en".into(),
        version: "0.1.0".into(),
        simulated: false,
        model: "Raspberry Pi 5".into(),
        kernel: "6.12".into(),
        arch: "aarch64".into(),
        capabilities: vec!["event", "command"],
        tools: vec![AboutTool {
            name: "entity.set".into(),
            description: "Sets it.".into(),
            risk: Risk::Reversible,
            role: Role::Operator,
            allowed: true,
            schema: "sha256:00".into(),
        }],
        entities,
        entities_left_out: 0,
    }
}

#[test]
fn about_golden() {
    assert_eq!(
        value(&about(vec![json!({"id":"fan.extraction_fan"})]).encode()),
        json!({"v":1,"device":"press-hall-3","site":"plant-a","language":"en","version":"0.1.0","simulated":false,
            "model":"Raspberry Pi 5","kernel":"6.12","arch":"aarch64","capabilities":["event","command"],
            "tools":[{"name":"entity.set","description":"Sets it.","risk":"reversible","role":"operator",
                "allowed":true,"schema":"sha256:00"}],
            "entities":[{"id":"fan.extraction_fan"}]})
    );
}

#[test]
fn about_with_too_many_entities_says_how_many_it_left_out() {
    let many: Vec<Value> = (0..2000).map(|index| json!({"id": format!("{index:0>200}")})).collect();
    let bytes = about(many).encode();
    assert!(bytes.len() <= MAX_PAYLOAD);
    let value = value(&bytes);
    let kept = value["entities"].as_array().unwrap().len();
    assert!(kept > 0);
    assert_eq!(value["entities_left_out"], json!(2000 - kept));
}

#[test]
fn health_golden() {
    let clock = SimulatedClock::new(WALL);
    let report = HealthReport {
        v: PAYLOAD_VERSION,
        overall: json!({"state":"degraded","why":"voice: no microphone"}),
        loops: json!([{"name":"voice","state":"degraded"}]),
        store: json!({"durable":true}),
        audit: Some(Head { number: 7, mac: "0a".repeat(32).parse().unwrap() }),
        at: At::now(&clock),
        load: Some([0.5, 0.25, 0.0]),
        temperature_c: Some(48.5),
        memory_bytes: Some(1024),
        disk: Some(Space { free: 1, total: 2 }),
        unsent: 3,
    };
    let full = json!({"v":1,"state":"degraded","why":"voice: no microphone",
        "loops":[{"name":"voice","state":"degraded"}],"store":{"durable":true},
        "audit":{"number":7,"head":"0a".repeat(32)},
        "at":{"wall_ms":WALL,"trust":"synchronised","mono_ms":0},"load":[0.5,0.25,0.0],"temperature_c":48.5,
        "memory_bytes":1024,"disk":{"free":1,"total":2},"unsent":3});
    assert_eq!(value(&report.clone().encode()), full);
    let blind = HealthReport { load: None, temperature_c: None, memory_bytes: None, disk: None, ..report };
    assert!(value(&blind.encode()).get("temperature_c").is_none(), "what cannot be read is absent, not zero");
}

#[test]
fn event_golden() {
    let event = event(EventKind::LinkChanged { link: "fleet".into(), up: true, why: None });
    let expected = json!({"v":1,"epoch":2,"seq":42,
        "at":{"wall_ms":WALL,"trust":"floor","mono_ms":5,"boot":"b00t"},
        "trace":"00000000000000000000000000000001","kind":"link_changed","data":{"link":"fleet","up":true},
        "lane":"live"});
    assert_eq!(value(&EventMessage::new(&event, Lane::Live, None).encode()), expected);
    let gap = MissingBefore { after: Position { epoch: 2, seq: 39 }, before: event.position, count: Some(2) };
    let with_gap = value(&EventMessage::new(&event, Lane::Backlog, Some(gap)).encode());
    assert_eq!(with_gap["lane"], "backlog");
    assert_eq!(with_gap["gap"], json!({"after":{"epoch":2,"seq":39},"before":{"epoch":2,"seq":42},"count":2}));
}

#[test]
fn an_event_that_is_too_large_goes_out_without_its_data_and_says_so() {
    let event = event(EventKind::Voice { stage: "reply".into(), at_ms: 1, text: Some("x".repeat(2 * MAX_PAYLOAD)) });
    let bytes = EventMessage::new(&event, Lane::Live, None).encode();
    assert!(bytes.len() < 1024);
    let value = value(&bytes);
    assert_eq!((&value["epoch"], &value["seq"], &value["kind"]), (&json!(2), &json!(42), &json!("voice")));
    assert!(value["left_out_bytes"].as_u64().unwrap() > 2 * MAX_PAYLOAD as u64);
    assert!(value.get("data").is_none());
}
