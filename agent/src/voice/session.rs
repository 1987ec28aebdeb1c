//! One run of the voice loop over one source of sound: commands, hearing, and telling what happens.

mod answering;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use victus_hw::audio::{CaptureSource, CaptureState, SAMPLE_RATE, duration_of};
use victus_hw::clock::Monotonic;

use super::endpoint::{Decision, EndReason, Endpointer, FRAME, Frames};
use super::event::{VoiceEvent, VoiceEventKind, WakeCause};
use super::health::Part;
use super::vitals::{Microphone, Vitals};
use super::{Begin, Command, End, VoiceError, VoiceLoop, VoiceState};

/// How long a read of the source may take: a command is obeyed within this time.
const READ: Duration = Duration::from_millis(100);

/// How long to wait for a worker at a time, while nothing is heard.
const WAIT: Duration = Duration::from_millis(10);

/// What is going on.
enum Doing {
    Idle,
    /// Nobody speaks yet, or somebody does from this place on.
    Listening(Option<u64>),
    /// The recogniser finishes what was heard.
    Recognising(Utterance, Monotonic),
    /// The turn runs.
    Answering(Monotonic),
    Speaking {
        cancel: Arc<AtomicBool>,
        until: Monotonic,
        keep_listening: bool,
    },
    /// The echo of the answer dies away.
    Settling {
        until: Monotonic,
        keep_listening: bool,
    },
}

/// An utterance that has ended. Places are counted in samples.
#[derive(Clone, Copy)]
struct Utterance {
    reason: EndReason,
    begun: u64,
    ended: u64,
    /// When its end was decided.
    endpoint: Monotonic,
    /// When it ended.
    speech_ended: Monotonic,
    /// How many samples of it are missing.
    lost: u64,
}

pub(super) struct Session<'a> {
    voice: &'a mut VoiceLoop,
    source: Box<dyn CaptureSource>,
    endpointer: Endpointer,
    frames: Frames,
    vitals: Vitals,
    doing: Doing,
    /// Samples lost in this utterance.
    lost: u64,
    /// Whether the answer is not to be spoken.
    silenced: bool,
    /// The source is gone: said when the answer is.
    gone: Option<VoiceError>,
}

impl<'a> Session<'a> {
    pub(super) fn new(voice: &'a mut VoiceLoop, source: Box<dyn CaptureSource>) -> Self {
        let endpointer = Endpointer::new(voice.settings.endpoint);
        let vitals = Vitals::new(voice.settings.vitals);
        voice.utterance.reset();
        let frames = Frames::default();
        Self { voice, source, endpointer, frames, vitals, doing: Doing::Idle, lost: 0, silenced: false, gone: None }
    }

    pub(super) fn run(mut self, begin: Begin) -> Result<End, VoiceError> {
        log::info!("the voice loop hears {}", self.source.describe());
        if self.forget_requests() {
            return Ok(End::Shutdown);
        }
        if begin == Begin::Listening {
            self.listen();
        }
        let end = self.turn_round();
        self.cancel_speech();
        self.voice.utterance.abandon();
        self.voice.turns.give_up();
        self.voice.speaker.give_up();
        end
    }

    fn turn_round(&mut self) -> Result<End, VoiceError> {
        loop {
            if self.obey() {
                return Ok(End::Shutdown);
            }
            if matches!(self.doing, Doing::Idle | Doing::Listening(_)) {
                if let Some(gone) = self.gone.take() {
                    return Err(gone);
                }
                if self.hear()? {
                    return Ok(End::SourceEnded);
                }
            } else {
                let wait = self.pass_by();
                self.progress(wait);
            }
        }
    }

    // Commands.

    /// Takes the commands that came while there was no microphone: what was asked for then is not wanted any more.
    /// Returns whether the loop is to end.
    fn forget_requests(&mut self) -> bool {
        let mut end = false;
        while let Ok(command) = self.voice.commands.try_recv() {
            match command {
                Command::Mute(muted) => self.voice.muted = muted,
                Command::Shutdown => end = true,
                Command::PushToTalk | Command::Stop => log::warn!("{command:?} came while there was no microphone"),
            }
        }
        self.voice.enter(VoiceState::Idle);
        end
    }

    /// Does what was commanded; returns whether the loop is to end.
    fn obey(&mut self) -> bool {
        while let Ok(command) = self.voice.commands.try_recv() {
            match command {
                Command::PushToTalk => self.push_to_talk(),
                Command::Stop => self.stop(),
                Command::Mute(muted) => self.mute(muted),
                Command::Shutdown => return true,
            }
        }
        false
    }

    fn push_to_talk(&mut self) {
        if self.voice.muted {
            log::info!("push-to-talk while the microphone is muted");
            return;
        }
        match &mut self.doing {
            Doing::Idle => {
                self.emit(VoiceEventKind::Wake { by: WakeCause::PushToTalk });
                self.listen();
            }
            Doing::Speaking { cancel, keep_listening, .. } => {
                cancel.store(true, Ordering::Release);
                *keep_listening = true;
                self.emit(VoiceEventKind::Wake { by: WakeCause::PushToTalk });
            }
            Doing::Settling { keep_listening, .. } => *keep_listening = true,
            Doing::Listening(_) | Doing::Recognising(..) | Doing::Answering(_) => {}
        }
    }

    fn stop(&mut self) {
        match &mut self.doing {
            Doing::Idle => {}
            Doing::Listening(_) => {
                self.endpointer.give_up();
                self.voice.utterance.abandon();
                self.idle();
            }
            Doing::Recognising(..) | Doing::Answering(_) => self.silenced = true,
            Doing::Speaking { keep_listening, .. } => {
                *keep_listening = false;
                self.cancel_speech();
            }
            Doing::Settling { keep_listening, .. } => *keep_listening = false,
        }
    }

