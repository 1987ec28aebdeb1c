//! What runs inside the audio callbacks, and the rings between them and the rest.
//!
//! Owns the two structs that a device's thread calls ([`CaptureCallback`], [`PlaybackCallback`]) and their other ends.
//! Promises that the callbacks neither allocate, lock nor log, whatever they are handed: a full ring drops the whole
//! incoming block, counts it and marks the place; an empty ring plays silence. They know no device, so that tests can
//! call them. Leaves opening devices, rates and waiting to [`device`](super::device).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cpal::{FromSample, Sample};
use rtrb::{Consumer, Producer, RingBuffer};

/// How many gaps are told apart between two reads; while they are all unread, everything is dropped.
const GAPS: usize = 64;

/// Which of a device's channels is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Channel {
    /// The first.
    #[default]
    First,
    /// This one, counted from 0. A device with fewer channels is refused when it is opened.
    Number(u16),
    /// The average of all: right for a stereo microphone, wrong where one channel is empty or a loop-back.
    Average,
}

/// A place where sound is missing.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// How many frames were written before it.
    at: u64,
    /// How many frames are missing.
    lost: u64,
}

/// What the callbacks count, for whoever cares to look.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames that went through the callback.
    pub frames: AtomicU64,
    /// Calls of the callback.
    pub callbacks: AtomicU64,
    /// Times that the device said it had lost sound or had nothing to play.
    pub overruns: AtomicU64,
    /// Errors of the device that say nothing more.
    pub faults: AtomicU64,
    /// Whether the device is gone.
    pub gone: AtomicBool,
}

/// The capture callback: interleaved frames of any format in, one channel of `f32` into the ring.
#[derive(Debug)]
pub struct CaptureCallback {
    ring: Producer<f32>,
    gaps: Producer<Gap>,
    channels: usize,
    channel: Channel,
    written: u64,
    lost: u64,
    overruns: u64,
    counts: Arc<Counts>,
}

/// The reading end of a [`CaptureCallback`]'s ring.
#[derive(Debug)]
pub struct CaptureReader {
    ring: Consumer<f32>,
    gaps: Consumer<Gap>,
    read: u64,
    counts: Arc<Counts>,
}

/// A capture callback for frames of `channels`, with a ring of `capacity` frames.
pub fn capture(capacity: usize, channels: u16, channel: Channel) -> (CaptureCallback, CaptureReader) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let (gap_producer, gap_consumer) = RingBuffer::new(GAPS);
    let counts = Arc::new(Counts::default());
    let callback = CaptureCallback {
        ring: producer,
        gaps: gap_producer,
        channels: usize::from(channels.max(1)),
        channel,
        written: 0,
        lost: 0,
        overruns: 0,
        counts: counts.clone(),
    };
    (callback, CaptureReader { ring: consumer, gaps: gap_consumer, read: 0, counts })
}

impl CaptureCallback {
    /// Takes a block of interleaved frames from the device.
    pub fn take<T>(&mut self, block: &[T])
    where
        T: Sample,
        f32: FromSample<T>,
    {
        let frames = block.len() / self.channels;
        self.counts.callbacks.fetch_add(1, Ordering::Relaxed);
        self.counts.frames.fetch_add(frames as u64, Ordering::Relaxed);
        // The device does not say how much an overrun cost: the next block's length is the nearest guess.
        let overruns = self.counts.overruns.load(Ordering::Relaxed);
        self.lost += overruns.wrapping_sub(self.overruns) * frames as u64;
        self.overruns = overruns;
        if !self.mark_gap(frames) {
            self.lost += frames as u64;
            return;
        }
        let channels = self.channels;
        let place = match self.channel {
            Channel::First | Channel::Average => 0,
            Channel::Number(number) => usize::from(number).min(channels - 1),
        };
        let average = self.channel == Channel::Average;
        let mono = block.chunks_exact(channels).map(|frame| {
            if average {
                frame.iter().map(|sample| sample.to_sample::<f32>()).sum::<f32>() / channels as f32
            } else {
                frame[place].to_sample::<f32>()
            }
        });
        if let Ok(chunk) = self.ring.write_chunk_uninit(frames) {
            self.written += chunk.fill_from_iter(mono) as u64;
        }
    }

