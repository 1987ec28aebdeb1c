//! What the voice loop needs from others: ears, an answer, and someone who listens to it.

use std::sync::Arc;

use victus_hw::clock::Monotonic;

use super::VoiceState;
use super::endpoint::EndReason;
use super::event::VoiceEvent;
use super::health::VoiceHealth;

/// What a recogniser has understood.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Understood {
    /// The words; empty if there were none.
    pub text: String,
    /// How sure the recogniser is, from 0 to 1, where it can tell.
    pub confidence: Option<f32>,
}

/// Turns sound into words while it comes in. It runs in a thread of its own: what takes too long fails its turn and
/// nothing else.
pub trait SpeechRecogniser: Send {
    /// Begins an utterance and forgets one that was not finished.
    ///
    /// # Errors
    /// A sentence about why it cannot.
    fn start(&mut self) -> Result<(), String>;

    /// Takes more of the utterance, in samples of [`SAMPLE_RATE`](victus_hw::audio::SAMPLE_RATE). Has to be quicker than
    /// the sound is long.
    ///
    /// # Errors
    /// A sentence about why it cannot.
    fn feed(&mut self, samples: &[i16]) -> Result<(), String>;

    /// What is understood so far, where that is known.
    fn partial(&mut self) -> Option<String>;

    /// Ends the utterance.
    ///
    /// # Errors
    /// A sentence about why nothing was understood, although something may have been said.
    fn finish(&mut self) -> Result<Understood, String>;
}

/// A request that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its words; empty if nothing was understood.
    pub text: String,
    /// How sure the recogniser is, from 0 to 1, where it can tell.
    pub confidence: Option<f32>,
    /// Why listening ended.
    pub reason: EndReason,
    /// Where in the sound the speech began, in milliseconds.
    pub speech_start_ms: u64,
    /// Where in the sound the speech ended, in milliseconds.
    pub speech_end_ms: u64,
    /// How much of the utterance is missing, in milliseconds, because the machine was too busy.
    pub lost_ms: u64,
    /// When the speech ended: the decision's time less the silence before it. Latency counts from here.
    pub speech_ended: Monotonic,
    /// When listening ended.
    pub endpoint: Monotonic,
    /// When the words were known.
    pub recognised: Monotonic,
}

/// Sound to be spoken, with its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// The words.
    pub text: String,
    /// Their sound, of one channel.
    pub samples: Arc<[i16]>,
    /// Samples a second.
    pub rate: u32,
}

/// What a request meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    /// The intent's name.
    pub intent: String,
    /// Its slots.
    pub slots: serde_json::Map<String, serde_json::Value>,
}

/// One step of what was done about a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub args: serde_json::Value,
    /// How it went, as in the turn.
    pub outcome: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it meant, if that is known.
    pub meaning: Option<Meaning>,
    /// What was done.
    pub steps: Vec<Step>,
    /// What is answered. Without samples it is not spoken.
    pub speech: Speech,
    /// Whether the answer is a question: listen again when it is spoken.
    pub keep_listening: bool,
}

/// Runs a turn.
pub trait Replier: Send {
    /// Does what was asked and says what came of it. Runs in a thread of its own and has to bound its time itself; what
    /// exceeds [`VoiceSettings::reply`](super::VoiceSettings::reply) is answered with an apology while it goes on.
    fn request(&mut self, heard: Heard) -> Reply;
}

/// Who is told what the voice loop does. Called in the voice thread: it has to return at once.
pub trait VoiceObserver: Send {
    /// Something happened.
    fn event(&mut self, event: VoiceEvent);
    /// The state changed: for light, chime and panel.
    fn state(&mut self, state: VoiceState);
    /// The health changed.
    fn health(&mut self, health: VoiceHealth);
}
