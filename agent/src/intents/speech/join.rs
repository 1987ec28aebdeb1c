//! Where parts of words touch without a space: the ways to fill them, written out and put together to whole words.

use super::super::sentences::Problem;
use super::super::template::Expression;
use super::{Builder, Expansion, Scope, normalise, simplified, words};
use crate::recognise::grammar::{ANY_WORD, DIGITS};
use normalise::Piece;

/// The most ways in which parts that touch are written out.
const MAX_WAYS: usize = 512;
/// The most pieces of all ways that are written out.
const MAX_PIECES: usize = 2_000_000;
/// The most words of a permutation, with all its orders written out.
const MAX_ORDERED_WORDS: usize = 20_000;
/// The most words, in all, of lists that are written out once more because letters touch what they name.
const MAX_TOUCHED_WORDS: usize = 50_000;

/// A part of a way: whole words are made of letters between two spaces.
#[derive(Debug, Clone, PartialEq)]
enum Bit {
    Space,
    Letters(String),
    Whole(Expansion),
}

/// The side of a word at which letters touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Before,
    After,
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
        let said: Vec<Expansion> = ways.iter().filter_map(|way| self.put_together(way, scope)).collect();
        (!said.is_empty()).then_some(Expansion::Alternatives(said))
    }

    fn product(&mut self, ways: &[Vec<Bit>], next: &[Vec<Bit>], scope: Scope<'a>) -> Option<Vec<Vec<Bit>>> {
        if ways.len() * next.len() > MAX_WAYS {
            self.too_many_ways(scope);
            return None;
        }
        let pieces = |ways: &[Vec<Bit>]| ways.iter().map(Vec::len).sum::<usize>();
        self.ways_made += pieces(ways) * next.len() + pieces(next) * ways.len() + 1;
        if self.ways_made > MAX_PIECES {
            self.too_many(
                scope,
                &format!("parts of words that touch take more than {MAX_PIECES} pieces to put together"),
            );
            return None;
        }
        Some(ways.iter().flat_map(|way| next.iter().map(move |more| [way.as_slice(), more].concat())).collect())
    }

    /// Nothing where a permutation of these has too many words.
    pub(super) fn has_room_for_orders(&mut self, members: &[Expansion], scope: Scope<'a>) -> Option<()> {
        let words: usize = members.iter().map(count).sum::<usize>() + members.len();
        let orders: usize = (1..=members.len()).product();
        if words.saturating_mul(orders) <= MAX_ORDERED_WORDS {
            return Some(());
        }
        self.too_many(scope, &format!("a permutation has more than {MAX_ORDERED_WORDS} words in all its orders"));
        None
    }

    fn too_many_ways(&mut self, scope: Scope<'a>) {
        self.too_many(scope, &format!("parts of words that touch can be put together in more than {MAX_WAYS} ways"));
    }

    fn too_many(&mut self, scope: Scope<'a>, what: &str) {
        let Some(template) = scope.block.templates.first() else { return };
        let message = format!(
            "{what}; some sentences here are left out of the recogniser's grammar: put spaces between the parts"
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
                ways.extend(self.numeral(&(*range).into()).map(|said| vec![Bit::Whole(said)]))
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
            self.too_many_ways(scope);
            return None;
        }
        Some(ways)
    }

    /// One way as words; nothing where it can't be said.
    fn put_together(&mut self, way: &[Bit], scope: Scope<'a>) -> Option<Expansion> {
        let mut said: Vec<Expansion> = Vec::new();
        for run in way.split(|bit| *bit == Bit::Space) {
            let mut letters = [String::new(), String::new()];
            let mut whole: Option<&Expansion> = None;
            for bit in run {
                match bit {
                    Bit::Letters(more) => letters[usize::from(whole.is_some())].push_str(more),
                    Bit::Whole(_) if whole.is_some() => return None,
                    Bit::Whole(expansion) => whole = Some(expansion),
                    Bit::Space => {}
                }
            }
            let [before, after] = &letters;
            said.push(match whole {
                None => self.whole_words(before.trim_matches('\''))?,
                Some(whole) => {
                    // "l'{name}": the letters go to the first word of every name; "{name}'s": to the last one.
                    let whole = self.touched(whole.clone(), Side::Before, before.trim_start_matches('\''), scope)?;
                    self.touched(whole, Side::After, after.trim_end_matches('\''), scope)?
                }
            });
        }
        Some(Expansion::Sequence(said))
    }

    /// The same with letters that touch its first or last word. A list becomes another list, made once for each text that
    /// touches it.
    fn touched(&mut self, whole: Expansion, side: Side, letters: &str, scope: Scope<'a>) -> Option<Expansion> {
        if letters.is_empty() {
            return Some(whole);
        }
        if !letters.chars().all(|character| character.is_alphabetic() || character == '\'') {
            return None;
        }
        if let Expansion::Alternatives(parts) = whole {
            let ways =
                parts.into_iter().filter_map(|part| self.touched(part, side, letters, scope)).collect::<Vec<_>>();
            return (!ways.is_empty()).then_some(Expansion::Alternatives(ways));
        }
        let list = match &whole {
            Expansion::Rule(name) => self.grammar.rules.get(name).filter(|_| is_list(name)).map(|rule| (name, rule)),
            _ => None,
        };
        let Some((name, rule)) = list else { return with_letters(&whole, side, letters) };
        let key = (name.clone(), side, letters.to_owned());
        if let Some(known) = self.touched.get(&key) {
            return known.clone();
        }
        let (made, origin) = (with_letters(&rule.expansion, side, letters).map(simplified), rule.origin.clone());
        let made = made.and_then(|made| {
            self.touched_words += count(&made);
            if self.touched_words > MAX_TOUCHED_WORDS {
                let what = format!("letters touch the words of lists that have more than {MAX_TOUCHED_WORDS} words");
                self.too_many(scope, &what);
                return None;
            }
            Some(Expansion::Rule(self.add_rule(&format!("touched_{}", key.0), made, &origin)))
        });
        self.touched.insert(key, made.clone());
        made
    }

    /// Letters and digits as the words that are said for them; nothing for what no one says, such as `%`.
    fn whole_words(&self, letters: &str) -> Option<Expansion> {
        if letters.is_empty() {
            return Some(Expansion::Empty);
        }
        // A number may be written with hyphens; any other mark, as in "3,5", is none that digits alone can be said with.
        let said = self.spoken.digits_as_words(letters).replace('-', " ");
        let said = said.split(' ').all(is_sayable).then(|| words(&normalise::sentence(&said).text()));
        self.as_written(letters, said)
    }
}

