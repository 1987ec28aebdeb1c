//! The voice of the appliance: orchestrator, synthesiser and journal, joined to one voice loop. Its ears are `hearing`'s.
//!
//! Owns the adapters between the voice loop's ports and what stands behind them, and nothing of their work.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use victus_agent::appliance::Appliance;
use victus_agent::event::EventKind;
use victus_agent::orchestrator::Request;
use victus_agent::speech::Synthesiser;
use victus_agent::speech::espeak::Espeak;
use victus_agent::tool::{CallStatus, Caller};
use victus_agent::turn::{Outcome, Turn};
use victus_agent::voice::VoiceState;
use victus_agent::voice::event::{VoiceEvent, VoiceEventKind};
use victus_agent::voice::health::VoiceHealth;
use victus_agent::voice::ports::{Heard, Meaning, Replier, Reply, Speech, Step, VoiceObserver};

use crate::config::Config;

/// Where the package `espeak-ng` puts its program.
pub(crate) const ESPEAK: &str = "/usr/bin/espeak-ng";

/// How many voice events may wait for the journal; more are dropped, counted and logged.
const WAITING_EVENTS: usize = 256;

/// The synthesiser of the configuration; none, and logged, where it is not installed.
pub fn open_synthesiser(config: &Config) -> Option<Box<dyn Synthesiser>> {
    let espeak = match &config.voice.speech.voice {
        Some(voice) => Espeak::new(voice),
        None => Espeak::for_language(&config.device.language),
    };
    if espeak.is_installed() {
        return Some(Box::new(espeak));
    }
    log::warn!("espeak-ng is not installed: replies are shown and not spoken (apt install espeak-ng)");
    None
}

/// Hands what was heard to the orchestrator, and its reply to the synthesiser.
pub struct Answers {
    /// The appliance that answers.
    pub appliance: Arc<Appliance>,
    /// Where its turns run.
    pub runtime: Handle,
    /// What speaks; without it, replies are shown and not spoken.
    pub synthesiser: Option<Box<dyn Synthesiser>>,
}

impl Replier for Answers {
    fn request(&mut self, heard: Heard) -> Reply {
        if heard.text.is_empty() {
            let text = self.appliance.orchestrator.language().phrase("not_heard", &[]);
            let speech = spoken(self.synthesiser.as_deref_mut(), &text);
            return Reply { meaning: None, steps: Vec::new(), speech, keep_listening: false };
        }
        let request = Request {
            confidence: heard.confidence,
            recognised_in: Some(heard.recognised.saturating_since(heard.speech_ended)),
            ..Request::typed(&heard.text, Caller::voice())
        };
        let turn = self.runtime.block_on(self.appliance.orchestrator.ask(request));
        let speech = spoken(self.synthesiser.as_deref_mut(), &turn.reply);
        answer(turn, speech)
    }
}

fn answer(turn: Turn, speech: Speech) -> Reply {
    let keep_listening = turn.outcome == Outcome::Asked;
    let steps = turn.steps.into_iter().map(|step| Step {
        tool: step.step.tool,
        args: step.step.args,
        outcome: match step.status {
            CallStatus::Done => "done",
            CallStatus::Refused { .. } => "refused",
            CallStatus::Failed { .. } => "failed",
        }
        .to_owned(),
    });
    let steps = steps.collect();
    let slots = turn.slots.into_iter().collect();
    Reply { meaning: turn.intent.map(|intent| Meaning { intent, slots }), steps, speech, keep_listening }
}

/// The sound of a text; silence where it cannot be made.
pub fn spoken(synthesiser: Option<&mut (dyn Synthesiser + 'static)>, text: &str) -> Speech {
    let silent = || Speech { text: text.to_owned(), samples: Arc::from([]), rate: victus_hw::audio::SAMPLE_RATE };
    let Some(synthesiser) = synthesiser else { return silent() };
    match synthesiser.synthesise(text) {
        Ok(sound) => Speech { text: text.to_owned(), samples: sound.samples.into(), rate: sound.rate },
        Err(error) => {
            log::warn!("a reply is shown and not spoken: {error}");
            silent()
        }
    }
}

/// Told of every voice event, in the voice thread.
pub type OnVoiceEvent = Box<dyn Fn(&VoiceEvent) + Send>;

/// Told of the health of the voice loop.
pub type OnVoiceHealth = Box<dyn Fn(&VoiceHealth) + Send>;

/// Passes what the voice loop tells to the journal, and to the orchestrator when a question was spoken to its end.
pub struct VoiceJournal {
    appliance: Arc<Appliance>,
    speaking: bool,
    events: mpsc::Sender<VoiceEvent>,
    on_event: Option<OnVoiceEvent>,
    on_health: OnVoiceHealth,
    busy: watch::Sender<bool>,
}

impl VoiceJournal {
    /// An observer, and where its events come out for [`record`].
    pub fn new(
        appliance: Arc<Appliance>,
        on_event: Option<OnVoiceEvent>,
        on_health: OnVoiceHealth,
    ) -> (Self, mpsc::Receiver<VoiceEvent>) {
        let (events, waiting) = mpsc::channel(WAITING_EVENTS);
        (Self { appliance, speaking: false, events, on_event, on_health, busy: watch::Sender::new(false) }, waiting)
    }

    /// The same, which tells `busy` whether somebody is speaking with the appliance.
    pub fn telling(self, busy: watch::Sender<bool>) -> Self {
        Self { busy, ..self }
    }
}

impl VoiceObserver for VoiceJournal {
    fn event(&mut self, event: VoiceEvent) {
        if let Some(on_event) = &self.on_event {
            on_event(&event);
        }
        // A partial is a signal: never stored.
        let stored = !matches!(event.what, VoiceEventKind::Partial { .. });
        if stored && self.events.try_send(event).is_err() {
            log::warn!("a voice event was dropped: the journal is slower than the voice");
        }
    }

    fn state(&mut self, state: VoiceState) {
        log::debug!("voice: {state:?}");
        let speaks = state == VoiceState::Speaking;
        match (std::mem::replace(&mut self.speaking, speaks), speaks) {
            (false, true) => self.appliance.orchestrator.speaking(&Caller::voice()),
            (true, false) => self.appliance.orchestrator.spoken(&Caller::voice()),
            _ => {}
        }
        self.busy.send_replace(!matches!(state, VoiceState::Idle | VoiceState::Muted));
    }

    fn health(&mut self, health: VoiceHealth) {
        (self.on_health)(&health);
    }
}

/// Brings voice events into the journal until the voice loop is gone.
pub async fn record(appliance: Arc<Appliance>, mut waiting: mpsc::Receiver<VoiceEvent>) {
    while let Some(event) = waiting.recv().await {
        appliance.store.journal().append(None, journal_event(&event)).await;
    }
}

fn journal_event(event: &VoiceEvent) -> EventKind {
    let (stage, text) = match &event.what {
        VoiceEventKind::Wake { .. } => ("wake", None),
        VoiceEventKind::SpeechStart => ("speech_start", None),
        VoiceEventKind::Partial { text } => ("partial", Some(text.clone())),
        VoiceEventKind::Endpoint { .. } => ("endpoint", None),
        VoiceEventKind::Transcript { text, .. } => ("transcript", Some(text.clone())),
        VoiceEventKind::Intent { intent, .. } => ("intent", Some(intent.clone())),
        VoiceEventKind::Action { tool, outcome, .. } => ("action", Some(format!("{tool}: {outcome}"))),
        VoiceEventKind::Reply { text } => ("reply", Some(text.clone())),
    };
    EventKind::Voice { stage: stage.to_owned(), at_ms: event.at_ms, text }
}
