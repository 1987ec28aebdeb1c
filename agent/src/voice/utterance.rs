//! One utterance on its way to the recogniser.
//!
//! Owns the recogniser's thread, the last moments of sound (an utterance begins before it is noticed) and handing it
//! over in chunks that depend on the sound alone, so that partial results come at the same places at any pace. Promises
//! that a recogniser which fails, hangs or panics costs one utterance.

use std::collections::VecDeque;
use std::time::Duration;

use victus_hw::audio::SAMPLE_RATE;

use super::ports::{SpeechRecogniser, Understood};
use super::worker::{Crashed, Worker};

/// How much sound is kept before an utterance: what the endpointer can date back, and its pre-roll.
const RECENT: usize = 2 * SAMPLE_RATE as usize;

/// How much sound is handed over at a time: 100 ms.
const CHUNK: usize = SAMPLE_RATE as usize / 10;

enum Call {
    Start,
    Feed(Vec<i16>),
    Finish,
}

enum Answer {
    Started,
    Fed(Option<String>),
    Finished(Understood),
}

/// How an utterance is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// There is none.
    None,
    /// It is handed over.
    Open,
    /// The recogniser has failed, and why.
    Failed(String),
}

/// What has become of an utterance that was finished.
pub(super) enum Outcome {
    /// The recogniser is still at it.
    Pending,
    /// These are its words.
    Understood(Understood),
    /// It failed, and why.
    Failed(String),
}

pub(super) struct Utterance {
    worker: Worker<Call, Result<Answer, String>>,
    /// The longest that handing over a chunk may take.
    patience: Duration,
    recent: VecDeque<i16>,
    /// Where the sound kept in `recent` ends.
    position: u64,
    pending: Vec<i16>,
    partial: String,
    state: State,
}

impl Utterance {
    pub(super) fn new(mut recogniser: Box<dyn SpeechRecogniser>, patience: Duration) -> std::io::Result<Self> {
        let worker = Worker::spawn("recogniser", move |call| match call {
            Call::Start => recogniser.start().map(|()| Answer::Started),
            Call::Feed(samples) => recogniser.feed(&samples).map(|()| Answer::Fed(recogniser.partial())),
            Call::Finish => recogniser.finish().map(Answer::Finished),
        })?;
        let recent = VecDeque::with_capacity(RECENT);
        Ok(Self {
            worker,
            patience,
            recent,
            position: 0,
            pending: Vec::new(),
            partial: String::new(),
            state: State::None,
        })
    }

    /// A new sound begins: nothing of the last is left.
    pub(super) fn reset(&mut self) {
        self.abandon();
        self.recent.clear();
        self.position = 0;
    }

    /// Passes over a gap of `samples`.
    pub(super) fn skip(&mut self, samples: u64) {
        self.recent.clear();
        self.position += samples;
    }

    /// Takes more sound; while there is an utterance it is part of it. Returns what is understood so far, if that
    /// changed.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Option<String> {
        self.position += samples.len() as u64;
        let excess = (self.recent.len() + samples.len()).saturating_sub(RECENT);
        self.recent.drain(..excess.min(self.recent.len()));
        self.recent.extend(samples);
        if self.state != State::Open {
            return None;
        }
        self.pending.extend_from_slice(samples);
        if self.pending.len() >= CHUNK { self.flush() } else { None }
    }

    /// Begins an utterance with the sound from `from` on, as far back as it is kept.
    pub(super) fn begin(&mut self, from: u64) -> Option<String> {
        self.partial.clear();
        self.pending.clear();
        self.state = State::Open;
        self.call(Call::Start)?;
        let back = usize::try_from(self.position.saturating_sub(from)).unwrap_or(usize::MAX).min(self.recent.len());
        self.pending.extend(self.recent.range(self.recent.len() - back..));
        self.flush()
    }

    /// Hands over what is waiting to be handed over.
    pub(super) fn flush(&mut self) -> Option<String> {
        if self.state != State::Open || self.pending.is_empty() {
            return None;
        }
        let samples = std::mem::take(&mut self.pending);
        match self.call(Call::Feed(samples)) {
            Some(Answer::Fed(Some(text))) if text != self.partial => {
                self.partial.clone_from(&text);
                Some(text)
            }
            _ => None,
        }
    }

    /// Ends the utterance; its words come from [`Utterance::outcome`].
    pub(super) fn finish(&mut self) {
        self.flush();
        if self.state == State::Open && !self.worker.submit(Call::Finish) {
            self.fail(BUSY);
        }
    }

    /// The words of the finished utterance, if they come within `wait`.
    pub(super) fn outcome(&mut self, wait: Duration) -> Outcome {
        if let State::Failed(why) = &mut self.state {
            let why = std::mem::take(why);
            self.state = State::None;
            return Outcome::Failed(why);
        }
        let outcome = match self.worker.answer(wait) {
            None => return Outcome::Pending,
            Some(Ok(Ok(Answer::Finished(understood)))) => Outcome::Understood(understood),
            Some(Ok(Ok(_))) => Outcome::Failed("the recogniser gave no words".to_owned()),
            Some(Ok(Err(why))) => Outcome::Failed(why),
            Some(Err(Crashed)) => Outcome::Failed("the recogniser has crashed".to_owned()),
        };
        self.state = State::None;
        outcome
    }

    /// Forgets the utterance.
    pub(super) fn abandon(&mut self) {
        self.worker.give_up();
        self.pending.clear();
        self.state = State::None;
    }

    fn call(&mut self, call: Call) -> Option<Answer> {
        if !self.worker.submit(call) {
            self.fail(BUSY);
            return None;
        }
        match self.worker.answer(self.patience) {
            Some(Ok(Ok(answer))) => return Some(answer),
            Some(Ok(Err(why))) => self.fail(&why),
            Some(Err(Crashed)) => self.fail("the recogniser has crashed"),
            None => {
                self.worker.give_up();
                self.fail("the recogniser is slower than speech: use a smaller model");
            }
        }
        None
    }

    fn fail(&mut self, why: &str) {
        self.state = State::Failed(why.to_owned());
    }
}

/// Why an utterance fails whose recogniser hangs.
const BUSY: &str = "the recogniser is still busy with what was said before";
