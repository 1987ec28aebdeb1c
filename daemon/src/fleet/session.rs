//! One session with a broker: what is sent and taken while a connection lives.
//!
//! Owns the order of things: subscribe, wait for the answer, say who and how the appliance is, then drain the outbox,
//! hand messages to `commands` and acknowledge each once it is recorded; at a shutdown, say goodbye. One task does all of
//! it and never waits for the connection. Leaves connecting to `uplink`, packets to `link`.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::oneshot;
use victus_agent::event::{Event, Position};
use victus_agent::health::LoopState;
use victus_agent::links::Connected;
use victus_hw::clock::Monotonic;

use super::command::reply_of;
use super::commands::Payload;
use super::link::{Connection, Loss, Message, Notice, Receipt};
use super::outbox::{Next, Offer};
use super::payloads::{EventMessage, Presence, PresenceState, encode};
use super::readings;
use super::uplink::{TICK, Uplink};

/// Records read from the journal at a time.
const PAGE: usize = 64;

/// Messages sent before the session looks at anything else.
const TURN: usize = 64;

/// How long the broker may take to acknowledge a goodbye, and to close.
const GOODBYE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(300));

/// How long a broker may hold back every acknowledgement.
const STALLED: Duration = Duration::from_secs(60);

/// The cursor is stored when it is this old ...
const CURSOR_AGE: Duration = Duration::from_secs(30);

/// ... or this far behind.
const CURSOR_RECORDS: u64 = 500;

/// How long to wait after the journal could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// What a published message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Retained state: sent anew in the next session anyway.
    State,
    /// The last word.
    Goodbye,
    /// A record of the journal.
    Record(Position),
}

/// How a session ended.
pub(super) enum Ended {
    /// As asked.
    Goodbye,
    /// Against our will.
    Lost {
        /// Why.
        loss: Loss,
        /// How long it was good.
        good: Duration,
    },
}

type Recorded = std::pin::Pin<Box<dyn Future<Output = Option<Receipt>> + Send>>;

/// A session.
pub(super) struct Session<'s, 'a> {
    link: &'s mut Uplink<'a>,
    connection: Connection<Token>,
    /// When events began to flow.
    ready: Option<Monotonic>,
    /// Messages whose effect is being recorded.
    recording: FuturesUnordered<Recorded>,
    unacknowledged: usize,
    progress: Monotonic,
    alarming: Value,
    health_at: Monotonic,
    cursor_at: Monotonic,
    /// Tells routes that a link is up, from when the broker knows the appliance as online.
    _connected: Option<Connected>,
}

