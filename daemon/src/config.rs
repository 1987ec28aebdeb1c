//! The configuration: TOML in layers, checked whole, with the origin of every value.
//!
//! Layers, a later one winning: built-in; the main file (`/etc/victus/victus.toml`); the files `*.toml` of `conf.d`
//! beside it in the order of their names; `<state>/config.d/50-panel.toml`; variables `VICTUS__SECTION__KEY`.
//! How layers merge stands in `tree`, every key with its meaning in `packaging/victus.toml`.
//!
//! A variable's name is the path of the key in capitals, joined by two underscores; in a list of tables the name (or the
//! id) comes after the list, all but letters and digits as underscores: `VICTUS__ENTITY__FAN_EXTRACTION_FAN__MAX_ON=10m`.
//! Its value is TOML; what is no TOML is a text.
//!
//! Promises: loading never panics and reads bounded files; it answers with a configuration that is complete and right, or
//! with all that is wrong, each with file, line, key and what was expected. Secrets are read from their files and held in
//! a type that cannot be shown. Leaves opening devices and connections to others; nothing here has an effect.

mod alarms;
mod entities;
mod files;
mod links;
mod model;
mod origin;
mod reader;
mod routes;
mod rules;
mod secret;
mod sections;
mod tree;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

pub use files::{DEFAULT_MAIN, MAX_DROP_INS, MAX_FILE, Sources};
pub use model::{
    Bias, Broker, Config, Device, Driver, Entity, Gpio, GpioBackend, GpioLine, Kind, Limits, Link, Login, Rate,
    Recognizer, Requirement, Risk, Serial, SerialProtocol, Speech, SpeechEngine, Voice, Web,
};
pub use origin::{Layer, MAX_PROBLEMS, Origin, Problem, Problems};

use origin::Kind as ProblemKind;
use reader::{Reader, Report};
use tree::{Node, Table, Tree, Value};

/// The most entries of each list of tables.
const MAX_ENTITIES: usize = 512;
const MAX_SERIAL: usize = 32;
const MAX_LINKS: usize = 8;
const MAX_ROUTES: usize = 100;

impl Config {
    /// Reads and checks all layers.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of files and lines.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        Self::examine(sources).1
    }

    /// Reads and checks all layers, and says what was read and what is worth a look. For `victusd --check`.
    pub fn check(sources: &Sources) -> Check {
        let (files, outcome) = Self::examine(sources);
        match outcome {
            Ok(config) => Check { files, warnings: config.warnings, problems: None },
            Err(problems) => Check { files, warnings: Vec::new(), problems: Some(problems) },
        }
    }

    fn examine(sources: &Sources) -> (Vec<PathBuf>, Result<Self, Problems>) {
        let (tree, files, faults) = files::read_layers(sources);
        let report = Report::default();
        let (mut config, unread) = read_tree(&tree, sources, &report);
        let unreadable = faults.iter().any(|fault| fault.kind == ProblemKind::Syntax);
        if !unreadable {
            sections::check_serial(&config.serial, &report);
            rules::check(&mut config, &unread, &report);
            routes::check(&config, &report);
        }
        let (mut problems, warnings, origins) = report.into_parts();
        if unreadable {
            // What a broken line hides cannot be told from what is missing, nor can its rest be believed.
            let broken = |problem: &Problem| {
                faults.iter().any(|fault| fault.kind == ProblemKind::Syntax && fault.origin == problem.origin)
            };
            problems.retain(|problem| problem.kind == ProblemKind::Value && !broken(problem));
        }
        problems.extend(faults);
        if problems.is_empty() {
            (config.warnings, config.origins) = (warnings, origins);
            return (files, Ok(config));
        }
        let place = |problem: &Problem| {
            let file = files.iter().position(|file| Some(file.as_path()) == problem.origin.path());
            (problem.origin.layer, file, problem.origin.line())
        };
        problems.sort_by_key(place);
        problems.dedup();
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        problems.truncate(MAX_PROBLEMS);
        (files, Err(Problems { list: problems, more }))
    }

    /// Which layer holds the value at a key, such as `voice.recognizer` or `entity[fan.extraction_fan].max_on`; `None`
    /// if there is no such key.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    /// Every key with where its value comes from, by key.
    pub fn origins(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.origins.iter().map(|(key, origin)| (key.as_str(), origin))
    }

    /// What is not wrong and yet worth a look.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// A problem with the value at `key` that only shows once the configuration is used, such as a tool that no link can
    /// name because it does not exist.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let origin = self.origin(key).cloned().unwrap_or_else(Origin::built_in);
        Problem { origin, key: key.to_owned(), message: message.into(), kind: ProblemKind::Rule }
    }
}

/// What `victusd --check` says.
#[derive(Debug, Clone)]
pub struct Check {
    /// The files that were read, in the order of the layers.
    pub files: Vec<PathBuf>,
    /// What is worth a look.
    pub warnings: Vec<Problem>,
    /// What is wrong.
    pub problems: Option<Problems>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "read {}", file.display())?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        match &self.problems {
            Some(problems) => write!(f, "{problems}"),
            None if self.files.is_empty() => f.write_str("no file: everything is as built in"),
            None => f.write_str("the configuration is right"),
        }
    }
}

/// Reads all keys. Answers with the typed values and the ids and port names that exist but could not be read.
fn read_tree(tree: &Tree, sources: &Sources, report: &Report) -> (Config, BTreeSet<String>) {
    let root = Reader::new(report, String::new(), Origin::built_in(), Some(&tree.root));
    let mut unread = BTreeSet::new();
    let config = Config {
        device: sections::device(root.section("device"), sources),
        voice: sections::voice(root.section("voice")),
        web: sections::web(root.section("web")),
        gpio: sections::gpio(root.section("gpio")),
        links: read_list(&root, report, ("link", MAX_LINKS), &mut unread, links::link),
        serial: read_list(&root, report, ("serial", MAX_SERIAL), &mut unread, sections::serial),
        entities: read_list(&root, report, ("entity", MAX_ENTITIES), &mut unread, |reader| {
            entities::entity(reader, report)
        }),
        routes: read_list(&root, report, ("route", MAX_ROUTES), &mut unread, routes::route),
        warnings: Vec::new(),
        origins: BTreeMap::new(),
    };
    root.finish();
    (config, unread)
}

fn read_list<T>(
    root: &Reader<'_>,
    report: &Report,
    (list, most): (&'static str, usize),
    unread: &mut BTreeSet<String>,
    read: impl Fn(Reader<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(node) = root.node(list) else { return Vec::new() };
    let Value::Array(items) = &node.value else { return Vec::new() };
    if items.len() > most {
        root.rule(list, format!("there are {} of them: at most {most} are possible", items.len()));
    }
    let mut duplicates = Vec::new();
    let items = tree::without_duplicates(list, items.iter().take(most).cloned().collect(), &mut duplicates);
    for problem in duplicates {
        report.problem(&problem.origin, &problem.key, problem.kind, problem.message);
    }
    let mut read_items = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let name = tree::identity(list, item);
        let path = match &name {
            Some(name) => format!("{list}[{}]", name.chars().take(96).collect::<String>()),
            None => format!("{list}[#{}]", index + 1),
        };
        match read(Reader::new(report, path, item.origin.clone(), table_of(item))) {
            Some(item) => read_items.push(item),
            None => {
                // A serial port's name and an entity's id differ in form: the id has a point.
                unread.extend(name.map(|name| if list == "serial" { format!("serial {name}") } else { name }));
            }
        }
    }
    read_items
}

fn table_of(node: &Node) -> Option<&Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
