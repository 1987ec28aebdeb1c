//! Where parts of words touch without a space: the ways to fill them, written out and put together to whole words.

use super::super::sentences::Problem;
use super::super::template::Expression;
use super::{Builder, Expansion, Scope, normalise, words};
use normalise::Piece;

/// The most ways in which parts that touch are written out.
const MAX_WAYS: usize = 512;

/// A part of a way: whole words are made of letters between two spaces.
#[derive(Debug, Clone, PartialEq)]
enum Bit {
    Space,
    Letters(String),
    Whole(Expansion),
}

/// What stands between two spaces of a sequence.
enum Item<'a> {
    Letters(String),
    Part(&'a Expression),
}

impl<'a> Builder<'a> {
    /// Parts after one another: those between two spaces stand for themselves where they are alone, and are written out
    /// where they touch.
    pub(super) fn sequence(&mut self, parts: &'a [Expression], scope: Scope<'a>) -> Option<Expansion> {
        let mut groups: Vec<Vec<Item<'a>>> = vec![Vec::new()];
        collect(parts, &mut groups);
        let mut said = Vec::new();
        for group in groups.iter().filter(|group| !group.is_empty()) {
            let expansion = match group.as_slice() {
                [Item::Part(part)] => self.convert(part, scope),
                [Item::Letters(letters)] => self.whole_words(letters.trim_matches('\'')),
                _ => self.joined(group, scope),
            };
            said.push(expansion?);
        }
        Some(Expansion::Sequence(said))
    }

