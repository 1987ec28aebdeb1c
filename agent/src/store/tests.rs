//! Tests of the store as its users see it, and of faults that only its own insides can cause.

use std::path::Path;

use victus_hw::clock::SimulatedClock;

use super::record::position_key;
use super::*;
use crate::event::Class;
use crate::tool::Caller;
use crate::turn::{Outcome, Times, Turn, TurnId};

mod audit;
mod holding;
mod positions;

const NOW_MS: i64 = 1_790_000_000_000;

fn options(folder: &Path) -> StoreOptions {
    let clock = Arc::new(SimulatedClock::new(NOW_MS));
    let mut options = StoreOptions::new(folder.join("db"), clock, BootId("boot".to_owned()));
    options.ballast_bytes = 64 * 1024;
    options
}

fn chatter(text: &str) -> EventKind {
    EventKind::Voice { stage: "transcript".to_owned(), at_ms: 1, text: Some(text.to_owned()) }
}

fn record(id: u64) -> EventKind {
    EventKind::TimerStarted { timer: format!("t{id}"), name: None, seconds: id }
}

fn turn(id: u64, outcome: Outcome) -> Turn {
    let boot = BootId("boot".to_owned());
    Turn {
        v: 1,
        id: TurnId::new(1, id, 0),
        trace_id: TraceId::from_random(u128::from(id)),
        at: Stamp::now(&SimulatedClock::new(NOW_MS), &boot),
        caller: Caller::cli(),
        text: "turn on the pump".to_owned(),
        conversation: None,
        repaired: None,
        intent: None,
        slots: BTreeMap::new(),
        confidence: None,
        heard: None,
        link_up: false,
        levels: Default::default(),
        template: None,
        route: None,
        outcome,
        plan: Vec::new(),
        steps: Vec::new(),
        reply: String::new(),
        asks: None,
        answers: None,
        recorded: true,
        times_ms: Times::default(),
    }
}

/// Waits until `condition` holds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 s: {what}");
}

#[tokio::test]
async fn what_is_appended_is_read_in_order_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let trace = TraceId::from_random(7);
    let first = store.journal().append(Some(&trace), record(1)).await;
    assert!(first.durable);
    assert_eq!(first.event.position, Position { epoch: 1, seq: 1 });
    let mut watch = store.journal().watch();
    watch.mark_unchanged();
    let second = store.journal().append(None, chatter("hello")).await;
    assert_eq!(*watch.borrow_and_update(), second.event.position);
    assert_eq!(store.journal().read(Position::default(), 10), Ok(vec![first.event.clone(), second.event.clone()]));
    assert_eq!(store.journal().read(first.event.position, 10), Ok(vec![second.event.clone()]));
    assert_eq!(store.journal().latest(1), Ok(vec![second.event.clone()]));
    drop(store);

    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.journal().last(), second.event.position);
    let third = store.journal().append(None, record(3)).await.event;
    assert!(third.position.epoch > 1);
    assert_eq!(store.journal().read(Position::default(), 2), Ok(vec![first.event, second.event.clone()]));
    assert_eq!(store.journal().read(second.event.position, 2), Ok(vec![third]));
    let status = store.status();
    assert_eq!((status.opened, status.mode), (2, Mode::Durable));
}

#[tokio::test]
async fn turns_are_found_by_id_by_time_and_by_being_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    for id in 1..=5 {
        assert!(store.turns().put(&turn(id, Outcome::Running)).await);
    }
    assert!(store.turns().put(&turn(2, Outcome::Done)).await);
    assert!(store.turns().put(&turn(4, Outcome::Failed)).await);
    let ids = |turns: Vec<Turn>| turns.into_iter().map(|turn| turn.id).collect::<Vec<_>>();
    let expected = |ids: &[u64]| ids.iter().map(|id| TurnId::new(1, *id, 0)).collect::<Vec<_>>();
    assert_eq!(ids(store.turns().unfinished().unwrap()), expected(&[1, 3, 5]));
    assert_eq!(ids(store.turns().latest(None, 2).unwrap()), expected(&[5, 4]));
    assert_eq!(ids(store.turns().latest(Some(&TurnId::new(1, 4, 0)), 9).unwrap()), expected(&[3, 2, 1]));
    assert_eq!(store.turns().get(&TurnId::new(1, 2, 0)).unwrap().unwrap().outcome, Outcome::Done);
    assert_eq!(store.turns().get(&TurnId::new(9, 9, 9)), Ok(None));
}

