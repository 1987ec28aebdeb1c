//! The power goes, or the process is killed, at any moment: what was acknowledged is there afterwards.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use rustix::process::{Pid, Signal, kill_process};
use victus_agent::turn::TurnId;

use super::disk::Disk;
use super::*;

/// How the writing process is told where to write.
const CHILD: &str = "VICTUS_STORE_CHILD";

/// Not a test of its own: the process that is killed by the test below.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&folder));
    let mut out = std::io::stdout().lock();
    for number in 0.. {
        store.journal().append_blocking(None, chatter(number));
        let event = store.journal().append_blocking(None, record(number)).event;
        writeln!(out, "acknowledged {}", serde_json::to_string(&event).unwrap()).unwrap();
    }
}

/// A process that writes until this goes.
struct Writing(Child);

impl Writing {
    /// Begins to write in `folder`; the receiver has what is acknowledged.
    fn begin(folder: &Path) -> (Self, Receiver<Event>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "power::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (sender, events) = sync_channel(100);
        // Ends with the process, whose last line may be cut short.
        std::thread::Builder::new()
            .spawn(move || {
                let acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
                let mut events = acknowledged.filter_map(|line| serde_json::from_str::<Event>(&line).ok());
                while events.next().is_some_and(|event| sender.send(event).is_ok()) {}
            })
            .unwrap();
        (Self(child), events)
    }

    fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<Event> = Vec::new();
    for round in 0..5 {
        let (child, lines) = Writing::begin(folder.path());
        acknowledged.extend(lines.iter().take(40 + 60 * round));
        drop(child);
        acknowledged.extend(lines);
    }
    let store = open(folder.path());
    assert!(acknowledged.len() >= 500);
    assert_has(&store, &acknowledged, "after kill -9");
    assert!(!folder.path().join("db.bad-1").exists());
    let count = acknowledged.len();
    acknowledged.dedup_by_key(|event| event.position);
    assert_eq!(acknowledged.len(), count);
}

#[test]
fn files_copied_between_acknowledged_writes_have_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut acknowledged = Vec::new();
    for round in 0..6_u64 {
        for number in 0..50 {
            store.journal().append_blocking(None, chatter(number));
            acknowledged.push(store.journal().append_blocking(None, record(round * 100 + number)).event);
        }
        let copy = copies.path().join(round.to_string());
        copy_folder(folder.path(), &copy);
        let copied = open(&copy);
        assert_has(&copied, &acknowledged, "in a copy of the files");
        let next = copied.journal().append_blocking(None, record(0)).event.position;
        assert!(acknowledged.iter().all(|event| event.position < next));
    }
}

#[test]
fn a_disk_image_copied_while_writes_go_on_has_all_that_was_acknowledged() {
    let disk = match Disk::ext4(32) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let (mut child, lines) = Writing::begin(disk.folder());
    let mut acknowledged: Vec<Event> = Vec::new();
    for round in 1..=5 {
        acknowledged.extend(lines.iter().take(200));
        // The copy takes time, and a power cut takes none: the writer stands still meanwhile, wherever it is.
        child.signal(Signal::STOP);
        let cut = disk.copy_image(&format!("cut-{round}")).unwrap();
        child.signal(Signal::CONT);
        let copied = open(cut.folder());
        assert_has(&copied, &acknowledged, "in a copy of the disk");
        assert!(copied.status().salvaged.is_empty());
    }
}

#[test]
fn a_snapshot_cut_short_by_a_power_cut_does_not_keep_the_database_shut() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let events: Vec<Event> = (0..20).map(|n| store.journal().append_blocking(None, record(n)).event).collect();
    drop(store);
    fs::write(folder.path().join("db/snap.00000000000F0000.generating"), b"").unwrap();
    let store = open(folder.path());
    assert_has(&store, &events, "with a torn snapshot");
    assert!(store.status().salvaged.is_empty());
    assert!(!folder.path().join("db/snap.00000000000F0000.generating").exists());
}

#[test]
fn ids_of_turns_sort_across_restarts_because_openings_are_counted_durably() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let store = open(folder.path());
        ids.push(TurnId::new(store.status().opened, 5, 5));
        drop(store);
        fs::remove_dir_all(folder.path().join("db")).unwrap();
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
