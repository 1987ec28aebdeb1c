//! What the API does, in types.
//!
//! Owns one method for each thing that can be asked of the appliance over HTTP. Each reads the journal, the turns or the
//! entities, or acts through the orchestrator or the tool runtime; there is no other way from here to a line. What acts
//! runs in a task of its own: a client that goes away does not cut a turn off in the middle.
//! Leaves methods, paths, bodies and headers to [`routes`](crate::routes).

pub(crate) mod explain;
pub(crate) mod query;
pub(crate) mod view;

use std::future::Future;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use victus_agent::appliance::Appliance;
use victus_agent::audit::{Report, Wanted};
use victus_agent::entities::EntityView;
use victus_agent::event::Position;
use victus_agent::health::LoopState;
use victus_agent::orchestrator::recall::LOOK_BACK;
use victus_agent::orchestrator::replay::Replayed;
use victus_agent::orchestrator::route::explain::Explained;
use victus_agent::orchestrator::{MAX_REQUEST_CHARACTERS, Request};
use victus_agent::store::{Store, StoreError};
use victus_agent::tool::confirmation::{Permit, Token};
use victus_agent::tool::{CallContext, CallStatus, IdempotencyKey};
use victus_agent::turn::{Turn, TurnId};
use victus_agent::workflows::run::{Run, RunId};
use warp::http::StatusCode;

use crate::Microphone;
use crate::error::ApiError;
use crate::guard::Visit;
use explain::Supposition;
use query::{AuditQuery, CompletionsQuery, EventsQuery, RunsQuery, TurnsQuery};
use view::{
    AlarmsView, AuditView, CallView, CompletionsView, EntitiesView, EventsView, ReplayView, RoutesView, RunsView,
    SentencesView, StatusView, ToolsView, TurnsView, WhyView, WorkflowView, WorkflowsView,
};

/// The longest name of a conversation, in characters.
const MAX_CONVERSATION_CHARACTERS: usize = 64;

/// How many requests are completed at once. The first one waits for what it takes to be compiled.
const MAX_COMPLETING: usize = 8;

/// The appliance as the API sees it.
pub(crate) struct Api {
    appliance: Arc<Appliance>,
    microphone: Option<Arc<dyn Microphone>>,
    actions: Arc<Semaphore>,
    /// The places for completions.
    completing: Arc<Semaphore>,
    /// The place for a check of the audit chain, which reads all of it.
    verifying: Semaphore,
}

/// The body of `POST /api/v1/ask`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    text: String,
    #[serde(default)]
    conversation: Option<String>,
    /// Whether only to tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

impl Api {
    pub(crate) fn new(appliance: Arc<Appliance>, microphone: Option<Arc<dyn Microphone>>, actions: usize) -> Self {
        let completing = Arc::new(Semaphore::new(MAX_COMPLETING));
        Self {
            appliance,
            microphone,
            actions: Arc::new(Semaphore::new(actions)),
            completing,
            verifying: Semaphore::new(1),
        }
    }

    /// The store, for the live journal.
    pub(crate) fn store(&self) -> &Store {
        &self.appliance.store
    }

