//! Commands as they come, well and badly formed.

use proptest::prelude::*;
use victus_agent::event::{BootId, EVENT_FORMAT, Position, Stamp};
use victus_hw::clock::ClockTrust;

use super::*;

fn parse(text: &str) -> Result<Command, CommandError> {
    Command::parse(text.as_bytes())
}

#[test]
fn a_command_is_read() {
    let command = parse(r#"{"v":1,"tool":"entity.set","args":{"entity":"fan.x"},"ttl_s":1.5,"later":true}"#).unwrap();
    assert_eq!(command.tool, "entity.set");
    assert_eq!(command.args, json!({"entity":"fan.x"}));
    assert_eq!(command.expiry, Expiry::After(Duration::from_millis(1500)));
    assert_eq!(
        parse(r#"{"tool":"status"}"#).unwrap(),
        Command { tool: "status".into(), args: json!({}), expiry: Expiry::Never, confirm: None }
    );
}

#[test]
fn a_time_is_read_as_seconds_and_as_rfc_3339() {
    let at = |expires: &str| parse(&format!(r#"{{"tool":"t","expires":{expires}}}"#)).unwrap().expiry;
    assert_eq!(at("1790000000"), Expiry::At(1_790_000_000_000));
    assert_eq!(at("1790000000.5"), Expiry::At(1_790_000_000_500));
    assert_eq!(at(r#""2026-09-21T14:13:20Z""#), Expiry::At(1_790_000_000_000));
    assert_eq!(at(r#""2026-09-21T16:13:20+02:00""#), Expiry::At(1_790_000_000_000));
}

#[test]
fn what_cannot_be_read_is_refused_with_what_is_wrong() {
    for (text, part) in [
        ("", "empty"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("\"x\"", "not a JSON object"),
        ("{}", "`tool`"),
        (r#"{"tool":""}"#, "`tool`"),
        (r#"{"tool":5}"#, "`tool`"),
        (r#"{"tool":"t","args":[]}"#, "`args`"),
        (r#"{"tool":"t","args":"x"}"#, "`args`"),
        (r#"{"tool":"t","v":2}"#, "`v`"),
        (r#"{"tool":"t","ttl_s":0}"#, "`ttl_s`"),
        (r#"{"tool":"t","ttl_s":-1}"#, "`ttl_s`"),
        (r#"{"tool":"t","ttl_s":1e300}"#, "`ttl_s`"),
        (r#"{"tool":"t","ttl_s":"5"}"#, "`ttl_s`"),
        (r#"{"tool":"t","expires":-1}"#, "`expires`"),
        (r#"{"tool":"t","expires":1e300}"#, "`expires`"),
        (r#"{"tool":"t","expires":"tomorrow"}"#, "`expires`"),
        (r#"{"tool":"t","expires":"2026-09-21T14:13:20"}"#, "`expires`"),
        (r#"{"tool":"t","expires":1,"ttl_s":1}"#, "exclude each other"),
    ] {
        let refused = parse(text).unwrap_err().to_string();
        assert!(refused.contains(part), "{text}: {refused}");
    }
    assert!(matches!(Command::parse(&[0xff, 0xfe, 0x00]), Err(CommandError::NotJson(_))));
    assert_eq!(Command::parse(&vec![b' '; MAX_COMMAND + 1]), Err(CommandError::TooLarge(MAX_COMMAND + 1)));
    let deep = "[".repeat(50_000);
    assert!(matches!(parse(&deep), Err(CommandError::NotJson(_))), "deep nesting overflows no stack");
}

#[test]
fn equal_commands_have_equal_digests_and_others_have_not() {
    let digest = |text: &str| parse(text).unwrap().digest();
    let one = digest(r#"{"tool":"t","args":{"a":1,"b":{"c":[1,2],"d":null}}}"#);
    assert_eq!(one, digest(r#"{ "args":{"b":{"d":null,"c":[1,2]},"a":1}, "tool":"t" , "v":1}"#));
    assert_eq!(one.len(), 64);
    for other in [
        r#"{"tool":"u","args":{"a":1,"b":{"c":[1,2],"d":null}}}"#,
        r#"{"tool":"t","args":{"a":2,"b":{"c":[1,2],"d":null}}}"#,
        r#"{"tool":"t","args":{"a":1,"b":{"c":[2,1],"d":null}}}"#,
        r#"{"tool":"t","args":{"a":1,"b":{"c":[1,2]}}}"#,
        r#"{"tool":"t","args":{"a":1,"b":{"c":[1,2],"d":null}},"ttl_s":5}"#,
    ] {
        assert_ne!(one, digest(other), "{other}");
    }
}

fn event(kind: EventKind) -> Event {
    let at = Stamp { wall_ms: 7, trust: ClockTrust::Unset, mono_ms: 5, boot: BootId("b".into()) };
    Event { v: EVENT_FORMAT, position: Position { epoch: 1, seq: 9 }, at, trace: None, kind }
}

#[test]
fn reply_golden() {
    let mut reply = Reply::new("c-1", CommandState::Done);
    reply.tool = Some("entity.set".into());
    reply.result = json!({"value": true});
    reply.took_ms = Some(12);
    let (id, bytes) = reply_of(&event(reply.into_event("fleet")), "fleet").unwrap();
    assert_eq!(id, "c-1");
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        json!({"v":1,"id":"c-1","state":"done","tool":"entity.set","result":{"value":true},"took_ms":12,
            "epoch":1,"seq":9,"at":{"wall_ms":7,"trust":"unset","mono_ms":5,"boot":"b"}})
    );
    let refused = Reply::new("c-2", CommandState::Refused).because("unknown_tool", "There is no tool x.");
    let event = event(refused.into_event("fleet"));
    let (_, bytes) = reply_of(&event, "fleet").unwrap();
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&value["code"], &value["reason"]), (&json!("unknown_tool"), &json!("There is no tool x.")));
    assert_eq!(reply_of(&event, "other"), None, "a reply goes back over the link that the command came by");
}

proptest! {
    #[test]
    fn no_bytes_are_fatal(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _read_or_refused = Command::parse(&bytes);
    }

    #[test]
    fn nothing_like_a_command_is_fatal(text in r#"\{("(tool|args|expires|ttl_s|v)":("[a-z0-9:.TZ-]{0,24}"|-?[0-9]{1,25}(\.[0-9]{1,5})?(e[0-9]{1,4})?|null|\{\}|\[\]),?){0,5}\}"#) {
        if let Ok(command) = Command::parse(text.as_bytes()) {
            prop_assert!(command.args.is_object());
            prop_assert_eq!(command.digest().len(), 64);
        }
    }
}
