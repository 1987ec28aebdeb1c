//! The audit chain: how it grows and ends, and that no change of it goes unseen.

use serde_json::{Value, json};

use super::holding::refuse;
use super::*;
use crate::audit::{Fault as Broken, Head, Report, Unchecked, Wanted};
use crate::store::engine::{Engine, Found};
use crate::tool::{CallStatus, Risk};

fn call(number: u64) -> EventKind {
    EventKind::ToolCalled {
        tool: "entity.turn_on".to_owned(),
        caller: Caller::cli(),
        risk: Risk::Reversible,
        args: json!({"entity": "switch.pump", "number": number}),
        status: CallStatus::Done,
        took_us: 7,
        attempts: None,
        repeated: false,
    }
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("db")
}

/// A closed store with `calls` calls, and its head.
async fn made(folder: &Path, calls: u64) -> Head {
    let store = Store::open(options(folder)).unwrap();
    for number in 0..calls {
        store.journal().append(None, call(number)).await;
    }
    store.audit().head().unwrap()
}

fn checked(folder: &Path, head: Option<Head>) -> Report {
    Audit::verify_closed(&database(folder), head.map(Wanted::from)).unwrap()
}

/// Every record of the chain: its sled key and its value.
fn records(engine: &Engine) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    let visited = engine.visit(&[Tree::Audit.number()], |key, value| {
        records.push((key.to_vec(), value.to_vec()));
        true
    });
    visited.unwrap();
    records
}

fn key(number: u64) -> Vec<u8> {
    record::sled_key(Tree::Audit, &number.to_be_bytes())
}

fn payload(engine: &Engine, number: u64) -> Vec<u8> {
    match engine.get(Tree::Audit, &number.to_be_bytes()).unwrap() {
        Some(Found::Record { payload, .. }) => payload,
        _ => panic!("there is no entry {number}"),
    }
}

fn put(engine: &Engine, number: u64, payload: Option<&[u8]>) {
    let value = payload.map(Into::into);
    engine.apply(&[engine::Write { tree: Tree::Audit, key: number.to_be_bytes().to_vec(), value }]).unwrap();
}

/// Opens the database and spoils it.
fn spoiled(folder: &Path, spoil: impl FnOnce(&Engine)) {
    let engine = Engine::open(&database(folder)).unwrap();
    spoil(&engine);
    engine.sync().unwrap();
    engine.close();
}

#[tokio::test]
async fn each_call_is_an_entry_that_holds_its_event_and_the_chain_goes_on_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    assert_eq!(store.audit().head().unwrap().number, 1, "a chain begins with the first start");
    store.journal().append(None, record(1)).await;
    let event = store.journal().append(None, call(1)).await.event;
    let entries = store.audit().latest(None, 9).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(entries[0].data, serde_json::to_value(&event).unwrap());
    assert_eq!(entries[0].previous, entries[1].head);
    assert_eq!(entries[1].data["reason"], "there was no chain");
    assert_eq!(store.audit().latest(Some(2), 9).unwrap(), entries[1..]);
    let before = store.audit().head();
    let report = store.audit().verify(before.map(Wanted::from)).unwrap();
    assert!(report.whole && report.entries == 2 && report.head == before, "{report:?}");
    drop(store);

    let after = made(folder.path(), 3).await;
    assert_eq!(after.number, 5);
    let report = checked(folder.path(), before);
    assert!(report.whole && report.entries == 5 && report.head == Some(after), "{report:?}");
}

#[tokio::test]
async fn a_command_that_was_refused_is_an_entry_and_one_that_was_done_is_its_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    for state in ["accepted", "refused", "done"] {
        let (link, id, state) = ("fleet".to_owned(), "c-1".to_owned(), state.to_owned());
        store.journal().append(None, EventKind::CommandHandled { link, id, state, reply: json!({}) }).await;
    }
    let entries = store.audit().latest(None, 9).unwrap();
    assert_eq!((entries.len(), &entries[0].data["data"]["state"]), (2, &json!("refused")));
}

#[tokio::test]
async fn an_entry_and_its_event_are_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let before = store.status().commits;
    store.journal().append(None, call(1)).await;
    assert_eq!(store.status().commits, before + 1);
}

