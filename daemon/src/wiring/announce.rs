//! Announcements: what the appliance says without being asked.
//!
//! Owns the loop that speaks alarms, and timers that ran out, until somebody has acknowledged them. It reads the list of
//! alarms like everybody else; nobody sends it anything. Promises that it waits while the voice is in use, at most
//! [`PATIENCE`]; that it falls silent when somebody begins to speak to the appliance and when the alarm is acknowledged;
//! and that quiet hours keep back all but a danger. While the time is not known, no hour is quiet. When what is said belongs
//! to `alarms::repeats`, and the words to `alarms::words`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use victus_agent::alarms::repeats::Repeats;
use victus_agent::alarms::{Raised, words};
use victus_agent::appliance::Appliance;
use victus_agent::hours::local_time;
use victus_agent::volume::AtVolume;
use victus_hw::audio::PlaybackSink;

use super::sound::Sound;
use super::voice::{open_synthesiser, spoken};
use super::voice_loop::VoiceWork;
use crate::config::Config;
use crate::supervisor::{LoopContext, LoopError, LoopSpec, Supervisor};

/// How often the loop shows progress while nothing happens.
const BEAT_INTERVAL: Duration = Duration::from_secs(5);

/// How long an alarm waits for the voice to be free.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the loop. `busy` tells whether somebody is speaking with the appliance.
pub(super) fn spawn(supervisor: &mut Supervisor, work: &VoiceWork, busy: watch::Receiver<bool>) {
    let (config, appliance, sound) = (Arc::clone(&work.config), Arc::clone(&work.appliance), work.sound.clone());
    supervisor.spawn(LoopSpec::optional("announce"), move |context| {
        let announcer = Announcer {
            config: Arc::clone(&config),
            appliance: Arc::clone(&appliance),
            sound: sound.clone(),
            busy: busy.clone(),
        };
        async move { announcer.run(&context).await }
    });
}

struct Announcer {
    config: Arc<Config>,
    appliance: Arc<Appliance>,
    sound: Sound,
    busy: watch::Receiver<bool>,
}

impl Announcer {
    async fn run(mut self, context: &LoopContext) -> Result<(), LoopError> {
        context.up();
        let appliance = Arc::clone(&self.appliance);
        let mut changed = appliance.alarms.watch();
        let mut repeats = Repeats::default();
        while !context.stop().is_cancelled() {
            context.beat();
            let (alarms, quiet) = (appliance.alarms.list(), self.is_quiet());
            if let Some(alarm) = repeats.due(&alarms, appliance.clock.monotonic(), quiet).cloned() {
                if !self.wait_until_free(context).await {
                    continue;
                }
                self.say(&alarm, context).await;
                repeats.said(&alarm.alarm, appliance.clock.monotonic());
                continue;
            }
            let wait = repeats.wait(&alarms, appliance.clock.monotonic(), quiet);
            tokio::select! {
                () = context.stop().cancelled() => {}
                Ok(()) = changed.changed() => {}
                () = tokio::time::sleep(wait.map_or(BEAT_INTERVAL, |wait| wait.min(BEAT_INTERVAL))) => {}
            }
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let time = local_time(self.appliance.clock.wall(), &self.config.device.timezone);
        time.is_some_and(|time| self.config.voice.quiet_hours.is_some_and(|hours| hours.contain(time)))
    }

    /// Waits until nobody is speaking with the appliance. False where something has changed that is to be looked at anew.
    async fn wait_until_free(&mut self, context: &LoopContext) -> bool {
        let began = self.appliance.clock.monotonic();
        let mut waited = false;
        while *self.busy.borrow_and_update() {
            if self.appliance.clock.monotonic().saturating_since(began) >= PATIENCE {
                return true;
            }
            waited = true;
            context.beat();
            tokio::select! {
                () = context.stop().cancelled() => return false,
                Ok(()) = self.busy.changed() => {}
                () = tokio::time::sleep(BEAT_INTERVAL) => {}
            }
        }
        !waited
    }

    /// Speaks in a thread that may block; what fails is logged, because the alarm is on the panel all the same.
    async fn say(&mut self, alarm: &Raised, context: &LoopContext) {
        let text = words::announcement(alarm, &self.appliance.entities, &self.appliance.orchestrator.language());
        let (config, sound) = (Arc::clone(&self.config), self.sound.clone());
        let (volume, cancel) = (Arc::clone(&self.appliance.volume), Arc::new(AtomicBool::new(false)));
        let cancelled = Arc::clone(&cancel);
        let mut playing = tokio::task::spawn_blocking(move || {
            let mut synthesiser = open_synthesiser(&config);
            let speech = spoken(synthesiser.as_deref_mut(), &text);
            let mut speaker = AtVolume::announcements(sound.speaker(&config.voice), volume);
            speaker.play(&speech.samples, speech.rate, &cancelled)
        });
        let mut changed = self.appliance.alarms.watch();
        loop {
            tokio::select! {
                played = &mut playing => {
                    match played {
                        Ok(Ok(_played)) => {}
                        Ok(Err(error)) => log::warn!("an announcement was not heard: {error}"),
                        Err(error) => log::error!("an announcement crashed: {error}"),
                    }
                    return;
                }
                () = context.stop().cancelled(), if !cancel.load(Ordering::Relaxed) => cancel.store(true, Ordering::Relaxed),
                Ok(()) = self.busy.changed() => {
                    if *self.busy.borrow_and_update() {
                        cancel.store(true, Ordering::Relaxed);
                    }
                }
                Ok(()) = changed.changed() => {
                    let alarms = self.appliance.alarms.list();
                    let wanted = |it: &Raised| it.alarm == alarm.alarm && it.acknowledged.is_none();
                    if !alarms.iter().any(wanted) {
                        cancel.store(true, Ordering::Relaxed);
                    }
                }
                () = tokio::time::sleep(BEAT_INTERVAL) => context.beat(),
            }
        }
    }
}
