//! Sound in and out: one form for all of the appliance, [`SAMPLE_RATE`] samples a second, one channel, 16 bits.
//!
//! Owns the two traits through which everything hears and speaks, their backends (the machine's devices in [`device`],
//! WAV files in [`mod@file`], a microphone and a speaker without hardware in [`simulated`]) and the conversion between a
//! device's rate, format and channels and that form. Promises that nothing allocates, locks or logs in an audio
//! callback, that every buffer has a bound, and that lost sound is counted and said. Leaves to the callers what the
//! sound means, and when a source that has failed is opened again.

pub mod callback;
pub mod device;
pub mod file;
pub mod mix;
pub mod pace;
pub mod resample;
pub mod simulated;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Samples a second of everything that the appliance hears.
pub const SAMPLE_RATE: u32 = 16_000;

/// What the callers know about the sound that [`CaptureSource::read`] has just delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// How many samples were written to the front of the caller's buffer.
    pub samples: usize,
    /// How many samples are missing before these: a gap, because nobody read in time or the device overran.
    pub lost: u64,
    /// How the source is.
    pub state: CaptureState,
}

/// How a capture source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureState {
    /// Samples arrive.
    Running,
    /// The source is open and nothing has arrived for this long, counted over all reads since the last sample.
    Waiting(Duration),
    /// The source has ended and will deliver nothing more: the end of a file.
    Ended,
}

/// Where sound comes from. A source is read by one thread.
pub trait CaptureSource: Send {
    /// Fills the front of `out` with the next samples; returns as soon as there are some, after `timeout` at the latest.
    ///
    /// # Errors
    /// The source is gone (unplugged, its server ended): it has to be opened anew. A device that is merely silent or
    /// late is no error but a [`CaptureState`].
    fn read(&mut self, out: &mut [i16], timeout: Duration) -> Result<Captured, AudioError>;

    /// Whether sound passes by when nobody reads (a microphone), or waits until it is read (a file).
    fn is_live(&self) -> bool;

    /// What this is, for a person: the device's name, rate and channels, or the file.
    fn describe(&self) -> String;
}

/// What became of a call to [`PlaybackSink::play`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// How many of the given samples were played; less than all when cancelled.
    pub samples: usize,
    /// Whether the end was reached: false when cancelled before.
    pub completed: bool,
}

/// Where sound goes.
pub trait PlaybackSink: Send {
    /// Plays `samples` of one channel at `rate` and returns when the last one has left the device, or soon (some tens
    /// of milliseconds) after `cancel` has become true.
    ///
    /// # Errors
    /// The sound could not be played to its end. The sink can be tried again: it opens what it needs anew.
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError>;

    /// What this is, for a person.
    fn describe(&self) -> String;
}

/// Which way sound goes through a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A microphone.
    Capture,
    /// A speaker.
    Playback,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Capture => "microphone",
            Self::Playback => "speaker",
        })
    }
}

/// Why sound could not be captured or played.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The named or default device does not exist.
    #[error("no {direction} `{wanted}`: {reason}; plug it in, or choose one of: {available}")]
    NoDevice {
        /// Which kind of device was looked for.
        direction: Direction,
        /// The name that was looked for, or `default`.
        wanted: String,
        /// What the system says.
        reason: String,
        /// The names of what there is.
        available: String,
    },
    /// Another program holds the device.
    #[error("the {direction} `{device}` is in use by another program: close it, or let both use a sound server")]
    Busy {
        /// Which kind of device.
        direction: Direction,
        /// Its name.
        device: String,
    },
    /// The user that runs this program may not use the device.
    #[error("no permission for the {direction} `{device}`: add the user of this program to the group `audio`")]
    Denied {
        /// Which kind of device.
        direction: Direction,
        /// Its name.
        device: String,
    },
    /// The device offers no rate, format or channel that can be used.
    #[error("the {direction} `{device}` cannot be used: {reason}")]
    Unsupported {
        /// Which kind of device.
        direction: Direction,
        /// Its name.
        device: String,
        /// What is missing.
        reason: String,
    },
    /// A device that worked has stopped working: it has to be opened anew.
    #[error("the {direction} `{device}` is gone: {reason}; check its cable, it is used again when it is back")]
    Gone {
        /// Which kind of device.
        direction: Direction,
        /// Its name.
        device: String,
        /// What happened.
        reason: String,
    },
    /// A file could not be opened, read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `open`, `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no sound that can be used.
    #[error("{} cannot be heard: {reason}", path.display())]
    WrongFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// Between these two rates nothing can be converted.
    #[error("cannot convert sound from {from} to {to} samples a second: {reason}")]
    Rate {
        /// Samples a second of what there is.
        from: u32,
        /// Samples a second of what is wanted.
        to: u32,
        /// Why.
        reason: String,
    },
}

/// How many samples at [`SAMPLE_RATE`] last as long as `duration`.
pub fn samples_in(duration: Duration) -> u64 {
    let samples = duration.as_micros().saturating_mul(u128::from(SAMPLE_RATE)) / 1_000_000;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// How long `samples` last at `rate` samples a second; zero at a rate of zero.
pub fn duration_of(samples: u64, rate: u32) -> Duration {
    if rate == 0 {
        return Duration::ZERO;
    }
    let nanos = u128::from(samples) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The 16-bit sample nearest to `value`, where 1.0 is full scale; what is beyond is clipped, and no number is silence.
pub(crate) fn to_i16(value: f32) -> i16 {
    // A cast from float to integer saturates, and turns NaN into 0.
    (value * 32_768.0).round() as i16
}

/// `sample` as a number from -1.0 to 1.0.
pub(crate) fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_durations_agree() {
        assert_eq!(samples_in(Duration::from_millis(10)), 160);
        assert_eq!(duration_of(48_000, 48_000), Duration::from_secs(1));
        assert_eq!(duration_of(5, 0), Duration::ZERO);
        assert_eq!(samples_in(Duration::MAX), u64::MAX);
    }

    #[test]
    fn conversion_keeps_every_sample_and_clips_what_is_beyond() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(to_f32(sample)), sample);
        }
        assert_eq!((to_i16(7.0), to_i16(-7.0), to_i16(f32::NAN)), (i16::MAX, i16::MIN, 0));
    }
}
