//! Where speech begins and ends, by its energy.
//!
//! Owns the decision alone; it counts samples and knows no clock, so that the same samples give the same decisions at
//! any pace and in any chunks. Promises hard limits both ways: listening without speech ends after
//! [`EndpointSettings::no_speech`], speech without end after [`EndpointSettings::longest`], and steady noise, however
//! loud, is taken for background after [`floor::WINDOW_FRAMES`]. Leaves keeping the sound to the voice loop.
//!
//! Each frame of 10 ms passes a high-pass (against offset and rumble) and becomes a loudness in dB. The background is
//! the least loudness of the last seconds ([`floor`]). Speech begins where most of some frames are well above it, and
//! ends where for a time no run of frames is; a single click neither begins it nor keeps it going. The beginning is
//! dated back to where the rise began, so that a late decision costs no sound.

pub mod floor;

use std::collections::VecDeque;
use std::time::Duration;

use victus_hw::audio::{SAMPLE_RATE, samples_in};

use floor::NoiseFloor;

/// Samples of a frame: 10 ms.
pub const FRAME: usize = SAMPLE_RATE as usize / 100;

/// How many frames of loudness are kept, for dating the beginning back.
const HISTORY: usize = 120;

/// Of this many frames ...
const RECENT: usize = 10;
/// ... this many above the background begin speech: 60 ms.
const BEGIN: usize = 6;

/// Of this many frames ...
const RUN: usize = 6;
/// ... this many keep speech going: 40 ms.
const KEEP: usize = 4;

/// How far above the background speech begins, in dB.
const RISE: f32 = 9.0;
/// How far above the background speech goes on, in dB: this part of the distance between background and speech ...
const STAY: f32 = 0.3;
/// ... but within these.
const STAY_RANGE: (f32, f32) = (5.0, 10.0);

/// The longest pause inside the rise over which the beginning is dated back, in frames.
const RISE_GAP: usize = 15;

/// What was taken for the beginning of speech and is followed by this much silence was too short, in frames.
const TOO_SHORT: u64 = 30;

/// The coefficient of the high-pass: about 100 Hz at 16 kHz.
const HIGH_PASS: f32 = 0.96;

/// When speech counts as begun and ended. The defaults are for requests of a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointSettings {
    /// How much sound before the beginning belongs to the utterance.
    pub pre_roll: Duration,
    /// How much speech makes an utterance; what is shorter is a noise.
    pub least: Duration,
    /// The silence after which recognition of what was heard so far may start.
    pub pause: Duration,
    /// The silence that ends an utterance.
    pub end: Duration,
    /// The longest utterance.
    pub longest: Duration,
    /// How long nobody may say anything.
    pub no_speech: Duration,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            pre_roll: Duration::from_millis(300),
            least: Duration::from_millis(120),
            pause: Duration::from_millis(200),
            end: Duration::from_millis(700),
            longest: Duration::from_secs(15),
            no_speech: Duration::from_secs(5),
        }
    }
}

/// Why listening has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The speaker has finished.
    Silence,
    /// The speaker, or a noise, has not finished in time.
    TooLong,
    /// Nobody has said anything.
    NoSpeech,
    /// There is no more sound: the end of a file.
    InputEnded,
}

/// What the endpointer has decided. Places are counted in samples since the beginning of the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Somebody speaks.
    Begun {
        /// Where the speech began.
        at: u64,
        /// Where the utterance begins, which includes the pre-roll.
        from: u64,
    },
    /// The speaker is silent for a moment: what was heard so far may be all.
    Paused {
        /// Where the silence began.
        at: u64,
    },
    /// The speaker goes on after a pause.
    Resumed {
        /// Where.
        at: u64,
    },
    /// Listening is over.
    Ended {
        /// Why.
        reason: EndReason,
        /// Where the speech ended; where listening ended, if there was none.
        at: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody asked; the background is followed.
    Deaf,
    /// Waiting for speech.
    Waiting,
    /// Speech, or a noise: not enough of it yet.
    Rising { at: u64, voiced: u64, last: u64 },
    /// Speech.
    Speech { at: u64, last: u64, paused: bool },
}

