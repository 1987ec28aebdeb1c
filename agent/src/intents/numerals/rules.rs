//! The rules by which a language spells numbers, read from their text.
//!
//! # Format
//!
//! CLDR's rule-based number formats, a rule a line:
//!
//! ```text
//! # comment
//! %spellout-cardinal             a set of rules; %%name: one that only other sets use
//! 20: twenty[-→→]                from 20 on. →→ the remainder by the rule's divisor, said by this set
//! 100: ←%a← hundred[ →%b→]       ←← the quotient; a set may be named; brackets: only where something remains
//! 80/20: quatre-vingt[-→→]       the divisor is the highest power of the radix (10, or as stated) up to the number
//! 200: =%other=                  the number itself, said by another set; =#,##0= in digits
//! 1000000: ←← mili$(cardinal,one{on}other{óny})$    a form that goes with the quotient
//! -x: minus →→                   below zero
//! x.x: ←← point →→               with decimals, which are said one by one; 0.x the same below one
//! 1.5: anderthalb                this number (not CLDR's)
//! x.5: ←← and a half             so many and a half (not CLDR's)
//! ```
//!
//! Of several rules with one base any is read, and the first is said. An apostrophe keeps the space beside it. A soft hyphen is a joint inside a word; a hyphen joins words.
//!
//! Owns the text's meaning. Promises that any text is read: a line that makes no sense is passed over, which the tests
//! make sure does not happen with the rules that are there.

use super::super::matcher::normalise;
use std::collections::HashMap;

/// Numbers from here on are not read or said in words.
pub(super) const LARGEST: u64 = 1_000_000_000;

/// A set's number.
pub(super) type SetId = usize;

/// The rules of a language.
#[derive(Debug, Default)]
pub(super) struct Language {
    pub(super) sets: Vec<RuleSet>,
    /// The sets that cardinal numbers begin with.
    pub(super) public: Vec<SetId>,
    /// What a number can begin with.
    pub(super) begins: First,
    /// Lines that made no sense.
    pub(super) passed_over: Vec<String>,
}

/// Rules that say numbers in one way.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    pub(super) name: String,
    /// By their base, ascending; of those with one base the first is said.
    pub(super) rules: Vec<Rule>,
    /// Below zero.
    pub(super) minus: Vec<Vec<Part>>,
    /// With decimals.
    pub(super) point: Vec<Vec<Part>>,
    /// With decimals, below one.
    pub(super) below_one: Vec<Vec<Part>>,
    /// So many and a half.
    pub(super) halves: Vec<Vec<Part>>,
    /// Certain numbers with decimals.
    pub(super) exact: Vec<(f64, Vec<Part>)>,
    /// What a whole number can begin with.
    pub(super) begins: First,
}

/// A rule for the numbers from its base up to the next rule's.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) base: u64,
    pub(super) next: u64,
    pub(super) divisor: u64,
    pub(super) parts: Vec<Part>,
    pub(super) begins: First,
}

/// A part of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// These words.
    Text(Text),
    /// The number itself, by another set.
    Same(SetId),
    /// The number without its remainder, divided.
    Quotient(SetId),
    /// The remainder. Where no set is named, a remainder of zero is not said.
    Remainder { set: SetId, named: bool },
    /// Said only where something remains.
    Optional(Vec<Part>),
    /// One of several forms: the name of each, and its words.
    Plural(Vec<(String, Text)>),
    /// The number in digits, which is not said.
    Digits,
}

/// Words, as they are written and as they are compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) written: String,
    pub(super) marks: Vec<Mark>,
}

/// A character of a rule's words, as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Letter(char),
    /// Between two words.
    Space,
    /// Between two parts that are written together or apart.
    Joint,
    /// Which counts inside a word and not at its edge.
    Apostrophe,
}

/// A set of characters that is never too small: a test that costs nothing before one that does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct First(u64);

impl First {
    const NOTHING: First = First(0);
    const ANYTHING: First = First(u64::MAX);

    fn of(character: char) -> First {
        First(1 << (u32::from(character) & 63))
    }

    fn and(self, other: First) -> First {
        First(self.0 | other.0)
    }

    pub(super) fn admits(self, character: char) -> bool {
        self.0 & First::of(character).0 != 0
    }
}

