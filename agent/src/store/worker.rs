//! Work on the disk with a bound on its time.
//!
//! Owns the thread on which the store's disk work runs. Whoever hands it work waits for the answer only so long: a disk
//! that neither writes nor fails (a card that hangs, a frozen file system) must not hang the appliance. Work that was
//! given up keeps its thread until the kernel lets it go; until then no further work is taken.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::{Fault, panic_text};

type Task = Box<dyn FnOnce() + Send>;

/// A thread for disk work.
#[derive(Debug, Default)]
pub(super) struct Worker {
    running: Option<(SyncSender<Task>, JoinHandle<()>)>,
    given_up: Option<JoinHandle<()>>,
}

impl Worker {
    /// Runs `work` and waits for its end, at most `limit`. `what` says in a message what the store was doing.
    pub(super) fn run<T: Send + 'static>(
        &mut self,
        limit: Duration,
        what: &'static str,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        if self.is_stuck() {
            return Err(Fault::Stalled(limit.as_secs(), what));
        }
        let (answer, answered) = sync_channel(1);
        let task: Task = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            let result = result.unwrap_or_else(|panic| Err(Fault::Damaged(panic_text(&*panic))));
            // Nobody waits any more where the time was up.
            drop(answer.send(result));
        });
        let sender = self.sender().map_err(|error| Fault::Device(format!("no thread for the disk: {error}")))?;
        if sender.send(task).is_err() {
            self.running = None;
            return Err(Fault::Device("the disk thread ended".to_owned()));
        }
        match answered.recv_timeout(limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                self.given_up = self.running.take().map(|(_, thread)| thread);
                Err(Fault::Stalled(limit.as_secs(), what))
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.running = None;
                Err(Fault::Device("the disk thread ended".to_owned()))
            }
        }
    }

    /// Whether work that was given up still holds its thread.
    pub(super) fn is_stuck(&mut self) -> bool {
        self.given_up.take_if(|thread| thread.is_finished());
        self.given_up.is_some()
    }

    fn sender(&mut self) -> io::Result<&SyncSender<Task>> {
        let running = match self.running.take() {
            Some(running) => running,
            None => {
                let (sender, tasks) = sync_channel(1);
                let thread = std::thread::Builder::new().name("store-disk".to_owned()).spawn(move || serve(&tasks))?;
                (sender, thread)
            }
        };
        Ok(&self.running.insert(running).0)
    }
}

fn serve(tasks: &Receiver<Task>) {
    while let Ok(task) = tasks.recv() {
        task();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_hangs_is_given_up_and_taken_again_when_the_thread_is_free() {
        let mut worker = Worker::default();
        let (release, wait) = sync_channel::<()>(0);
        let hung = worker.run(Duration::from_millis(20), "writing", move || Ok(wait.recv().is_ok()));
        assert_eq!(hung, Err(Fault::Stalled(0, "writing")));
        assert!(worker.is_stuck());
        assert_eq!(worker.run(Duration::from_secs(5), "writing", || Ok(1)), Err(Fault::Stalled(5, "writing")));
        release.send(()).unwrap();
        while worker.is_stuck() {
            std::thread::yield_now();
        }
        assert_eq!(worker.run(Duration::from_secs(5), "writing", || Ok(1)), Ok(1));
    }

    #[test]
    fn a_panic_is_a_fault_and_the_thread_goes_on() {
        let mut worker = Worker::default();
        let result: Result<(), _> = worker.run(Duration::from_secs(5), "writing", || panic!("page {} is bad", 7));
        assert_eq!(result, Err(Fault::Damaged("page 7 is bad".to_owned())));
        assert_eq!(worker.run(Duration::from_secs(5), "writing", || Ok(2)), Ok(2));
    }
}
