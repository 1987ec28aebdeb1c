//! When triggers fire, over changes of entities, restarts and jumps of the clock.

use std::sync::Arc;

use serde_json::{Value, json};
use victus_hw::clock::{ClockTrust, SimulatedClock, WallTime};

use super::*;
use crate::workflows::engine::Engine;
use crate::workflows::tests::{Bench, Life};

/// A stretch of a bench's life: what began in it.
async fn begun(life: &Life, engine: &mut Engine<'_>) -> usize {
    let before = life.all.runs(None, 1000).unwrap().len();
    life.live_on(engine).await;
    life.all.runs(None, 1000).unwrap().len() - before
}

fn wall(clock: &SimulatedClock, time: &str) {
    let at: jiff::Timestamp = time.parse().unwrap();
    clock.set_wall(WallTime { unix_ms: at.as_millisecond(), trust: ClockTrust::Synchronised });
}

fn facts(life: &Life) -> Value {
    serde_json::to_value(&life.all.runs(None, 1).unwrap()[0].trigger).unwrap()
}

fn set(life: &Life, on: bool) {
    life.entities.points().set("fan.hall", PointValue::Switch(on)).unwrap();
}

const ON: &str = "[[trigger]]\nentity='fan.hall'\nis='on'\n";
const STEP: &str = "[[step]]\nwait='0s'\n";

#[tokio::test]
async fn an_entity_fires_once_each_time_that_it_becomes_so() {
    let bench = Bench::new();
    bench.write("on", &format!("{ON}{STEP}"));
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    assert_eq!(begun(&life, &mut engine).await, 0);
    set(&life, true);
    assert_eq!(begun(&life, &mut engine).await, 1);
    assert_eq!(facts(&life), json!({"kind": "entity", "entity": "fan.hall", "value": true}));
    assert_eq!(begun(&life, &mut engine).await, 0);
    // On for a moment only, between two looks.
    set(&life, false);
    set(&life, true);
    set(&life, false);
    assert_eq!(begun(&life, &mut engine).await, 1);
}

#[tokio::test]
async fn it_has_to_hold_for_the_stated_time_without_a_break() {
    let bench = Bench::new();
    bench.write("on", &format!("{ON}for='10s'\n{STEP}"));
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    set(&life, true);
    assert_eq!(begun(&life, &mut engine).await, 0);
    bench.clock.advance(Duration::from_secs(9));
    assert_eq!(begun(&life, &mut engine).await, 0);
    assert_eq!(engine.until_due(), Some(Duration::from_secs(1)));
    set(&life, false);
    set(&life, true);
    bench.clock.advance(Duration::from_secs(9));
    assert_eq!(begun(&life, &mut engine).await, 0);
    bench.clock.advance(Duration::from_secs(1));
    // It is over by the time that somebody looks, and it was so for long enough.
    set(&life, false);
    assert_eq!(begun(&life, &mut engine).await, 1);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(begun(&life, &mut engine).await, 0);
}

#[tokio::test]
async fn what_has_fired_and_still_holds_does_not_fire_again_after_a_restart() {
    let bench = Bench::new();
    // Every line is off at the start: off holds over a restart.
    bench.write("off", &format!("[[trigger]]\nentity='fan.hall'\nis='off'\nfor='10s'\n{STEP}"));
    for expected in [1, 0, 0] {
        let life = bench.life();
        let mut engine = Engine::open(&life.all).await.unwrap();
        assert_eq!(begun(&life, &mut engine).await, 0);
        bench.clock.advance(Duration::from_secs(10));
        assert_eq!(begun(&life, &mut engine).await, expected);
    }
}

#[tokio::test]
async fn a_condition_that_does_not_hold_or_has_no_value_begins_nothing() {
    let bench = Bench::new();
    bench.write("no", &format!("when='1 == 2'\n{ON}{STEP}"));
    bench.write("torn", &format!("{ON}when='slots.nobody == 1'\n{STEP}"));
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    set(&life, true);
    assert_eq!(begun(&life, &mut engine).await, 0);
    let reasons: Vec<String> = life
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::WorkflowFaulty { workflow, reason } => Some(format!("{workflow}: {reason}")),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].contains("torn: ") && reasons[0].contains("there is no `nobody`"), "{reasons:?}");
}