#[tokio::test]
async fn every_single_changed_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let head = made(folder.path(), 3).await;
    let mut tried = 0;
    let check = |engine: &Engine, what: &str| {
        let key = crate::audit::Key::read(&folder.path().join("db.audit-key")).unwrap();
        let report = super::super::audit::walk(&key, Some(head.into()), |after| {
            Ok(engine.after(Tree::Audit, after, 256).unwrap())
        });
        report.unwrap().fault.unwrap_or_else(|| panic!("{what}: not found"))
    };
    spoiled(folder.path(), |engine| {
        for (sled_key, value) in records(engine) {
            let number = u64::from_be_bytes(sled_key[1..].try_into().unwrap());
            // As a worn disk does it: any byte of what is stored.
            for at in 0..value.len() {
                let mut bytes = value.clone();
                bytes[at] ^= 1 << (at % 8);
                engine.overwrite(&sled_key, &bytes).unwrap();
                assert_eq!(check(engine, &format!("entry {number} byte {at}")), Broken::Changed { entry: number });
                tried += 1;
            }
            engine.overwrite(&sled_key, &value).unwrap();
            // As somebody does it who knows the format: any byte of the entry, with a new checksum.
            let good = payload(engine, number);
            for at in 0..good.len() {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << (at % 8);
                put(engine, number, Some(&bytes));
                check(engine, &format!("entry {number} byte {at} with a checksum"));
                tried += 1;
            }
            put(engine, number, Some(&good));
            // Any byte of the key under which it lies.
            for at in 0..sled_key.len() {
                let mut other = sled_key.clone();
                other[at] ^= 0x40;
                engine.overwrite(&other, &value).unwrap();
                put(engine, number, None);
                check(engine, &format!("entry {number} byte {at} of the key"));
                put(engine, number, Some(&good));
                engine.erase(&other).unwrap();
                tried += 1;
            }
        }
    });
    assert!(tried > 1000, "{tried}");
    assert!(checked(folder.path(), Some(head)).whole, "it was put back as it was");
}

#[tokio::test]
async fn what_is_removed_swapped_replaced_or_cut_off_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let middle = made(folder.path(), 3).await;
    let head = made(folder.path(), 3).await;
    let good: Vec<Vec<u8>> = {
        let mut good = vec![Vec::new()];
        spoiled(folder.path(), |engine| good.extend((1..=7).map(|number| payload(engine, number))));
        good
    };
    let mend = |engine: &Engine| (1..=7).for_each(|number| put(engine, number, Some(&good[number as usize])));
    let after = |spoil: &dyn Fn(&Engine), wanted| {
        spoiled(folder.path(), spoil);
        let report = checked(folder.path(), wanted);
        spoiled(folder.path(), mend);
        report
    };
    let removed = |engine: &Engine, numbers: &[u64]| numbers.iter().for_each(|number| put(engine, *number, None));
    let fault = |spoil: &dyn Fn(&Engine)| after(spoil, None).fault;
    assert_eq!(fault(&|engine| removed(engine, &[3])), Some(Broken::Removed { first: 3, last: 3 }));
    assert_eq!(fault(&|engine| removed(engine, &[1, 2, 3])), Some(Broken::Removed { first: 1, last: 3 }));
    let swapped = |engine: &Engine| {
        put(engine, 3, Some(&good[4]));
        put(engine, 4, Some(&good[3]));
    };
    assert_eq!(fault(&swapped), Some(Broken::Reordered { entry: 3, belongs: 4 }));

    // The end is gone: without a head from elsewhere that can't be seen.
    let cut = |engine: &Engine| removed(engine, &[6, 7]);
    let report = after(&cut, None);
    assert!(report.whole && report.head.unwrap().number == 5, "{report:?}");
    assert!(after(&cut, Some(middle)).whole, "the head before the cut says nothing of it");
    let report = after(&cut, Some(head));
    assert_eq!((report.whole, report.fault), (false, Some(Broken::CutOff { last: 5 })));
    let digits = head.mac.to_string().parse::<Wanted>().unwrap();
    spoiled(folder.path(), cut);
    assert!(!Audit::verify_closed(&database(folder.path()), Some(digits)).unwrap().whole);

    // The appliance goes on behind the cut: another entry has the number of the head that is known.
    made(folder.path(), 4).await;
    assert!(checked(folder.path(), None).whole);
    assert_eq!(checked(folder.path(), Some(head)).fault, Some(Broken::CutOff { last: 9 }));
    // And an entry of the first chain in the second one does not fit.
    spoiled(folder.path(), |engine| put(engine, 6, Some(&good[6])));
    assert_eq!(checked(folder.path(), None).fault, Some(Broken::Replaced { entry: 6 }));
}

