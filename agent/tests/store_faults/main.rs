//! Faults of the disk and of the power, each caused for real.
//!
//! What needs root (mounting a small disk, freezing it, making it read-only) says `skipped: ` and why where it cannot be
//! done.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test, also where it is not marked as one"
)]

mod damage;
mod disk;
mod power;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use victus_agent::event::{BootId, Event, EventKind, Position};
use victus_agent::store::{Store, StoreOptions};
use victus_hw::clock::SystemClock;

fn options(folder: &Path) -> StoreOptions {
    let boot = BootId("9f0c".to_owned());
    let mut options = StoreOptions::new(folder.join("db"), Arc::new(SystemClock::new(0)), boot);
    options.ballast_bytes = 256 * 1024;
    options
}

fn open(folder: &Path) -> Store {
    Store::open(options(folder)).unwrap()
}

/// An event that is durable at once.
fn record(number: u64) -> EventKind {
    EventKind::TimerStarted { timer: format!("t{number}"), name: Some("x".repeat(120)), seconds: number }
}

/// An event that is flushed within a second.
fn chatter(number: u64) -> EventKind {
    EventKind::Voice { stage: "transcript".to_owned(), at_ms: number, text: Some("turn on the pump".to_owned()) }
}

/// Everything in the journal.
fn all(store: &Store) -> Vec<Event> {
    let events = store.journal().read(Position::default(), 1_000_000).unwrap();
    assert!(events.is_sorted_by(|one, next| one.position < next.position));
    events
}

/// The journal has each of `expected` as it was acknowledged.
fn assert_has(store: &Store, expected: &[Event], when: &str) {
    let shown: BTreeMap<_, _> = all(store).into_iter().map(|event| (event.position, event)).collect();
    let missing = expected.iter().filter(|event| shown.get(&event.position) != Some(event)).count();
    assert_eq!(missing, 0, "of {} acknowledged events {missing} are lost {when}", expected.len());
}

/// Waits until `condition` holds.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within 30 s: {what}");
}

/// Says why a test does not run. With `VICTUS_REQUIRE_SHARED=1` that fails it.
fn skip(why: &str) {
    assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none_or(|value| value != "1"), "not to be skipped: {why}");
    println!("skipped: {why}");
}

/// Runs a program of the system. Its standard error where it fails.
fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
