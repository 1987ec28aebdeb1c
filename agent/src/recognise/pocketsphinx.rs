//! PocketSphinx, the recogniser that every Debian machine can have, restricted to a closed grammar.
//!
//! Owns the model's files, the decoder and its settings. Promises that a broken model is an error and never ends this
//! process (it is tried in a child process first), and that silence or steady noise gives an empty transcript. Partial
//! results are decoded as the samples arrive, with the channel as earlier utterances had it; the transcript is decoded
//! from the whole, with its own: on recordings of several people that is right 15 or 16 times of 16 instead of 13, and
//! costs some 45 ms of an x86 core for each second of sound.
//! How sure it is comes of two more looks at the samples (`evidence`): whether sounds without any grammar fit much better, and
//! whether a sentence that means something else fits nearly as well. Together they cost about as much again.
//! Leaves the end of speech to the voice loop and the meaning of the words to the parser.
//!
//! A model is a folder with one dictionary `*.dict` and one acoustic folder that has `mdef`, `feat.params`, `means`,
//! `variances`, `transition_matrices`, `noisedict` and `sendump`, as the package `pocketsphinx-en-us` installs it.

mod evidence;
mod ffi;
mod length;
mod model;
mod rivals;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use victus_hw::clock::Clock;

pub use evidence::Evidence;
pub use model::Model;
pub(super) use model::probe;
use rivals::Rivals;

use super::grammar::automaton::Automaton;
use super::grammar::{Expansion, GrammarError, GrammarRule, Origin, Problem, SpeechGrammar, word_of_token};
use super::pronunciation::{Phones, Sources, pronounce};
use super::voiced::Voiced;
use super::{MAX_SAMPLES, Meaning, RecogniseError, Recogniser, RecogniserConfig, Transcript};
use ffi::{Api, Decoder, MAIN_SEARCH, Messages, Segment};

/// The package that brings the library and the one that brings the English model.
const REMEDY: &str = "run `apt install libpocketsphinx3 pocketsphinx-en-us`";

/// Settings of the decoder. Its own silence removal cuts words off. The beams are far wider than its defaults, which
/// rescues short requests; the number of states that stay active is what bounds the cost. 3000 give the same words on
/// recordings as no bound, at a twelfth of the cost in the largest grammar. Scores of different grammars can be compared only
/// where all senones are computed (`-compallsen`): those of a frame are relative to the best that was.
const SETTINGS: &[&str] = &[
    "-remove_silence",
    "no",
    "-beam",
    "1e-120",
    "-pbeam",
    "1e-120",
    "-wbeam",
    "1e-100",
    "-maxhmmpf",
    "3000",
    "-maxwpf",
    "-1",
    "-ds",
    "1",
    "-topn",
    "4",
    "-compallsen",
    "yes",
    "-samprate",
    "16000",
];

/// The noise that is added to the samples, at most: digital silence, as in synthetic speech, is unlike anything that the
/// model has heard, and costs one request in ten. A microphone's own noise is louder.
const NOISE: i16 = 8;

/// The searches beside that of the grammar, by the names that the decoder has for them.
const PHONE_SEARCH: &CStr = c"phones";
const FEW_SEARCH: &CStr = c"few";

/// The most segments that are looked at: 30 s are 3000 frames, and the shortest phone takes three.
const MAX_SEGMENTS: usize = 1_000;

/// PocketSphinx with a model and a grammar.
pub struct PocketSphinx {
    decoder: Decoder,
    clock: Arc<dyn Clock>,
    utterance: Option<Utterance>,
    automaton: Automaton,
    sounds: BTreeMap<String, Vec<Phones>>,
    meaning: Option<Meaning>,
    evidence: Option<Evidence>,
}

/// What is known of the utterance in progress.
#[derive(Default)]
struct Utterance {
    /// The samples, with some noise.
    samples: Vec<i16>,
    /// The last number of the noise's sequence.
    noise: u32,
    voiced: Voiced,
    processing: Duration,
    /// How many samples have been decoded for partial results; none before the first of these is asked for.
    decoded: Option<usize>,
}

