//! A microphone of the machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{FromSample, SampleFormat, SizedSample, StreamConfig};

use super::{LOOK, POLL, choose, explain, find, note, with_either_period};
use crate::audio::callback::{CaptureCallback, CaptureReader, Channel, Counts, capture};
use crate::audio::resample::Resampler;
use crate::audio::{AudioError, CaptureSource, CaptureState, Captured, Direction, SAMPLE_RATE, to_i16};

/// How much sound waits for its reader at most.
const RING: Duration = Duration::from_secs(2);

/// Which microphone, and what of it.
#[derive(Debug, Clone, Default)]
pub struct CaptureOptions {
    /// Its id or name, or an unmistakable part of it; the system's default without.
    pub device: Option<String>,
    /// Which of its channels is heard.
    pub channel: Channel,
}

/// A microphone of the machine, open and running.
pub struct DeviceCapture {
    name: String,
    form: String,
    rate: u32,
    reader: CaptureReader,
    resampler: Resampler,
    raw: Vec<f32>,
    converted: Vec<f32>,
    ready: VecDeque<i16>,
    /// Lost samples, of [`SAMPLE_RATE`], that are not reported yet.
    lost: u64,
    waited: Duration,
    overruns: u64,
    /// Last, so that its thread ends before what it uses.
    _stream: cpal::Stream,
}

impl std::fmt::Debug for DeviceCapture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.describe())
    }
}

impl DeviceCapture {
    /// Opens a microphone and starts it.
    ///
    /// # Errors
    /// It does not exist, is in use, is not permitted, or offers nothing that can be used.
    pub fn open(options: &CaptureOptions) -> Result<Self, AudioError> {
        let name = options.device.clone().unwrap_or_else(|| "default".to_owned());
        let fail = |error: cpal::Error| explain(&error, &name, Direction::Capture);
        let device = find(options.device.as_deref(), Direction::Capture)?;
        let (best, least): (&[u16], u16) = match options.channel {
            Channel::First => (&[1, 2], 1),
            Channel::Number(number) => (&[], number.saturating_add(1)),
            Channel::Average => (&[2, 4, 1], 1),
        };
        let ranges = device.supported_input_configs().map_err(fail)?;
        let (config, format) = choose(ranges, best, least).ok_or_else(|| AudioError::Unsupported {
            direction: Direction::Capture,
            device: name.clone(),
            reason: format!("it has no {least} channels of 16 or 32 bits or floating point"),
        })?;
        let resampler = Resampler::new(config.sample_rate, SAMPLE_RATE)?;
        let capacity = config.sample_rate as usize * RING.as_secs() as usize;
        let (stream, reader) = with_either_period(config, |config| {
            let (callback, reader) = capture(capacity, config.channels, options.channel);
            build(&device, config, format, callback).map(|stream| (stream, reader))
        })
        .map_err(fail)?;
        stream.play().map_err(fail)?;
        let form = format!("{} Hz, {} channels, {format}", config.sample_rate, config.channels);
        Ok(Self {
            name,
            form,
            rate: config.sample_rate,
            reader,
            resampler,
            raw: Vec::new(),
            converted: Vec::new(),
            ready: VecDeque::new(),
            lost: 0,
            waited: Duration::ZERO,
            overruns: 0,
            _stream: stream,
        })
    }

    fn refill(&mut self) -> Result<(), AudioError> {
        self.raw.clear();
        self.converted.clear();
        let lost = self.reader.read(&mut self.raw, self.rate as usize);
        self.lost += lost * u64::from(SAMPLE_RATE) / u64::from(self.rate);
        self.resampler.push(&self.raw, &mut self.converted)?;
        self.ready.extend(self.converted.iter().copied().map(to_i16));
        let overruns = self.reader.counts().overruns.load(Ordering::Relaxed);
        if overruns != self.overruns {
            log::warn!(device = self.name.as_str(), overruns; "the microphone lost sound: the machine was too busy");
            self.overruns = overruns;
        }
        Ok(())
    }
}

impl CaptureSource for DeviceCapture {
    fn read(&mut self, out: &mut [i16], timeout: Duration) -> Result<Captured, AudioError> {
        let mut left = timeout;
        loop {
            if self.ready.is_empty() {
                self.refill()?;
            }
            if !self.ready.is_empty() || out.is_empty() {
                let samples = self.ready.len().min(out.len());
                for (place, sample) in out.iter_mut().zip(self.ready.drain(..samples)) {
                    *place = sample;
                }
                self.waited = Duration::ZERO;
                return Ok(Captured { samples, lost: std::mem::take(&mut self.lost), state: CaptureState::Running });
            }
            if self.reader.counts().gone.load(Ordering::Acquire) {
                return Err(AudioError::Gone {
                    direction: Direction::Capture,
                    device: self.name.clone(),
                    reason: "the system has taken it away".to_owned(),
                });
            }
            if left.is_zero() {
                return Ok(Captured { samples: 0, lost: 0, state: CaptureState::Waiting(self.waited) });
            }
            let pause = left.min(LOOK);
            std::thread::sleep(pause);
            left -= pause;
            self.waited = self.waited.saturating_add(pause);
        }
    }

    fn is_live(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("the microphone `{}` ({})", self.name, self.form)
    }
}

fn build(
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    callback: CaptureCallback,
) -> Result<cpal::Stream, cpal::Error> {
    match format {
        SampleFormat::I32 => build_as::<i32>(device, config, callback),
        SampleFormat::F32 => build_as::<f32>(device, config, callback),
        SampleFormat::U16 => build_as::<u16>(device, config, callback),
        _ => build_as::<i16>(device, config, callback),
    }
}

fn build_as<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut callback: CaptureCallback,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample + 'static,
    f32: FromSample<T>,
{
    let counts: Arc<Counts> = callback.counts();
    device.build_input_stream::<T, _, _>(
        config,
        move |block: &[T], _| callback.take(block),
        move |error| note(&counts, &error),
        Some(POLL),
    )
}
