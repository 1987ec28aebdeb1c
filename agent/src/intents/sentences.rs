//! Sentence files in Home Assistant's format, read and checked.
//!
//! # Format
//!
//! ```yaml
//! language: en
//! settings:
//!   ignore_whitespace: false          # true for languages that write no spaces
//! intents:
//!   HassTurnOn:
//!     data:
//!       - sentences: ["turn on [the] {name}"]
//!         slots: {domain: light}                    # fixed; never overwrite a slot that was said
//!         requires_context: {domain: light}         # also `area: {slot: true}` (or a slot's name): must be known, becomes a slot
//!         excludes_context: {domain: [cover]}
//!         required_keywords: ["light", "lights"]    # at least one of these words must be there
//!         expansion_rules: {rule: "..."}            # for these sentences only
//!         lists: {list: {...}}                      # for these sentences only
//!         response: lights_area                     # key of the reply, `default` where absent
//!         example: "turn on the {name}"             # what people are told that they can say; Victus' own
//!         metadata: {key: value}                   # `one: true`: one entity is meant; where several fit, ask which;
//!                                                  # `on_failure: stop|skip|undo`: what one that is not done means for the rest
//! lists:
//!   color: {values: ["red", {in: "(max|maximum)", out: 100, context: {...}, metadata: {...}}]}
//!   level: {range: {from: 0, to: 100, step: 1, type: percentage, fractions: halves, multiplier: 0.1, digits: true, words: true, words_language: en}}
//!   rest: {wildcard: true}
//! expansion_rules: {name: "[the] {name}"}
//! skip_words: ["please"]
//! conjunctions: ["and"]                          # what joins two requests: "the fan on and the pump off"
//! exceptions: ["except"]                         # what begins what is left out: "all lights except the first"
//! fillers: ["uh"]                                # what people say while they think; no recogniser listens for it
//! responses:
//!   intents: {HassTurnOn: {default: "{name} is on."}}
//!   errors: {no_intent: "I didn't understand that."}
//! ```
//!
//! Owns the files' meaning: layers (a later file's rule replaces an earlier one of the same name, values of a list are
//! added), scopes (a block's own rules and lists come before the file's), and the checks. Promises that a fault costs
//! only the sentence, list, rule or file that it stands in: loading answers with what works and a [`Problem`] for each
//! fault, named by file and line. Leaves names of entities, areas and floors (the lists `name`, `area`, `floor`) to the
//! vocabulary, and matching to `matcher`.

mod check;
mod context;
mod document;
mod read;

use super::responses::Responses;
use super::template::{Expression, NumberRange};
use super::{Origin, SlotValue, builtin};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

pub(crate) use context::{Requirements, admits};

/// The lists that the vocabulary fills.
pub const VOCABULARY_LISTS: [&str; 3] = ["name", "area", "floor"];
/// The most files read from one folder.
const MAX_FILES: usize = 2_000;

/// A fault in a sentence file. What it stands in is left out; the rest works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file and line.
    pub origin: Origin,
    /// The column, counted from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong, what was left out, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(formatter, "{}:{column}: {}", self.origin, self.message),
            None => write!(formatter, "{}: {}", self.origin, self.message),
        }
    }
}

/// A sentence file: its name for messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path, or a stated source such as `built-in/en/timers.yaml`.
    pub name: String,
    /// The YAML text.
    pub text: String,
}

/// Everything that sentence files say, checked.
#[derive(Debug, Clone, Default)]
pub struct Sentences {
    /// The language code.
    pub language: String,
    /// What is said in reply.
    pub responses: Responses,
    pub(crate) ignore_whitespace: bool,
    pub(crate) blocks: Vec<Block>,
    pub(crate) lists: BTreeMap<String, List>,
    pub(crate) rules: BTreeMap<String, Rule>,
    pub(crate) skip_words: Vec<String>,
    pub(crate) fillers: Vec<String>,
    /// What joins two requests in one sentence.
    pub(crate) conjunctions: Vec<String>,
    /// What begins what is left out of a group.
    pub(crate) exceptions: Vec<String>,
}

/// The context key under which a block asks what kind of question is open: its sentences are answers.
pub const QUESTION: &str = "question";

impl Sentences {
    /// The sentences that mean something without a question before them.
    pub(crate) fn unprompted(&self) -> Self {
        let mut sentences = self.clone();
        sentences.blocks.retain(|block| !block.requires.contains_key(QUESTION));
        sentences
    }
}

