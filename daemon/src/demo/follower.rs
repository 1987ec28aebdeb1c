//! Shows what the journal records, as it records it.
//!
//! Owns one task that reads behind the journal's end, and tells how far it has come, so that what is printed next comes
//! after what happened before it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use victus_agent::appliance::Appliance;
use victus_agent::event::{Event, EventKind, Position};

use super::screen::Screen;

/// How many events are read at once, and how many changes are held back at most.
const PAGE: usize = 100;

/// How long the screen may lag behind the journal before whoever waits goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows the journal until it is told to end.
pub(super) struct Follower {
    shown: watch::Receiver<Position>,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Shows every event from the start of the demo on.
    pub(super) fn start(appliance: Arc<Appliance>, screen: Screen) -> Self {
        let journal = appliance.store.journal();
        let mut told = journal.watch();
        let first = journal.last();
        let (report, shown) = watch::channel(first);
        let (ending, mut ends) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut story = Story { appliance, screen, turns: 0, changes: Vec::new() };
            let mut last = first;
            loop {
                let events = story.appliance.store.journal().read(last, PAGE).unwrap_or_default();
                let none = events.is_empty();
                for event in events {
                    last = event.position;
                    story.tell(event);
                }
                // Nobody waits when the demo is over.
                let _nobody_waits = report.send(last);
                if none && *ends.borrow() {
                    return;
                }
                if none {
                    tokio::select! {
                        _told = told.changed() => {}
                        _ends = ends.changed() => {}
                    }
                }
            }
        });
        Self { shown, ending, task }
    }

    /// Shows what is left and lets go of the appliance: a line that is let go of later would miss the demo's folder.
    pub(super) async fn end(mut self) {
        self.ending.send_replace(true);
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            log::error!("the demo's screen did not end");
        }
    }

    /// Waits until the event at `position` was shown, within reason.
    pub(super) async fn reach(&self, position: Position) {
        let mut shown = self.shown.clone();
        let reached = tokio::time::timeout(PATIENCE, shown.wait_for(|shown| *shown >= position));
        // What is late is shown late.
        let _late = reached.await;
    }
}

/// Puts what belongs to one request together: its meaning before what was switched by it.
struct Story {
    appliance: Arc<Appliance>,
    screen: Screen,
    turns: usize,
    changes: Vec<Event>,
}

impl Story {
    fn tell(&mut self, event: Event) {
        match &event.kind {
            EventKind::TurnStarted { .. } => self.turns += 1,
            EventKind::TurnFinished { turn, .. } => {
                self.turns = self.turns.saturating_sub(1);
                let turn = self.appliance.store.turns().get(turn).ok().flatten();
                turn.iter().for_each(|turn| self.screen.understood(turn));
                self.tell_changes();
                turn.iter().for_each(|turn| self.screen.stored(turn));
            }
            EventKind::EntityChanged { .. } => {
                self.changes.push(event);
                if self.turns == 0 || self.changes.len() > PAGE {
                    self.tell_changes();
                }
            }
            _ => {}
        }
    }

    fn tell_changes(&mut self) {
        for change in self.changes.drain(..) {
            self.screen.changed(&change, &self.appliance);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}