    /// Whether the appliance can work.
    pub(crate) fn ready(&self) -> Result<(), ApiError> {
        match self.appliance.health.overall() {
            LoopState::Down(why) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why)),
            LoopState::Up | LoopState::Degraded(_) => Ok(()),
        }
    }

    pub(crate) fn status(&self) -> StatusView {
        StatusView {
            status: self.appliance.status(),
            last: self.appliance.store.journal().last().to_string(),
            push_to_talk: self.microphone.is_some(),
        }
    }

    pub(crate) fn entities(&self) -> EntitiesView {
        EntitiesView { entities: self.appliance.entities.list() }
    }

    pub(crate) fn entity(&self, id: &str) -> Result<EntityView, ApiError> {
        self.appliance
            .entities
            .view(id)
            .ok_or_else(|| ApiError::not_found(format!("there is no entity {id}: /api/v1/entities lists them")))
    }

    pub(crate) async fn turns(&self, query: TurnsQuery) -> Result<TurnsView, ApiError> {
        let TurnsQuery { before, limit } = query;
        let turns = self.read(move |store| store.turns().latest(before.as_ref(), limit)).await?;
        let next = (turns.len() == limit).then(|| turns.last().map(|turn| turn.id.clone())).flatten();
        Ok(TurnsView { turns, next })
    }

    pub(crate) async fn turn(&self, id: &str) -> Result<Turn, ApiError> {
        let unknown = || ApiError::not_found(format!("there is no turn {id}: /api/v1/turns lists the latest"));
        let id = TurnId::parse(id).ok_or_else(unknown)?;
        self.read(move |store| store.turns().get(&id)).await?.ok_or_else(unknown)
    }

    /// Why a stored turn ended as it did, in the language of the appliance.
    pub(crate) async fn why(&self, id: &str) -> Result<WhyView, ApiError> {
        let turn = self.turn(id).await?;
        let why = victus_agent::orchestrator::explain::why(
            &turn,
            &self.appliance.entities,
            &self.appliance.orchestrator.language(),
        );
        Ok(WhyView { turn: turn.id, why })
    }

    /// A stored turn, decided again by the rules as they are now.
    pub(crate) async fn replay(&self, id: &str) -> Result<ReplayView, ApiError> {
        let stored = self.turn(id).await?;
        let of = stored.id.clone();
        let before = self.read(move |store| store.turns().latest(Some(&of), LOOK_BACK)).await?;
        let Replayed { turn, differences } = self.appliance.orchestrator.replay(&stored, &before).await;
        Ok(ReplayView { same: differences.is_empty(), differences, turn })
    }

    /// The events after a position, or the latest; oldest first.
    pub(crate) async fn events(&self, query: EventsQuery) -> Result<EventsView, ApiError> {
        let EventsQuery { after, limit } = query;
        let last = self.appliance.store.journal().last();
        let mut events = self
            .read(move |store| match after {
                Some(after) => store.journal().read(after, limit),
                None => store.journal().latest(limit),
            })
            .await?;
        events.sort_by_key(|event| event.position);
        let shown = events.last().map_or(after.unwrap_or(last), |event| event.position);
        Ok(EventsView { more: shown < last, last: shown.to_string(), events })
    }

    /// The audit entries before a number, or the latest; newest first.
    pub(crate) async fn audit(&self, query: AuditQuery) -> Result<AuditView, ApiError> {
        let AuditQuery { before, limit } = query;
        let head = self.appliance.store.audit().head();
        let entries = self.read(move |store| store.audit().latest(before, limit)).await?;
        let next = (entries.len() == limit).then(|| entries.last().map(|entry| entry.number)).flatten();
        Ok(AuditView { entries, head, next })
    }

    /// Checks the audit chain, in which `head` must be.
    pub(crate) async fn verify_audit(&self, head: Option<Wanted>) -> Result<Report, ApiError> {
        let Ok(_place) = self.verifying.try_acquire() else {
            return Err(ApiError::busy("the audit chain is being checked: try again in a second"));
        };
        self.read(move |store| store.audit().verify(head)).await
    }

    /// A few sentences for each intent, in the language and with the names of this appliance.
    pub(crate) fn sentences(&self) -> SentencesView {
        let language = self.appliance.orchestrator.language();
        SentencesView { language: language.code.clone(), intents: language.examples.clone() }
    }

    /// How a request that was begun can go on.
    pub(crate) async fn completions(&self, query: CompletionsQuery) -> Result<CompletionsView, ApiError> {
        let CompletionsQuery { text, limit } = query;
        let Ok(place) = self.completing.clone().try_acquire_owned() else {
            return Err(ApiError::busy("too much is typed at once: try again in a second"));
        };
        let language = self.appliance.orchestrator.language();
        let work = move || {
            let completions = language.completions(&text, limit);
            drop(place);
            completions
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(completions) => Ok(CompletionsView { completions }),
            Err(error) => Err(ApiError::internal(format!("the request could not be completed: {error}"))),
        }
    }

    /// The alarms that are not over, the oldest first.
    pub(crate) fn alarms(&self) -> AlarmsView {
        AlarmsView { alarms: self.appliance.alarms.list() }
    }

    /// The rules that say who deals with an intent.
    pub(crate) fn routes(&self) -> RoutesView {
        RoutesView { routes: self.appliance.orchestrator.router().rules().clone() }
    }

    /// How a request would be routed.
    pub(crate) fn explain_route(&self, visit: &Visit, supposition: Supposition) -> Result<Explained, ApiError> {
        let supposed = supposition.supposed(&visit.caller)?;
        let orchestrator = &self.appliance.orchestrator;
        Ok(orchestrator.router().explain(&supposed, &orchestrator.language()))
    }

    pub(crate) async fn ask(&self, visit: Visit, ask: Ask) -> Result<Turn, ApiError> {
        let text = request_text(&ask.text)?;
        let conversation = ask.conversation;
        if conversation
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.chars().count() > MAX_CONVERSATION_CHARACTERS)
        {
            let message = format!("conversation must be a name of 1 to {MAX_CONVERSATION_CHARACTERS} characters");
            return Err(ApiError::bad_request(message));
        }
        let orchestrator = self.appliance.orchestrator.clone();
        let request = Request { conversation, trace: Some(visit.trace), ..Request::typed(&text, visit.caller) };
        let dry_run = ask.dry_run;
        let turn =
            async move { if dry_run { orchestrator.preview(request).await } else { orchestrator.ask(request).await } };
        self.act(turn).await
    }

    pub(crate) fn tools(&self) -> ToolsView {
        ToolsView { tools: self.appliance.tools.specs().cloned().collect() }
    }

    /// Calls a tool; `token` is what the refusal of the same call gave to agree by, `key` what names the call.
    pub(crate) async fn call(
        &self,
        visit: Visit,
        tool: &str,
        args: Value,
        (token, key): (Option<Token>, Option<IdempotencyKey>),
    ) -> Result<CallView, ApiError> {
        let tools = self.appliance.tools.clone();
        let (name, trace_id) = (tool.to_owned(), visit.trace.clone());
        let permit = match &token {
            Some(token) => tools.confirmations().agree_to(token, &visit.caller, tool, &args),
            None => Ok(Permit::none()),
        };
        // The token of a call that was made is used up; its key still has the result.
        let permit = if key.is_some() { Ok(permit.unwrap_or_default()) } else { permit };
        let context = CallContext::new(visit.caller, visit.trace).under(key);
        let call = async move {
            match permit {
                Ok(permit) => tools.call(&name, args, &context.with(permit)).await,
                Err(why) => tools.refuse(&name, &args, &context, "not_confirmed", why.to_string()).await,
            }
        };
        let called = self.act(call).await?;
        match called.status {
            CallStatus::Done => Ok(CallView {
                tool: tool.to_owned(),
                status: CallStatus::Done,
                result: called.result,
                took_us: u64::try_from(called.took.as_micros()).unwrap_or(u64::MAX),
                trace_id,
            }),
            CallStatus::Refused { code, reason } => {
                Err(ApiError { facts: called.result, ..ApiError::new(refusal_status(&code), code, reason) })
            }
            CallStatus::Failed { reason } => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", reason)),
        }
    }

    pub(crate) fn workflows(&self) -> WorkflowsView {
        let catalogue = self.appliance.workflows.catalogue();
        let workflows = catalogue.workflows.values().map(|workflow| WorkflowView::from(workflow.as_ref())).collect();
        WorkflowsView { workflows, faults: catalogue.faults.clone() }
    }

    pub(crate) fn workflow(&self, name: &str) -> Result<WorkflowView, ApiError> {
        let catalogue = self.appliance.workflows.catalogue();
        let unknown = || ApiError::not_found(format!("there is no workflow {name}: /api/v1/workflows lists them"));
        catalogue.workflows.get(name).map(|workflow| WorkflowView::from(workflow.as_ref())).ok_or_else(unknown)
    }

    pub(crate) async fn runs(&self, query: RunsQuery) -> Result<RunsView, ApiError> {
        let workflows = self.appliance.workflows.clone();
        let runs = self.read(move |_| workflows.runs(query.workflow.as_deref(), query.limit)).await?;
        Ok(RunsView { runs })
    }

    pub(crate) async fn run(&self, id: &str) -> Result<Run, ApiError> {
        let unknown = || ApiError::not_found(format!("there is no run {id}: /api/v1/runs lists the latest"));
        let id = RunId::parse(id).ok_or_else(unknown)?;
        let workflows = self.appliance.workflows.clone();
        self.read(move |_| workflows.run(&id)).await?.ok_or_else(unknown)
    }

    /// Makes the voice loop listen, as by its button.
    pub(crate) fn listen(&self) -> Result<(), ApiError> {
        let none = || {
            let message = "this appliance has no microphone: type the request instead";
            ApiError::new(StatusCode::CONFLICT, "no_microphone", message)
        };
        let microphone = self.microphone.as_ref().ok_or_else(none)?;
        microphone.listen().map_err(|why| ApiError::new(StatusCode::CONFLICT, "not_listening", why))
    }

    /// Runs what acts to its end, whether or not its client waits for it.
    async fn act<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, ApiError> {
        let place = self.actions.clone().try_acquire_owned();
        let place =
            place.map_err(|_| ApiError::busy("too many requests are being worked on: try again in a second"))?;
        let task = tokio::spawn(async move {
            let outcome = work.await;
            drop(place);
            outcome
        });
        task.await.map_err(|error| {
            log::error!("a request could not be worked on: {error}");
            ApiError::internal("the request could not be worked on: the log says why")
        })
    }

    /// Reads the store where waiting for the disk holds nobody up.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.appliance.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store", error.to_string())),
            Err(error) => Err(ApiError::internal(format!("the store could not be read: {error}"))),
        }
    }
}

/// The words of a request, without the spaces around them.
fn request_text(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ApiError::bad_request("text is empty: say what to do, as in {\"text\":\"turn on the light\"}"));
    }
    if text.chars().count() > MAX_REQUEST_CHARACTERS {
        return Err(ApiError::bad_request(format!("text is longer than {MAX_REQUEST_CHARACTERS} characters")));
    }
    Ok(text.to_owned())
}

/// The HTTP status that says the same as a refusal of the tool runtime.
fn refusal_status(code: &str) -> StatusCode {
    match code {
        "unknown_tool" | "no_workflow" => StatusCode::NOT_FOUND,
        "bad_arguments" => StatusCode::BAD_REQUEST,
        "role" => StatusCode::FORBIDDEN,
        "rate" => StatusCode::TOO_MANY_REQUESTS,
        "not_recorded" | "unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        "key_reused" => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    }
}

/// A place in the journal as it stands in a URL.
pub(crate) fn parse_position(text: &str) -> Option<Position> {
    let (epoch, seq) = text.split_once(':')?;
    Some(Position { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
}
