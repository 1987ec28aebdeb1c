//! The merged values of all layers, each with its origin, before they mean anything.
//!
//! A [`Tree`] holds TOML values. Files are laid over it in order: tables merge key by key; a list or a single value of
//! the later file replaces the earlier one; the lists of tables `[[entity]]`, `[[serial]]`, `[[link]]` and `[[route]]` merge
//! entry by entry (an entity by its id, else by the id that follows from kind and name, else by its name; the others by
//! name, and a route without one is always another); a `driver`, an `alarm`, a `when` and a `then` are replaced whole, because
//! they are one of several forms. Variables of the environment come last and set one value each. Leaves what the keys mean to the readers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::{Kind, Layer, Origin, Problem, quote};
use super::values::derived_id;

/// The lists of tables that merge entry by entry.
pub(super) const LISTS: [&str; 4] = ["entity", "link", "route", "serial"];

/// The tables that a later layer replaces and does not merge with.
const REPLACED_WHOLE: [&str; 4] = ["driver", "when", "then", "alarm"];

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A TOML value; `Variable` is the text of a variable, whose type only its reader knows.
#[derive(Debug, Clone)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(String),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
    Variable(String),
}

/// A table: for each key its value and where the key stands.
pub(super) type Table = BTreeMap<String, Entry>;

/// An entry of a table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Origin,
    pub(super) node: Node,
}

impl Node {
    /// The value in words, for a message that says what was found.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::String(text) | Value::Variable(text) => quote(text),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(text) => format!("the number {}", text.chars().take(60).collect::<String>()),
            Value::Boolean(flag) => flag.to_string(),
            Value::Datetime(text) => format!("the date {text}"),
            Value::Array(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Variable(text) => Some(text),
            _ => None,
        }
    }

    fn field(&self, key: &str) -> Option<&str> {
        match &self.value {
            Value::Table(table) => table.get(key).and_then(|entry| entry.node.text()),
            _ => None,
        }
    }
}

/// Reads one TOML text. The table holds what could be read, also where there are problems.
pub(super) fn parse(text: &str, layer: Layer, path: &Arc<Path>) -> (Table, Vec<Problem>) {
    let mut file = Parser { lines: Lines::new(text), layer, path, problems: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let origin = file.origin(error.span().map_or(0, |span| span.start));
        let message = format!("not valid TOML: {}", error.message());
        file.problems.push(Problem { origin, key: String::new(), message, kind: Kind::Syntax });
    }
    let table = file.table(document.into_inner());
    (table, file.problems)
}

/// Reads the text of a variable as a TOML value; `None` where it is none and can only be meant as plain text.
pub(super) fn parse_variable(text: &str, origin: &Origin) -> Option<Value> {
    let path: Arc<Path> = Path::new("").into();
    let mut parser = Parser { lines: Lines::new(""), layer: Layer::Environment, path: &path, problems: Vec::new() };
    let value = parser.value(DeValue::parse(text).ok()?.into_inner(), 0);
    parser.problems.is_empty().then(|| {
        let mut node = Node { value, origin: origin.clone() };
        place_at(&mut node, origin);
        node.value
    })
}

fn place_at(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| place_at(item, origin)),
        Value::Table(table) => table.values_mut().for_each(|entry| {
            entry.key = origin.clone();
            place_at(&mut entry.node, origin);
        }),
        _ => {}
    }
}

struct Parser<'a> {
    lines: Lines,
    layer: Layer,
    path: &'a Arc<Path>,
    problems: Vec<Problem>,
}

impl Parser<'_> {
    fn origin(&self, offset: usize) -> Origin {
        Origin::file(self.layer, self.path.clone(), self.lines.line(offset))
    }

    fn table(&mut self, table: DeTable<'_>) -> Table {
        let mut out = Table::new();
        for (key, value) in table {
            let entry = Entry { key: self.origin(key.span().start), node: self.node(value) };
            out.insert(key.into_inner().into_owned(), entry);
        }
        out
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>) -> Node {
        let start = value.span().start;
        Node { origin: self.origin(start), value: self.value(value.into_inner(), start) }
    }

    fn value(&mut self, value: DeValue<'_>, start: usize) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let message = format!("the number {} is too large", quote(number.as_str()));
                    let problem =
                        Problem { origin: self.origin(start), key: String::new(), message, kind: Kind::Syntax };
                    self.problems.push(problem);
                    Value::Integer(0)
                }
            },
            DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Value::Boolean(flag),
            DeValue::Datetime(time) => Value::Datetime(time.to_string()),
            DeValue::Array(items) => Value::Array(items.into_iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }
}

/// Where each line of a text starts.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset)).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// The merged layers.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) root: Table,
}

impl Tree {
    /// Lays the values of one file over what is there.
    pub(super) fn lay(&mut self, over: Table, problems: &mut Vec<Problem>) {
        for (key, entry) in over {
            match LISTS.iter().find(|list| **list == key) {
                Some(list) => self.lay_list(list, entry, problems),
                None => lay_entry(&mut self.root, key, entry),
            }
        }
    }

