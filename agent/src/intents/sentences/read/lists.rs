//! Lists: values, ranges of numbers, wildcards.

use super::super::super::template::{Expression, NumberRange};
use super::super::document::{Key, Node, Tree};
use super::super::{Fractions, List, ListKind, ListValue, NumberList};
use super::Reader;
use crate::intents::SlotValue;
use crate::intents::numerals::Numerals;
use std::collections::BTreeMap;

/// The most values of one list.
const MAX_VALUES: usize = 20_000;

impl Reader<'_> {
    pub(super) fn lists(&mut self, node: &Node, into: &mut BTreeMap<String, List>) {
        for (key, value) in self.map(node, "lists") {
            let Some(kind) = self.list_kind(key, value) else { continue };
            let column = (key.place.column > 0).then_some(key.place.column);
            let list = List { kind, origin: self.origin(key.place), column };
            match (into.get_mut(&key.name), list) {
                (Some(List { kind: ListKind::Values(values), .. }), List { kind: ListKind::Values(mut more), .. }) => {
                    values.append(&mut more)
                }
                (_, list) => {
                    into.insert(key.name.clone(), list);
                }
            }
        }
    }

    fn list_kind(&mut self, list: &Key, node: &Node) -> Option<ListKind> {
        let mut kind = None;
        let known = self.problems.len();
        for (key, value) in self.map(node, "a list's definition") {
            match key.name.as_str() {
                "values" => kind = Some(ListKind::Values(self.values(value))),
                "range" => kind = self.numbers(value).map(ListKind::Numbers),
                "wildcard" => {
                    if self.flag(value, "wildcard") == Some(true) {
                        kind = Some(ListKind::Wildcard);
                    }
                }
                "metadata" => {}
                _ => self.unknown(key, "values, range and wildcard"),
            }
        }
        // A fault in what it holds has been named already.
        if kind.is_none() && self.problems.len() == known {
            self.fault(
                list.place,
                format!(
                    "the list `{}` holds nothing and is left out; give it `values`, a `range`, or `wildcard: true`",
                    list.name
                ),
            );
        }
        kind
    }

    fn values(&mut self, node: &Node) -> Vec<ListValue> {
        let nodes = self.list(node, "values");
        if nodes.len() > MAX_VALUES {
            self.fault(
                node.place,
                format!("the list has {} values; only the first {MAX_VALUES} are read", nodes.len()),
            );
        }
        nodes.iter().take(MAX_VALUES).filter_map(|node| self.value(node)).collect()
    }

    fn value(&mut self, node: &Node) -> Option<ListValue> {
        let mut value = ListValue {
            text: String::new(),
            expression: Expression::Sequence(Vec::new()),
            out: None,
            context: BTreeMap::new(),
            metadata: BTreeMap::new(),
            origin: self.origin(node.place),
            column: None,
        };
        if !matches!(node.tree, Tree::Map(_)) {
            value.text = self.text(node, "a list's value")?;
            value.expression = self.expression(&value.text, node.place, "the value")?;
            value.column = self.column(&value.text, node.place);
            // Plain words stand for themselves as they are written here; of a template, what was said counts.
            if let Expression::Text(text) = &value.expression {
                value.out = Some(SlotValue::Text(text.clone()));
            }
            return Some(value);
        }
        let mut said = false;
        for (key, part) in self.map(node, "a list's value") {
            match key.name.as_str() {
                "in" => {
                    value.text = self.text(part, "`in`")?;
                    value.expression = self.expression(&value.text, part.place, "the value")?;
                    value.column = self.column(&value.text, part.place);
                    said = true;
                }
                "out" => value.out = self.slot_value(part),
                "context" => value.context = self.json_map(part, "context"),
                "metadata" => value.metadata = self.json_map(part, "metadata"),
                _ => self.unknown(key, "in, out, context and metadata"),
            }
        }
        if !said {
            self.fault(node.place, "the value has no `in`, the words that are said; it is left out".to_owned());
        }
        said.then_some(value)
    }

    fn numbers(&mut self, node: &Node) -> Option<NumberList> {
        let mut numbers = NumberList {
            from: 0,
            to: 0,
            step: 1,
            fractions: Fractions::None,
            multiplier: 1.0,
            digits: true,
            words: true,
            words_language: None,
        };
        let (mut from, mut to) = (None, None);
        for (key, value) in self.map(node, "a range") {
            match key.name.as_str() {
                "from" => from = self.whole(value),
                "to" => to = self.whole(value),
                "step" => numbers.step = self.whole(value)?,
                "type" => {
                    if !matches!(value.text().as_deref(), Some("number" | "percentage" | "temperature")) {
                        self.fault(
                            value.place,
                            "a range's type is `number`, `percentage` or `temperature`; it is read as `number`"
                                .to_owned(),
                        );
                    }
                }
                "multiplier" => match value.tree {
                    Tree::Number(multiplier) => numbers.multiplier = multiplier,
                    _ => self.fault(value.place, "the multiplier must be a number; it is left out".to_owned()),
                },
                "fractions" => match value.text().as_deref() {
                    Some("halves") => numbers.fractions = Fractions::Halves,
                    Some("tenths") => numbers.fractions = Fractions::Tenths,
                    _ => {
                        self.fault(value.place, "fractions are `halves` or `tenths`; whole numbers are read".to_owned())
                    }
                },
                "digits" => numbers.digits = self.flag(value, "digits").unwrap_or(true),
                "words" => numbers.words = self.flag(value, "words").unwrap_or(true),
                "words_language" => {
                    numbers.words_language = self.text(value, "words_language");
                    if let Some(language) = numbers.words_language.as_deref().filter(|it| Numerals::of(it).is_none()) {
                        let message =
                            format!("no number words are known for the language `{language}`; digits are read");
                        self.fault(value.place, message);
                    }
                }
                _ => self.unknown(key, "from, to, step, type, multiplier, fractions, digits, words and words_language"),
            }
        }
        let (Some(from), Some(to)) = (from, to) else {
            self.fault(node.place, "the range needs `from` and `to`; it is left out".to_owned());
            return None;
        };
        match (NumberRange { from, to, step: numbers.step }).checked() {
            Ok(_) => Some(NumberList { from, to, ..numbers }),
            Err(message) => {
                self.fault(node.place, format!("{message}; the list is left out"));
                None
            }
        }
    }

    fn whole(&mut self, node: &Node) -> Option<i64> {
        match node.tree {
            Tree::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(number as i64),
            _ => {
                self.fault(node.place, format!("this must be a whole number, and is {}", node.kind()));
                None
            }
        }
    }
}
