//! Commands that also work without a daemon: ask, hear, say.
//!
//! Owns the appliance inside the process: one that has no doors, no links and no microphone of its own, and lives as long
//! as the command.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;
use victus_agent::orchestrator::Request;
use victus_agent::tool::Caller;
use victus_agent::voice::event::VoiceEvent;
use victus_agent::voice::{Begin, VoiceLoop, VoiceParts, VoiceSettings};
use victus_agent::volume::AtVolume;
use victus_hw::audio::PlaybackSink;
use victus_hw::audio::device::DevicePlayback;
use victus_hw::audio::file::{FileCapture, write_wav};
use victus_hw::audio::pace::Pace;
use victus_hw::clock::{Clock, SystemClock};

use super::Place;
use super::output::{self, Failure};
use crate::client::{Client, ClientError};
use crate::config::{Config, Sources};
use crate::daemon::{CLOCK_FLOOR_MS, DEFAULT_STATE, install_log, models};
use crate::wiring::hearing::{Hearing, open_recogniser};
use crate::wiring::voice::{Answers, VoiceJournal, open_synthesiser, record, spoken};
use crate::wiring::{self, Running, Settings, Sound};

/// What follows a recording: its own background, for this long.
const TAIL: Duration = Duration::from_millis(1500);

/// One request by text.
pub(super) async fn ask(place: &Place, text: &str, conversation: Option<String>, dry_run: bool) -> Result<(), Failure> {
    let body = json!({"text": text, "conversation": conversation, "dry_run": dry_run});
    let turn = match Client::new(place.state.as_deref()).post("/api/v1/ask", &body).await {
        Ok(turn) => turn,
        Err(ClientError::NotRunning { .. }) if place.simulate || place.config.is_some() => {
            ask_in_process(place, text, conversation, dry_run).await?
        }
        Err(error) => return Err(error.into()),
    };
    if place.json {
        output::json(&turn)?
    } else {
        output::line(turn["reply"].as_str().unwrap_or_default())?
    }
    if dry_run && !place.json {
        show_plan(&turn)?;
    }
    match turn["outcome"].as_str() {
        Some("done" | "asked" | "preview") => Ok(()),
        _ => Err(Failure::Silent),
    }
}

/// Prints each step that would be done, and why one would not be.
fn show_plan(turn: &Value) -> Result<(), Failure> {
    for step in turn["steps"].as_array().into_iter().flatten() {
        let status = &step["status"];
        let why = status["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        let word = match status["state"].as_str() {
            Some("done") => "would be done",
            Some("refused") => "would be refused",
            _ => "would fail",
        };
        output::line(&format!("  {} {}  {word}{why}", step["tool"].as_str().unwrap_or("-"), step["args"]))?;
    }
    Ok(())
}

async fn ask_in_process(
    place: &Place,
    text: &str,
    conversation: Option<String>,
    dry_run: bool,
) -> Result<Value, Failure> {
    let local = Local::start(place).await?;
    let request = Request { conversation, ..Request::typed(text, Caller::cli()) };
    let orchestrator = &local.running.appliance.orchestrator;
    let turn = if dry_run { orchestrator.preview(request).await } else { orchestrator.ask(request).await };
    let turn = serde_json::to_value(&turn).map_err(|error| Failure::Failed(error.to_string()))?;
    local.stop().await;
    Ok(turn)
}

/// One turn for each file.
pub(super) async fn hear(place: &Place, files: &[PathBuf], fast: bool) -> Result<(), Failure> {
    let local = Local::start(place).await?;
    let mut outcome = Ok(());
    for file in files {
        if let Err(failure) = hear_file(&local, file, fast).await {
            outcome = Err(failure);
            break;
        }
    }
    local.stop().await;
    outcome
}

async fn hear_file(local: &Local, file: &Path, fast: bool) -> Result<(), Failure> {
    let pace = if fast { Pace::Fast } else { Pace::RealTime(Arc::clone(&local.clock)) };
    let capture = FileCapture::open(file, TAIL, pace).map_err(|error| Failure::Failed(error.to_string()))?;
    let (mut voice, events) = local.voice(file)?;
    let recording = tokio::spawn(record(Arc::clone(&local.running.appliance), events));
    let heard = tokio::task::spawn_blocking(move || voice.run(|| Ok(Box::new(capture)), Begin::Listening)).await;
    let ended = heard.map_err(|error| Failure::Failed(format!("the voice loop crashed: {error}")))?;
    ended.map_err(|error| Failure::Failed(error.to_string()))?;
    recording.await.map_err(|error| Failure::Failed(format!("the journal's writer crashed: {error}")))
}

