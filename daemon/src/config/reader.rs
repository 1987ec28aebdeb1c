//! Reading typed values out of the merged tree.
//!
//! A [`Reader`] stands for one table. Each getter takes a key, remembers it as known and where its value comes from, and
//! puts a [`Problem`] into the [`Report`] if the value is not what was expected; [`Reader::finish`] reports the keys that
//! nobody asked for. Promises that reading goes on after a problem, so that all of them are found in one go.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::origin::{Kind, Origin, Problem, nearest, quote, show_key};
use super::tree::{self, Node, Table, Value};
use super::values;

/// What reading has found so far.
#[derive(Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    origins: RefCell<BTreeMap<String, Origin>>,
}

impl Report {
    pub(super) fn problem(&self, origin: &Origin, key: &str, kind: Kind, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            origin: origin.clone(),
            key: key.to_owned(),
            message: message.into(),
            kind,
        });
    }

    /// A rule broken by the value at `key`.
    pub(super) fn broken(&self, key: &str, message: impl Into<String>) {
        self.problem(&self.origin(key), key, Kind::Rule, message);
    }

    pub(super) fn warn(&self, origin: &Origin, key: &str, message: impl Into<String>) {
        self.warnings.borrow_mut().push(Problem {
            origin: origin.clone(),
            key: key.to_owned(),
            message: message.into(),
            kind: Kind::Rule,
        });
    }

    /// Where the value at `key` comes from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.borrow().get(key).cloned().unwrap_or_else(Origin::built_in)
    }

    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Problem>, BTreeMap<String, Origin>) {
        (self.problems.into_inner(), self.warnings.into_inner(), self.origins.into_inner())
    }
}

