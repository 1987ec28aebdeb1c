//! Where commands are taken, begun and ended.
//!
//! Owns the queue, the running commands and the ledger of one link. One task calls it; only running a tool happens in
//! tasks of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{Id, JoinSet};
use victus_agent::event::{EventKind, Stamp, TraceId};
use victus_agent::store::StoreError;
use victus_agent::tool::confirmation::{Permit, Token};
use victus_agent::tool::runtime::CallResult;
use victus_agent::tool::{CallContext, CallStatus, Caller, Role};
use victus_agent::trace;

use super::expiry;
use super::{Parts, Payload};
use crate::fleet::bucket::TokenBucket;
use crate::fleet::command::{Command, CommandError, CommandState, MAX_RESULT, Reply};
use crate::fleet::ledger::{Entry, Ledger, Pen};
use crate::fleet::topics::check_id;

/// Rejections, refusals of what cannot be read and answers to repeated commands, in a second and at once.
const NOISE: (f64, f64) = (1.0, 30.0);

/// The longest text from outside that is repeated in an event, in characters.
const QUOTED: usize = 120;

/// The reason of a command that was cut off.
const CUT_OFF: &str =
    "The appliance ended while the command ran. Whether it took effect is not known; it is not run again.";

pub(super) struct Desk {
    parts: Arc<Parts>,
    ledger: Ledger,
    waiting: VecDeque<Entry>,
    workers: JoinSet<Entry>,
    running: HashMap<Id, Entry>,
    noise: TokenBucket,
    dropped: Arc<AtomicU64>,
}

impl Desk {
    /// Opens the ledger and takes up what the last run of the program left: what had begun is uncertain, what had not
    /// waits again.
    pub(super) async fn open(parts: Parts, dropped: Arc<AtomicU64>) -> Result<Self, StoreError> {
        let (mut ledger, open) = Ledger::open(parts.store.clone(), &parts.link, parts.limits.ledger)?;
        let mut waiting = VecDeque::new();
        for mut entry in open {
            if entry.state == CommandState::Accepted && entry.command.is_some() {
                waiting.push_back(entry);
            } else {
                end_uncertain(&ledger.pen(), &mut entry).await;
                ledger.note(&entry);
            }
        }
        let noise = TokenBucket::new(NOISE.0, NOISE.1);
        let (workers, running) = (JoinSet::new(), HashMap::new());
        Ok(Self { parts: Arc::new(parts), ledger, waiting, workers, running, noise, dropped })
    }

    /// Takes a message. Afterwards what it leads to is recorded.
    pub(super) async fn receive(&mut self, topic: &str, payload: &Payload) {
        let Some(id) = self.parts.topics.command_id(topic).map(str::to_owned) else {
            return self.reject(topic, "nothing is expected on this topic".to_owned()).await;
        };
        if let Err(bad) = check_id("command", &id) {
            return self.reject(topic, bad.to_string()).await;
        }
        let command = match payload {
            Payload::Bytes(bytes) => Command::parse(bytes),
            Payload::TooLarge(size) => Err(CommandError::TooLarge(*size)),
        };
        let command = match command {
            Ok(command) => command,
            Err(error) => {
                let code = if matches!(error, CommandError::TooLarge(_)) { "too_large" } else { "malformed" };
                let reply = Reply::new(&id, CommandState::Refused).because(code, quoted(&error.to_string()));
                return self.answer(None, reply).await;
            }
        };
        match self.ledger.find(&id) {
            Ok(None) => self.accept(id, command).await,
            Ok(Some(known)) => self.repeat(known, &command).await,
            Err(error) => {
                let reason = format!("The appliance cannot read its ledger of commands, so it runs none: {error}");
                let reply = Reply::new(&id, CommandState::Refused).because("not_recorded", reason);
                self.answer(None, reply).await;
            }
        }
    }

    async fn repeat(&mut self, known: Entry, command: &Command) {
        let reply = if known.digest != command.digest() {
            let reason = "A command with this id and other content came before. Use a new id for each command.";
            Reply::new(&known.id, CommandState::Refused).because("id_reused", reason)
        } else {
            known.reply.unwrap_or_else(|| Reply::new(&known.id, CommandState::Accepted))
        };
        self.answer(Some(known.trace), reply).await;
    }

    async fn accept(&mut self, id: String, command: Command) {
        if self.waiting.len() >= self.parts.limits.waiting {
            let reason = "More commands wait than are taken. Send it again later.";
            return self.answer(None, Reply::new(&id, CommandState::Refused).because("busy", reason)).await;
        }
        let (clock, boot) = (&*self.parts.clock, &self.parts.boot);
        let received = Stamp::now(clock, boot);
        let refusal = expiry::refusal(&id, command.expiry, &received, clock, boot);
        let mut entry = Entry {
            v: 1,
            id,
            order: self.ledger.next_order(),
            digest: command.digest(),
            state: CommandState::Accepted,
            received,
            trace: TraceId::from_random((self.parts.random)()),
            command: Some(command),
            reply: None,
        };
        let reply = match refusal {
            Some(reply) => {
                entry.end(reply.clone());
                reply
            }
            None => Reply::new(&entry.id, CommandState::Accepted),
        };
        let kept = self.ledger.add(&entry, &reply).await;
        if !kept.kept {
            // The event that says `accepted` may be in the journal; this one follows it and is the last.
            let reason = "The disk refuses and memory is full, so the command cannot be recorded. It was not run.";
            let reply = Reply::new(&entry.id, CommandState::Refused).because("not_recorded", reason);
            return self.answer(Some(entry.trace), reply).await;
        }
        if entry.state == CommandState::Accepted {
            self.waiting.push_back(entry);
        }
    }

