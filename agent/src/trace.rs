//! Which turn the running code works for.
//!
//! Owns the trace id of the current task or thread, so that a line logged far below the orchestrator still names its
//! turn. Whoever works on a turn enters its id by [`scope`] (a future) or [`in_scope`] (blocking code); the logger of the
//! daemon reads [`current`]. A spawned task or thread does not inherit the id: enter it again there.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static TRACE: Arc<str>;
}

/// Runs `future` with `trace` as the current trace id.
pub async fn scope<F: Future>(trace: impl Into<Arc<str>>, future: F) -> F::Output {
    TRACE.scope(trace.into(), future).await
}

/// Runs `work` on this thread with `trace` as the current trace id.
pub fn in_scope<T>(trace: impl Into<Arc<str>>, work: impl FnOnce() -> T) -> T {
    TRACE.sync_scope(trace.into(), work)
}

/// The trace id that the running code works for, if it works for a turn.
pub fn current() -> Option<Arc<str>> {
    TRACE.try_with(Arc::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_id_holds_inside_its_scope_only() {
        assert_eq!(current(), None);
        let inside = scope("t-1", async {
            tokio::task::yield_now().await;
            (current(), in_scope("t-2", current), current())
        })
        .await;
        assert_eq!(inside, (Some("t-1".into()), Some("t-2".into()), Some("t-1".into())));
        assert_eq!(current(), None);
    }
}
