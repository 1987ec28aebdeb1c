//! The tools by which workflows are begun, ended, made and removed.
//!
//! Owns `workflow.run`, `workflow.cancel`, `workflow.put` and `workflow.remove`. The fleet may begin a workflow that has the
//! trigger `command`; everybody else who is an operator may begin any. A run begins no other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::definition::read::read;
use super::definition::{MAX_FILE_BYTES, MAX_NAME_BYTES};
use super::run::{Began, RunId};
use super::{Start, StartError, Workflows, catalogue, check};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Rate, Risk, Role, Source, Tool, ToolError, ToolSpec};

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, workflows: &Arc<Workflows>) -> Result<(), RegisterError> {
    for verb in [Verb::Run, Verb::Cancel, Verb::Put, Verb::Remove] {
        runtime.register(Arc::new(WorkflowTool { verb, workflows: Arc::clone(workflows) }))?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Run,
    Cancel,
    Put,
    Remove,
}

struct WorkflowTool {
    verb: Verb,
    workflows: Arc<Workflows>,
}

impl Tool for WorkflowTool {
    fn spec(&self) -> ToolSpec {
        let (name, description) = match self.verb {
            Verb::Run => (check::RUN_TOOL, "Begins a workflow."),
            Verb::Cancel => ("workflow.cancel", "Ends a run of a workflow; its failure branch runs."),
            Verb::Put => {
                ("workflow.put", "Makes a workflow, or changes one; runs that have begun keep what they have.")
            }
            Verb::Remove => ("workflow.remove", "Removes a workflow that was made with workflow.put."),
        };
        let changes = matches!(self.verb, Verb::Put | Verb::Remove);
        ToolSpec {
            name,
            description,
            input: self.input(),
            risk: Risk::Reversible,
            idempotent: self.verb != Verb::Run,
            role: if changes { Role::Admin } else { Role::Operator },
            timeout: Duration::from_secs(5),
            rate: Some(Rate { count: 120, per: Duration::from_secs(60) }),
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            match self.verb {
                Verb::Run => self.run(&args, context).await,
                Verb::Cancel => self.cancel(&args, context),
                Verb::Put => self.put(&args).await,
                Verb::Remove => self.remove(&args).await,
            }
        })
    }
}

