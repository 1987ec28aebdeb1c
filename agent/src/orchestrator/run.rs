//! From a plan to what came of it.
//!
//! Owns the order of the steps and what one that is not done means for the others (`Step::on_failure`). Promises that each
//! step goes through the tool runtime once, and that the turn has a result for each step that was begun.

use super::{Orchestrator, undo};
use crate::conversation::is_done;
use crate::tool::confirmation::Permit;
use crate::tool::{CallContext, CallStatus};
use crate::turn::{OnFailure, Outcome, Step, StepResult, Turn};

impl Orchestrator {
    /// Runs the steps in order.
    pub(super) async fn run(&self, turn: &mut Turn, permit: Permit) {
        let begun = self.clock.monotonic();
        let context = CallContext::new(turn.caller.clone(), turn.trace_id.clone()).with(permit);
        turn.outcome = Outcome::Done;
        for step in turn.plan.clone() {
            let result = self.step(&step, &context).await;
            let outcome = outcome_of(&result.status);
            turn.steps.push(result);
            if outcome == Outcome::Done {
                continue;
            }
            if turn.outcome == Outcome::Done {
                turn.outcome = outcome;
            }
            match step.on_failure {
                OnFailure::Skip => {}
                OnFailure::Stop => break,
                OnFailure::Undo => {
                    self.take_back(turn, &context).await;
                    break;
                }
            }
        }
        turn.times_ms.run = Some(self.since(begun));
    }

    /// Takes back what was done so far, the last first, as far as it can be.
    async fn take_back(&self, turn: &mut Turn, context: &CallContext) {
        let done: Vec<StepResult> = turn.steps.iter().filter(|step| is_done(step)).cloned().collect();
        for step in done.iter().rev() {
            for back in undo::inverse(std::slice::from_ref(step)).unwrap_or_default() {
                let result = self.step(&back, context).await;
                turn.steps.push(result);
            }
        }
    }

    async fn step(&self, step: &Step, context: &CallContext) -> StepResult {
        let result = self.tools.call(&step.tool, step.args.clone(), context).await;
        StepResult {
            step: step.clone(),
            status: result.status,
            result: result.result,
            took_us: u64::try_from(result.took.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

fn outcome_of(status: &CallStatus) -> Outcome {
    match status {
        CallStatus::Done => Outcome::Done,
        CallStatus::Refused { .. } => Outcome::Refused,
        CallStatus::Failed { .. } => Outcome::Failed,
    }
}
