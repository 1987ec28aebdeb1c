//! Sound from and to WAV files.
//!
//! Reads RIFF/WAVE with whole-number PCM of 16, 24 or 32 bits, any number of channels (the first is heard) and any rate
//! within [`RATES`], up to [`LONGEST`]. Files whose header was written to a pipe (a data length
//! of nearly 2 or 4 GiB, as speech programs and ffmpeg write) are read up to their end. Writes one channel, 16 bits.
//! Promises that a file which is something else is an error that names the file, what is wrong and what to do, and never
//! a panic. Leaves to the callers what a file's sound is for.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::pace::{Pace, Pacer};
use super::resample::{RATES, Resampler};
use super::{AudioError, CaptureSource, CaptureState, Captured, PlaybackSink, Played, SAMPLE_RATE, samples_in, to_i16};

/// The longest file that is heard.
pub const LONGEST: Duration = Duration::from_secs(600);

/// A data length from here on was written by a program that did not know it.
const UNKNOWN_LENGTH: u64 = 0x7FFE_0000;

/// How much may stand before the sound of a file, in bytes.
const LONGEST_HEADER: usize = 65_536;

/// How much of a file is converted at a time, in samples of one channel.
const BLOCK: usize = 8_192;

/// How the length of the background is searched: windows of this many samples (200 ms).
const BACKGROUND: usize = 3_200;

/// A WAV file behind its header.
type Sound = WavReader<std::io::Chain<std::io::Cursor<Vec<u8>>, BufReader<File>>>;

/// Reads the whole of a WAV file as sound of [`SAMPLE_RATE`].
///
/// # Errors
/// The file cannot be read, or is no WAV file of the kind described at the top of this module.
pub fn read_wav(path: &Path) -> Result<Vec<i16>, AudioError> {
    let wrong = |reason: String| AudioError::WrongFile { path: path.to_owned(), reason };
    let fail = |action| move |source| AudioError::File { action, path: path.to_owned(), source };
    let file = File::open(path).map_err(fail("open"))?;
    let length = file.metadata().map_err(fail("read"))?.len();
    if length == 0 {
        return Err(wrong("the file is empty: record it again".to_owned()));
    }
    let mut file = BufReader::new(file);
    let header = header(&mut file, length).map_err(fail("read"))?;
    let reader = WavReader::new(std::io::Cursor::new(header).chain(file)).map_err(|error| wrong(explain(&error)))?;
    let spec = reader.spec();
    check(spec, &wrong)?;
    if reader.duration() == 0 {
        return Err(wrong("it holds no sound, only a header: record it again".to_owned()));
    }
    if u64::from(reader.duration()) > u64::from(spec.sample_rate) * LONGEST.as_secs() {
        return Err(wrong(format!("it is longer than {} minutes: cut it", LONGEST.as_secs() / 60)));
    }
    decode(reader, spec, &wrong)
}

/// Reads `file` up to its sound. A length of the sound that its writer did not know is replaced by what is there: the
/// file's `length` says so. What is no WAV file comes back as it is, for the decoder to refuse.
fn header(file: &mut BufReader<File>, length: u64) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    file.take(12).read_to_end(&mut header)?;
    let mut block = 1;
    while header.len() < LONGEST_HEADER {
        let begin = header.len();
        file.take(8).read_to_end(&mut header)?;
        let Some((name, size)) = header[begin..].split_first_chunk::<4>() else { break };
        let Ok(size) = <[u8; 4]>::try_from(size).map(u32::from_le_bytes) else { break };
        if name == b"data" {
            if u64::from(size) >= UNKNOWN_LENGTH {
                let there = length.saturating_sub(header.len() as u64);
                let whole = u32::try_from(there - there % block).unwrap_or(u32::MAX);
                header[begin + 4..].copy_from_slice(&whole.to_le_bytes());
            }
            break;
        }
        // Chunks are padded to an even length.
        let body = u64::from(size) + u64::from(size % 2);
        file.take(body.min(LONGEST_HEADER as u64)).read_to_end(&mut header)?;
        if let (b"fmt ", Some(&[low, high])) = (name_at(&header, begin), header.get(begin + 20..begin + 22)) {
            block = u64::from(u16::from_le_bytes([low, high])).max(1);
        }
    }
    Ok(header)
}

/// The name of the chunk that begins at `begin`.
fn name_at(header: &[u8], begin: usize) -> &[u8] {
    header.get(begin..begin + 4).unwrap_or_default()
}

fn check(spec: WavSpec, wrong: &dyn Fn(String) -> AudioError) -> Result<(), AudioError> {
    let convert = "convert it, as with `sox IN.wav -e signed -b 16 OUT.wav`";
    if spec.sample_format == SampleFormat::Float {
        return Err(wrong(format!(
            "its samples are floating point numbers and have to be 16, 24 or 32 bit PCM: {convert}"
        )));
    }
    if !matches!(spec.bits_per_sample, 16 | 24 | 32) {
        return Err(wrong(format!(
            "its samples have {} bits and have to have 16, 24 or 32: {convert}",
            spec.bits_per_sample
        )));
    }
    if !RATES.contains(&spec.sample_rate) {
        let (low, high) = (RATES.start(), RATES.end());
        return Err(wrong(format!(
            "it has {} samples a second, {low} to {high} can be heard: record it again",
            spec.sample_rate
        )));
    }
    if spec.channels == 0 {
        return Err(wrong("it has no channel: record it again".to_owned()));
    }
    Ok(())
}

