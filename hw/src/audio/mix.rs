//! Speech with noise behind it, at a chosen distance: how well a place with noise is heard, without going there.
//!
//! Owns one measure and one sum. The signal-to-noise ratio is that of the loudest [`FRAME`] of each, as the spoken coffee
//! orders that recognisers are compared on were mixed: it does not change with the silence around a request. By mean
//! power over the whole the same mix stands some 2 dB lower.
//! Promises that a mix has the ratio that was asked for, that it does not clip (all of it is made softer where it would),
//! and that the same arguments give the same samples. Leaves reading files, and their rates, to `file`.

/// The samples whose energy is compared: 128 ms at 16 kHz.
pub const FRAME: usize = 2048;

/// The ratios that can be asked for, in dB.
pub const RATIOS: std::ops::RangeInclusive<f64> = -40.0..=80.0;

/// Why nothing can be mixed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MixError {
    /// The ratio is beyond [`RATIOS`] or no number.
    #[error("a signal-to-noise ratio of {0} dB can't be mixed: choose one from -40 to 80 dB")]
    Ratio(f64),
    /// The noise ends before the place where it should begin.
    #[error("the noise is to begin at its sample {offset} and has only {length}: choose an earlier place")]
    Offset {
        /// Where it should begin.
        offset: usize,
        /// How many samples it has.
        length: usize,
    },
    /// There is nothing to mix.
    #[error(
        "the {0} is silent, so that it stands in no ratio to anything: choose another recording, or another part of it"
    )]
    Silent(&'static str),
}

/// The speech with `noise` behind it, `ratio` dB below. The noise begins at its sample `offset`, and begins again where
/// it is shorter than the speech. Both have the same rate.
///
/// # Errors
/// [`MixError`] if the ratio or the offset is out of bounds, or if one of both is silent.
pub fn mix(speech: &[i16], noise: &[i16], offset: usize, ratio: f64) -> Result<Vec<i16>, MixError> {
    if !RATIOS.contains(&ratio) {
        return Err(MixError::Ratio(ratio));
    }
    if offset >= noise.len() {
        return Err(MixError::Offset { offset, length: noise.len() });
    }
    let behind: Vec<i16> = noise.iter().cycle().skip(offset).take(speech.len()).copied().collect();
    let (loudest, noisiest) = (loudest(speech), loudest(&behind));
    if loudest == 0.0 {
        return Err(MixError::Silent("speech"));
    }
    if noisiest == 0.0 {
        return Err(MixError::Silent("noise"));
    }
    let scale = (loudest / noisiest / 10_f64.powf(ratio / 10.0)).sqrt();
    let sum: Vec<f64> =
        speech.iter().zip(&behind).map(|(speech, noise)| f64::from(*speech) + scale * f64::from(*noise)).collect();
    let most = sum.iter().fold(0_f64, |most, sample| most.max(sample.abs()));
    let softer = (f64::from(i16::MAX) / most).min(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "no sample is beyond those of 16 bits")]
    let samples = sum.into_iter().map(|sample| (sample * softer).round() as i16).collect();
    Ok(samples)
}

/// The energy of the loudest frame; of all, where it is shorter than a frame.
fn loudest(samples: &[i16]) -> f64 {
    let energy = |frame: &[i16]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let frames = samples.chunks_exact(FRAME.min(samples.len()).max(1));
    frames.map(energy).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of this loudness, the same for the same seed.
    fn noise(length: usize, loudness: i32, seed: u32) -> Vec<i16> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(i32::try_from(state >> 16).unwrap() % (2 * loudness + 1) - loudness).unwrap()
        };
        (0..length).map(|_| next()).collect()
    }

    /// A quiet second, a loud one, a quiet one.
    fn speech() -> Vec<i16> {
        [noise(16_000, 40, 1), noise(16_000, 6_000, 2), noise(16_000, 40, 3)].concat()
    }

    /// What was added to the speech, whose own share in the mix is `share`.
    fn added(mixed: &[i16], speech: &[i16], share: f64) -> Vec<i16> {
        mixed.iter().zip(speech).map(|(mixed, speech)| mixed - (f64::from(*speech) * share).round() as i16).collect()
    }

    #[test]
    fn the_mix_has_the_ratio_that_was_asked_for() {
        let (speech, noise) = (speech(), noise(20_000, 900, 4));
        for ratio in [-3.0, 0.0, 6.0, 12.0, 18.0, 24.0] {
            let mixed = mix(&speech, &noise, 7_000, ratio).unwrap();
            assert_eq!(mixed.len(), speech.len());
            let measured = 10.0 * (loudest(&speech) / loudest(&added(&mixed, &speech, 1.0))).log10();
            assert!((measured - ratio).abs() < 0.1, "{measured} for {ratio}");
        }
    }

    #[test]
    fn a_mix_that_would_clip_is_softer_and_keeps_its_ratio() {
        let (loud, noise) = (noise(16_000, 30_000, 5), noise(16_000, 900, 6));
        let mixed = mix(&loud, &noise, 0, 0.0).unwrap();
        assert_eq!(mixed.iter().map(|sample| sample.unsigned_abs()).max(), Some(i16::MAX.unsigned_abs()));
        // The noise is independent of the speech, so that the speech's share is the projection onto it.
        let dot = |one: &[i16], other: &[i16]| {
            one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum::<f64>()
        };
        let share = dot(&mixed, &loud) / dot(&loud, &loud);
        let speech: Vec<i16> = loud.iter().map(|sample| (f64::from(*sample) * share) as i16).collect();
        let measured = 10.0 * (loudest(&speech) / loudest(&added(&mixed, &loud, share))).log10();
        assert!(share < 0.8 && measured.abs() < 0.5, "share {share}, {measured} dB");
    }

    #[test]
    fn the_place_in_the_noise_counts_and_short_noise_begins_again() {
        let (speech, noise) = (speech(), noise(10_000, 900, 7));
        let mixed = mix(&speech, &noise, 100, 12.0).unwrap();
        assert_eq!(mixed, mix(&speech, &noise, 100, 12.0).unwrap());
        assert_ne!(mixed, mix(&speech, &noise, 200, 12.0).unwrap());
        let added = added(&mixed, &speech, 1.0);
        assert_eq!(added[..5_000], added[10_000..15_000]);
    }

    #[test]
    fn what_cannot_be_mixed_says_what_to_do() {
        let (speech, noise) = (speech(), noise(100, 900, 8));
        let message = |result: Result<Vec<i16>, MixError>| result.unwrap_err().to_string();
        assert!(message(mix(&speech, &noise, 100, 6.0)).contains("earlier place"));
        assert!(message(mix(&speech, &[], 0, 6.0)).contains("earlier place"));
        assert!(message(mix(&speech, &[0; 100], 0, 6.0)).contains("the noise is silent"));
        assert!(message(mix(&[0; 100], &noise, 0, 6.0)).contains("the speech is silent"));
        assert!(message(mix(&[], &noise, 0, 6.0)).contains("the speech is silent"));
        for ratio in [f64::NAN, f64::INFINITY, 81.0, -41.0] {
            assert!(message(mix(&speech, &noise, 0, ratio)).contains("-40 to 80"));
        }
    }
}