    /// Begins what waits, as far as there is room.
    pub(super) fn begin(&mut self) {
        while self.workers.len() < self.parts.limits.running.max(1) {
            let Some(entry) = self.waiting.pop_front() else { return };
            let (parts, pen, work) = (Arc::clone(&self.parts), self.ledger.pen(), entry.clone());
            let task = self.workers.spawn(async move {
                let trace = work.trace.clone();
                trace::scope(trace.as_str(), Box::pin(run(parts, pen, work))).await
            });
            self.running.insert(task.id(), entry);
        }
    }

    /// Waits until a command has ended; for ever where none runs. Dropping the future loses nothing.
    pub(super) async fn ended(&mut self) {
        match self.workers.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, entry))) => {
                self.running.remove(&id);
                self.ledger.note(&entry);
            }
            Some(Err(error)) => {
                log::error!(link = self.parts.link; "a command's task ended: {error}");
                if let Some(mut entry) = self.running.remove(&error.id()) {
                    let pen = self.ledger.pen();
                    entry.end(uncertain(&entry.id));
                    self.ledger.note(&entry);
                    // In a task of its own, so that this future may be dropped.
                    self.workers.spawn(async move {
                        let reply = entry.reply.clone();
                        pen.write(&entry, reply.as_ref()).await;
                        entry
                    });
                }
            }
        }
    }

    /// Waits for what runs. What waits stays in the ledger for the next start.
    pub(super) async fn finish(&mut self) {
        while !self.workers.is_empty() {
            self.ended().await;
        }
    }

    async fn answer(&mut self, trace: Option<TraceId>, reply: Reply) {
        if self.noise.take(self.parts.clock.monotonic()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.ledger.pen().answer(trace.as_ref(), reply).await;
    }

    async fn reject(&mut self, topic: &str, reason: String) {
        if self.noise.take(self.parts.clock.monotonic()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let reason = match self.dropped.swap(0, Ordering::Relaxed) {
            0 => reason,
            more => format!("{reason}; {more} messages before it were let go without a record"),
        };
        let source = format!("{}: {}", self.parts.link, quoted(topic));
        self.parts.store.journal().append(None, EventKind::MessageRejected { source, reason }).await;
    }
}

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

fn uncertain(id: &str) -> Reply {
    Reply::new(id, CommandState::Uncertain).because("cut_off", CUT_OFF)
}

async fn end_uncertain(pen: &Pen, entry: &mut Entry) {
    let reply = uncertain(&entry.id);
    entry.end(reply.clone());
    pen.write(entry, Some(&reply)).await;
}

/// Runs a command to its end and returns its entry as it was written.
async fn run(parts: Arc<Parts>, pen: Pen, mut entry: Entry) -> Entry {
    let Some(command) = entry.command.clone() else {
        end_uncertain(&pen, &mut entry).await;
        return entry;
    };
    let refusal = expiry::refusal(&entry.id, command.expiry, &entry.received, &*parts.clock, &parts.boot);
    let reply = match refusal {
        Some(reply) => reply,
        None => {
            entry.state = CommandState::Running;
            let kept = pen.write(&entry, None).await;
            if kept.kept {
                let mut reply = call(&parts, &entry, command).await;
                reply.recorded = kept.durable;
                reply
            } else {
                let reason = "The disk refuses and memory is full, so the command cannot be recorded. It was not run.";
                Reply::new(&entry.id, CommandState::Refused).because("not_recorded", reason)
            }
        }
    };
    entry.end(reply.clone());
    let kept = pen.write(&entry, Some(&reply)).await;
    if !kept.kept {
        log::error!(link = parts.link, trace = entry.trace.as_str(); "the end of command {} is not recorded", entry.id);
    }
    entry
}

async fn call(parts: &Parts, entry: &Entry, command: Command) -> Reply {
    let mut caller = Caller::fleet(&parts.link);
    if parts.tools.contains(&command.tool) {
        caller.role = Role::Admin;
    }
    let confirmations = parts.runtime.confirmations();
    let agreed = match &command.confirm {
        Some(token) => confirmations.agree_to(&Token::new(token), &caller, &command.tool, &command.args),
        None => Ok(Permit::none()),
    };
    let permit = match agreed {
        Ok(permit) => permit,
        Err(why) => return Reply::new(&entry.id, CommandState::Refused).because("not_confirmed", why.to_string()),
    };
    let context = CallContext::new(caller, entry.trace.clone()).with(permit);
    let CallResult { status, result, took } = parts.runtime.call(&command.tool, command.args, &context).await;
    let mut reply = match status {
        CallStatus::Done => Reply::new(&entry.id, CommandState::Done),
        CallStatus::Refused { code, reason } => Reply::new(&entry.id, CommandState::Refused).because(&code, reason),
        CallStatus::Failed { reason } => Reply::new(&entry.id, CommandState::Failed).because("failed", reason),
    };
    let size = serde_json::to_vec(&result).map_or(usize::MAX, |bytes| bytes.len());
    if size <= MAX_RESULT {
        reply.result = result;
    } else {
        let reason = format!("The result has {size} bytes; {MAX_RESULT} is the most that a reply carries.");
        reply = reply.because("result_left_out", reason);
    }
    reply.tool = Some(quoted(&command.tool));
    reply.took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    reply
}
