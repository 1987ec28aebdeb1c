//! Timers over time, restarts and jumps of the clock.

use std::path::Path;

use victus_hw::clock::{ClockTrust, SimulatedClock, WallTime};

use super::*;
use crate::event::Event;
use crate::store::StoreOptions;

fn open(folder: &Path, clock: &Arc<SimulatedClock>, boot: &str) -> (Store, Timers) {
    let boot = BootId(boot.to_owned());
    let store = Store::open(StoreOptions::new(folder.join("db"), clock.clone(), boot.clone())).unwrap();
    let timers = Timers::load(store.clone(), clock.clone(), boot).unwrap();
    (store, timers)
}

fn finished(store: &Store) -> Vec<(String, u64)> {
    let late = |event: Event| match event.kind {
        EventKind::TimerFinished { timer, late_ms, .. } => Some((timer, late_ms)),
        _ => None,
    };
    store.journal().latest(1000).unwrap().into_iter().filter_map(late).collect()
}

async fn start(timers: &Timers, id: &str, seconds: u64) -> Timer {
    timers.start(id.to_owned(), None, Duration::from_secs(seconds), None).await.unwrap()
}

#[tokio::test]
async fn a_timer_finishes_once_and_not_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &clock, "one");
    start(&timers, "short", 10).await;
    start(&timers, "long", 60).await;
    clock.advance(Duration::from_millis(9_999));
    timers.finish_due().await;
    assert_eq!(finished(&store), []);
    assert_eq!(timers.list()[0].left_ms, 1);
    clock.advance(Duration::from_millis(1));
    timers.finish_due().await;
    timers.finish_due().await;
    assert_eq!(finished(&store), [("short".to_owned(), 0)]);
    assert_eq!(timers.list().len(), 1);
}

#[tokio::test]
async fn a_paused_timer_stands_still_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &clock, "one");
    start(&timers, "egg", 10).await;
    clock.advance(Duration::from_secs(4));
    assert_eq!(timers.set_paused("egg", true, None).await.unwrap().left_ms, 6_000);
    clock.advance(Duration::from_secs(100));
    timers.finish_due().await;
    assert_eq!(finished(&store), []);
    timers.set_paused("egg", false, None).await.unwrap();
    clock.advance(Duration::from_secs(6));
    timers.finish_due().await;
    assert_eq!(finished(&store), [("egg".to_owned(), 0)]);
}

#[tokio::test]
async fn timers_survive_a_restart_of_the_program_whatever_wall_time_does() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &clock, "one");
    start(&timers, "egg", 100).await;
    drop((store, timers));
    clock.advance(Duration::from_secs(40));
    clock.set_wall(WallTime { unix_ms: 5, trust: ClockTrust::Unset });
    let (_store, timers) = open(folder.path(), &clock, "one");
    assert_eq!(timers.list()[0].left_ms, 60_000);
}

#[tokio::test]
async fn over_a_reboot_a_timer_goes_by_wall_time_and_says_how_late_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let before = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &before, "one");
    start(&timers, "due", 100).await;
    start(&timers, "later", 1_000).await;
    drop((store, timers));
    let after = Arc::new(SimulatedClock::new(1_800_000_300_000));
    let (store, timers) = open(folder.path(), &after, "two");
    timers.finish_due().await;
    assert_eq!(finished(&store), [("due".to_owned(), 200_000)]);
    assert_eq!(timers.list()[0].left_ms, 700_000);
}

#[tokio::test]
async fn a_boot_without_a_clock_makes_a_timer_late_and_never_loses_it() {
    let folder = tempfile::tempdir().unwrap();
    let before = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &before, "one");
    start(&timers, "egg", 100).await;
    drop((store, timers));
    let after = Arc::new(SimulatedClock::new(0));
    after.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Unset });
    let (store, timers) = open(folder.path(), &after, "two");
    assert_eq!(timers.list()[0].left_ms, 100_000);
    after.advance(Duration::from_secs(100));
    timers.finish_due().await;
    assert_eq!(finished(&store), [("egg".to_owned(), 0)]);
}

