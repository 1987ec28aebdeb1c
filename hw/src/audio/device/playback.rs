//! A speaker of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{FromSample, OutputCallbackInfo, SampleFormat, SizedSample, StreamConfig};
use rtrb::Producer;

use super::{LOOK, POLL, choose, explain, find, note, with_either_period};
use crate::audio::callback::{PlaybackCallback, PlaybackState, playback};
use crate::audio::resample::Resampler;
use crate::audio::{AudioError, Direction, PlaybackSink, Played, to_f32};

/// How much sound waits for the device at most; a cancelled sound ends at once, whatever waits.
const RING: Duration = Duration::from_millis(500);

/// Silence before the sound: sound servers (PulseAudio: some 30 ms, measured) and amplifiers swallow how a stream begins.
const LEAD: Duration = Duration::from_millis(60);

/// How long a device may take nothing before it counts as gone.
const STALLED: Duration = Duration::from_secs(3);

/// The longest that a device may say its own buffer plays.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// How many samples are converted at a time.
const BLOCK: usize = 4_096;

/// A speaker of the machine. It is opened for each sound, so that others can use it in between and a speaker that was
/// unplugged and comes back is found again.
#[derive(Debug, Clone, Default)]
pub struct DevicePlayback {
    device: Option<String>,
}

impl DevicePlayback {
    /// The speaker with this id or name, or an unmistakable part of it; the system's default without.
    pub fn new(device: Option<String>) -> Self {
        Self { device }
    }

    fn name(&self) -> &str {
        self.device.as_deref().unwrap_or("default")
    }

    fn open(&self) -> Result<Running, AudioError> {
        let fail = |error: cpal::Error| explain(&error, self.name(), Direction::Playback);
        let device = find(self.device.as_deref(), Direction::Playback)?;
        let ranges = device.supported_output_configs().map_err(fail)?;
        let (config, format) = choose(ranges, &[2, 1], 1).ok_or_else(|| AudioError::Unsupported {
            direction: Direction::Playback,
            device: self.name().to_owned(),
            reason: "it takes no samples of 16 or 32 bits or floating point".to_owned(),
        })?;
        let rate = config.sample_rate;
        let capacity = rate as usize * RING.as_millis() as usize / 1000;
        let (stream, ring, state) = with_either_period(config, |config| {
            let (callback, ring, state) = playback(capacity, config.channels, rate);
            build(&device, config, format, callback, state.clone()).map(|stream| (stream, ring, state))
        })
        .map_err(fail)?;
        Ok(Running {
            stream,
            ring,
            state,
            rate,
            name: self.name().to_owned(),
            begun: false,
            callbacks: 0,
            stalled: Duration::ZERO,
        })
    }
}

impl PlaybackSink for DevicePlayback {
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError> {
        if samples.is_empty() {
            return Ok(Played { samples: 0, completed: true });
        }
        let mut running = self.open()?;
        let mut resampler = Resampler::new(rate, running.rate)?;
        let mut input = Vec::with_capacity(BLOCK);
        let mut output = Vec::new();
        let mut blocks = samples.chunks(BLOCK).peekable();
        let lead = running.rate as usize * LEAD.as_millis() as usize / 1000;
        let mut completed = running.write(&vec![0.0; lead], cancel)?;
        while let (true, Some(block)) = (completed, blocks.next()) {
            input.clear();
            input.extend(block.iter().copied().map(to_f32));
            output.clear();
            resampler.push(&input, &mut output)?;
            if blocks.peek().is_none() {
                resampler.finish(&mut output)?;
            }
            completed = running.write(&output, cancel)?;
        }
        completed = completed && running.drain(cancel)?;
        let frames = running.state.counts.frames.load(Ordering::Relaxed).saturating_sub(lead as u64);
        let played = if completed { samples.len() as u64 } else { frames * u64::from(rate) / u64::from(running.rate) };
        Ok(Played {
            samples: usize::try_from(played).map_or(samples.len(), |played| played.min(samples.len())),
            completed,
        })
    }

    fn describe(&self) -> String {
        format!("the speaker `{}`", self.name())
    }
}

/// A speaker while it plays one sound.
struct Running {
    stream: cpal::Stream,
    ring: Producer<f32>,
    state: Arc<PlaybackState>,
    rate: u32,
    name: String,
    begun: bool,
    callbacks: u64,
    stalled: Duration,
}

impl Running {
    /// Hands all of `sound` to the device as it takes it; false if cancelled before.
    fn write(&mut self, mut sound: &[f32], cancel: &AtomicBool) -> Result<bool, AudioError> {
        loop {
            sound = self.ring.push_partial_slice(sound).1;
            if sound.is_empty() {
                return Ok(true);
            }
            // The ring is full: the device may begin.
            if !self.wait(cancel)? {
                return Ok(false);
            }
        }
    }

    /// Waits until the last sample has left the device; false if cancelled before.
    fn drain(&mut self, cancel: &AtomicBool) -> Result<bool, AudioError> {
        self.state.complete.store(true, Ordering::Release);
        while !self.state.drained.load(Ordering::Acquire) {
            if !self.wait(cancel)? {
                return Ok(false);
            }
        }
        let mut left = Duration::from_micros(self.state.remaining_us.load(Ordering::Relaxed)).min(LONGEST_DELAY);
        while !left.is_zero() {
            if cancel.load(Ordering::Acquire) {
                return Ok(false);
            }
            let pause = left.min(LOOK);
            std::thread::sleep(pause);
            left -= pause;
        }
        Ok(true)
    }

    /// Lets the device play a little; false if cancelled.
    fn wait(&mut self, cancel: &AtomicBool) -> Result<bool, AudioError> {
        if cancel.load(Ordering::Acquire) {
            return Ok(false);
        }
        if !self.begun {
            self.stream.play().map_err(|error| explain(&error, &self.name, Direction::Playback))?;
            self.begun = true;
        }
        std::thread::sleep(LOOK);
        let callbacks = self.state.counts.callbacks.load(Ordering::Relaxed);
        self.stalled = if callbacks == self.callbacks { self.stalled + LOOK } else { Duration::ZERO };
        self.callbacks = callbacks;
        let reason = if self.state.counts.gone.load(Ordering::Acquire) {
            "the system has taken it away"
        } else if self.stalled > STALLED {
            "it takes no sound"
        } else {
            return Ok(true);
        };
        Err(AudioError::Gone { direction: Direction::Playback, device: self.name.clone(), reason: reason.to_owned() })
    }
}

fn build(
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    callback: PlaybackCallback,
    state: Arc<PlaybackState>,
) -> Result<cpal::Stream, cpal::Error> {
    match format {
        SampleFormat::I32 => build_as::<i32>(device, config, callback, state),
        SampleFormat::F32 => build_as::<f32>(device, config, callback, state),
        SampleFormat::U16 => build_as::<u16>(device, config, callback, state),
        _ => build_as::<i16>(device, config, callback, state),
    }
}

fn build_as<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut callback: PlaybackCallback,
    state: Arc<PlaybackState>,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32> + 'static,
{
    device.build_output_stream::<T, _, _>(
        config,
        move |block: &mut [T], info: &OutputCallbackInfo| {
            let times = info.timestamp();
            let delay = times.playback.saturating_duration_since(times.callback);
            callback.fill(block, u64::try_from(delay.as_micros()).unwrap_or(u64::MAX));
        },
        move |error| note(&state.counts, &error),
        Some(POLL),
    )
}
