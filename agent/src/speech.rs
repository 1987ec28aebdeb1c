//! Speech synthesis: from text to samples.
//!
//! Owns the trait behind which the voices sit, the cutting of a reply into sentences (so that the first is heard while the
//! next is made), and the samples' format. Promises that any text at all gives samples or an error with a sentence that
//! says what to do, within a bounded time. Leaves playing, resampling and what is said to others.

pub mod espeak;
#[cfg(test)]
mod tests;
pub mod wav;

use std::time::Duration;

/// The most bytes of text that are spoken at once; [`sentences`] gives pieces that are shorter.
pub const MAX_TEXT_BYTES: usize = 2_000;

/// The most bytes of a piece that [`sentences`] gives.
pub const MAX_SENTENCE_BYTES: usize = 400;

/// Makes speech of text.
pub trait Synthesiser: Send {
    /// Its name, as in the config: `espeak-ng`.
    fn name(&self) -> &str;

    /// The samples of a text. None for a text with nothing to say in it.
    ///
    /// # Errors
    /// [`SpeechError`] if the engine is missing, fails, or the text is longer than [`MAX_TEXT_BYTES`].
    fn synthesise(&mut self, text: &str) -> Result<Speech, SpeechError>;
}

/// Spoken text: mono, signed 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples in a second.
    pub rate: u32,
}

impl Speech {
    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(self.rate.max(1)))
    }
}

/// Why nothing is said. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The engine is not there.
    #[error("the voice {program} is not installed: run `apt install espeak-ng`")]
    NotInstalled {
        /// The program.
        program: String,
    },
    /// The engine does not know the voice.
    #[error("{program} has no voice “{voice}”: choose one of `{program} --voices`")]
    NoVoice {
        /// The program.
        program: String,
        /// The voice.
        voice: String,
    },
    /// The text is too long to be said at once.
    #[error("the text has {bytes} bytes and {MAX_TEXT_BYTES} can be said at once: say it in sentences")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The engine failed.
    #[error("the voice failed: {0}; try the text again, and another text if it fails again")]
    Failed(String),
}

/// Cuts a text into sentences, each of at most [`MAX_SENTENCE_BYTES`], without losing a word. A sentence ends with `.`, `!`,
/// `?`, `…` or their like and a space after it, or with the line. One that is too long is cut after a comma or
/// between words, and a word that is too long within.
pub fn sentences(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for line in text.lines() {
        let mut sentence = String::new();
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            sentence.push(character);
            // The full stops of scripts that write no spaces end a sentence by themselves.
            let wide = matches!(character, '。' | '！' | '？' | '।');
            let ends = matches!(character, '.' | '!' | '?' | '…' | ';')
                && characters.peek().is_none_or(|next| next.is_whitespace());
            if wide || ends {
                take(&mut sentence, &mut pieces);
            }
        }
        take(&mut sentence, &mut pieces);
    }
    pieces
}

/// Moves a sentence to the pieces, cut where it is too long.
fn take(sentence: &mut String, pieces: &mut Vec<String>) {
    let whole = std::mem::take(sentence);
    let mut rest = whole.trim();
    while rest.len() > MAX_SENTENCE_BYTES {
        let most = rest.floor_char_boundary(MAX_SENTENCE_BYTES);
        let (start, _) = rest.split_at(most);
        let at = start.rfind([',', ':', ';']).map(|at| at + 1).filter(|at| *at > MAX_SENTENCE_BYTES / 2);
        let at = at.or_else(|| start.rfind(char::is_whitespace)).filter(|at| *at > 0).unwrap_or(most);
        let (piece, after) = rest.split_at(at);
        pieces.push(piece.trim().to_owned());
        rest = after.trim();
    }
    if !rest.is_empty() {
        pieces.push(rest.to_owned());
    }
}