/// Speaks a text.
pub(super) async fn say(place: &Place, text: &str, out: Option<&Path>) -> Result<(), Failure> {
    let config = load(place, &state_of(place))?;
    let mut synthesiser = open_synthesiser(&config)
        .ok_or_else(|| Failure::Failed("espeak-ng is not installed: run `apt install espeak-ng`".to_owned()))?;
    let (text, out, device) = (text.to_owned(), out.map(Path::to_owned), config.voice.playback.clone());
    let done = tokio::task::spawn_blocking(move || -> Result<(), Failure> {
        let speech = synthesiser.synthesise(&text).map_err(|error| Failure::Failed(error.to_string()))?;
        match out {
            Some(out) => write_wav(&out, &speech.samples, speech.rate),
            None => DevicePlayback::new((device != "default").then_some(device))
                .play(&speech.samples, speech.rate, &AtomicBool::new(false))
                .map(|_played| ()),
        }
        .map_err(|error| Failure::Failed(error.to_string()))
    });
    done.await.map_err(|error| Failure::Failed(format!("the voice crashed: {error}")))?
}

/// The configuration that the arguments name.
///
/// # Errors
/// It is wrong: every fault with file, line and key.
pub(super) fn load(place: &Place, state: &Path) -> Result<Config, Failure> {
    let sources = Sources::new(place.config.clone(), state.to_owned(), std::env::vars_os().collect());
    Config::load(&sources).map_err(|problems| Failure::Usage(problems.to_string()))
}

fn state_of(place: &Place) -> PathBuf {
    place.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE))
}

/// An appliance inside this process.
pub(super) struct Local {
    running: Running,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    state: PathBuf,
    simulate: bool,
    /// Removed with the command, where no state folder was named.
    _temporary: Option<TempDir>,
}

impl Local {
    pub(super) async fn start(place: &Place) -> Result<Self, Failure> {
        if !place.simulate && place.config.is_none() {
            let advice = "no daemon is asked by this command: give --simulate, or --config FILE to use real devices";
            return Err(Failure::Usage(advice.to_owned()));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(CLOCK_FLOOR_MS));
        install_log("error", &clock).map_err(Failure::Usage)?;
        let temporary = match &place.state {
            None if place.simulate => Some(tempfile::tempdir().map_err(|error| Failure::Failed(error.to_string()))?),
            _ => None,
        };
        let state = temporary.as_ref().map_or_else(|| state_of(place), |folder| folder.path().to_owned());
        let mut config = load(place, &state)?;
        config.voice.enabled = false;
        config.web.listen.clear();
        config.links.clear();
        let config = Arc::new(config);
        let settings = Settings {
            models: models(&state),
            state: state.clone(),
            control_socket: None,
            simulate: place.simulate,
            sources: None,
            sound: Sound::Devices,
            listener: None,
            began: clock.monotonic(),
            clock: Arc::clone(&clock),
        };
        let running =
            wiring::start(Arc::clone(&config), settings).await.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Self { running, config, clock, state, simulate: place.simulate, _temporary: temporary })
    }

    /// What decides in it.
    pub(super) fn orchestrator(&self) -> &victus_agent::orchestrator::Orchestrator {
        &self.running.appliance.orchestrator
    }

    /// A voice loop that prints each event of `file` as a line of JSON, with the way its events go to the journal.
    fn voice(&self, file: &Path) -> Result<(VoiceLoop, tokio::sync::mpsc::Receiver<VoiceEvent>), Failure> {
        let failed = |error: String| Failure::Failed(error);
        let hearing = Hearing {
            config: &self.config,
            models: &models(&self.state),
            work: self.state.join("recogniser"),
            clock: Arc::clone(&self.clock),
        };
        let appliance = &self.running.appliance;
        let recogniser = open_recogniser(appliance, &hearing).map_err(|error| failed(error.to_string()))?;
        let mut synthesiser = open_synthesiser(&self.config);
        let apology = appliance.orchestrator.language().phrase("default", &[]);
        let settings = VoiceSettings::new(spoken(synthesiser.as_deref_mut(), &apology));
        let name = file.display().to_string();
        let print = move |event: &VoiceEvent| {
            let mut line = serde_json::to_value(event).unwrap_or(Value::Null);
            line["file"] = json!(name);
            // Whoever closed the pipe wants no more.
            let _nobody_reads = output::json(&line);
        };
        let (journal, events) = VoiceJournal::new(Arc::clone(appliance), Some(Box::new(print)), Box::new(|_health| {}));
        let speaker: Box<dyn PlaybackSink> = if self.simulate {
            let folder = self.state.join("simulation").join("speaker");
            let (sound, _microphone, _record) =
                Sound::simulated(&folder, Pace::Fast).map_err(|error| failed(error.to_string()))?;
            sound.speaker(&self.config.voice)
        } else {
            Sound::Devices.speaker(&self.config.voice)
        };
        let answers = Answers { appliance: Arc::clone(appliance), runtime: Handle::current(), synthesiser };
        let parts = VoiceParts {
            recogniser,
            replier: Box::new(answers),
            speaker: Box::new(AtVolume::replies(speaker, Arc::clone(&appliance.volume))),
            observer: Box::new(journal),
            clock: Arc::clone(&self.clock),
        };
        let (voice, _control) = VoiceLoop::new(parts, settings).map_err(|error| failed(error.to_string()))?;
        Ok((voice, events))
    }

    pub(super) async fn stop(self) {
        self.running.stop("the command ended").await;
    }
}
