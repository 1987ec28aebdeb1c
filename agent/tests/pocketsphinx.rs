//! The real PocketSphinx on real recordings.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and it prints its figures"
)]

#[path = "shared/home.rs"]
mod home;
#[path = "shared/opened.rs"]
mod opened;
#[path = "shared/recordings.rs"]
mod recordings;

use victus_agent::recognise::grammar::{Expansion, GrammarRule, Origin, POLITENESS, SpeechGrammar};
use victus_agent::recognise::{MAX_SAMPLES, Meaning, Meant, RecogniseError, Recogniser, Transcript};
use victus_agent::speech::Synthesiser as _;
use victus_agent::speech::espeak::Espeak;
use victus_hw::audio::file::read_wav;

#[test]
fn a_trial_of_a_model_runs_in_a_child() {
    opened::trial_if_asked();
}

fn hear(recogniser: &mut dyn Recogniser, samples: &[i16]) -> String {
    transcript(recogniser, samples).text
}

fn transcript(recogniser: &mut dyn Recogniser, samples: &[i16]) -> Transcript {
    recogniser.start().unwrap();
    for block in samples.chunks(320) {
        recogniser.feed(block).unwrap();
    }
    recogniser.finish().unwrap()
}

#[test]
fn hears_recorded_commands_among_all_of_them() {
    let Some(shared) = recordings::folder() else { return };
    let synthetic = recordings::read(&shared, "commands-tts");
    let human = recordings::read(&shared, "commands-human");
    assert!(synthetic.len() > 50 && human.len() > 10, "{} and {}", synthetic.len(), human.len());
    let folder = tempfile::tempdir().unwrap();
    let sentences = synthetic.iter().chain(&human).map(|recording| recording.words.as_slice());
    let mut opened = opened::open_now(&opened::config(folder.path()), &recordings::grammar(sentences)).unwrap();
    assert_eq!(opened.problems, []);
    for (set, least) in [(synthetic, 0.9), (human, 0.75)] {
        let exact = set.iter().filter(|one| hear(opened.recogniser.as_mut(), &one.samples) == one.words.join(" "));
        let (exact, all) = (exact.count(), set.len());
        println!("{exact} of {all} word for word");
        assert!(exact as f64 >= least * all as f64, "{exact} of {all}");
        // What was heard in between, louder and softer, changes nothing.
        let again = hear(opened.recogniser.as_mut(), &set[0].samples);
        let soft: Vec<i16> = set[0].samples.iter().map(|sample| sample / 8).collect();
        hear(opened.recogniser.as_mut(), &soft);
        assert_eq!(hear(opened.recogniser.as_mut(), &set[0].samples), again);
    }
}

/// A grammar of sentences with these words; the rule of politeness is `please`.
fn small_grammar(sentences: &[&str]) -> SpeechGrammar {
    let words = |text: &&str| text.split(' ').map(str::to_owned).collect();
    let sentences: Vec<Vec<String>> = sentences.iter().map(words).collect();
    let mut grammar = recordings::grammar(sentences.iter().map(Vec::as_slice));
    let please = GrammarRule {
        expansion: Expansion::Word("please".into()),
        origin: Origin { file: "built-in/en".into(), line: 1 },
    };
    grammar.rules.insert(POLITENESS.into(), please);
    grammar
}

#[test]
fn one_word_without_a_pronunciation_and_an_undefined_rule_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let mut grammar =
        small_grammar(&["turn off the lamp", "open the 漢字", "public grammar import", "turn on the lamp"]);
    grammar.sentences.push(GrammarRule {
        expansion: Expansion::Rule("nmae".into()),
        origin: Origin { file: "sentences/mine.yaml".into(), line: 7 },
    });
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].starts_with("sentences/mine.yaml:7: there is no rule `<nmae>`"), "{problems:#?}");
    assert!(problems[1].starts_with("transcripts.tsv:2: “漢字” cannot be heard"), "{problems:#?}");
    opened.recogniser.start().unwrap();
    opened.recogniser.feed(&[0; 8_000]).unwrap();
    opened.recogniser.finish().unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "files of loading stay behind: {left:?}");
}

