//! Which events are told, in which order, and when they count as having happened.

use serde_json::json;
use victus_hw::points::PointValue;

use super::*;
use crate::event::{BootId, EVENT_FORMAT, Position};

const NOW_MS: i64 = 1_800_000_000_000;

fn stamp(boot: &str, mono_ms: u64, wall_ms: i64, trust: ClockTrust) -> Stamp {
    Stamp { wall_ms, trust, mono_ms, boot: BootId(boot.to_owned()) }
}

fn now() -> Stamp {
    stamp("this", 100_000, NOW_MS, ClockTrust::Synchronised)
}

/// An event of this boot, so many seconds ago.
fn event(seconds_ago: u64, kind: EventKind) -> Event {
    // Its own wall clock had not been set yet.
    let at = stamp("this", 100_000 - seconds_ago * 1000, 0, ClockTrust::Unset);
    Event { v: EVENT_FORMAT, position: Position::default(), at, trace: None, kind }
}

fn call(tool: &str, status: CallStatus) -> EventKind {
    EventKind::ToolCalled {
        tool: tool.to_owned(),
        caller: Caller::voice(),
        risk: if tool.ends_with("get_state") { Risk::Read } else { Risk::Reversible },
        args: json!({"entity": "fan.a", "value": 5}),
        status,
        took_us: 1,
        attempts: None,
        repeated: false,
    }
}

fn changed(cause: Cause, to: Option<bool>) -> EventKind {
    let to = to.map(PointValue::Switch);
    EventKind::EntityChanged { entity: "fan.a".to_owned(), from: Some(PointValue::Switch(true)), to, cause }
}

fn all(events: &[Event]) -> Vec<(&'static str, u64)> {
    told(events, &now(), 0, NOW_MS).into_iter().map(|happened| (happened.what, happened.count)).collect()
}

#[test]
fn what_matters_more_comes_first_then_the_newest_and_what_is_alike_is_one() {
    let refused = CallStatus::Refused { code: "interlock".to_owned(), reason: "No.".to_owned() };
    let events = [
        event(60, changed(Cause::MaxOn, Some(false))),
        event(50, call("entity.turn_on", CallStatus::Done)),
        event(40, call("entity.turn_on", refused)),
        event(30, call("entity.turn_on", CallStatus::Done)),
        event(20, call("entity.turn_off", CallStatus::Done)),
        event(10, call("entity.turn_on", CallStatus::Done)),
        event(5, changed(Cause::Fault, None)),
    ];
    let expected = [("fault", 1), ("tripped_time", 1), ("refused", 1), ("turned_on", 3), ("turned_off", 1)];
    assert_eq!(all(&events), expected);
}

#[test]
fn what_nobody_did_and_what_only_reads_is_not_told() {
    let events = [
        event(9, call("entity.get_state", CallStatus::Done)),
        event(8, call("timer.start", CallStatus::Done)),
        event(7, changed(Cause::Input, Some(true))),
        event(6, changed(Cause::Fault, Some(true))),
        event(5, EventKind::Voice { stage: "wake".to_owned(), at_ms: 1, text: None }),
    ];
    assert_eq!(all(&events), []);
}

#[test]
fn an_event_of_this_boot_is_placed_by_the_monotonic_clock_and_another_only_by_a_clock_that_was_set() {
    assert_eq!(placed(&event(60, call("x", CallStatus::Done)).at, &now()), Some(NOW_MS - 60_000));
    let before = |trust| placed(&stamp("before", 5, NOW_MS - 7, trust), &now());
    assert_eq!(before(ClockTrust::Floor), Some(NOW_MS - 7));
    assert_eq!(before(ClockTrust::Unset), None);
}

#[test]
fn a_journal_full_of_different_things_is_told_within_a_bound() {
    let kind = |name: String| EventKind::TimerFinished { timer: String::new(), name: Some(name), late_ms: 0 };
    let events: Vec<Event> = (0..2 * MAX_KINDS).map(|number| event(1, kind(number.to_string()))).collect();
    assert_eq!(all(&events).len(), MAX_KINDS);
}
