//! The voice loop: from the microphone's samples to a spoken answer.
//!
//! Owns the states `idle -> listening -> thinking -> speaking -> idle`, where an utterance begins and ends
//! ([`endpoint`]), the health of the microphone ([`vitals`]) and the vocabulary of voice events ([`event`]). Promises
//! that the same sound gives the same events at any pace (it counts samples, and a clock bounds only what hangs), that
//! the appliance does not hear itself (half duplex: while it speaks, and shortly after, what comes in is thrown away),
//! and that a recogniser, a turn or a speaker that fails, hangs or panics costs one answer, which is an apology, and
//! never the loop. Leaves recognition, what a request means and what is answered to its [`ports`], and opening a lost
//! microphone again to whoever calls [`VoiceLoop::run`].

pub mod endpoint;
pub mod event;
pub mod health;
pub mod ports;
mod session;
mod utterance;
pub mod vitals;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use victus_hw::audio::{AudioError, CaptureSource, PlaybackSink, Played};
use victus_hw::clock::Clock;

use endpoint::EndpointSettings;
use health::{HealthBook, Part, VoiceHealth};
use ports::{Heard, Replier, Reply, Speech, SpeechRecogniser, VoiceObserver};
use session::Session;
use utterance::Utterance;
use vitals::VitalSettings;
use worker::Worker;

/// How many commands wait at most.
const COMMANDS: usize = 8;

/// What the voice loop is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceState {
    /// Nothing is asked.
    Idle,
    /// The microphone is cut off; nothing can be asked by voice.
    Muted,
    /// Somebody may speak.
    Listening,
    /// What was said is understood and done.
    Thinking,
    /// The answer is spoken; the microphone is not heard.
    Speaking,
}

/// What others ask of the voice loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Listen. Interrupts an answer; ignored while muted, listening or thinking.
    PushToTalk,
    /// Be silent: gives up listening, cuts an answer short, and does not speak the one that is being thought of.
    Stop,
    /// Cut the microphone off, or connect it again.
    Mute(bool),
    /// Return from [`VoiceLoop::run`].
    Shutdown,
}

/// The voice loop does not take the command: it is not running, or too many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Too many commands wait.
    #[error("the voice loop has not taken the last {COMMANDS} commands: is its microphone there?")]
    Full,
    /// There is no voice loop any more.
    #[error("the voice loop has ended")]
    Ended,
}

/// Sends commands to a voice loop.
#[derive(Debug, Clone)]
pub struct VoiceControl {
    commands: SyncSender<Command>,
}

impl VoiceControl {
    /// Hands over `command` without waiting.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn send(&self, command: Command) -> Result<(), CommandError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => CommandError::Full,
            TrySendError::Disconnected(_) => CommandError::Ended,
        })
    }
}

/// How long the voice loop waits for what, and what it says when that was in vain.
#[derive(Debug, Clone)]
pub struct VoiceSettings {
    /// Where speech begins and ends.
    pub endpoint: EndpointSettings,
    /// When the microphone counts as unwell.
    pub vitals: VitalSettings,
    /// How long the recogniser may take for 100 ms of sound.
    pub feed: Duration,
    /// How long the recogniser may take after the end of speech.
    pub finish: Duration,
    /// How long a turn may take.
    pub reply: Duration,
    /// How long after an answer the microphone is not heard: the room's echo and the devices' delay.
    pub settle: Duration,
    /// What is said when a request could not be answered.
    pub apology: Speech,
}

impl VoiceSettings {
    /// The usual settings, with this apology.
    pub fn new(apology: Speech) -> Self {
        Self {
            endpoint: EndpointSettings::default(),
            vitals: VitalSettings::default(),
            feed: Duration::from_secs(2),
            finish: Duration::from_secs(10),
            reply: Duration::from_secs(30),
            settle: Duration::from_millis(200),
            apology,
        }
    }
}

