//! `victus demo`: the whole appliance with simulated devices, shown step by step.
//!
//! Owns the story: a press hall, a voice that asks, and then whoever types. Everything but the devices is real: the
//! recogniser, the voices, the store, the broker, the panel. What is printed is read from the journal, the voice events
//! and the broker; nothing is printed because it is expected.

mod broker;
mod follower;
mod screen;
mod speakers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use victus_agent::appliance::Appliance;
use victus_agent::event::{EventKind, Position};
use victus_agent::orchestrator::{MAX_REQUEST_CHARACTERS, Request};
use victus_agent::tool::{Caller, Source};
use victus_hw::audio::pace::Pace;
use victus_hw::audio::simulated::{MicrophoneControl, SpeakerRecord};
use victus_hw::clock::{Clock, SystemClock};

use crate::cli::output::Failure;
use crate::config::{Config, Sources};
use crate::daemon::{CLOCK_FLOOR_MS, install_log, models};
use crate::fleet::watch;
use crate::wiring::{self, Running, Settings, Sound};
use broker::Broker;
use follower::Follower;
use screen::Screen;

/// The press hall.
const PRESS_HALL: &str = include_str!("../../packaging/demo.toml");

/// How long the voice may take to be ready, and a spoken request to be answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often the folder is tried to be removed at the end: for ten seconds.
const REMOVALS: u32 = 500;

/// How long events may take to arrive at the broker before the demo goes on without having seen them.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// Runs the demo: `spoken` requests, then typed ones until the end of input.
///
/// # Errors
/// Something that the demo needs is missing, or a spoken request was not carried out.
pub async fn run(spoken: u8) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(CLOCK_FLOOR_MS));
    install_log("error", &clock).map_err(Failure::Usage)?;
    let folder = tempfile::Builder::new().prefix("victus-demo-").tempdir().map_err(failed)?;
    let mut demo = Demo::start(folder, clock).await?;
    demo.screen.introduce(&demo.running, &demo.broker, demo.folder.path());
    let told = demo.tell(spoken).await;
    let typed = match told {
        Ok(()) => demo.take_typed_requests().await,
        Err(failure) => Err(failure),
    };
    demo.running.stop("the demo ended").await;
    demo.follower.end().await;
    remove(demo.folder).await;
    typed
}

