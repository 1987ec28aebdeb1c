//! `victus workflows`: what there is, whether a file is right, and what runs.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;
use victus_agent::workflows::definition::read::read;

use super::Place;
use super::daemon_commands::arguments;
use super::output::{self, Failure};
use crate::client::Client;

/// What to do with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowsCommand {
    /// Those that can be used, and what is wrong with others
    List,
    /// Check a file; without a daemon, so whether tools and entities exist is not looked at
    Check {
        /// The file
        file: PathBuf,
    },
    /// Begin one
    Run {
        /// Its name
        name: String,
        /// What is handed to it, as its `slots`
        #[arg(value_name = "KEY=VALUE")]
        input: Vec<String>,
    },
    /// The runs, newest first
    Runs {
        /// Of this workflow alone
        workflow: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// A run, step by step
    Show {
        /// Its id
        run: String,
    },
}

/// Runs one of the commands.
pub(super) async fn run(place: &Place, command: WorkflowsCommand) -> Result<(), Failure> {
    let client = Client::new(place.state.as_deref());
    match command {
        WorkflowsCommand::List => list(place, &client.get("/api/v1/workflows").await?),
        WorkflowsCommand::Check { file } => check(place, &file),
        WorkflowsCommand::Run { name, input } => {
            let answer = client.post(&format!("/api/v1/workflows/{}/run", named(&name)?), &arguments(&input)?).await?;
            if place.json { output::json(&answer) } else { output::line(text(&answer["result"], "run")) }
        }
        WorkflowsCommand::Runs { workflow, limit } => {
            let of = workflow.map(|name| named(&name).map(|name| format!("&workflow={name}"))).transpose()?;
            let page = client.get(&format!("/api/v1/runs?limit={limit}{}", of.unwrap_or_default())).await?;
            runs(place, &page)
        }
        WorkflowsCommand::Show { run } => show(place, &client.get(&format!("/api/v1/runs/{}", named(&run)?)).await?),
    }
}

/// A name or id as a part of a path.
fn named(name: &str) -> Result<&str, Failure> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if plain && !name.is_empty() {
        Ok(name)
    } else {
        Err(Failure::Usage(format!("`{name}` is no name of a workflow or a run; `victus workflows list` shows them")))
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("-")
}

fn list(place: &Place, page: &Value) -> Result<(), Failure> {
    for workflow in page["workflows"].as_array().into_iter().flatten() {
        if place.json {
            output::json(workflow)?;
        } else {
            let (name, version) = (text(workflow, "name"), text(workflow, "version"));
            output::line(&format!(
                "{name:<24} {version}  {:<5} {}",
                text(workflow, "origin"),
                text(workflow, "description")
            ))?;
        }
    }
    for fault in page["faults"].as_array().into_iter().flatten() {
        if place.json {
            output::json(fault)?;
        } else {
            let weight = if fault["fatal"] == true { "wrong" } else { "look at" };
            output::line(&format!("{weight}: {}:{}: {}", text(fault, "file"), fault["line"], text(fault, "message")))?;
        }
    }
    Ok(())
}

fn check(place: &Place, file: &Path) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: cannot be read: {error}", file.display()));
    let written = std::fs::read_to_string(file).map_err(unreadable)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    match read(&name, &written) {
        Ok(definition) => {
            let (steps, version) = (definition.steps.len(), definition.version());
            if place.json {
                output::json(&serde_json::json!({"workflow": name, "version": version, "steps": steps, "faults": []}))
            } else {
                output::line(&format!("{name}: right, {steps} steps, version {version}"))
            }
        }
        Err(wrong) => {
            let line = |it: &victus_agent::workflows::definition::read::Wrong| {
                format!("{}:{}: {}", file.display(), it.line, it.message)
            };
            Err(Failure::Usage(wrong.iter().map(line).collect::<Vec<_>>().join("\n")))
        }
    }
}

fn runs(place: &Place, page: &Value) -> Result<(), Failure> {
    for run in page["runs"].as_array().into_iter().flatten() {
        if place.json {
            output::json(run)?;
        } else {
            let why = run["failure"]["reason"].as_str().map_or(String::new(), |why| format!(": {why}"));
            output::line(&format!("{}  {:<24} {}{why}", text(run, "run"), text(run, "workflow"), text(run, "state")))?;
        }
    }
    Ok(())
}

fn show(place: &Place, run: &Value) -> Result<(), Failure> {
    if place.json {
        return output::json(run);
    }
    let (workflow, version) = (text(run, "workflow"), text(run, "version"));
    output::line(&format!("{workflow} {version}, begun by {}: {}", run["trigger"], text(run, "state")))?;
    for step in run["steps"].as_array().into_iter().flatten() {
        let tool = step["tool"].as_str().map_or(String::new(), |tool| format!("  {tool} {}", step["args"]));
        let told = match (step["reason"].as_str(), &step["result"]) {
            (Some(reason), _) => format!("  {reason}"),
            (None, Value::Null) => String::new(),
            (None, result) => format!("  {result}"),
        };
        output::line(&format!("  {:<20} {:<10}{tool}{told}", text(step, "name"), text(step, "state")))?;
    }
    match run["failure"]["reason"].as_str() {
        Some(reason) => output::line(&format!("  failed: {reason}")),
        None => Ok(()),
    }
}
