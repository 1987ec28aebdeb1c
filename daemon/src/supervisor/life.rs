//! The life of one loop: start, run, crash, wait, start again.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use victus_agent::health::LoopState;

use super::backoff::Backoff;
use super::progress::Record;
use super::{Crash, LoopContext, LoopError, Shared};

/// Starts one run of a loop; the future ends with the run, and says what went wrong. Dropping it aborts a task.
pub(super) type Start = Box<dyn Fn(LoopContext) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Runs a loop as a task of its own, so that a panic stays in it.
pub(super) async fn task(run: impl Future<Output = Result<(), LoopError>> + Send + 'static) -> Result<(), String> {
    let mut set = JoinSet::new();
    set.spawn(run);
    match set.join_next().await {
        Some(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
        Some(Err(error)) => Err(match error.try_into_panic() {
            Ok(payload) => panic_reason(&*payload),
            Err(_) => "was aborted".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Runs a loop as a thread of its own.
pub(super) async fn thread(
    name: Arc<str>,
    body: impl FnOnce() -> Result<(), LoopError> + Send + 'static,
) -> Result<(), String> {
    let (sender, receiver) = oneshot::channel();
    let run = move || {
        let outcome = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(payload) => Err(panic_reason(&*payload)),
        };
        // Nobody listens only where the loop was cut off at the end.
        sender.send(outcome).ok();
    };
    // The handle is let go: the channel tells of the end, and a thread that hangs could not be joined.
    if let Err(error) = std::thread::Builder::new().name(name.chars().take(15).collect()).spawn(run) {
        return Err(format!("no thread could be started: {error}"));
    }
    receiver.await.unwrap_or_else(|_| Err("its thread ended without a word".to_owned()))
}

fn panic_reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

/// Keeps one loop running until it is stopped.
pub(super) async fn live(shared: Arc<Shared>, record: Arc<Record>, start: Start) {
    let mut backoff = Backoff::new(shared.limits);
    let mut crashes = 0_u32;
    loop {
        record.pulse.beat();
        let begun = shared.clock.monotonic();
        let outcome = run_once(&shared, &record, &start).await;
        let stopping = shared.stop.is_cancelled();
        let reason = match outcome {
            Ok(()) if stopping => break,
            Ok(()) => "ended by itself".to_owned(),
            Err(reason) => reason,
        };
        crashes = crashes.saturating_add(1);
        let wait = {
            let ran_for = shared.clock.monotonic().saturating_since(begun);
            let mut rng = shared.rng.lock().unwrap_or_else(PoisonError::into_inner);
            backoff.next(ran_for, &mut **rng)
        };
        report(
            &shared,
            &record,
            Crash {
                name: record.name.to_string(),
                reason: reason.clone(),
                crashes,
                again_in: (!stopping).then_some(wait),
            },
        );
        if stopping || shared.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            break;
        }
        shared.health.set(&record.name, LoopState::Degraded(recovering(&reason)));
    }
    record.end();
    shared.health.set(&record.name, LoopState::Down("stopped".to_owned()));
}

fn recovering(reason: &str) -> String {
    format!("started again after it {reason}")
}

/// One run. After a while without a crash, a crash before it is forgotten.
async fn run_once(shared: &Shared, record: &Record, start: &Start) -> Result<(), String> {
    let context = LoopContext {
        name: record.name.clone(),
        pulse: record.pulse.clone(),
        stop: shared.stop.clone(),
        health: shared.health.clone(),
    };
    let mut run = start(context);
    let good_after = tokio::time::sleep(shared.limits.reset_after);
    tokio::select! {
        outcome = &mut run => return outcome,
        () = good_after => {}
    }
    if let Some(LoopState::Degraded(why)) = shared.health.get(&record.name)
        && why.starts_with(&recovering(""))
    {
        shared.health.set(&record.name, LoopState::Up);
    }
    run.await
}

fn report(shared: &Shared, record: &Record, crash: Crash) {
    let again = match crash.again_in {
        Some(wait) => format!("starts again in {:.1} s", wait.as_secs_f64()),
        None => "while it was being stopped".to_owned(),
    };
    log::error!(name = crash.name.as_str(), crashes = crash.crashes; "loop {}: {again}", crash.reason);
    shared.health.set(&record.name, LoopState::Down(format!("{}; {again}", crash.reason)));
    if catch_unwind(AssertUnwindSafe(|| (shared.on_crash)(&crash))).is_err() {
        log::error!(name = crash.name.as_str(); "the report of a crash panicked itself");
    }
}
