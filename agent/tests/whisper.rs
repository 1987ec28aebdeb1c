//! The real whisper.cpp on a model with random weights: what it transcribes means nothing, that it loads, decodes within
//! bounds and refuses broken files does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a panic is how a test fails")]

#[path = "shared/opened.rs"]
mod opened;
#[path = "shared/random_whisper.rs"]
mod random_whisper;
#[path = "shared/recordings.rs"]
mod recordings;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use victus_agent::recognise::grammar::{Expansion, GrammarRule, SpeechGrammar};
use victus_agent::recognise::whisper::Whisper;
use victus_agent::recognise::whisper::model_file::{ModelFileError, check};
use victus_agent::recognise::{Choice, MAX_SAMPLES, RecogniseError, RecogniserConfig};
use victus_hw::clock::SystemClock;

#[test]
fn a_trial_of_a_model_runs_in_a_child() {
    opened::trial_if_asked();
}

/// A config for whisper with an own models folder in `folder`, and the folder with test models; none if that is absent.
fn setup(folder: &Path) -> Option<(RecogniserConfig, PathBuf)> {
    let shared = recordings::folder()?;
    let mut config = opened::config(folder);
    config.recognizer = Choice::Whisper;
    std::fs::create_dir_all(&config.models_dir).unwrap();
    Some((config, shared.join("models/whisper")))
}

fn grammar() -> SpeechGrammar {
    recordings::grammar(
        [vec!["turn".to_owned(), "on".to_owned(), "the".to_owned(), "lamp".to_owned()]].iter().map(Vec::as_slice),
    )
}

/// A second of a loud tone with pauses, which is no silence to the energy measure.
fn sound() -> Vec<i16> {
    (0..16_000).map(|at| if at / 1_600 % 2 == 0 { (f64::from(at) * 0.3).sin() * 9_000.0 } else { 0.0 } as i16).collect()
}

#[test]
fn decodes_within_bounds_and_stays_usable() {
    let folder = tempfile::tempdir().unwrap();
    let Some((config, models)) = setup(folder.path()) else { return };
    let file = config.models_dir.join("ggml-random.en.bin");
    random_whisper::write(&models.join("for-tests-ggml-tiny.en.bin"), &file, random_whisper::SMALL);
    assert!(!check(&file).unwrap().multilingual);

    let mut opened = opened::open_now(&config, &grammar()).unwrap();
    let whisper = opened.recogniser.as_mut();
    assert_eq!(whisper.name(), "whisper");
    assert!(matches!(whisper.finish(), Err(RecogniseError::NotStarted)));
    assert!(matches!(whisper.feed(&[0]), Err(RecogniseError::NotStarted)));
    for _ in 0..2 {
        whisper.start().unwrap();
        whisper.feed(&sound()).unwrap();
        // Random weights write endless nonsense: that must come out as nothing, and never as a request.
        assert_eq!(whisper.finish().unwrap().text, "");
    }
    // Silence is not given to the decoder at all.
    whisper.start().unwrap();
    whisper.feed(&[0; 16_000]).unwrap();
    let transcript = whisper.finish().unwrap();
    assert_eq!((transcript.text.as_str(), transcript.confidence), ("", None));

    whisper.start().unwrap();
    whisper.feed(&vec![0; MAX_SAMPLES]).unwrap();
    assert!(matches!(whisper.feed(&[0]), Err(RecogniseError::TooLong)));
    assert_eq!(whisper.finish().unwrap().text, "");
}

#[test]
fn the_number_of_tokens_and_the_context_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let Some((config, models)) = setup(folder.path()) else { return };
    let file = folder.path().join("ggml-random.en.bin");
    random_whisper::write(&models.join("for-tests-ggml-tiny.en.bin"), &file, random_whisper::SMALL);
    let mut whisper = Whisper::open(&file, &config, &grammar(), Arc::new(SystemClock::new(0))).unwrap();
    assert_eq!(whisper.full_context(), 1500);
    assert_eq!(whisper.context_for(48_000), 320);
    assert_eq!(whisper.context_for(MAX_SAMPLES), 1500);
    let audio: Vec<f32> = sound().iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let decoded = whisper.decode(&audio, 192, 5).unwrap();
    assert!(decoded.tokens <= 6, "{decoded:?}");
    assert!((0.0..=1.0).contains(&decoded.probability), "{decoded:?}");
    assert_eq!(whisper.decode(&audio, 192, 5).unwrap(), decoded);
}

/// Sentences of words between spaces.
fn sentences(texts: &[&str]) -> SpeechGrammar {
    let words: Vec<Vec<String>> = texts.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect();
    recordings::grammar(words.iter().map(Vec::as_slice))
}

