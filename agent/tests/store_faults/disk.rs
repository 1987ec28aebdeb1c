//! A disk that is full, read-only or frozen, and comes back.

use std::fs;
use std::path::{Path, PathBuf};

use victus_agent::store::{Mode, TableName};

use super::*;

/// A small disk in a file, mounted for as long as this lives.
pub(crate) struct Disk {
    root: PathBuf,
    image: PathBuf,
    mount: PathBuf,
    _owned: Option<tempfile::TempDir>,
}

impl Disk {
    /// An ext4 disk of so many MiB. Why there is none where it cannot be had.
    pub(crate) fn ext4(megabytes: u32) -> Result<Self, String> {
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = root.path().join("disk.img");
        let file = fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(u64::from(megabytes) << 20).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-m", "0", path(&image)])?;
        let mut disk = Self::mounted(root.path(), &image, "disk").map_err(|why| format!("no loop mount ({why})"))?;
        disk._owned = Some(root);
        Ok(disk)
    }

    fn mounted(root: &Path, image: &Path, name: &str) -> Result<Self, String> {
        let mount = root.join(name);
        fs::create_dir_all(&mount).map_err(|error| error.to_string())?;
        run("mount", &["-o", "loop", path(image), path(&mount)])?;
        Ok(Self { root: root.to_path_buf(), image: image.to_path_buf(), mount, _owned: None })
    }

    /// A copy of the disk as it is at this moment, mounted: what there would be after a power cut.
    pub(crate) fn copy_image(&self, name: &str) -> Result<Self, String> {
        let image = self.root.join(format!("{name}.img"));
        fs::copy(&self.image, &image).map_err(|error| error.to_string())?;
        Self::mounted(&self.root, &image, name)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.mount
    }

    fn remount(&self, how: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{how}"), path(&self.mount)])
    }

    /// Fills the disk to the last block.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let filler = self.mount.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(why) = run("umount", &[path(&self.mount)]).or_else(|_| run("umount", &["-l", path(&self.mount)])) {
            println!("{why}");
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn is_in_memory(store: &Store) -> bool {
    matches!(store.status().mode, Mode::Memory { .. })
}

fn recovers(store: &Store) -> bool {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.try_recover())
}

/// Appends until the disk refuses, and some more. All that was appended; how many of them were durable.
fn append_until_refused(store: &Store) -> (Vec<Event>, usize) {
    let (mut events, mut durable) = (Vec::new(), 0);
    for number in 0..200_000 {
        let recorded = store.journal().append_blocking(None, record(number));
        durable += usize::from(recorded.durable);
        events.push(recorded.event);
        if !recorded.durable && events.len() > durable + 20 {
            break;
        }
    }
    (events, durable)
}

