//! Changing the rate of a stream of one channel.
//!
//! Owns the streaming use of the library's FFT resampler: chunks of any size in, whatever is ready out, its delay taken
//! off at the beginning and made up at the end, so that a sound is as long as it was and begins where it began.
//! Leaves channels and sample formats to the callers.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use super::AudioError;

/// The rates between which sound is converted; telephone sound at half rate is the lowest that anyone records.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Chunks a second: 20 ms are long enough for a sharp filter and short enough not to be felt. Two rates without a common
/// divisor need chunks of up to a second.
const CHUNKS_PER_SECOND: u32 = 50;

/// Converts a stream of one channel from one rate to another.
pub struct Resampler {
    from: u32,
    to: u32,
    /// Absent when both rates are the same.
    inner: Option<Fft<f32>>,
    /// Input that does not fill a chunk yet.
    pending: Vec<f32>,
    /// The output of one chunk.
    chunk: Vec<f32>,
    /// Output samples to be thrown away: the resampler's delay.
    skip: usize,
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Resampler({} -> {})", self.from, self.to)
    }
}

impl Resampler {
    /// A converter from `from` to `to` samples a second.
    ///
    /// # Errors
    /// One of the rates is not within [`RATES`], or the library refuses the pair.
    pub fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        let refuse = |reason: String| AudioError::Rate { from, to, reason };
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(refuse(format!("rates from {} to {} can be used", RATES.start(), RATES.end())));
        }
        let inner = if from == to {
            None
        } else {
            let unit = from / greatest_common_divisor(from, to);
            let chunk = (from / CHUNKS_PER_SECOND).next_multiple_of(unit).max(unit);
            // The filter is centred on a whole sample: an odd chunk would move the sound by half of one.
            let chunk = if chunk.is_multiple_of(2) { chunk } else { chunk * 2 } as usize;
            let window = WindowFunction::BlackmanHarris2;
            let fft = Fft::<f32>::new_custom(from as usize, to as usize, chunk, 1, 1, window, FixedSync::Both);
            Some(fft.map_err(|error| refuse(error.to_string()))?)
        };
        let chunk = vec![0.0; inner.as_ref().map_or(0, Fft::output_frames_max)];
        let skip = inner.as_ref().map_or(0, Fft::output_delay);
        Ok(Self { from, to, inner, pending: Vec::new(), chunk, skip, taken: 0, given: 0 })
    }

    /// Takes more input and appends to `out` what is ready.
    ///
    /// # Errors
    /// The library fails, which it does on no input that this type hands it.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        self.taken += input.len() as u64;
        if self.inner.is_none() {
            self.given += input.len() as u64;
            out.extend_from_slice(input);
            return Ok(());
        }
        self.pending.extend_from_slice(input);
        self.run(out)
    }

    /// Appends what is still inside, so that the whole output is as long as the whole input; then begins anew.
    ///
    /// # Errors
    /// As [`Resampler::push`].
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let whole = (self.taken * u64::from(self.to)).div_ceil(u64::from(self.from));
        while self.inner.is_some() && self.given < whole {
            let before = out.len();
            let missing = usize::try_from(whole - self.given).unwrap_or(usize::MAX);
            self.fill_chunk();
            self.run(out)?;
            out.truncate(before.saturating_add(missing));
        }
        if let Some(inner) = &mut self.inner {
            inner.reset();
            self.skip = inner.output_delay();
        }
        self.pending.clear();
        self.taken = 0;
        self.given = 0;
        Ok(())
    }

    fn fill_chunk(&mut self) {
        let wanted = self.inner.as_ref().map_or(0, Fft::input_frames_next);
        self.pending.resize(wanted.max(self.pending.len()), 0.0);
    }

    fn run(&mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        let fail = |reason: String| AudioError::Rate { from: self.from, to: self.to, reason };
        let mut used = 0;
        while self.pending.len() - used >= inner.input_frames_next() {
            let rest = &self.pending[used..];
            let input = InterleavedSlice::new(rest, 1, rest.len()).map_err(|error| fail(error.to_string()))?;
            let frames = self.chunk.len();
            let mut output =
                InterleavedSlice::new_mut(&mut self.chunk, 1, frames).map_err(|error| fail(error.to_string()))?;
            let (read, written) =
                inner.process_into_buffer(&input, &mut output, None).map_err(|error| fail(error.to_string()))?;
            used += read;
            let skipped = self.skip.min(written);
            self.skip -= skipped;
            self.given += (written - skipped) as u64;
            out.extend_from_slice(&self.chunk[skipped..written]);
        }
        self.pending.drain(..used);
        Ok(())
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// `samples` of one channel at `from` samples a second, as they are at `to`.
///
/// # Errors
/// As [`Resampler::new`].
pub fn resample(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, AudioError> {
    if from == to {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::new(from, to)?;
    let input: Vec<f32> = samples.iter().copied().map(super::to_f32).collect();
    let mut output = Vec::new();
    resampler.push(&input, &mut output)?;
    resampler.finish(&mut output)?;
    Ok(output.into_iter().map(super::to_i16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tone(frequency: f32, rate: u32, samples: usize) -> Vec<f32> {
        let step = std::f32::consts::TAU * frequency / rate as f32;
        (0..samples).map(|n| 0.5 * (step * n as f32).sin()).collect()
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    fn convert(input: &[f32], from: u32, to: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        resampler.push(input, &mut out).unwrap();
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn a_tone_keeps_its_place_and_loudness() {
        for from in [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000] {
            let out = convert(&tone(440.0, from, from as usize), from, 16_000);
            assert_eq!(out.len(), 16_000, "from {from}");
            let wanted = tone(440.0, 16_000, 16_000);
            let difference: Vec<f32> = out.iter().zip(&wanted).skip(800).take(14_000).map(|(a, b)| a - b).collect();
            assert!(rms(&difference) < 0.01, "from {from}: {}", rms(&difference));
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_gone_instead_of_folded_down() {
        let out = convert(&tone(11_000.0, 48_000, 48_000), 48_000, 16_000);
        assert!(rms(&out[800..15_000]) < 0.001, "{}", rms(&out[800..15_000]));
    }

    #[test]
    fn impossible_rates_are_refused_in_words() {
        let message = Resampler::new(0, 16_000).unwrap_err().to_string();
        assert!(message.contains("from 0 to 16000") && message.contains("4000"), "{message}");
        assert!(Resampler::new(16_000, 400_000).is_err());
    }

    #[test]
    fn begins_anew_after_the_end() {
        let input = tone(300.0, 44_100, 5_000);
        let mut resampler = Resampler::new(44_100, 16_000).unwrap();
        let mut outputs = [Vec::new(), Vec::new()];
        for output in &mut outputs {
            resampler.push(&input, output).unwrap();
            resampler.finish(output).unwrap();
        }
        assert_eq!(outputs[0], outputs[1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn chunks_do_not_matter(cuts in proptest::collection::vec(1_usize..3_000, 1..12), rate in prop::sample::select(vec![8_000_u32, 16_000, 22_050, 44_100, 48_000])) {
            let whole = tone(700.0, rate, cuts.iter().sum());
            let mut resampler = Resampler::new(rate, 16_000).unwrap();
            let mut out = Vec::new();
            let mut begin = 0;
            for cut in cuts {
                resampler.push(&whole[begin..begin + cut], &mut out).unwrap();
                begin += cut;
            }
            resampler.finish(&mut out).unwrap();
            prop_assert_eq!(out, convert(&whole, rate, 16_000));
        }
    }
}