impl Utterance {
    fn take(&mut self, samples: &[i16]) {
        for sample in samples {
            // The same for every utterance (Numerical Recipes' generator), so that the same samples give the same words.
            self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [high, ..] = self.noise.to_be_bytes();
            self.samples.push(sample.saturating_add(i16::from(high) % (2 * NOISE + 1) - NOISE));
        }
    }
}

impl PocketSphinx {
    /// Loads the model and compiles the grammar. What of the grammar is broken or has no pronunciation is left out and
    /// returned as problems.
    ///
    /// # Errors
    /// [`RecogniseError`] if library or model are missing or broken, or if nothing is left of the grammar.
    pub fn open(
        config: &RecogniserConfig,
        grammar: &SpeechGrammar,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Vec<Problem>), RecogniseError> {
        let model = Model::find(&config.pocketsphinx_model)?;
        let (grammar, mut problems) = grammar.checked();
        if grammar.sentences.is_empty() {
            return Err(GrammarError::Empty.into());
        }
        problems.extend(model.check_lengths()?);
        let phones = model.phones()?;
        let sources = Sources {
            dictionary: model.dictionary(),
            phones: &phones,
            spoken: &config.spoken,
            espeak: config.espeak.as_deref(),
        };
        let pronunciations = pronounce(&grammar.words(), &sources)?;
        let (grammar, more) = grammar.without_words(&pronunciations.missing);
        problems.extend(pronunciations.problems.iter().cloned());
        problems.extend(more);
        let fsg = grammar.to_fsg()?;
        let automaton = grammar.automaton()?;

        config.probe.try_pocketsphinx(&model)?;
        let api = open_library()?;
        let voice = || phones.iter().filter(|phone| evidence::is_voice(phone));
        let words = pronunciations.to_dictionary() + &evidence::phone_dictionary(voice());
        let dictionary = write_file(&config.work_dir, "words-", ".dict", &words)?;
        let search = write_file(&config.work_dir, "words-", ".fsg", &fsg)?;
        let mut decoder = load(&api, &model, dictionary.path(), &Search::Automaton(search.path()))
            .map_err(RecogniseError::Decoder)?;
        let phone_loop = CString::new(evidence::phone_loop(voice())).map_err(|error| failed(error.to_string()))?;
        decoder.set_grammar(PHONE_SEARCH, &phone_loop).map_err(failed)?;
        let (sounds, meaning) = (pronunciations.words, config.meaning.clone());
        let this = Self { decoder, clock, utterance: None, automaton, sounds, meaning, evidence: None };
        Ok((this, problems))
    }

    /// What tells how sure the last finished utterance is; nothing where no words were heard in it.
    pub fn evidence(&self) -> Option<Evidence> {
        self.evidence
    }

