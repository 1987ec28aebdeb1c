//! The tie to `victus-safe`, which takes the lines in their safe state when this process ends.
//!
//! Owns the connection for the life of the process. Promises that a holder which is missing or has gone is a degraded
//! loop that says what to do, and is asked again until it is there. The protocol belongs to `victus_hw::safe`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use victus_hw::safe::{SafeLine, SafeLink};

use super::{HOLDER_SOCKET, Settings, devices};
use crate::config::Config;
use crate::supervisor::{LoopContext, LoopSpec, Supervisor};

/// How long the holder may take to give the lines.
const PATIENCE: Duration = Duration::from_secs(3);

/// The pause before a holder that is not there is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The holder's socket in the state folder of a simulated appliance.
const SIMULATED_SOCKET: &str = "safe.sock";

/// The connection, kept until the process ends.
#[derive(Clone)]
pub(super) struct Holder {
    socket: PathBuf,
    lines: Arc<watch::Sender<Vec<SafeLine>>>,
    link: Arc<Mutex<Option<SafeLink>>>,
}

impl Holder {
    /// Asks the holder for the lines of the configuration before anybody else takes them. A simulated appliance has a
    /// holder where one was started on its state folder; none otherwise.
    pub(super) async fn ask(config: &Config, settings: &Settings) -> Option<Self> {
        let simulated = settings.state.join(SIMULATED_SOCKET);
        let socket = if settings.simulate { simulated } else { PathBuf::from(HOLDER_SOCKET) };
        if settings.simulate && !socket.exists() {
            return None;
        }
        let lines = devices::safe_lines(config);
        let taken = SafeLink::take(&socket, &lines, PATIENCE).await;
        let holder = Self { socket, lines: Arc::new(watch::Sender::new(lines)), link: Arc::default() };
        match taken {
            Ok(link) => *holder.link.lock().await = Some(link),
            Err(error) => log::warn!("{error}"),
        }
        Some(holder)
    }

    /// Says which lines this process has from now on.
    pub(super) fn renew(&self, lines: Vec<SafeLine>) {
        self.lines.send_replace(lines);
    }

    /// Keeps the connection, and makes it again whenever it is lost.
    pub(super) fn spawn(self, supervisor: &mut Supervisor) {
        supervisor.spawn(LoopSpec::optional("holder"), move |context| {
            let holder = self.clone();
            async move {
                holder.keep(&context).await;
                Ok(())
            }
        });
    }

    async fn keep(&self, context: &LoopContext) {
        // The link outlives this loop: until the process is gone, nobody else is to take the lines.
        let mut link = self.link.lock().await;
        let mut lines = self.lines.subscribe();
        // The connection may be from before this loop was started again, and not know the latest.
        lines.mark_changed();
        loop {
            if let Some(connected) = link.as_mut() {
                context.up();
                tokio::select! {
                    () = context.stop().cancelled() => return,
                    () = connected.ended() => {}
                    Ok(()) = lines.changed() => {
                        let wanted = lines.borrow_and_update().clone();
                        match connected.renew(&wanted, PATIENCE).await {
                            Ok(()) => continue,
                            Err(error) => log::warn!("{error}"),
                        }
                    }
                }
                *link = None;
            }
            let wanted = lines.borrow_and_update().clone();
            match SafeLink::take(&self.socket, &wanted, PATIENCE).await {
                Ok(connected) => *link = Some(connected),
                Err(error) => {
                    context.degraded(error.to_string());
                    if context.stop().run_until_cancelled(tokio::time::sleep(ASK_AGAIN)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }
}