    fn lay_list(&mut self, list: &'static str, entry: Entry, problems: &mut Vec<Problem>) {
        let Value::Array(items) = entry.node.value else {
            let message = format!("expected [[{list}]] with two brackets each side: there may be several");
            problems.push(Problem { origin: entry.key, key: list.to_owned(), message, kind: Kind::Value });
            return;
        };
        let items = without_duplicates(list, items, problems);
        let empty = || Entry {
            key: entry.key.clone(),
            node: Node { value: Value::Array(Vec::new()), origin: entry.node.origin.clone() },
        };
        let base = self.root.entry(list.to_owned()).or_insert_with(empty);
        let Value::Array(base) = &mut base.node.value else { return };
        for item in items {
            match base.iter_mut().find(|known| same_item(list, known, &item)) {
                Some(known) => lay_node(known, item),
                None => base.push(item),
            }
        }
    }

    /// Sets what the variable `name` says. `path` is its name in lower case, split at the double underscores.
    pub(super) fn set_variable(&mut self, name: &str, path: &[String], text: String) -> Result<(), String> {
        let origin = Origin::variable(name);
        let (mut table, mut rest) = (&mut self.root, path);
        if let [list, item, inner @ ..] = path
            && LISTS.contains(&list.as_str())
        {
            let items = match table.get_mut(list).map(|entry| &mut entry.node.value) {
                Some(Value::Array(items)) => items.as_mut_slice(),
                _ => &mut [],
            };
            let found =
                items.iter_mut().find(|node| identity(list, node).is_some_and(|id| variable_form(&id) == *item));
            match found.map(|node| &mut node.value) {
                Some(Value::Table(found)) => (table, rest) = (found, inner),
                _ => return Err(format!("no [[{list}]] of a file has the name {}", quote(item))),
            }
        }
        let Some((last, parents)) = rest.split_last() else {
            return Err("names a table: add __ and the key to set".to_owned());
        };
        for key in parents {
            let entry = table.entry(key.clone()).or_insert_with(|| Entry {
                key: origin.clone(),
                node: Node { value: Value::Table(Table::new()), origin: origin.clone() },
            });
            let Value::Table(inner) = &mut entry.node.value else {
                return Err(format!("{} is no table: it is set at {}", quote(key), entry.key));
            };
            table = inner;
        }
        // Only what needs a reader's type stays text: `42` may be a number or a name.
        let value = match parse_variable(&text, &origin) {
            Some(value @ (Value::String(_) | Value::Array(_) | Value::Table(_))) => value,
            _ => Value::Variable(text),
        };
        let node = Node { value, origin: origin.clone() };
        table.insert(last.clone(), Entry { key: origin, node });
        Ok(())
    }
}

fn lay_entry(base: &mut Table, key: String, entry: Entry) {
    match base.get_mut(&key) {
        Some(known) if !REPLACED_WHOLE.contains(&key.as_str()) => {
            known.key = entry.key;
            lay_node(&mut known.node, entry.node);
        }
        _ => {
            base.insert(key, entry);
        }
    }
}

fn lay_node(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Table(base), Value::Table(over)) => {
            for (key, entry) in over {
                lay_entry(base, key, entry);
            }
        }
        (base_value, over_value) => {
            *base_value = over_value;
            base.origin = over.origin;
        }
    }
}

/// What an entry of a list is called: an entity's id, the name of a link, a route or a serial port.
pub(super) fn identity(list: &str, node: &Node) -> Option<String> {
    let name = node.field("name");
    if list != "entity" {
        return name.map(str::to_owned);
    }
    match (node.field("id"), node.field("kind"), name) {
        (Some(id), _, _) => Some(id.to_owned()),
        (None, Some(kind), Some(name)) => derived_id(kind, name),
        _ => None,
    }
}

fn same_item(list: &str, known: &Node, over: &Node) -> bool {
    match (identity(list, known), identity(list, over)) {
        (Some(known), Some(over)) => known == over,
        (_, None) => over.field("name").is_some() && over.field("name") == known.field("name"),
        (None, Some(_)) => false,
    }
}

/// The form in which the name of a variable carries an identity: lower case, all else an underscore.
fn variable_form(identity: &str) -> String {
    identity.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Reports each entry that has the identity of an earlier one, and leaves it out.
pub(super) fn without_duplicates(list: &str, items: Vec<Node>, problems: &mut Vec<Problem>) -> Vec<Node> {
    let mut seen: BTreeMap<String, Origin> = BTreeMap::new();
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let Some(identity) = identity(list, &item) else {
            kept.push(item);
            continue;
        };
        let Some(first) = seen.get(&identity) else {
            seen.insert(identity, item.origin.clone());
            kept.push(item);
            continue;
        };
        let what = if list == "entity" { "id" } else { "name" };
        let message = format!(
            "the {what} {} is taken by the [[{list}]] at {}: give one of them another {what}",
            quote(&identity),
            first.seen_from(&item.origin)
        );
        problems.push(Problem { origin: item.origin, key: format!("{list}[{identity}]"), message, kind: Kind::Value });
    }
    kept
}
