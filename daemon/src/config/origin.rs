//! Where a value comes from, and what is wrong with it.
//!
//! Owns [`Layer`], [`Origin`] and [`Problem`], and how they read. Promises that nothing from a file reaches a message
//! unbounded or with control characters. Leaves finding problems to the readers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most problems that are kept; the rest are counted.
pub const MAX_PROBLEMS: usize = 100;

/// The layers of the configuration; a later one wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The program's own defaults.
    BuiltIn,
    /// The main file, `/etc/victus/victus.toml`.
    Main,
    /// A file of the folder `conf.d` beside the main file.
    DropIn,
    /// `<state>/config.d/50-panel.toml`, what panel and API write.
    Panel,
    /// A variable `VICTUS__SECTION__KEY`.
    Environment,
}

impl Layer {
    /// The layer's name, as panel and API show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Main => "main",
            Self::DropIn => "conf.d",
            Self::Panel => "panel",
            Self::Environment => "environment",
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The layer that holds the value.
    pub layer: Layer,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Program,
    File { path: Arc<Path>, line: u32 },
    Variable(Arc<str>),
}

impl Origin {
    /// A default of the program.
    pub(super) fn built_in() -> Self {
        Self { layer: Layer::BuiltIn, place: Place::Program }
    }

    /// A line of a file; the first line is 1, and 0 stands for the file as a whole.
    pub(super) fn file(layer: Layer, path: Arc<Path>, line: u32) -> Self {
        Self { layer, place: Place::File { path, line } }
    }

    /// A variable of the environment.
    pub(super) fn variable(name: &str) -> Self {
        Self { layer: Layer::Environment, place: Place::Variable(name.into()) }
    }

    /// The file that holds the value, if one does.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File { path, .. } => Some(path),
            Place::Program | Place::Variable(_) => None,
        }
    }

    /// The line in that file, from 1.
    pub fn line(&self) -> Option<u32> {
        match &self.place {
            Place::File { line, .. } if *line > 0 => Some(*line),
            _ => None,
        }
    }

    /// `path` as meant where it was written: a relative one starts at the folder of the file that names it.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        match self.path().and_then(Path::parent) {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        }
    }

    /// This place as seen from `other`: only the line where both are in one file.
    pub(super) fn seen_from(&self, other: &Self) -> String {
        match (self.line(), self.path() == other.path()) {
            (Some(line), true) => format!("line {line}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Program => f.write_str("built-in"),
            Place::File { path, line: 0 } => write!(f, "{}", path.display()),
            Place::File { path, line } => write!(f, "{}:{line}", path.display()),
            Place::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// The key, such as `voice.recognizer` or `entity[fan.extraction_fan].max_on`; empty where it is about a whole file.
    pub key: String,
    /// What was expected and what to do.
    pub message: String,
    pub(super) kind: Kind,
}

/// What a problem is about; a file with a syntax error gives only those that the error cannot have caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The file cannot be read or is no TOML.
    Syntax,
    /// A value or key that is wrong by itself.
    Value,
    /// Something that ought to be there, or that does not fit something else.
    Rule,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with the configuration, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The problems, at most [`MAX_PROBLEMS`].
    pub list: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Text from a file as a message shows it: in quotes, escaped, and cut after 60 characters.
pub(super) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    // An apostrophe needs no escape between double quotes.
    format!("\"{}\"", shown.replace("\\'", "'"))
}

/// A key from a file as a path shows it: bare where TOML allows it bare, else quoted.
pub(super) fn show_key(key: &str) -> String {
    let bare =
        !key.is_empty() && key.len() <= 60 && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { quote(key) }
}

/// The candidate that `found` was most likely meant to be.
pub(super) fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer text is no slip of the finger, and comparing it would cost its length squared.
    if found.is_empty() || found.len() > 64 {
        return None;
    }
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&found, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(found.len()) / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_key_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("recogniser", ["recognizer", "enabled"]), Some("recognizer"));
        assert_eq!(nearest("maxon", ["max_on", "min_on"]), Some("max_on"));
        assert_eq!(nearest("colour", ["recognizer", "enabled"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), ["recognizer"]), None);
    }

    #[test]
    fn text_from_outside_is_escaped_and_cut() {
        assert_eq!(quote("a\u{1b}[31m\n\"b\" it's"), r#""a\u{1b}[31m\n\"b\" it's""#);
        assert_eq!(quote(&"ä".repeat(1000)).chars().count(), 63);
        assert_eq!(show_key("max_on"), "max_on");
        assert_eq!(show_key("max on"), "\"max on\"");
    }
}
