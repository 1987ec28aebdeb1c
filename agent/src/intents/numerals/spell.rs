//! A number in words, by the rules of a language.

use super::Numerals;
use super::rules::{LARGEST, Part, Rule, SetId};

/// How deep rules may refer to one another.
const MAX_DEPTH: usize = 64;
/// How many decimals are said.
const DECIMALS: i32 = 2;

impl Numerals {
    /// A number in words as it is counted, rounded to two decimals; nothing where the language has no words for it.
    pub fn spell(&self, value: f64) -> Option<String> {
        let sets = self.language.sets.iter().enumerate();
        let set = |name: &str| sets.clone().find(|(_, set)| set.name == name).map(|(id, _)| id);
        let counted = set("spellout-numbering").or_else(|| set("spellout-cardinal"));
        self.spell_with(counted.or(self.language.public.first().copied())?, value)
    }

    /// A number in words by one ruleset of the language, such as a gender; nothing where it has no such ruleset.
    pub fn spell_as(&self, value: f64, ruleset: &str) -> Option<String> {
        let set = self.language.sets.iter().position(|set| set.name == ruleset)?;
        self.spell_with(set, value)
    }

    /// Every way in which the language says a number: its genders, cases and longer forms.
    pub fn ways(&self, value: f64) -> Vec<String> {
        let mut ways: Vec<String> = Vec::new();
        for &set in &self.language.public {
            if let Some(way) = self.spell_with(set, value).filter(|way| !ways.contains(way)) {
                ways.push(way);
            }
        }
        ways
    }

    fn spell_with(&self, set: SetId, value: f64) -> Option<String> {
        let hundredths = (value.abs() * 10_f64.powi(DECIMALS)).round();
        if !value.is_finite() || hundredths >= LARGEST as f64 * 100.0 {
            return None;
        }
        let hundredths = hundredths as u64;
        let mut said = String::new();
        if value < 0.0 && hundredths > 0 {
            let minus = self.find(set, &|set| set.minus.first())?;
            if let [Part::Text(text), ..] = minus.as_slice() {
                said.push_str(&text.written);
            }
        }
        let (whole, decimals) = (hundredths / 100, hundredths % 100);
        if decimals == 0 {
            self.whole(set, whole, &mut said, 0)?;
        } else {
            let written = format!("{decimals:02}");
            self.decimals(set, whole, written.trim_end_matches('0'), &mut said)?;
        }
        Some(said.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// What this set says of a kind of number, or the one that it refers to.
    fn find<'a>(
        &'a self,
        set: SetId,
        of: &dyn Fn(&'a super::rules::RuleSet) -> Option<&'a Vec<Part>>,
    ) -> Option<&'a Vec<Part>> {
        let mut set = set;
        for _ in 0..MAX_DEPTH {
            let rules = self.language.sets.get(set)?;
            match (of(rules).filter(|parts| **parts != [Part::Digits]), rules.rules.first()) {
                (Some(parts), _) => return Some(parts),
                (None, Some(Rule { base: 0, parts, .. })) => match parts.as_slice() {
                    [Part::Same(other)] => set = *other,
                    _ => return None,
                },
                _ => return None,
            }
        }
        None
    }

    fn decimals(&self, set: SetId, whole: u64, decimals: &str, said: &mut String) -> Option<()> {
        for part in self.find(set, &|set| set.point.first())? {
            match part {
                Part::Text(text) => said.push_str(&text.written),
                Part::Quotient(set) => self.whole(*set, whole, said, 0)?,
                Part::Remainder { set, .. } => {
                    for digit in decimals.bytes() {
                        said.push(' ');
                        self.whole(*set, u64::from(digit - b'0'), said, 0)?;
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn whole(&self, set: SetId, number: u64, said: &mut String, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH || number >= LARGEST {
            return None;
        }
        let rules = &self.language.sets.get(set)?.rules;
        let last = &rules[rules.partition_point(|rule| rule.base <= number).checked_sub(1)?];
        let rule = &rules[rules.partition_point(|rule| rule.base < last.base)];
        self.parts(&rule.parts, rule, number, said, depth)
    }

    fn parts(&self, parts: &[Part], rule: &Rule, number: u64, said: &mut String, depth: usize) -> Option<()> {
        let (quotient, remainder) = (number / rule.divisor, number % rule.divisor);
        for part in parts {
            match part {
                Part::Text(text) => said.push_str(&text.written),
                Part::Same(set) => self.whole(*set, number, said, depth + 1)?,
                Part::Quotient(set) => self.whole(*set, quotient, said, depth + 1)?,
                Part::Remainder { named: false, .. } if remainder == 0 => {}
                Part::Remainder { set, .. } => self.whole(*set, remainder, said, depth + 1)?,
                Part::Optional(_) if remainder == 0 => {}
                Part::Optional(parts) => self.parts(parts, rule, number, said, depth + 1)?,
                Part::Plural(forms) => said.push_str(&plural(forms, quotient)?.written),
                Part::Digits => said.push_str(&number.to_string()),
            }
        }
        Some(())
    }
}

/// The form that goes with so many of something, about as the Slavic languages have it; the listener takes any.
fn plural(forms: &[(String, super::rules::Text)], count: u64) -> Option<&super::rules::Text> {
    let form = |name: &str| forms.iter().find(|(form, _)| form == name).map(|(_, text)| text);
    let wanted = match count {
        1 => "one",
        2..=4 => "few",
        _ => "many",
    };
    form(wanted).or_else(|| form("other")).or_else(|| forms.first().map(|(_, text)| text))
}
