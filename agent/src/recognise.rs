//! Speech recognition: from samples to words.
//!
//! Owns the trait behind which the recognisers sit, the choice among those that this machine has, and what they share: a
//! closed grammar ([`grammar`]), pronunciations, and the trial of a model before it is loaded ([`probe`]).
//! Promises that a missing or broken model is an error or a problem with a sentence that says what to do, and never the
//! end of the process. Leaves when speech begins and ends to the voice loop, and what the words mean to the parser.

pub mod grammar;
pub mod pocketsphinx;
pub mod probe;
pub mod pronunciation;
mod voiced;
pub mod whisper;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use victus_hw::clock::Clock;

pub use grammar::Problem;
use grammar::{GrammarError, SpeechGrammar};
use pocketsphinx::PocketSphinx;
use probe::ProbeCommand;
use pronunciation::PronunciationError;

/// Samples in a second of every recogniser's input.
pub const SAMPLE_RATE: u32 = 16_000;

/// The longest utterance, in samples: 30 s, which is also what whisper takes at once.
pub const MAX_SAMPLES: usize = 30 * SAMPLE_RATE as usize;

/// Turns the samples of one utterance into words. Samples are 16 kHz, mono, signed 16 bits.
pub trait Recogniser: Send {
    /// Its name, as in the config: `pocketsphinx` or `whisper`.
    fn name(&self) -> &str;

    /// Begins an utterance; one that was begun before and not finished is given up.
    ///
    /// # Errors
    /// [`RecogniseError::Decoder`] if the engine refuses.
    fn start(&mut self) -> Result<(), RecogniseError>;

    /// Takes further samples of the utterance.
    ///
    /// # Errors
    /// [`RecogniseError::NotStarted`] before a start; [`RecogniseError::TooLong`] beyond [`MAX_SAMPLES`], after which the
    /// utterance can still be finished; [`RecogniseError::Decoder`] if the engine fails.
    fn feed(&mut self, samples: &[i16]) -> Result<(), RecogniseError>;

    /// What has been understood so far, where the recogniser decodes as it hears.
    fn partial(&mut self) -> Option<String>;

    /// Ends the utterance and gives its words. The text is empty if nothing was spoken or nothing fits.
    ///
    /// # Errors
    /// [`RecogniseError::NotStarted`] before a start; [`RecogniseError::Decoder`] if the engine fails.
    fn finish(&mut self) -> Result<Transcript, RecogniseError>;
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The words in lower case with single spaces between; empty if there were none.
    pub text: String,
    /// How sure the recogniser is, from 0 to 1, where it can tell.
    pub confidence: Option<f32>,
    /// The time that the recogniser worked on this utterance.
    pub processing: Duration,
}

/// Which recogniser is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Whisper if a model with weights is there, else PocketSphinx.
    #[default]
    Auto,
    /// PocketSphinx.
    PocketSphinx,
    /// Whisper.
    Whisper,
}

/// What a recogniser needs to know to be opened.
#[derive(Debug, Clone)]
pub struct RecogniserConfig {
    /// Which one.
    pub recognizer: Choice,
    /// The language, as a tag such as `en` or `en-GB`.
    pub language: String,
    /// The folder with models, such as `/var/lib/victus/models`: whisper.cpp files lie in it or in its folder `whisper`.
    pub models_dir: PathBuf,
    /// The whisper.cpp model to use, as a file name in `models_dir` with or without `ggml-` before and `.bin` after it;
    /// none for the best that is there.
    pub whisper_model: Option<String>,
    /// The grammar of what is written, that whisper is held to; none to let it write anything.
    pub written: Option<SpeechGrammar>,
    /// How many threads whisper uses, 1 to 4; none for one on each core but one. They wait for each other busily: with a
    /// thread on every core any other work makes a request take many times as long.
    pub threads: Option<usize>,
    /// The folder of the PocketSphinx model; [`DEFAULT_POCKETSPHINX_MODEL`] is where the package puts it.
    pub pocketsphinx_model: PathBuf,
    /// A folder for files that are needed while loading. It is made if it is not there.
    pub work_dir: PathBuf,
    /// Pronunciations that the owner gives, by word: each a string of ARPAbet phones such as `F Y UW M`.
    pub spoken: BTreeMap<String, Vec<String>>,
    /// The program `espeak-ng`, which knows how unknown words sound; none to do without.
    pub espeak: Option<PathBuf>,
    /// How a model is tried before it is loaded.
    pub probe: ProbeCommand,
    /// What sentences mean, so that a recogniser can doubt between two that mean different things; none to hear words only.
    pub meaning: Option<Meaning>,
}

