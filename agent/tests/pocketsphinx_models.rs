//! libpocketsphinx ends or crashes the process on some broken models: here each file of the real model is broken, and this
//! process must stay and get a clear error or a working recogniser.
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

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use victus_agent::recognise::grammar::SpeechGrammar;
use victus_agent::recognise::{DEFAULT_POCKETSPHINX_MODEL, RecogniseError};

#[test]
fn a_trial_of_a_model_runs_in_a_child() {
    opened::trial_if_asked();
}

/// The folder of the installed model; none, saying so, if it is not installed.
fn installed() -> Option<&'static Path> {
    let folder = Path::new(DEFAULT_POCKETSPHINX_MODEL);
    if folder.join("en-us/mdef").is_file() {
        return Some(folder);
    }
    recordings::skip("pocketsphinx-en-us is not installed");
    None
}

fn grammar() -> SpeechGrammar {
    let sentences = ["turn on the lamp", "turn off the lamp", "what's the time"];
    let sentences: Vec<Vec<String>> =
        sentences.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect();
    recordings::grammar(sentences.iter().map(Vec::as_slice))
}

/// A model of links to the installed one, with one file (relative to its folder) replaced by its first `length` bytes.
fn broken_copy(folder: &Path, file: &str, length: u64) -> PathBuf {
    let real = Path::new(DEFAULT_POCKETSPHINX_MODEL);
    let copy = folder.join("model");
    std::fs::create_dir_all(copy.join("en-us")).unwrap();
    symlink(real.join("cmudict-en-us.dict"), copy.join("cmudict-en-us.dict")).unwrap();
    for entry in std::fs::read_dir(real.join("en-us")).unwrap() {
        let path = entry.unwrap().path();
        symlink(&path, copy.join("en-us").join(path.file_name().unwrap())).unwrap();
    }
    std::fs::remove_file(copy.join(file)).unwrap();
    std::fs::copy(real.join(file), copy.join(file)).unwrap();
    File::options().write(true).open(copy.join(file)).unwrap().set_len(length).unwrap();
    copy
}

/// Breaks one file in one way and opens the recogniser. Says what came of it.
fn open_broken(file: &str, length: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut config = opened::config(folder.path());
    config.pocketsphinx_model = broken_copy(folder.path(), file, length);
    let result = opened::open_now(&config, &grammar());
    match result {
        Ok(mut opened) => {
            // It must work, not only load.
            opened.recogniser.start().unwrap();
            opened.recogniser.feed(&[1; 16_000]).unwrap();
            assert_eq!(opened.recogniser.finish().unwrap().text, "", "{file} {length}");
            let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
            format!("works; {}", problems.join("; "))
        }
        Err(error) => {
            let text = error.to_string();
            let known = matches!(error, RecogniseError::ModelBroken { .. } | RecogniseError::Pronunciation(_));
            assert!(known, "{file} {length}: {text}");
            let name = folder.path().to_string_lossy().into_owned();
            assert!(text.contains(&name) && text.contains("apt install --reinstall pocketsphinx-en-us"), "{text}");
            text
        }
    }
}

#[test]
fn each_file_cut_short_is_an_error_or_works_and_never_ends_this_process() {
    let Some(real) = installed() else { return };
    let mut files = vec!["cmudict-en-us.dict".to_owned()];
    for entry in std::fs::read_dir(real.join("en-us")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "README" {
            files.push(format!("en-us/{name}"));
        }
    }
    assert!(files.len() >= 8, "{files:?}");
    let mut cases = Vec::new();
    for file in files {
        let length = std::fs::metadata(real.join(&file)).unwrap().len();
        cases.extend([0, 1, length / 2, length - 7].map(|length| (file.clone(), length)));
    }
    let (first, second) = cases.split_at(cases.len() / 2);
    let outcomes: Vec<String> = std::thread::scope(|scope| {
        let halves = [first, second].map(|half| {
            scope.spawn(|| half.iter().map(|(file, length)| open_broken(file, *length)).collect::<Vec<_>>())
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    for ((file, length), outcome) in cases.iter().zip(&outcomes) {
        println!("{file} cut to {length}: {outcome}");
    }
    // What must not be taken for whole: files without which nothing can be recognised.
    for ((file, length), outcome) in cases.iter().zip(&outcomes) {
        let needed = ["mdef", "means", "sendump", "variances", "transition_matrices"];
        if needed.iter().any(|name| file.ends_with(name)) {
            assert!(!outcome.starts_with("works"), "{file} cut to {length}");
        }
    }
    let ended = outcomes.iter().filter(|outcome| outcome.contains("ended the program that loaded it")).count();
    assert!(ended > 0, "no file made the library end its process: the trial in a child tests nothing");
}

#[test]
fn a_missing_model_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = opened::config(folder.path());
    config.pocketsphinx_model = folder.path().join("absent");
    let Err(error) = opened::open_now(&config, &grammar()) else { panic!("there is no model") };
    let text = error.to_string();
    assert!(matches!(error, RecogniseError::NotInstalled { .. }), "{text}");
    assert!(text.contains("absent") && text.contains("apt install libpocketsphinx3 pocketsphinx-en-us"), "{text}");
}

#[test]
fn another_language_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = opened::config(folder.path());
    config.language = "de-AT".into();
    let Err(error) = opened::open_now(&config, &grammar()) else { panic!("Debian has no German model") };
    let text = error.to_string();
    assert!(matches!(error, RecogniseError::NoLanguage { .. }), "{text}");
    assert!(text.contains("“de-AT”") && text.contains("whisper.cpp model"), "{text}");
}
