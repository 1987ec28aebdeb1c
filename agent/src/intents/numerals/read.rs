//! The numbers that begin at a place of a sentence, found by running the rules backwards.
//!
//! A rule for the numbers from its base to the next one says a quotient and a remainder between its words. Read backwards,
//! its words have to be there, the quotient is a number below what the rule's range leaves, and the remainder one below
//! the divisor: both are smaller than the number itself, so that the search comes to an end. What a set reads at a place
//! below a limit is found once.

use super::Numerals;
use super::rules::{LARGEST, Mark, Part, Rule, SetId, Text};
use std::collections::HashMap;
use std::rc::Rc;

/// The most readings that are followed at one place. The longest number of any language takes a few hundred.
const MAX_READINGS: usize = 20_000;
/// The most decimals that are read.
const MAX_DECIMALS: usize = 6;

/// A number that begins at the place asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// One past its last character.
    pub(crate) end: usize,
    /// Its value.
    pub(crate) value: f64,
}

/// What a set reads: one past the end, and the value.
type Whole = Rc<Vec<(usize, u64)>>;

impl Numerals {
    /// Every number in words that begins at `start` of a text in normal form, longest first. `spaces` says whether the
    /// text has any: without, a number is read wherever it stands; with them, one that ends inside a word is none where a
    /// longer one goes on in that word.
    pub(crate) fn read(&self, text: &[char], start: usize, fractions: bool, spaces: bool) -> Vec<Found> {
        let begins = |character: &char| self.language.begins.admits(*character);
        if !text.get(start).is_some_and(begins) {
            return Vec::new();
        }
        let mut reader = Reader { numerals: self, text, spaces, known: HashMap::new(), readings: 0 };
        let mut found = reader.unsigned(start, fractions);
        for set in &self.language.sets {
            for parts in &set.minus {
                found.extend(reader.minus(parts, start, fractions));
            }
        }
        found.sort_by(|one, other| other.end.cmp(&one.end).then(one.value.total_cmp(&other.value)));
        found.dedup();
        // "seventy " with nothing after the joint is "seventy".
        found.retain(|found| found.end > start && text.get(found.end - 1) != Some(&' '));
        if spaces {
            drop_parts_of_words(text, &mut found);
        }
        found
    }
}

/// "seven" in "seventy": where a longer number goes on in the same word, the shorter one is none.
fn drop_parts_of_words(text: &[char], found: &mut Vec<Found>) {
    let inside = |end: usize| {
        let is_letter = |index: usize| text.get(index).is_some_and(|character| character.is_alphabetic());
        end > 0 && is_letter(end - 1) && is_letter(end)
    };
    let word_end = |end: usize| (end..text.len()).find(|&index| text[index] == ' ').unwrap_or(text.len());
    let ends: Vec<usize> = found.iter().map(|found| found.end).collect();
    found.retain(|found| {
        !inside(found.end) || !ends.iter().any(|&other| other > found.end && other <= word_end(found.end))
    });
}

struct Reader<'a> {
    numerals: &'a Numerals,
    text: &'a [char],
    spaces: bool,
    known: HashMap<(SetId, usize, u64), Whole>,
    readings: usize,
}

/// How far a rule has been read, and what it said on the way.
#[derive(Debug, Clone, Copy, Default)]
struct Partial {
    position: usize,
    quotient: Option<u64>,
    remainder: Option<u64>,
    same: Option<u64>,
}

impl<'a> Reader<'a> {
    fn unsigned(&mut self, start: usize, fractions: bool) -> Vec<Found> {
        let language = &self.numerals.language;
        let mut found = Vec::new();
        for &id in &language.public {
            let whole = self.set(id, start, LARGEST);
            found.extend(whole.iter().map(|&(end, value)| Found { end, value: value as f64 }));
        }
        if fractions {
            for set in &language.sets {
                set.point.iter().chain(&set.below_one).for_each(|parts| found.extend(self.decimals(parts, start)));
                for parts in &set.halves {
                    let halves =
                        self.parts(parts, (LARGEST, 1), vec![Partial { position: start, ..Partial::default() }]);
                    found.extend(
                        halves
                            .into_iter()
                            .filter_map(|half| Some(Found { end: half.position, value: half.quotient? as f64 + 0.5 })),
                    );
                }
                for (value, parts) in &set.exact {
                    let read = self.parts(parts, (LARGEST, 1), vec![Partial { position: start, ..Partial::default() }]);
                    found.extend(read.into_iter().map(|read| Found { end: read.position, value: *value }));
                }
            }
        }
        found
    }

    /// What stands after words for "minus", and before such where a language says them behind.
    fn minus(&mut self, parts: &[Part], start: usize, fractions: bool) -> Vec<Found> {
        let [Part::Text(text), Part::Remainder { .. }] = parts else { return Vec::new() };
        let Some(position) = self.skip(text, start) else { return Vec::new() };
        let positive = self.unsigned(position, fractions).into_iter();
        positive.filter(|found| found.value > 0.0).map(|found| Found { value: -found.value, ..found }).collect()
    }

    /// A number with decimals: every beginning of the decimals is a reading.
    fn decimals(&mut self, parts: &[Part], start: usize) -> Vec<Found> {
        let mut states: Vec<(usize, u64)> = vec![(start, 0)];
        let mut found = Vec::new();
        for part in parts {
            let mut next = Vec::new();
            for (position, whole) in states {
                match part {
                    Part::Text(text) => next.extend(self.skip(text, position).map(|position| (position, whole))),
                    Part::Quotient(set) => next.extend(self.set(*set, position, LARGEST).iter().copied()),
                    Part::Remainder { set, .. } => self.digits(*set, position, whole, &mut found),
                    _ => {}
                }
            }
            states = next;
        }
        found
    }

