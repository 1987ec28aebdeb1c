//! A YAML document as a tree in which every node knows its place.
//!
//! Owns the step from text to tree, its limits, and the wording of syntax errors. The meaning of the tree is `read`'s.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// The largest file that is read, in bytes.
pub(super) const MAX_FILE_BYTES: usize = 4 << 20;

/// The deepest nesting of maps and lists. Sentences need some twelve levels; each takes some of the stack.
const MAX_DEPTH: usize = 32;

/// A place in a document, both counted from 1; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The key of a map entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) tree: Tree,
    pub(super) place: Place,
}

impl Node {
    /// A scalar as text; nothing for a list or a map.
    pub(super) fn text(&self) -> Option<String> {
        match &self.tree {
            Tree::Text(text) => Some(text.clone()),
            Tree::Number(number) => Some(number.to_string()),
            Tree::Bool(flag) => Some(flag.to_string()),
            Tree::Null | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    /// What the node is, for an error message.
    pub(super) fn kind(&self) -> &'static str {
        match self.tree {
            Tree::Null => "nothing",
            Tree::Bool(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }

    /// The value without places, as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(flag) => Value::Bool(*flag),
            Tree::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::from(*number as i64),
            Tree::Number(number) => Value::from(*number),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(nodes) => Value::Array(nodes.iter().map(Node::json).collect()),
            Tree::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.json())).collect())
            }
        }
    }
}

/// Reads a document.
///
/// # Errors
/// The place and the reason where the text is no YAML, or is beyond the limits.
pub(super) fn read(text: &str) -> Result<Node, (Place, String)> {
    if text.len() > MAX_FILE_BYTES {
        return Err((Place { line: 1, column: 1 }, too_large(text.len() as u64)));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
    };
    let node: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or(Place { line: 1, column: 1 }, place);
        (place, format!("the file is no YAML that can be read: {}", error.without_snippet()))
    })?;
    Ok(node)
}

/// What is said of a file of more bytes than are read.
pub(super) fn too_large(bytes: u64) -> String {
    format!("the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read")
}

fn place(location: Location) -> Place {
    Place { line: location.line() as usize, column: location.column() as usize }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tree>::deserialize(deserializer)?;
        Ok(Node { tree: spanned.value, place: place(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Key { name: spanned.value, place: place(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tree, E> {
        if number.is_finite() { Ok(Tree::Number(number)) } else { Err(E::custom("a number must be finite")) }
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element::<Node>()? {
            nodes.push(node);
        }
        Ok(Tree::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        while let Some((key, node)) = access.next_entry::<Key, Node>()? {
            // A key that stands here twice is named by the reader, for which the last one counts.
            entries.push((key, node));
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let node =
            read("language: en\nlists:\n  level:\n    values:\n      - in: \"(max|maximum)\"\n        out: 100\n")
                .unwrap();
        let Tree::Map(top) = &node.tree else { panic!("{node:?}") };
        assert_eq!((top[1].0.name.as_str(), top[1].0.place), ("lists", Place { line: 2, column: 1 }));
        let Tree::Map(lists) = &top[1].1.tree else { panic!() };
        let Tree::Map(level) = &lists[0].1.tree else { panic!() };
        let Tree::List(values) = &level[0].1.tree else { panic!() };
        let Tree::Map(value) = &values[0].tree else { panic!() };
        assert_eq!(value[0].1.place, Place { line: 5, column: 13 });
        assert_eq!(value[1].1.tree, Tree::Number(100.0));
    }

    #[test]
    fn a_fault_is_named_by_its_place() {
        let (place, message) = read("language: en\nintents: [a, b\nlists: {}\n").unwrap_err();
        assert!(place.line >= 2, "{place:?} {message}");
    }

    #[test]
    fn hostile_documents_are_refused() {
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&"a".repeat(MAX_FILE_BYTES + 1)).is_err());
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let previous = level - 1;
            laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{previous}"); 10].join(", ")));
        }
        assert!(read(&laughs).is_err());
    }
}
