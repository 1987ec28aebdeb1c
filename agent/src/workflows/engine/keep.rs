//! Storing a run, and telling the journal what has changed, in one commit.

use crate::event::EventKind;
use crate::store::{Batch, TableName};
use crate::workflows::Workflows;
use crate::workflows::run::{Run, StepState};

impl Workflows {
    /// Stores a run with the events of what has changed since its steps had the states `told`. Whether it would survive a power cut.
    pub(super) async fn keep_changes(&self, run: &Run, told: &mut Vec<StepState>) -> bool {
        let events = changes(run, told);
        let removed = if run.state.is_over() { self.book().finish(run) } else { Vec::new() };
        let batch = events.into_iter().fold(Batch::default(), |batch, kind| batch.event(Some(&run.trace), kind));
        let batch = batch
            .put(TableName::Runs, run.id.as_str(), run)
            .and_then(|batch| removed.iter().try_fold(batch, |batch, id| batch.remove(TableName::Runs, id.as_str())));
        match batch {
            Ok(batch) => self.parts.store.commit(batch).await.durable,
            Err(error) => {
                log::error!(run = run.id.as_str(); "{error}");
                false
            }
        }
    }
}

/// The steps that are over since it was stored last, and its end.
fn changes(run: &Run, told: &mut Vec<StepState>) -> Vec<EventKind> {
    let mut events = Vec::new();
    for (at, step) in run.steps.iter().enumerate() {
        if step.state.is_over() && told.get(at) != Some(&step.state) {
            events.push(EventKind::WorkflowStep {
                run: run.id.to_string(),
                workflow: run.workflow.clone(),
                step: step.name.clone(),
                state: step.state.name().to_owned(),
                reason: step.reason.clone(),
            });
        }
    }
    if run.state.is_over() {
        events.push(finished(run));
    }
    *told = run.steps.iter().map(|step| step.state).collect();
    events
}

fn finished(run: &Run) -> EventKind {
    EventKind::WorkflowFinished {
        run: run.id.to_string(),
        workflow: run.workflow.clone(),
        state: run.state.name().to_owned(),
        reason: run.failure.as_ref().map(|failure| failure.reason.clone()),
        uncertain: run.failure.as_ref().is_some_and(|failure| failure.uncertain),
    }
}
