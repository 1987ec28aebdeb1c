//! What is remembered, of whom, and for how long.

use serde_json::json;
use victus_hw::clock::ClockTrust;

use super::*;
use crate::event::{Stamp, TraceId};
use crate::turn::{TURN_FORMAT, Times};

fn seconds(seconds: u64) -> Monotonic {
    Monotonic::from_duration(Duration::from_secs(seconds))
}

/// A turn that began at that second and turned an entity on.
fn turn(second: u64, caller: Caller, entity: &str) -> Turn {
    let boot = BootId("boot".to_owned());
    Turn {
        v: TURN_FORMAT,
        id: TurnId::new(1, second * 1000, second),
        trace_id: TraceId::from_random(7),
        at: Stamp { wall_ms: 0, trust: ClockTrust::Unset, mono_ms: second * 1000, boot },
        caller,
        text: "turn it on".to_owned(),
        conversation: None,
        intent: Some("HassTurnOn".to_owned()),
        slots: BTreeMap::new(),
        repaired: None,
        confidence: None,
        heard: None,
        link_up: false,
        levels: Default::default(),
        template: None,
        route: None,
        outcome: Outcome::Done,
        plan: vec![Step::new("entity.turn_on", json!({"entity": entity}))],
        steps: Vec::new(),
        reply: String::new(),
        asks: None,
        answers: None,
        recorded: true,
        times_ms: Times::default(),
    }
}

fn asking(second: u64, caller: Caller) -> Turn {
    let reading = Understood { intent: "HassTurnOn".to_owned(), ..Understood::default() };
    let asks = Some(Question::Whether { readings: vec![reading] });
    Turn { outcome: Outcome::Asked, plan: Vec::new(), asks, ..turn(second, caller, "") }
}

fn recent(memory: &Memory) -> Vec<String> {
    memory.recent.as_ref().map(|recent| recent.understood.entities.clone()).unwrap_or_default()
}

#[test]
fn a_memory_is_of_one_speaker_and_ends_by_time() {
    let (voice, panel) = (Speaker::new(&Caller::voice(), None), Speaker::new(&Caller::panel(), None));
    let memories = Memories::default();
    memories.note(&turn(10, Caller::voice(), "fan.a"), None);
    memories.note(&asking(20, Caller::voice()), None);
    let now = memories.recall(&voice, seconds(21));
    assert_eq!(recent(&now), ["fan.a"], "a question does not make the fan forgotten");
    assert_eq!(now.context()[QUESTION], "whether");
    assert_eq!(memories.recall(&panel, seconds(21)), Memory::default());
    let named = Speaker::new(&Caller::voice(), Some("other"));
    assert_eq!(memories.recall(&named, seconds(21)), Memory::default());
    assert!(memories.recall(&voice, seconds(79)).asked.is_some());
    assert!(memories.recall(&voice, seconds(80)).asked.is_none(), "a question waits for a minute");
    assert_eq!(recent(&memories.recall(&voice, seconds(309))), ["fan.a"]);
    assert!(memories.recall(&voice, seconds(310)).recent.is_none(), "five minutes later nobody knows what it is");
}

#[test]
fn who_was_not_understood_may_say_it_again_and_anything_else_ends_the_question() {
    let speaker = Speaker::new(&Caller::voice(), None);
    let memories = Memories::default();
    let token = Token::new("t");
    memories.note(&asking(10, Caller::voice()), Some(token.clone()));
    let mumbled = Turn { outcome: Outcome::NotUnderstood, plan: Vec::new(), ..turn(12, Caller::voice(), "") };
    assert_eq!(memories.note(&mumbled, None), None);
    assert!(memories.recall(&speaker, seconds(13)).asked.is_some());
    assert_eq!(memories.note(&asking(14, Caller::voice()), Some(token.clone())), None, "the same question goes on");
    assert_eq!(memories.note(&turn(15, Caller::voice(), "fan.a"), None), Some(token), "its token is no longer good");
    assert!(memories.recall(&speaker, seconds(16)).asked.is_none());
}

#[test]
fn the_stored_turns_of_this_boot_are_remembered_and_no_token_is() {
    let speaker = Speaker::new(&Caller::voice(), None);
    let (old, new) = (turn(10, Caller::voice(), "fan.old"), turn(20, Caller::voice(), "fan.new"));
    let question = asking(30, Caller::voice());
    let memories = Memories::of(&[question, new, old], &BootId("boot".to_owned()));
    let memory = memories.recall(&speaker, seconds(31));
    assert_eq!(recent(&memory), ["fan.new"]);
    assert_eq!(memory.asked.map(|asked| asked.token), Some(None));
    let other_boot = Memories::of(&[turn(20, Caller::voice(), "fan.new")], &BootId("another".to_owned()));
    assert_eq!(other_boot.recall(&speaker, seconds(21)), Memory::default());
}

#[test]
fn the_memories_are_bounded_and_the_longest_silent_is_forgotten() {
    let memories = Memories::default();
    let of = |number: usize| Turn {
        conversation: Some(format!("c{number}")),
        ..turn(number as u64, Caller::panel(), "fan.a")
    };
    for number in 0..=MAX_MEMORIES {
        memories.note(&of(number), None);
    }
    let knows = |number: usize| {
        let speaker = Speaker::new(&Caller::panel(), Some(&format!("c{number}")));
        memories.recall(&speaker, seconds(number as u64 + 1)).recent.is_some()
    };
    assert!(!knows(0) && knows(1) && knows(MAX_MEMORIES));
    assert_eq!(memories.lock().len(), MAX_MEMORIES);
}
