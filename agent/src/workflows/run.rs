//! One run of a workflow: a state machine that is pure.
//!
//! Owns the states of a run and of its steps, and every way from one to the next. It is told what happened and says what
//! is to be begun; it calls nothing, stores nothing and looks at no clock. Whoever stores it after each change and before
//! each effect has a run that goes on after `kill -9` at any point ([`engine`](super::engine) does).
//!
//! # Format
//!
//! Table `runs`, key = run id, value = [`Run`] as JSON, at most 128 KiB. The run carries the whole text of its definition,
//! so that a changed file changes no run that has begun.
//!
//! # States of a step
//!
//! | state | what is known | after a restart |
//! | --- | --- | --- |
//! | `pending` | not begun | begins when it is its turn |
//! | `started` | stored before its tool was called; its branches run, where it is `parallel` | a tool that is idempotent is called again with the same arguments; any other step becomes `uncertain` |
//! | `waiting` | stored with what is left of the wait | goes on waiting |
//! | `done` `skipped` `failed` | stored with the result or the reason | never run again |
//! | `uncertain` | its call was cut off: whether it took effect is not known | never run again |
//! | `stopped` | never begun, or a wait that was ended, because the run failed before | never run |
//!
//! # States of a run
//!
//! `running` until all main steps are over: then `done`. A step that fails with `on_error` `stop` or `undo`, one that is
//! `uncertain`, the end of its time and a cancellation make it `failing`: nothing more of the main steps begins, calls in
//! flight end, what `undo` takes back is taken back in reverse order, and the failure branch runs; then it is `failed`, or
//! `cancelled`. The failure branch has the time of the run again, and then ends too.

mod flow;
mod record;

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::definition::{Definition, OnError};
use crate::event::{Stamp, TraceId};

pub use record::{Began, Cause, Countdown, Failure, RUN_FORMAT, Run, RunId, RunState, StepRun, StepState, Undo};

/// The longest reason that a step keeps, in characters.
const MAX_REASON_CHARACTERS: usize = 300;

/// What a run begins with.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Its id.
    pub id: RunId,
    /// Its trace.
    pub trace: TraceId,
    /// What began it.
    pub trigger: Began,
    /// What is handed over.
    pub slots: Map<String, Value>,
    /// When.
    pub at: Stamp,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// These steps are to begin.
    Begin(Vec<usize>),
    /// Something is in flight or waits.
    Wait,
    /// It is over.
    Over,
}

impl Run {
    /// A run of `definition` that has not begun any step.
    pub fn new(definition: &Definition, beginning: Beginning) -> Self {
        let step = |name: &String| StepRun::pending(name.clone());
        Self {
            v: RUN_FORMAT,
            id: beginning.id,
            workflow: definition.name.clone(),
            version: definition.version(),
            definition: definition.text.clone(),
            role: definition.role,
            trace: beginning.trace,
            trigger: beginning.trigger,
            slots: beginning.slots,
            state: RunState::Running,
            time: Some(Countdown::new(definition.limits.duration, &beginning.at)),
            began: beginning.at,
            ended: None,
            failure: None,
            steps: definition.steps.iter().map(|it| step(&it.name)).collect(),
        }
    }

    /// The call of a tool begins. Stored like this before the tool is called.
    pub fn started(&mut self, step: usize, tool: &str, args: Value, now: &Stamp) {
        self.change(step, |it| {
            (it.state, it.tool, it.args) = (StepState::Started, Some(tool.to_owned()), Some(args));
            (it.calls, it.began) = (it.calls.saturating_add(1), Some(now.clone()));
        });
    }

    /// The branches of a step begin.
    pub fn opened(&mut self, step: usize, now: &Stamp) {
        self.change(step, |it| (it.state, it.began) = (StepState::Started, Some(now.clone())));
    }

    /// A wait begins.
    pub fn waits(&mut self, step: usize, duration: Duration, now: &Stamp) {
        self.change(step, |it| {
            (it.state, it.began) = (StepState::Waiting, Some(now.clone()));
            it.wait = Some(Countdown::new(duration, now));
        });
    }

    /// A step was done.
    pub fn done(&mut self, step: usize, result: Value, now: &Stamp) {
        self.end_step(step, StepState::Done, now);
        self.change(step, |it| it.result = result);
    }

    /// A step is passed over because its condition does not hold.
    pub fn skipped(&mut self, step: usize, now: &Stamp) {
        self.end_step(step, StepState::Skipped, now);
    }