#[test]
fn a_full_disk_sends_the_journal_to_memory_and_back() {
    let disk = match Disk::ext4(8) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let store = open(disk.folder());
    let mut events: Vec<Event> = (0..50).map(|n| store.journal().append_blocking(None, record(n)).event).collect();
    let filler = disk.fill();
    let (more, durable) = append_until_refused(&store);
    assert!(is_in_memory(&store) && durable < more.len());
    events.extend(more);
    assert_has(&store, &events, "while the disk is full");
    assert!(!recovers(&store), "there is no room yet");
    assert_has(&store, &events, "after an attempt on a full disk");
    fs::remove_file(filler).unwrap();
    assert!(recovers(&store));
    assert!(store.journal().append_blocking(None, record(9)).durable);
    assert_has(&store, &events, "when the disk is back");
    drop(store);
    let store = open(disk.folder());
    assert_has(&store, &events, "after a restart");
    assert!(disk.folder().join("db.ballast").exists());
    let positions: Vec<_> = all(&store).iter().map(|event| event.position).collect();
    assert!(positions.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_start_on_a_full_disk_gives_up_the_ballast() {
    let disk = match Disk::ext4(8) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let with_ballast = || {
        let mut options = options(disk.folder());
        options.ballast_bytes = 1536 * 1024;
        Store::open(options).unwrap()
    };
    let store = with_ballast();
    let mut events: Vec<Event> = (0..50).map(|n| store.journal().append_blocking(None, record(n)).event).collect();
    drop(store);
    assert!(disk.folder().join("db.ballast").exists());
    let filler = disk.fill();
    let store = with_ballast();
    assert_eq!(store.status().mode, Mode::Durable, "the ballast's room is enough to open");
    assert!(!disk.folder().join("db.ballast").exists());
    assert_has(&store, &events, "on a full disk");
    events.extend(append_until_refused(&store).0);
    drop(store);

    // There is no ballast any more: the next start is in memory.
    disk.fill();
    let store = with_ballast();
    let held = store.journal().append_blocking(None, record(1));
    assert!(!held.durable && is_in_memory(&store));
    assert!(events.iter().all(|event| event.position < held.event.position));
    fs::remove_file(filler).unwrap();
    assert!(recovers(&store));
    assert_has(&store, &events[..50], "when there is room again");
    assert_has(&store, &[held.event], "when there is room again");
}

#[test]
fn a_read_only_disk_sends_the_journal_to_memory_at_run_and_at_start() {
    let disk = match Disk::ext4(16) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let store = open(disk.folder());
    let first = store.journal().append_blocking(None, record(1)).event;
    drop(store);
    disk.remount("ro").unwrap();
    let mut starts = Vec::new();
    for _ in 0..3 {
        let store = open(disk.folder());
        assert!(is_in_memory(&store));
        let second = open_second(disk.folder());
        assert!(second.contains("in use by"), "{second}");
        let held = store.journal().append_blocking(None, record(2));
        assert!(!held.durable && held.event.position > first.position);
        assert_eq!(store.journal().latest(9).unwrap(), std::slice::from_ref(&held.event));
        starts.push(held.event);
        assert!(!recovers(&store));
    }
    let mut positions: Vec<_> = starts.iter().map(|event| event.position).collect();
    positions.sort();
    positions.dedup();
    assert_eq!(positions.len(), 3, "each start has positions of its own");

    let store = open(disk.folder());
    let held = store.journal().append_blocking(None, record(3)).event;
    disk.remount("rw").unwrap();
    assert!(recovers(&store));
    let next = store.journal().append_blocking(None, record(4));
    assert!(next.durable && positions.iter().all(|position| *position < next.event.position));
    assert_has(&store, &[first, held, next.event], "when the disk can be written again");
}

fn open_second(folder: &Path) -> String {
    Store::open(options(folder)).map(drop).unwrap_err().to_string()
}

#[test]
fn a_disk_that_freezes_does_not_freeze_the_appliance() {
    let disk = match Disk::ext4(16) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let store = open(disk.folder());
    let mut events = vec![store.journal().append_blocking(None, record(1)).event];
    if let Err(why) = run("fsfreeze", &["--freeze", path(disk.folder())]) {
        return skip(&why);
    }
    // Only from here on may anything fail before the disk is thawed.
    let recorded: Vec<_> = (2..5).map(|n| store.journal().append_blocking(None, record(n))).collect();
    let in_memory = is_in_memory(&store);
    let recovered = recovers(&store);
    run("fsfreeze", &["--unfreeze", path(disk.folder())]).unwrap();
    assert!(in_memory && !recovered && recorded.iter().all(|recorded| !recorded.durable));
    events.extend(recorded.into_iter().map(|recorded| recorded.event));
    eventually("recovery", || recovers(&store));
    assert_has(&store, &events, "after the disk froze and thawed");
    drop(store);
    assert_has(&open(disk.folder()), &events, "after a restart");
}

#[test]
fn tables_and_events_held_in_memory_survive_a_disk_that_was_full() {
    let disk = match Disk::ext4(8) {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open(disk.folder());
    let filler = disk.fill();
    append_until_refused(&store);
    let durable = runtime.block_on(store.table(TableName::Ledger).put("c1", &"done"));
    assert_eq!(durable, Ok(false));
    fs::remove_file(filler).unwrap();
    assert!(recovers(&store));
    drop(store);
    let store = open(disk.folder());
    assert_eq!(store.table(TableName::Ledger).get::<String>("c1"), Ok(Some("done".to_owned())));
}
