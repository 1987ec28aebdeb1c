//! Whether anything was spoken at all: a floor under every recogniser, because a closed grammar hears a sentence in any
//! noise.
//!
//! Owns one measure: which part of the signal stands out of its own background. It tells speech from silence and from
//! steady noise, and not from music or another voice. What lies before and after that part is kept from the recognisers:
//! a second of faint noise around a request shifts PocketSphinx's estimate of the channel so far that it mishears one in
//! three, and whisper invents words for it.

use std::ops::Range;

/// Samples of a frame: 10 ms at 16 kHz.
const FRAME: usize = 160;
/// The quietest frame that can be speech: an RMS of 60 of 32768, -55 dB of full scale.
const FLOOR: f64 = 60.0;
/// How far above the background (the quietest tenth of the frames) a frame of speech stands: 2.5 times, or 8 dB.
const ABOVE_BACKGROUND: f64 = 2.5;
/// How many such frames make an utterance: the shortest words ("on", "stop") have some 150 ms of sound.
const LEAST_FRAMES: usize = 10;
/// What is kept before and after it, for the soft sounds at its ends: 200 ms.
const MARGIN_FRAMES: usize = 20;

/// The loudness of an utterance's frames.
#[derive(Debug, Default)]
pub(super) struct Voiced {
    /// RMS of each whole frame.
    loudness: Vec<f64>,
    squares: f64,
    count: usize,
}

impl Voiced {
    /// Adds further samples. The caller bounds their number.
    pub(super) fn feed(&mut self, samples: &[i16]) {
        for sample in samples {
            self.squares += f64::from(*sample) * f64::from(*sample);
            self.count += 1;
            if self.count == FRAME {
                #[allow(clippy::cast_precision_loss)]
                self.loudness.push((self.squares / FRAME as f64).sqrt());
                self.squares = 0.0;
                self.count = 0;
            }
        }
    }

    /// Whether enough frames stand out to be speech.
    pub(super) fn spoken(&self) -> bool {
        self.part().is_some()
    }

    /// The part of the samples fed that may be speech, with a margin; none if nothing was spoken.
    pub(super) fn part(&self) -> Option<Range<usize>> {
        let mut sorted = self.loudness.clone();
        sorted.sort_by(f64::total_cmp);
        let background = sorted.get(sorted.len() / 10).copied().unwrap_or(0.0);
        let least = FLOOR.max(background * ABOVE_BACKGROUND);
        let loud = |loudness: &f64| *loudness >= least;
        if self.loudness.iter().filter(|loudness| loud(loudness)).count() < LEAST_FRAMES {
            return None;
        }
        let first = self.loudness.iter().position(loud)?.saturating_sub(MARGIN_FRAMES);
        let after = (self.loudness.iter().rposition(loud)? + 1 + MARGIN_FRAMES).min(self.loudness.len());
        Some(first * FRAME..after * FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, amplitude: i32) -> Vec<i16> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(i32::try_from(state >> 16).unwrap() % (2 * amplitude + 1) - amplitude).unwrap()
        };
        (0..length).map(|_| next()).collect()
    }

    fn spoken(samples: &[i16]) -> bool {
        let mut voiced = Voiced::default();
        for block in samples.chunks(77) {
            voiced.feed(block);
        }
        voiced.spoken()
    }

    #[test]
    fn silence_and_steady_noise_are_not_speech() {
        assert!(!spoken(&[]));
        assert!(!spoken(&[0; 48_000]));
        assert!(!spoken(&noise(48_000, 30)));
        for amplitude in [300, 3_000, 30_000] {
            assert!(!spoken(&noise(48_000, amplitude)), "{amplitude}");
        }
    }

    #[test]
    fn a_click_is_not_speech_and_a_short_burst_is() {
        let mut samples = noise(32_000, 100);
        samples[8_000..8_400].copy_from_slice(&noise(400, 20_000));
        assert!(!spoken(&samples));
        samples[8_000..11_200].copy_from_slice(&noise(3_200, 5_000));
        assert!(spoken(&samples));
    }

    #[test]
    fn silence_around_speech_is_cut_to_the_margin() {
        let mut samples = noise(48_000, 20);
        samples[16_000..32_000].copy_from_slice(&noise(16_000, 5_000));
        let mut voiced = Voiced::default();
        voiced.feed(&samples);
        assert_eq!(voiced.part(), Some(16_000 - 3_200..32_000 + 3_200));
        let mut voiced = Voiced::default();
        voiced.feed(&samples[14_400..33_600]);
        assert_eq!(voiced.part(), Some(0..19_200));
    }

    #[test]
    fn speech_that_fills_the_recording_is_speech() {
        // Syllables 100 ms long with dips between them, and no silence before or after.
        let syllables: Vec<i16> = (0..8).flat_map(|_| noise(1_600, 8_000).into_iter().chain(noise(480, 800))).collect();
        assert!(spoken(&syllables));
    }
}
