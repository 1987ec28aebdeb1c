//! Arguments with expressions in them.
//!
//! Owns the form of a template and how it becomes arguments. In a text, `${CEL}` stands for the value of the expression:
//! alone it is that value, whatever its type, and within other text it is written out. `$${` is `${` itself.

use serde_json::{Map, Value};

use crate::workflows::expression::{Expression, Scope};

/// How deep arguments may be nested.
const MAX_DEPTH: usize = 8;

/// Arguments that may have expressions in them.
#[derive(Debug)]
pub enum Template {
    /// As it is.
    Plain(Value),
    /// A text that is an expression and nothing else: its value.
    Value(Expression),
    /// A text with expressions in it.
    Text(Vec<Part>),
    /// A list.
    List(Vec<Template>),
    /// An object.
    Object(Vec<(String, Template)>),
}

/// A part of a text.
#[derive(Debug)]
pub enum Part {
    /// As it is.
    Plain(String),
    /// The value of an expression, written out.
    Value(Expression),
}

impl Template {
    /// Reads a TOML value.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn read(value: &toml::Value) -> Result<Self, String> {
        Self::read_within(value, MAX_DEPTH)
    }

    fn read_within(value: &toml::Value, depth: usize) -> Result<Self, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("the arguments are nested more than {MAX_DEPTH} deep"));
        };
        Ok(match value {
            toml::Value::String(text) => Self::text(text)?,
            toml::Value::Integer(number) => Self::Plain(Value::from(*number)),
            toml::Value::Float(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => Self::Plain(Value::Number(number)),
                None => return Err(format!("{number} is no number that a tool can be told")),
            },
            toml::Value::Boolean(flag) => Self::Plain(Value::Bool(*flag)),
            toml::Value::Datetime(time) => return Err(format!("write the date {time} as a text: \"{time}\"")),
            toml::Value::Array(items) => {
                Self::List(items.iter().map(|item| Self::read_within(item, depth)).collect::<Result<_, _>>()?)
            }
            toml::Value::Table(table) => {
                let field =
                    |(name, value): (&String, &toml::Value)| Ok((name.clone(), Self::read_within(value, depth)?));
                Self::Object(table.iter().map(field).collect::<Result<_, String>>()?)
            }
        })
    }

    fn text(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                rest = after;
                continue;
            }
            let Some((source, after)) = until_closed(after) else {
                return Err(format!("`${{` in \"{text}\" has no `}}`; `$${{` stands for `${{` itself"));
            };
            plain.push_str(before);
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            parts.push(Part::Value(Expression::compile(source.trim())?));
            rest = after;
        }
        plain.push_str(rest);
        match (parts.len(), plain.is_empty()) {
            (0, _) => return Ok(Self::Plain(Value::String(plain))),
            (_, true) => {}
            (_, false) => parts.push(Part::Plain(plain)),
        }
        Ok(match parts.pop() {
            Some(Part::Value(alone)) if parts.is_empty() => Self::Value(alone),
            last => Self::Text(parts.into_iter().chain(last).collect()),
        })
    }

    /// The arguments.
    ///
    /// # Errors
    /// An expression has no value, as a sentence.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, String> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Value(expression) => expression.evaluate(scope)?,
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Plain(plain) => text.push_str(plain),
                        Part::Value(expression) => text.push_str(&match expression.evaluate(scope)? {
                            Value::String(value) => value,
                            other => other.to_string(),
                        }),
                    }
                }
                Value::String(text)
            }
            Self::List(items) => Value::Array(items.iter().map(|item| item.render(scope)).collect::<Result<_, _>>()?),
            Self::Object(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    object.insert(name.clone(), field.render(scope)?);
                }
                Value::Object(object)
            }
        })
    }

    /// The arguments where there is no expression in them.
    pub fn fixed(&self) -> Option<Value> {
        let mut fixed = true;
        self.each(&mut |_| fixed = false);
        if fixed { self.render(&Nothing).ok() } else { None }
    }

    /// Shows each expression to `look`.
    pub fn each<'a>(&'a self, look: &mut dyn FnMut(&'a Expression)) {
        match self {
            Self::Plain(_) => {}
            Self::Value(expression) => look(expression),
            Self::Text(parts) => parts.iter().for_each(|part| match part {
                Part::Plain(_) => {}
                Part::Value(expression) => look(expression),
            }),
            Self::List(items) => items.iter().for_each(|item| item.each(look)),
            Self::Object(fields) => fields.iter().for_each(|(_, field)| field.each(look)),
        }
    }
}

/// What there is without a run.
struct Nothing;

impl Scope for Nothing {
    fn entity(&self, _id: &str) -> Value {
        Value::Null
    }

    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// The text before the bracket that closes, and what comes after it: brackets within count, those in quotes do not.
fn until_closed(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}