/// Sentences that mean the same intent under the same conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    pub(crate) intent: String,
    pub(crate) templates: Vec<Template>,
    pub(crate) slots: BTreeMap<String, SlotValue>,
    pub(crate) requires: Requirements,
    pub(crate) excludes: Requirements,
    pub(crate) required_keywords: Vec<String>,
    pub(crate) rules: BTreeMap<String, Rule>,
    pub(crate) lists: BTreeMap<String, List>,
    /// Lists of all sentences that hold something else in this block: a value of theirs names a rule that it has of its own.
    pub(crate) changed: BTreeSet<String>,
    pub(crate) response: Option<String>,
    pub(crate) example: Option<Template>,
    pub(crate) metadata: BTreeMap<String, serde_json::Value>,
}

/// A sentence template as it was written and as it was understood.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) text: String,
    pub(crate) expression: Expression,
    pub(crate) origin: Origin,
    /// Where it begins in its line, where it stands there as it is.
    pub(crate) column: Option<usize>,
}

/// What a part of a template refers to, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference<'a> {
    Rule(&'a str),
    List(&'a str),
}

/// A named piece of template.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) expression: Expression,
    pub(crate) origin: Origin,
    /// Where its name begins in its line.
    pub(crate) column: Option<usize>,
}

/// A list that templates refer to.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) kind: ListKind,
    pub(crate) origin: Origin,
    /// Where its name begins in its line.
    pub(crate) column: Option<usize>,
}

/// What a list holds.
#[derive(Debug, Clone)]
pub(crate) enum ListKind {
    Values(Vec<ListValue>),
    Numbers(NumberList),
    /// Any words.
    Wildcard,
}

/// One value of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListValue {
    pub(crate) text: String,
    pub(crate) expression: Expression,
    /// What the slot gets; nothing: the words as they were said.
    pub(crate) out: Option<SlotValue>,
    pub(crate) context: BTreeMap<String, serde_json::Value>,
    pub(crate) metadata: BTreeMap<String, serde_json::Value>,
    pub(crate) origin: Origin,
    /// Where its words begin in their line, where they stand there as they are.
    pub(crate) column: Option<usize>,
}

/// A list that holds numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NumberList {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) step: i64,
    pub(crate) fractions: Fractions,
    pub(crate) multiplier: f64,
    pub(crate) digits: bool,
    pub(crate) words: bool,
    /// The language of its number words, where that is not the sentences'.
    pub(crate) words_language: Option<String>,
}

/// Which parts of a whole number may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fractions {
    None,
    Halves,
    Tenths,
}

impl NumberList {
    /// Whether this is one of its numbers.
    pub(crate) fn holds(&self, value: f64) -> bool {
        let whole = |value: f64| (value - value.round()).abs() < 1e-9;
        let (parts, base) = match self.fractions {
            Fractions::None => (1.0, value.round()),
            Fractions::Halves => (2.0, (value + 1e-9).floor()),
            Fractions::Tenths => (10.0, (value + 1e-9).floor()),
        };
        let fits = whole(value * parts) && (self.step == 1 || (base as i64 - self.from) % self.step == 0);
        fits && (self.from as f64..=self.to as f64).contains(&value)
    }
}

impl From<NumberRange> for NumberList {
    fn from(range: NumberRange) -> Self {
        let NumberRange { from, to, step } = range;
        NumberList {
            from,
            to,
            step,
            fractions: Fractions::None,
            multiplier: 1.0,
            digits: true,
            words: true,
            words_language: None,
        }
    }
}

impl Sentences {
    /// Reads sentence files; a later one adds to the ones before and replaces their rules of the same name.
    pub fn load(sources: &[Source]) -> (Sentences, Vec<Problem>) {
        Sentences::load_onto(Sentences::default(), sources)
    }

    fn load_onto(mut sentences: Sentences, sources: &[Source]) -> (Sentences, Vec<Problem>) {
        let mut problems = Vec::new();
        for source in sources {
            read::file(source, &mut sentences, &mut problems);
        }
        if sentences.language.is_empty() {
            "en".clone_into(&mut sentences.language);
        }
        // All blocks of an intent stand together, where its first one stands: of equal readings the first is answered.
        let mut order: HashMap<String, usize> = HashMap::new();
        for block in &sentences.blocks {
            let next = order.len();
            order.entry(block.intent.clone()).or_insert(next);
        }
        sentences.blocks.sort_by_key(|block| order.get(&block.intent).copied());
        check::drop_broken(&mut sentences, &mut problems);
        (sentences, problems)
    }

