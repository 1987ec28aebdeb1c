//! A voice loop with simulated devices and scripted ears and turns.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::voice::event::{VoiceEvent, VoiceEventKind};
use crate::voice::ports::{Meaning, Step, Understood};
use crate::voice::*;
use victus_hw::audio::file::{FileCapture, write_wav};
use victus_hw::audio::pace::Pace;
use victus_hw::audio::simulated::{MicrophoneControl, SimulatedMicrophone, SimulatedSpeaker, SpeakerRecord};
use victus_hw::clock::SystemClock;

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// What the recogniser does next; the last is repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ears {
    Hear,
    RefuseStart,
    RefuseFeed,
    RefuseFinish,
    PanicInFeed,
    HangInFinish,
    HangInFeed,
}

/// A recogniser that counts what it hears.
struct CountingEars {
    script: Arc<Mutex<Vec<Ears>>>,
    now: Ears,
    fed: usize,
    starts: Arc<AtomicUsize>,
    gate: Receiver<()>,
}

impl SpeechRecogniser for CountingEars {
    fn start(&mut self) -> Result<(), String> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        let mut script = self.script.lock().unwrap();
        self.now = if script.is_empty() { Ears::Hear } else { script.remove(0) };
        self.fed = 0;
        if self.now == Ears::RefuseStart { Err("no start".to_owned()) } else { Ok(()) }
    }

    fn feed(&mut self, samples: &[i16]) -> Result<(), String> {
        self.fed += samples.len();
        match self.now {
            Ears::RefuseFeed => Err("no feed".to_owned()),
            Ears::PanicInFeed => panic!("told to"),
            Ears::HangInFeed => self.gate.recv().map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }

    fn partial(&mut self) -> Option<String> {
        Some(format!("{} half seconds", self.fed / 8_000))
    }

    fn finish(&mut self) -> Result<Understood, String> {
        match self.now {
            Ears::RefuseFinish => return Err("no finish".to_owned()),
            Ears::HangInFinish => self.gate.recv().map_err(|error| error.to_string())?,
            _ => {}
        }
        Ok(Understood { text: format!("{} samples", self.fed), confidence: Some(0.5) })
    }
}

/// What the turn does next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Turn {
    Answer,
    Ask,
    Panic,
    Hang,
    Slow,
}

struct ScriptedReplier {
    script: Arc<Mutex<Vec<Turn>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    gate: Receiver<()>,
}

impl Replier for ScriptedReplier {
    fn request(&mut self, heard: Heard) -> Reply {
        let text = format!("you said {}", heard.text);
        self.heard.lock().unwrap().push(heard);
        let turn = {
            let mut script = self.script.lock().unwrap();
            if script.is_empty() { Turn::Answer } else { script.remove(0) }
        };
        match turn {
            Turn::Panic => panic!("told to"),
            Turn::Hang => self.gate.recv().unwrap(),
            Turn::Slow => std::thread::sleep(Duration::from_millis(400)),
            Turn::Answer | Turn::Ask => {}
        }
        let slots = serde_json::Map::from_iter([("name".to_owned(), "lamp".into())]);
        Reply {
            meaning: Some(Meaning { intent: "HassTurnOn".to_owned(), slots }),
            steps: vec![Step {
                tool: "gpio.set".to_owned(),
                args: serde_json::json!({"on": true}),
                outcome: "done".to_owned(),
            }],
            speech: Speech { text, samples: tone(600, 3_000).into(), rate: 16_000 },
            keep_listening: turn == Turn::Ask,
        }
    }
}

#[derive(Debug, Default, Clone)]
pub(super) struct Told {
    pub(super) events: Vec<VoiceEvent>,
    pub(super) states: Vec<VoiceState>,
    pub(super) health: Vec<VoiceHealth>,
}

impl Told {
    pub(super) fn kinds(&self) -> Vec<String> {
        let name = |event: &VoiceEvent| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
        self.events.iter().map(name).filter(|name| name != "partial").collect()
    }

