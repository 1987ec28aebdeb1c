//! What happened and what is wrong, as it is said.

use victus_hw::clock::{ClockTrust, WallTime};
use victus_hw::points::Cause;

use super::*;
use crate::event::EventKind;
use crate::health::LoopState;

impl Bench {
    async fn happens(&self, kind: EventKind) {
        self.clock.advance(Duration::from_secs(60));
        self.appliance.store.journal().append(None, kind).await;
    }
}

fn tripped(entity: &str) -> EventKind {
    let (from, to) = (Some(PointValue::Switch(true)), Some(PointValue::Switch(false)));
    EventKind::EntityChanged { entity: entity.to_owned(), from, to, cause: Cause::MaxOn }
}

#[tokio::test]
async fn what_happened_is_said_with_who_how_often_and_when() {
    let bench = bench();
    assert_eq!(bench.ask("what happened last night").await.reply, "Nothing happened last night.");
    for text in ["open the main valve", "turn on the desk light", "turn off the desk light", "turn on the desk light"] {
        bench.clock.advance(Duration::from_secs(60));
        bench.ask(text).await;
    }
    bench.happens(tripped("fan.extraction_fan")).await;
    let turn = bench.ask("did anything happen today").await;
    assert_eq!(turn.outcome, Outcome::Done, "{turn:?}");
    let said: Vec<&str> = turn.reply.split(". ").collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("Extraction fan made safe after its longest time on, at eight"), "{said:?}");
    assert!(said[1].starts_with("Desk light turned on at the panel, two times, at eight"), "{said:?}");
    assert!(said[2].starts_with("Desk light turned off at the panel, at eight"), "{said:?}");
    assert!(said[3].starts_with("Main valve opened at the panel, at eight"), "{said:?}");
    bench.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(bench.ask("what happened in the last hour").await.reply, "Nothing happened in the last hour.");
}

#[tokio::test]
async fn no_more_than_five_things_are_said() {
    let bench = bench();
    for number in 0..8 {
        let name = Some(format!("number {number}"));
        bench.happens(EventKind::TimerFinished { timer: "t".to_owned(), name, late_ms: 0 }).await;
    }
    let reply = bench.ask("anything new").await.reply;
    assert_eq!(reply.matches("ended").count(), 5, "{reply}");
    assert!(reply.starts_with("The timer number 7 ended") && reply.ends_with("And three more."), "{reply}");
}

#[tokio::test]
async fn without_a_clock_nobody_knows_what_happened_yesterday() {
    let bench = bench();
    bench.clock.set_wall(WallTime { unix_ms: 5_000, trust: ClockTrust::Unset });
    let turn = bench.ask("what happened yesterday").await;
    assert_eq!(turn.reply, "I can't tell, because my clock has not been set.");
}

#[tokio::test]
async fn alarms_are_what_is_wrong_now_and_what_went_wrong_in_the_last_hour() {
    let bench = bench();
    assert_eq!(bench.ask("are there any alarms").await.reply, "There is no alarm.");
    bench.appliance.health.set("voice", LoopState::Down("no microphone".to_owned()));
    bench.appliance.health.set("announce", LoopState::Degraded("slow".to_owned()));
    bench.happens(tripped("fan.extraction_fan")).await;
    bench.ask("turn on the desk light").await;
    let reply = bench.ask("is anything in alarm").await.reply;
    let (down, fan) = reply.split_once(". ").unwrap();
    assert_eq!(down, "My part voice is down");
    assert!(fan.starts_with("Extraction fan made safe") && !fan.contains("Desk light"), "{reply}");
    bench.clock.set_wall(WallTime { unix_ms: 5_000, trust: ClockTrust::Unset });
    let reply = bench.ask("is anything in alarm").await.reply;
    assert!(reply.ends_with("Extraction fan made safe after its longest time on."), "no time is made up: {reply}");
    bench.clock.advance(Duration::from_secs(3700));
    bench.appliance.health.set("voice", LoopState::Up);
    assert_eq!(bench.ask("which alarms are active").await.reply, "There is no alarm.");
}

#[tokio::test]
async fn german_and_dutch_answer_in_their_own_words() {
    let german = [
        ("sag das noch mal", "Bisher habe ich nichts gesagt."),
        ("warum", "Bisher habe ich nichts gemacht."),
        ("mach das rückgängig", "Es gibt nichts, was rückgängig zu machen wäre."),
        ("was ist heute passiert", "Es ist nichts passiert: heute."),
        ("gibt es Alarme", "Es liegt kein Alarm an."),
        ("lauter", "Ist es so besser?"),
        ("warum", "Verstanden habe ich: meine Lautstärke, nach Zeile"),
        ("mach das rückgängig", "Rückgängig gemacht."),
    ];
    let dutch = [
        ("waarom", "Ik heb nog niets gedaan."),
        ("wat is er vandaag gebeurd", "Er is niets gebeurd: vandaag."),
        ("harder", "Is het zo beter?"),
        ("waarom", "Ik begreep: mijn volume, volgens regel"),
    ];
    for (language, table) in [("de", &german[..]), ("nl", &dutch[..])] {
        let bench = bench_in(language);
        for (text, said) in table {
            bench.clock.advance(Duration::from_secs(1));
            let turn = bench.ask(text).await;
            assert!(turn.reply.contains(said), "{text}: {turn:?}");
        }
        bench.happens(tripped("fan.extraction_fan")).await;
        let asked = if language == "de" { "was ist passiert" } else { "wat is er gebeurd" };
        let reply = bench.ask(asked).await.reply;
        assert!(reply.starts_with("Extraction fan ") && !reply.contains(" made safe"), "{reply}");
    }
}
