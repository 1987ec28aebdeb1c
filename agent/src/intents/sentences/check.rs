//! What a template refers to must exist and must come to an end: sentences for which that is not so are dropped here.

use super::super::template::Expression;
use super::read::shortened;
use super::{Block, List, ListKind, Origin, Problem, Sentences, VOCABULARY_LISTS};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How deep rules may use one another.
const MAX_RULE_DEPTH: usize = 16;
/// The most parts of one sentence where its rules and lists are written out.
const MAX_PARTS: usize = 100_000;
/// The most parts of all sentences together.
const MAX_PARTS_IN_ALL: usize = 10_000_000;
/// So many characters count as a part.
const PART_CHARS: usize = 16;

/// Why a part of a sentence cannot be used, and where the fault stands if that is not the sentence itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    message: String,
    origin: Option<Written>,
    /// What of the sentence it is about, as it is written there up to the end of its name.
    reference: Option<String>,
}

/// A file with its line, and the column.
type Written = (Origin, Option<usize>);

impl Fault {
    fn new(message: String, origin: Option<Written>) -> Self {
        Fault { message, origin, reference: None }
    }

    /// The column of what it is about, in a text that begins in that column.
    fn column(&self, text: &str, column: Option<usize>) -> Option<usize> {
        let Some(reference) = &self.reference else { return column };
        let ends =
            |at: usize| text.get(at + reference.len()..).is_some_and(|rest| rest.starts_with(['}', '>', ':', ' ']));
        let (at, _) = text.match_indices(reference.as_str()).find(|(at, _)| ends(*at))?;
        Some(column? + text.get(..at)?.chars().count())
    }
}

/// How large something is.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    /// How many rules are nested at the deepest place.
    depth: usize,
    /// How many parts there are where rules and lists are written out; of a list its largest value counts.
    parts: usize,
}

/// What may still be read: the parts of all sentences together, and of looking at them.
struct Budget(usize);

impl Budget {
    fn take(&mut self, parts: usize) -> Result<(), Fault> {
        let enough = self.0 >= parts;
        self.0 = self.0.saturating_sub(parts);
        if enough {
            return Ok(());
        }
        let message = format!("all sentences together have more than {MAX_PARTS_IN_ALL} parts");
        Err(Fault::new(message, None))
    }
}

/// Drops list values and sentences that refer to what does not exist, never end, or are too large.
///
/// A fault in a rule is one problem, at the rule, however many sentences use it; a fault in a sentence is its own.
pub(super) fn drop_broken(sentences: &mut Sentences, problems: &mut Vec<Problem>) {
    let mut budget = Budget(MAX_PARTS_IN_ALL);
    let mut faults: BTreeMap<(Written, String), usize> = BTreeMap::new();
    let whole = Block::default();
    let mut lists = std::mem::take(&mut sentences.lists);
    let shared = drop_values(sentences, &whole, &mut lists, &mut budget, problems);
    sentences.lists = lists;
    let mut blocks = std::mem::take(&mut sentences.blocks);
    // Blocks without rules and lists of their own see the same.
    let mut known = HashMap::new();
    for block in &mut blocks {
        let mut own = std::mem::take(&mut block.lists);
        let largest = drop_values(sentences, block, &mut own, &mut budget, problems);
        block.lists = own;
        let (templates, mut example) = (std::mem::take(&mut block.templates), block.example.take());
        let alone = !block.rules.is_empty() || !block.lists.is_empty();
        let mut checker = Checker::new(sentences, block, Some((&shared, &largest)));
        if !alone {
            checker.known = std::mem::take(&mut known);
        }
        if let Some(given) = &example
            && let Err(fault) = checker.whole(&given.expression, &mut budget)
        {
            let column = fault.column(&given.text, given.column);
            let message = format!("{}; the example is left out: `{}`", fault.message, shortened(&given.text));
            problems.push(Problem { origin: given.origin.clone(), column, message });
            example = None;
        }
        let mut kept = Vec::with_capacity(templates.len());
        for template in templates {
            match checker.whole(&template.expression, &mut budget) {
                Ok(_) => kept.push(template),
                Err(Fault { message, origin: Some(origin), .. }) => *faults.entry((origin, message)).or_default() += 1,
                Err(fault) => {
                    let column = fault.column(&template.text, template.column);
                    let (text, what) = (shortened(&template.text), fault.message);
                    let message = format!("{what}; the sentence is left out: `{text}`");
                    problems.push(Problem { origin: template.origin, column, message });
                }
            }
        }
        let Checker { changed, known: of_rules, .. } = checker;
        if !alone {
            known = of_rules;
        }
        (block.templates, block.example, block.changed) = (kept, example, changed);
    }
    sentences.blocks = blocks;
    for (((origin, column), message), count) in faults {
        let plural = if count == 1 { "sentence that uses it is" } else { "sentences that use it are" };
        problems.push(Problem { origin, column, message: format!("{message}; {count} {plural} left out") });
    }
}

