//! How fast the store appends, and what that costs the disk.
//!
//! Prints lines `figure <name> <value> <unit>`. The disk is that of the target directory, or of the folder named by
//! `VICTUS_BENCH_DIR`. A bare append with fdatasync runs beside, in the same file system: the ratio to it holds on other
//! disks, the rates do not.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program that measures and prints"
)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use victus_agent::event::{BootId, EventKind, Position};
use victus_agent::store::{Store, StoreOptions};
use victus_hw::clock::SystemClock;
use victus_hw::points::Cause;

const EVENTS: u64 = 4000;

fn main() {
    let target =
        std::env::var_os("VICTUS_BENCH_DIR").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::tempdir_in(target).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let open = |name: &str| {
        let clock = Arc::new(SystemClock::new(0));
        Store::open(StoreOptions::new(folder.path().join(name).join("db"), clock, BootId("bench".to_owned()))).unwrap()
    };

    let size = serde_json::to_vec(&open("size").journal().append_blocking(None, record(1)).event).unwrap().len();
    println!("figure store.event_json {size} bytes");
    let bare = bare_append(folder.path(), size);
    println!("figure store.bare_append_fdatasync {bare:.0} /s");

    let store = open("each");
    let written = Written::now();
    let each = rate(EVENTS, || runtime.block_on(one_by_one(&store, EVENTS)));
    let written = written.since();
    println!("figure store.append.durable_each {each:.0} /s");
    println!("figure store.append.durable_each_to_bare {:.2} ratio", each / bare);
    report("durable_each", written, EVENTS);

    let store = open("grouped");
    let (written, commits) = (Written::now(), store.status().commits);
    let grouped = rate(EVENTS, || runtime.block_on(in_parallel(&store, EVENTS, 64)));
    let written = written.since();
    println!("figure store.append.grouped_64 {grouped:.0} /s");
    println!("figure store.append.grouped_64_to_bare {:.2} ratio", grouped / bare);
    println!("figure store.append.grouped_64_syncs {} per_1000", (store.status().commits - commits) * 1000 / EVENTS);
    report("grouped_64", written, EVENTS);

    let written = Written::now();
    let chatter = rate(EVENTS, || runtime.block_on(chatter(&store, EVENTS)));
    std::thread::sleep(Duration::from_millis(1500));
    println!("figure store.append.chatter {chatter:.0} /s");
    report("chatter", written.since(), EVENTS);

    idle(&store);
    let read = rate(EVENTS, || assert!(store.journal().read(Position::default(), 4000).unwrap().len() == 4000));
    println!("figure store.read {read:.0} /s");
    reopen(store, || open("grouped"));
}

fn record(number: u64) -> EventKind {
    EventKind::EntityChanged {
        entity: "switch.pump".to_owned(),
        from: None,
        to: None,
        cause: if number.is_multiple_of(2) { Cause::Set } else { Cause::Input },
    }
}

fn durable(number: u64) -> EventKind {
    EventKind::TimerStarted { timer: format!("t{number}"), name: Some("tea".to_owned()), seconds: number }
}

async fn one_by_one(store: &Store, count: u64) {
    for number in 0..count {
        assert!(store.journal().append(None, durable(number)).await.durable);
    }
}

async fn in_parallel(store: &Store, count: u64, width: u64) {
    let tasks: Vec<_> = (0..width)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { one_by_one(&store, count / width).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn chatter(store: &Store, count: u64) {
    for number in 0..count {
        assert!(store.journal().append(None, record(number)).await.durable);
    }
}

/// Counts the syncs of a minute in which nothing changes.
fn idle(store: &Store) {
    std::thread::sleep(Duration::from_millis(1500));
    let (written, commits) = (Written::now(), store.status().commits);
    std::thread::sleep(Duration::from_secs(10));
    println!("figure store.syncs_idle_60s {} syncs", 6 * (store.status().commits - commits));
    println!("figure store.bytes_idle_60s {} bytes", 6 * written.since().to_device);
}

fn reopen(store: Store, open: impl Fn() -> Store) {
    let status = store.status();
    drop(store);
    let begin = Instant::now();
    let store = open();
    println!("figure store.open {:.0} ms", begin.elapsed().as_secs_f64() * 1000.0);
    println!("figure store.file_after_{}_events {} bytes", 2 * EVENTS, status.bytes_on_disk);
    drop(store);
}

fn bare_append(folder: &Path, size: usize) -> f64 {
    let mut file = File::create(folder.join("bare")).unwrap();
    let line = vec![b'x'; size];
    rate(EVENTS, || {
        for _ in 0..EVENTS {
            file.write_all(&line).unwrap();
            file.sync_data().unwrap();
        }
    })
}

fn rate(count: u64, work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let count = count as f64;
    count / begin.elapsed().as_secs_f64()
}

/// What this process has written.
struct Written {
    by_process: u64,
    to_device: u64,
}

impl Written {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
            line.unwrap_or(0)
        };
        Self { by_process: value("wchar"), to_device: value("write_bytes") }
    }

    fn since(&self) -> Self {
        let now = Self::now();
        Self { by_process: now.by_process - self.by_process, to_device: now.to_device - self.to_device }
    }
}

fn report(name: &str, written: Written, events: u64) {
    println!("figure store.bytes_written_per_event.{name}.process {} bytes", written.by_process / events);
    println!("figure store.bytes_written_per_event.{name}.device {} bytes", written.to_device / events);
}
