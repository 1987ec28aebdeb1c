//! Reads GBNF for tests, as far as `gbnf` writes it: a rule a line, texts, classes, groups, `|`, `?` and `+`.

use std::collections::{BTreeMap, BTreeSet};

/// A grammar that was read.
pub(crate) struct Gbnf {
    rules: BTreeMap<String, Part>,
}

enum Part {
    Text(Vec<char>),
    Class { not: bool, ranges: Vec<(char, char)> },
    Rule(String),
    All(Vec<Part>),
    Either(Vec<Part>),
    Perhaps(Box<Part>),
    Repeated(Box<Part>),
}

impl Gbnf {
    pub(crate) fn read(text: &str) -> Self {
        let rule = |line: &str| {
            let (name, body) = line.split_once(" ::= ").unwrap_or_else(|| panic!("no rule: {line}"));
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name}");
            let characters: Vec<char> = body.chars().collect();
            let mut at = 0;
            let part = either(&characters, &mut at);
            assert_eq!(at, characters.len(), "{line}");
            (name.to_owned(), part)
        };
        let rules: BTreeMap<String, Part> = text.lines().map(rule).collect();
        assert_eq!(rules.len(), text.lines().count(), "no rule twice");
        Self { rules }
    }

    pub(crate) fn accepts(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.ends(&self.rules["root"], &text, &BTreeSet::from([0])).contains(&text.len())
    }

    fn ends(&self, part: &Part, text: &[char], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        if starts.is_empty() {
            return BTreeSet::new();
        }
        match part {
            Part::Text(own) => {
                starts.iter().filter(|start| text[**start..].starts_with(own)).map(|start| start + own.len()).collect()
            }
            Part::Class { not, ranges } => {
                let fits = |one: &char| ranges.iter().any(|(from, to)| from <= one && one <= to) != *not;
                starts.iter().filter(|start| text.get(**start).is_some_and(fits)).map(|start| start + 1).collect()
            }
            Part::Rule(name) => {
                let rule = self.rules.get(name).unwrap_or_else(|| panic!("no rule {name}"));
                self.ends(rule, text, starts)
            }
            Part::All(parts) => parts.iter().fold(starts.clone(), |starts, part| self.ends(part, text, &starts)),
            Part::Either(parts) => parts.iter().flat_map(|part| self.ends(part, text, starts)).collect(),
            Part::Perhaps(part) => self.ends(part, text, starts).union(starts).copied().collect(),
            Part::Repeated(part) => {
                let mut ends = self.ends(part, text, starts);
                loop {
                    let more = self.ends(part, text, &ends);
                    if more.is_subset(&ends) {
                        return ends;
                    }
                    ends.extend(more);
                }
            }
        }
    }
}

fn either(text: &[char], at: &mut usize) -> Part {
    let mut parts = vec![all(text, at)];
    while text.get(*at) == Some(&'|') {
        *at += 1;
        parts.push(all(text, at));
    }
    Part::Either(parts)
}

fn all(text: &[char], at: &mut usize) -> Part {
    let mut parts = Vec::new();
    loop {
        while text.get(*at) == Some(&' ') {
            *at += 1;
        }
        let part = match text.get(*at) {
            None | Some('|' | ')') => return Part::All(parts),
            Some('(') => {
                *at += 1;
                let inner = either(text, at);
                assert_eq!(text[*at], ')');
                *at += 1;
                inner
            }
            Some('"') => quoted(text, at),
            Some('[') => class(text, at),
            Some(_) => {
                let start = *at;
                while text.get(*at).is_some_and(|one| one.is_ascii_alphanumeric() || *one == '-') {
                    *at += 1;
                }
                assert!(*at > start, "unexpected {:?}", text[start]);
                Part::Rule(text[start..*at].iter().collect())
            }
        };
        parts.push(match text.get(*at) {
            Some('?') => Part::Perhaps(Box::new(part)),
            Some('+') => Part::Repeated(Box::new(part)),
            _ => {
                parts.push(part);
                continue;
            }
        });
        *at += 1;
    }
}

fn quoted(text: &[char], at: &mut usize) -> Part {
    let mut own = Vec::new();
    *at += 1;
    while text[*at] != '"' {
        own.push(character(text, at));
    }
    *at += 1;
    Part::Text(own)
}

fn class(text: &[char], at: &mut usize) -> Part {
    *at += 1;
    let not = text[*at] == '^';
    *at += usize::from(not);
    let mut ranges = Vec::new();
    while text[*at] != ']' {
        let from = character(text, at);
        let to = if text[*at] == '-' {
            *at += 1;
            character(text, at)
        } else {
            from
        };
        ranges.push((from, to));
    }
    *at += 1;
    Part::Class { not, ranges }
}

fn character(text: &[char], at: &mut usize) -> char {
    *at += 1;
    if text[*at - 1] != '\\' {
        return text[*at - 1];
    }
    *at += 1;
    if text[*at - 1] == 'n' { '\n' } else { text[*at - 1] }
}
