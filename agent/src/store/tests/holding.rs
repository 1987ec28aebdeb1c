//! What is held in memory while the disk refuses.

use super::*;

pub(super) fn refuse(store: &Store) {
    assert!(store.core.say(Message::Failed(Fault::Full("as asked".to_owned()))));
}

fn gaps(events: &[Event]) -> Vec<(Class, Position, Position, u64)> {
    let gap = |event: &Event| match &event.kind {
        EventKind::Gap { class, first, last, count, .. } => Some((*class, *first, *last, *count)),
        _ => None,
    };
    events.iter().filter_map(gap).collect()
}

#[tokio::test]
async fn the_memory_has_a_bound_drops_chatter_first_and_accounts_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.memory.events = 20;
    let store = Store::open(options).unwrap();
    store.journal().append(None, record(0)).await;
    refuse(&store);
    let mut held = Vec::new();
    for n in 1..=30 {
        let kind = if n % 2 == 0 { chatter("words") } else { record(n) };
        let recorded = store.journal().append(None, kind).await;
        assert!(!recorded.durable);
        held.push(recorded.event);
    }
    assert_eq!(store.status().dropped, 10);
    let shown = store.journal().read(Position { epoch: 1, seq: 1 }, 100).unwrap();
    assert_eq!(shown.len(), 20);
    assert_eq!(shown.iter().filter(|event| event.kind.class() == Class::Record).count(), 15);
    assert!(store.try_recover().await);
    store.journal().append(None, record(99)).await;
    let all = store.journal().read(Position::default(), 100).unwrap();
    // Ten pieces of chatter are missing: those at the even places from 2 to 20.
    assert_eq!(gaps(&all), [(Class::Chatter, held[1].position, held[19].position, 10)]);
    assert_eq!(all.len(), 1 + 20 + 1 + 1);
}

#[tokio::test]
async fn gaps_that_are_dropped_themselves_are_told_again() {
    let mut memory = memory::Memory::new(MemoryLimits { events: 2, ..MemoryLimits::default() });
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let mut sequence = Sequence { epoch: 5, last: 0 };
    let mut add = |memory: &mut memory::Memory, kind| memory.add(store.core.shared.place(&mut sequence, None, kind));
    let at = |seq| Position { epoch: 4, seq };
    let gap = EventKind::Gap { class: Class::Record, first: at(3), last: at(9), count: 4, reason: "full".to_owned() };
    add(&mut memory, gap.clone());
    for _ in 0..2 {
        add(&mut memory, EventKind::LoopCrashed { name: "voice".to_owned(), reason: "x".to_owned(), restarts: 1 });
    }
    let missing = memory.take_missing(1);
    let of = |class| {
        missing.iter().find(|(of, _)| *of == class).map(|(_, missing)| (missing.first, missing.last, missing.count))
    };
    assert_eq!(of(Class::Record), Some((at(3), at(9), 4)));
    assert_eq!(of(Class::Alarm).map(|(.., count)| count), Some(1));
}

#[tokio::test]
async fn changes_are_held_within_a_bound_and_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut bounded = options(folder.path());
    bounded.memory.change_bytes = 10_000;
    let store = Store::open(bounded).unwrap();
    let ledger = store.table(TableName::Ledger);
    assert_eq!(ledger.put("a", &1).await, Ok(true));
    assert_eq!(ledger.put("b", &2).await, Ok(true));
    refuse(&store);
    assert_eq!(ledger.put("c", &3).await, Ok(false));
    assert_eq!(ledger.remove("a").await, Ok(false));
    assert!(!store.turns().put(&turn(1, Outcome::Running)).await);
    assert_eq!(ledger.put("d", &"x".repeat(20_000)).await, Err(StoreError::MemoryFull));
    let seen = Ok(vec![("b".to_owned(), 2), ("c".to_owned(), 3)]);
    assert_eq!(ledger.entries::<u32>(10), seen);
    assert_eq!(ledger.get::<u32>("a"), Ok(None));
    assert_eq!(store.turns().unfinished().unwrap().len(), 1);
    assert_eq!(store.turns().latest(None, 5).unwrap().len(), 1);
    assert!(store.try_recover().await);
    assert!(store.close());
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.table(TableName::Ledger).entries::<u32>(10), seen);
    assert_eq!(store.turns().unfinished().unwrap().len(), 1);
}

#[tokio::test]
async fn the_disk_is_tried_again_after_ten_seconds_of_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(NOW_MS));
    let mut options = options(folder.path());
    options.clock = clock.clone();
    let store = Store::open(options).unwrap();
    refuse(&store);
    assert!(!store.journal().append(None, record(1)).await.durable);
    clock.advance(Duration::from_secs(11));
    eventually("recovery", || store.status().mode == Mode::Durable).await;
    assert!(store.journal().append(None, record(2)).await.durable);
}

#[tokio::test]
async fn a_database_that_cannot_be_read_does_not_look_empty() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let first = store.journal().append(None, record(1)).await.event;
    assert!(store.core.say(Message::Failed(Fault::Damaged("as asked".to_owned()))));
    let held = store.journal().append(None, record(2)).await.event;
    assert!(matches!(store.journal().read(Position::default(), 9), Err(StoreError::Unreadable { .. })));
    assert_eq!(store.journal().read(first.position, 9), Ok(vec![held.clone()]));
    assert_eq!(store.journal().latest(9), Ok(vec![held.clone()]));
    assert!(store.try_recover().await);
    assert_eq!(store.journal().read(Position::default(), 9), Ok(vec![first, held]));
}

#[tokio::test]
async fn the_oldest_go_when_count_bytes_or_age_is_reached() {
    let clock = Arc::new(SimulatedClock::new(NOW_MS));
    let small = |limits| {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        (options.clock, options.limits) = (clock.clone(), limits);
        (folder, Store::open(options).unwrap())
    };
    let (_folder, store) = small(Retention { events: 10, turns: 3, ..Retention::default() });
    for n in 1..=50 {
        store.journal().append(None, record(n)).await;
    }
    for n in 1..=9 {
        store.turns().put(&turn(n, Outcome::Running)).await;
        store.turns().put(&turn(n, Outcome::Done)).await;
    }
    let kept = store.journal().read(Position::default(), 100).unwrap();
    assert!((9..=10).contains(&kept.len()));
    assert_eq!(kept.last().map(|event| event.position.seq), Some(50));
    assert_eq!(store.turns().latest(None, 100).unwrap().len(), 3);

    let (_folder, store) = small(Retention { event_bytes: 2000, ..Retention::default() });
    for n in 1..=50 {
        store.journal().append(None, record(n)).await;
    }
    assert!((3..12).contains(&store.journal().read(Position::default(), 100).unwrap().len()));

    let (_folder, store) = small(Retention { age: Duration::from_secs(3600), ..Retention::default() });
    store.journal().append(None, record(1)).await;
    clock.advance(Duration::from_secs(3000));
    store.journal().append(None, record(2)).await;
    clock.advance(Duration::from_secs(3000));
    let last = store.journal().append(None, record(3)).await.event.position;
    let kept = store.journal().read(Position::default(), 100).unwrap();
    assert_eq!(kept.iter().map(|event| event.position.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(last.seq, 3);
}
