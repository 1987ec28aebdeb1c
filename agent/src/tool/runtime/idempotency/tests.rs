//! The bounds of what is remembered, and age over a restart of the machine.

use std::sync::Arc;

use victus_hw::clock::SimulatedClock;

use super::*;
use crate::event::BootId;
use crate::store::StoreOptions;

fn store(folder: &std::path::Path) -> Store {
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    Store::open(StoreOptions::new(folder.join("db"), clock, BootId("boot".to_owned()))).unwrap()
}

fn free(keys: &Keys, key: &str) -> Option<Ticket> {
    let key = IdempotencyKey::parse(key).unwrap();
    match keys.look_up(&Caller::panel(), &key, ("tool", &Value::Null, false)) {
        Known::Free(ticket) => Some(ticket),
        Known::Made(_) | Known::Refused(_) => None,
    }
}

async fn made(keys: &Keys, key: &str, result: &Value) {
    let mut ticket = free(keys, key).unwrap();
    keys.open(&mut ticket).await.unwrap();
    keys.store.commit(keys.end(&ticket, &CallStatus::Done, result, Batch::default())).await;
}

#[tokio::test]
async fn the_oldest_is_forgotten_beyond_the_bounds_also_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let keys = Keys::new(store.clone());
    // Each takes nearly the largest result: the bound on bytes is met first.
    let large = json!("x".repeat(MAX_RESULT_BYTES - 2));
    let fit = MAX_BYTES / MAX_RESULT_BYTES;
    for number in 0..fit + 5 {
        made(&keys, &format!("k{number}"), &large).await;
    }
    let held = store.table(TableName::Calls).entries::<Entry>(2 * MAX_ENTRIES).unwrap();
    assert!((fit - 2..=fit + 1).contains(&held.len()), "{}", held.len());
    let keys = Keys::new(store.clone());
    assert!(free(&keys, "k0").is_some(), "the oldest is gone");
    assert!(free(&keys, &format!("k{}", fit + 4)).is_none(), "the newest is there");
    made(&keys, "one-more", &json!("x".repeat(MAX_RESULT_BYTES))).await;
    let held = store.table(TableName::Calls).entries::<Entry>(2 * MAX_ENTRIES).unwrap();
    assert!(held.len() <= fit + 1);
    let newest = held.into_iter().max_by_key(|(_, entry)| entry.order).unwrap().1;
    assert_eq!(newest.ended.unwrap().result, Value::Null, "what is too large is not kept");
}

#[test]
fn the_count_is_bounded_and_what_is_under_way_stays() {
    let mut lines = Lines::default();
    for number in 0..MAX_ENTRIES as u64 {
        lines.lines.insert(number, (format!("n{number}"), 10));
    }
    lines.under_way.insert("n0".to_owned());
    assert_eq!(lines.too_many(10), [(1, "n1".to_owned())]);
}

#[test]
fn a_key_is_free_after_a_day_by_a_clock_that_can_be_believed() {
    let day = 24 * 3600 * 1000;
    let stamp = |boot: &str, mono_ms, wall_ms, trust| Stamp { wall_ms, trust, mono_ms, boot: BootId(boot.to_owned()) };
    let synchronised = ClockTrust::Synchronised;
    let entry = |received| Entry { v: 1, order: 1, digest: String::new(), received, ended: None };
    let over = |received, now| entry(received).is_over(&now);
    let before = || stamp("one", 5, 1000, synchronised);
    assert!(!over(before(), stamp("one", day + 4, 2 * day as i64, synchronised)), "the wall clock may have jumped");
    assert!(over(before(), stamp("one", day + 5, 1000, ClockTrust::Unset)));
    assert!(over(before(), stamp("two", 1, 1000 + day as i64, synchronised)));
    assert!(!over(before(), stamp("two", 1, 1000 + day as i64, ClockTrust::Floor)));
    assert!(!over(stamp("one", 5, 1000, ClockTrust::Floor), stamp("two", 1, 1000 + day as i64, synchronised)));
}
