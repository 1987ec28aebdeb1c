//! How words sound, so that a recogniser can hear them.
//!
//! Owns the search for a pronunciation, in this order: what the owner wrote as `spoken`; the recogniser's own dictionary
//! with all its variants; the letter-to-sound rules of espeak-ng; a small table of English letters for machines without
//! it. Promises that a word written in Latin letters always gets one, and that every phone is one that the model knows.
//! Leaves to the caller what to do about words that have none (other scripts, digits only).
//!
//! Format of a dictionary, which is the CMU dictionary's: a line for each pronunciation, `WORD PHONE PHONE ...`, further
//! ones of the same word as `WORD(2)`, `WORD(3)` and so on; phones in ARPAbet without stress; UTF-8.

mod arpabet;
pub(crate) mod letters;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use unicode_normalization::UnicodeNormalization as _;

use super::grammar::{Problem, token_of_word};
use crate::subprocess::{Limits, run};

/// The largest dictionary that is read; the English one has 3.3 MB.
const MAX_DICTIONARY_BYTES: u64 = 64 * 1024 * 1024;
/// The most phones in one pronunciation, and the most pronunciations of one word.
const MAX_PHONES: usize = 60;
const MAX_VARIANTS: usize = 12;
/// How many words espeak-ng is asked for at once, and how long it may take: it needs about 0.03 s on a Pi.
const WORDS_PER_RUN: usize = 200;
const ESPEAK_TIME: Duration = Duration::from_secs(10);

/// One pronunciation: phones in ARPAbet without stress, such as `F`, `Y`, `UW`, `M`.
pub type Phones = Vec<String>;

/// Where pronunciations are looked up.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// The dictionary of the model.
    pub dictionary: &'a Path,
    /// Every phone that the model knows.
    pub phones: &'a BTreeSet<String>,
    /// What the owner wrote: pronunciations by word, each a string of phones with spaces between.
    pub spoken: &'a BTreeMap<String, Vec<String>>,
    /// The program that knows letter-to-sound rules, `espeak-ng`; none to do without.
    pub espeak: Option<&'a Path>,
}

/// The pronunciations that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pronunciations {
    /// One or more pronunciations of each word.
    pub words: BTreeMap<String, Vec<Phones>>,
    /// Words that have none.
    pub missing: BTreeSet<String>,
    /// What is wrong with the sources, such as an unknown phone in `spoken`.
    pub problems: Vec<Problem>,
}

/// A dictionary that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PronunciationError {
    /// It cannot be read.
    #[error(
        "the pronunciation dictionary {path} cannot be read ({source}): run `apt install --reinstall pocketsphinx-en-us`"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has no pronunciation in it.
    #[error("the pronunciation dictionary {0} has no words in it: run `apt install --reinstall pocketsphinx-en-us`")]
    Empty(PathBuf),
}

/// Finds pronunciations for these words.
///
/// # Errors
/// [`PronunciationError`] if the dictionary cannot be read or is no dictionary.
pub fn pronounce(words: &BTreeSet<String>, sources: &Sources<'_>) -> Result<Pronunciations, PronunciationError> {
    let mut found = Pronunciations::default();
    take_spoken(words, sources, &mut found);
    let wanted: BTreeSet<&str> =
        words.iter().map(String::as_str).filter(|word| !found.words.contains_key(*word)).collect();
    let from_dictionary = read_dictionary(sources.dictionary, sources.phones, &wanted)?;
    found.words.extend(from_dictionary);

    let (sayable, unsayable): (Vec<&String>, Vec<&String>) =
        words.iter().filter(|word| !found.words.contains_key(*word)).partition(|word| letters::has_latin_letters(word));
    found.missing = unsayable.into_iter().cloned().collect();
    for chunk in sayable.chunks(WORDS_PER_RUN) {
        let heard = sources.espeak.map_or_else(Vec::new, |espeak| ask_espeak(espeak, chunk, &mut found.problems));
        for (index, word) in chunk.iter().enumerate() {
            let mut variants: Vec<Phones> = heard.get(index).cloned().unwrap_or_default();
            variants.retain(|phones| sources.phones.is_superset(&phones.iter().cloned().collect()));
            if variants.is_empty() {
                variants = vec![letters::to_phones(word)];
                variants.retain(|phones| sources.phones.is_superset(&phones.iter().cloned().collect()));
            }
            variants.retain(|phones| !phones.is_empty() && phones.len() <= MAX_PHONES);
            if variants.is_empty() {
                found.missing.insert((*word).clone());
            } else {
                found.words.insert((*word).clone(), variants);
            }
        }
    }
    Ok(found)
}

impl Pronunciations {
    /// The dictionary of these words, as the recogniser reads it.
    pub fn to_dictionary(&self) -> String {
        let mut text = String::new();
        for (word, variants) in &self.words {
            let token = token_of_word(word);
            for (index, phones) in variants.iter().enumerate() {
                text.push_str(&token);
                if index > 0 {
                    text.push_str(&format!("({})", index + 1));
                }
                for phone in phones {
                    text.push(' ');
                    text.push_str(phone);
                }
                text.push('\n');
            }
        }
        text
    }
}