    /// Asks how sure the words are that were decoded from these samples.
    fn weigh(&mut self, samples: &[i16], words: &str, heard: Vec<Segment>) -> Result<Option<Evidence>, RecogniseError> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        // In the search over everything that can be said, a sentence that won may have lost its best path on the way.
        let alone = self.decode_among(std::slice::from_ref(&words), samples)?;
        let heard = alone.filter(|alone| evidence::score(alone) > evidence::score(&heard)).unwrap_or(heard);
        let sounds = decode(&mut self.decoder, PHONE_SEARCH, samples)?;
        let Some(fit) = evidence::fit(&heard, &sounds) else { return Ok(None) };
        let rivals = match &self.meaning {
            Some(meaning) => rivals::rivals(&self.automaton, &words, &self.sounds, meaning),
            None => Rivals::default(),
        };
        let lead = self.lead(&heard, &rivals.others, samples)?;
        let lead_on_opposite = self.lead(&heard, &rivals.opposites, samples)?;
        let evidence = Evidence { fit, lead, lead_on_opposite };
        log::debug!(evidence:debug; "heard “{}”", words.join(" "));
        Ok(Some(evidence))
    }

    /// How much likelier what was heard is than the likeliest of these sentences; nothing where none of them fits.
    fn lead(
        &mut self,
        heard: &[Segment],
        rivals: &[Vec<String>],
        samples: &[i16],
    ) -> Result<Option<f32>, RecogniseError> {
        if rivals.is_empty() {
            return Ok(None);
        }
        let nearest = self.decode_among(rivals, samples)?;
        Ok(nearest.map(|nearest| (evidence::score(heard) - evidence::score(&nearest)) as f32))
    }

    /// The likeliest of these sentences; nothing where none of them fits the samples.
    fn decode_among(
        &mut self,
        sentences: &[Vec<String>],
        samples: &[i16],
    ) -> Result<Option<Vec<Segment>>, RecogniseError> {
        self.decoder.set_grammar(FEW_SEARCH, &grammar_of(sentences)?).map_err(failed)?;
        let nearest = decode(&mut self.decoder, FEW_SEARCH, samples)?;
        Ok(nearest.iter().any(Segment::is_word).then_some(nearest))
    }

    /// Does `work` on the decoder. Gives the time it took, too.
    fn timed<T>(
        &mut self,
        work: impl FnOnce(&mut Decoder) -> Result<T, String>,
    ) -> Result<(T, Duration), RecogniseError> {
        let start = self.clock.monotonic();
        let result = work(&mut self.decoder).map_err(RecogniseError::Decoder)?;
        Ok((result, self.clock.monotonic().saturating_since(start)))
    }

    /// Ends the decoding of partial results, if it was begun.
    fn end_partial(&mut self, utterance: &Utterance) -> Result<(), RecogniseError> {
        if utterance.decoded.is_some() {
            self.decoder.end().map_err(RecogniseError::Decoder)?;
        }
        Ok(())
    }
}

/// The words of the decoder's hypothesis.
fn words(decoder: &mut Decoder) -> String {
    let tokens = decoder.hypothesis().unwrap_or_default();
    let words: Vec<String> = tokens.split_whitespace().map(word_of_token).collect();
    words.join(" ")
}

impl Recogniser for PocketSphinx {
    fn name(&self) -> &str {
        "pocketsphinx"
    }

    fn start(&mut self) -> Result<(), RecogniseError> {
        if let Some(given_up) = self.utterance.take() {
            self.end_partial(&given_up)?;
        }
        self.utterance = Some(Utterance::default());
        Ok(())
    }

    fn feed(&mut self, samples: &[i16]) -> Result<(), RecogniseError> {
        let utterance = self.utterance.as_mut().ok_or(RecogniseError::NotStarted)?;
        if utterance.samples.len().saturating_add(samples.len()) > MAX_SAMPLES {
            return Err(RecogniseError::TooLong);
        }
        utterance.voiced.feed(samples);
        utterance.take(samples);
        Ok(())
    }

    fn partial(&mut self) -> Option<String> {
        let mut utterance = self.utterance.take()?;
        let mut text = None;
        if utterance.voiced.spoken() {
            let begun = utterance.decoded.is_some();
            let new = &utterance.samples[utterance.decoded.unwrap_or(0)..];
            let heard = self.timed(|decoder| {
                if !begun {
                    decoder.search_by(MAIN_SEARCH)?;
                    decoder.start()?;
                }
                if !new.is_empty() {
                    decoder.process(new, false)?;
                }
                Ok(words(decoder))
            });
            utterance.decoded = Some(utterance.samples.len());
            match heard {
                Ok((words, time)) => {
                    utterance.processing += time;
                    text = Some(words).filter(|words| !words.is_empty());
                }
                Err(error) => log::warn!("no partial result: {error}"),
            }
        }
        self.utterance = Some(utterance);
        text
    }

