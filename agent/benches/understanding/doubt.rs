//! How well the appliance knows what it has understood: commands of a home and speech about anything else, each heard with
//! the home's grammar. What is heard is acted on, asked back or not understood by its confidence.
//!
//! Right is a command whose words mean what the words heard mean. The clips are split in two by their place in the order
//! of their names; the constants of the confidence are fitted on the first half and the table is about the second.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use victus_agent::recognise::pocketsphinx::{Evidence, PocketSphinx};
use victus_agent::recognise::{Meaning, Meant, Recogniser as _};
use victus_hw::audio::file::read_wav;
use victus_hw::audio::mix::mix;
use victus_hw::clock::SystemClock;

use crate::home::Home;
use crate::{home, opened, recordings};

/// From this confidence on the appliance acts, and from this one on it asks: those of the route.
const SURE: f32 = 0.6;
const ASK: f32 = 0.3;
/// How much is heard at once of a longer recording, in samples: what a request lasts.
const PIECE: usize = 6 * 16_000;
/// The shortest piece.
const LEAST: usize = 16_000;
/// How far above the kitchen's noise commands are heard beside clean, in dB.
const RATIOS: [u8; 2] = [18, 12];
/// How much a command that is done wrong weighs beside one that is asked about and was right.
const WRONG_WEIGHS: f64 = 5.0;
/// The place of the noise.
const OFFSET: usize = 48_000;

/// Something to hear.
struct Clip {
    name: String,
    samples: Vec<i16>,
    /// What it means; nothing where it is about something else.
    meaning: Option<Meant>,
}

/// What was heard in it.
struct Answer {
    name: String,
    text: String,
    evidence: Option<Evidence>,
    confidence: f32,
    /// Whether it means what was meant; none where nothing was meant.
    right: Option<bool>,
}