/// Takes what the owner wrote, where every phone is known.
fn take_spoken(words: &BTreeSet<String>, sources: &Sources<'_>, found: &mut Pronunciations) {
    for (word, variants) in sources.spoken {
        if !words.contains(word) {
            continue;
        }
        for variant in variants.iter().take(MAX_VARIANTS) {
            let phones: Phones =
                variant.split_whitespace().map(|phone| strip_stress(phone).to_ascii_uppercase()).collect();
            let unknown = phones.iter().find(|phone| !sources.phones.contains(*phone));
            let message = if phones.is_empty() || phones.len() > MAX_PHONES {
                format!(
                    "the pronunciation of “{word}” in `spoken` has {} phones: write 1 to {MAX_PHONES}",
                    phones.len()
                )
            } else if let Some(unknown) = unknown {
                let known: Vec<&str> = sources.phones.iter().map(String::as_str).collect();
                format!(
                    "the pronunciation “{variant}” of “{word}” in `spoken` has an unknown phone `{unknown}`: use {}",
                    known.join(" ")
                )
            } else {
                found.words.entry(word.clone()).or_default().push(phones);
                continue;
            };
            found.problems.push(Problem::anywhere(message));
        }
    }
}

/// ARPAbet with stress (`AH0`) is what most dictionaries print; the models have none.
fn strip_stress(phone: &str) -> &str {
    phone.trim_end_matches(|character: char| character.is_ascii_digit())
}

/// The pronunciations of the wanted words in a dictionary file. Lines that are no entries are passed over.
fn read_dictionary(
    path: &Path,
    known: &BTreeSet<String>,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<Phones>>, PronunciationError> {
    let failed = |source| PronunciationError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(failed)?.take(MAX_DICTIONARY_BYTES));
    let mut found: BTreeMap<String, Vec<Phones>> = BTreeMap::new();
    let mut any = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        // A line without its end was cut off, and so may its last phone be.
        let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) else { continue };
        let mut fields = text.split_whitespace();
        let Some(head) = fields.next() else { continue };
        let word = head.strip_suffix(')').and_then(|head| head.rsplit_once('(')).map_or(head, |(word, _)| word);
        if !any {
            any = fields.clone().next().is_some_and(|phone| known.contains(phone));
        }
        if !wanted.contains(word) {
            continue;
        }
        let phones: Phones = fields.map(str::to_owned).collect();
        let variants = found.entry(word.to_owned()).or_default();
        let good = !phones.is_empty() && phones.len() <= MAX_PHONES && phones.iter().all(|phone| known.contains(phone));
        if good && variants.len() < MAX_VARIANTS && !variants.contains(&phones) {
            variants.push(phones);
        }
    }
    if !any {
        return Err(PronunciationError::Empty(path.to_owned()));
    }
    found.retain(|_, variants| !variants.is_empty());
    Ok(found)
}

/// What espeak-ng makes of these words: for each a list of pronunciations, empty or absent where it has none. Nothing at
/// all if it cannot be asked, which is reported once.
fn ask_espeak(espeak: &Path, words: &[&String], problems: &mut Vec<Problem>) -> Vec<Vec<Phones>> {
    // An empty line ends a clause, so that each word is said by itself, and a blank line ends each answer.
    let mut input = String::new();
    for word in words {
        // Punctuation would end a clause, and `[[` or `<` mean something to espeak-ng.
        let sounding = |character: char| character.is_alphanumeric() || matches!(character, '\'' | '-');
        input.extend(word.nfc().map(|character| if sounding(character) { character } else { ' ' }));
        input.push_str("\n\n");
    }
    let limits = Limits { output: 64 * 1024, time: ESPEAK_TIME };
    let arguments = ["-q", "--ipa", "-v", "en-us"];
    let answer = match run(espeak.as_os_str(), &arguments, input.into_bytes(), limits) {
        Ok(finished) if finished.status.success() => String::from_utf8_lossy(&finished.output).into_owned(),
        Ok(finished) => {
            return no_espeak(problems, &format!("espeak-ng failed: {}", finished.complaint.trim()));
        }
        Err(error) => return no_espeak(problems, &error.to_string()),
    };
    let answers: Vec<&str> = answer.split("\n\n").map(str::trim).filter(|answer| !answer.is_empty()).collect();
    match words {
        _ if answers.len() == words.len() => answers.into_iter().map(arpabet::from_ipa).collect(),
        // It has nothing to say to one of them, or too much: look for that one.
        [_, _, ..] => {
            let (first, second) = words.split_at(words.len() / 2);
            let mut heard = ask_espeak(espeak, first, problems);
            heard.resize(first.len(), Vec::new());
            heard.extend(ask_espeak(espeak, second, problems));
            heard
        }
        _ => Vec::new(),
    }
}

fn no_espeak(problems: &mut Vec<Problem>, why: &str) -> Vec<Vec<Phones>> {
    let message = format!(
        "{why}; words that are not in the dictionary are pronounced by a simple table: run `apt install espeak-ng`"
    );
    if !problems.iter().any(|problem| problem.message == message) {
        problems.push(Problem::anywhere(message));
    }
    Vec::new()
}