    fn mute(&mut self, muted: bool) {
        self.voice.muted = muted;
        match &mut self.doing {
            Doing::Listening(_) if muted => self.stop(),
            Doing::Speaking { keep_listening, .. } | Doing::Settling { keep_listening, .. } if muted => {
                *keep_listening = false;
            }
            Doing::Idle => self.voice.enter(VoiceState::Idle),
            _ => {}
        }
    }

    fn cancel_speech(&self) {
        if let Doing::Speaking { cancel, .. } = &self.doing {
            cancel.store(true, Ordering::Release);
        }
    }

    // Hearing.

    /// Hears one more frame; returns whether the source has ended and nothing is left to be done.
    fn hear(&mut self) -> Result<bool, VoiceError> {
        let mut buffer = [0; FRAME];
        let captured = self.source.read(&mut buffer, READ)?;
        match captured.state {
            CaptureState::Running => {
                let samples = &buffer[..captured.samples];
                self.examine(samples);
                if captured.lost > 0 {
                    self.lost += captured.lost;
                    self.skip(captured.lost);
                }
                if self.voice.muted {
                    self.skip(samples.len() as u64);
                } else {
                    let mut complete = None;
                    self.frames.push(samples, |frame| complete = Some(*frame));
                    if let Some(frame) = complete {
                        self.frame(&frame);
                    }
                }
            }
            CaptureState::Waiting(waited) => self.wait(waited)?,
            CaptureState::Ended => match self.endpointer.finish() {
                Some(decision) => self.decide(decision),
                None => return Ok(true),
            },
        }
        Ok(false)
    }

    fn frame(&mut self, frame: &[i16; FRAME]) {
        let partial = self.voice.utterance.hear(frame);
        let decision = self.endpointer.frame(frame);
        self.partial(partial);
        if let Some(decision) = decision {
            self.decide(decision);
        }
    }

    fn decide(&mut self, decision: Decision) {
        match decision {
            Decision::Begun { at, from } => {
                self.doing = Doing::Listening(Some(at));
                self.emit_at(at, VoiceEventKind::SpeechStart);
                let partial = self.voice.utterance.begin(from);
                self.partial(partial);
            }
            Decision::Paused { .. } => {
                let partial = self.voice.utterance.flush();
                self.partial(partial);
            }
            Decision::Resumed { .. } => {}
            Decision::Ended { reason, at } => self.endpoint(reason, at),
        }
    }

    fn endpoint(&mut self, reason: EndReason, at: u64) {
        self.emit(VoiceEventKind::Endpoint { reason, speech_end_ms: milliseconds(at) });
        let Doing::Listening(Some(begun)) = self.doing else {
            self.idle();
            return;
        };
        self.voice.utterance.finish();
        let endpoint = self.voice.clock.monotonic();
        let silence = duration_of(self.endpointer.position().saturating_sub(at), SAMPLE_RATE);
        let speech_ended = Monotonic::from_duration(endpoint.since_boot().saturating_sub(silence));
        let utterance = Utterance { reason, begun, ended: at, endpoint, speech_ended, lost: self.lost };
        self.silenced = false;
        self.doing = Doing::Recognising(utterance, endpoint.saturating_add(self.voice.settings.finish));
        self.voice.enter(VoiceState::Thinking);
    }

    /// Lets sound pass by unheard while something else is done; returns how long that may be waited for.
    fn pass_by(&mut self) -> Duration {
        if !self.source.is_live() || self.gone.is_some() {
            return WAIT;
        }
        let mut buffer = [0; FRAME];
        match self.source.read(&mut buffer, WAIT) {
            Ok(captured) => {
                self.examine(&buffer[..captured.samples]);
                self.skip(captured.lost + captured.samples as u64);
                if let CaptureState::Waiting(waited) = captured.state {
                    self.gone = self.wait(waited).err();
                }
            }
            Err(error) => self.gone = Some(error.into()),
        }
        Duration::ZERO
    }

    fn examine(&mut self, samples: &[i16]) {
        let problem = self.vitals.heard(samples).problem();
        self.voice.note(Part::Microphone, problem.map(str::to_owned));
    }

    fn wait(&mut self, waited: Duration) -> Result<(), VoiceError> {
        match self.vitals.waited(waited) {
            Microphone::Gone => Err(VoiceError::Stopped { source_name: self.source.describe(), waited }),
            state => {
                if let Some(problem) = state.problem() {
                    self.voice.note(Part::Microphone, Some(problem.to_owned()));
                }
                Ok(())
            }
        }
    }

    /// Passes over `samples` that are not heard.
    fn skip(&mut self, samples: u64) {
        let samples = samples + self.frames.clear();
        self.endpointer.skip(samples);
        self.voice.utterance.skip(samples);
    }

    fn listen(&mut self) {
        self.lost = 0;
        self.doing = Doing::Listening(None);
        self.endpointer.listen();
        self.voice.enter(VoiceState::Listening);
    }

    fn idle(&mut self) {
        self.doing = Doing::Idle;
        self.voice.enter(VoiceState::Idle);
    }

    // Telling.

    fn partial(&mut self, text: Option<String>) {
        if let Some(text) = text {
            self.emit(VoiceEventKind::Partial { text });
        }
    }

    fn emit(&mut self, what: VoiceEventKind) {
        self.emit_at(self.endpointer.position(), what);
    }

    fn emit_at(&mut self, position: u64, what: VoiceEventKind) {
        self.voice.observer.event(VoiceEvent { at_ms: milliseconds(position), what });
    }
}

fn milliseconds(samples: u64) -> u64 {
    samples * 1_000 / u64::from(SAMPLE_RATE)
}
