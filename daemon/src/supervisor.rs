//! The loops of the appliance: started, watched, restarted, stopped.
//!
//! Each loop is one task, or one thread where it blocks (sound, inference). It gets a [`LoopContext`] and runs until its
//! stop token is cancelled. A loop that panics, fails or ends by itself is a crash: it is reported, and started again
//! after a wait that doubles from 1 s to 60 s and is forgotten once the loop was good for 60 s. Nothing else stops.
//!
//! States: `up`; `degraded` by the loop's own word, and after a crash until the loop says that it is up or has run for a
//! minute; `down` while it waits for its next start, and while it shows no progress within its limit.
//!
//! Promises: no panic of a loop or of the crash report reaches another loop; [`Supervisor::shutdown`] returns within its
//! deadline and a tenth of a second. A thread cannot be stopped from outside: one that ignores its token is left behind.
//! Leaves what a crash means to the journal, and feeding the watchdog to `systemd`.

mod backoff;
mod life;
mod progress;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use victus_agent::health::{Health, LoopState};
use victus_hw::clock::Clock;

pub use backoff::{Backoff, BackoffLimits};
pub use progress::{Overdue, Progress, Pulse};

#[cfg(panic = "abort")]
compile_error!(
    "a crashed loop is caught and started again, which needs unwinding: with panic = \"abort\" one fault would end the \
     whole appliance"
);

/// How long tasks may take to fall after they were aborted.
const FALL: Duration = Duration::from_millis(100);

/// Why a loop could not go on.
pub type LoopError = Box<dyn std::error::Error + Send + Sync>;

/// What a loop is called and what is asked of it.
#[derive(Debug, Clone)]
pub struct LoopSpec {
    name: Arc<str>,
    required: bool,
    limit: Option<Duration>,
}

impl LoopSpec {
    /// A loop without which the appliance is of no use. It must call [`LoopContext::beat`] at least every `limit`, or the
    /// watchdog starves.
    pub fn required(name: &str, limit: Duration) -> Self {
        Self { name: name.into(), required: true, limit: Some(limit) }
    }

    /// A loop without which the appliance still works.
    pub fn optional(name: &str) -> Self {
        Self { name: name.into(), required: false, limit: None }
    }

    /// The longest time between two beats before the loop counts as down.
    #[must_use]
    pub fn with_progress_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What a loop gets.
#[derive(Clone)]
pub struct LoopContext {
    name: Arc<str>,
    pulse: Pulse,
    stop: CancellationToken,
    health: Arc<Health>,
}

impl LoopContext {
    /// The loop's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shows progress: to be called where work was done, or where waiting for work went round once.
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// The handle behind [`beat`](Self::beat), for code that knows nothing of the supervisor.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Cancelled when the loop shall end.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Says that the loop works as it should.
    pub fn up(&self) {
        self.health.set(&self.name, LoopState::Up);
    }

    /// Says that the loop works with less than it should, and why.
    pub fn degraded(&self, why: impl Into<String>) {
        self.health.set(&self.name, LoopState::Degraded(why.into()));
    }
}

/// The end of a loop that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The loop's name.
    pub name: String,
    /// What happened.
    pub reason: String,
    /// How often this loop has crashed since the start, this one included.
    pub crashes: u32,
    /// After which wait it starts again; `None` if it crashed while it was being stopped.
    pub again_in: Option<Duration>,
}

/// Told of each crash. Must not block; a panic in it is caught.
pub type OnCrash = Arc<dyn Fn(&Crash) + Send + Sync>;

/// What every supervised loop shares.
struct Shared {
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    rng: Mutex<Box<dyn rand::Rng + Send>>,
    limits: BackoffLimits,
    on_crash: OnCrash,
    stop: CancellationToken,
    progress: Progress,
}

/// The owner of all loops.
pub struct Supervisor {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// A supervisor without loops. `rng` spreads restarts; `on_crash` is told of each crash.
    pub fn new(
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        rng: impl rand::Rng + Send + 'static,
        limits: BackoffLimits,
        on_crash: OnCrash,
    ) -> Self {
        let progress = Progress::new(clock.clone(), health.clone());
        let rng: Mutex<Box<dyn rand::Rng + Send>> = Mutex::new(Box::new(rng));
        let shared = Shared { clock, health, rng, limits, on_crash, stop: CancellationToken::new(), progress };
        Self { shared: Arc::new(shared), tasks: JoinSet::new() }
    }

    /// Starts a loop that is a task. `factory` makes it anew for each start. To be called inside a tokio runtime.
    pub fn spawn<F, Fut>(&mut self, spec: LoopSpec, factory: F)
    where
        F: Fn(LoopContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), LoopError>> + Send + 'static,
    {
        let factory = Arc::new(factory);
        self.supervise(
            spec,
            Box::new(move |context| {
                let factory = factory.clone();
                life::task(async move { factory(context).await }).boxed()
            }),
        );
    }

    /// Starts a loop that is a thread, because it blocks. It must look at its stop token at least every few 100 ms.
    pub fn spawn_thread<F>(&mut self, spec: LoopSpec, body: F)
    where
        F: Fn(LoopContext) -> Result<(), LoopError> + Send + Sync + 'static,
    {
        let body = Arc::new(body);
        self.supervise(
            spec,
            Box::new(move |context| {
                let body = body.clone();
                life::thread(context.name.clone(), move || body(context)).boxed()
            }),
        );
    }

    fn supervise(&mut self, spec: LoopSpec, start: life::Start) {
        self.shared.health.register(&spec.name, spec.required);
        let record = self.shared.progress.enter(&spec);
        self.tasks.spawn(life::live(self.shared.clone(), record, start));
    }

    /// Cancelled when all loops shall end; a child of it stops a part.
    pub fn stop_token(&self) -> CancellationToken {
        self.shared.stop.clone()
    }

    /// Who shows progress and who does not, for the watchdog.
    pub fn progress(&self) -> Progress {
        self.shared.progress.clone()
    }

    /// Asks every loop to end and waits for `deadline` at most; then cuts the rest off and answers with their names.
    pub async fn shutdown(mut self, deadline: Duration) -> Vec<String> {
        self.shared.stop.cancel();
        if tokio::time::timeout(deadline, self.all_ended()).await.is_ok() {
            return Vec::new();
        }
        let left = self.shared.progress.running();
        for name in &left {
            log::warn!(name = name.as_str(); "loop did not end within {} ms and is cut off", deadline.as_millis());
        }
        self.tasks.abort_all();
        if tokio::time::timeout(FALL, self.all_ended()).await.is_err() {
            // A task that blocks its thread cannot be aborted; waiting longer would hold up the lines' safe state.
            self.tasks.detach_all();
        }
        left
    }

    async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests;
