//! The order of a run: which steps are next, and what a failure ends.

use serde_json::Value;

use super::{Cause, Countdown, Failure, Next, Run, RunState, StepRun, StepState, Undo};
use crate::event::Stamp;
use crate::orchestrator::undo;
use crate::workflows::definition::{Action, Definition};

impl Run {
    /// What is to be done next. Steps whose branches are over become done, and the run over when nothing is left.
    pub fn next(&mut self, definition: &Definition, now: &Stamp) -> Next {
        let mut ready = Vec::new();
        let over = match self.state {
            RunState::Running => self.flow(definition, &definition.main, &mut ready, now),
            RunState::Failing => self.failure_flow(definition, &mut ready, now),
            RunState::Done | RunState::Failed | RunState::Cancelled => return Next::Over,
        };
        if !over {
            return if ready.is_empty() { Next::Wait } else { Next::Begin(ready) };
        }
        self.state = match &self.failure {
            None => RunState::Done,
            Some(Failure { cause: Cause::Cancelled, .. }) => RunState::Cancelled,
            Some(_) => RunState::Failed,
        };
        self.ended = Some(now.clone());
        Next::Over
    }

    /// Whether a list of steps is over; puts those that may begin into `ready`.
    fn flow(&mut self, definition: &Definition, sequence: &[usize], ready: &mut Vec<usize>, now: &Stamp) -> bool {
        for &step in sequence {
            match self.steps.get(step).map_or(StepState::Stopped, |it| it.state) {
                StepState::Pending => {
                    ready.push(step);
                    return false;
                }
                StepState::Waiting => return false,
                StepState::Started => {
                    let Some(Action::Parallel(branches)) = definition.steps.get(step).map(|it| &it.action) else {
                        return false;
                    };
                    let mut open = false;
                    for branch in branches {
                        open |= !self.flow(definition, branch, ready, now);
                    }
                    if open {
                        return false;
                    }
                    self.done(step, Value::Null, now);
                }
                _ => {}
            }
        }
        true
    }

    fn failure_flow(&mut self, definition: &Definition, ready: &mut Vec<usize>, now: &Stamp) -> bool {
        let of_main = |step: &usize| !definition.on_failure.contains(step);
        let in_flight = |it: &StepRun| it.state == StepState::Started;
        if (0..definition.steps.len()).filter(of_main).any(|step| self.steps.get(step).is_some_and(in_flight)) {
            return false;
        }
        self.plan_undo(definition);
        let taking_back: Vec<usize> = (definition.steps.len()..self.steps.len()).collect();
        self.flow(definition, &taking_back, ready, now) && self.flow(definition, &definition.on_failure, ready, now)
    }

    /// From here on nothing of the main steps begins.
    pub(super) fn fail(&mut self, definition: &Definition, failure: Failure, now: &Stamp) {
        self.state = RunState::Failing;
        self.failure = Some(failure);
        self.time = Some(Countdown::new(definition.limits.duration, now));
        let branches: Vec<usize> = (0..definition.steps.len())
            .filter(|step| matches!(definition.steps.get(*step).map(|it| &it.action), Some(Action::Parallel(_))))
            .collect();
        self.stop(|step| !definition.on_failure.contains(&step), now);
        for step in branches {
            if self.steps.get(step).is_some_and(|it| it.state == StepState::Started) {
                self.end_step(step, StepState::Stopped, now);
            }
        }
    }

    /// Ends what has not begun or waits, of the steps that are `meant`.
    pub(super) fn stop(&mut self, meant: impl Fn(usize) -> bool, now: &Stamp) {
        for step in (0..self.steps.len()).filter(|step| meant(*step)) {
            if self.steps.get(step).is_some_and(|it| matches!(it.state, StepState::Pending | StepState::Waiting)) {
                self.end_step(step, StepState::Stopped, now);
            }
        }
    }

    /// Puts the steps that take back what was done behind those of the definition, the last first.
    fn plan_undo(&mut self, definition: &Definition) {
        let Some(failure) = self.failure.as_mut().filter(|failure| failure.undo == Undo::Wanted) else { return };
        failure.undo = Undo::Planned;
        let main = self.steps.iter().take(definition.steps.len());
        let back: Vec<StepRun> = main
            .rev()
            .filter(|it| it.state == StepState::Done)
            .filter_map(|it| {
                let step = undo::inverse_of(it.tool.as_deref()?, it.args.as_ref()?, &it.result)?;
                let pending = StepRun::pending(format!("undo_{}", it.name));
                Some(StepRun { tool: Some(step.tool), args: Some(step.args), ..pending })
            })
            .collect();
        self.steps.extend(back);
    }
}
