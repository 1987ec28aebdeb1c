//! Whisper, through whisper.cpp: for machines with a model that somebody put there, and for languages other than English.
//!
//! Owns the choice of the model file, its checks, and the settings that make a short request quick: only as much audio
//! context as the request is long, no timestamps, no second attempts at higher temperature, the model kept loaded.
//! Two things come from the grammar: a prompt of its names and rare words (`prompt`), and, where the config has a grammar
//! of what is written, a bias that holds the decoder to its sentences (`bias`, `filter`). A grammar that is broken, empty
//! or too large for that is a problem, and the prompt stays.
//! Promises that a broken file, one without weights, a decoder that repeats itself, and one that is held to a sentence
//! which it does not itself believe give an error or an empty transcript and no invented request. Decodes when the
//! utterance ends; it has no partial results.

mod bias;
mod filter;
pub mod model_file;
mod prompt;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use victus_hw::clock::Clock;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState};

use super::grammar::{GrammarError, Problem, SpeechGrammar};
use super::voiced::Voiced;
use super::{
    Choice, MAX_SAMPLES, RecogniseError, Recogniser, RecogniserConfig, SAMPLE_RATE, Transcript, primary_language,
};
use bias::Bias;
use filter::Steering;
use model_file::ModelFile;

/// The most tokens of a request, at the first attempt and at the second: about 25 and 50 words.
const MAX_TOKENS: usize = 32;
const MAX_TOKENS_AGAIN: usize = 64;
/// The most threads: more gain little on a short request.
const MAX_THREADS: usize = 4;
/// Audio context beyond the length of the request, in units of 20 ms, and the unit it is rounded up to. With less, decoders
/// repeat themselves.
const SPARE_CONTEXT: usize = 128;
const CONTEXT_STEP: usize = 64;
/// Below this probability of speech at the model's own estimate nothing was said.
const MOST_NO_SPEECH: f32 = 0.6;
/// Below this probability of a token, on average, a decoder that is held to the grammar does not believe what it wrote.
const LEAST_BELIEVED: f32 = 0.01;
/// How many model files are looked at in a folder.
const MAX_FILES: usize = 100;

/// A whisper.cpp model, loaded.
pub struct Whisper {
    state: WhisperState,
    context: WhisperContext,
    parameters: FullParams<'static, 'static>,
    prompt: Vec<i32>,
    /// What holds the decoder to the grammar, where it is.
    steering: Option<Box<Mutex<Steering>>>,
    clock: Arc<dyn Clock>,
    utterance: Option<(Vec<f32>, Voiced)>,
}

/// What the decoder made of some audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The text as the model wrote it.
    pub text: String,
    /// The number of tokens.
    pub tokens: usize,
    /// The geometric mean of the tokens' probabilities, from 0 to 1, as they were before the grammar narrowed the choice.
    pub probability: f32,
    /// Whether the decoder repeats itself or was stopped at the most tokens; where it is held to the grammar, also whether
    /// the text is no sentence of it, or one that the model does not believe.
    pub lost: bool,
}

