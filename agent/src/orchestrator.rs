//! The orchestrator: from the words of a request to a finished turn.
//!
//! Owns the order of a turn (parse, route, plan, run, reply) and the stored [`Turn`] that tells of it: `understand` takes the
//! words for something, `decide` makes a plan of it or a question, `run` does the plan. Promises that the
//! plan is in the store before any step that changes something runs, that every step goes through the tool runtime, that
//! nothing is done on a guess, and that every request ends in exactly one stored outcome, also over a restart
//! ([`Orchestrator::settle_interrupted`]). Leaves the language to `intents`, the rules of each step to the tool runtime,
//! and speech to whoever asked.

mod decide;
pub mod explain;
mod later;
pub mod plan;
pub mod recall;
pub mod replay;
pub mod reply;
pub mod route;
mod run;
mod sequence;
pub mod telling;
mod understand;
pub mod undo;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rand::Rng;
use tokio::sync::Semaphore;
use victus_hw::clock::{Clock, Monotonic};

use crate::conversation::{Memories, Speaker};
use crate::entities::Entities;
use crate::event::{EventKind, Stamp, TraceId};
use crate::language::Language;
use crate::orchestrator::route::router::Router;
use crate::store::{Store, StoreError};
use crate::tool::confirmation::Token;
use crate::tool::runtime::ToolRuntime;
use crate::tool::{Caller, Risk};
use crate::turn::{Outcome, Step, TURN_FORMAT, Times, Turn, TurnId};
use crate::workflows::Workflows;

/// How many turns are worked on at once; more wait.
const MAX_TURNS_AT_ONCE: usize = 8;

/// How long a request waits for its turn before it is told to come again.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How many turns are looked through for what was said before the start.
const REMEMBERED_TURNS: usize = 100;

/// How many sentences a question offers. Nobody keeps more in mind.
const MAX_CHOICES: usize = 3;

/// The longest request, in characters. Nobody says more in one breath.
pub const MAX_REQUEST_CHARACTERS: usize = 500;

/// A request, typed or recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The words.
    pub text: String,
    /// Who asks.
    pub caller: Caller,
    /// The conversation that it belongs to.
    pub conversation: Option<String>,
    /// How sure the recogniser is, 0 to 1; none for typed words.
    pub confidence: Option<f32>,
    /// How long recognition took after the end of speech.
    pub recognised_in: Option<Duration>,
    /// The trace that the voice loop began, where it did.
    pub trace: Option<TraceId>,
}

impl Request {
    /// A typed request.
    pub fn typed(text: &str, caller: Caller) -> Self {
        let text = text.to_owned();
        Self { text, caller, conversation: None, confidence: None, recognised_in: None, trace: None }
    }
}

/// Turns requests into turns.
pub struct Orchestrator {
    language: ArcSwap<Language>,
    entities: Arc<Entities>,
    tools: Arc<ToolRuntime>,
    router: Router,
    workflows: Arc<Workflows>,
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<Mutex<dyn Rng + Send>>,
    boot: crate::event::BootId,
    opened: u64,
    turns_at_once: Semaphore,
    memories: Memories,
}

/// What an orchestrator works with.
pub struct OrchestratorParts {
    /// The compiled sentences and the replies.
    pub language: Arc<Language>,
    /// The entities.
    pub entities: Arc<Entities>,
    /// The tools.
    pub tools: Arc<ToolRuntime>,
    /// The rules that say who deals with an intent.
    pub router: Router,
    /// What users' own intents begin.
    pub workflows: Arc<Workflows>,
    /// Where turns and events go.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub random: Arc<Mutex<dyn Rng + Send>>,
    /// This boot of the machine.
    pub boot: crate::event::BootId,
}

impl Orchestrator {
    /// An orchestrator of these parts.
    pub fn new(parts: OrchestratorParts) -> Self {
        let opened = parts.store.status().opened;
        let remembered = parts.store.turns().latest(None, REMEMBERED_TURNS).unwrap_or_else(|error| {
            log::error!("what was said before is forgotten: {error}");
            Vec::new()
        });
        Self {
            memories: Memories::of(&remembered, &parts.boot),
            language: ArcSwap::new(parts.language),
            entities: parts.entities,
            tools: parts.tools,
            router: parts.router,
            workflows: parts.workflows,
            store: parts.store,
            clock: parts.clock,
            random: parts.random,
            boot: parts.boot,
            opened,
            turns_at_once: Semaphore::new(MAX_TURNS_AT_ONCE),
        }
    }

    /// The compiled sentences and the replies.
    pub fn language(&self) -> Arc<Language> {
        self.language.load_full()
    }

    /// Takes other sentences from the next request on.
    pub fn set_language(&self, language: Arc<Language>) {
        self.language.store(language);
    }

    /// The rules that say who deals with an intent.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// A new trace id, for whoever begins a request before its words are known.
    pub fn new_trace(&self) -> TraceId {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        TraceId::from_random((u128::from(random.next_u64()) << 64) | u128::from(random.next_u64()))
    }

    /// The reply to this speaker begins to be spoken: the time to agree does not run yet.
    pub fn speaking(&self, caller: &Caller) {
        if let Some(token) = self.open_token(caller) {
            self.tools.confirmations().speaking(&token);
        }
    }

    /// The reply to this speaker was spoken: the time to agree begins.
    pub fn spoken(&self, caller: &Caller) {
        if let Some(token) = self.open_token(caller) {
            self.tools.confirmations().spoken(&token);
        }
    }