/// Drops the values of lists that cannot be used, and answers how large the largest one left of each list is. A value may
/// use rules, but no further list.
fn drop_values(
    sentences: &Sentences,
    block: &Block,
    lists: &mut BTreeMap<String, List>,
    budget: &mut Budget,
    problems: &mut Vec<Problem>,
) -> Largest {
    let mut checker = Checker::new(sentences, block, None);
    let mut largest = Largest::new();
    for (name, list) in lists {
        let ListKind::Values(values) = &mut list.kind else { continue };
        let most = largest.entry(name.clone()).or_default();
        values.retain(|value| match checker.whole(&value.expression, budget) {
            Ok(parts) => {
                *most = parts.max(*most);
                true
            }
            Err(fault) => {
                let column = fault.column(&value.text, value.column);
                let message = format!("{}; the value is left out: `{}`", fault.message, shortened(&value.text));
                problems.push(Problem { origin: value.origin.clone(), column, message });
                false
            }
        });
    }
    largest
}

/// The parts of the largest value of each list.
type Largest = HashMap<String, usize>;

struct Checker<'a> {
    sentences: &'a Sentences,
    block: &'a Block,
    /// Rules already looked at.
    known: HashMap<String, Result<Extent, Fault>>,
    /// The rules being looked at, outermost first.
    open: Vec<String>,
    /// The lists that may be used, those of all and the block's own; none inside of a list.
    lists: Option<(&'a Largest, &'a Largest)>,
    /// Lists already looked at as seen from the block, where it has rules of its own.
    seen: HashMap<String, Result<usize, Fault>>,
    /// Those of them that hold something else than elsewhere.
    changed: BTreeSet<String>,
    /// How many parts have been looked at.
    looked_at: usize,
}

impl<'a> Checker<'a> {
    fn new(sentences: &'a Sentences, block: &'a Block, lists: Option<(&'a Largest, &'a Largest)>) -> Self {
        let (known, open, seen, changed) = (HashMap::new(), Vec::new(), HashMap::new(), BTreeSet::new());
        Checker { sentences, block, known, open, lists, seen, changed, looked_at: 0 }
    }

    /// How many parts a whole sentence or value has.
    fn whole(&mut self, expression: &Expression, budget: &mut Budget) -> Result<usize, Fault> {
        let extent = self.extent(expression);
        budget.take(std::mem::take(&mut self.looked_at))?;
        let parts = extent?.parts;
        if parts > MAX_PARTS {
            let message = format!("with its rules and lists it has more than {MAX_PARTS} parts: split it");
            return Err(Fault::new(message, None));
        }
        budget.take(parts)?;
        Ok(parts)
    }

    fn extent(&mut self, expression: &Expression) -> Result<Extent, Fault> {
        self.looked_at += 1;
        let Extent { depth, parts } = match expression {
            Expression::Text(text) => Extent { depth: 0, parts: text.len() / PART_CHARS },
            Expression::Sequence(parts) | Expression::Alternatives(parts) => self.all(parts)?,
            Expression::Permutation(members) => {
                let Extent { depth, parts } = self.all(members)?;
                // Each member is written out once for every set of the others that may come before it.
                Extent { depth, parts: parts.saturating_mul(1 << members.len().saturating_sub(1).min(16)) }
            }
            Expression::Optional(part) => self.extent(part)?,
            Expression::List { list, .. } => Extent { depth: 0, parts: self.list(list)? },
            Expression::Range { .. } if self.lists.is_some() => Extent::default(),
            Expression::Range { .. } => {
                return Err(Fault::new("a list's value can't hold a range".to_owned(), None));
            }
            Expression::Rule(name) => self.rule(name)?,
        };
        Ok(Extent { depth, parts: parts.saturating_add(1) })
    }

