//! espeak-ng, the voice that every Debian machine can have, as a program beside this one (its licence is GPL-3).
//!
//! Promises that no text is taken for an option, a phoneme or markup, and that time and output are bounded whatever the
//! program does.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::{MAX_TEXT_BYTES, Speech, SpeechError, Synthesiser, wav};
use crate::subprocess::{Limits, RunError, run};

/// The longest time for one text. A Pi 4 makes a minute of speech in about a second.
const TIME: Duration = Duration::from_secs(30);
/// The most output: six minutes at 22050 Hz. A text of [`MAX_TEXT_BYTES`] has about two.
const OUTPUT: usize = 16 * 1024 * 1024;
/// The sample rate of its voices, which a text without sound is given too.
const RATE: u32 = 22_050;
/// The voice for English: of those tried, people and recognisers understand this one best.
const ENGLISH: &str = "en+m3";

/// A voice of espeak-ng.
#[derive(Debug, Clone)]
pub struct Espeak {
    program: PathBuf,
    voice: String,
}

impl Espeak {
    /// A voice by the name that espeak-ng gives it, such as `en-gb` or `en+m3`.
    pub fn new(voice: impl Into<String>) -> Self {
        Self { program: PathBuf::from("espeak-ng"), voice: voice.into() }
    }

    /// The voice for a language, given as a tag such as `en`, `de-AT` or `pt_BR`.
    pub fn for_language(tag: &str) -> Self {
        let tag = tag.replace('_', "-").to_ascii_lowercase();
        match tag.as_str() {
            "en" | "en-gb" | "en-us" => Self::new(ENGLISH),
            // Languages of which it has several kinds it knows by their whole tag, all others by their first part.
            "pt-br" | "es-419" | "fr-be" | "fr-ch" => Self::new(tag),
            _ => Self::new(tag.split('-').next().unwrap_or_default()),
        }
    }

    /// The same voice, spoken by the program at a given path.
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// Whether the program can be started at all.
    pub fn is_installed(&self) -> bool {
        let limits = Limits { output: 4096, time: TIME };
        run(self.program.as_os_str(), &["--version"], Vec::new(), limits)
            .is_ok_and(|finished| finished.status.success())
    }

    fn name_of_program(&self) -> String {
        self.program.display().to_string()
    }
}

impl Synthesiser for Espeak {
    fn name(&self) -> &str {
        "espeak-ng"
    }

    fn synthesise(&mut self, text: &str) -> Result<Speech, SpeechError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(SpeechError::TooLong { bytes: text.len() });
        }
        let text = plain(text);
        if !text.contains(|character: char| !character.is_whitespace()) {
            return Ok(Speech { samples: Vec::new(), rate: RATE });
        }
        let no_voice = || SpeechError::NoVoice { program: self.name_of_program(), voice: self.voice.clone() };
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_');
        if self.voice.is_empty() || self.voice.starts_with(['-', '+']) || !self.voice.bytes().all(letters) {
            return Err(no_voice());
        }
        let arguments = ["--stdin", "--stdout", "-b", "1", "-v", &self.voice].map(OsStr::new);
        let limits = Limits { output: OUTPUT, time: TIME };
        let finished =
            run(self.program.as_os_str(), &arguments, text.into_bytes(), limits).map_err(|error| match error {
                RunError::Missing(program) => SpeechError::NotInstalled { program },
                error => SpeechError::Failed(error.to_string()),
            })?;
        if !finished.status.success() {
            if finished.complaint.contains("voice") {
                return Err(no_voice());
            }
            let complaint: String = finished.complaint.trim().chars().take(200).collect();
            return Err(SpeechError::Failed(format!(
                "{} ended with {}: {complaint}",
                self.name_of_program(),
                finished.status
            )));
        }
        if finished.output.is_empty() {
            // It says nothing at all, not even a header, to what it cannot pronounce.
            return Ok(Speech { samples: Vec::new(), rate: RATE });
        }
        let wav = wav::parse(&finished.output)
            .map_err(|what| SpeechError::Failed(format!("what {} gives: {what}", self.name_of_program())))?;
        Ok(Speech { samples: wav.samples, rate: wav.rate })
    }
}

/// Text without what means something to espeak-ng: control characters, and `[[`, which begins phonemes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '[' | ']' => plain.push(' '),
            control if control.is_control() => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}
