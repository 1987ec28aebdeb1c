//! Commands from the fleet: what is asked for over a link, done once.
//!
//! Owns the way of a command from the message to its last reply. Promises:
//! * Nothing runs before the ledger has it. The broker is told that the message arrived only after that.
//! * A command runs once. The same id with the same content is answered with what is recorded; with other content it is
//!   refused as `id_reused`. One that was cut off in the middle is `uncertain` and never runs again; one that was
//!   accepted and not begun is begun after the restart, unless it has expired.
//! * `expires` counts only while the clock is synchronised: otherwise the command is refused as `clock_unknown`.
//! * At most [`CommandLimits::running`] run and [`CommandLimits::waiting`] wait; beyond that a command is refused as
//!   `busy` and may be sent again.
//! * No message is fatal. What cannot be read is refused where its id can be, and recorded as rejected otherwise; how much
//!   of that goes into the journal is bounded, and what is not recorded is counted in the next that is.
//!
//! The caller is the fleet, an operator. Tools in the link's `tools` may be called whatever their role. Everything else
//! (schema, rate, risk, audit) is the tool runtime's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use victus_agent::event::BootId;
use victus_agent::store::{Store, StoreError};
use victus_agent::tool::runtime::ToolRuntime;
use victus_hw::clock::Clock;

use super::command::MAX_COMMAND;
use super::ledger::LedgerLimits;
use super::topics::Topics;

mod desk;
mod expiry;

use desk::Desk;

/// How long running commands may take to end when the appliance stops. The rest is `uncertain` at the next start.
const LAST_WAIT: Duration = Duration::from_millis(300);

/// How much is done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// Commands that run at the same time.
    pub running: usize,
    /// Commands that wait.
    pub waiting: usize,
    /// Commands that are remembered.
    pub ledger: LedgerLimits,
}

impl Default for CommandLimits {
    /// 4 run, 64 wait.
    fn default() -> Self {
        Self { running: 4, waiting: 64, ledger: LedgerLimits::default() }
    }
}

/// What commands need.
pub(crate) struct Parts {
    pub(crate) link: String,
    pub(crate) topics: Topics,
    /// Tools that may be called whatever their role.
    pub(crate) tools: Vec<String>,
    pub(crate) store: Store,
    pub(crate) runtime: Arc<ToolRuntime>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot: BootId,
    pub(crate) limits: CommandLimits,
    /// Random numbers, for trace ids.
    pub(crate) random: fn() -> u128,
}

/// The payload of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// What it says.
    Bytes(Vec<u8>),
    /// It is larger than any command may be, by its number of bytes, and was let go.
    TooLarge(usize),
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() > MAX_COMMAND { Self::TooLarge(bytes.len()) } else { Self::Bytes(bytes) }
    }
}

/// A message that came.
pub(crate) struct Arrived {
    pub(crate) topic: String,
    pub(crate) payload: Payload,
    /// Told once what it leads to is recorded.
    pub(crate) recorded: oneshot::Sender<()>,
}

/// The task that handles commands, from the start of the link to its end, over all its connections.
pub(crate) struct Commands {
    intake: mpsc::Sender<Arrived>,
    dropped: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Commands {
    /// Takes up what the last run of the program left, and takes commands until `stop`.
    pub(crate) async fn start(parts: Parts, stop: CancellationToken) -> Result<Self, StoreError> {
        let (intake, arrivals) = mpsc::channel(parts.limits.waiting.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let desk = Desk::open(parts, Arc::clone(&dropped)).await?;
        let task = tokio::spawn(serve(desk, arrivals, stop));
        Ok(Self { intake, dropped, task })
    }

    /// Gives a message to be handled. The receiver is told when it may be acknowledged; none where there is no room.
    pub(crate) fn offer(&self, topic: String, payload: Payload) -> Option<oneshot::Receiver<()>> {
        let (recorded, told) = oneshot::channel();
        self.intake.try_send(Arrived { topic, payload, recorded }).ok().map(|()| told)
    }

    /// Counts a message that was let go without an answer; the next record of a rejection tells how many.
    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits a little for what still runs after the stop.
    pub(crate) async fn finish(mut self) {
        if tokio::time::timeout(2 * LAST_WAIT, &mut self.task).await.is_err() {
            log::warn!("commands did not end in time; what ran is reported as uncertain at the next start");
        }
    }
}

async fn serve(mut desk: Desk, mut arrivals: mpsc::Receiver<Arrived>, stop: CancellationToken) {
    loop {
        desk.begin();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = desk.ended() => {}
            arrived = arrivals.recv() => match arrived {
                None => break,
                Some(arrived) => {
                    desk.receive(&arrived.topic, &arrived.payload).await;
                    // The connection that it came by may be gone; then the broker sends it again.
                    let _connection_is_there = arrived.recorded.send(());
                }
            },
        }
    }
    if tokio::time::timeout(LAST_WAIT, desk.finish()).await.is_err() {
        log::warn!("commands were cut off by the end of the program; they are reported as uncertain at the next start");
    }
}

#[cfg(test)]
mod tests;
