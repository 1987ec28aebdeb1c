//! A thread that does one thing at a time for the voice loop, which never waits for it longer than it wants to.
//!
//! Owns the thread, one request and one answer. Promises that a job which hangs or panics costs its own answer only.
//! Leaves deadlines to the voice loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The job panicked, or its thread is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crashed;

/// A thread that answers requests of type `Q` with answers of type `A`.
#[derive(Debug)]
pub(super) struct Worker<Q, A> {
    requests: SyncSender<Q>,
    answers: Receiver<Result<A, Crashed>>,
    /// Requests that are not answered yet, at most one of which is not given up.
    open: u32,
    /// How many of the open ones nobody waits for any more.
    given_up: u32,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// A thread called `name` that does `job`. It ends when this is dropped and its job is done.
    pub(super) fn spawn(name: &str, mut job: impl FnMut(Q) -> A + Send + 'static) -> std::io::Result<Self> {
        let (requests, inbox) = sync_channel::<Q>(1);
        let (outbox, answers) = sync_channel(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for request in inbox {
                let answer = catch_unwind(AssertUnwindSafe(|| job(request))).map_err(|_| Crashed);
                if outbox.send(answer).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { requests, answers, open: 0, given_up: 0 })
    }

    /// Hands over a request; false if the thread is still at one that was given up.
    pub(super) fn submit(&mut self, request: Q) -> bool {
        if self.is_busy() {
            return false;
        }
        let taken = self.requests.try_send(request).is_ok();
        self.open += u32::from(taken);
        taken
    }

    /// The answer to the last request, if it comes within `wait`.
    pub(super) fn answer(&mut self, wait: Duration) -> Option<Result<A, Crashed>> {
        if self.open == 0 {
            return None;
        }
        match self.answers.recv_timeout(wait) {
            Ok(answer) => {
                self.open -= 1;
                if self.given_up > 0 {
                    self.given_up -= 1;
                    return None;
                }
                Some(answer)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.open = 0;
                Some(Err(Crashed))
            }
        }
    }

    /// Nobody waits for the last request any more.
    pub(super) fn give_up(&mut self) {
        self.given_up = self.open;
    }

    /// Whether the thread is at a request.
    pub(super) fn is_busy(&mut self) -> bool {
        if self.given_up > 0 {
            // What was given up may be done by now.
            self.answer(Duration::ZERO);
        }
        self.open > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn answers_in_turn_and_survives_a_panic() {
        let mut worker = Worker::spawn("test", |number: u32| {
            assert!(number != 13, "unlucky");
            number * 2
        })
        .unwrap();
        assert_eq!(worker.answer(Duration::ZERO), None);
        for (number, answer) in [(1, Ok(2)), (13, Err(Crashed)), (4, Ok(8))] {
            assert!(worker.submit(number));
            assert!(!worker.submit(99), "one at a time");
            assert_eq!(worker.answer(LONG), Some(answer));
        }
    }

    #[test]
    fn what_was_given_up_is_never_taken_for_an_answer() {
        let (go, gate) = sync_channel::<()>(1);
        let mut worker = Worker::spawn("test", move |number: u32| {
            if number == 1 {
                gate.recv().unwrap();
            }
            number
        })
        .unwrap();
        assert!(worker.submit(1));
        assert_eq!(worker.answer(Duration::from_millis(1)), None);
        worker.give_up();
        assert!(worker.is_busy() && !worker.submit(2));
        go.send(()).unwrap();
        while worker.is_busy() {
            std::thread::yield_now();
        }
        assert!(worker.submit(3));
        assert_eq!(worker.answer(LONG), Some(Ok(3)));
    }
}