/// Hears everything with one recogniser for each thread, and prints the table and the figures.
pub(crate) fn run(shared: &Path) {
    let home = Arc::new(home::home());
    let clips = clips(shared, &home);
    let answers: Vec<Vec<Answer>> = std::thread::scope(|scope| {
        let hear = |first: usize| {
            let (clips, home) = (&clips, &home);
            scope.spawn(move || hear_every_other(clips, home, first))
        };
        let threads = [hear(0), hear(1)];
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for answer in answers.iter().flatten() {
        let Answer { name, text, evidence, confidence, right } = answer;
        println!("{name} {right:?} {confidence:.2} {evidence:?} “{text}”");
    }
    let [first, second] = [&answers[0], &answers[1]];
    fitted(first);
    println!(
        "\n| half | recordings | done right | done wrong | asked | not understood |\n| --- | --- | --- | --- | --- | --- |"
    );
    for (half, answers) in [("fitted on", first), ("reported", second)] {
        row(half, "commands", answers, |answer| answer.right.is_some());
        row(half, "other speech", answers, |answer| answer.right.is_none());
    }
    figures(second);
}

/// Commands, clean and in noise, and other speech, in the order of their names.
fn clips(shared: &Path, home: &Home) -> Vec<Clip> {
    let noise = read_wav(&shared.join("audio/noise/kitchen.wav")).unwrap();
    let mut clips = Vec::new();
    for set in ["commands-human", "commands-tts"] {
        for recording in recordings::read(shared, set) {
            let meaning = home.matcher.meaning(&recording.words.join(" "));
            for ratio in std::iter::once(None).chain(RATIOS.map(Some)) {
                let samples = match ratio {
                    Some(ratio) => mix(&recording.samples, &noise, OFFSET, f64::from(ratio)).unwrap(),
                    None => recording.samples.clone(),
                };
                let name =
                    format!("{} {}", recording.file, ratio.map_or("clean".to_owned(), |ratio| format!("{ratio} dB")));
                clips.push(Clip { name, samples, meaning: meaning.clone() });
            }
        }
    }
    for folder in ["barista", "commands-oov", "read"] {
        let entries = std::fs::read_dir(shared.join("audio").join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "wav")).collect();
        files.sort();
        for file in files {
            let Ok(samples) = read_wav(&file) else { continue };
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let pieces = samples.chunks(PIECE).filter(|piece| piece.len() >= LEAST).enumerate();
            clips.extend(pieces.map(|(piece, samples)| Clip {
                name: format!("{folder}/{name} {piece}"),
                samples: samples.to_vec(),
                meaning: None,
            }));
        }
    }
    clips
}

/// Every other recording, all that was made of it together: a half that is fitted on and a half that is reported.
fn hear_every_other(clips: &[Clip], home: &Arc<Home>, first: usize) -> Vec<Answer> {
    let folder = tempfile::tempdir().unwrap();
    let meant = Arc::clone(home);
    let mut config = opened::config(folder.path());
    config.meaning = Some(Meaning::new(move |text| meant.matcher.meaning(text)));
    let clock = Arc::new(SystemClock::new(0));
    let (mut recogniser, problems) = PocketSphinx::open(&config, &home.grammar, clock).unwrap();
    assert_eq!(problems, []);
    let file = |clip: &Clip| clip.name.split(' ').next().unwrap().to_owned();
    let mut files: Vec<String> = clips.iter().map(file).collect();
    files.dedup();
    let mine: Vec<&String> = files.iter().skip(first).step_by(2).collect();
    let mine = clips.iter().filter(|clip| mine.contains(&&file(clip)));
    mine.map(|clip| {
        recogniser.start().unwrap();
        recogniser.feed(&clip.samples).unwrap();
        let transcript = recogniser.finish().unwrap();
        Answer {
            name: clip.name.clone(),
            right: clip
                .meaning
                .as_ref()
                .map(|meaning| home.matcher.meaning(&transcript.text).as_ref() == Some(meaning)),
            confidence: transcript.confidence.unwrap_or(0.0),
            evidence: recogniser.evidence(),
            text: transcript.text,
        }
    })
    .collect()
}

/// Fits both measures: right commands against all else by the fit, and against wrong commands by the lead.
fn fitted(answers: &[Answer]) {
    let fit = |answer: &Answer| Some((answer.evidence?.fit, answer.right == Some(true)));
    let (even, step) = logistic(&answers.iter().filter_map(fit).collect::<Vec<_>>(), 1.0);
    figure("fitted.fit_even", even, "score");
    figure("fitted.fit_step", step, "score");
    let lead = |answer: &Answer| Some((answer.evidence?.least_lead()?, answer.right?));
    let (even, step) = logistic(&answers.iter().filter_map(lead).collect::<Vec<_>>(), WRONG_WEIGHS);
    figure("fitted.lead_even", even, "score");
    figure("fitted.lead_step", step, "score");
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("figure understanding.doubt.{name} {value:.1} {unit}");
}

/// The place at which both are as likely, and the width of the step, by gradient descent on the likelihood; a wrong one
/// counts so many times.
fn logistic(points: &[(f32, bool)], wrong_weighs: f64) -> (f64, f64) {
    let count = points.len() as f64;
    let mean = points.iter().map(|(value, _)| f64::from(*value)).sum::<f64>() / count;
    let spread = (points.iter().map(|(value, _)| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count).sqrt();
    let weight = |right: bool| if right { 1.0 } else { wrong_weighs };
    let whole: f64 = points.iter().map(|(_, right)| weight(*right)).sum();
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..20_000 {
        let (mut by_slope, mut by_offset) = (0.0, 0.0);
        for (value, right) in points {
            let value = (f64::from(*value) - mean) / spread;
            let error = f64::from(u8::from(*right)) - 1.0 / (1.0 + (-(slope * value + offset)).exp());
            by_slope += weight(*right) * error * value / whole;
            by_offset += weight(*right) * error / whole;
        }
        slope += 0.5 * by_slope;
        offset += 0.5 * by_offset;
    }
    (mean - offset / slope * spread, spread / slope)
}

fn row(half: &str, what: &str, answers: &[Answer], belongs: fn(&Answer) -> bool) {
    let of: Vec<&Answer> = answers.iter().filter(|answer| belongs(answer)).collect();
    let count = |holds: &dyn Fn(&Answer) -> bool| of.iter().filter(|answer| holds(answer)).count();
    println!(
        "| {half} | {} {what} | {} | {} | {} | {} |",
        of.len(),
        count(&|answer| answer.confidence >= SURE && answer.right == Some(true)),
        count(&|answer| answer.confidence >= SURE && answer.right != Some(true)),
        count(&|answer| (ASK..SURE).contains(&answer.confidence)),
        count(&|answer| answer.confidence < ASK),
    );
}

fn figures(answers: &[Answer]) {
    let sure: Vec<&Answer> = answers.iter().filter(|answer| answer.confidence >= SURE).collect();
    let right = sure.iter().filter(|answer| answer.right == Some(true)).count() as f64;
    let commands = answers.iter().filter(|answer| answer.right.is_some()).count();
    let heard = answers.iter().filter(|answer| answer.right == Some(true)).count() as f64;
    let others = answers.iter().filter(|answer| answer.right.is_none()).count();
    let acted = sure.iter().filter(|answer| answer.right.is_none()).count() as f64;
    let percent = |part: f64, whole: usize| 100.0 * part / whole.max(1) as f64;
    figure("precision", percent(right, sure.len()), "%");
    figure("recall", percent(right, commands), "%");
    figure("heard_right", percent(heard, commands), "%");
    figure("acted_on_other_speech", percent(acted, others), "%");
}
