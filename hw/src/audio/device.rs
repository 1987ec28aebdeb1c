//! The machine's own microphones and speakers.
//!
//! Owns finding a device, choosing among what it offers and turning its errors into sentences; [`DeviceCapture`] and
//! [`DevicePlayback`] are the backends. Promises any device that offers one of the formats `i16`, `i32`, `f32`, `u16`,
//! at any rate and with any number of channels. Leaves what runs in the device's threads to
//! [`callback`](super::callback), and opening a lost device again to the callers.

mod capture;
mod playback;

pub use capture::{CaptureOptions, DeviceCapture};
pub use playback::DevicePlayback;

use std::sync::atomic::Ordering;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{BufferSize, ErrorKind, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfigRange};

use super::callback::Counts;
use super::{AudioError, Direction};

/// How long a callback's block is, where the device lets us choose. Half of that loses sound through sound servers.
const PERIOD: Duration = Duration::from_millis(40);

/// How long cpal may wait for a device before it looks after its health.
const POLL: Duration = Duration::from_secs(1);

/// How long the threads outside the callbacks sleep before they look at a ring again.
const LOOK: Duration = Duration::from_millis(5);

/// How many faults without a kind make a device count as gone.
const FAULTS: u64 = 50;

/// How many device names an error lists.
const NAMES: usize = 20;

/// The formats that are used, the best first: what most hardware has, so that no layer below converts.
const FORMATS: [SampleFormat; 4] = [SampleFormat::I16, SampleFormat::I32, SampleFormat::F32, SampleFormat::U16];

/// The rates that are tried, the best first. Layers such as `plug` offer every rate and convert badly; nearly all
/// hardware has 48 kHz.
const RATES: [u32; 8] = [48_000, 16_000, 32_000, 44_100, 96_000, 22_050, 11_025, 8_000];

/// A device as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName {
    /// What the system calls it, as in `hw:CARD=1,DEV=0`; what the configuration names.
    pub id: String,
    /// What it is, for a person.
    pub description: String,
}

/// The microphones or speakers of this machine. Whether one can be opened shows only when it is tried.
pub fn devices(direction: Direction) -> Vec<DeviceName> {
    let mut names = Vec::new();
    for device in all(direction) {
        if let Ok(id) = device.id() {
            names.push(DeviceName { id: id.id().to_owned(), description: device.to_string() });
        }
    }
    names
}

fn all(direction: Direction) -> Vec<cpal::Device> {
    let Ok(all) = cpal::default_host().devices() else { return Vec::new() };
    let fits = |device: &cpal::Device| {
        device.description().map_or(true, |description| match direction {
            Direction::Capture => description.supports_input(),
            Direction::Playback => description.supports_output(),
        })
    };
    all.filter(fits).collect()
}

/// The device called `wanted` by its id, its description, or a part of it that no other has; the default without a name.
fn find(wanted: Option<&str>, direction: Direction) -> Result<cpal::Device, AudioError> {
    let host = cpal::default_host();
    let Some(name) = wanted else {
        let device = match direction {
            Direction::Capture => host.default_input_device(),
            Direction::Playback => host.default_output_device(),
        };
        return device.ok_or_else(|| none(direction, "default", "the system has no default device"));
    };
    let mut devices = all(direction);
    let id = |device: &cpal::Device| device.id().map(|id| id.id().to_owned()).unwrap_or_default();
    if let Some(place) = devices.iter().position(|device| id(device) == name || device.to_string() == name) {
        return Ok(devices.swap_remove(place));
    }
    let part = name.to_lowercase();
    devices.retain(|device| format!("{} {device}", id(device)).to_lowercase().contains(&part));
    match devices.len() {
        0 => Err(none(direction, name, "there is no such device")),
        1 => Ok(devices.swap_remove(0)),
        count => Err(none(direction, name, &format!("{count} devices have this in their names"))),
    }
}

fn none(direction: Direction, wanted: &str, reason: &str) -> AudioError {
    let mut names: Vec<String> = devices(direction).into_iter().map(|device| format!("`{}`", device.id)).collect();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    let available = if names.is_empty() { "none is connected".to_owned() } else { names.join(", ") };
    AudioError::NoDevice { direction, wanted: wanted.to_owned(), reason: reason.to_owned(), available }
}

/// What the system said when a device was opened, as a sentence.
fn explain(error: &cpal::Error, device: &str, direction: Direction) -> AudioError {
    let device = device.to_owned();
    match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => {
            none(direction, &device, "it cannot be opened, or no device is connected")
        }
        ErrorKind::DeviceBusy => AudioError::Busy { direction, device },
        ErrorKind::PermissionDenied => AudioError::Denied { direction, device },
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            AudioError::Unsupported { direction, device, reason: error.to_string() }
        }
        _ => AudioError::Gone { direction, device, reason: error.to_string() },
    }
}

/// Notes an error of a running stream. Runs in the device's thread: atomics only.
fn note(counts: &Counts, error: &cpal::Error) {
    match error.kind() {
        ErrorKind::Xrun => {
            counts.overruns.fetch_add(1, Ordering::Relaxed);
        }
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => {
            counts.gone.store(true, Ordering::Release);
        }
        _ => {
            if counts.faults.fetch_add(1, Ordering::Relaxed) >= FAULTS {
                counts.gone.store(true, Ordering::Release);
            }
        }
    }
}