    fn joined(&mut self, group: &[Item<'a>], scope: Scope<'a>) -> Option<Expansion> {
        let mut ways: Vec<Vec<Bit>> = vec![Vec::new()];
        for item in group {
            let next = match item {
                Item::Letters(letters) => vec![vec![Bit::Letters(letters.clone())]],
                Item::Part(part) => self.ways(part, scope)?,
            };
            ways = self.product(&ways, &next, scope)?;
        }
        let said: Vec<Expansion> = ways.iter().filter_map(|way| self.put_together(way)).collect();
        (!said.is_empty()).then_some(Expansion::Alternatives(said))
    }

    fn product(&mut self, ways: &[Vec<Bit>], next: &[Vec<Bit>], scope: Scope<'a>) -> Option<Vec<Vec<Bit>>> {
        if ways.len() * next.len() > MAX_WAYS {
            self.too_many(scope);
            return None;
        }
        Some(ways.iter().flat_map(|way| next.iter().map(move |more| [way.as_slice(), more].concat())).collect())
    }

    fn too_many(&mut self, scope: Scope<'a>) {
        let Some(template) = scope.block.templates.first() else { return };
        let message = format!(
            "parts of words that touch can be put together in more than {MAX_WAYS} ways; some sentences here are left out of the recogniser's grammar: put spaces between the parts"
        );
        let problem = Problem { origin: template.origin.clone(), column: None, message };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Every way to fill a part; nothing where there are too many.
    fn ways(&mut self, expression: &'a Expression, scope: Scope<'a>) -> Option<Vec<Vec<Bit>>> {
        let mut ways = Vec::new();
        match expression {
            Expression::Text(text) => {
                let bits = normalise::literal(text).into_iter().filter_map(|piece| match piece {
                    Piece::Space => Some(Bit::Space),
                    Piece::Characters(characters) => Some(Bit::Letters(characters.into_iter().collect())),
                    Piece::Perhaps('\'') => Some(Bit::Letters("'".to_owned())),
                    // A recogniser hands over no other marks.
                    Piece::Perhaps(_) => None,
                });
                ways.push(bits.collect());
            }
            Expression::Sequence(parts) => {
                ways.push(Vec::new());
                for part in parts {
                    let next = self.ways(part, scope)?;
                    ways = self.product(&ways, &next, scope)?;
                }
            }
            Expression::Alternatives(parts) => {
                for part in parts {
                    ways.append(&mut self.ways(part, scope)?);
                }
            }
            Expression::Optional(part) => {
                ways = self.ways(part, scope)?;
                ways.push(Vec::new());
            }
            Expression::Permutation(_) => {
                let said = self.convert(expression, scope).map(|said| vec![Bit::Space, Bit::Whole(said), Bit::Space]);
                ways.extend(said);
            }
            Expression::Range { range, .. } => {
                ways.extend(self.number(&(*range).into()).map(|said| vec![Bit::Whole(said)]))
            }
            Expression::List { list, slot } => {
                ways.extend(self.list(list, slot, scope).map(|said| vec![Bit::Whole(said)]))
            }
            Expression::Rule(name) => {
                let rule = self.sentences.rule(scope.block, name)?;
                return self.ways(&rule.expression, scope);
            }
        }
        if ways.len() > MAX_WAYS {
            self.too_many(scope);
            return None;
        }
        Some(ways)
    }

    /// One way as words; nothing where it can't be said.
    fn put_together(&self, way: &[Bit]) -> Option<Expansion> {
        let mut said: Vec<Expansion> = Vec::new();
        let mut letters = String::new();
        let mut touches = false;
        for bit in way.iter().chain([&Bit::Space]) {
            match bit {
                Bit::Letters(more) => letters.push_str(more),
                Bit::Space => {
                    if !letters.is_empty() {
                        let word = std::mem::take(&mut letters);
                        let word = word.trim_end_matches('\'');
                        match if touches { said.pop() } else { None } {
                            // "{name}'s": the ending goes to the last word of every name.
                            Some(before) => said.push(with_ending(&self.resolved(before), word)?),
                            None => said.push(self.whole_words(word.trim_start_matches('\''))?),
                        }
                    }
                    touches = false;
                }
                Bit::Whole(_) if touches || !letters.is_empty() => return None,
                Bit::Whole(expansion) => {
                    said.push(expansion.clone());
                    touches = true;
                }
            }
        }
        Some(Expansion::Sequence(said))
    }

    /// Letters and digits as the words that are said for them; nothing for what no one says, such as `%`.
    fn whole_words(&self, letters: &str) -> Option<Expansion> {
        if letters.is_empty() {
            return Some(Expansion::Empty);
        }
        // A number may be written with hyphens; any other mark, as in "3,5", is none that digits alone can be said with.
        let said = self.spoken.digits_as_words(letters).replace('-', " ");
        said.split(' ').all(is_sayable).then(|| words(&normalise::sentence(&said).text()))
    }

    fn resolved(&self, expansion: Expansion) -> Expansion {
        match &expansion {
            Expansion::Rule(name) if name.starts_with("list_") => {
                self.grammar.rules.get(name).map_or(expansion.clone(), |rule| rule.expansion.clone())
            }
            _ => expansion,
        }
    }
}

/// Splits parts at their spaces.
fn collect<'a>(parts: &'a [Expression], groups: &mut Vec<Vec<Item<'a>>>) {
    for part in parts {
        match part {
            Expression::Sequence(inner) => collect(inner, groups),
            Expression::Text(text) => {
                for piece in normalise::literal(text) {
                    match (piece, groups.last_mut()) {
                        (Piece::Space, _) => groups.push(Vec::new()),
                        (Piece::Characters(characters), Some(group)) => {
                            group.push(Item::Letters(characters.into_iter().collect()))
                        }
                        (Piece::Perhaps('\''), Some(group)) => group.push(Item::Letters("'".to_owned())),
                        (Piece::Characters(_), None) | (Piece::Perhaps(_), _) => {}
                    }
                }
            }
            _ => {
                if let Some(group) = groups.last_mut() {
                    group.push(Item::Part(part));
                }
            }
        }
    }
}

/// Whether a recogniser could know a word.
pub(super) fn is_sayable(word: &str) -> bool {
    word.chars().any(char::is_alphabetic)
        && word.chars().all(|character| character.is_alphabetic() || character == '\'')
}

/// The same with an ending at its last word; nothing where the last word is not fixed.
fn with_ending(expansion: &Expansion, ending: &str) -> Option<Expansion> {
    if !ending.chars().all(|character| character.is_alphabetic() || character == '\'') {
        return None;
    }
    match expansion {
        Expansion::Word(word) => Some(Expansion::Word(format!("{word}{ending}"))),
        Expansion::Sequence(parts) => {
            let (last, first) = parts.split_last()?;
            let mut parts = first.to_vec();
            parts.push(with_ending(last, ending)?);
            Some(Expansion::Sequence(parts))
        }
        Expansion::Alternatives(parts) => {
            let ended = parts.iter().map(|part| with_ending(part, ending)).collect::<Option<Vec<_>>>()?;
            Some(Expansion::Alternatives(ended))
        }
        Expansion::Empty | Expansion::Optional(_) | Expansion::Rule(_) => None,
    }
}

/// All orders of so many things.
pub(super) fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..count)
                    .filter(|next| !order.contains(next))
                    .map(|next| [order.as_slice(), &[next]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    orders
}