#[tokio::test]
async fn a_schedule_fires_once_for_each_of_its_dates() {
    let bench = Bench::new();
    bench.write("early", &format!("[[trigger]]\nevery='weekday'\nat='06:00'\n{STEP}"));
    // Friday 2026-11-27, 05:59 in Berlin.
    wall(&bench.clock, "2026-11-27T04:59:00Z");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    assert_eq!(begun(&life, &mut engine).await, 0);
    assert_eq!(engine.until_due(), Some(Duration::from_secs(60)));
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(begun(&life, &mut engine).await, 1);
    assert_eq!(facts(&life), json!({"kind": "schedule", "date": "2026-11-27", "at": "06:00"}));
    for (time, expected) in [
        ("2026-11-27T05:00:30Z", 0),
        ("2026-11-27T04:59:59Z", 0),
        ("2026-11-27T05:00:00Z", 0),
        ("2026-11-28T05:00:00Z", 0),
        ("2026-11-30T05:00:01Z", 1),
    ] {
        wall(&bench.clock, time);
        assert_eq!(begun(&life, &mut engine).await, expected, "{time}");
    }
    drop(engine);
    drop(life);
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    assert_eq!(begun(&life, &mut engine).await, 0, "not again after a restart");
}

#[tokio::test]
async fn a_skipped_time_counts_after_the_gap_and_a_doubled_one_once() {
    for (date, table) in [
        // The clock goes from 02:00 to 03:00 at 01:00 UTC.
        (
            "2027-03-27T12:00:00Z",
            &[("2027-03-28T00:59:59Z", 0), ("2027-03-28T01:00:00Z", 1), ("2027-03-28T01:30:00Z", 0)],
        ),
        // And from 03:00 to 02:00 at 01:00 UTC.
        (
            "2027-10-30T12:00:00Z",
            &[("2027-10-31T00:29:59Z", 0), ("2027-10-31T00:30:00Z", 1), ("2027-10-31T01:30:00Z", 0)],
        ),
    ] {
        let bench = Bench::new();
        bench.write("night", &format!("[[trigger]]\nevery='day'\nat='02:30'\n{STEP}"));
        wall(&bench.clock, date);
        let life = bench.life();
        let mut engine = Engine::open(&life.all).await.unwrap();
        assert_eq!(begun(&life, &mut engine).await, 0);
        for (time, expected) in table {
            wall(&bench.clock, time);
            assert_eq!(begun(&life, &mut engine).await, *expected, "{time}");
        }
    }
}

#[tokio::test]
async fn what_is_late_is_passed_over_and_a_wrong_clock_does_no_lasting_harm() {
    let bench = Bench::new();
    bench.write("early", &format!("[[trigger]]\nevery='day'\nat='06:00'\n{STEP}"));
    wall(&bench.clock, "2026-11-26T12:00:00Z");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    assert_eq!(begun(&life, &mut engine).await, 0);
    for (time, trust, expected) in [
        ("2026-11-27T05:10:01Z", ClockTrust::Synchronised, 0),
        ("2026-11-28T05:00:00Z", ClockTrust::Unset, 0),
        ("2026-11-28T05:09:59Z", ClockTrust::Floor, 1),
        // Years ahead, and back again.
        ("2031-11-28T12:00:00Z", ClockTrust::Floor, 0),
        ("2026-11-29T04:00:00Z", ClockTrust::Synchronised, 0),
        ("2026-11-29T05:00:00Z", ClockTrust::Synchronised, 1),
    ] {
        let at: jiff::Timestamp = time.parse().unwrap();
        bench.clock.set_wall(WallTime { unix_ms: at.as_millisecond(), trust });
        assert_eq!(begun(&life, &mut engine).await, expected, "{time}");
    }
}

#[tokio::test]
async fn one_that_is_new_does_not_fire_for_a_time_that_has_passed() {
    let bench = Bench::new();
    wall(&bench.clock, "2026-11-27T05:05:00Z");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    bench.write("early", &format!("[[trigger]]\nevery='day'\nat='06:00'\n{STEP}"));
    Arc::clone(&life.all).reload().await;
    assert_eq!(begun(&life, &mut engine).await, 0);
    bench.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(begun(&life, &mut engine).await, 1);
}
