//! The loudness of the background: the least of the last seconds.
//!
//! Speech has gaps between its sounds and steady noise has none, so the least (smoothed) loudness of a window longer
//! than any sound of speech is that of the background. It falls at once and rises when the window has passed.

use std::collections::VecDeque;

/// How many frames of 10 ms the window has: longer than speech goes without a gap.
pub const WINDOW_FRAMES: usize = BLOCKS * BLOCK;

const BLOCKS: usize = 10;
const BLOCK: usize = 25;

/// How many frames are averaged before the least is taken: single quiet frames are no background.
const SMOOTH: usize = 5;

/// No background counts as quieter than this, in dB below full scale: after digital silence, the noise of the
/// microphone itself is no speech.
pub const LEAST: f32 = -65.0;

/// Follows the loudness of the background.
#[derive(Debug, Default)]
pub struct NoiseFloor {
    last: VecDeque<f32>,
    blocks: VecDeque<f32>,
    frames: usize,
}

impl NoiseFloor {
    /// Hears the loudness of one more frame, in dB.
    pub fn hear(&mut self, loudness: f32) {
        if self.last.len() == SMOOTH {
            self.last.pop_front();
        }
        self.last.push_back(loudness);
        if self.last.len() < SMOOTH {
            return;
        }
        let smooth = self.last.iter().sum::<f32>() / SMOOTH as f32;
        if self.frames.is_multiple_of(BLOCK) {
            if self.blocks.len() == BLOCKS {
                self.blocks.pop_front();
            }
            self.blocks.push_back(smooth);
        } else if let Some(block) = self.blocks.back_mut() {
            *block = block.min(smooth);
        }
        self.frames = (self.frames + 1) % BLOCK;
    }

    /// The loudness of the background, in dB below full scale. Before anything was heard there is no speech: 0.
    pub fn level(&self) -> f32 {
        let least = self.blocks.iter().copied().fold(f32::MAX, f32::min);
        if least == f32::MAX { 0.0 } else { least.max(LEAST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_at_once_and_rises_after_the_window() {
        let mut floor = NoiseFloor::default();
        assert_eq!(floor.level(), 0.0);
        (0..100).for_each(|_| floor.hear(-30.0));
        assert_eq!(floor.level(), -30.0);
        (0..SMOOTH).for_each(|_| floor.hear(-50.0));
        assert_eq!(floor.level(), -50.0);
        (0..WINDOW_FRAMES / 2).for_each(|_| floor.hear(-20.0));
        assert_eq!(floor.level(), -50.0);
        (0..WINDOW_FRAMES).for_each(|_| floor.hear(-20.0));
        assert_eq!(floor.level(), -20.0);
        (0..SMOOTH).for_each(|_| floor.hear(-100.0));
        assert_eq!(floor.level(), LEAST);
    }
}