#[tokio::test]
async fn a_timer_is_extended_and_shortened_and_keeps_a_second_at_least() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (store, timers) = open(folder.path(), &clock, "one");
    start(&timers, "egg", 100).await;
    clock.advance(Duration::from_secs(40));
    let longer = timers.change("egg", 300, None).await.unwrap();
    assert_eq!((longer.left_ms, longer.total_ms), (360_000, 400_000));
    let shorter = timers.change("egg", -350, None).await.unwrap();
    assert_eq!((shorter.left_ms, shorter.total_ms), (10_000, 50_000));
    for by in [-10, -11, i64::MIN] {
        assert!(matches!(timers.change("egg", by, None).await, Err(TimerError::Left { left_seconds: 10 })), "{by}");
    }
    assert!(matches!(timers.change("egg", 99 * 3600, None).await, Err(TimerError::Duration)));
    assert!(matches!(timers.change("egg", i64::MAX, None).await, Err(TimerError::Duration)));
    assert!(matches!(timers.change("tea", 5, None).await, Err(TimerError::Unknown)));
    timers.set_paused("egg", true, None).await.unwrap();
    assert_eq!(timers.change("egg", 5, None).await.unwrap().left_ms, 15_000);
    drop((store, timers));
    clock.advance(Duration::from_secs(3600));
    let (store, timers) = open(folder.path(), &clock, "one");
    assert!(timers.list()[0].paused);
    timers.set_paused("egg", false, None).await.unwrap();
    clock.advance(Duration::from_secs(15));
    timers.finish_due().await;
    assert_eq!(finished(&store), [("egg".to_owned(), 0)]);
}

/// What a kill leaves in the store, and what happens a minute later at the next start.
#[tokio::test]
async fn killed_in_each_state_of_a_timer() {
    let timer = |paused: bool, clock: &Arc<SimulatedClock>| Timer {
        id: "egg".to_owned(),
        name: None,
        total_ms: 100_000,
        left_ms: 100_000,
        paused,
        as_of: Stamp::now(clock.as_ref(), &BootId("one".to_owned())),
    };
    // The state, what is stored then, what is told already, and what follows: how long is left, or how late it is told.
    let states = [
        ("before it is stored", None, false, 0, None, None),
        ("stored, and its start not told", Some(false), false, 0, Some(40_000), None),
        ("paused, and that not told", Some(true), false, 0, Some(100_000), None),
        ("due, and its end not told", Some(false), false, 100, None, Some(vec![60_000])),
        ("its end told, and not removed", Some(false), true, 100, None, Some(vec![0, 60_000])),
        ("removed", None, true, 100, None, Some(vec![0])),
    ];
    for (state, stored, told, elapsed, left, late) in states {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
        let (store, timers) = open(folder.path(), &clock, "one");
        if let Some(paused) = stored {
            store.table(TableName::Timers).put("egg", &timer(paused, &clock)).await.unwrap();
        }
        clock.advance(Duration::from_secs(elapsed));
        if told {
            let kind = EventKind::TimerFinished { timer: "egg".to_owned(), name: None, late_ms: 0 };
            store.journal().append(None, kind).await;
        }
        drop((store, timers));
        clock.advance(Duration::from_secs(60));
        let (store, timers) = open(folder.path(), &clock, "one");
        timers.finish_due().await;
        timers.finish_due().await;
        let lateness: Vec<u64> = finished(&store).into_iter().map(|(_, late)| late).collect();
        assert_eq!(timers.list().first().map(|timer| timer.left_ms), left, "{state}");
        assert_eq!(lateness, late.unwrap_or_default(), "{state}");
    }
}

#[tokio::test]
async fn bad_durations_unknown_timers_and_too_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let (_store, timers) = open(folder.path(), &clock, "one");
    for duration in [Duration::ZERO, MAX_DURATION + Duration::from_secs(1)] {
        let error = timers.start("x".to_owned(), None, duration, None).await.unwrap_err();
        assert!(matches!(error, TimerError::Duration));
    }
    assert!(matches!(timers.cancel("nobody", None).await, Err(TimerError::Unknown)));
    for number in 0..MAX_TIMERS {
        start(&timers, &format!("timer-{number:03}"), 60).await;
    }
    let error = timers.start("more".to_owned(), None, Duration::from_secs(1), None).await.unwrap_err();
    assert!(matches!(error, TimerError::TooMany));
    timers.cancel("timer-042", None).await.unwrap();
    start(&timers, "more", 60).await;
}