/// What was written, without capitals, spaces at its ends, and marks.
fn plain(text: &str) -> String {
    let kept: String = text.chars().filter(|character| !".,!?".contains(*character)).collect();
    kept.trim().to_lowercase()
}

#[test]
fn what_is_written_is_a_sentence_of_the_grammar_or_nothing() {
    const SAID: [&str; 5] = ["turn on the lamp", "turn on the fan", "open the gate", "öffne das tor", "stop"];
    let folder = tempfile::tempdir().unwrap();
    let Some((config, models)) = setup(folder.path()) else { return };
    for (beginning, seed) in [("tiny.en", 1), ("tiny", 2), ("tiny.en", 3)] {
        let file = folder.path().join("ggml-random.bin");
        let from = models.join(format!("for-tests-ggml-{beginning}.bin"));
        random_whisper::write_seeded(&from, &file, random_whisper::SMALL, seed);
        let mut whisper = Whisper::open(&file, &config, &sentences(&SAID), Arc::new(SystemClock::new(0))).unwrap();
        let audio = |pitch: f32| -> Vec<f32> { (0..16_000).map(|at| (at as f32 * pitch).sin() * 0.3).collect() };
        let free = whisper.decode(&audio(0.3), 192, 24).unwrap();
        assert!(!SAID.contains(&plain(&free.text).as_str()), "free, it writes nonsense: {free:?}");

        whisper.hold_to(&sentences(&SAID)).unwrap();
        let mut written = std::collections::BTreeSet::new();
        for pitch in [0.05, 0.11, 0.3, 0.7, 1.3] {
            let held = whisper.decode(&audio(pitch), 192, 60).unwrap();
            let text = plain(&held.text);
            assert!(text.is_empty() || SAID.contains(&text.as_str()), "{held:?}");
            // Held to a sentence it writes one, and says how little it believes it.
            assert!(held.lost && held.probability < 0.01, "{held:?}");
            written.insert(text);
        }
        assert!(written.iter().any(|text| !text.is_empty()), "{written:?}");

        // What may be anything is, between the words that are fixed; digits are a number.
        whisper.hold_to(&sentences(&["remind me to * now", "set it to # percent"])).unwrap();
        let held = whisper.decode(&audio(0.3), 192, 60).unwrap();
        let text = plain(&held.text);
        let any = text.strip_prefix("remind me to ").and_then(|rest| rest.strip_suffix(" now"));
        let number = text.strip_prefix("set it to ").and_then(|rest| rest.strip_suffix(" percent"));
        let number = number.map(|number| number.trim_end_matches('%').parse::<u64>().is_ok());
        assert!(any.is_some_and(|any| !any.contains(' ')) || number == Some(true) || held.tokens >= 60, "{held:?}");
    }
}

#[test]
fn a_grammar_that_cannot_hold_it_leaves_the_prompt_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut config, models)) = setup(folder.path()) else { return };
    let file = config.models_dir.join("ggml-random.en.bin");
    random_whisper::write(&models.join("for-tests-ggml-tiny.en.bin"), &file, random_whisper::SMALL);
    let mut whisper = Whisper::open(&file, &config, &grammar(), Arc::new(SystemClock::new(0))).unwrap();
    let audio: Vec<f32> = sound().iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let before = whisper.decode(&audio, 192, 5).unwrap();

    let mut broken = sentences(&["turn on"]);
    broken.sentences[0].expansion = Expansion::Rule("nowhere".to_owned());
    // Each level says the one below twice.
    let mut large = sentences(&["stop"]);
    for level in 0..40 {
        let inner =
            if level == 0 { Expansion::Word("word".to_owned()) } else { Expansion::Rule(format!("l{}", level - 1)) };
        let origin = large.sentences[0].origin.clone();
        let expansion = Expansion::Sequence(vec![inner.clone(), inner]);
        large.rules.insert(format!("l{level}"), GrammarRule { expansion, origin });
    }
    large.sentences[0].expansion = Expansion::Rule("l39".to_owned());
    for (grammar, why) in [(broken, "no rule"), (large, "too many"), (SpeechGrammar::default(), "no sentence")] {
        let error = whisper.hold_to(&grammar).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(whisper.decode(&audio, 192, 5).unwrap(), before, "{why}: as before");
        config.written = Some(grammar);
        let opened = opened::open_now(&config, &self::grammar()).unwrap();
        assert_eq!(opened.recogniser.name(), "whisper");
        let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|it| it.contains("whisper is not held to the sentences")), "{why}: {problems:?}");
    }
    config.written = Some(sentences(&["turn on the lamp"]));
    let mut opened = opened::open_now(&config, &grammar()).unwrap();
    assert!(opened.problems.is_empty(), "{:?}", opened.problems);
    opened.recogniser.start().unwrap();
    opened.recogniser.feed(&sound()).unwrap();
    assert_eq!(opened.recogniser.finish().unwrap().text, "", "a sentence that it does not believe is no request");
}

