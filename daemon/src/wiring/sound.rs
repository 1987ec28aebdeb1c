//! What the appliance hears and speaks with: the machine's devices, or simulated ones.
//!
//! Owns the choice; the devices belong to `victus_hw::audio`.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use victus_hw::audio::callback::Channel;
use victus_hw::audio::device::{CaptureOptions, DeviceCapture, DevicePlayback};
use victus_hw::audio::pace::Pace;
use victus_hw::audio::simulated::{MicrophoneControl, SimulatedMicrophone, SimulatedSpeaker, SpeakerRecord};
use victus_hw::audio::{AudioError, CaptureSource, PlaybackSink, Played};

use crate::config::Voice;

/// How many replies a simulated speaker keeps as WAV files.
const KEPT_REPLIES: usize = 64;

/// The background noise of a simulated room is the same each time.
const ROOM_SEED: u64 = 1;

/// What the appliance hears and speaks with.
#[derive(Clone)]
pub enum Sound {
    /// The devices of the machine, as configured.
    Devices,
    /// A microphone that is spoken to by program, and a speaker that keeps what it plays.
    Simulated {
        /// Speaks into the microphone.
        microphone: MicrophoneControl,
        /// The speaker, which all who speak share.
        speaker: SharedSpeaker,
        /// How fast the microphone goes.
        pace: Pace,
    },
}

impl Sound {
    /// Simulated sound that is kept in `folder`, with the way to speak into it and to learn what was played.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn simulated(folder: &Path, pace: Pace) -> Result<(Self, MicrophoneControl, SpeakerRecord), AudioError> {
        let (speaker, record) = SimulatedSpeaker::new(pace.clone(), Some(folder), KEPT_REPLIES)?;
        let (_microphone, microphone) = SimulatedMicrophone::new(pace.clone(), ROOM_SEED);
        let speaker = SharedSpeaker(Arc::new(Mutex::new(speaker)));
        Ok((Self::Simulated { microphone: microphone.clone(), speaker, pace }, microphone, record))
    }

    /// The speaker.
    pub fn speaker(&self, voice: &Voice) -> Box<dyn PlaybackSink> {
        match self {
            Self::Simulated { speaker, .. } => Box::new(speaker.clone()),
            Self::Devices => Box::new(DevicePlayback::new(named(&voice.playback))),
        }
    }

    /// Opens the microphone, also again after it was lost.
    ///
    /// # Errors
    /// It is not there, or cannot be used.
    pub fn microphone(&self, voice: &Voice) -> Result<Box<dyn CaptureSource>, AudioError> {
        match self {
            Self::Devices => {
                let options = CaptureOptions { device: named(&voice.capture), channel: Channel::First };
                Ok(Box::new(DeviceCapture::open(&options)?))
            }
            Self::Simulated { microphone, pace, .. } => {
                Ok(Box::new(SimulatedMicrophone::reopen(microphone, pace.clone(), ROOM_SEED)))
            }
        }
    }
}

/// One simulated speaker for all who speak: one after the other.
#[derive(Clone)]
pub struct SharedSpeaker(Arc<Mutex<SimulatedSpeaker>>);

impl PlaybackSink for SharedSpeaker {
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).play(samples, rate, cancel)
    }

    fn describe(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).describe()
    }
}

/// A device by name; none for the system's default.
fn named(device: &str) -> Option<String> {
    (device != "default").then(|| device.to_owned())
}