impl Whisper {
    /// Loads a model file, after checking it and trying it in a child process.
    ///
    /// # Errors
    /// [`RecogniseError`] if the file is broken or does not know the language.
    pub fn open(
        file: &Path,
        config: &RecogniserConfig,
        grammar: &SpeechGrammar,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RecogniseError> {
        let model = model_file::check(file).map_err(|error| broken(file, &error.to_string()))?;
        config.probe.try_whisper(file).map_err(|happened| broken(file, &happened))?;
        let language = primary_language(&config.language);
        if !fits(model, &language) {
            let models_dir = config.models_dir.clone();
            return Err(RecogniseError::NoLanguage { language: config.language.clone(), models_dir });
        }
        let context = load(file).map_err(|error| broken(file, &error.to_string()))?;
        let state = context.create_state().map_err(decoder)?;
        let prompt = prompt::prompt(grammar, prompt::MOST_TOKENS, |text| tokens_of(&context, text));
        let parameters = parameters(&language, threads(config.threads));
        Ok(Self { state, context, parameters, prompt, steering: None, clock, utterance: None })
    }

    /// Holds the decoder to the sentences of a grammar of what is written, from the next utterance on.
    ///
    /// # Errors
    /// [`GrammarError`] if the grammar is broken, empty or too large; nothing is changed then.
    pub fn hold_to(&mut self, grammar: &SpeechGrammar) -> Result<(), GrammarError> {
        let automaton = grammar.automaton()?;
        let end = self.context.token_eot();
        let tokens = (0..end).map(|token| self.context.token_to_bytes(token).map(<[u8]>::to_vec).unwrap_or_default());
        let bias = Bias::new(automaton, tokens.collect());
        let vocabulary = usize::try_from(self.context.n_vocab()).unwrap_or(0);
        self.steering = Some(Box::new(Mutex::new(Steering::new(bias, end, vocabulary))));
        Ok(())
    }

    /// Decodes audio (16 kHz, from -1 to 1) with an audio context in units of 20 ms, and so many tokens at most.
    ///
    /// # Errors
    /// [`RecogniseError::Decoder`] if whisper.cpp refuses.
    pub fn decode(&mut self, audio: &[f32], audio_context: usize, tokens: usize) -> Result<Decoded, RecogniseError> {
        let mut parameters = self.parameters.clone();
        parameters.set_tokens(&self.prompt);
        parameters.set_audio_ctx(i32::try_from(audio_context).unwrap_or(0));
        parameters.set_max_tokens(i32::try_from(tokens).unwrap_or(0));
        if let Some(steering) = &self.steering {
            filter::hold(&mut parameters, steering);
        }
        self.state.full(parameters, audio).map_err(decoder)?;

        let (mut text, mut ids, mut logarithms) = (Vec::new(), Vec::new(), 0.0_f64);
        let end = self.context.token_eot();
        for segment in self.state.as_iter() {
            if segment.no_speech_probability() > MOST_NO_SPEECH {
                continue;
            }
            text.extend_from_slice(segment.to_bytes().map_err(decoder)?);
            for token in (0..segment.n_tokens()).filter_map(|index| segment.get_token(index)) {
                // From the end token on they are no words.
                if token.token_id() < end {
                    ids.push(token.token_id());
                    logarithms += f64::from(token.token_probability().clamp(1e-6, 1.0)).ln();
                }
            }
        }
        let count = ids.len();
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let mut probability = if count == 0 { 0.0 } else { (logarithms / count as f64).exp() as f32 };
        let mut lost = count >= tokens || repeats(&ids);
        if let Some(steering) = self.steering.as_ref().filter(|_| count > 0) {
            let mut steering = steering.lock().unwrap_or_else(PoisonError::into_inner);
            probability = steering.probability(&ids);
            lost |= probability < LEAST_BELIEVED || !steering.is_sentence(&text);
        }
        // A token may end in the middle of a letter.
        Ok(Decoded { text: String::from_utf8_lossy(&text).into_owned(), tokens: count, probability, lost })
    }

    /// The whole audio context of the model, which is 30 s.
    pub fn full_context(&self) -> usize {
        usize::try_from(self.context.n_audio_ctx()).unwrap_or(1500)
    }

    /// The audio context for so many samples: their length and some to spare.
    pub fn context_for(&self, samples: usize) -> usize {
        reduced_context(samples, self.full_context())
    }

    /// Decodes with little context first, and with all of it if the decoder gets lost. Nothing if it is lost even then.
    fn decode_safely(&mut self, audio: &[f32]) -> Result<Option<Decoded>, RecogniseError> {
        let (reduced, full) = (self.context_for(audio.len()), self.full_context());
        let first = self.decode(audio, reduced, MAX_TOKENS)?;
        if !first.lost {
            return Ok(Some(first));
        }
        log::debug!("whisper got lost with an audio context of {reduced}: once more with {full}");
        let second = self.decode(audio, full, MAX_TOKENS_AGAIN)?;
        Ok(Some(second).filter(|decoded| !decoded.lost))
    }
}

impl Recogniser for Whisper {
    fn name(&self) -> &str {
        "whisper"
    }

    fn start(&mut self) -> Result<(), RecogniseError> {
        self.utterance = Some((Vec::new(), Voiced::default()));
        Ok(())
    }