fn explain(error: &hound::Error) -> String {
    match error {
        hound::Error::FormatError(reason) => {
            format!("it is no WAV file ({reason}): give a RIFF/WAVE file with PCM samples")
        }
        hound::Error::Unsupported => {
            "its encoding is not known: convert it, as with `sox IN.wav -e signed -b 16 OUT.wav`".to_owned()
        }
        hound::Error::IoError(_) => "it ends before its header says so: record or copy it again".to_owned(),
        other => format!("it is damaged ({other}): record or copy it again"),
    }
}

fn decode(mut reader: Sound, spec: WavSpec, wrong: &dyn Fn(String) -> AudioError) -> Result<Vec<i16>, AudioError> {
    let scale = 1.0 / (1_u64 << (spec.bits_per_sample - 1)) as f32;
    let mut resampler = Resampler::new(spec.sample_rate, SAMPLE_RATE)?;
    let mut block = Vec::with_capacity(BLOCK);
    let mut converted = Vec::new();
    let mut out = Vec::new();
    let channels = usize::from(spec.channels);
    for (place, sample) in reader.samples::<i32>().enumerate() {
        let sample = sample.map_err(|error| wrong(explain(&error)))?;
        // Of each frame the first channel is heard and the others are passed over.
        if place % channels == 0 {
            block.push(sample as f32 * scale);
        }
        if block.len() == BLOCK {
            resampler.push(&block, &mut converted)?;
            out.extend(converted.drain(..).map(to_i16));
            block.clear();
        }
    }
    resampler.push(&block, &mut converted)?;
    resampler.finish(&mut converted)?;
    out.extend(converted.drain(..).map(to_i16));
    Ok(out)
}

/// Writes `samples` of one channel at `rate` as a WAV file; what was there is replaced.
///
/// # Errors
/// The file cannot be written.
pub fn write_wav(path: &Path, samples: &[i16], rate: u32) -> Result<(), AudioError> {
    let fail = |error: hound::Error| {
        let source = match error {
            hound::Error::IoError(source) => source,
            other => std::io::Error::other(other.to_string()),
        };
        AudioError::File { action: "write", path: path.to_owned(), source }
    };
    let spec = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).map_err(fail)?;
    for &sample in samples {
        writer.write_sample(sample).map_err(fail)?;
    }
    writer.finalize().map_err(fail)
}

/// `samples` of the background of `sound`: its quietest 200 ms, there and back, so that no step is heard.
///
/// A sound shorter than that is its own background; silence follows an empty one.
pub fn background(sound: &[i16], samples: usize) -> Vec<i16> {
    let energy = |window: &[i16]| window.iter().map(|&s| i64::from(s) * i64::from(s)).sum::<i64>();
    let window = BACKGROUND.min(sound.len());
    let quietest = sound.windows(window.max(1)).step_by(160).min_by_key(|window| energy(window)).unwrap_or(&[0]);
    let there_and_back = quietest.iter().chain(quietest.iter().rev());
    there_and_back.copied().cycle().take(samples).collect()
}

/// A WAV file as a microphone: it waits when nobody reads, and ends.
#[derive(Debug)]
pub struct FileCapture {
    path: PathBuf,
    samples: Vec<i16>,
    position: usize,
    pacer: Pacer,
}

impl FileCapture {
    /// The sound of the file at `path`, followed by `tail` of its own background, at `pace`.
    ///
    /// # Errors
    /// As [`read_wav`].
    pub fn open(path: &Path, tail: Duration, pace: Pace) -> Result<Self, AudioError> {
        let mut samples = read_wav(path)?;
        let tail = usize::try_from(samples_in(tail.min(LONGEST))).unwrap_or(0);
        samples.extend(background(&samples, tail));
        Ok(Self { path: path.to_owned(), samples, position: 0, pacer: Pacer::new(pace, SAMPLE_RATE) })
    }

    /// The length of the file and what follows it, in samples of [`SAMPLE_RATE`].
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is nothing to be heard; never so for an opened file.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

impl CaptureSource for FileCapture {
    fn read(&mut self, out: &mut [i16], _timeout: Duration) -> Result<Captured, AudioError> {
        let rest = &self.samples[self.position..];
        if rest.is_empty() {
            return Ok(Captured { samples: 0, lost: 0, state: CaptureState::Ended });
        }
        let samples = rest.len().min(out.len());
        out[..samples].copy_from_slice(&rest[..samples]);
        self.position += samples;
        self.pacer.pass(samples);
        Ok(Captured { samples, lost: 0, state: CaptureState::Running })
    }

    fn is_live(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("the file {}", self.path.display())
    }
}

/// A WAV file as a speaker: each sound replaces the one before.
#[derive(Debug)]
pub struct FilePlayback {
    path: PathBuf,
}

impl FilePlayback {
    /// A speaker that writes what it plays to the file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl PlaybackSink for FilePlayback {
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError> {
        if cancel.load(Ordering::Acquire) {
            return Ok(Played { samples: 0, completed: false });
        }
        write_wav(&self.path, samples, rate)?;
        Ok(Played { samples: samples.len(), completed: true })
    }

    fn describe(&self) -> String {
        format!("the file {}", self.path.display())
    }
}

#[cfg(test)]
mod tests;