    /// Whether a block of `frames` can be written, the gap before it (if any) having been marked.
    fn mark_gap(&mut self, frames: usize) -> bool {
        if self.ring.slots() < frames {
            return false;
        }
        if self.lost > 0 {
            if self.gaps.push(Gap { at: self.written, lost: self.lost }).is_err() {
                return false;
            }
            self.lost = 0;
        }
        true
    }

    /// The counts that this callback keeps.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }
}

impl CaptureReader {
    /// Appends to `out` what is in the ring up to the next gap, at most `most` frames; returns how many frames are
    /// missing before them.
    pub fn read(&mut self, out: &mut Vec<f32>, most: usize) -> u64 {
        // The frames first and the gap second, as the callback writes them in the opposite order.
        let available = self.ring.slots().min(most);
        let mut lost = 0;
        let mut until = available as u64;
        while let Ok(&gap) = self.gaps.peek() {
            if gap.at > self.read {
                until = until.min(gap.at - self.read);
                break;
            }
            lost += gap.lost;
            if self.gaps.pop().is_err() {
                break;
            }
        }
        let frames = usize::try_from(until).unwrap_or(available);
        if let Ok(chunk) = self.ring.read_chunk(frames) {
            let (first, second) = chunk.as_slices();
            out.extend_from_slice(first);
            out.extend_from_slice(second);
            chunk.commit_all();
            self.read += frames as u64;
        }
        lost
    }