/// Decides where speech begins and ends, frame by frame.
#[derive(Debug)]
pub struct Endpointer {
    settings: EndpointSettings,
    phase: Phase,
    /// Where the next frame begins.
    position: u64,
    /// Where listening began.
    since: u64,
    floor: NoiseFloor,
    /// The loudness of the last frames without a gap between them, the newest last.
    history: VecDeque<f32>,
    /// The loudness of the loudest speech of this utterance.
    level: f32,
    high_pass: (f32, f32),
}

impl Endpointer {
    /// An endpointer at the beginning of a sound, which does not listen yet.
    pub fn new(settings: EndpointSettings) -> Self {
        Self {
            settings,
            phase: Phase::Deaf,
            position: 0,
            since: 0,
            floor: NoiseFloor::default(),
            history: VecDeque::with_capacity(HISTORY),
            level: f32::MIN,
            high_pass: (0.0, 0.0),
        }
    }

    /// Where the next frame begins, in samples since the beginning.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Begins to listen, here.
    pub fn listen(&mut self) {
        self.phase = Phase::Waiting;
        self.since = self.position;
    }

    /// Stops listening without a decision.
    pub fn give_up(&mut self) {
        self.phase = Phase::Deaf;
    }

    /// Passes over `samples` that nobody heard: lost ones, or the appliance's own voice.
    pub fn skip(&mut self, samples: u64) {
        self.position += samples;
        // Nobody knows whether there was speech in the gap: it counts as no silence.
        if let Phase::Rising { last, .. } | Phase::Speech { last, .. } = &mut self.phase {
            *last += samples;
        }
        // What is before the gap is no part of a rise after it.
        self.history.clear();
    }

    /// Hears one more frame.
    pub fn frame(&mut self, frame: &[i16; FRAME]) -> Option<Decision> {
        let loudness = self.loudness(frame);
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(loudness);
        self.floor.hear(loudness);
        self.position += FRAME as u64;
        match self.phase {
            Phase::Deaf => None,
            Phase::Waiting => self.wait(),
            Phase::Rising { at, voiced, last } => self.rise(at, voiced, last),
            Phase::Speech { at, last, paused } => self.speech(at, last, paused),
        }
    }

    /// There is no more sound. What was begun ends here.
    pub fn finish(&mut self) -> Option<Decision> {
        match std::mem::replace(&mut self.phase, Phase::Deaf) {
            Phase::Deaf => None,
            Phase::Waiting | Phase::Rising { .. } => {
                Some(Decision::Ended { reason: EndReason::NoSpeech, at: self.position })
            }
            Phase::Speech { last, .. } => Some(Decision::Ended { reason: EndReason::InputEnded, at: last }),
        }
    }

    fn wait(&mut self) -> Option<Decision> {
        let threshold = self.floor.level() + RISE;
        let recent = self.history.iter().rev().take(RECENT);
        if recent.filter(|loudness| **loudness > threshold).count() < BEGIN {
            return self.nobody();
        }
        let (frames, voiced) = self.rise_began(threshold);
        let at = self.position.saturating_sub(frames * FRAME as u64);
        self.level = self.history.iter().rev().take(frames as usize).fold(f32::MIN, |a, b| a.max(*b));
        self.rise_to(at, voiced, self.position)
    }

    /// How many frames ago the rise to the present loudness began, and how many of them are loud.
    fn rise_began(&self, threshold: f32) -> (u64, u64) {
        let (mut began, mut voiced, mut gap) = (0, 0, 0);
        for (age, loudness) in self.history.iter().rev().enumerate() {
            if *loudness > threshold {
                began = age as u64 + 1;
                voiced += 1;
                gap = 0;
            } else {
                gap += 1;
                if gap > RISE_GAP {
                    break;
                }
            }
        }
        (began, voiced)
    }

    fn rise(&mut self, at: u64, voiced: u64, last: u64) -> Option<Decision> {
        let (loud, goes_on) = self.goes_on();
        let last = if goes_on { self.position } else { last };
        if self.position - last >= TOO_SHORT * FRAME as u64 {
            self.phase = Phase::Waiting;
            return self.nobody();
        }
        self.rise_to(at, voiced + u64::from(loud), last)
    }