    fn finish(&mut self) -> Result<Transcript, RecogniseError> {
        let utterance = self.utterance.take().ok_or(RecogniseError::NotStarted)?;
        self.end_partial(&utterance)?;
        self.evidence = None;
        let Some(part) = utterance.voiced.part() else {
            return Ok(Transcript { text: String::new(), confidence: None, processing: utterance.processing });
        };
        let samples = &utterance.samples[part];
        let start = self.clock.monotonic();
        let heard = decode(&mut self.decoder, MAIN_SEARCH, samples)?;
        let text = words(&mut self.decoder);
        if !text.is_empty() {
            self.evidence = self.weigh(samples, &text, heard)?;
        }
        let processing = utterance.processing + self.clock.monotonic().saturating_since(start);
        let confidence = (!text.is_empty()).then(|| self.evidence.map_or(0.0, |evidence| evidence.confidence()));
        Ok(Transcript { text, confidence, processing })
    }
}

fn failed(detail: String) -> RecogniseError {
    RecogniseError::Decoder(detail)
}

/// Decodes a whole utterance by one of the decoder's searches.
fn decode(decoder: &mut Decoder, search: &CStr, samples: &[i16]) -> Result<Vec<Segment>, RecogniseError> {
    decoder.search_by(search).map_err(failed)?;
    decoder.start().map_err(failed)?;
    let decoded = decoder.process(samples, true);
    decoder.end().map_err(failed)?;
    decoded.map_err(failed)?;
    Ok(decoder.segments(MAX_SEGMENTS))
}

/// A grammar of these sentences, in JSGF.
fn grammar_of(sentences: &[Vec<String>]) -> Result<CString, RecogniseError> {
    let origin = Origin { file: "what was heard".to_owned(), line: 1 };
    let sentence = |words: &Vec<String>| {
        let words = words.iter().map(|word| Expansion::Word(word.clone())).collect();
        GrammarRule { expansion: Expansion::Sequence(words), origin: origin.clone() }
    };
    let grammar = SpeechGrammar { sentences: sentences.iter().map(sentence).collect(), ..SpeechGrammar::default() };
    CString::new(grammar.to_jsgf()?).map_err(|error| failed(error.to_string()))
}

fn open_library() -> Result<Arc<Api>, RecogniseError> {
    Api::open(Messages::Dropped).map_err(|detail| RecogniseError::NotInstalled {
        what: format!("the speech recogniser PocketSphinx ({detail})"),
        remedy: REMEDY.to_owned(),
    })
}

/// What a decoder is restricted to.
enum Search<'a> {
    /// A file in the FSG format.
    Automaton(&'a Path),
    /// A grammar in JSGF.
    Grammar(&'a str),
}

/// Makes a decoder. Ends the process on some broken models.
fn load(api: &Arc<Api>, model: &Model, dictionary: &Path, search: &Search<'_>) -> Result<Decoder, String> {
    let text = |bytes: &[u8]| CString::new(bytes).map_err(|error| error.to_string());
    let mut arguments = vec![
        c"-hmm".to_owned(),
        text(model.acoustic().as_os_str().as_bytes())?,
        c"-dict".to_owned(),
        text(dictionary.as_os_str().as_bytes())?,
    ];
    for setting in SETTINGS {
        arguments.push(text(setting.as_bytes())?);
    }
    if let Search::Automaton(file) = search {
        arguments.push(c"-fsg".to_owned());
        arguments.push(text(file.as_os_str().as_bytes())?);
    }
    let mut decoder = Decoder::new(api, arguments)?;
    if let Search::Grammar(jsgf) = search {
        decoder.set_grammar(c"victus", &text(jsgf.as_bytes())?)?;
    }
    Ok(decoder)
}

/// Writes a file that is there as long as the decoder loads.
fn write_file(
    folder: &Path,
    prefix: &str,
    suffix: &str,
    text: &str,
) -> Result<tempfile::NamedTempFile, RecogniseError> {
    let failed = |source| RecogniseError::File { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    Ok(file)
}