    /// The counts of the callback.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// What a playback callback and its writer say to each other.
#[derive(Debug, Default)]
pub struct PlaybackState {
    /// Counts of the callback; `frames` are frames of sound, without the silence after it.
    pub counts: Counts,
    /// Set by the writer: all of the sound is in the ring.
    pub complete: AtomicBool,
    /// Set by the callback: the last frame of the sound has been handed to the device.
    pub drained: AtomicBool,
    /// When `drained`, how long after the last callback with sound its last frame leaves the device, in microseconds.
    pub remaining_us: AtomicU64,
}

/// The playback callback: one channel of `f32` from the ring, interleaved frames of any format out.
#[derive(Debug)]
pub struct PlaybackCallback {
    ring: Consumer<f32>,
    channels: usize,
    rate: u32,
    state: Arc<PlaybackState>,
}

/// A playback callback for frames of `channels` at `rate`, with a ring of `capacity` frames.
pub fn playback(capacity: usize, channels: u16, rate: u32) -> (PlaybackCallback, Producer<f32>, Arc<PlaybackState>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let state = Arc::new(PlaybackState::default());
    let channels = usize::from(channels.max(1));
    (PlaybackCallback { ring: consumer, channels, rate: rate.max(1), state: state.clone() }, producer, state)
}

impl PlaybackCallback {
    /// Fills a block of interleaved frames for the device, which plays its first frame in `delay_us` microseconds.
    pub fn fill<T>(&mut self, block: &mut [T], delay_us: u64)
    where
        T: Sample + FromSample<f32>,
    {
        // Read before the ring: what is in the ring then is all that will ever be.
        let complete = self.state.complete.load(Ordering::Acquire);
        let wanted = block.len() / self.channels;
        let frames = self.ring.slots().min(wanted);
        if let Ok(chunk) = self.ring.read_chunk(frames) {
            let (first, second) = chunk.as_slices();
            for (frame, sample) in block.chunks_exact_mut(self.channels).zip(first.iter().chain(second)) {
                frame.fill(T::from_sample(*sample));
            }
            chunk.commit_all();
        }
        for place in &mut block[frames * self.channels..] {
            *place = T::EQUILIBRIUM;
        }
        let counts = &self.state.counts;
        counts.callbacks.fetch_add(1, Ordering::Relaxed);
        counts.frames.fetch_add(frames as u64, Ordering::Relaxed);
        if self.state.drained.load(Ordering::Relaxed) {
            return;
        }
        if frames > 0 {
            let own_us = frames as u64 * 1_000_000 / u64::from(self.rate);
            self.state.remaining_us.store(delay_us.saturating_add(own_us), Ordering::Relaxed);
        }
        if complete && self.ring.is_empty() {
            self.state.drained.store(true, Ordering::Release);
        } else if frames < wanted {
            counts.overruns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut CaptureReader, most: usize) -> (u64, Vec<f32>) {
        let mut out = Vec::new();
        let lost = reader.read(&mut out, most);
        (lost, out)
    }

    #[test]
    fn formats_and_channels_become_one() {
        for (channel, wanted) in [(Channel::First, 0.5), (Channel::Number(1), -0.25), (Channel::Average, 0.125)] {
            let (mut callback, mut reader) = capture(100, 2, channel);
            callback.take(&[0.5_f32, -0.25]);
            callback.take(&[16_384_i16, -8_192]);
            callback.take(&[49_152_u16, 24_576]);
            callback.take(&[1_073_741_824_i32, -536_870_912]);
            callback.take(&[192_u8, 96]);
            assert_eq!(read(&mut reader, 100), (0, vec![wanted; 5]), "{channel:?}");
        }
    }

    #[test]
    fn a_full_ring_drops_whole_blocks_and_marks_each_place() {
        let (mut callback, mut reader) = capture(10, 1, Channel::First);
        callback.take(&[1.0_f32; 6]);
        callback.take(&[2.0_f32; 6]);
        callback.take(&[3.0_f32; 4]);
        callback.take(&[4.0_f32; 1]);
        assert_eq!(read(&mut reader, 100), (0, vec![1.0; 6]), "up to the gap");
        callback.take(&[5.0_f32; 2]);
        assert_eq!(read(&mut reader, 3), (6, vec![3.0; 3]));
        assert_eq!(read(&mut reader, 100), (0, vec![3.0]));
        assert_eq!(read(&mut reader, 100), (1, vec![5.0; 2]));
        assert_eq!(read(&mut reader, 100), (0, vec![]));
    }

    #[test]
    fn with_too_many_gaps_everything_is_dropped_and_still_counted() {
        let (mut callback, mut reader) = capture(2 * GAPS, 1, Channel::First);
        let mut given = 0_u64;
        for _ in 0..3 * GAPS {
            // An overrun before each block: a gap before each block.
            callback.counts.overruns.fetch_add(1, Ordering::Relaxed);
            callback.take(&[0.5_f32]);
            given += 2;
        }
        let mut accounted = 0;
        for _ in 0..3 * GAPS {
            let (lost, out) = read(&mut reader, 1_000);
            accounted += lost + out.len() as u64;
        }
        assert_eq!(accounted, 2 * GAPS as u64);
        callback.take(&[0.5_f32]);
        let (lost, out) = read(&mut reader, 1_000);
        assert_eq!((accounted + lost, out.len()), (given, 1));
    }

    #[test]
    fn sound_is_played_in_all_channels_and_followed_by_silence() {
        let (mut callback, mut ring, state) = playback(100, 2, 1_000);
        ring.push_entire_slice(&[0.5; 3]).unwrap();
        let mut block = [1_u16; 4];
        callback.fill(&mut block, 7_000);
        assert_eq!(block, [49_152; 4]);
        assert!(!state.drained.load(Ordering::Acquire));
        state.complete.store(true, Ordering::Release);
        callback.fill(&mut block, 9_000);
        assert_eq!(block, [49_152, 49_152, 32_768, 32_768]);
        assert!(state.drained.load(Ordering::Acquire));
        assert_eq!(state.remaining_us.load(Ordering::Relaxed), 10_000);
        callback.fill(&mut block, 99_000);
        assert_eq!(block, [32_768; 4]);
        assert_eq!(state.remaining_us.load(Ordering::Relaxed), 10_000);
        assert_eq!(state.counts.frames.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_late_writer_is_counted() {
        let (mut callback, mut ring, state) = playback(100, 1, 1_000);
        ring.push_entire_slice(&[0.5; 3]).unwrap();
        callback.fill(&mut [0.0_f32; 5], 0);
        assert_eq!(state.counts.overruns.load(Ordering::Relaxed), 1);
    }
}