    fn digits(&mut self, set: SetId, start: usize, whole: u64, found: &mut Vec<Found>) {
        let mut open = vec![(start, whole.to_string() + ".")];
        for _ in 0..MAX_DECIMALS {
            let mut next = Vec::new();
            for (position, written) in open {
                let apart = position + usize::from(self.text.get(position) == Some(&' '));
                for &(end, digit) in self.set(set, apart, 10).iter() {
                    let written = format!("{written}{digit}");
                    found.extend(written.parse().ok().map(|value| Found { end, value }));
                    next.push((end, written));
                }
            }
            if next.len() > MAX_DECIMALS {
                return;
            }
            open = next;
        }
    }

    /// What a set reads at a place, below a limit.
    fn set(&mut self, id: SetId, position: usize, limit: u64) -> Whole {
        let numerals = self.numerals;
        let set = &numerals.language.sets[id];
        let Some(&next) = self.text.get(position).filter(|next| set.begins.admits(**next)) else {
            return Rc::default();
        };
        if let Some(known) = self.known.get(&(id, position, limit)) {
            return Rc::clone(known);
        }
        // Sets that refer to each other in a circle read nothing.
        self.known.insert((id, position, limit), Rc::default());
        let mut read = Vec::new();
        for rule in set.rules.iter().take_while(|rule| rule.base < limit).filter(|rule| rule.begins.admits(next)) {
            self.rule(rule, position, limit, &mut read);
        }
        read.sort_unstable();
        read.dedup();
        let read = Rc::new(read);
        self.known.insert((id, position, limit), Rc::clone(&read));
        read
    }

    fn rule(&mut self, rule: &'a Rule, position: usize, limit: u64, read: &mut Vec<(usize, u64)>) {
        let limit = limit.min(rule.next);
        let says_remainder = rule.parts.iter().any(says_remainder);
        for end in self.parts(&rule.parts, (limit, rule.divisor), vec![Partial { position, ..Partial::default() }]) {
            let quotient = end.quotient.unwrap_or(rule.base / rule.divisor);
            let unsaid = if says_remainder { 0 } else { rule.base % rule.divisor };
            let number = end.same.unwrap_or_else(|| quotient * rule.divisor + end.remainder.unwrap_or(unsaid));
            if (rule.base..limit).contains(&number) {
                read.push((end.position, number));
            }
        }
    }

    /// Every way to read parts one after the other. `limit` bounds the number, `divisor` its remainder.
    fn parts(&mut self, parts: &[Part], (limit, divisor): (u64, u64), mut states: Vec<Partial>) -> Vec<Partial> {
        for part in parts {
            let mut next = Vec::new();
            for state in states {
                self.readings += 1;
                if self.readings > MAX_READINGS {
                    return Vec::new();
                }
                self.part(part, (limit, divisor), state, &mut next);
            }
            states = next;
        }
        states
    }

    fn part(&mut self, part: &Part, (limit, divisor): (u64, u64), from: Partial, next: &mut Vec<Partial>) {
        match part {
            Part::Text(text) => {
                next.extend(self.skip(text, from.position).map(|position| Partial { position, ..from }));
            }
            Part::Plural(forms) => {
                for (_, text) in forms {
                    next.extend(self.skip(text, from.position).map(|position| Partial { position, ..from }));
                }
            }
            Part::Same(set) => {
                let read = self.set(*set, from.position, limit);
                next.extend(read.iter().map(|&(position, value)| Partial {
                    position,
                    // Where several sets say the number, the first says it whole.
                    same: from.same.or(Some(value)),
                    ..from
                }));
            }
            Part::Quotient(set) => {
                // Only a number that is smaller can be looked for at the same place.
                let below = if divisor > 1 { (limit - 1) / divisor + 1 } else { limit };
                if below < limit || from.position > 0 || limit == LARGEST {
                    let read = self.set(*set, from.position, below);
                    next.extend(read.iter().map(|&(position, value)| Partial {
                        position,
                        quotient: Some(value),
                        ..from
                    }));
                }
            }
            Part::Remainder { set, named } => {
                let read = self.set(*set, from.position, divisor);
                next.extend(read.iter().map(|&(position, value)| Partial { position, remainder: Some(value), ..from }));
                if !named {
                    next.push(Partial { remainder: Some(0), ..from });
                }
            }
            Part::Optional(parts) => {
                next.extend(self.parts(parts, (limit, divisor), vec![from]));
                next.push(from);
            }
            Part::Digits => {}
        }
    }

    /// One past the words, if they stand there.
    fn skip(&self, text: &Text, start: usize) -> Option<usize> {
        let mut position = start;
        for mark in &text.marks {
            let next = self.text.get(position);
            match mark {
                Mark::Letter(letter) if next == Some(letter) => position += 1,
                Mark::Space if next == Some(&' ') => position += 1,
                Mark::Joint => position += usize::from(next == Some(&' ')),
                Mark::Apostrophe => position += usize::from(next == Some(&'\'')),
                // Where words are written together, or where one has just begun.
                Mark::Space if !self.spaces || (position > 0 && self.text.get(position - 1) == Some(&' ')) => {}
                Mark::Letter(_) | Mark::Space => return None,
            }
        }
        Some(position)
    }
}

fn says_remainder(part: &Part) -> bool {
    match part {
        Part::Remainder { .. } => true,
        Part::Optional(parts) => parts.iter().any(says_remainder),
        _ => false,
    }
}
