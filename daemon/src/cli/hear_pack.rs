//! `victus hear` with a pack: what a recogniser understands of recordings, with any sentences and without an appliance.
//!
//! Owns the way from a recording to an intent that leaves everything else out: no voice loop, no turn, nothing is
//! switched. Each recording is one request and is heard as a whole, with noise behind it where that was asked for. Promises
//! a line for each recording. Leaves sentences and names to `Pack`, mixing to `victus_hw::audio::mix`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use victus_agent::intents::matcher::Context;
use victus_agent::intents::{Matcher, SlotValue, speech};
use victus_agent::recognise::probe::ProbeCommand;
use victus_agent::recognise::{self, Choice, Meaning, Recogniser, RecogniserConfig, Transcript};
use victus_hw::audio::file::read_wav;
use victus_hw::audio::{SAMPLE_RATE, mix};
use victus_hw::clock::{Clock, SystemClock};

use super::Place;
use super::intents::Pack;
use super::output::{self, Failure};
use crate::daemon::{CLOCK_FLOOR_MS, DEFAULT_STATE, models};
use crate::wiring::voice::ESPEAK;

/// The noise behind a recording.
#[derive(Debug, Clone, Args)]
pub(crate) struct Noise {
    /// Mix the noise of this WAV file behind the recordings; hears without an appliance, as with --sentences
    #[arg(long, value_name = "FILE", requires = "snr")]
    noise: Option<PathBuf>,
    /// How far the loudest of the recording stands above the loudest of the noise
    #[arg(long, value_name = "DB", requires = "noise", allow_negative_numbers = true)]
    snr: Option<f64>,
    /// Where in its file the noise begins
    #[arg(long, value_name = "SECONDS", requires = "noise", default_value_t = 0.0)]
    noise_offset: f64,
}

impl Noise {
    /// Whether there is any.
    pub(super) fn is_wanted(&self) -> bool {
        self.noise.is_some()
    }

    /// The noise, where it begins, and its distance in dB; none without noise.
    fn read(&self) -> Result<Option<(Vec<i16>, usize, f64)>, Failure> {
        let (Some(file), Some(ratio)) = (&self.noise, self.snr) else { return Ok(None) };
        if !(0.0..=86_400.0).contains(&self.noise_offset) {
            return Err(Failure::Usage("--noise-offset: give seconds from the beginning of the noise".to_owned()));
        }
        let noise = read_wav(file).map_err(|error| Failure::Failed(error.to_string()))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a day")]
        let offset = (self.noise_offset * f64::from(SAMPLE_RATE)) as usize;
        Ok(Some((noise, offset, ratio)))
    }
}

/// Hears each file, and prints its words and what they mean.
pub(super) fn run(place: &Place, pack: &Pack, noise: &Noise, files: &[PathBuf]) -> Result<(), Failure> {
    let (sentences, names, problems) = pack.read(place)?;
    let (matcher, more) = Matcher::compile(&sentences, &names);
    let matcher = Arc::new(matcher);
    let (grammar, unheard) = speech::grammar(&sentences, &names);
    for problem in problems.iter().chain(&more).chain(&unheard) {
        output::complain(&problem.to_string());
    }
    let noise = noise.read()?;
    let failed = |error: recognise::RecogniseError| Failure::Failed(error.to_string());
    let work = tempfile::tempdir().map_err(|error| Failure::Failed(error.to_string()))?;
    let meant = Arc::clone(&matcher);
    let meaning = Meaning::new(move |text| meant.meaning(text));
    let config = RecogniserConfig {
        recognizer: Choice::Auto,
        language: sentences.language.clone(),
        models_dir: models(place.state.as_deref().unwrap_or(Path::new(DEFAULT_STATE))),
        whisper_model: None,
        // In a language that writes no spaces it is empty, and whisper can't be held to it.
        written: Some(speech::written_grammar(&sentences, &names).0).filter(|grammar| !grammar.sentences.is_empty()),
        threads: None,
        pocketsphinx_model: PathBuf::from(recognise::DEFAULT_POCKETSPHINX_MODEL),
        work_dir: work.path().to_owned(),
        spoken: Default::default(),
        espeak: Some(PathBuf::from(ESPEAK)).filter(|program| program.exists()),
        probe: ProbeCommand::this_program().map_err(failed)?,
        meaning: Some(meaning),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(CLOCK_FLOOR_MS));
    let mut opened = recognise::open(&config, &grammar, clock).map_err(failed)?;
    for problem in &opened.problems {
        output::complain(&problem.to_string());
    }
    for file in files {
        let heard = hear(opened.recogniser.as_mut(), file, noise.as_ref())?;
        print(place, file, &heard, &matcher)?;
    }
    Ok(())
}

/// The words of one recording, and how sure of them the recogniser is.
fn hear(
    recogniser: &mut dyn Recogniser,
    file: &Path,
    noise: Option<&(Vec<i16>, usize, f64)>,
) -> Result<Transcript, Failure> {
    let failed = |error: String| Failure::Failed(format!("{}: {error}", file.display()));
    let mut samples = read_wav(file).map_err(|error| Failure::Failed(error.to_string()))?;
    if let Some((noise, offset, ratio)) = noise {
        samples = mix::mix(&samples, noise, *offset, *ratio).map_err(|error| failed(error.to_string()))?;
    }
    recogniser.start().map_err(|error| failed(error.to_string()))?;
    recogniser.feed(&samples).map_err(|error| failed(error.to_string()))?;
    recogniser.finish().map_err(|error| failed(error.to_string()))
}

fn print(place: &Place, file: &Path, heard: &Transcript, matcher: &Matcher) -> Result<(), Failure> {
    let text = &heard.text;
    let best = matcher.matches_in(text, &Context::new()).best;
    if place.json {
        let intent = best.as_ref().map(|best| best.intent.as_str());
        let slots = best.as_ref().map_or_else(|| json!({}), |best| json!(best.slots));
        let file = file.display().to_string();
        return output::json(&json!({
            "file": file, "text": text, "confidence": heard.confidence, "intent": intent, "slots": slots,
        }));
    }
    let meaning = match &best {
        Some(best) => {
            let slot = |(name, value): (&String, &SlotValue)| format!("{name} = {value}");
            let slots: Vec<String> = best.slots.iter().map(slot).collect();
            format!("{} ({})", best.intent, slots.join(", "))
        }
        None => "not understood".to_owned(),
    };
    output::line(&format!("{}: “{text}” → {meaning}", file.display()))
}