    /// A step failed, or it is not known what became of it.
    pub fn failed(&mut self, definition: &Definition, step: usize, reason: &str, uncertain: bool, now: &Stamp) {
        let reason: String = reason.chars().take(MAX_REASON_CHARACTERS).collect();
        self.end_step(step, if uncertain { StepState::Uncertain } else { StepState::Failed }, now);
        self.change(step, |it| it.reason = Some(reason.clone()));
        // A step that takes something back has no place in the definition: the next one is tried.
        let Some(stated) = definition.steps.get(step) else { return };
        if definition.on_failure.contains(&step) {
            if stated.on_error != OnError::Skip {
                self.stop(|other| definition.on_failure.contains(&other), now);
            }
            return;
        }
        if let Some(failure) = &mut self.failure {
            failure.uncertain |= uncertain;
        } else if uncertain || stated.on_error != OnError::Skip {
            let undo = if stated.on_error == OnError::Undo { Undo::Wanted } else { Undo::No };
            let step = Some(stated.name.clone());
            self.fail(definition, Failure { cause: Cause::Step, step, reason, uncertain, undo }, now);
        }
    }

    /// Its time is over, or somebody cancels it. In the failure branch only the end of its time counts, and ends that.
    pub fn interrupt(&mut self, definition: &Definition, cause: Cause, reason: &str, now: &Stamp) {
        match self.state {
            RunState::Running => {
                let reason = reason.chars().take(MAX_REASON_CHARACTERS).collect();
                self.fail(definition, Failure { cause, step: None, reason, uncertain: false, undo: Undo::No }, now);
            }
            RunState::Failing if cause == Cause::Time => {
                if let Some(failure) = &mut self.failure {
                    failure.undo = Undo::No;
                }
                self.time = None;
                self.stop(|_| true, now);
            }
            _ => {}
        }
    }

    /// The program has begun anew: brings every time forward, and settles the calls that were cut off. Answers with the
    /// steps whose tools are to be called again.
    pub fn resumed(
        &mut self,
        definition: &Definition,
        is_idempotent: &dyn Fn(&str) -> bool,
        now: &Stamp,
    ) -> Vec<usize> {
        self.time.iter_mut().for_each(|time| time.bring_forward(now));
        let mut again = Vec::new();
        for step in 0..self.steps.len() {
            let Some(it) = self.steps.get_mut(step) else { continue };
            if let Some(wait) = &mut it.wait
                && it.state == StepState::Waiting
            {
                wait.bring_forward(now);
            }
            let Some(tool) = it.tool.clone().filter(|_| it.state == StepState::Started) else { continue };
            if is_idempotent(&tool) {
                it.calls = it.calls.saturating_add(1);
                again.push(step);
            } else {
                let reason =
                    format!("`{tool}` was cut off by a stop of the program, and whether it took effect is not known");
                self.failed(definition, step, &reason, true, now);
            }
        }
        again
    }

    /// It cannot go on: what is not over is stopped, a call that was cut off is uncertain, and no failure branch runs.
    pub fn abandon(&mut self, reason: &str, now: &Stamp) {
        let mut uncertain = false;
        for step in 0..self.steps.len() {
            match self.steps.get(step).map_or(StepState::Done, |it| it.state) {
                StepState::Started => {
                    uncertain = true;
                    self.end_step(step, StepState::Uncertain, now);
                }
                StepState::Pending | StepState::Waiting => self.end_step(step, StepState::Stopped, now),
                _ => {}
            }
        }
        let reason = reason.chars().take(MAX_REASON_CHARACTERS).collect();
        self.failure = Some(Failure { cause: Cause::Step, step: None, reason, uncertain, undo: Undo::No });
        (self.state, self.ended, self.time) = (RunState::Failed, Some(now.clone()), None);
    }

    /// The value of the name `steps` in expressions.
    pub fn steps_value(&self) -> Value {
        let shown = |step: &StepRun| json!({"state": step.state, "result": step.result, "reason": step.reason});
        Value::Object(self.steps.iter().map(|step| (step.name.clone(), shown(step))).collect())
    }

    /// What arguments and results take already, in bytes of JSON.
    pub fn bytes_of_values(&self) -> usize {
        let bytes = |value: &Value| serde_json::to_vec(value).map_or(0, |text| text.len());
        self.steps.iter().map(|step| bytes(&step.result) + step.args.as_ref().map_or(0, bytes)).sum()
    }

    fn change(&mut self, step: usize, change: impl FnOnce(&mut StepRun)) {
        if let Some(step) = self.steps.get_mut(step) {
            change(step);
        }
    }

    fn end_step(&mut self, step: usize, state: StepState, now: &Stamp) {
        self.change(step, |it| (it.state, it.wait, it.ended) = (state, None, Some(now.clone())));
    }
}

#[cfg(test)]
mod tests;