/// What of `ranges` is used, given which numbers of channels are best (the first best; others as few as possible, but
/// at least `least`).
fn choose(
    ranges: impl Iterator<Item = SupportedStreamConfigRange>,
    best: &[u16],
    least: u16,
) -> Option<(StreamConfig, SampleFormat)> {
    let mut found: Option<((usize, usize, usize), StreamConfig, SampleFormat)> = None;
    for range in ranges {
        let Some(format) = FORMATS.iter().position(|format| *format == range.sample_format()) else { continue };
        if range.channels() < least {
            continue;
        }
        let unlisted = best.len() + usize::from(range.channels());
        let channels = best.iter().position(|channels| *channels == range.channels()).unwrap_or(unlisted);
        let (low, high) = (range.min_sample_rate(), range.max_sample_rate());
        let listed = RATES.iter().enumerate().find(|(_, rate)| (low..=high).contains(*rate));
        let (place, rate) = listed.map_or((RATES.len(), high), |(place, rate)| (place, *rate));
        let rank = (channels, place, format);
        if found.as_ref().is_none_or(|(other, ..)| rank < *other) {
            let buffer_size = period(range.buffer_size(), rate);
            found = Some((
                rank,
                StreamConfig { channels: range.channels(), sample_rate: rate, buffer_size },
                FORMATS[format],
            ));
        }
    }
    found.map(|(_, config, format)| (config, format))
}

fn period(supported: &SupportedBufferSize, rate: u32) -> BufferSize {
    let wanted = u32::try_from(u128::from(rate) * PERIOD.as_millis() / 1000).unwrap_or(1_920);
    match supported {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(wanted.min(*max / 2).max(*min)),
        SupportedBufferSize::Unknown => BufferSize::Default,
    }
}

/// Builds a stream with the chosen period, or with the device's own where it refuses that.
fn with_either_period<S>(
    config: StreamConfig,
    mut build: impl FnMut(StreamConfig) -> Result<S, cpal::Error>,
) -> Result<S, cpal::Error> {
    match build(config) {
        Err(error) if error.kind() == ErrorKind::UnsupportedConfig && config.buffer_size != BufferSize::Default => {
            build(StreamConfig { buffer_size: BufferSize::Default, ..config })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u16, low: u32, high: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(
            channels,
            low,
            high,
            SupportedBufferSize::Range { min: 64, max: 100_000 },
            format,
        )
    }

    #[test]
    fn the_best_of_what_is_offered_is_chosen() {
        let ranges = [
            range(2, 8_000, 96_000, SampleFormat::I16),
            range(1, 44_100, 44_100, SampleFormat::I16),
            range(1, 8_000, 192_000, SampleFormat::U8),
            range(1, 8_000, 96_000, SampleFormat::F32),
            range(1, 8_000, 96_000, SampleFormat::I16),
        ];
        let (config, format) = choose(ranges.into_iter(), &[1], 1).unwrap();
        assert_eq!((config.channels, config.sample_rate, format), (1, 48_000, SampleFormat::I16));
        assert_eq!(config.buffer_size, BufferSize::Fixed(1_920));
        let (config, _) = choose(ranges.into_iter(), &[1], 2).unwrap();
        assert_eq!(config.channels, 2, "the second channel was asked for");
        assert!(choose(ranges.into_iter(), &[1], 3).is_none());
    }

    #[test]
    fn odd_devices_are_used_as_they_are() {
        let (config, _) = choose([range(8, 12_345, 12_345, SampleFormat::U16)].into_iter(), &[1], 1).unwrap();
        assert_eq!((config.channels, config.sample_rate), (8, 12_345));
        assert!(choose([range(1, 8_000, 8_000, SampleFormat::DsdU8)].into_iter(), &[1], 1).is_none());
    }

    #[test]
    fn a_refused_period_is_left_to_the_device() {
        let config = StreamConfig { channels: 1, sample_rate: 48_000, buffer_size: BufferSize::Fixed(1_920) };
        let built = with_either_period(config, |config| match config.buffer_size {
            BufferSize::Default => Ok("built"),
            BufferSize::Fixed(_) => Err(ErrorKind::UnsupportedConfig.into()),
        });
        assert_eq!(built, Ok("built"));
    }

    #[test]
    fn errors_are_sentences_that_say_what_to_do() {
        let sentence = |kind: ErrorKind| explain(&kind.into(), "hw:9", Direction::Capture).to_string();
        assert!(sentence(ErrorKind::DeviceBusy).contains("in use by another program"));
        assert!(sentence(ErrorKind::PermissionDenied).contains("group `audio`"));
        assert!(sentence(ErrorKind::DeviceNotAvailable).contains("microphone `hw:9`"));
        let message = find(Some("no such thing"), Direction::Playback).unwrap_err().to_string();
        assert!(
            message.contains("speaker `no such thing`") && message.contains("there is no such device"),
            "{message}"
        );
    }

    #[test]
    fn a_lost_device_and_many_faults_are_noted() {
        let counts = Counts::default();
        note(&counts, &ErrorKind::Xrun.into());
        note(&counts, &ErrorKind::RealtimeDenied.into());
        assert_eq!((counts.overruns.load(Ordering::Relaxed), counts.gone.load(Ordering::Relaxed)), (1, false));
        for _ in 0..=FAULTS {
            note(&counts, &ErrorKind::BackendError.into());
        }
        assert!(counts.gone.load(Ordering::Relaxed));
        let counts = Counts::default();
        note(&counts, &ErrorKind::DeviceNotAvailable.into());
        assert!(counts.gone.load(Ordering::Relaxed));
    }
}
