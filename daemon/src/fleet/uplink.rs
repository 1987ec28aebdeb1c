//! A link over its life: connecting, losing, waiting, connecting again.
//!
//! Owns [`run_link`] and what outlives a connection: the outbox, the commands, the backoff, and what is known of a message
//! that the client library refuses to read. Leaves one session to `session` and one connection to `link`.
//!
//! # A message that cannot be read
//!
//! A broker sends a message again until it is acknowledged, and MQTT 3.1.1 has no way to say how large one may be. A
//! message beyond [`super::link::MAX_PACKET`] would end every connection for ever. So the first time, the broker is
//! asked to forget the session, with whatever else waits in it, which is recorded; if that does not help (a retained
//! message comes with every subscription), the link goes on without taking commands and tries again after
//! [`COMMANDS_OFF`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;
use victus_agent::appliance::Appliance;
use victus_agent::event::{BootId, EventKind, Position};
use victus_agent::health::LoopState;
use victus_agent::store::{StoreError, Table, TableName};
use victus_hw::clock::Monotonic;

use super::announcer::Announcer;
use super::backoff::Backoff;
use super::bucket::TokenBucket;
use super::commands::{CommandLimits, Commands, Parts};
use super::link::{Connection, Greeting, Loss};
use super::options::LinkOptions;
use super::outbox::{Outbox, StoredCursor};
use super::payloads::{Presence, PresenceState, encode};
use super::readings;
use super::session::{Ended, Session, Token};
use super::tls;
use super::topics::{BadId, Topics};

/// How often a link that has nothing to do shows that it lives.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// How long the broker may take for a goodbye.
const GOODBYE: Duration = Duration::from_millis(300);

/// How long no commands are taken after messages that could not be read.
pub const COMMANDS_OFF: Duration = Duration::from_secs(600);

/// Why a link cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// An id cannot stand in a topic.
    #[error("the link cannot be made: {0}")]
    Id(#[from] BadId),
    /// The store cannot say how far the link is, or what commands there were.
    #[error("the link cannot begin, because what it has sent is not known: {0}")]
    Store(#[from] StoreError),
}

/// What a link is and has, whether or not it is connected.
pub(super) struct Uplink<'a> {
    pub(super) options: &'a LinkOptions,
    pub(super) appliance: &'a Appliance,
    pub(super) pulse: &'a (dyn Fn() + Send + Sync),
    pub(super) shutdown: &'a CancellationToken,
    pub(super) topics: Topics,
    pub(super) boot: BootId,
    pub(super) outbox: Outbox,
    pub(super) commands: Commands,
    pub(super) announcer: Announcer,
    /// Until when no commands are taken.
    pub(super) commands_off: Option<Monotonic>,
    /// Whether the broker is to forget the session before the next one, and whether it has.
    forget: bool,
    forgotten: bool,
    rejections: TokenBucket,
    cursors: Table,
    stored: Position,
}

/// Runs a link until `shutdown`: then it says goodbye. `pulse` is called at least every few seconds while all is well.
/// A broker that is away is no error; the link waits and tries again.
///
/// # Errors
/// The options cannot be used, or the store cannot be read.
pub async fn run_link(
    options: LinkOptions,
    appliance: Arc<Appliance>,
    pulse: impl Fn() + Send + Sync,
    shutdown: CancellationToken,
) -> Result<(), LinkError> {
    let mut link = Uplink::open(&options, &appliance, &pulse, &shutdown).await?;
    let (base, cap) = options.backoff;
    let mut backoff = Backoff::new(base, cap, options.good_after);
    let mut random = StdRng::from_rng(&mut rand::rng());
    link.health(LoopState::Degraded(format!("connecting to {}", options.broker())));
    while !shutdown.is_cancelled() {
        let (loss, good) = match link.connect_once().await {
            Ended::Goodbye => break,
            Ended::Lost { loss, good } => (loss, good),
        };
        link.lost(&loss, good).await;
        backoff.link_was_good_for(good);
        link.patiently(tokio::time::sleep(backoff.next(&mut random))).await;
    }
    link.store_cursor().await;
    link.commands.finish().await;
    Ok(())
}

impl<'a> Uplink<'a> {
    async fn open(
        options: &'a LinkOptions,
        appliance: &'a Appliance,
        pulse: &'a (dyn Fn() + Send + Sync),
        shutdown: &'a CancellationToken,
    ) -> Result<Self, LinkError> {
        let topics = options.topics()?;
        let cursors = appliance.store.table(TableName::Outbox);
        let stored = cursors.get::<StoredCursor>(&options.name)?.map_or(Position::default(), |cursor| cursor.position);
        let boot = readings::boot();
        let parts = Parts {
            link: options.name.clone(),
            topics: topics.clone(),
            tools: options.tools.clone(),
            store: appliance.store.clone(),
            runtime: Arc::clone(&appliance.tools),
            clock: Arc::clone(&appliance.clock),
            boot: boot.clone(),
            limits: CommandLimits::default(),
            random: rand::random,
        };
        Ok(Self {
            commands: Commands::start(parts, shutdown.child_token()).await?,
            outbox: Outbox::new(options.limits, stored),
            announcer: Announcer::new(&options.name),
            commands_off: None,
            forget: false,
            forgotten: false,
            rejections: TokenBucket::new(1.0 / 60.0, 10.0),
            options,
            appliance,
            pulse,
            shutdown,
            topics,
            boot,
            cursors,
            stored,
        })
    }

