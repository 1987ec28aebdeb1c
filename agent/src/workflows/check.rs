//! Whether a definition fits this appliance.
//!
//! Owns the questions that only the appliance can answer: whether the tools exist and may be called with the role of the
//! workflow, whether arguments without expressions fit their schema, whether
//! a person would have to agree, and whether the entities exist. A tool or role that
//! does not fit makes the workflow useless; an entity that is missing may be added later and is worth a look.

use crate::entities::Entities;
use crate::orchestrator::plan;
use crate::tool::runtime::ToolRuntime;

use super::definition::{Action, Definition, Step, TriggerKind};

/// The tool that begins a run. A run that begins runs would have no end.
pub const RUN_TOOL: &str = "workflow.run";

/// Something of a definition that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The line.
    pub line: u32,
    /// What, as a sentence.
    pub message: String,
    /// Whether the workflow cannot be used because of it.
    pub fatal: bool,
}

/// What does not fit.
pub fn check(definition: &Definition, tools: &ToolRuntime, entities: &Entities) -> Vec<Misfit> {
    let mut found = Vec::new();
    for trigger in &definition.triggers {
        match &trigger.kind {
            TriggerKind::Entity(hold) if entities.get(&hold.entity).is_none() => {
                found.push(no_entity(trigger.line, &hold.entity));
            }
            TriggerKind::Intent(intent) if plan::is_own(intent) => {
                let message =
                    format!("the intent {intent} is dealt with by the appliance itself and begins no workflow");
                found.push(Misfit { line: trigger.line, message, fatal: true });
            }
            _ => {}
        }
        let used = trigger.when.iter().flat_map(|when| &when.uses().entities);
        found.extend(used.filter(|id| entities.get(id).is_none()).map(|id| no_entity(trigger.line, id)));
    }
    for step in &definition.steps {
        if let Some(tool) = unconfirmed(step, tools) {
            let message =
                format!("`{tool}` has to be agreed to by a person each time, so that this step will be refused");
            found.push(Misfit { line: step.line, message, fatal: false });
        }
        let wrong = wrong_call(definition, step, tools);
        found.extend(wrong.map(|message| Misfit { line: step.line, message, fatal: true }));
        step.each_expression(&mut |expression| {
            let missing = expression.uses().entities.iter().filter(|id| entities.get(id).is_none());
            found.extend(missing.map(|id| no_entity(step.line, id)));
        });
    }
    found
}

fn no_entity(line: u32, id: &str) -> Misfit {
    Misfit { line, message: format!("there is no entity {id}: `/api/v1/entities` lists them"), fatal: false }
}

/// A call that nobody is there to agree to.
fn unconfirmed<'a>(step: &'a Step, tools: &ToolRuntime) -> Option<&'a str> {
    let Action::Call { tool, args } = &step.action else { return None };
    tools.needs_confirmation(tool, &args.fixed().unwrap_or_default()).then_some(tool)
}

fn wrong_call(definition: &Definition, step: &Step, tools: &ToolRuntime) -> Option<String> {
    let Action::Call { tool, args } = &step.action else { return None };
    if tool == RUN_TOOL {
        return Some(format!("`{RUN_TOOL}` is no step: a workflow begins no other"));
    }
    let Some(spec) = tools.spec(tool) else {
        return Some(format!("there is no tool `{tool}`; `victus tools` lists what there is"));
    };
    if spec.role > definition.role {
        let (needed, has) = (spec.role, definition.role);
        return Some(format!("`{tool}` needs the role {needed}, and this workflow has the role {has}"));
    }
    args.fixed().and_then(|args| tools.misfit(tool, &args))
}
