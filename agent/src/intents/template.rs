//! Sentence templates: the text form that people write, and the tree that everything else works on.
//!
//! # Format (the hassil language)
//!
//! ```text
//! turn on [the] {name}           literal text; brackets: may be left out
//! (turn|switch) {area} lights    one of several
//! (in {area};on {floor})         a permutation: all of them, in any order
//! {list}   {list:slot}           a value of a list, kept in a slot (named after the list, or as stated)
//! {0..100:brightness}            a number of a range written on the spot; {0..100,5:brightness} in steps of five
//! <rule>                         what the expansion rule of that name says
//! light[s]   \(literally\)       parts of words need no space; a backslash takes the next character as it is
//! ```
//!
//! Owns the syntax and nothing else: what a list or a rule holds is `sentences`' concern, what text counts as equal is
//! `matcher::normalise`'s. Promises that any input is parsed or refused with the column of the fault, in time linear in
//! its length, with bounded depth and size.

mod parse;

use std::fmt;

pub use parse::parse;

/// The longest template, in characters.
pub const MAX_TEMPLATE_CHARS: usize = 8_000;
/// The deepest nesting of groups and optional parts.
pub const MAX_TEMPLATE_DEPTH: usize = 24;
/// The most members of a permutation: its states double with each one.
pub const MAX_PERMUTATION: usize = 6;
/// The most texts that a template is written out to.
pub const MAX_TEXTS: usize = 512;
/// The widest range of numbers, from the first to the last.
pub const MAX_RANGE: i64 = 1_000_000;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Literal text as it was written, escapes removed; spaces at its ends and inside matter.
    Text(String),
    /// All of these, in this order.
    Sequence(Vec<Expression>),
    /// One of these.
    Alternatives(Vec<Expression>),
    /// This, or nothing.
    Optional(Box<Expression>),
    /// All of these, in any order, as separate words.
    Permutation(Vec<Expression>),
    /// A value of a list.
    List {
        /// The list's name.
        list: String,
        /// The slot that takes the value.
        slot: String,
    },
    /// A number of a range that the template states itself.
    Range {
        /// The range.
        range: NumberRange,
        /// The slot that takes the number.
        slot: String,
    },
    /// What an expansion rule says.
    Rule(String),
}

/// Whole numbers from one to another in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberRange {
    /// The first number.
    pub from: i64,
    /// The last number that may be reached.
    pub to: i64,
    /// The distance between two numbers, at least 1.
    pub step: i64,
}

/// Why a template could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The character of the template at which the fault was found, counted from 0.
    pub offset: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "character {}: {}", self.offset + 1, self.message)
    }
}

impl std::error::Error for TemplateError {}

impl NumberRange {
    /// The range, if it makes sense.
    ///
    /// # Errors
    /// A sentence where the last number is below the first, the step is below 1, or the range is wider than [`MAX_RANGE`].
    pub fn checked(self) -> Result<Self, String> {
        let NumberRange { from, to, step } = self;
        if to < from {
            return Err(format!("the range {from}..{to} is empty; its first number must not be above its last"));
        }
        if step < 1 {
            return Err(format!("the step {step} leads nowhere; it must be at least 1"));
        }
        if from.unsigned_abs() > MAX_RANGE.unsigned_abs() || to.unsigned_abs() > MAX_RANGE.unsigned_abs() {
            return Err(format!("the range {from}..{to} is too wide; numbers go up to {MAX_RANGE}"));
        }
        Ok(self)
    }
}

