//! What may be scheduled.
//!
//! Owns the rules: steps that change something, of known tools with good arguments, that whoever schedules them may call;
//! nothing that has to be confirmed, because nobody is there to do it; and no schedule within a schedule. They hold when a schedule
//! is made and again when it is run, because the configuration may have changed between.

use serde_json::json;

use super::MAX_STEPS;
use crate::tool::runtime::ToolRuntime;
use crate::tool::{Risk, Role, ToolError};
use crate::turn::Step;

/// How the tools of schedules begin.
const OWN_TOOLS: &str = "schedule.";

/// Whether these steps may be run later with this role.
///
/// # Errors
/// The first rule that a step breaks, with the facts for a reply.
pub(super) fn check(steps: &[Step], role: Role, tools: &ToolRuntime) -> Result<(), ToolError> {
    if steps.is_empty() {
        return Err(refused("not_schedulable", "nothing in this can be scheduled".to_owned()));
    }
    if steps.len() > MAX_STEPS {
        return Err(ToolError::BadArguments(format!("a schedule has at most {MAX_STEPS} steps, and this has more")));
    }
    steps.iter().try_for_each(|step| check_step(step, role, tools))
}

fn check_step(step: &Step, role: Role, tools: &ToolRuntime) -> Result<(), ToolError> {
    let (spec, stakes) = tools.accepts(&step.tool, &step.args)?;
    if role < spec.role {
        let reason = format!("`{}` needs the role {}, and this caller is {role}", spec.name, spec.role);
        return Err(ToolError::refused("role", reason));
    }
    if spec.risk == Risk::Read || spec.name.starts_with(OWN_TOOLS) {
        return Err(refused(
            "not_schedulable",
            format!("`{}` can't be scheduled: it does nothing by itself", spec.name),
        ));
    }
    if stakes.confirm || stakes.risk == Risk::Dangerous {
        let reason =
            format!("`{}` has to be confirmed and can't be scheduled, because nobody confirms it then", spec.name);
        return Err(refused("dangerous_later", reason));
    }
    Ok(())
}

fn refused(rule: &'static str, reason: String) -> ToolError {
    ToolError::Refused { code: rule, reason, facts: json!({"rule": rule}) }
}