    pub(super) fn replies(&self) -> Vec<String> {
        let text = |event: &VoiceEvent| match &event.what {
            VoiceEventKind::Reply { text } => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    pub(super) fn degraded(&self) -> String {
        match self.health.last() {
            Some(VoiceHealth::Degraded { why }) => why.clone(),
            other => panic!("not degraded but {other:?}"),
        }
    }
}

struct Recorder(Arc<Mutex<Told>>);

impl VoiceObserver for Recorder {
    fn event(&mut self, event: VoiceEvent) {
        self.0.lock().unwrap().events.push(event);
    }
    fn state(&mut self, state: VoiceState) {
        self.0.lock().unwrap().states.push(state);
    }
    fn health(&mut self, health: VoiceHealth) {
        self.0.lock().unwrap().health.push(health);
    }
}

pub(super) fn tone(ms: usize, peak: i32) -> Vec<i16> {
    (0..ms * 16).map(|n| ((n as f32 * 0.17).sin() * peak as f32) as i16).collect()
}

/// Quiet, a tone with a gap in it, quiet.
pub(super) fn request(ms: usize) -> Vec<i16> {
    let half = tone(ms / 2 - 40, 6_000);
    [vec![1; 16 * 400], half.clone(), vec![-1; 16 * 80], half, vec![1; 16 * 1_200]].concat()
}

/// A voice loop and all around it.
pub(super) struct Stage {
    pub(super) told: Arc<Mutex<Told>>,
    pub(super) heard: Arc<Mutex<Vec<Heard>>>,
    pub(super) starts: Arc<AtomicUsize>,
    pub(super) ears: Arc<Mutex<Vec<Ears>>>,
    pub(super) turns: Arc<Mutex<Vec<Turn>>>,
    pub(super) free_ears: SyncSender<()>,
    pub(super) free_turn: SyncSender<()>,
    pub(super) speaker: SpeakerRecord,
    pub(super) control: VoiceControl,
    pub(super) clock: Arc<SystemClock>,
}

pub(super) fn stage(speaker_pace: Pace, change: impl FnOnce(&mut VoiceSettings)) -> (Stage, VoiceLoop) {
    let clock = Arc::new(SystemClock::new(0));
    let (free_ears, ears_gate) = sync_channel(4);
    let (free_turn, turn_gate) = sync_channel(4);
    let ears = Arc::new(Mutex::new(Vec::new()));
    let turns = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::new(Mutex::new(Told::default()));
    let starts = Arc::new(AtomicUsize::new(0));
    let (speaker, record) = SimulatedSpeaker::new(speaker_pace, None, 64).unwrap();
    let recogniser =
        CountingEars { script: ears.clone(), now: Ears::Hear, fed: 0, starts: starts.clone(), gate: ears_gate };
    let replier = ScriptedReplier { script: turns.clone(), heard: heard.clone(), gate: turn_gate };
    let parts = VoiceParts {
        recogniser: Box::new(recogniser),
        replier: Box::new(replier),
        speaker: Box::new(speaker),
        observer: Box::new(Recorder(told.clone())),
        clock: clock.clone(),
    };
    let apology = Speech { text: "sorry".to_owned(), samples: tone(100, 3_000).into(), rate: 16_000 };
    let mut settings = VoiceSettings::new(apology);
    change(&mut settings);
    let (voice, control) = VoiceLoop::new(parts, settings).unwrap();
    let stage = Stage { told, heard, starts, ears, turns, free_ears, free_turn, speaker: record, control, clock };
    (stage, voice)
}

impl Stage {
    pub(super) fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn wait(&self, what: &str, done: impl Fn(&Told) -> bool) {
        let begun = self.clock.monotonic();
        while !done(&self.told()) {
            let told = self.told();
            assert!(self.clock.monotonic().saturating_since(begun) < DEADLINE, "waited for {what}: {told:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn wait_for_state(&self, state: VoiceState) {
        self.wait(&format!("{state:?}"), |told| told.states.last() == Some(&state));
    }

    pub(super) fn real_time(&self) -> Pace {
        Pace::RealTime(self.clock.clone())
    }
}

/// Hears `sound` as a file.
pub(super) fn hear(voice: &mut VoiceLoop, sound: &[i16], pace: Pace) -> Result<End, VoiceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("request.wav");
    write_wav(&path, sound, 16_000).unwrap();
    voice.run(|| FileCapture::open(&path, Duration::ZERO, pace).map(|file| Box::new(file) as _), Begin::Listening)
}

/// A run in a thread, which gives the loop back.
pub(super) type Run = JoinHandle<(VoiceLoop, Result<End, VoiceError>)>;

/// The loop in a thread, with a simulated microphone at real-time pace.
pub(super) fn live(stage: &Stage, mut voice: VoiceLoop) -> (MicrophoneControl, Run) {
    let (microphone, control) = SimulatedMicrophone::new(stage.real_time(), 1);
    let thread = std::thread::Builder::new().name("voice".to_owned()).spawn(move || {
        let end = voice.run(|| Ok(Box::new(microphone) as _), Begin::Idle);
        (voice, end)
    });
    stage.wait("the first sound", |told| !told.health.is_empty());
    (control, thread.unwrap())
}