    fn feed(&mut self, samples: &[i16]) -> Result<(), RecogniseError> {
        let (audio, voiced) = self.utterance.as_mut().ok_or(RecogniseError::NotStarted)?;
        if audio.len().saturating_add(samples.len()) > MAX_SAMPLES {
            return Err(RecogniseError::TooLong);
        }
        voiced.feed(samples);
        audio.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        Ok(())
    }

    fn partial(&mut self) -> Option<String> {
        None
    }

    fn finish(&mut self) -> Result<Transcript, RecogniseError> {
        let (audio, voiced) = self.utterance.take().ok_or(RecogniseError::NotStarted)?;
        let start = self.clock.monotonic();
        let decoded = match voiced.part() {
            Some(part) => self.decode_safely(&audio[part])?,
            None => None,
        };
        let processing = self.clock.monotonic().saturating_since(start);
        Ok(match decoded {
            Some(decoded) => {
                let confidence = Some(decoded.probability);
                Transcript { text: plain_words(&decoded.text), confidence, processing }
            }
            None => Transcript { text: String::new(), confidence: None, processing },
        })
    }
}

fn decoder(error: WhisperError) -> RecogniseError {
    RecogniseError::Decoder(error.to_string())
}

fn broken(file: &Path, happened: &str) -> RecogniseError {
    RecogniseError::ModelBroken {
        path: file.to_owned(),
        happened: happened.to_owned(),
        remedy: "put a whole whisper.cpp model there, or remove it".to_owned(),
    }
}

fn fits(model: ModelFile, language: &str) -> bool {
    model.multilingual && is_language(language) || language == "en"
}

/// Whether whisper.cpp knows the language. (What is no short word is kept from it: it wants no NUL.)
fn is_language(language: &str) -> bool {
    language.len() <= 3
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && whisper_rs::get_lang_id(language).is_some()
}

fn load(file: &Path) -> Result<WhisperContext, WhisperError> {
    whisper_rs::install_logging_hooks();
    let mut parameters = WhisperContextParameters::default();
    parameters.flash_attn(true);
    WhisperContext::new_with_params(file, parameters)
}

/// The number of threads to use where so many are asked for.
fn threads(asked: Option<usize>) -> i32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    i32::try_from(asked.unwrap_or(cores - 1).clamp(1, MAX_THREADS)).unwrap_or(1)
}

fn parameters(language: &str, threads: i32) -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    parameters.set_n_threads(threads);
    // The library's own copy of the name, which lives for ever.
    parameters.set_language(whisper_rs::get_lang_id(language).and_then(whisper_rs::get_lang_str));
    parameters.set_no_timestamps(true);
    parameters.set_single_segment(true);
    parameters.set_no_context(true);
    parameters.set_suppress_nst(true);
    parameters.set_temperature(0.0);
    parameters.set_temperature_inc(0.0);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters.set_print_special(false);
    parameters
}

/// Audio context for so many samples, in units of 20 ms: the length, some to spare, rounded up.
fn reduced_context(samples: usize, full: usize) -> usize {
    let length = samples.div_ceil(SAMPLE_RATE as usize / 50);
    (length + SPARE_CONTEXT).next_multiple_of(CONTEXT_STEP).min(full)
}

/// Whether the end of a sequence is one group of 1 to 8 tokens said three times or more, as by a decoder in a loop.
fn repeats(tokens: &[i32]) -> bool {
    (1..=8).any(|length| {
        // A word may well be said three times in a row ("no no no"); a single token six times is a loop.
        let times = if length == 1 { 6 } else { 3 };
        let Some(start) = tokens.len().checked_sub(length * times) else { return false };
        let end = &tokens[start..];
        end.chunks_exact(length).all(|group| group == &end[..length])
    })
}

/// Text as a person would say it: small letters, no punctuation but `'` within and signs beside digits, nothing in brackets.
fn plain_words(text: &str) -> String {
    let mut words = String::new();
    let mut depth = 0_usize;
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        let digit = |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
        match character {
            '[' | '(' | '*' if depth == 0 => depth = 1,
            ']' | ')' | '*' if depth > 0 => depth = 0,
            _ if depth > 0 => {}
            '’' => words.push('\''),
            '.' | ',' | ':' if digit(index.checked_sub(1)) && digit(Some(index + 1)) => words.push(*character),
            '%' if digit(index.checked_sub(1)) => words.push('%'),
            '-' if digit(Some(index + 1)) => words.push('-'),
            '\'' => words.push('\''),
            other if other.is_alphanumeric() => words.extend(other.to_lowercase()),
            _ => words.push(' '),
        }
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    words.join(" ")
}