impl Language {
    /// Reads the rules of several texts as those of one language.
    pub(super) fn parse(texts: &[&str]) -> Language {
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        let mut language = Language::default();
        let mut names: HashMap<String, SetId> = HashMap::new();
        for name in lines.iter().filter_map(|line| line.strip_prefix('%')) {
            let plain = name.trim_start_matches('%').trim();
            names.entry(plain.to_owned()).or_insert_with(|| {
                language.sets.push(RuleSet { name: plain.to_owned(), ..RuleSet::default() });
                if !name.starts_with('%') {
                    language.public.push(language.sets.len() - 1);
                }
                language.sets.len() - 1
            });
        }
        let mut set = None;
        for line in lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('%') {
                set = names.get(name.trim_start_matches('%').trim()).copied();
            } else if set.and_then(|set| language.rule(line, set, &names)).is_none() {
                language.passed_over.push((*line).to_owned());
            }
        }
        language.finish();
        language
    }

    fn rule(&mut self, line: &str, set: SetId, names: &HashMap<String, SetId>) -> Option<()> {
        let (value, text) = line.split_once(':')?;
        let text = text.strip_prefix(' ').unwrap_or(text);
        let parts = PartReader { characters: text.chars().collect(), position: 0, set, names }.parts(None)?;
        let rules = self.sets.get_mut(set)?;
        match value {
            "-x" => rules.minus.push(parts),
            "x.x" | "x,x" => rules.point.push(parts),
            "0.x" => rules.below_one.push(parts),
            "x.5" => rules.halves.push(parts),
            _ if value.contains('.') => rules.exact.push((value.parse().ok()?, parts)),
            _ => {
                let (base, radix) = match value.split_once('/') {
                    Some((base, radix)) => (base.parse().ok()?, radix.parse().ok()?),
                    None => (value.parse().ok()?, 10),
                };
                let divisor = highest_power(radix, base);
                rules.rules.push(Rule { base, next: LARGEST, divisor, parts, begins: First::NOTHING });
            }
        }
        Some(())
    }

    /// Sorts rules, finds where each ends, and what each can begin with.
    fn finish(&mut self) {
        for set in &mut self.sets {
            set.rules.sort_by_key(|rule| rule.base);
            let bases: Vec<u64> = set.rules.iter().map(|rule| rule.base).collect();
            let above =
                |base: u64| bases.get(bases.partition_point(|other| *other <= base)).copied().unwrap_or(LARGEST);
            let nexts: Vec<u64> = bases.iter().map(|&base| above(base)).collect();
            for (rule, next) in set.rules.iter_mut().zip(nexts) {
                rule.next = next;
            }
        }
        // A set can begin with what another one begins with, which is known when nothing changes any more.
        let mut changed = true;
        while changed {
            changed = false;
            for set in 0..self.sets.len() {
                for rule in 0..self.sets[set].rules.len() {
                    let (begins, empty) = self.begins(&self.sets[set].rules[rule].parts);
                    let begins = if empty { First::ANYTHING } else { begins };
                    changed |= self.sets[set].rules[rule].begins != begins;
                    self.sets[set].rules[rule].begins = begins;
                    self.sets[set].begins = self.sets[set].begins.and(begins);
                }
            }
        }
        let mut all = First::NOTHING;
        for &set in &self.public {
            all = all.and(self.sets[set].begins);
        }
        for set in &self.sets {
            let exact = set.exact.iter().map(|(_, parts)| parts);
            for parts in set.minus.iter().chain(&set.point).chain(&set.below_one).chain(&set.halves).chain(exact) {
                all = all.and(self.begins(parts).0);
            }
        }
        self.begins = all;
        self.drop_aliases();
    }

    /// Of public sets that only refer to another public one, the other is enough.
    fn drop_aliases(&mut self) {
        let public = self.public.clone();
        self.public.retain(|&set| {
            let rules = &self.sets[set];
            let plain = rules.point.iter().all(|parts| *parts == [Part::Digits]) && rules.halves.is_empty();
            match rules.rules.as_slice() {
                [Rule { base: 0, parts, .. }] if plain && rules.exact.is_empty() => {
                    !matches!(parts.as_slice(), [Part::Same(other)] if public.contains(other) && *other != set)
                }
                _ => true,
            }
        });
    }

    /// What parts can begin with, and whether they can be nothing at all.
    fn begins(&self, parts: &[Part]) -> (First, bool) {
        let mut begins = First::NOTHING;
        for part in parts {
            let (more, empty) = match part {
                Part::Text(text) => text_begins(text),
                Part::Same(set) | Part::Quotient(set) => (self.sets[*set].begins, false),
                Part::Remainder { set, named } => (self.sets[*set].begins, !named),
                Part::Optional(parts) => (self.begins(parts).0, true),
                Part::Plural(forms) => forms
                    .iter()
                    .map(|(_, text)| text_begins(text))
                    .fold((First::NOTHING, false), |(all, any), (more, empty)| (all.and(more), any || empty)),
                Part::Digits => (First::NOTHING, false),
            };
            begins = begins.and(more);
            if !empty {
                return (begins, false);
            }
        }
        (begins, true)
    }
}

