//! Damaged files: bits that changed, files cut short, rubbish.

use std::fs;

use proptest::test_runner::{Config, TestRunner};
use victus_agent::store::{Mode, TableName};

use super::power::copy_folder;
use super::*;

/// A closed store with some events and table entries, made once.
struct Made {
    folder: tempfile::TempDir,
    events: Vec<Event>,
}

fn made(events: u64) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let events = (0..events).map(|n| store.journal().append_blocking(None, record(n)).event).collect();
    runtime.block_on(store.table(TableName::Timers).put("tea", &180)).unwrap();
    runtime.block_on(store.table(TableName::Ledger).put("c1", &"done")).unwrap();
    drop(store);
    Made { folder, events }
}

impl Made {
    /// A copy, which `spoil` changes.
    fn spoiled(&self, spoil: impl FnOnce(&Path)) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), copy.path());
        spoil(copy.path());
        copy
    }

    /// Whatever is shown is right, the store works, and it opens again. How many of the events are shown.
    fn check(&self, folder: &Path) -> usize {
        let store = open(folder);
        assert_eq!(store.status().mode, Mode::Durable);
        let shown = all(&store);
        let known = |event: &Event| self.events.contains(event) || event.kind.name().starts_with("store_");
        assert!(shown.iter().all(known), "{:?}", shown.iter().find(|event| !known(event)));
        let next = store.journal().append_blocking(None, record(0));
        assert!(next.durable && self.events.iter().all(|event| event.position < next.event.position));
        if let Ok(Some(tea)) = store.table(TableName::Timers).get::<u32>("tea") {
            assert_eq!(tea, 180);
        }
        drop(store);
        let store = open(folder);
        assert!(all(&store).contains(&next.event));
        shown.iter().filter(|event| self.events.contains(event)).count()
    }
}

#[test]
fn flipped_bits_never_panic_and_cost_one_event_each_at_most() {
    let made = made(400);
    let length = fs::metadata(made.folder.path().join("db/db")).unwrap().len();
    let strategy = proptest::collection::vec((0..length, 0..8_u8), 1..6);
    let config = Config { cases: 40, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&strategy, |bits| {
        let folder = made.spoiled(|folder| {
            let file = folder.join("db/db");
            let mut bytes = fs::read(&file).unwrap();
            bits.iter().for_each(|(at, bit)| bytes[usize::try_from(*at).unwrap()] ^= 1 << bit);
            fs::write(&file, bytes).unwrap();
        });
        let shown = made.check(folder.path());
        assert!(shown + bits.len() >= 400, "{} bits took {} events", bits.len(), 400 - shown);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_damaged_block_in_the_middle_loses_only_what_lay_there() {
    let made = made(400);
    let folder = made.spoiled(|folder| {
        let file = folder.join("db/db");
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
        bytes[middle..middle + 512].fill(0xA5);
        fs::write(&file, bytes).unwrap();
    });
    let shown = made.check(folder.path());
    assert!(shown >= 390, "{shown} of 400 are left");
}

#[test]
fn a_file_cut_short_is_opened_or_set_aside() {
    let made = made(300);
    let length = fs::metadata(made.folder.path().join("db/db")).unwrap().len();
    for part in [0, 1, 7, 100, 5000, length / 3, length / 2, length - 1] {
        let folder = made.spoiled(|folder| {
            fs::OpenOptions::new().write(true).open(folder.join("db/db")).unwrap().set_len(part).unwrap();
        });
        made.check(folder.path());
    }
}

#[test]
fn rubbish_in_place_of_any_file_is_survived() {
    let made = made(100);
    let files = |folder: &Path| {
        let names = fs::read_dir(folder.join("db")).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    for number in 0..files(made.folder.path()).len() {
        for rubbish in [&b""[..], b"rubbish", &[0xFF; 4096]] {
            let folder = made.spoiled(|folder| fs::write(&files(folder)[number], rubbish).unwrap());
            made.check(folder.path());
        }
    }
    let folder = made.spoiled(|folder| {
        fs::write(folder.join("db/snap.rubbish"), b"rubbish").unwrap();
        fs::write(folder.join("db/notes.txt"), b"rubbish").unwrap();
        fs::write(folder.join("db.bad-x"), b"rubbish").unwrap();
        fs::write(folder.join("db.lock"), b"rubbish that is no process").unwrap();
        fs::create_dir(folder.join("db.new")).unwrap();
    });
    made.check(folder.path());
}

#[test]
fn a_database_that_does_not_open_is_set_aside_and_salvaged() {
    let made = made(200);
    let spoil = |folder: &Path| {
        for entry in fs::read_dir(folder.join("db")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                fs::write(&path, b"rubbish").unwrap();
            }
        }
        fs::write(folder.join("db/conf"), [0xFF; 64]).unwrap();
    };
    let folder = made.spoiled(spoil);
    let store = open(folder.path());
    assert_has(&store, &made.events, "after salvage");
    assert_eq!(store.table(TableName::Ledger).get::<String>("c1"), Ok(Some("done".to_owned())));
    eventually("the event", || all(&store).iter().any(|event| event.kind.name() == "store_set_aside"));
    let last = all(&store).pop().unwrap();
    let EventKind::StoreSetAside { moved_to, salvaged, reason } = last.kind else { panic!("{last:?}") };
    assert!(moved_to.ends_with("db.bad-1") && Path::new(&moved_to).exists());
    assert_eq!(salvaged.get("journal"), Some(&200));
    assert!(!reason.is_empty());
    assert!(last.position.epoch > made.events[0].position.epoch);
    drop(store);

    // A second time: only the last one is kept.
    spoil(folder.path());
    let store = open(folder.path());
    assert_has(&store, &made.events, "after being salvaged twice");
    assert!(folder.path().join("db.bad-2").exists() && !folder.path().join("db.bad-1").exists());
}

#[test]
fn a_salvage_that_was_cut_short_is_done_again() {
    let made = made(100);
    let folder = made.spoiled(|folder| {
        fs::rename(folder.join("db"), folder.join("db.bad-4")).unwrap();
        fs::create_dir(folder.join("db.new")).unwrap();
        fs::write(folder.join("db.new/db"), b"half").unwrap();
    });
    let store = open(folder.path());
    assert_has(&store, &made.events, "after the salvage was resumed");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let error = Store::open(options(&folder.path().join("file/state"))).unwrap_err().to_string();
    assert!(error.contains("file/state") && error.contains("make it"), "{error}");
}
