//! Brings every change of a point into the journal as an event.
//!
//! Owns the reader of the points' bounded ring of changes. Promises that each change becomes one event in the order in
//! which the changes happened, and that a ring that ran over is accounted for by the values as they stand.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use victus_hw::points::Points;

use crate::event::EventKind;
use crate::store::Store;

/// How often progress is shown while nothing changes.
const PROGRESS_INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// Reads changes until `shutdown`; calls `progress` each time round, at least every few seconds.
pub async fn record_changes(points: Arc<Points>, store: Store, progress: impl Fn(), shutdown: CancellationToken) {
    let mut latest = points.watch();
    let mut seen = 0;
    loop {
        progress();
        seen = record_since(&points, &store, seen).await;
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = latest.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(PROGRESS_INTERVAL) => {}
        }
    }
    record_since(&points, &store, seen).await;
}

async fn record_since(points: &Points, store: &Store, seen: u64) -> u64 {
    let batch = points.changes_since(seen);
    if batch.lost > 0 {
        log::warn!(lost = batch.lost; "points changed faster than the journal could be written");
    }
    let mut last = seen;
    for change in batch.changes {
        last = change.seq;
        let kind = EventKind::EntityChanged {
            entity: change.point,
            from: change.previous,
            to: change.value,
            cause: change.cause,
        };
        store.journal().append(None, kind).await;
    }
    last
}