    fn all(&mut self, parts: &[Expression]) -> Result<Extent, Fault> {
        let mut all = Extent::default();
        for part in parts {
            let Extent { depth, parts } = self.extent(part)?;
            all = Extent { depth: all.depth.max(depth), parts: all.parts.saturating_add(parts) };
        }
        Ok(all)
    }

    fn list(&mut self, name: &str) -> Result<usize, Fault> {
        let origin = self.at();
        let Some((shared, own)) = self.lists else {
            return Err(Fault::new(format!("a list's value can't hold another list, `{{{name}}}`"), origin));
        };
        if let Some(largest) = own.get(name) {
            return Ok(*largest);
        }
        match self.sentences.list(self.block, name) {
            Some(list) if !self.block.rules.is_empty() => self.seen_from_here(name, list),
            Some(_) => Ok(shared.get(name).copied().unwrap_or_default()),
            None if VOCABULARY_LISTS.contains(&name) => Ok(0),
            None => {
                let message =
                    format!("the list `{{{name}}}` is not defined; add it under `lists`, or correct its name");
                Err(Fault { message, origin, reference: Some(format!("{{{name}")) })
            }
        }
    }

    /// The largest value of a list of all, whose rules are here those of the block.
    fn seen_from_here(&mut self, name: &str, list: &List) -> Result<usize, Fault> {
        if let Some(known) = self.seen.get(name) {
            return known.clone();
        }
        let ListKind::Values(values) = &list.kind else { return Ok(0) };
        let mut checker = Checker::new(self.sentences, self.block, None);
        let mut largest: Result<usize, Fault> = Ok(0);
        for value in values {
            let parts = checker.extent(&value.expression).map(|extent| extent.parts);
            largest = largest.and_then(|largest| Ok(largest.max(parts?)));
        }
        self.looked_at += checker.looked_at;
        if checker.known.keys().any(|rule| self.block.rules.contains_key(rule)) {
            self.changed.insert(name.to_owned());
        }
        let largest =
            largest.map_err(|fault| Fault { origin: fault.origin.or(Some((list.origin.clone(), None))), ..fault });
        self.seen.insert(name.to_owned(), largest.clone());
        largest
    }

    /// Where the rule stands that is being looked at; nothing: in the sentence itself.
    fn at(&self) -> Option<Written> {
        let rule = self.open.last()?;
        self.sentences.rule(self.block, rule).map(|rule| (rule.origin.clone(), rule.column))
    }

    fn rule(&mut self, name: &str) -> Result<Extent, Fault> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let origin = self.at();
        let Some(rule) = self.sentences.rule(self.block, name) else {
            let message =
                format!("the rule `<{name}>` is not defined; add it under `expansion_rules`, or correct its name");
            return Err(Fault { message, origin, reference: Some(format!("<{name}")) });
        };
        if let Some(first) = self.open.iter().position(|open| open == name) {
            let path: Vec<String> =
                self.open[first..].iter().chain([&name.to_owned()]).map(|rule| format!("<{rule}>")).collect();
            let message = format!("the rule `<{name}>` calls itself ({}) and would never end", path.join(" -> "));
            return Err(Fault::new(message, Some((rule.origin.clone(), rule.column))));
        }
        if self.open.len() >= MAX_RULE_DEPTH {
            let message = format!("rules are nested deeper than {MAX_RULE_DEPTH} levels");
            return Err(Fault::new(message, origin));
        }
        self.open.push(name.to_owned());
        let extent = self.extent(&rule.expression);
        self.open.pop();
        let extent = extent.map(|Extent { depth, parts }| Extent { depth: depth + 1, parts });
        if matches!(extent, Ok(extent) if extent.depth > MAX_RULE_DEPTH) {
            let message = format!("rules are nested deeper than {MAX_RULE_DEPTH} levels");
            return Err(Fault::new(message, Some((rule.origin.clone(), rule.column))));
        }
        // A fault that depends on the way here (a rule that is open further out) is not one of this rule alone.
        if extent.is_ok() || self.open.is_empty() {
            self.known.insert(name.to_owned(), extent.clone());
        }
        extent
    }
}