    fn rise_to(&mut self, at: u64, voiced: u64, last: u64) -> Option<Decision> {
        if voiced * (FRAME as u64) < samples_in(self.settings.least) {
            self.phase = Phase::Rising { at, voiced, last };
            return self.nobody();
        }
        self.phase = Phase::Speech { at, last, paused: false };
        let pre_roll = samples_in(self.settings.pre_roll);
        let from = at.min(self.position).saturating_sub(pre_roll).max(self.since.saturating_sub(pre_roll));
        Some(Decision::Begun { at, from })
    }

    /// Ends listening where nobody has said anything for too long.
    fn nobody(&mut self) -> Option<Decision> {
        if self.position - self.since < samples_in(self.settings.no_speech) {
            return None;
        }
        self.phase = Phase::Deaf;
        Some(Decision::Ended { reason: EndReason::NoSpeech, at: self.position })
    }

    fn speech(&mut self, at: u64, last: u64, paused: bool) -> Option<Decision> {
        if self.goes_on().1 {
            self.phase = Phase::Speech { at, last: self.position, paused: false };
            if self.position.saturating_sub(at) >= samples_in(self.settings.longest) {
                return self.end(EndReason::TooLong, self.position);
            }
            return paused.then_some(Decision::Resumed { at: self.position });
        }
        let silence = self.position - last;
        if silence >= samples_in(self.settings.end) {
            return self.end(EndReason::Silence, last);
        }
        if self.position.saturating_sub(at) >= samples_in(self.settings.longest) {
            return self.end(EndReason::TooLong, last);
        }
        let pause = !paused && silence >= samples_in(self.settings.pause);
        self.phase = Phase::Speech { at, last, paused: paused || pause };
        pause.then_some(Decision::Paused { at: last })
    }

    fn end(&mut self, reason: EndReason, at: u64) -> Option<Decision> {
        self.phase = Phase::Deaf;
        Some(Decision::Ended { reason, at })
    }

    /// Whether the newest frame is loud enough for speech, and whether enough of the last are.
    fn goes_on(&mut self) -> (bool, bool) {
        let floor = self.floor.level();
        let threshold = floor + (STAY * (self.level - floor)).clamp(STAY_RANGE.0, STAY_RANGE.1);
        let loudness = self.history.back().copied().unwrap_or(f32::MIN);
        self.level = self.level.max(loudness);
        let loud = self.history.iter().rev().take(RUN).filter(|loudness| **loudness > threshold).count();
        (loudness > threshold, loud >= KEEP)
    }

    /// The loudness of a frame after the high-pass, in dB below full scale.
    fn loudness(&mut self, frame: &[i16; FRAME]) -> f32 {
        let (mut before, mut out) = self.high_pass;
        let mut energy = 0.0;
        for &sample in frame {
            let sample = f32::from(sample) / 32_768.0;
            out = HIGH_PASS * (out + sample - before);
            before = sample;
            energy += out * out;
        }
        self.high_pass = (before, out);
        10.0 * (energy / FRAME as f32 + 1e-10).log10()
    }
}

/// Cuts sound into frames, whatever the chunks in which it comes.
#[derive(Debug, Default)]
pub struct Frames {
    rest: Vec<i16>,
}

impl Frames {
    /// Takes `samples` and calls `each` with every frame that is complete.
    pub fn push(&mut self, samples: &[i16], mut each: impl FnMut(&[i16; FRAME])) {
        self.rest.extend_from_slice(samples);
        let (frames, rest) = self.rest.as_chunks::<FRAME>();
        frames.iter().for_each(&mut each);
        let kept = rest.len();
        self.rest.drain(..self.rest.len() - kept);
    }

    /// Forgets an incomplete frame, before a gap; returns its length.
    pub fn clear(&mut self) -> u64 {
        let length = self.rest.len() as u64;
        self.rest.clear();
        length
    }
}

#[cfg(test)]
mod tests;
