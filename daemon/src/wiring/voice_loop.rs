//! The voice loop's thread: recogniser and loop made once, the microphone opened again whenever it is lost.
//!
//! Owns the thread and push-to-talk. Promises that a missing recogniser, microphone or voice is a degraded loop that says
//! what to do, never an end of the appliance.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use victus_agent::appliance::Appliance;
use victus_agent::voice::health::VoiceHealth;
use victus_agent::voice::ports::SpeechRecogniser;
use victus_agent::voice::{Begin, Command, End, VoiceControl, VoiceLoop, VoiceParts, VoiceSettings};
use victus_agent::volume::AtVolume;
use victus_hw::clock::Clock;

use super::hearing::{Current, Deaf, Deafness, Hearing, NextRecogniser, open_recogniser};
use super::voice::{Answers, OnVoiceEvent, VoiceJournal, open_synthesiser, record, spoken};
use super::{Settings, Sound};
use crate::config::Config;
use crate::supervisor::{LoopContext, LoopError, LoopSpec, Supervisor};

/// The first and the longest pause before a lost microphone is opened again.
const REOPEN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// The folder of the state in which recognisers put generated files.
pub(super) const WORK: &str = "recogniser";

/// Push-to-talk, for the panel.
#[derive(Clone, Default)]
pub(super) struct PushToTalk(Arc<Mutex<Option<VoiceControl>>>);

impl PushToTalk {
    fn connect(&self, control: VoiceControl) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(control);
    }
}

impl victus_web::Microphone for PushToTalk {
    fn listen(&self) -> Result<(), String> {
        let control = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let control = control.ok_or("the voice is still starting; try again in a moment")?;
        control.send(Command::PushToTalk).map_err(|error| error.to_string())
    }
}

/// Who is told of voice events beside the journal.
pub type EventListener = Arc<dyn Fn() -> OnVoiceEvent + Send + Sync>;

/// What the voice works with.
pub(super) struct VoiceWork {
    pub(super) config: Arc<Config>,
    pub(super) appliance: Arc<Appliance>,
    pub(super) sound: Sound,
    models: std::path::PathBuf,
    work: std::path::PathBuf,
    clock: Arc<dyn Clock>,
    microphone: PushToTalk,
    next: NextRecogniser,
    listener: Option<EventListener>,
    runtime: Handle,
    /// Tells whether somebody is speaking with the appliance.
    busy: watch::Sender<bool>,
}

impl VoiceWork {
    pub(super) fn new(
        config: &Arc<Config>,
        settings: &Settings,
        appliance: &Arc<Appliance>,
        microphone: PushToTalk,
        next: NextRecogniser,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            appliance: Arc::clone(appliance),
            sound: settings.sound.clone(),
            models: settings.models.clone(),
            work: settings.state.join(WORK),
            clock: Arc::clone(&settings.clock),
            microphone,
            next,
            listener: settings.listener.clone(),
            runtime: Handle::current(),
            busy: watch::Sender::new(false),
        }
    }

    /// Whether somebody is speaking with the appliance.
    pub(super) fn busy(&self) -> watch::Receiver<bool> {
        self.busy.subscribe()
    }
}

/// Starts the thread.
pub(super) fn spawn(supervisor: &mut Supervisor, work: VoiceWork) {
    supervisor.spawn_thread(LoopSpec::optional("voice"), move |context| run(&work, &context));
}

fn run(work: &VoiceWork, context: &LoopContext) -> Result<(), LoopError> {
    context.degraded("the recogniser is being opened");
    let hearing =
        Hearing { config: &work.config, models: &work.models, work: work.work.clone(), clock: Arc::clone(&work.clock) };
    let (recogniser, deaf): (Box<dyn SpeechRecogniser>, _) = match open_recogniser(&work.appliance, &hearing) {
        Ok(recogniser) => (recogniser, None),
        Err(error) => {
            log::error!("{error}");
            (Box::new(Deaf(error.to_string())), Some(error.to_string()))
        }
    };
    let deafness = Deafness::new(Mutex::new(deaf));
    let told = context.clone();
    let cured = Box::new(move || told.up());
    let current = Current { recogniser, next: work.next.clone(), deafness: Arc::clone(&deafness), cured };
    let (mut voice, control) = assemble(work, context, Box::new(current), deafness)?;
    work.microphone.connect(control.clone());
    let stop = context.stop().clone();
    work.runtime.spawn(async move {
        stop.cancelled().await;
        // The loop may have ended by itself.
        let _ended = control.send(Command::Shutdown);
    });
    let mut pause = REOPEN.0;
    loop {
        let began = work.clock.monotonic();
        match voice.run(|| work.sound.microphone(&work.config.voice), Begin::Idle) {
            Ok(End::Shutdown | End::SourceEnded) => return Ok(()),
            Err(error) => log::warn!("{error}"),
        }
        if work.clock.monotonic().saturating_since(began) > REOPEN.1 {
            pause = REOPEN.0;
        }
        let waited = work.runtime.block_on(context.stop().run_until_cancelled(tokio::time::sleep(pause)));
        if waited.is_none() {
            return Ok(());
        }
        pause = (pause * 2).min(REOPEN.1);
    }
}

fn assemble(
    work: &VoiceWork,
    context: &LoopContext,
    recogniser: Box<dyn SpeechRecogniser>,
    deafness: Deafness,
) -> Result<(VoiceLoop, VoiceControl), LoopError> {
    let mut synthesiser = open_synthesiser(&work.config);
    let apology = work.appliance.orchestrator.language().phrase("default", &[]);
    let settings = VoiceSettings::new(spoken(synthesiser.as_deref_mut(), &apology));
    let told = context.clone();
    let on_health = Box::new(move |health: &VoiceHealth| {
        match (health, &*deafness.lock().unwrap_or_else(PoisonError::into_inner)) {
            (VoiceHealth::Degraded { why }, _) | (VoiceHealth::Up, Some(why)) => told.degraded(why.clone()),
            (VoiceHealth::Up, None) => told.up(),
        }
    });
    let on_event = work.listener.as_ref().map(|listener| listener());
    let (journal, waiting) = VoiceJournal::new(Arc::clone(&work.appliance), on_event, on_health);
    let journal = journal.telling(work.busy.clone());
    work.runtime.spawn(record(Arc::clone(&work.appliance), waiting));
    let answers = Answers { appliance: Arc::clone(&work.appliance), runtime: work.runtime.clone(), synthesiser };
    let speaker = work.sound.speaker(&work.config.voice);
    let parts = VoiceParts {
        recogniser,
        replier: Box::new(answers),
        speaker: Box::new(AtVolume::replies(speaker, Arc::clone(&work.appliance.volume))),
        observer: Box::new(journal),
        clock: Arc::clone(&work.clock),
    };
    Ok(VoiceLoop::new(parts, settings)?)
}
