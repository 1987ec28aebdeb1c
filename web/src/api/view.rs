//! The form of the answers that are not already a noun of the appliance.

use serde::Serialize;
use serde_json::Value;
use victus_agent::alarms::Raised;
use victus_agent::appliance::Status;
use victus_agent::audit::Head;
use victus_agent::entities::EntityView;
use victus_agent::event::{Event, TraceId};
use victus_agent::intents::Completion;
use victus_agent::intents::sample::Examples;
use victus_agent::orchestrator::replay::Difference;
use victus_agent::orchestrator::route::Rules;
use victus_agent::store::AuditEntry;
use victus_agent::tool::{CallStatus, Role, ToolSpec};
use victus_agent::turn::{Turn, TurnId};
use victus_agent::workflows::catalogue::{Fault, Origin, Workflow};
use victus_agent::workflows::run::Run;

/// `GET /api/v1/status`.
#[derive(Debug, Serialize)]
pub(crate) struct StatusView {
    #[serde(flatten)]
    pub(crate) status: Status,
    /// The end of the journal, as `epoch:seq`.
    pub(crate) last: String,
    /// Whether `POST /api/v1/listen` can work.
    pub(crate) push_to_talk: bool,
}

/// `GET /api/v1/entities`.
#[derive(Debug, Serialize)]
pub(crate) struct EntitiesView {
    pub(crate) entities: Vec<EntityView>,
}

/// `GET /api/v1/turns`, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct TurnsView {
    pub(crate) turns: Vec<Turn>,
    /// What to give as `before` for the next older ones; none at the end.
    pub(crate) next: Option<TurnId>,
}

/// `GET /api/v1/workflows`.
#[derive(Debug, Serialize)]
pub(crate) struct WorkflowsView {
    /// Those that can be used.
    pub(crate) workflows: Vec<WorkflowView>,
    /// What is wrong with files.
    pub(crate) faults: Vec<Fault>,
}

/// `GET /api/v1/workflows/NAME`.
#[derive(Debug, Serialize)]
pub(crate) struct WorkflowView {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) version: String,
    pub(crate) role: Role,
    /// `file` or `made`.
    pub(crate) origin: Origin,
    /// The intents that begin it.
    pub(crate) intents: Vec<String>,
    /// The names of its steps, those of the failure branch too.
    pub(crate) steps: Vec<String>,
    /// The text of the file.
    pub(crate) definition: String,
}

impl From<&Workflow> for WorkflowView {
    fn from(workflow: &Workflow) -> Self {
        let definition = &workflow.definition;
        Self {
            name: definition.name.clone(),
            description: definition.description.clone(),
            version: definition.version(),
            role: definition.role,
            origin: workflow.origin,
            intents: definition.intents().map(str::to_owned).collect(),
            steps: definition.steps.iter().map(|step| step.name.clone()).collect(),
            definition: definition.text.clone(),
        }
    }
}

/// `GET /api/v1/runs`, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct RunsView {
    pub(crate) runs: Vec<Run>,
}

/// `GET /api/v1/sentences`: what can be said.
#[derive(Debug, Serialize)]
pub(crate) struct SentencesView {
    /// The language's code.
    pub(crate) language: String,
    /// Examples, by intent.
    pub(crate) intents: Vec<Examples>,
}

/// `GET /api/v1/completions`, what is said most first.
#[derive(Debug, Serialize)]
pub(crate) struct CompletionsView {
    pub(crate) completions: Vec<Completion>,
}

/// `GET /api/v1/alarms`, the oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct AlarmsView {
    pub(crate) alarms: Vec<Raised>,
}

/// `GET /api/v1/routes`, in the order in which they are asked.
#[derive(Debug, Serialize)]
pub(crate) struct RoutesView {
    pub(crate) routes: Rules,
}

/// `GET /api/v1/events`, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct EventsView {
    pub(crate) events: Vec<Event>,
    /// What to give as `after` for what follows.
    pub(crate) last: String,
    /// Whether something follows already.
    pub(crate) more: bool,
}

/// `GET /api/v1/audit`, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct AuditView {
    pub(crate) entries: Vec<AuditEntry>,
    /// The end of the chain.
    pub(crate) head: Option<Head>,
    /// What to give as `before` for the next older ones; none at the end.
    pub(crate) next: Option<u64>,
}

/// `GET /api/v1/tools`.
#[derive(Debug, Serialize)]
pub(crate) struct ToolsView {
    pub(crate) tools: Vec<ToolSpec>,
}

/// `POST /api/v1/tools/{name}`, where it was done.
#[derive(Debug, Serialize)]
pub(crate) struct CallView {
    pub(crate) tool: String,
    pub(crate) status: CallStatus,
    pub(crate) result: Value,
    pub(crate) took_us: u64,
    pub(crate) trace_id: TraceId,
}

/// `GET /api/v1/turns/{id}/replay`.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayView {
    /// Whether it comes to the same.
    pub(crate) same: bool,
    /// In what it does not.
    pub(crate) differences: Vec<Difference>,
    /// What it is decided as now. Nothing of it was done.
    pub(crate) turn: Turn,
}

/// `GET /api/v1/turns/{id}/why`.
#[derive(Debug, Serialize)]
pub(crate) struct WhyView {
    /// The turn.
    pub(crate) turn: TurnId,
    /// What was heard, what it was taken for by which line of which file, and what came of it.
    pub(crate) why: String,
}
