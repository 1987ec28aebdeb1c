//! What a template refers to must exist and must come to an end: sentences for which that is not so are dropped here.

use super::super::template::Expression;
use super::read::shortened;
use super::{Block, List, ListKind, Origin, Problem, Sentences, VOCABULARY_LISTS};
use std::collections::{BTreeMap, HashMap};

/// How deep rules may use one another.
const MAX_RULE_DEPTH: usize = 16;

/// Why a part of a sentence cannot be used, and where the fault stands if that is not the sentence itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    message: String,
    origin: Option<Origin>,
}

/// Drops list values and sentences that refer to what does not exist or never ends.
///
/// A fault in a rule is one problem, at the rule, however many sentences use it; a fault in a sentence is its own.
pub(super) fn drop_broken(sentences: &mut Sentences, problems: &mut Vec<Problem>) {
    let mut shared: BTreeMap<(Origin, String), usize> = BTreeMap::new();
    let whole = Block::default();
    let mut lists = std::mem::take(&mut sentences.lists);
    drop_values(sentences, &whole, &mut lists, problems);
    sentences.lists = lists;
    let mut blocks = std::mem::take(&mut sentences.blocks);
    for block in &mut blocks {
        let mut own = std::mem::take(&mut block.lists);
        drop_values(sentences, block, &mut own, problems);
        block.lists = own;
        let templates = std::mem::take(&mut block.templates);
        let mut checker = Checker { sentences, block, known: HashMap::new(), open: Vec::new(), lists: true };
        let mut kept = Vec::with_capacity(templates.len());
        for template in templates {
            match checker.expression(&template.expression) {
                Ok(()) => kept.push(template),
                Err(Fault { message, origin: Some(origin) }) => *shared.entry((origin, message)).or_default() += 1,
                Err(Fault { message, origin: None }) => {
                    let message = format!("{message}; the sentence is left out: `{}`", shortened(&template.text));
                    problems.push(Problem { origin: template.origin, column: None, message });
                }
            }
        }
        block.templates = kept;
    }
    sentences.blocks = blocks;
    for ((origin, message), count) in shared {
        let plural = if count == 1 { "sentence that uses it is" } else { "sentences that use it are" };
        problems.push(Problem { origin, column: None, message: format!("{message}; {count} {plural} left out") });
    }
}

/// Drops the values of lists that cannot be used. A value may use rules, but no further list.
fn drop_values(sentences: &Sentences, block: &Block, lists: &mut BTreeMap<String, List>, problems: &mut Vec<Problem>) {
    let mut checker = Checker { sentences, block, known: HashMap::new(), open: Vec::new(), lists: false };
    for list in lists.values_mut() {
        let ListKind::Values(values) = &mut list.kind else { continue };
        values.retain(|value| match checker.expression(&value.expression) {
            Ok(()) => true,
            Err(fault) => {
                let message = format!("{}; the value is left out: `{}`", fault.message, shortened(&value.text));
                problems.push(Problem { origin: value.origin.clone(), column: None, message });
                false
            }
        });
    }
}

struct Checker<'a> {
    sentences: &'a Sentences,
    block: &'a Block,
    /// Rules already looked at, and how deep they go.
    known: HashMap<String, Result<usize, Fault>>,
    /// The rules being looked at, outermost first.
    open: Vec<String>,
    /// Whether lists may be used.
    lists: bool,
}

impl Checker<'_> {
    fn expression(&mut self, expression: &Expression) -> Result<(), Fault> {
        self.depth(expression).map(|_| ())
    }

    /// How many rules are nested at the deepest place.
    fn depth(&mut self, expression: &Expression) -> Result<usize, Fault> {
        match expression {
            Expression::Text(_) => Ok(0),
            Expression::Sequence(parts) | Expression::Alternatives(parts) | Expression::Permutation(parts) => {
                let mut deepest = 0;
                for part in parts {
                    deepest = deepest.max(self.depth(part)?);
                }
                Ok(deepest)
            }
            Expression::Optional(part) => self.depth(part),
            Expression::List { list, .. } => self.list(list).map(|()| 0),
            Expression::Range { .. } if self.lists => Ok(0),
            Expression::Range { .. } => {
                Err(Fault { message: "a list's value can't hold a range".to_owned(), origin: None })
            }
            Expression::Rule(name) => self.rule(name),
        }
    }

    fn list(&self, name: &str) -> Result<(), Fault> {
        let origin = self.at();
        if !self.lists {
            return Err(Fault { message: format!("a list's value can't hold another list, `{{{name}}}`"), origin });
        }
        if VOCABULARY_LISTS.contains(&name) || self.sentences.list(self.block, name).is_some() {
            return Ok(());
        }
        let message = format!("the list `{{{name}}}` is not defined; add it under `lists`, or correct its name");
        Err(Fault { message, origin })
    }

    /// Where the rule stands that is being looked at; nothing: in the sentence itself.
    fn at(&self) -> Option<Origin> {
        let rule = self.open.last()?;
        self.sentences.rule(self.block, rule).map(|rule| rule.origin.clone())
    }

    fn rule(&mut self, name: &str) -> Result<usize, Fault> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let origin = self.at();
        let Some(rule) = self.sentences.rule(self.block, name) else {
            let message =
                format!("the rule `<{name}>` is not defined; add it under `expansion_rules`, or correct its name");
            return Err(Fault { message, origin });
        };
        if let Some(first) = self.open.iter().position(|open| open == name) {
            let path: Vec<String> =
                self.open[first..].iter().chain([&name.to_owned()]).map(|rule| format!("<{rule}>")).collect();
            let message = format!("the rule `<{name}>` calls itself ({}) and would never end", path.join(" -> "));
            return Err(Fault { message, origin: Some(rule.origin.clone()) });
        }
        if self.open.len() >= MAX_RULE_DEPTH {
            let message = format!("rules are nested deeper than {MAX_RULE_DEPTH} levels");
            return Err(Fault { message, origin });
        }
        self.open.push(name.to_owned());
        let depth = self.depth(&rule.expression);
        self.open.pop();
        let depth = depth.map(|depth| depth + 1);
        if matches!(depth, Ok(depth) if depth > MAX_RULE_DEPTH) {
            let message = format!("rules are nested deeper than {MAX_RULE_DEPTH} levels");
            return Err(Fault { message, origin: Some(rule.origin.clone()) });
        }
        // A fault that depends on the way here (a rule that is open further out) is not one of this rule alone.
        if depth.is_ok() || self.open.is_empty() {
            self.known.insert(name.to_owned(), depth.clone());
        }
        depth
    }
}
