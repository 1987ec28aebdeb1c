//! What the audit chain costs: checking it, and the entry that each call gets.
//!
//! Prints lines `figure <name> <value> <unit>`. The disk is that of the target directory, or of the folder named by
//! `VICTUS_BENCH_DIR`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program that measures and prints"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use victus_agent::event::{BootId, EventKind};
use victus_agent::store::{Audit, Store, StoreOptions};
use victus_agent::tool::{CallStatus, Caller, Risk};
use victus_hw::clock::SystemClock;

/// As many as the chain keeps.
const ENTRIES: usize = 20_000;

/// Appends that are measured one by one.
const APPENDS: usize = 2000;

fn main() {
    let target =
        std::env::var_os("VICTUS_BENCH_DIR").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::tempdir_in(target).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let database = folder.path().join("db");
    let mut options = StoreOptions::new(&database, Arc::new(SystemClock::new(0)), BootId("bench".to_owned()));
    options.limits.audit = 2 * ENTRIES as u64;
    options.limits.audit_bytes = u64::MAX;
    let store = Store::open(options).unwrap();

    // Alternating, so that what else the machine does falls on both alike.
    let (mut plain, mut chained) = (0.0, 0.0);
    for _ in 0..4 {
        plain += seconds(|| runtime.block_on(append(&store, APPENDS / 4, turn)));
        chained += seconds(|| runtime.block_on(append(&store, APPENDS / 4, call)));
    }
    println!("figure audit.append.without_entry {:.0} us", 1e6 * plain / APPENDS as f64);
    println!("figure audit.append.with_entry {:.0} us", 1e6 * chained / APPENDS as f64);

    runtime.block_on(fill(&store));
    let head = store.audit().head().unwrap();
    println!("figure audit.entries {} entries", head.number);
    let verify = || assert!(store.audit().verify(Some(head.into())).unwrap().whole);
    verify();
    let times: Vec<f64> = (0..5).map(|_| seconds(verify)).collect();
    println!("figure audit.verify {:.0} entries/s", head.number as f64 / median(times));
    drop(store);
    let closed = seconds(|| assert!(Audit::verify_closed(&database, Some(head.into())).unwrap().whole));
    println!("figure audit.verify_closed {:.0} ms", 1e3 * closed);
}

fn call(number: usize) -> EventKind {
    EventKind::ToolCalled {
        tool: "entity.turn_on".to_owned(),
        caller: Caller::panel(),
        risk: Risk::Reversible,
        args: json!({"entity": "switch.coolant_pump", "number": number}),
        status: CallStatus::Done,
        took_us: 123,
        attempts: None,
        repeated: false,
    }
}

/// As long as a call, and durable as soon.
fn turn(number: usize) -> EventKind {
    EventKind::CommandHandled {
        link: "fleet".to_owned(),
        id: format!("command-{number}"),
        state: "done".to_owned(),
        reply: json!({"entity": "switch.coolant_pump", "on": true, "by": "panel", "took_us": 123}),
    }
}

async fn append(store: &Store, count: usize, kind: fn(usize) -> EventKind) {
    for number in 0..count {
        assert!(store.journal().append(None, kind(number)).await.durable);
    }
}

async fn fill(store: &Store) {
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { append(&store, ENTRIES / 64, call).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