#[test]
fn a_file_without_weights_is_refused_with_a_sentence_and_auto_takes_pocketsphinx() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut config, models)) = setup(folder.path()) else { return };
    config.models_dir = models.parent().unwrap().to_owned();
    for name in ["for-tests-ggml-tiny.en", "for-tests-ggml-tiny", "for-tests-ggml-base.en"] {
        assert!(matches!(check(&models.join(format!("{name}.bin"))), Err(ModelFileError::NoWeights)), "{name}");
        config.whisper_model = Some(name.to_owned());
        let Err(error) = opened::open_now(&config, &grammar()) else { panic!("{name} has no weights") };
        assert!(error.to_string().contains(name) && error.to_string().contains("has no weights"), "{error}");
    }
    config.whisper_model = Some("for-tests-ggml-whisper-bad-ndims".to_owned());
    let Err(error) = opened::open_now(&config, &grammar()) else { panic!("its tensor has 16504 dimensions") };
    assert!(error.to_string().contains("the size of the vocabulary is 1"), "{error}");

    config.recognizer = Choice::Auto;
    config.whisper_model = None;
    let opened = opened::open_now(&config, &grammar()).unwrap();
    assert_eq!(opened.recogniser.name(), "pocketsphinx");
    let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    config.whisper_model = Some("absent".to_owned());
    let opened = opened::open_now(&config, &grammar()).unwrap();
    assert!(opened.problems[0].message.contains("the whisper.cpp model `absent` is not installed"));
}

#[test]
fn a_file_cut_anywhere_or_altered_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((config, models)) = setup(folder.path()) else { return };
    let file = folder.path().join("ggml-random.en.bin");
    random_whisper::write(&models.join("for-tests-ggml-tiny.en.bin"), &file, random_whisper::SMALL);
    let length = std::fs::metadata(&file).unwrap().len();
    for cut in [length - 1, length - 4_000_000, length / 2, 586_840, 500_000, 30_000, 50, 47, 5, 3, 0] {
        File::options().write(true).open(&file).unwrap().set_len(cut).unwrap();
        let Err(error) = Whisper::open(&file, &config, &grammar(), Arc::new(SystemClock::new(0))) else {
            panic!("{cut} of {length} bytes are no model")
        };
        let known = ["cut off", "tensors", "does not begin"].iter().any(|text| error.to_string().contains(text));
        assert!(known, "{cut}: {error}");
    }
    // A tensor with more dimensions than the library has room for.
    random_whisper::write(&models.join("for-tests-ggml-tiny.en.bin"), &file, random_whisper::SMALL);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[586_836..586_840].copy_from_slice(&0x4078_u32.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    assert!(check(&file).unwrap_err().to_string().contains("count of dimensions is 16504"));
    // A name that the library does not know: only its trial finds that.
    bytes[586_836..586_840].copy_from_slice(&2_u32.to_le_bytes());
    bytes[586_856] = b'X';
    std::fs::write(&file, &bytes).unwrap();
    check(&file).unwrap();
    let Err(error) = Whisper::open(&file, &config, &grammar(), Arc::new(SystemClock::new(0))) else {
        panic!("it has no positional embedding")
    };
    assert!(matches!(error, RecogniseError::ModelBroken { .. }), "{error}");
}

#[test]
fn a_language_that_the_model_does_not_know_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut config, models)) = setup(folder.path()) else { return };
    random_whisper::write(
        &models.join("for-tests-ggml-tiny.en.bin"),
        &config.models_dir.join("ggml-random.en.bin"),
        random_whisper::SMALL,
    );
    config.language = "de".into();
    assert!(matches!(opened::open_now(&config, &grammar()), Err(RecogniseError::NoLanguage { .. })));
    random_whisper::write(
        &models.join("for-tests-ggml-tiny.bin"),
        &config.models_dir.join("ggml-random.bin"),
        random_whisper::SMALL,
    );
    assert_eq!(opened::open_now(&config, &grammar()).unwrap().recogniser.name(), "whisper");
    config.language = "klingon".into();
    assert!(matches!(opened::open_now(&config, &grammar()), Err(RecogniseError::NoLanguage { .. })));
}

#[test]
fn without_a_model_it_says_where_to_put_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = opened::config(folder.path());
    config.recognizer = Choice::Whisper;
    for name in [None, Some("../etc/passwd"), Some("tiny.en")] {
        config.whisper_model = name.map(str::to_owned);
        let Err(error) = opened::open_now(&config, &grammar()) else { panic!("there is no model") };
        let text = error.to_string();
        assert!(matches!(error, RecogniseError::NotInstalled { .. }) && text.contains("ggml-"), "{text}");
    }
}