/// Whether a rule is a list of values or of numbers, or one that letters already touch.
fn is_list(rule: &str) -> bool {
    ["list_", "spelled_", "touched_"].iter().any(|list| rule.starts_with(list))
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

/// The same with letters before its first word or after its last; nothing where no such word is fixed. What may be left
/// out at that side is left out or takes the letters.
fn with_letters(expansion: &Expansion, side: Side, letters: &str) -> Option<Expansion> {
    match expansion {
        Expansion::Word(word) if matches!(word.as_str(), ANY_WORD | DIGITS) => None,
        Expansion::Word(word) => Some(Expansion::Word(match side {
            Side::Before => format!("{letters}{word}"),
            Side::After => format!("{word}{letters}"),
        })),
        Expansion::Sequence(parts) => {
            let (edge, rest) = match side {
                Side::Before => parts.split_first()?,
                Side::After => parts.split_last()?,
            };
            let whole = |edge: Expansion| match side {
                Side::Before => Expansion::Sequence([std::slice::from_ref(&edge), rest].concat()),
                Side::After => Expansion::Sequence([rest, std::slice::from_ref(&edge)].concat()),
            };
            let without = || with_letters(&Expansion::Sequence(rest.to_vec()), side, letters);
            match edge {
                Expansion::Empty => without(),
                Expansion::Optional(inner) => {
                    let ways: Vec<Expansion> =
                        with_letters(inner, side, letters).map(whole).into_iter().chain(without()).collect();
                    (!ways.is_empty()).then_some(Expansion::Alternatives(ways))
                }
                edge => with_letters(edge, side, letters).map(whole),
            }
        }
        Expansion::Alternatives(parts) => {
            let ways: Vec<Expansion> = parts.iter().filter_map(|part| with_letters(part, side, letters)).collect();
            (!ways.is_empty()).then_some(Expansion::Alternatives(ways))
        }
        Expansion::Empty | Expansion::Optional(_) | Expansion::Rule(_) => None,
    }
}

/// The number of words of an expansion, without those of its rules.
fn count(expansion: &Expansion) -> usize {
    match expansion {
        Expansion::Empty | Expansion::Rule(_) => 0,
        Expansion::Word(_) => 1,
        Expansion::Optional(part) => count(part),
        Expansion::Sequence(parts) | Expansion::Alternatives(parts) => parts.iter().map(count).sum(),
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