impl WorkflowTool {
    fn input(&self) -> Value {
        let name = json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES});
        let (properties, required) = match self.verb {
            Verb::Run => (json!({"workflow": name, "intent": name, "input": {"type": "object"}}), json!(["workflow"])),
            Verb::Cancel => (json!({"run": {"type": "string", "maxLength": 40}}), json!(["run"])),
            Verb::Put => (
                json!({"name": name, "definition": {"type": "string", "minLength": 1, "maxLength": MAX_FILE_BYTES}}),
                json!(["name", "definition"]),
            ),
            Verb::Remove => (json!({"name": name}), json!(["name"])),
        };
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    async fn run(&self, args: &Value, context: &CallContext) -> Result<Value, ToolError> {
        let name = args["workflow"].as_str().unwrap_or_default();
        let catalogue = self.workflows.catalogue();
        let definition = catalogue.workflows.get(name).map(|workflow| &workflow.definition);
        let caller = context.caller.clone();
        match caller.source {
            Source::Workflow => {
                return Err(ToolError::refused("workflow", "A workflow begins no other."));
            }
            Source::Fleet if definition.is_some_and(|it| !it.takes_commands()) => {
                let reason =
                    format!("The workflow `{name}` has no trigger `command = true`: the fleet may not begin it.");
                return Err(ToolError::refused("no_command", reason));
            }
            _ => {}
        }
        let wanted = args["intent"].as_str();
        let trigger = definition.and_then(|definition| {
            let fleet = caller.source == Source::Fleet;
            definition.trigger_of(wanted, fleet)
        });
        let intent = wanted.filter(|intent| definition.is_some_and(|it| it.intents().any(|it| it == *intent)));
        let began = match intent {
            Some(intent) => Began::Intent { intent: intent.to_owned(), caller },
            None => Began::Call { caller },
        };
        let start = Start {
            workflow: name,
            trigger: began,
            when: trigger.and_then(|trigger| trigger.when.as_ref()),
            slots: args["input"].as_object().cloned().unwrap_or_else(Map::new),
            trace: Some(context.trace.clone()),
        };
        let run = self.workflows.start(start).await.map_err(tool_error)?;
        Ok(json!({"run": run.id, "workflow": run.workflow, "version": run.version}))
    }

    fn cancel(&self, args: &Value, context: &CallContext) -> Result<Value, ToolError> {
        let text = args["run"].as_str().unwrap_or_default();
        let none = || ToolError::refused("no_run", "There is no such run that goes on.");
        let id = RunId::parse(text).ok_or_else(none)?;
        let by = context.caller.name.as_deref().unwrap_or("somebody");
        if self.workflows.cancel(&id, format!("cancelled by {by}, {:?}", context.caller.source).to_lowercase()) {
            Ok(json!({"run": id}))
        } else {
            Err(none())
        }
    }

    async fn put(&self, args: &Value) -> Result<Value, ToolError> {
        let (name, text) = (text_of(args, "name"), text_of(args, "definition"));
        let folder = self.folder()?;
        let version = self.checked(&name, &text)?;
        let (stored, written) = (name.clone(), text);
        let outcome = tokio::task::spawn_blocking(move || catalogue::put(&folder, &stored, &written)).await;
        self.settle(outcome).await?;
        Ok(json!({"workflow": name, "version": version}))
    }

    async fn remove(&self, args: &Value) -> Result<Value, ToolError> {
        let name = text_of(args, "name");
        let (folder, gone) = (self.folder()?, name.clone());
        let outcome = tokio::task::spawn_blocking(move || catalogue::remove(&folder, &gone)).await;
        if self.settle(outcome).await? {
            Ok(json!({"workflow": name}))
        } else {
            let reason = format!("There is no workflow `{name}` that was made with workflow.put.");
            Err(ToolError::refused("no_workflow", reason))
        }
    }

    /// The version of a definition that can be used.
    fn checked(&self, name: &str, text: &str) -> Result<String, ToolError> {
        let definition = read(name, text).map_err(|wrong| {
            let lines: Vec<String> = wrong.iter().map(|it| format!("line {}: {}", it.line, it.message)).collect();
            ToolError::BadArguments(lines.join("; "))
        })?;
        let fatal: Vec<String> = self
            .workflows
            .check(&definition)
            .into_iter()
            .filter(|misfit| misfit.fatal)
            .map(|misfit| format!("line {}: {}", misfit.line, misfit.message))
            .collect();
        if fatal.is_empty() { Ok(definition.version()) } else { Err(ToolError::BadArguments(fatal.join("; "))) }
    }

    fn folder(&self) -> Result<std::path::PathBuf, ToolError> {
        let folders = self.workflows.folders.get();
        let none = || ToolError::refused("no_folder", "This appliance keeps no workflows.");
        folders.map(|folders| folders.made.clone()).ok_or_else(none)
    }

    /// Takes what the disk said, and reads all workflows again.
    async fn settle<T>(&self, outcome: Result<std::io::Result<T>, tokio::task::JoinError>) -> Result<T, ToolError> {
        let failed = |why: String| ToolError::Failed(format!("The workflow could not be stored: {why}"));
        let done = outcome.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
        Arc::clone(&self.workflows).reload().await;
        Ok(done)
    }
}

fn text_of(args: &Value, name: &str) -> String {
    args[name].as_str().unwrap_or_default().to_owned()
}

fn tool_error(error: StartError) -> ToolError {
    let code = match &error {
        StartError::Unknown(_) => "no_workflow",
        StartError::TooLarge => return ToolError::BadArguments(error.to_string()),
        StartError::NotNow(_) | StartError::Condition { .. } => "condition",
        StartError::Busy(_) => "too_many",
        StartError::Store(_) => return ToolError::Failed(error.to_string()),
    };
    ToolError::refused(code, format!("{error}."))
}