#[test]
fn a_grammar_that_is_large_written_out_is_folded_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut grammar = small_grammar(&["turn off the lamp"]);
    let letters = ["alpha", "bravo", "charlie", "delta", "echo", "golf", "hotel", "india", "juliet", "kilo"];
    let names = letters.map(|first| Expansion::Sequence(vec![Expansion::Word(first.into()); 10]));
    let origin = Origin { file: "sentences/mine.yaml".into(), line: 3 };
    let list = GrammarRule { expansion: Expansion::Alternatives(names.to_vec()), origin: origin.clone() };
    grammar.rules.insert("list_name".into(), list);
    let many = vec![Expansion::Rule("list_name".into()); 220];
    grammar.sentences.push(GrammarRule { expansion: Expansion::Alternatives(many), origin });
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    assert_eq!(opened.problems, []);
    assert_eq!(hear(opened.recogniser.as_mut(), &[0; 16_000]), "");
}

#[test]
fn reserved_words_and_politeness_are_heard() {
    let Some(voice) = Voice::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let grammar = small_grammar(&["public grammar import", "turn off the lamp", "turn on the extraction fan"]);
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    for text in ["public grammar import", "please turn on the extraction fan", "turn on the extraction fan please"] {
        let said = voice.say(text);
        assert_eq!(hear(opened.recogniser.as_mut(), &said), text);
        // Silence around it makes no difference, digital or faint.
        for amplitude in [0, 4, 16] {
            let around = noise(16_000, amplitude);
            let padded = [&around[..], &said, &around].concat();
            assert_eq!(hear(opened.recogniser.as_mut(), &padded), text, "{amplitude}");
        }
    }
}

#[test]
fn silence_and_steady_noise_are_not_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let grammar = small_grammar(&["turn on the lamp", "stop"]);
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    for samples in [vec![], vec![0; 100], vec![0; 32_000], noise(32_000, 2_000)] {
        assert_eq!(hear(opened.recogniser.as_mut(), &samples), "");
        assert_eq!(opened.recogniser.partial(), None);
    }
}

#[test]
fn wrong_order_and_too_long_are_errors_and_it_stays_usable() {
    let Some(voice) = Voice::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let grammar = small_grammar(&["turn on the extraction fan", "turn off the lamp"]);
    let mut opened = opened::open_now(&opened::config(folder.path()), &grammar).unwrap();
    let recogniser = opened.recogniser.as_mut();
    assert!(matches!(recogniser.feed(&[0]), Err(RecogniseError::NotStarted)));
    assert!(matches!(recogniser.finish(), Err(RecogniseError::NotStarted)));
    recogniser.start().unwrap();
    recogniser.feed(&vec![0; MAX_SAMPLES]).unwrap();
    assert!(matches!(recogniser.feed(&[0]), Err(RecogniseError::TooLong)));
    assert_eq!(recogniser.finish().unwrap().text, "");
    // One that is given up leaves nothing to the next.
    recogniser.start().unwrap();
    recogniser.feed(&voice.say("turn off the lamp")).unwrap();
    assert_eq!(hear(recogniser, &voice.say("turn on the extraction fan")), "turn on the extraction fan");

    recogniser.start().unwrap();
    let mut partials = Vec::new();
    for block in voice.say("turn on the extraction fan").chunks(1_600) {
        recogniser.feed(block).unwrap();
        partials.extend(recogniser.partial());
    }
    assert!(partials.iter().any(|text| text.starts_with("turn on") && text.len() < 26), "{partials:?}");
}

/// From this confidence on the appliance acts.
const SURE: f32 = 0.6;

/// How many commands and how many pieces of other speech are heard. The benchmark hears all of them.
const COMMANDS: usize = 24;
const OTHERS: usize = 10;

#[test]
fn it_is_sure_of_requests_and_not_of_other_speech() {
    let Some(shared) = recordings::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = std::sync::Arc::new(home::home());
    let meant = std::sync::Arc::clone(&home);
    let mut config = opened::config(folder.path());
    config.meaning = Some(Meaning::new(move |text| meant.matcher.meaning(text)));
    let mut opened = opened::open_now(&config, &home.grammar).unwrap();
    let (mut acted, mut wrongly) = (0, 0);
    for command in recordings::read(&shared, "commands-tts").iter().step_by(3).take(COMMANDS) {
        let heard = transcript(opened.recogniser.as_mut(), &command.samples);
        if heard.confidence.unwrap_or(0.0) >= SURE {
            acted += 1;
            wrongly += usize::from(home.matcher.meaning(&heard.text) != home.matcher.meaning(&command.words.join(" ")));
        }
    }
    let mut fooled = 0;
    let others = std::fs::read_dir(shared.join("audio/barista")).unwrap().map(|entry| entry.unwrap().path());
    let mut others: Vec<_> = others.filter(|path| path.extension().is_some_and(|it| it == "wav")).collect();
    others.sort();
    for file in others.into_iter().take(OTHERS) {
        let samples = read_wav(&file).unwrap();
        let heard = transcript(opened.recogniser.as_mut(), &samples[..samples.len().min(6 * 16_000)]);
        fooled += usize::from(heard.confidence.unwrap_or(0.0) >= SURE);
    }
    println!(
        "of {COMMANDS} commands {acted} acted on, {wrongly} wrongly; of {OTHERS} other requests {fooled} acted on"
    );
    assert!(acted >= COMMANDS / 2 && wrongly <= 1 && fooled <= 1, "{acted}, {wrongly}, {fooled}");
}