/// A value that is there.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// One table.
pub(super) struct Reader<'a> {
    report: &'a Report,
    /// The path of the table, empty for the root.
    pub(super) path: String,
    /// Where the table stands.
    pub(super) origin: Origin,
    table: Option<&'a Table>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(report: &'a Report, path: String, origin: Origin, table: Option<&'a Table>) -> Self {
        Self { report, path, origin, table, known: RefCell::new(Vec::new()) }
    }

    /// The full path of a key of this table.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The node at `key`, which is known from here on.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        let entry = self.table.and_then(|table| table.get(key));
        let origin = entry.map_or_else(Origin::built_in, |entry| entry.key.clone());
        self.report.origins.borrow_mut().insert(self.key(key), origin);
        entry.map(|entry| &entry.node)
    }

    /// Where the value at `key` stands, if it is there.
    pub(super) fn at(&self, key: &str) -> Option<Origin> {
        self.table.and_then(|table| table.get(key)).map(|entry| entry.key.clone())
    }

    /// A problem with the value at `key`, or with this table where the key is missing.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) {
        let origin = self.at(key).unwrap_or_else(|| self.origin.clone());
        self.report.problem(&origin, &self.key(key), Kind::Value, message);
    }

    /// A missing key, or one that does not fit another.
    pub(super) fn rule(&self, key: &str, message: impl Into<String>) {
        let origin = self.at(key).unwrap_or_else(|| self.origin.clone());
        self.report.problem(&origin, &self.key(key), Kind::Rule, message);
    }

    pub(super) fn warn(&self, key: &str, message: impl Into<String>) {
        let origin = self.at(key).unwrap_or_else(|| self.origin.clone());
        self.report.warn(&origin, &self.key(key), message);
    }

    /// Reads the value at `key` by `parse`, whose error is the message.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&'a Node) -> Result<T, String>,
    ) -> Option<Found<T>> {
        let node = self.node(key)?;
        match parse(node) {
            Ok(value) => Some(Found { value, origin: self.at(key).unwrap_or_else(|| node.origin.clone()) }),
            Err(message) => {
                self.wrong(key, message);
                None
            }
        }
    }

    /// A text with at least one character, at most 200, and none that cannot be seen.
    pub(super) fn text(&self, key: &'static str, expected: &str) -> Option<Found<String>> {
        self.read(key, |node| plain_text(node, expected))
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        self.read(key, |node| {
            let value = node.text().and_then(parse);
            value.ok_or_else(|| expected_found(expected, node))
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<Found<bool>> {
        self.read(key, |node| match typed(node) {
            Value::Boolean(flag) => Ok(flag),
            _ => Err(expected_found("true or false", node)),
        })
    }

    /// A whole number in a range.
    pub(super) fn number(&self, key: &'static str, range: std::ops::RangeInclusive<u32>) -> Option<Found<u32>> {
        self.read(key, |node| {
            let found = match typed(node) {
                Value::Integer(number) => u32::try_from(number).ok().filter(|number| range.contains(number)),
                _ => None,
            };
            found.ok_or_else(|| expected_found(&format!("a number from {} to {}", range.start(), range.end()), node))
        })
    }

    /// A finite number.
    pub(super) fn decimal(&self, key: &'static str) -> Option<Found<f64>> {
        self.read(key, |node| {
            let number = match typed(node) {
                Value::Integer(number) => i32::try_from(number).ok().map(f64::from),
                Value::Float(text) => text.replace('_', "").parse::<f64>().ok(),
                _ => None,
            };
            number.filter(|number| number.is_finite()).ok_or_else(|| expected_found("a number such as 8.5", node))
        })
    }

    /// A number above 0 and at most 1.
    pub(super) fn fraction(&self, key: &'static str) -> Option<Found<f32>> {
        self.read(key, |node| {
            let number = match typed(node) {
                Value::Integer(1) => Some(1.0),
                Value::Float(text) => text.replace('_', "").parse::<f32>().ok(),
                _ => None,
            };
            let found = number.filter(|number| *number > 0.0 && *number <= 1.0);
            found.ok_or_else(|| expected_found("a number above 0 and at most 1, such as 0.8", node))
        })
    }

    /// A duration in a range.
    pub(super) fn duration(&self, key: &'static str, least: Duration, most: Duration) -> Option<Found<Duration>> {
        self.read(key, |node| {
            let found = node.text().and_then(values::duration);
            let duration = found
                .ok_or_else(|| expected_found("a duration in quotes, such as \"30m\", \"5s\" or \"500ms\"", node))?;
            if (least..=most).contains(&duration) {
                return Ok(duration);
            }
            let range = format!("a duration from {} to {}", values::show_duration(least), values::show_duration(most));
            Err(expected_found(&range, node))
        })
    }

    /// One of the names of a list.
    pub(super) fn one_of<T: Copy>(&self, key: &'static str, names: &[(&str, T)]) -> Option<Found<T>> {
        self.read(key, |node| one_of(node, names))
    }

    /// A list of texts, each of which `parse` takes.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<Found<Vec<T>>> {
        let node = self.node(key)?;
        // A variable with one plain text is a list of one.
        self.items(key, node, matches!(node.value, Value::Variable(_)), expected, parse)
    }

    /// One text or a list of texts, at least one, each of which `parse` takes.
    pub(super) fn one_or_list<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<Found<Vec<T>>> {
        let node = self.node(key)?;
        if matches!(&node.value, Value::Array(items) if items.is_empty()) {
            self.wrong(key, format!("expected {expected}, found an empty list: leave it out for any"));
            return None;
        }
        self.items(key, node, true, expected, parse)
    }

    fn items<T>(
        &self,
        key: &'static str,
        node: &Node,
        one_text: bool,
        expected: &str,
        parse: impl Fn(&Node) -> Result<T, String>,
    ) -> Option<Found<Vec<T>>> {
        let items = match typed(node) {
            Value::Array(items) => items,
            Value::String(_) if one_text => vec![node.clone()],
            _ => {
                self.wrong(key, expected_found(expected, node));
                return None;
            }
        };
        let mut list = Vec::with_capacity(items.len());
        for item in &items {
            match parse(item) {
                Ok(value) => list.push(value),
                Err(message) => self.report.problem(&item.origin, &self.key(key), Kind::Value, message),
            }
        }
        Some(Found { value: list, origin: self.at(key).unwrap_or_else(|| node.origin.clone()) })
    }

    /// The table at `key`; an empty one where it is missing.
    pub(super) fn section(&self, key: &'static str) -> Reader<'a> {
        self.optional_section(key).unwrap_or_else(|| Reader::new(self.report, self.key(key), self.origin.clone(), None))
    }

    /// The table at `key`, if there is one.
    pub(super) fn optional_section(&self, key: &'static str) -> Option<Reader<'a>> {
        let node = self.node(key)?;
        let Value::Table(table) = &node.value else {
            self.wrong(key, expected_found("a table", node));
            return None;
        };
        Some(Reader::new(self.report, self.key(key), self.at(key).unwrap_or_else(|| node.origin.clone()), Some(table)))
    }

    /// The entries of this table whose keys are free.
    pub(super) fn free_entries(&self) -> impl Iterator<Item = (&'a String, &'a tree::Entry)> {
        self.table.into_iter().flatten()
    }

    /// Reports every key that no getter asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, entry) in self.table.into_iter().flatten() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let path = self.key(&show_key(key));
            let message = match (key.as_str(), nearest(key, known.iter().copied())) {
                ("password", _) if known.contains(&"password_file") => {
                    "a password never stands in this file: put it into a file of its own and name that in password_file"
                        .to_owned()
                }
                (_, Some(near)) => format!("unknown key: did you mean {near}?"),
                (_, None) => format!("unknown key: expected one of {}", sorted(&known)),
            };
            self.report.problem(&entry.key, &path, Kind::Value, message);
        }
    }
}

fn sorted(known: &[&'static str]) -> String {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.join(", ")
}

/// The value of a node, where the text of a variable is read as TOML if it is TOML.
fn typed(node: &Node) -> Value {
    match &node.value {
        Value::Variable(text) => {
            tree::parse_variable(text, &node.origin).unwrap_or_else(|| Value::String(text.clone()))
        }
        value => value.clone(),
    }
}

/// `expected ..., found ...`.
pub(super) fn expected_found(expected: &str, node: &Node) -> String {
    format!("expected {expected}, found {}", node.describe())
}

/// A text with 1 to 200 characters, none of them a control character.
pub(super) fn plain_text(node: &Node, expected: &str) -> Result<String, String> {
    let text = node.text().ok_or_else(|| expected_found(expected, node))?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("expected {expected}, found an empty text"));
    }
    if text.chars().any(char::is_control) || text.chars().count() > 200 {
        return Err(format!("expected {expected} of at most 200 characters on one line, found {}", quote(text)));
    }
    Ok(trimmed.to_owned())
}

/// One of the names of a list.
pub(super) fn one_of<T: Copy>(node: &Node, names: &[(&str, T)]) -> Result<T, String> {
    let text = node.text();
    if let Some((_, value)) = names.iter().find(|(name, _)| Some(*name) == text) {
        return Ok(*value);
    }
    let list = names.iter().map(|(name, _)| quote(name)).collect::<Vec<_>>().join(", ");
    let few = if names.len() > 1 { "one of " } else { "" };
    let mut message = expected_found(&format!("{few}{list}"), node);
    if let Some(near) = text.and_then(|text| nearest(text, names.iter().map(|(name, _)| *name))) {
        message.push_str(&format!("; did you mean {}?", quote(near)));
    }
    Err(message)
}