impl Expression {
    /// Calls `visit` with this part and every part inside it.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        visit(self);
        match self {
            Expression::Sequence(parts) | Expression::Alternatives(parts) | Expression::Permutation(parts) => {
                for part in parts {
                    part.walk(visit);
                }
            }
            Expression::Optional(part) => part.walk(visit),
            Expression::Text(_) | Expression::List { .. } | Expression::Range { .. } | Expression::Rule(_) => {}
        }
    }

    /// Every text that a template without lists, rules and permutations stands for; nothing where it has one of those, or
    /// where there are more than [`MAX_TEXTS`].
    pub fn texts(&self) -> Option<Vec<String>> {
        let mut all = Vec::new();
        match self {
            Expression::Text(text) => all.push(text.clone()),
            Expression::Sequence(parts) => {
                all.push(String::new());
                for part in parts {
                    let next = part.texts()?;
                    if all.len() * next.len() > MAX_TEXTS {
                        return None;
                    }
                    all = all.iter().flat_map(|text| next.iter().map(move |more| format!("{text}{more}"))).collect();
                }
            }
            Expression::Alternatives(parts) => {
                for part in parts {
                    all.append(&mut part.texts()?);
                }
            }
            Expression::Optional(part) => {
                all = part.texts()?;
                all.push(String::new());
            }
            Expression::Permutation(_) | Expression::List { .. } | Expression::Range { .. } | Expression::Rule(_) => {
                return None;
            }
        }
        (all.len() <= MAX_TEXTS).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Expression {
        Expression::Text(text.to_owned())
    }

    fn list(list: &str, slot: &str) -> Expression {
        Expression::List { list: list.to_owned(), slot: slot.to_owned() }
    }

    #[test]
    fn reads_every_form() {
        let optional = |inner| Expression::Optional(Box::new(inner));
        let cases = [
            ("turn on", text("turn on")),
            ("on|off", Expression::Alternatives(vec![text("on"), text("off")])),
            ("light[s]", Expression::Sequence(vec![text("light"), optional(text("s"))])),
            ("[a|b]", optional(Expression::Alternatives(vec![text("a"), text("b")]))),
            ("{name}", list("name", "name")),
            ("{ area : where }", list("area", "where")),
            ("<how much>", Expression::Rule("how much".to_owned())),
            (r"\(a\;b\)", text("(a;b)")),
            ("(a;b)", Expression::Permutation(vec![text("a"), text("b")])),
            ("a|b;c", Expression::Permutation(vec![Expression::Alternatives(vec![text("a"), text("b")]), text("c")])),
            ("(a|)", Expression::Alternatives(vec![text("a"), Expression::Sequence(vec![])])),
        ];
        for (template, expected) in cases {
            assert_eq!(parse(template).as_ref(), Ok(&expected), "{template}");
        }
    }

    #[test]
    fn reads_ranges() {
        let range = |from, to, step| Expression::Range { range: NumberRange { from, to, step }, slot: "n".to_owned() };
        assert_eq!(parse("{0..100:n}"), Ok(range(0, 100, 1)));
        assert_eq!(parse("{-10..10,5:n}"), Ok(range(-10, 10, 5)));
        for wrong in ["{0..100}", "{5..1:n}", "{0..9,0:n}", "{a..9:n}", "{0..99999999:n}", "{0..:n}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let cases = [
            ("turn (on", 5, "never closed"),
            ("turn on)", 7, "closes nothing"),
            ("  turn [on", 7, "never closed"),
            ("{}", 1, "needs a name"),
            ("{name:}", 1, "needs a name"),
            ("<>", 1, "needs a name"),
            ("<a(b>", 2, "can't stand in a name"),
            ("{name", 0, "never closed"),
            ("(a]b)", 2, "closes nothing"),
            ("on\\", 2, "backslash"),
            ("   ", 0, "empty"),
            ("(a;b;c;d;e;f;g)", 0, "permutation"),
        ];
        for (template, offset, message) in cases {
            let error = parse(template).expect_err(template);
            assert_eq!(error.offset, offset, "{template}: {error}");
            assert!(error.message.contains(message), "{template}: {error}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        assert!(parse(&format!("{}a{}", "(".repeat(20), ")".repeat(20))).is_ok());
        let deep = parse(&format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000)));
        assert!(deep.is_err());
        let nested = parse(&format!("{}a{}", "(".repeat(30), ")".repeat(30))).expect_err("too deep");
        assert!(nested.message.contains("nested deeper"), "{nested}");
        assert!(parse(&"a|b;".repeat(10)).is_ok());
        let joints = parse(&"a|b;".repeat(1_900)).expect_err("too deep");
        assert!(joints.message.contains("by turns"), "{joints}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn anything_is_parsed_or_refused(template in r"[ab ()\[\]{}<>|;:.,\\0-9é]{0,40}") {
            if let Err(error) = parse(&template) {
                prop_assert!(error.offset <= template.chars().count());
            }
        }
    }
}