impl<'s, 'a> Session<'s, 'a> {
    pub(super) fn new(link: &'s mut Uplink<'a>, connection: Connection<Token>) -> Self {
        let now = link.now();
        Self {
            link,
            connection,
            ready: None,
            recording: FuturesUnordered::new(),
            unacknowledged: 0,
            progress: now,
            alarming: Value::Null,
            health_at: now,
            cursor_at: now,
            _connected: None,
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        match self.live().await {
            Ok(()) => {
                self.goodbye().await;
                Ended::Goodbye
            }
            Err(loss) => {
                let now = self.link.now();
                let good = self.ready.map_or(Duration::ZERO, |ready| now.saturating_since(ready));
                Ended::Lost { loss, good }
            }
        }
    }

    /// Until shutdown (`Ok`) or loss.
    async fn live(&mut self) -> Result<(), Loss> {
        let opened = self.link.now();
        if self.link.commands_off.is_none() {
            self.connection.subscribe(&self.link.topics.commands())?;
        } else {
            self.begin(true).await?;
        }
        let journal = self.link.appliance.store.journal().clone();
        let mut appended = journal.watch();
        let mut entities = self.link.appliance.entities.watch();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let again = if self.ready.is_some() { self.send()? } else { None };
            let shutdown = self.link.shutdown;
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                notice = self.connection.notice() => self.take(notice).await?,
                Some(recorded) = self.recording.next() => {
                    if let Some(receipt) = recorded {
                        self.connection.acknowledge(receipt)?;
                    }
                }
                changed = appended.changed() => {
                    if changed.is_err() {
                        return Err(Loss::because("the store was closed"));
                    }
                }
                Ok(()) = entities.changed(), if self.ready.is_some() => self.tell_about()?,
                () = tokio::time::sleep(again.unwrap_or(TICK)), if again.is_some() => {}
                _ = tick.tick() => self.tick(opened).await?,
            }
        }
    }

    /// The subscription was answered: says who is there, and lets events flow.
    async fn begin(&mut self, granted: bool) -> Result<(), Loss> {
        let now = self.link.now();
        let presence = Presence::new(PresenceState::Online, self.link.boot.clone(), &*self.link.appliance.clock);
        self.publish(&self.link.topics.presence(), encode(&presence), true, Token::State)?;
        self.tell_about()?;
        self.link.outbox.session_began(self.link.appliance.store.journal().last());
        self.ready = Some(now);
        self._connected = Some(self.link.appliance.links.connected());
        let name = &self.link.options.name;
        log::info!(link = name; "connected to {}", self.link.options.broker());
        self.link.health(match (granted, self.link.commands_off) {
            (true, None) => LoopState::Up,
            (false, _) => LoopState::Degraded(format!(
                "the broker refuses the subscription to {}: commands do not come; check its access rules",
                self.link.topics.commands()
            )),
            (true, Some(_)) => LoopState::Degraded(
                "commands are not taken for a while, because the broker sent a message that is too large".to_owned(),
            ),
        });
        self.report_health(now)?;
        self.link.announcer.set(true, None);
        self.link.announce().await;
        Ok(())
    }

    fn tell_about(&mut self) -> Result<(), Loss> {
        let about = readings::about(self.link.options, self.link.appliance).encode();
        self.publish(&self.link.topics.about(), about, true, Token::State)
    }

    /// Sends what the outbox offers. Returns after how long to ask again, where that is not told by anything else.
    fn send(&mut self) -> Result<Option<Duration>, Loss> {
        let journal = self.link.appliance.store.journal();
        for _ in 0..TURN {
            if !self.connection.has_room() {
                return Ok(None);
            }
            match self.link.outbox.next(journal.last(), self.link.now()) {
                Next::Idle => return Ok(None),
                Next::Wait(time) => return Ok(Some(time)),
                Next::Send(offer) => self.send_record(&offer)?,
                Next::Read(after) => {
                    let read = journal.read(after, PAGE).and_then(|events| {
                        let oldest = journal.read(Position::default(), 1)?;
                        Ok((events, oldest.first().map_or(after, |event| event.position)))
                    });
                    match read {
                        Ok((events, _)) if events.is_empty() => return Ok(Some(READ_AGAIN)),
                        Ok((events, oldest)) => {
                            let name = &self.link.options.name;
                            let messages = |event: &Event| 1 + usize::from(reply_of(event, name).is_some());
                            self.link.outbox.load(events, oldest, messages);
                        }
                        Err(error) => {
                            log::warn!(link = self.link.options.name; "events wait: {error}");
                            return Ok(Some(READ_AGAIN));
                        }
                    }
                }
            }
        }
        Ok(Some(Duration::ZERO))
    }

    fn send_record(&mut self, offer: &Offer) -> Result<(), Loss> {
        let token = Token::Record(offer.event.position);
        if let Some((id, payload)) = reply_of(&offer.event, &self.link.options.name) {
            match self.link.topics.reply(&id) {
                Ok(topic) => self.publish(&topic, payload, false, token)?,
                // Not reached: the id was checked when the command came. The record still counts as two messages.
                Err(_) => self.link.outbox.acknowledged(offer.event.position),
            }
        }
        let payload = EventMessage::new(&offer.event, offer.lane, offer.gap).encode();
        self.publish(&self.link.topics.event(), payload, false, token)
    }

    fn publish(&mut self, topic: &str, payload: Vec<u8>, retain: bool, token: Token) -> Result<(), Loss> {
        if self.unacknowledged == 0 {
            self.progress = self.link.now();
        }
        self.connection.publish(topic, payload, retain, token)?;
        self.unacknowledged += 1;
        Ok(())
    }

    async fn take(&mut self, notice: Notice<Token>) -> Result<(), Loss> {
        match notice {
            Notice::Lost(loss) => Err(loss),
            Notice::Subscribed(granted) if self.ready.is_none() => self.begin(granted).await,
            Notice::Subscribed(_) => Ok(()),
            Notice::Acknowledged(token) => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                self.progress = self.link.now();
                if let Token::Record(position) = token {
                    self.link.outbox.acknowledged(position);
                    if self.link.unstored() >= CURSOR_RECORDS {
                        self.store_cursor().await;
                    }
                }
                Ok(())
            }
            Notice::Message(message) => self.take_message(message),
        }
    }

    fn take_message(&mut self, message: Message) -> Result<(), Loss> {
        let receipt = message.receipt;
        match self.link.commands.offer(message.topic, Payload::from(message.payload)) {
            Some(recorded) => {
                self.recording.push(Box::pin(once_recorded(recorded, receipt)));
                Ok(())
            }
            // The broker keeps what is not acknowledged and sends it again in the next session.
            None if receipt.is_some() => Err(Loss::because("commands come faster than they can be recorded")),
            None => {
                self.link.commands.count_dropped();
                Ok(())
            }
        }
    }

    async fn tick(&mut self, opened: Monotonic) -> Result<(), Loss> {
        (self.link.pulse)();
        let now = self.link.now();
        if self.ready.is_none() {
            let waited = now.saturating_since(opened);
            return match waited < self.link.options.timeout {
                true => Ok(()),
                false => Err(Loss::because(format!(
                    "{} did not answer the subscription within {} s",
                    self.link.options.broker(),
                    self.link.options.timeout.as_secs()
                ))),
            };
        }
        if self.unacknowledged > 0 && now.saturating_since(self.progress) > STALLED {
            let broker = self.link.options.broker();
            return Err(Loss::because(format!("{broker} acknowledged nothing for {} s", STALLED.as_secs())));
        }
        if self.link.commands_off.is_some_and(|until| now >= until) {
            self.link.commands_off = None;
            self.connection.subscribe(&self.link.topics.commands())?;
            self.link.health(LoopState::Up);
        }
        self.link.announce().await;
        if now.saturating_since(self.cursor_at) >= CURSOR_AGE {
            self.store_cursor().await;
        }
        let old = now.saturating_since(self.health_at) >= self.link.options.health_every;
        if old || readings::alarming(self.link.appliance) != self.alarming {
            self.report_health(now)?;
        }
        Ok(())
    }

    fn report_health(&mut self, now: Monotonic) -> Result<(), Loss> {
        self.health_at = now;
        self.alarming = readings::alarming(self.link.appliance);
        let unsent = self.link.outbox.unsent(self.link.appliance.store.journal().last());
        let report = readings::health(self.link.options, self.link.appliance, unsent).encode();
        self.publish(&self.link.topics.health(), report, true, Token::State)
    }

    async fn store_cursor(&mut self) {
        self.cursor_at = self.link.now();
        self.link.store_cursor().await;
    }

    /// Says that the appliance goes, and waits a little until the broker knows.
    async fn goodbye(mut self) {
        let presence = Presence::new(PresenceState::Offline, self.link.boot.clone(), &*self.link.appliance.clock);
        let topic = self.link.topics.presence();
        if self.publish(&topic, encode(&presence), true, Token::Goodbye).is_err() {
            return;
        }
        let heard = async {
            loop {
                match self.connection.notice().await {
                    Notice::Acknowledged(Token::Goodbye) | Notice::Lost(_) => return,
                    Notice::Acknowledged(Token::Record(position)) => self.link.outbox.acknowledged(position),
                    _ => {}
                }
            }
        };
        if tokio::time::timeout(GOODBYE.0, heard).await.is_err() {
            log::warn!(link = self.link.options.name; "the broker did not acknowledge the goodbye");
        }
        self.connection.disconnect(GOODBYE.1).await;
    }
}

async fn once_recorded(recorded: oneshot::Receiver<()>, receipt: Option<Receipt>) -> Option<Receipt> {
    recorded.await.ok()?;
    receipt
}