fn text_begins(text: &Text) -> (First, bool) {
    let mut begins = First::NOTHING;
    for mark in &text.marks {
        match mark {
            Mark::Letter(character) => return (begins.and(First::of(*character)), false),
            Mark::Space | Mark::Joint => begins = begins.and(First::of(' ')),
            Mark::Apostrophe => begins = begins.and(First::of('\'')),
        }
    }
    (begins, true)
}

/// The highest power of the radix that is no larger than the number; 1 for zero.
fn highest_power(radix: u64, number: u64) -> u64 {
    let mut power: u64 = 1;
    while radix > 1 && power.checked_mul(radix).is_some_and(|next| next <= number) {
        power *= radix;
    }
    power
}

struct PartReader<'a> {
    characters: Vec<char>,
    position: usize,
    set: SetId,
    names: &'a HashMap<String, SetId>,
}

impl PartReader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.characters.get(self.position).copied();
        self.position += 1;
        next
    }

    /// Reads parts up to a closing character, or to the end.
    fn parts(&mut self, close: Option<char>) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        let mut written = String::new();
        loop {
            let next = self.next();
            if !matches!(next, Some(other) if !"[]←→=$".contains(other)) && !written.is_empty() {
                parts.push(Part::Text(text(&std::mem::take(&mut written))));
            }
            match next {
                None => return close.is_none().then_some(parts),
                Some(']') => return (close == Some(']')).then_some(parts),
                Some('[') => parts.push(Part::Optional(self.parts(Some(']'))?)),
                Some('←') => {
                    let part = self.reference('←')?.map_or(Part::Digits, |(set, _)| Part::Quotient(set));
                    self.skip('←');
                    parts.push(part);
                }
                Some('→') => {
                    let part = self.reference('→')?;
                    self.skip('→');
                    parts.push(part.map_or(Part::Digits, |(set, named)| Part::Remainder { set, named }));
                }
                Some('=') => parts.push(self.reference('=')?.map_or(Part::Digits, |(set, _)| Part::Same(set))),
                Some('$') => parts.push(self.plural()?),
                Some('\'') => {}
                Some(other) => written.push(other),
            }
        }
    }

    /// Passes over a third arrow, which asks for another rule of the same set and comes to the same here.
    fn skip(&mut self, arrow: char) {
        self.position += usize::from(self.characters.get(self.position) == Some(&arrow));
    }

    /// The set that stands between two marks, and whether it is named; nothing inside for a pattern of digits.
    fn reference(&mut self, close: char) -> Option<Option<(SetId, bool)>> {
        let mut name = String::new();
        loop {
            match self.next()? {
                end if end == close => break,
                other => name.push(other),
            }
        }
        if name.is_empty() {
            return Some(Some((self.set, false)));
        }
        match name.strip_prefix('%') {
            Some(name) => self.names.get(name.trim_start_matches('%')).map(|&set| Some((set, true))),
            None => Some(None),
        }
    }

    /// Reads `(cardinal,one{form}other{form})$`.
    fn plural(&mut self) -> Option<Part> {
        let mut inside = String::new();
        loop {
            match self.next()? {
                '$' => break,
                other => inside.push(other),
            }
        }
        let forms = inside.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?.1;
        let mut all = Vec::new();
        for form in forms.split('}').filter(|form| !form.is_empty()) {
            let (name, words) = form.split_once('{')?;
            all.push((name.trim().to_owned(), text(words)));
        }
        Some(Part::Plural(all))
    }
}

fn text(written: &str) -> Text {
    let mut marks = Vec::new();
    let characters: Vec<char> = written.chars().collect();
    let is_letter = |index: Option<usize>| index.and_then(|at| characters.get(at)).is_some_and(|it| it.is_alphabetic());
    for (index, &character) in characters.iter().enumerate() {
        match character {
            '\u{2018}' | '\u{2019}' | '\u{2BC}' | '`' | '\u{B4}'
                if is_letter(index.checked_sub(1)) || is_letter(Some(index + 1)) =>
            {
                marks.push(Mark::Apostrophe);
            }
            '\u{AD}' | '-' | '\u{2010}'..='\u{2015}' => marks.push(Mark::Joint),
            _ if character.is_whitespace() => marks.push(Mark::Space),
            _ => marks.extend(normalise::sentence(&character.to_string()).characters.into_iter().map(Mark::Letter)),
        }
    }
    // A space counts once, and not beside a joint.
    marks.dedup_by(|mark, before| *mark == Mark::Space && *before != Mark::Joint && matches!(before, Mark::Space));
    Text { written: written.replace('\u{AD}', ""), marks }
}