/// The tokens of a text; none if the model cannot write it.
fn tokens_of(context: &WhisperContext, text: &str) -> Vec<i32> {
    // A token has at least one byte, so that there is room for all of them.
    context.tokenize(text, text.len() + 8).unwrap_or_default()
}

/// Opens whisper if it is asked for or if a model that works is there. Files that do not work become problems where another
/// recogniser may take over.
pub(super) fn open_best(
    config: &RecogniserConfig,
    grammar: &SpeechGrammar,
    clock: &Arc<dyn Clock>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Whisper>, RecogniseError> {
    let (grammar, more) = grammar.checked();
    let mut refused = Vec::new();
    let (files, mut refusal) = match candidates(config) {
        Ok(files) => (files, None),
        Err(error) => {
            refused.push(Problem::anywhere(error.to_string()));
            (Vec::new(), Some(error))
        }
    };
    for file in files {
        match Whisper::open(&file, config, &grammar, Arc::clone(clock)) {
            Ok(mut whisper) => {
                problems.append(&mut refused);
                problems.extend(more);
                problems.extend(config.written.as_ref().and_then(|written| hold(&mut whisper, written)));
                return Ok(Some(whisper));
            }
            Err(error) => {
                refused.push(Problem::anywhere(error.to_string()));
                refusal.get_or_insert(error);
            }
        }
    }
    if config.recognizer == Choice::Whisper {
        return Err(refusal.unwrap_or_else(|| RecogniseError::NotInstalled {
            what: "a whisper.cpp model".to_owned(),
            remedy: format!("put one (ggml-*.bin) into {}, or set recognizer = \"auto\"", config.models_dir.display()),
        }));
    }
    problems.append(&mut refused);
    Ok(None)
}

/// Holds whisper to a grammar of what is written; what is wrong where it can't be.
fn hold(whisper: &mut Whisper, written: &SpeechGrammar) -> Option<Problem> {
    // What is broken in it has been said of the grammar of what is said.
    let error = whisper.hold_to(&written.checked().0).err()?;
    let message = format!("whisper is not held to the sentences, and only expects their names: {error}");
    Some(Problem::anywhere(message))
}

/// The model files to look at: the one that the config names, or all that are there, the smallest (and quickest) first.
fn candidates(config: &RecogniserConfig) -> Result<Vec<PathBuf>, RecogniseError> {
    let folders = [config.models_dir.clone(), config.models_dir.join("whisper")];
    if let Some(name) = &config.whisper_model {
        let names = [name.clone(), format!("{name}.bin"), format!("ggml-{name}.bin")];
        let plain = !name.is_empty() && !name.contains(['/', '\0']);
        let mut paths = folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        return match paths.find(|path| plain && path.is_file()) {
            Some(path) => Ok(vec![path]),
            None => Err(RecogniseError::NotInstalled {
                what: format!("the whisper.cpp model `{name}`"),
                remedy: format!("put the file ggml-{name}.bin into {}, or name another one", folders[0].display()),
            }),
        };
    }
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().take(1000).flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Models that hear voice activity are of another kind and named for it.
            if name.ends_with(".bin") && name.contains("ggml") && !name.contains("silero") && found.len() < MAX_FILES {
                found.push((entry.metadata().map_or(0, |data| data.len()), entry.path()));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Loads the model in this process, which may end by that, and decodes a second of it.
///
/// # Errors
/// A sentence if the library refuses the model without ending the process.
pub(super) fn probe(file: &Path) -> Result<(), String> {
    model_file::check(file).map_err(|error| error.to_string())?;
    let context = load(file).map_err(|error| error.to_string())?;
    let mut state = context.create_state().map_err(|error| error.to_string())?;
    let mut parameters = parameters("en", 1);
    parameters.set_audio_ctx(i32::try_from(reduced_context(0, usize::MAX)).unwrap_or(0));
    parameters.set_max_tokens(1);
    let audio = vec![0.01; SAMPLE_RATE as usize];
    state.full(parameters, &audio).map_err(|error| error.to_string())
}
