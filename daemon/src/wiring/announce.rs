//! Announcements: what the appliance says without being asked.
//!
//! Owns the reader of the journal that speaks a timer's end. It reads like everybody else; nobody sends it anything.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use victus_agent::appliance::Appliance;
use victus_agent::event::EventKind;
use victus_agent::volume::AtVolume;
use victus_hw::audio::PlaybackSink;

use super::sound::Sound;
use super::voice::{open_synthesiser, spoken};
use super::voice_loop::VoiceWork;
use crate::config::Config;
use crate::supervisor::{LoopContext, LoopError, LoopSpec, Supervisor};

/// How many events are read at a time.
const EVENTS_AT_ONCE: usize = 100;

/// How often the loop shows progress while nothing happens.
const BEAT_INTERVAL: Duration = Duration::from_secs(5);

/// Starts the loop.
pub(super) fn spawn(supervisor: &mut Supervisor, work: &VoiceWork) {
    let (config, appliance, sound) = (Arc::clone(&work.config), Arc::clone(&work.appliance), work.sound.clone());
    supervisor.spawn(LoopSpec::optional("announce"), move |context| {
        let (config, appliance, sound) = (Arc::clone(&config), Arc::clone(&appliance), sound.clone());
        async move { run(config, appliance, sound, &context).await }
    });
}

async fn run(
    config: Arc<Config>,
    appliance: Arc<Appliance>,
    sound: Sound,
    context: &LoopContext,
) -> Result<(), LoopError> {
    context.up();
    let journal = appliance.store.journal();
    let mut latest = journal.watch();
    let mut seen = journal.last();
    loop {
        context.beat();
        for event in journal.read(seen, EVENTS_AT_ONCE)? {
            seen = event.position;
            if let EventKind::TimerFinished { name, .. } = event.kind {
                let name = name.unwrap_or_default();
                let text = appliance.orchestrator.language().phrase("HassStartTimer.finished", &[("name", &name)]);
                say(&config, &appliance, &sound, text).await;
            }
        }
        tokio::select! {
            () = context.stop().cancelled() => return Ok(()),
            Ok(()) = latest.changed() => {}
            () = tokio::time::sleep(BEAT_INTERVAL) => {}
        }
    }
}

/// Speaks in a thread that may block; what fails is logged, because the event is on the panel all the same.
async fn say(config: &Arc<Config>, appliance: &Appliance, sound: &Sound, text: String) {
    let (config, volume, sound) = (Arc::clone(config), Arc::clone(&appliance.volume), sound.clone());
    let spoken = tokio::task::spawn_blocking(move || {
        let mut synthesiser = open_synthesiser(&config);
        let speech = spoken(synthesiser.as_deref_mut(), &text);
        let mut speaker = AtVolume::announcements(sound.speaker(&config.voice), volume);
        speaker.play(&speech.samples, speech.rate, &AtomicBool::new(false))
    });
    match spoken.await {
        Ok(Ok(_played)) => {}
        Ok(Err(error)) => log::warn!("an announcement was not heard: {error}"),
        Err(error) => log::error!("an announcement crashed: {error}"),
    }
}