    /// Connects, and stays in the session until it ends.
    async fn connect_once(&mut self) -> Ended {
        if self.forget {
            match self.open_connection(true).await {
                Ok(Some(connection)) => {
                    connection.disconnect(GOODBYE).await;
                    (self.forget, self.forgotten) = (false, true);
                }
                Ok(None) => return Ended::Goodbye,
                Err(loss) => return Ended::Lost { loss, good: Duration::ZERO },
            }
        }
        match self.open_connection(false).await {
            Ok(Some(connection)) => Session::new(self, connection).run().await,
            Ok(None) => Ended::Goodbye,
            Err(loss) => Ended::Lost { loss, good: Duration::ZERO },
        }
    }

    /// A connection; none where the link is to end.
    async fn open_connection(&self, forget_session: bool) -> Result<Option<Connection<Token>>, Loss> {
        let tls = match &self.options.tls {
            None => None,
            Some(options) => Some(tls::client_config(options).map_err(|error| Loss::because(error.to_string()))?),
        };
        let password = match &self.options.credentials {
            None => None,
            Some(credentials) => Some(password(&credentials.password_file).await?),
        };
        let offline = Presence::new(PresenceState::Offline, self.boot.clone(), &*self.appliance.clock);
        let will = (self.topics.presence(), encode(&offline));
        let greeting = Greeting { will, forget_session, tls, password };
        // Boxed: the client's options are large.
        let opened = self.patiently(Connection::open(self.options, greeting).boxed()).await;
        opened.transpose()
    }

    /// Waits for `future` and meanwhile shows that the link lives; none where the link is to end.
    pub(super) async fn patiently<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                output = &mut future => return Some(output),
                () = tokio::time::sleep(TICK) => (self.pulse)(),
            }
        }
    }

    async fn lost(&mut self, loss: &Loss, good: Duration) {
        log::warn!(link = self.options.name; "{}", loss.why);
        self.outbox.session_ended();
        self.health(LoopState::Degraded(loss.why.clone()));
        self.announcer.set(false, Some(loss.why.clone()));
        self.announce().await;
        self.store_cursor().await;
        if good >= self.options.good_after {
            self.forgotten = false;
        }
        if loss.poison {
            self.get_past(loss).await;
        }
    }

    /// A message that cannot be read ended the session: sees to it that it does not end the next one too.
    async fn get_past(&mut self, loss: &Loss) {
        let what = match self.forgotten {
            false => {
                self.forget = true;
                "the broker is asked to forget the session, and commands that wait in it are lost"
            }
            true => {
                self.forgotten = false;
                self.commands_off = Some(self.now().saturating_add(COMMANDS_OFF));
                "commands are not taken for ten minutes; clear the retained message on the command topics"
            }
        };
        if self.rejections.take(self.now()).is_ok() {
            let reason = format!("{}; {what}", loss.why);
            let source = format!("{}: {}", self.options.name, self.topics.commands());
            self.appliance.store.journal().append(None, EventKind::MessageRejected { source, reason }).await;
        }
    }

    /// Tells the journal whether the link is up, where that has changed.
    pub(super) async fn announce(&mut self) {
        if let Some(change) = self.announcer.due(self.now()) {
            self.appliance.store.journal().append(None, change).await;
        }
    }

    /// Stores how far the link is, where that has changed.
    pub(super) async fn store_cursor(&mut self) {
        let position = self.outbox.cursor();
        if position == self.stored {
            return;
        }
        match self.cursors.put(&self.options.name, &StoredCursor { v: 1, position }).await {
            Ok(_) => self.stored = position,
            Err(error) => log::warn!(link = self.options.name; "how far the link is cannot be stored: {error}"),
        }
    }

    /// How many records have been released since the cursor was stored; large where an epoch lies between.
    pub(super) fn unstored(&self) -> u64 {
        let (stored, is) = (self.stored, self.outbox.cursor());
        if stored.epoch == is.epoch { is.seq.saturating_sub(stored.seq) } else { u64::MAX }
    }

    pub(super) fn health(&self, state: LoopState) {
        self.appliance.health.set(&format!("link.{}", self.options.name), state);
    }

    pub(super) fn now(&self) -> Monotonic {
        self.appliance.clock.monotonic()
    }
}

async fn password(path: &Path) -> Result<String, Loss> {
    let read = tokio::fs::read_to_string(path).await;
    let text = read.map_err(|error| {
        Loss::because(format!("cannot read {}: {error}; check `password_file` of the link", path.display()))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