/// What a voice loop works with.
pub struct VoiceParts {
    /// Understands speech.
    pub recogniser: Box<dyn SpeechRecogniser>,
    /// Answers requests.
    pub replier: Box<dyn Replier>,
    /// Speaks.
    pub speaker: Box<dyn PlaybackSink>,
    /// Is told everything.
    pub observer: Box<dyn VoiceObserver>,
    /// Bounds what hangs.
    pub clock: Arc<dyn Clock>,
}

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Waiting to be called.
    Idle,
    /// Listening, as after push-to-talk.
    Listening,
}

/// Why a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Shutdown,
    /// There is no more sound, and what was heard of it is answered.
    SourceEnded,
}

/// There is no microphone (any more).
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// It could not be opened, or was taken away.
    #[error("the appliance hears nothing: {0}")]
    Microphone(#[from] AudioError),
    /// It delivers nothing.
    #[error("the appliance hears nothing: {source_name} has delivered no sound for {} s", waited.as_secs())]
    Stopped {
        /// What it is.
        source_name: String,
        /// For how long.
        waited: Duration,
    },
}

/// A sound for the speaker's thread, and how to cut it short.
struct Utter {
    speech: Speech,
    cancel: Arc<AtomicBool>,
}

/// The voice loop. It outlives its microphone: recogniser, replies and speaker stay while a lost one is opened again.
pub struct VoiceLoop {
    settings: VoiceSettings,
    clock: Arc<dyn Clock>,
    observer: Box<dyn VoiceObserver>,
    commands: Receiver<Command>,
    utterance: Utterance,
    turns: Worker<Heard, Reply>,
    speaker: Worker<Utter, Result<Played, AudioError>>,
    health: HealthBook,
    state: VoiceState,
    muted: bool,
}

impl VoiceLoop {
    /// A voice loop of these parts, and its control.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(parts: VoiceParts, settings: VoiceSettings) -> std::io::Result<(Self, VoiceControl)> {
        let VoiceParts { recogniser, mut replier, mut speaker, observer, clock } = parts;
        let (sender, commands) = sync_channel(COMMANDS);
        let utterance = Utterance::new(recogniser, settings.feed)?;
        let turns = Worker::spawn("turn", move |heard| replier.request(heard))?;
        let speaker = Worker::spawn("speaker", move |utter: Utter| {
            speaker.play(&utter.speech.samples, utter.speech.rate, &utter.cancel)
        })?;
        let (health, state) = (HealthBook::default(), VoiceState::Idle);
        let voice =
            Self { settings, clock, observer, commands, utterance, turns, speaker, health, state, muted: false };
        Ok((voice, VoiceControl { commands: sender }))
    }

    /// Hears what `open` opens, from `begin` on, until that ends or a shutdown is asked for. Blocks: it is called from a
    /// thread of its own. A file and a microphone are the same to it.
    ///
    /// # Errors
    /// The microphone could not be opened, is gone, or has stopped. The health is then degraded and stays so until the
    /// next run hears something: call again, with a backoff.
    pub fn run(
        &mut self,
        open: impl FnOnce() -> Result<Box<dyn CaptureSource>, AudioError>,
        begin: Begin,
    ) -> Result<End, VoiceError> {
        let end = match open() {
            Ok(source) => Session::new(self, source).run(begin),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &end {
            self.note(Part::Microphone, Some(error.to_string()));
        }
        self.enter(VoiceState::Idle);
        end
    }

    fn note(&mut self, part: Part, problem: Option<String>) {
        if let Some(health) = self.health.note(part, problem) {
            if let VoiceHealth::Degraded { why } = &health {
                log::warn!("the voice loop is degraded: {why}");
            }
            self.observer.health(health);
        }
    }

    fn enter(&mut self, state: VoiceState) {
        let state = if self.muted && state == VoiceState::Idle { VoiceState::Muted } else { state };
        if self.state != state {
            self.state = state;
            self.observer.state(state);
        }
    }
}

#[cfg(test)]
mod tests;