#[test]
fn between_on_and_off_it_is_in_doubt() {
    // A voice of formants is so unlike people's that the recogniser rather asks, whatever it says.
    let Some((on, off)) = recorded_voice("switch on the pump now").zip(recorded_voice("switch off the pump now"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let grammar =
        small_grammar(&["switch on the pump now", "switch off the pump now", "please switch on the pump now"]);
    let mut config = opened::config(folder.path());
    let meant = |text: &str| Meant { intent: text.trim_start_matches("please ").to_owned(), about: "pump".to_owned() };
    config.meaning = Some(Meaning::new(move |text| Some(meant(text))));
    let mut opened = opened::open_now(&config, &grammar).unwrap();
    let clear = transcript(opened.recogniser.as_mut(), &on);
    assert_eq!(clear.text, "switch on the pump now");
    assert!(clear.confidence.unwrap() >= SURE, "{clear:?}");
    // Both said at once, from nearly only the one to nearly only the other: in between is a doubt.
    let mixed = |share: f32| -> Vec<i16> {
        let sample = |(on, off): (&i16, &i16)| (f32::from(*on) * share + f32::from(*off) * (1.0 - share)) as i16;
        on.iter().zip(&off).map(sample).collect()
    };
    let weighed = |share: u8| (share, transcript(opened.recogniser.as_mut(), &mixed(f32::from(share) / 10.0)));
    let all: Vec<(u8, Transcript)> = (1..10).map(weighed).collect();
    let sureness = |heard: &Transcript| heard.confidence.unwrap();
    let (share, doubtful) = all.iter().min_by(|one, other| sureness(&one.1).total_cmp(&sureness(&other.1))).unwrap();
    println!("clear {clear:?}, doubtful at {share} of 10 {doubtful:?}");
    assert!((0.3..SURE).contains(&sureness(doubtful)), "a question and not silence: {doubtful:?}");
    // Without meanings only the sounds are weighed.
    config.meaning = None;
    let mut opened = opened::open_now(&config, &grammar).unwrap();
    let unweighed = transcript(opened.recogniser.as_mut(), &mixed(f32::from(*share) / 10.0));
    assert!(unweighed.confidence > doubtful.confidence, "{unweighed:?}");
}

/// Steady noise.
fn noise(length: usize, amplitude: i16) -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 17) as i16 % (2 * amplitude + 1) - amplitude
    };
    (0..length).map(|_| next()).collect()
}

/// A text in a voice that was put together from recordings of a person; nothing, and a skip, where it is not installed.
fn recorded_voice(text: &str) -> Option<Vec<i16>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said.wav");
    let command = std::process::Command::new("flite").args(["-voice", "slt", "-t", text, "-o"]).arg(&file).status();
    match command {
        Ok(status) if status.success() => Some(read_wav(&file).unwrap()),
        Ok(status) => panic!("flite: {status}"),
        Err(_not_installed) => {
            recordings::skip("flite is not installed");
            None
        }
    }
}

/// A voice for tests, at 16 kHz.
struct Voice(std::sync::Mutex<Espeak>);

impl Voice {
    fn find() -> Option<Self> {
        match Espeak::new("en+m3") {
            voice if voice.is_installed() => Some(Self(voice.into())),
            _ => {
                recordings::skip("espeak-ng is not installed");
                None
            }
        }
    }

    fn say(&self, text: &str) -> Vec<i16> {
        let speech = self.0.lock().unwrap().synthesise(text).unwrap();
        recordings::at_16_khz(&speech.samples, speech.rate)
    }
}
