//! The loop of a port: opens it, serves its queue, polls, and opens it again.
//!
//! Owns the port for as long as it runs; ends only when it is dropped, which closes the port. Requests go before polls,
//! and a poll that is late is done once and not made up for.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::port::OpenPort;
use super::{PortConfig, PortHandle, PortHealth, QUEUE, Request, SerialError};

/// A question that is asked again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The point that the answer is for.
    pub point: String,
    /// What is asked.
    pub request: String,
    /// How often.
    pub every: Duration,
}

/// The loop of one port.
#[derive(Debug)]
pub struct PortLoop {
    config: PortConfig,
    polls: Vec<Poll>,
    due: Vec<Instant>,
    queue: mpsc::Receiver<Request>,
    handle: PortHandle,
    health: watch::Sender<PortHealth>,
}

impl PortLoop {
    /// A loop that does nothing until [`Self::run`].
    pub fn new(config: PortConfig, polls: Vec<Poll>) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        let health = watch::Sender::new(PortHealth::default());
        let handle = PortHandle {
            name: config.name.clone(),
            queue: sender,
            patience: config.longest_exchange(),
            longest_exchange: config.longest_exchange(),
            health: health.subscribe(),
        };
        Self { config, due: Vec::with_capacity(polls.len()), polls, queue, handle, health }
    }

    /// Asks these from the next [`Self::run`] on.
    pub fn set_polls(&mut self, polls: Vec<Poll>) {
        self.polls = polls;
    }

    /// The way to the queue.
    pub fn handle(&self) -> PortHandle {
        self.handle.clone()
    }

    /// Serves the port until the future is dropped. Each answer to a poll, and each failure, is given to `answered` with
    /// the point that it is for.
    pub async fn run(&mut self, mut answered: impl FnMut(&str, Result<String, SerialError>) + Send) {
        let mut pause = self.config.reopen_first;
        loop {
            let trouble = match OpenPort::open(&self.config) {
                Ok(mut port) => {
                    pause = self.config.reopen_first;
                    self.note_open();
                    let trouble = self.serve(&mut port, &mut answered).await;
                    // The device number is free again only once the old one is closed.
                    drop(port);
                    trouble
                }
                Err(error) => error,
            };
            self.note_closed(&trouble);
            for poll in &self.polls {
                answered(&poll.point, Err(trouble.clone()));
            }
            self.refuse_until(Instant::now() + pause, &trouble).await;
            pause = pause.saturating_mul(2).min(self.config.reopen_longest);
        }
    }

    /// Serves an open port until it fails.
    async fn serve(
        &mut self,
        port: &mut OpenPort,
        answered: &mut (impl FnMut(&str, Result<String, SerialError>) + Send),
    ) -> SerialError {
        let now = Instant::now();
        self.due = self.polls.iter().map(|_| now).collect();
        loop {
            let next = self.next_poll();
            let asleep = async {
                match next {
                    Some((_, at)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let outcome = tokio::select! {
                biased;
                Some(request) = self.queue.recv() => answer_request(port, request).await,
                () = asleep => match next {
                    Some((number, _)) => self.poll(port, number, answered).await,
                    None => Ok(()),
                },
            };
            self.note_outcome(port, outcome.as_ref().err());
            if let Err(error @ (SerialError::Unplugged { .. } | SerialError::Failed { .. })) = outcome {
                return error;
            }
        }
    }

    fn next_poll(&self) -> Option<(usize, Instant)> {
        self.due.iter().copied().enumerate().min_by_key(|(_, at)| *at)
    }

    async fn poll(
        &mut self,
        port: &mut OpenPort,
        number: usize,
        answered: &mut (impl FnMut(&str, Result<String, SerialError>) + Send),
    ) -> Result<(), SerialError> {
        let Some(poll) = self.polls.get(number) else { return Ok(()) };
        let answer = port.ask(&poll.request).await;
        if let Some(due) = self.due.get_mut(number) {
            *due = Instant::now().max(*due + poll.every);
        }
        let outcome = answer.as_ref().map(|_| ()).map_err(Clone::clone);
        answered(&poll.point, answer);
        outcome
    }

    /// Answers every request with the trouble until a time.
    async fn refuse_until(&mut self, until: Instant, trouble: &SerialError) {
        let refuse = async {
            while let Some(request) = self.queue.recv().await {
                if request.turn.take() {
                    reply(request, Err(trouble.clone()));
                }
            }
        };
        // The queue never ends, because the loop holds a handle itself; time does.
        let _elapsed = tokio::time::timeout_at(until, refuse).await;
    }

    fn note_open(&self) {
        log::info!(port = self.config.name.as_str(); "The serial port {} is open.", self.config.path.display());
        self.health.send_modify(|health| {
            health.open = true;
            health.trouble = None;
            health.opened = health.opened.saturating_add(1);
        });
    }

    fn note_closed(&self, trouble: &SerialError) {
        let said = trouble.to_string();
        let news = self.health.borrow().open || self.health.borrow().trouble.as_deref() != Some(&said);
        if news {
            log::warn!(port = self.config.name.as_str(); "{said}");
        }
        self.health.send_if_modified(|health| {
            health.open = false;
            health.trouble = Some(said);
            news
        });
    }

    fn note_outcome(&self, port: &mut OpenPort, error: Option<&SerialError>) {
        let dropped = std::mem::take(&mut port.dropped_bytes);
        self.health.send_if_modified(|health| {
            let trouble = error.map(ToString::to_string);
            let news = health.trouble != trouble || dropped > 0 || error.is_some();
            health.trouble = trouble;
            health.dropped_bytes = health.dropped_bytes.saturating_add(dropped);
            let silent = matches!(error, Some(SerialError::NoAnswer { .. }));
            health.timeouts = health.timeouts.saturating_add(u64::from(silent));
            news
        });
    }
}

async fn answer_request(port: &mut OpenPort, request: Request) -> Result<(), SerialError> {
    if !request.turn.take() {
        return Ok(());
    }
    let result = write_and_confirm(port, &request).await;
    let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
    reply(request, result);
    outcome
}

async fn write_and_confirm(port: &mut OpenPort, request: &Request) -> Result<Option<String>, SerialError> {
    port.tell(&request.write).await?;
    match &request.confirm {
        Some(confirm) => port.ask(confirm).await.map(Some),
        None => Ok(None),
    }
}

fn reply(request: Request, result: Result<Option<String>, SerialError>) {
    if request.reply.try_send(result).is_err() {
        log::debug!("Nobody waits for the answer to `{}` any more.", request.write);
    }
}
