//! What is said in reply, by key, with places for values.
//!
//! # Format
//!
//! ```text
//! {name} is on.                  a value in braces
//! {name}[ in {area}] is on.      brackets: said only where every value inside is given and not empty
//! 5 \[bar\]                      a backslash takes the next character as it is
//! ```
//!
//! Keys are `<intent>.<key>` and `errors.<key>`; an intent's `default` stands in for a key that it does not have. Owns
//! the templates and their rendering. What the values are, and which key fits, is the orchestrator's to decide; numbers
//! as words are `spoken`'s.

use std::collections::BTreeMap;

/// The reply of last resort, where not even `errors.default` is defined.
const LAST_RESORT: &str = "errors.default";

/// The replies of a language, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Responses {
    replies: BTreeMap<String, Reply>,
}

/// A reply that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
    Optional(Vec<Part>),
}

/// Reads a reply.
///
/// # Errors
/// A sentence that says which bracket is wrong.
pub(crate) fn parse(text: &str) -> Result<Reply, String> {
    let mut outer: Vec<Part> = Vec::new();
    let mut optional: Option<Vec<Part>> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '[' if optional.is_some() => return Err("optional parts of a reply can't be nested".to_owned()),
            '[' => optional = Some(Vec::new()),
            ']' => match optional.take() {
                Some(parts) => outer.push(Part::Optional(parts)),
                None => return Err("a `]` closes nothing; write `\\]` for the character itself".to_owned()),
            },
            '{' => {
                let Some((name, rest)) = characters.as_str().split_once('}') else {
                    return Err("a `{` is never closed".to_owned());
                };
                characters = rest.chars();
                let name = name.trim();
                if name.is_empty() || !name.chars().all(|character| character.is_alphanumeric() || character == '_') {
                    return Err(format!("`{{{name}}}` is no name of a value; letters, digits and `_` are"));
                }
                optional.as_mut().unwrap_or(&mut outer).push(Part::Value(name.to_owned()));
            }
            '}' => return Err("a `}` closes nothing; write `\\}` for the character itself".to_owned()),
            _ => {
                let character = if character == '\\' { characters.next().unwrap_or('\\') } else { character };
                let parts = optional.as_mut().unwrap_or(&mut outer);
                match parts.last_mut() {
                    Some(Part::Text(text)) => text.push(character),
                    _ => parts.push(Part::Text(character.to_string())),
                }
            }
        }
    }
    if optional.is_some() {
        return Err("a `[` is never closed".to_owned());
    }
    Ok(Reply { parts: outer })
}

impl Responses {
    pub(crate) fn insert(&mut self, key: &str, reply: Reply) {
        self.replies.insert(key.to_owned(), reply);
    }

    /// Whether there is a reply of exactly this key.
    pub fn has(&self, key: &str) -> bool {
        self.replies.contains_key(key)
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.replies.keys().map(String::as_str)
    }

    /// The names of the values that the reply of this key has places for.
    pub fn values_of(&self, key: &str) -> Vec<&str> {
        fn collect<'a>(parts: &'a [Part], names: &mut Vec<&'a str>) {
            for part in parts {
                match part {
                    Part::Value(name) if !names.contains(&name.as_str()) => names.push(name),
                    Part::Optional(parts) => collect(parts, names),
                    Part::Text(_) | Part::Value(_) => {}
                }
            }
        }
        let mut names = Vec::new();
        if let Some(reply) = self.find(key) {
            collect(&reply.parts, &mut names);
        }
        names
    }

    /// The reply of a key with its values in place. A value that is missing leaves nothing behind.
    ///
    /// Falls back to the intent's `default`, then to `errors.default`; empty only where there are no replies at all.
    pub fn render(&self, key: &str, values: &BTreeMap<String, String>) -> String {
        let Some(reply) = self.find(key).or_else(|| self.replies.get(LAST_RESORT)) else { return String::new() };
        capitalised(&reply.with(values))
    }

    /// What is put into a reply as a value: the words of exactly this key, without a capital. None where there are none.
    pub fn part(&self, key: &str, values: &BTreeMap<String, String>) -> Option<String> {
        self.replies.get(key).map(|reply| reply.with(values))
    }

    fn find(&self, key: &str) -> Option<&Reply> {
        self.replies.get(key).or_else(|| {
            let (section, _) = key.split_once('.')?;
            self.replies.get(&format!("{section}.default"))
        })
    }
}

impl Reply {
    fn with(&self, values: &BTreeMap<String, String>) -> String {
        let mut said = String::new();
        render(&self.parts, values, &mut said);
        let mut tidy = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for mark in [".", ",", "?", "!"] {
            tidy = tidy.replace(&format!(" {mark}"), mark);
        }
        tidy
    }
}

fn render(parts: &[Part], values: &BTreeMap<String, String>, said: &mut String) {
    let given = |name: &str| values.get(name).filter(|value| !value.is_empty());
    for part in parts {
        match part {
            Part::Text(text) => said.push_str(text),
            Part::Value(name) => said.push_str(given(name).map_or("", String::as_str)),
            Part::Optional(parts) => {
                let complete = parts.iter().all(|part| !matches!(part, Part::Value(name) if given(name).is_none()));
                if complete {
                    render(parts, values, said);
                }
            }
        }
    }
}

/// A sentence begins with a capital, also where its first word is a value.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn responses(replies: &[(&str, &str)]) -> Responses {
        let mut responses = Responses::default();
        for (key, text) in replies {
            responses.insert(key, parse(text).unwrap());
        }
        responses
    }

    fn values(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn puts_values_in_their_places() {
        let responses =
            responses(&[("HassTurnOn.default", "{name}[ in the {area}] is on."), ("A.b", r"\{5\} \[bar\]")]);
        let given = values(&[("name", "extraction fan"), ("area", "Press hall")]);
        assert_eq!(responses.render("HassTurnOn.default", &given), "Extraction fan in the Press hall is on.");
        assert_eq!(responses.render("HassTurnOn.default", &values(&[("name", "Fan")])), "Fan is on.");
        assert_eq!(responses.render("A.b", &values(&[])), "{5} [bar]");
        assert_eq!(responses.values_of("HassTurnOn.default"), ["name", "area"]);
    }

    #[test]
    fn falls_back_to_the_default_of_the_intent_then_to_that_of_errors() {
        let responses = responses(&[("A.default", "a"), ("errors.default", "Something went wrong.")]);
        assert_eq!(responses.render("A.unknown", &values(&[])), "A");
        assert_eq!(responses.render("B.unknown", &values(&[])), "Something went wrong.");
        assert_eq!(Responses::default().render("A.b", &values(&[])), "");
        assert_eq!(responses.part("A.default", &values(&[])).as_deref(), Some("a"), "no capital");
        assert_eq!(responses.part("A.unknown", &values(&[])), None);
    }

    #[test]
    fn a_wrong_reply_is_refused() {
        for wrong in ["{name", "a]", "[a", "a}", "{}", "[a[b]]", "{a b}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn anything_is_read_or_refused(text in r"[ab {}\[\]\\.]{0,24}") {
            if let Ok(reply) = parse(&text) {
                let mut responses = Responses::default();
                responses.insert("a.b", reply);
                let _said: String = responses.render("a.b", &BTreeMap::new());
            }
        }
    }
}