    fn open_token(&self, caller: &Caller) -> Option<Token> {
        let memory = self.memories.recall(&Speaker::new(caller, None), self.clock.monotonic());
        memory.asked.and_then(|asked| asked.token)
    }

    /// Works a request through to its end. Always returns a finished turn.
    pub async fn ask(&self, request: Request) -> Turn {
        let trace = request.trace.clone().unwrap_or_else(|| self.new_trace());
        crate::trace::scope(trace.as_str(), Box::pin(self.work(request, trace.clone()))).await
    }

    /// Ends the turns that a crash cut off: what became of their steps is not known, and they are not run again.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn settle_interrupted(&self) -> Result<usize, StoreError> {
        let unfinished = self.store.turns().unfinished()?;
        let count = unfinished.len();
        for mut turn in unfinished {
            turn.outcome = Outcome::Interrupted;
            turn.reply = self.language().phrase("interrupted", &[]);
            self.keep(&mut turn).await;
        }
        Ok(count)
    }

    async fn work(&self, request: Request, trace: TraceId) -> Turn {
        let begun = self.clock.monotonic();
        let mut turn = self.begin(&request, trace).await;
        let language = self.language();
        let mut token = None;
        match tokio::time::timeout(MAX_WAIT, self.turns_at_once.acquire()).await {
            Ok(Ok(_permit)) => {
                let given = self.given(&turn);
                token = self.decide(&mut turn, &language, &given).await;
            }
            _ => (turn.outcome, turn.reply) = (Outcome::Failed, language.phrase("busy", &[])),
        }
        turn.times_ms.total = Some(self.since(begun));
        self.keep(&mut turn).await;
        if let Some(over) = self.memories.note(&turn, token) {
            self.tools.confirmations().withdraw(&over);
        }
        log::info!(outcome:debug = turn.outcome, intent = turn.intent.as_deref().unwrap_or("-"); "“{}” → {}", turn.text, turn.reply);
        turn
    }

    /// What a request would come to as things stand: its plan, and of each step whether it would be refused. Does nothing,
    /// says nothing to the journal, and is not remembered.
    pub async fn preview(&self, request: Request) -> Turn {
        let trace = request.trace.clone().unwrap_or_else(|| self.new_trace());
        let mut turn = Turn { outcome: Outcome::Preview, recorded: false, ..self.new_turn(&request, trace) };
        let language = self.language();
        let given = self.given(&turn);
        let token = self.decide(&mut turn, &language, &given).await;
        debug_assert!(token.is_none(), "a preview asks for no agreement");
        turn
    }

    async fn begin(&self, request: &Request, trace_id: TraceId) -> Turn {
        let turn = self.new_turn(request, trace_id);
        let (id, caller, text) = (turn.id.clone(), turn.caller.clone(), turn.text.clone());
        let started = EventKind::TurnStarted { turn: id, caller, text };
        self.store.journal().append(Some(&turn.trace_id), started).await;
        turn
    }

    fn new_turn(&self, request: &Request, trace_id: TraceId) -> Turn {
        let at = Stamp::now(self.clock.as_ref(), &self.boot);
        let random = self.random.lock().unwrap_or_else(PoisonError::into_inner).next_u64();
        let id = TurnId::new(self.opened, at.mono_ms, random);
        let text: String = request.text.chars().take(MAX_REQUEST_CHARACTERS + 1).collect();
        Turn {
            v: TURN_FORMAT,
            id,
            trace_id,
            at,
            caller: request.caller.clone(),
            text,
            conversation: request.conversation.clone(),
            intent: None,
            slots: Default::default(),
            repaired: None,
            confidence: request.confidence,
            heard: request.confidence,
            link_up: self.router.link_up(),
            levels: Default::default(),
            template: None,
            route: None,
            outcome: Outcome::Running,
            plan: Vec::new(),
            steps: Vec::new(),
            reply: String::new(),
            asks: None,
            answers: None,
            recorded: true,
            times_ms: Times {
                recognise: request.recognised_in.map(|took| took.as_secs_f64() * 1000.0),
                ..Times::default()
            },
        }
    }

    /// Stores the plan before it runs. A plan that only reads leaves nothing to settle after a crash and is not awaited.
    async fn keep_plan(&self, turn: &mut Turn) {
        let changes = |step: &Step| self.tools.spec(&step.tool).is_some_and(|spec| spec.risk > Risk::Read);
        if turn.plan.iter().any(changes) {
            turn.recorded = self.store.turns().put(turn).await;
        }
    }

    /// Stores the finished turn and tells the journal of it, in one flush.
    async fn keep(&self, turn: &mut Turn) {
        let finished = EventKind::TurnFinished {
            turn: turn.id.clone(),
            outcome: turn.outcome,
            intent: turn.intent.clone(),
            reply: turn.reply.clone(),
        };
        let (stored, recorded) =
            tokio::join!(self.store.turns().put(turn), self.store.journal().append(Some(&turn.trace_id), finished));
        turn.recorded = stored && recorded.durable;
        if !turn.recorded {
            turn.reply = format!("{} {}", turn.reply, self.language().phrase("not_recorded", &[])).trim().to_owned();
        }
    }

    fn since(&self, begun: Monotonic) -> f64 {
        self.clock.monotonic().saturating_since(begun).as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests;