/// Removes the demo's folder, also where a recogniser that was still being opened writes into it a moment longer.
async fn remove(folder: TempDir) {
    let folder = folder.keep();
    for _ in 0..REMOVALS {
        if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
    log::warn!("{} could not be removed", folder.display());
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

struct Demo {
    running: Running,
    broker: Option<Broker>,
    messages: Option<tokio::sync::mpsc::Receiver<watch::Message>>,
    microphone: MicrophoneControl,
    speaker: SpeakerRecord,
    screen: Screen,
    follower: Follower,
    clock: Arc<dyn Clock>,
    folder: TempDir,
}

impl Demo {
    async fn start(folder: TempDir, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let broker = Broker::start(folder.path()).map_err(failed)?;
        let config = Arc::new(configuration(folder.path(), broker.as_ref())?);
        let screen = Screen::new(Arc::clone(&clock));
        let state = folder.path().join("state");
        let (sound, microphone, speaker) =
            Sound::simulated(&state.join("speaker"), Pace::RealTime(Arc::clone(&clock))).map_err(failed)?;
        let settings = Settings {
            models: models(&state),
            control_socket: Some(state.join(crate::client::SOCKET_NAME)),
            state,
            simulate: true,
            sources: None,
            sound,
            listener: Some(screen.listener()),
            began: clock.monotonic(),
            clock: Arc::clone(&clock),
        };
        let root = format!("victus/v1/{}/{}", config.device.site, config.device.id);
        let messages = broker.as_ref().map(|broker| watch::watch(broker.port(), &root));
        let running = wiring::start(config, settings).await.map_err(failed)?;
        if let Some(boiler) = running.instruments.get("boiler") {
            boiler.set_answer("PRESSURE?", "6.4");
        }
        let follower = Follower::start(Arc::clone(&running.appliance), screen.clone());
        Ok(Self { running, broker, messages, microphone, speaker, screen, follower, clock, folder })
    }

    fn appliance(&self) -> &Arc<Appliance> {
        &self.running.appliance
    }

    /// The spoken part.
    async fn tell(&mut self, spoken: u8) -> Result<(), Failure> {
        let folder = self.folder.path().join("voices");
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for request in speakers::REQUESTS.iter().take(usize::from(spoken)) {
            let Some(samples) = speakers::record(request, &folder).await.map_err(failed)? else {
                let program = speakers::PROGRAM;
                self.screen.note(&format!("({program} is not installed: apt install {program})"));
                continue;
            };
            let before = self.appliance().store.journal().last();
            self.push_to_talk().await?;
            self.screen.says(request.voice, request.text);
            self.microphone.speak(&samples).map_err(|_full| failed("the simulated microphone has no room"))?;
            let turn = self.finished_turn(before).await?;
            if let Some(reply) = self.speaker.played().last() {
                self.screen.played(reply);
            }
            self.show_published().await;
            if turn != request.intent {
                return Err(Failure::Failed(format!("“{}” was understood as {turn}", request.text)));
            }
        }
        Ok(())
    }

    /// Presses the button, as soon as the voice is ready.
    async fn push_to_talk(&self) -> Result<(), Failure> {
        let Some(microphone) = &self.running.microphone else { return Err(failed("the demo has no voice")) };
        let deadline = self.clock.monotonic().saturating_add(PATIENCE);
        while let Err(why) = microphone.listen() {
            if self.clock.monotonic() > deadline {
                return Err(failed(why));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until a spoken request after `before` was answered and the answer was played; its intent.
    async fn finished_turn(&self, before: Position) -> Result<String, Failure> {
        let played = self.speaker.played().last().map_or(0, |reply| reply.number);
        let deadline = self.clock.monotonic().saturating_add(PATIENCE);
        loop {
            let events = self.appliance().store.journal().read(before, 1000).map_err(failed)?;
            let finished = events.iter().find_map(|event| match &event.kind {
                EventKind::TurnFinished { intent, .. } => Some(intent.clone().unwrap_or_else(|| "nothing".to_owned())),
                _ => None,
            });
            let spoken = self.speaker.played().last().is_some_and(|reply| reply.number > played);
            if let (Some(intent), true) = (finished, spoken) {
                return Ok(intent);
            }
            if self.clock.monotonic() > deadline {
                return Err(failed("a spoken request was not answered; is pocketsphinx-en-us installed?"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until what the journal has is on the screen and at the broker.
    async fn show_published(&mut self) {
        let last = self.appliance().store.journal().last();
        self.follower.reach(last).await;
        let Some(messages) = &mut self.messages else { return };
        let mut count = 0;
        let arrived = tokio::time::timeout(BROKER_PATIENCE, async {
            while let Some(message) = messages.recv().await {
                if !message.topic.ends_with("/event") {
                    continue;
                }
                count += 1;
                if message.payload["seq"].as_u64() >= Some(last.seq) {
                    return;
                }
            }
        });
        let complete = arrived.await.is_ok();
        self.screen.published(count, last, complete);
    }

    /// Typed requests until the end of input.
    async fn take_typed_requests(&mut self) -> Result<(), Failure> {
        self.screen.invite();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            let text: String = line.trim().chars().take(MAX_REQUEST_CHARACTERS + 1).collect();
            if text.is_empty() {
                continue;
            }
            let caller = Caller { source: Source::Cli, ..Caller::panel() };
            let turn = self.appliance().orchestrator.ask(Request::typed(&text, caller)).await;
            self.follower.reach(self.appliance().store.journal().last()).await;
            self.screen.answer(&turn);
            self.show_published().await;
            self.screen.prompt();
        }
        self.screen.goodbye();
        Ok(())
    }
}

/// The press hall, with a broker and a panel of this demo.
fn configuration(folder: &Path, broker: Option<&Broker>) -> Result<Config, Failure> {
    let link = broker.map_or_else(String::new, |broker| {
        format!("\n[[link]]\nname = \"fleet\"\nbroker = \"mqtt://127.0.0.1:{}\"\n", broker.port())
    });
    let panel = panel_port();
    let text = format!("{PRESS_HALL}\n[web]\nlisten = [\"127.0.0.1:{panel}\"]\n{link}");
    let main: PathBuf = folder.join("victus.toml");
    std::fs::write(&main, text).map_err(failed)?;
    let sources = Sources::new(Some(main), folder.join("state"), std::env::vars_os().collect());
    Config::load(&sources).map_err(|problems| Failure::Usage(problems.to_string()))
}

/// The panel's usual port, or another where that one is taken.
fn panel_port() -> u16 {
    const USUAL: u16 = 8480;
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).and_then(|it| it.local_addr());
    free(USUAL).or_else(|_taken| free(0)).map_or(USUAL, |address| address.port())
}
