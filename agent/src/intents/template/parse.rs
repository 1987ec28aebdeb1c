//! The parser of templates: from text to the tree, in one pass.
//!
//! Owns the brackets and their nesting. Promises, as `template` does, an answer for any text in time linear in its length.

use super::{Expression, MAX_PERMUTATION, MAX_TEMPLATE_CHARS, MAX_TEMPLATE_DEPTH, NumberRange, TemplateError};

/// Reads a template.
///
/// # Errors
/// The first fault found, with its place: an unclosed or unopened bracket, an empty name, a range that makes no sense,
/// nesting deeper than [`MAX_TEMPLATE_DEPTH`], more than [`MAX_TEMPLATE_CHARS`] characters, nothing at all.
pub fn parse(template: &str) -> Result<Expression, TemplateError> {
    let characters: Vec<char> = template.trim().chars().collect();
    let skipped = template.chars().take_while(|character| character.is_whitespace()).count();
    let shift = |error: TemplateError| TemplateError { offset: error.offset + skipped, ..error };
    if characters.len() > MAX_TEMPLATE_CHARS {
        let message =
            format!("the template has {} characters; at most {MAX_TEMPLATE_CHARS} are read", characters.len());
        return Err(TemplateError { offset: MAX_TEMPLATE_CHARS, message });
    }
    if characters.is_empty() {
        return Err(TemplateError { offset: 0, message: "the template is empty; write what is said".to_owned() });
    }
    let mut parser = Parser { characters: &characters, position: 0, depth: 0, turns: 0 };
    let expression = parser.group(None).map_err(shift)?;
    Ok(expression)
}

struct Parser<'a> {
    characters: &'a [char],
    position: usize,
    depth: usize,
    /// How often `|` followed a `;` in the same group, or `;` a `|`.
    turns: usize,
}

/// What joins the members of the group being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Sequence,
    Alternatives,
    Permutation,
}