    /// Reads the sentences that come with the appliance for a language, then those that its users wrote.
    ///
    /// A language without built-in sentences has only its users', and is answered in English where they have no reply.
    pub fn for_language(language: &str, users: Option<&Path>) -> (Sentences, Vec<Problem>) {
        let mut sources = builtin::sources(language);
        let mut problems = Vec::new();
        let mut base = Sentences::default();
        if sources.is_empty() {
            base.responses = Sentences::load(&builtin::sources(builtin::FALLBACK)).0.responses;
        }
        if let Some(folder) = users.filter(|folder| folder.is_dir()) {
            sources.extend(read_folder(folder, &mut problems));
        }
        let (mut sentences, mut others) = Sentences::load_onto(base, &sources);
        if sources.is_empty() {
            language.clone_into(&mut sentences.language);
        }
        problems.append(&mut others);
        (sentences, problems)
    }

    /// Reads every `.yaml` and `.yml` file of a folder, in the order of their names.
    pub fn from_folder(folder: &Path) -> (Sentences, Vec<Problem>) {
        let mut problems = Vec::new();
        let sources = read_folder(folder, &mut problems);
        let (sentences, mut others) = Sentences::load(&sources);
        problems.append(&mut others);
        (sentences, problems)
    }

    /// The names of all intents that have a sentence.
    pub fn intents(&self) -> BTreeSet<&str> {
        self.blocks.iter().filter(|block| !block.templates.is_empty()).map(|block| block.intent.as_str()).collect()
    }

    /// How many templates there are.
    pub fn template_count(&self) -> usize {
        self.blocks.iter().map(|block| block.templates.len()).sum()
    }

    /// The rule of that name as seen from a block.
    pub(crate) fn rule<'a>(&'a self, block: &'a Block, name: &str) -> Option<&'a Rule> {
        block.rules.get(name).or_else(|| self.rules.get(name))
    }

    /// Each rule and list that these parts refer to as seen from a block, directly or through rules; each once.
    pub(crate) fn references<'a>(
        &'a self,
        block: &'a Block,
        from: impl IntoIterator<Item = &'a Expression>,
    ) -> BTreeSet<Reference<'a>> {
        let mut open: Vec<&Expression> = from.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(expression) = open.pop() {
            expression.walk(&mut |part| match part {
                Expression::Rule(name) if found.insert(Reference::Rule(name)) => {
                    open.extend(self.rule(block, name).map(|rule| &rule.expression));
                }
                Expression::List { list, .. } => {
                    found.insert(Reference::List(list));
                }
                _ => {}
            });
        }
        found
    }

    /// The list of that name as seen from a block.
    pub(crate) fn list<'a>(&'a self, block: &'a Block, name: &str) -> Option<&'a List> {
        block.lists.get(name).or_else(|| self.lists.get(name))
    }
}

fn read_folder(folder: &Path, problems: &mut Vec<Problem>) -> Vec<Source> {
    let mut fault = |path: &Path, line: usize, message: String| {
        problems.push(Problem { origin: Origin { file: path.display().to_string(), line }, column: None, message });
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            fault(folder, 1, format!("the folder can't be read: {error}; its sentences are left out"));
            return Vec::new();
        }
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
        .collect();
    paths.sort();
    if paths.len() > MAX_FILES {
        fault(
            folder,
            1,
            format!("the folder holds {} sentence files; only the first {MAX_FILES} are read", paths.len()),
        );
        paths.truncate(MAX_FILES);
    }
    let mut sources = Vec::new();
    for path in paths {
        match read_file(&path) {
            Ok(text) => sources.push(Source { name: path.display().to_string(), text }),
            Err((line, message)) => fault(&path, line, format!("{message}; it is left out")),
        }
    }
    sources
}

/// Reads a file, if it is one and not too large; where not, the line and the reason.
fn read_file(path: &Path) -> Result<String, (usize, String)> {
    let failed = |error: std::io::Error| (1, format!("the file can't be read: {error}"));
    // What is no file may block for ever or never end.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err((1, "this is no file".to_owned()));
    }
    if metadata.len() > document::MAX_FILE_BYTES as u64 {
        return Err((1, document::too_large(metadata.len())));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(document::MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        (line, format!("the file is not UTF-8 ({})", error.utf8_error()))
    })
}

#[cfg(test)]
mod tests;
