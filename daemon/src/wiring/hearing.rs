//! Hearing: the recogniser of the appliance, opened for what it can be asked, and changed for a newer one while it runs.
//!
//! Owns the way from the configuration and the sentences to a recogniser that the voice loop can use, and the exchange
//! between two requests. Promises that an appliance whose recogniser can't be opened says why and goes on without.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use victus_agent::appliance::Appliance;
use victus_agent::intents::speech as speech_grammar;
use victus_agent::recognise::probe::ProbeCommand;
use victus_agent::recognise::{self, Choice, Recogniser, RecogniserConfig};
use victus_agent::voice::ports::{SpeechRecogniser, Understood};
use victus_hw::clock::Clock;

use super::voice::ESPEAK;
use crate::config::{Config, Recognizer};

/// What a recogniser needs to know.
pub struct Hearing<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Where whisper models lie.
    pub models: &'a Path,
    /// A folder for generated files.
    pub work: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Opens the recogniser of the configuration for what this appliance can be asked.
///
/// # Errors
/// There is none for the language, or it is broken; the sentence says what to do.
pub fn open_recogniser(
    appliance: &Appliance,
    hearing: &Hearing<'_>,
) -> Result<Box<dyn SpeechRecogniser>, recognise::RecogniseError> {
    let language = appliance.orchestrator.language();
    let (sentences, names) = (language.sentences(), language.names());
    let (grammar, problems) = speech_grammar::grammar(sentences, names);
    for problem in problems {
        log::warn!("a sentence can't be heard: {problem}");
    }
    let voice = &hearing.config.voice;
    let spoken = appliance
        .entities
        .all()
        .iter()
        .flat_map(|entity| entity.spoken.clone())
        .collect::<std::collections::BTreeMap<String, Vec<String>>>();
    let config = RecogniserConfig {
        recognizer: match voice.recognizer {
            Recognizer::Auto => Choice::Auto,
            Recognizer::PocketSphinx => Choice::PocketSphinx,
            Recognizer::Whisper => Choice::Whisper,
        },
        language: hearing.config.device.language.clone(),
        models_dir: hearing.models.to_owned(),
        whisper_model: voice.whisper_model.clone(),
        // In a language that writes no spaces it is empty, and whisper can't be held to it.
        written: voice
            .whisper_grammar
            .then(|| speech_grammar::written_grammar(sentences, names).0)
            .filter(|grammar| !grammar.sentences.is_empty()),
        threads: None,
        pocketsphinx_model: PathBuf::from(recognise::DEFAULT_POCKETSPHINX_MODEL),
        work_dir: hearing.work.clone(),
        spoken,
        espeak: Some(PathBuf::from(ESPEAK)).filter(|program| program.exists()),
        probe: ProbeCommand::this_program()?,
        meaning: Some(recognise::Meaning::new({
            let language = Arc::clone(&language);
            move |text| language.matcher.meaning(text)
        })),
    };
    let opened = recognise::open(&config, &grammar, Arc::clone(&hearing.clock))?;
    for problem in opened.problems {
        log::warn!("left out of what can be heard: {problem}");
    }
    log::info!("{} recognises speech", opened.recogniser.name());
    Ok(Box::new(Ears(opened.recogniser)))
}

/// A recogniser that takes the place of the one in use when the next request begins; the newest counts.
#[derive(Clone, Default)]
pub struct NextRecogniser(Arc<Mutex<Option<Box<dyn SpeechRecogniser>>>>);

impl NextRecogniser {
    /// Offers one.
    pub fn offer(&self, recogniser: Box<dyn SpeechRecogniser>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(recogniser);
    }

    /// Takes the one that is offered.
    pub fn take(&self) -> Option<Box<dyn SpeechRecogniser>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A recogniser as the voice loop wants it.
struct Ears(Box<dyn Recogniser>);

impl SpeechRecogniser for Ears {
    fn start(&mut self) -> Result<(), String> {
        self.0.start().map_err(|error| error.to_string())
    }

    fn feed(&mut self, samples: &[i16]) -> Result<(), String> {
        self.0.feed(samples).map_err(|error| error.to_string())
    }

    fn partial(&mut self) -> Option<String> {
        self.0.partial()
    }

    fn finish(&mut self) -> Result<Understood, String> {
        let transcript = self.0.finish().map_err(|error| error.to_string())?;
        Ok(Understood { text: transcript.text, confidence: transcript.confidence })
    }
}

/// Why no recogniser could be opened; nothing where one is.
pub type Deafness = Arc<Mutex<Option<String>>>;

/// The recogniser in use, which gives way to a newer one between two requests.
pub struct Current {
    /// The one in use.
    pub recogniser: Box<dyn SpeechRecogniser>,
    /// Where newer ones come from.
    pub next: NextRecogniser,
    /// Ends with a newer one.
    pub deafness: Deafness,
    /// Is told when it ends.
    pub cured: Box<dyn Fn() + Send>,
}

impl SpeechRecogniser for Current {
    fn start(&mut self) -> Result<(), String> {
        if let Some(newer) = self.next.take() {
            self.recogniser = newer;
            if self.deafness.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
                (self.cured)();
            }
        }
        self.recogniser.start()
    }

    fn feed(&mut self, samples: &[i16]) -> Result<(), String> {
        self.recogniser.feed(samples)
    }

    fn partial(&mut self) -> Option<String> {
        self.recogniser.partial()
    }

    fn finish(&mut self) -> Result<Understood, String> {
        self.recogniser.finish()
    }
}

/// Stands in for a recogniser that could not be opened: every request is answered with the reason.
pub struct Deaf(pub String);

impl SpeechRecogniser for Deaf {
    fn start(&mut self) -> Result<(), String> {
        Err(self.0.clone())
    }

    fn feed(&mut self, _samples: &[i16]) -> Result<(), String> {
        Err(self.0.clone())
    }

    fn partial(&mut self) -> Option<String> {
        None
    }

    fn finish(&mut self) -> Result<Understood, String> {
        Err(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hears always the same.
    struct Says(&'static str);

    impl SpeechRecogniser for Says {
        fn start(&mut self) -> Result<(), String> {
            Ok(())
        }

        fn feed(&mut self, _samples: &[i16]) -> Result<(), String> {
            Ok(())
        }

        fn partial(&mut self) -> Option<String> {
            Some(self.0.to_owned())
        }

        fn finish(&mut self) -> Result<Understood, String> {
            Ok(Understood { text: self.0.to_owned(), confidence: None })
        }
    }

    #[test]
    fn a_newer_recogniser_hears_from_the_next_request_on() {
        let next = NextRecogniser::default();
        let deafness = Deafness::new(Mutex::new(Some("there is none".to_owned())));
        let recogniser: Box<dyn SpeechRecogniser> = Box::new(Deaf("there is none".to_owned()));
        let cures = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&cures);
        let cured = Box::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let mut current = Current { recogniser, next: next.clone(), deafness: Arc::clone(&deafness), cured };
        assert_eq!(current.start(), Err("there is none".to_owned()));
        next.offer(Box::new(Says("old")));
        next.offer(Box::new(Says("first")));
        current.start().unwrap();
        assert_eq!(*deafness.lock().unwrap(), None);
        next.offer(Box::new(Says("second")));
        current.feed(&[0; 160]).unwrap();
        assert_eq!(
            (current.partial().unwrap(), current.finish().unwrap().text),
            ("first".to_owned(), "first".to_owned())
        );
        current.start().unwrap();
        assert_eq!(current.finish().unwrap().text, "second");
        assert_eq!(cures.load(std::sync::atomic::Ordering::Relaxed), 1, "once, and not for each newer one");
    }
}