/// What a sentence means, the same for sentences that mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// What is to be done.
    pub intent: String,
    /// With what: the things and values; empty where there are none.
    pub about: String,
}

/// Tells what sentences mean; nothing for one that means nothing.
#[derive(Clone)]
pub struct Meaning(Arc<MeaningOf>);

type MeaningOf = dyn Fn(&str) -> Option<Meant> + Send + Sync;

impl Meaning {
    /// What this function says.
    pub fn new(of: impl Fn(&str) -> Option<Meant> + Send + Sync + 'static) -> Self {
        Self(Arc::new(of))
    }

    /// What a sentence means.
    pub fn of(&self, sentence: &str) -> Option<Meant> {
        (self.0)(sentence)
    }
}

impl std::fmt::Debug for Meaning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meaning")
    }
}

/// Where the package `pocketsphinx-en-us` puts its model.
pub const DEFAULT_POCKETSPHINX_MODEL: &str = "/usr/share/pocketsphinx/model/en-us";

/// A recogniser, and what was left out to get it.
pub struct Opened {
    /// The recogniser.
    pub recogniser: Box<dyn Recogniser>,
    /// What was passed over: models that are broken, sentences and words that cannot be heard.
    pub problems: Vec<Problem>,
}

/// Why speech cannot be recognised. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecogniseError {
    /// No recogniser knows the language.
    #[error(
        "no speech recogniser for the language “{language}” is installed: for English run `apt install libpocketsphinx3 pocketsphinx-en-us`; for others put a multilingual whisper.cpp model (ggml-*.bin) into {models_dir}"
    )]
    NoLanguage {
        /// The language.
        language: String,
        /// Where whisper models are looked for.
        models_dir: PathBuf,
    },
    /// A library or model is not there.
    #[error("{what} is not installed: {remedy}")]
    NotInstalled {
        /// What is missing.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A model is there and does not work.
    #[error("the speech model {path} is broken: {happened}; {remedy}")]
    ModelBroken {
        /// The model's file or folder.
        path: PathBuf,
        /// What happened when it was read.
        happened: String,
        /// What to do.
        remedy: String,
    },
    /// The grammar cannot be used.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The pronunciations cannot be looked up.
    #[error(transparent)]
    Pronunciation(#[from] PronunciationError),
    /// Samples or an end came before a start.
    #[error("no utterance has been started: call start before feed and finish")]
    NotStarted,
    /// The utterance is longer than a recogniser takes.
    #[error("the utterance is longer than 30 s: finish it and start another")]
    TooLong,
    /// The engine failed.
    #[error("the speech recogniser failed: {0}; the next utterance starts afresh")]
    Decoder(String),
    /// A file cannot be read or written.
    #[error("{path} cannot be used: {source}; check that it is there and who may use it")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the recogniser that the config asks for, for this grammar.
///
/// # Errors
/// [`RecogniseError`] if there is none for the language, if its library or model is missing or broken, or if the grammar
/// has nothing in it that could be heard.
pub fn open(
    config: &RecogniserConfig,
    grammar: &SpeechGrammar,
    clock: Arc<dyn Clock>,
) -> Result<Opened, RecogniseError> {
    let mut problems = Vec::new();
    if config.recognizer != Choice::PocketSphinx
        && let Some(whisper) = whisper::open_best(config, grammar, &clock, &mut problems)?
    {
        return Ok(Opened { recogniser: Box::new(whisper), problems });
    }
    // Debian has a model of English and of no other language; another one may be named by its folder.
    let other_model = config.pocketsphinx_model != Path::new(DEFAULT_POCKETSPHINX_MODEL);
    if primary_language(&config.language) != "en" && !other_model {
        return Err(RecogniseError::NoLanguage {
            language: config.language.clone(),
            models_dir: config.models_dir.clone(),
        });
    }
    let (pocketsphinx, more) = PocketSphinx::open(config, grammar, clock)?;
    problems.extend(more);
    Ok(Opened { recogniser: Box::new(pocketsphinx), problems })
}

/// The language of a tag such as `en-GB` or `de_AT`, in lower case.
fn primary_language(tag: &str) -> String {
    tag.split(['-', '_', '.']).next().unwrap_or_default().to_ascii_lowercase()
}