impl Parser<'_> {
    fn fault<T>(&self, offset: usize, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError { offset: offset.min(self.characters.len()), message: message.into() })
    }

    /// Reads members up to the closing character (or, for the whole template, up to its end).
    fn group(&mut self, close: Option<char>) -> Result<Expression, TemplateError> {
        let opened = self.position.saturating_sub(1);
        self.depth += 1;
        if self.depth > MAX_TEMPLATE_DEPTH {
            return self.fault(
                opened,
                format!("brackets are nested deeper than {MAX_TEMPLATE_DEPTH} levels; move a part into a rule"),
            );
        }
        let mut joint = Joint::Sequence;
        let mut members: Vec<Vec<Expression>> = vec![Vec::new()];
        loop {
            let Some(&character) = self.characters.get(self.position) else {
                match close {
                    None => break,
                    Some(close) => {
                        return self.fault(opened, format!("this bracket is never closed; a `{close}` is missing"));
                    }
                }
            };
            match character {
                _ if Some(character) == close => {
                    self.position += 1;
                    break;
                }
                ')' | ']' | '}' | '>' => {
                    return self.fault(
                        self.position,
                        format!("`{character}` closes nothing here; write `\\{character}` for the character itself"),
                    );
                }
                '|' => members = self.separate(Joint::Alternatives, &mut joint, members)?,
                ';' => members = self.separate(Joint::Permutation, &mut joint, members)?,
                _ => {
                    let part = self.part(character)?;
                    if let Some(last) = members.last_mut() {
                        last.push(part);
                    }
                }
            }
        }
        self.depth -= 1;
        if joint == Joint::Permutation && members.len() > MAX_PERMUTATION {
            return self.fault(
                opened,
                format!("a permutation has {} members; at most {MAX_PERMUTATION} are allowed", members.len()),
            );
        }
        Ok(join(joint, members))
    }

    /// Begins the next member; where the separator differs from the ones before, what was read so far becomes one member.
    fn separate(
        &mut self,
        wanted: Joint,
        joint: &mut Joint,
        mut members: Vec<Vec<Expression>>,
    ) -> Result<Vec<Vec<Expression>>, TemplateError> {
        self.position += 1;
        if *joint != wanted && *joint != Joint::Sequence {
            // Each time what was read so far is nested one level deeper.
            self.turns += 1;
            if self.turns > MAX_TEMPLATE_DEPTH {
                return self.fault(
                    self.position - 1,
                    format!("`|` and `;` stand here by turns more than {MAX_TEMPLATE_DEPTH} times; use brackets"),
                );
            }
            members = vec![vec![join(*joint, members)]];
        }
        *joint = wanted;
        members.push(Vec::new());
        Ok(members)
    }

    fn part(&mut self, character: char) -> Result<Expression, TemplateError> {
        match character {
            '(' => {
                self.position += 1;
                self.group(Some(')'))
            }
            '[' => {
                self.position += 1;
                Ok(Expression::Optional(Box::new(self.group(Some(']'))?)))
            }
            '{' => self.list(),
            '<' => {
                let (name, start) = self.name('>')?;
                if name.is_empty() {
                    return self.fault(start, "a rule needs a name: `<name>`");
                }
                Ok(Expression::Rule(name))
            }
            _ => self.text(),
        }
    }

    fn text(&mut self) -> Result<Expression, TemplateError> {
        let mut text = String::new();
        while let Some(&character) = self.characters.get(self.position) {
            match character {
                '\\' => {
                    let Some(&escaped) = self.characters.get(self.position + 1) else {
                        return self
                            .fault(self.position, "a backslash at the end escapes nothing; remove it or double it");
                    };
                    text.push(escaped);
                    self.position += 2;
                }
                '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | ';' => break,
                _ => {
                    text.push(character);
                    self.position += 1;
                }
            }
        }
        Ok(Expression::Text(text))
    }

    /// Reads from an opening to its closing character; answers what stands between and where it begins.
    fn name(&mut self, close: char) -> Result<(String, usize), TemplateError> {
        let opened = self.position;
        let mut name = String::new();
        self.position += 1;
        while let Some(&character) = self.characters.get(self.position) {
            self.position += 1;
            match character {
                _ if character == close => return Ok((name.trim().to_owned(), opened + 1)),
                '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | ';' => {
                    return self.fault(
                        self.position - 1,
                        format!("`{character}` can't stand in a name; a `{close}` is missing before it"),
                    );
                }
                _ => name.push(character),
            }
        }
        self.fault(opened, format!("this is never closed; a `{close}` is missing"))
    }

    fn list(&mut self) -> Result<Expression, TemplateError> {
        let (inside, start) = self.name('}')?;
        let (list, slot) = match inside.split_once(':') {
            Some((list, slot)) => (list.trim(), slot.trim()),
            None => (inside.as_str(), inside.as_str()),
        };
        if list.is_empty() || slot.is_empty() {
            return self.fault(start, "a list needs a name: `{name}`, or `{name:slot}`");
        }
        if !list.contains("..") {
            return Ok(Expression::List { list: list.to_owned(), slot: slot.to_owned() });
        }
        if !inside.contains(':') {
            return self.fault(start, format!("a range needs a slot for its number: `{{{list}:slot}}`"));
        }
        match range(list) {
            Ok(range) => Ok(Expression::Range { range, slot: slot.to_owned() }),
            Err(message) => self.fault(start, message),
        }
    }
}

fn join(joint: Joint, members: Vec<Vec<Expression>>) -> Expression {
    let mut members: Vec<Expression> = members
        .into_iter()
        .map(|mut parts| if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Sequence(parts) })
        .collect();
    match joint {
        Joint::Sequence if members.len() == 1 => members.swap_remove(0),
        Joint::Sequence => Expression::Sequence(members),
        Joint::Alternatives => Expression::Alternatives(members),
        Joint::Permutation => Expression::Permutation(members),
    }
}

/// Reads `FROM..TO` or `FROM..TO,STEP`.
fn range(text: &str) -> Result<NumberRange, String> {
    let (bounds, step) = match text.split_once(',') {
        Some((bounds, step)) => (bounds, Some(step)),
        None => (text, None),
    };
    let number = |part: &str| {
        let part = part.trim();
        part.parse::<i64>().map_err(|_| {
            format!("`{part}` is no whole number; a range is written `{{0..100:slot}}` or `{{0..100,5:slot}}`")
        })
    };
    let (from, to) = bounds.split_once("..").ok_or_else(|| format!("`{bounds}` is no range"))?;
    NumberRange { from: number(from)?, to: number(to)?, step: step.map_or(Ok(1), number)? }.checked()
}