#[tokio::test]
async fn retention_leaves_a_checkpoint_at_which_the_check_begins() {
    let folder = tempfile::tempdir().unwrap();
    let bounded = || {
        let mut options = options(folder.path());
        options.limits.audit = 16;
        options
    };
    let store = Store::open(bounded()).unwrap();
    let first = store.audit().head().unwrap();
    for number in 0..40 {
        store.journal().append(None, call(number)).await;
        let report = store.audit().verify(None).unwrap();
        assert!(report.whole, "{number}: {report:?}");
        assert!(report.entries <= 16);
    }
    let head = store.audit().head().unwrap();
    assert_eq!(head.number, 41);
    let report = store.audit().verify(Some(first.into())).unwrap();
    assert!(report.whole && report.head_is_older && report.removed_through > 20, "{report:?}");
    let through = report.removed_through;
    assert_eq!(report.entries, 41 - through);
    let oldest = store.audit().latest(None, 100).unwrap().pop().unwrap();
    assert_eq!((oldest.number, &oldest.data["through"]), (through, &json!(through)));
    drop(store);

    let store = Store::open(bounded()).unwrap();
    store.journal().append(None, call(99)).await;
    assert!(store.audit().verify(Some(head.into())).unwrap().whole, "it goes on over a start");
    drop(store);
    let oldest = checked(folder.path(), None).removed_through;
    spoiled(folder.path(), |engine| put(engine, oldest, None));
    let missing = checked(folder.path(), None).fault;
    assert_eq!(missing, Some(Broken::Removed { first: 1, last: oldest }), "without its checkpoint nothing is excused");
}

#[tokio::test]
async fn without_its_key_a_chain_can_not_be_checked_and_a_new_one_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let head = made(folder.path(), 2).await;
    let key = folder.path().join("db.audit-key");
    std::fs::remove_file(&key).unwrap();
    let error = Audit::verify_closed(&database(folder.path()), None).unwrap_err().to_string();
    assert!(error.contains("db.audit-key") && error.contains("is missing"), "{error}");
    made(folder.path(), 2).await;
    let report = checked(folder.path(), None);
    assert_eq!((report.whole, report.unchecked), (false, Some(Unchecked { first: 1, last: 3 })));
    assert_eq!((report.fault, report.entries), (None, 3));
    let store = Store::open(options(folder.path())).unwrap();
    let begin = store.audit().latest(Some(5), 1).unwrap().pop().unwrap();
    assert_eq!(begin.data["predecessor"], serde_json::to_value(head).unwrap());
    assert!(begin.data["reason"].as_str().unwrap().contains("another key"), "{begin:?}");
    drop(store);

    // Behind the new beginning nobody can claim another key.
    spoiled(folder.path(), |engine| {
        let mut bytes = payload(engine, 5);
        bytes[72] ^= 1;
        put(engine, 5, Some(&bytes));
    });
    assert_eq!(checked(folder.path(), None).fault, Some(Broken::Changed { entry: 5 }));
    std::fs::write(&key, "rubbish").unwrap();
    let error = Audit::verify_closed(&database(folder.path()), None).unwrap_err().to_string();
    assert!(error.contains("holds no key"), "{error}");
}

#[tokio::test]
async fn calls_that_were_held_are_chained_when_the_disk_is_back_and_dropped_ones_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut bounded = options(folder.path());
    bounded.memory.events = 10;
    let store = Store::open(bounded).unwrap();
    store.journal().append(None, call(0)).await;
    let before = store.audit().head().unwrap();
    refuse(&store);
    for number in 1..=25 {
        assert!(!store.journal().append(None, call(number)).await.durable);
    }
    assert_eq!(store.audit().head(), Some(before), "the head is of what is on disk");
    assert!(store.try_recover().await);
    let report = store.audit().verify(Some(before.into())).unwrap();
    assert!(report.whole, "{report:?}");
    assert_eq!(report.unrecorded, 15);
    assert_eq!(report.entries, before.number + 1 + 10);
    store.journal().append(None, call(26)).await;
    assert_eq!(store.audit().verify(None).unwrap().unrecorded, 15, "told once");
}

#[tokio::test]
async fn a_call_whose_commit_was_made_although_it_seemed_to_fail_is_chained_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path())).unwrap();
    let event = store.journal().append(None, call(1)).await.event;
    let payload = serde_json::to_vec(&event).unwrap().into();
    store.core.shared.memory(|memory| memory.keep(memory::Stored { event, payload }));
    refuse(&store);
    store.journal().append(None, call(2)).await;
    assert!(store.try_recover().await);
    let entries = store.audit().latest(None, 9).unwrap();
    let calls: Vec<_> = entries.iter().map(|entry| entry.data["data"]["args"]["number"].clone()).collect();
    assert_eq!(calls, [json!(2), json!(1), Value::Null], "the first entry is the beginning");
    assert!(store.audit().verify(None).unwrap().whole);
}

#[tokio::test]
async fn a_damaged_entry_stays_as_evidence_and_the_chain_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), 3).await;
    spoiled(folder.path(), |engine| {
        for number in [2, 4] {
            engine.overwrite(&key(number), b"\xD7Vrubbish").unwrap();
        }
    });
    made(folder.path(), 2).await;
    assert_eq!(checked(folder.path(), None).fault, Some(Broken::Changed { entry: 2 }));
    let store = Store::open(options(folder.path())).unwrap();
    let begin = store.audit().latest(Some(6), 1).unwrap().pop().unwrap();
    assert!(begin.data["reason"].as_str().unwrap().contains("can't be read"), "{begin:?}");
}
