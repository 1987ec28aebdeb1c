//! The real PocketSphinx on real recordings.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and it prints its figures"
)]

#[path = "shared/opened.rs"]
mod opened;
#[path = "shared/recordings.rs"]
mod recordings;

use victus_agent::recognise::grammar::{Expansion, GrammarRule, Origin, POLITENESS, SpeechGrammar};
use victus_agent::recognise::{MAX_SAMPLES, RecogniseError, Recogniser};
use victus_agent::speech::Synthesiser as _;
use victus_agent::speech::espeak::Espeak;

#[test]
fn a_trial_of_a_model_runs_in_a_child() {
    opened::trial_if_asked();
}

fn hear(recogniser: &mut dyn Recogniser, samples: &[i16]) -> String {
    recogniser.start().unwrap();
    for block in samples.chunks(320) {
        recogniser.feed(block).unwrap();
    }
    recogniser.finish().unwrap().text
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

/// Steady noise.
fn noise(length: usize, amplitude: i16) -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 17) as i16 % (2 * amplitude + 1) - amplitude
    };
    (0..length).map(|_| next()).collect()
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
