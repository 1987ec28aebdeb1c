//! The recordings beside the checkout, for tests and benches: where they are, what is said in them, and a grammar of it.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and it prints its figures"
)]

use std::path::{Path, PathBuf};

use victus_agent::recognise::grammar::{Expansion, GrammarRule, Origin, SpeechGrammar};
use victus_agent::speech::wav;

/// The folder with recordings and models: `VICTUS_SHARED`, or `shared` beside the checkout. None, saying so, if absent.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let folder = std::env::var_os("VICTUS_SHARED").map_or_else(beside, PathBuf::from);
    if folder.join("audio/transcripts.tsv").is_file() {
        return Some(folder);
    }
    skip(&format!("there is no folder {} with recordings", folder.display()));
    None
}

/// Says why a test does not run; fails where everything must run.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none_or(|value| value != "1"), "must not be skipped: {why}");
    println!("skipped: {why}");
}

/// One recording.
pub(crate) struct Recording {
    pub(crate) file: String,
    pub(crate) words: Vec<String>,
    pub(crate) samples: Vec<i16>,
}

/// The recordings of one folder under `audio`, with what is said in them; numbers are written as they are said.
pub(crate) fn read(shared: &Path, set: &str) -> Vec<Recording> {
    let audio = shared.join("audio");
    let table = std::fs::read_to_string(audio.join("transcripts.tsv")).unwrap();
    let lines = table.lines().filter(|line| line.starts_with(&format!("{set}/")));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let file = fields.next().unwrap();
            let words = fields.nth(1).unwrap_or_default().split_whitespace().flat_map(spoken).collect();
            let wav = wav::parse(&std::fs::read(audio.join(file)).unwrap()).unwrap();
            Recording { file: file.to_owned(), words, samples: at_16_khz(&wav.samples, wav.rate) }
        })
        .collect()
}

/// The samples at 16 kHz, by straight lines between them: good enough for tests.
pub(crate) fn at_16_khz(samples: &[i16], rate: u32) -> Vec<i16> {
    let rate = u64::from(rate);
    let length = samples.len() as u64 * 16_000 / rate;
    let sample = |index: u64| {
        let (at, part) = (index * rate / 16_000, index * rate % 16_000);
        let value = |at: u64| i64::from(samples.get(at as usize).copied().unwrap_or_default());
        (value(at) + (value(at + 1) - value(at)) * part as i64 / 16_000) as i16
    };
    (0..length).map(sample).collect()
}

/// A grammar of whole sentences.
pub(crate) fn grammar<'a>(sentences: impl Iterator<Item = &'a [String]>) -> SpeechGrammar {
    let sentences = sentences.enumerate().map(|(line, words)| GrammarRule {
        expansion: Expansion::Sequence(words.iter().cloned().map(Expansion::Word).collect()),
        origin: Origin { file: "transcripts.tsv".into(), line: line + 1 },
    });
    SpeechGrammar { sentences: sentences.collect(), ..SpeechGrammar::default() }
}

/// The words with which a whole number below 1000 is said; any other word as it is.
fn spoken(word: &str) -> Vec<String> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let Ok(number) = word.parse::<usize>() else { return vec![word.to_owned()] };
    let mut words = Vec::new();
    if number >= 100 {
        words.extend([SMALL[number / 100].to_owned(), "hundred".to_owned()]);
    }
    match number % 100 {
        0 if number >= 100 => {}
        small @ 0..20 => words.push(SMALL[small].to_owned()),
        rest => {
            words.push(TENS[rest / 10].to_owned());
            if rest % 10 > 0 {
                words.push(SMALL[rest % 10].to_owned());
            }
        }
    }
    words
}