#[tokio::test]
async fn tables_keep_values_by_key_and_a_batch_is_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let timers = store.table(TableName::Timers);
    assert_eq!(timers.put("tea", &180).await, Ok(true));
    assert_eq!(timers.put("egg", &240).await, Ok(true));
    assert_eq!(timers.entries::<u32>(9), Ok(vec![("egg".to_owned(), 240), ("tea".to_owned(), 180)]));
    assert_eq!(timers.remove("egg").await, Ok(true));
    assert_eq!(timers.get::<u32>("egg"), Ok(None));
    assert_eq!(store.table(TableName::Ledger).get::<u32>("tea"), Ok(None));

    let before = store.status().commits;
    let batch = Batch::default().event(None, record(1)).put(TableName::Ledger, "c1", &"done").unwrap();
    let batch = batch.remove(TableName::Timers, "tea").unwrap().turn(&turn(1, Outcome::Done)).unwrap();
    let committed = store.commit(batch).await;
    assert!(committed.durable && committed.kept);
    assert_eq!(store.status().commits, before + 1);
    assert_eq!(store.table(TableName::Ledger).get::<String>("c1"), Ok(Some("done".to_owned())));
    assert_eq!(timers.entries::<u32>(9), Ok(Vec::new()));
    assert_eq!(store.journal().latest(1), Ok(committed.events));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_or_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let table = store.table(TableName::Meta);
    let long = "x".repeat(record::MAX_PAYLOAD);
    for (key, value) in [("", "v"), (&*"k".repeat(201), "v"), ("k", &*long)] {
        assert!(matches!(table.put(key, &value).await, Err(StoreError::Unfit { .. })));
    }
    assert_eq!(table.put("number", &"text").await, Ok(true));
    assert!(matches!(table.get::<u32>("number"), Err(StoreError::Unfit { .. })));
    assert_eq!(store.status().damaged, 0);
    let recorded = store.journal().append(None, chatter(&long)).await;
    let EventKind::Gap { class: Class::Chatter, count: 1, reason, .. } = recorded.event.kind else {
        panic!("{:?}", recorded.event.kind);
    };
    assert!(reason.contains("voice") && reason.contains("limit"), "{reason}");
}

#[tokio::test]
async fn chatter_is_flushed_in_groups_and_nothing_is_written_when_idle() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(NOW_MS));
    let mut options = options(folder.path());
    options.clock = clock.clone();
    let store = Store::open(options).unwrap();
    let before = store.status().commits;
    for n in 0..100 {
        assert!(store.journal().append(None, chatter(&n.to_string())).await.durable);
    }
    eventually("one flush for all", || store.status().commits == before + 1).await;
    let file = |store: &Store| (store.status().commits, store.status().bytes_written);
    let idle = file(&store);
    clock.advance(Duration::from_secs(3600));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(file(&store), idle);
}

#[tokio::test]
async fn a_panic_of_the_writer_loses_nothing_and_ends_in_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let mut expected = vec![store.journal().append(None, record(1)).await.event];
    expected.push(store.journal().append(None, chatter("not flushed")).await.event);
    assert!(store.core.say(Message::Panic));
    let held = store.journal().append(None, record(2)).await;
    assert!(!held.durable);
    assert!(matches!(store.status().mode, Mode::Memory { why } if why.contains("as asked")));
    expected.push(held.event);
    assert_eq!(store.journal().read(Position::default(), 10), Ok(expected.clone()));
    assert!(store.try_recover().await);
    let back = store.journal().append(None, record(3)).await;
    assert!(back.durable);
    expected.push(back.event);
    assert_eq!(store.journal().read(Position::default(), 10), Ok(expected.clone()));
    drop(store);
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.journal().read(Position::default(), 10), Ok(expected));
}

#[tokio::test]
async fn after_closing_events_are_held_in_memory_and_nothing_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    assert!(store.close());
    assert!(store.close());
    let late = store.journal().append(None, record(1)).await;
    assert!(!late.durable);
    assert_eq!(store.journal().latest(5), Ok(vec![late.event]));
    assert!(!store.turns().put(&turn(1, Outcome::Done)).await);
    assert!(!store.try_recover().await);
    Store::open(options(folder.path())).unwrap();
}

#[test]
fn a_thread_outside_the_runtime_appends() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    assert!(store.journal().append_blocking(None, record(1)).durable);
    assert_eq!(store.journal().last().seq, 1);
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let _store = Store::open(options(folder.path())).unwrap();
    let error = Store::open(options(folder.path())).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let engine = engine::Engine::open(&database).unwrap();
    let write = engine::Write { tree: Tree::Meta, key: b"k".to_vec(), value: Some(b"1".as_slice().into()) };
    engine.apply_as(record::SCHEMA + 1, &[write]).unwrap();
    engine.sync().unwrap();
    engine.close();
    let error = Store::open(options(folder.path())).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("install the newer program"), "{error}");
    assert!(database.exists() && !folder.path().join("db.bad-1").exists());
}

#[tokio::test]
async fn a_damaged_value_is_left_out_reported_once_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let mut events = Vec::new();
    for n in 1..=3 {
        events.push(store.journal().append(None, record(n)).await.event);
    }
    let damage = |store: &Store, position: Position| {
        let key = record::sled_key(Tree::Journal, &position_key(position));
        store.core.read(|engine| engine.overwrite(&key, b"\xD7Vrubbish")).unwrap();
    };
    // While it is open: a reader meets it.
    damage(&store, events[1].position);
    assert_eq!(store.journal().read(Position::default(), 2).unwrap(), [events[0].clone()]);
    eventually("the report", || store.status().damaged == 1).await;
    eventually("the event", || {
        let last = store.journal().latest(1).unwrap();
        matches!(&last[..], [Event { kind: EventKind::StoreDamaged { records: 1, first }, .. }] if first == "journal 1:2")
    })
    .await;
    assert_eq!(store.journal().read(events[0].position, 1).unwrap(), [events[2].clone()]);
    // While it is closed: opening meets it.
    damage(&store, events[2].position);
    drop(store);
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.status().damaged, 1);
    eventually("the event", || store.journal().latest(1).unwrap()[0].kind.name() == "store_damaged").await;
    drop(store);
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.status().damaged, 0);
}
