//! Ranges of numbers as grammar rules: in English with parts that they share (`digit`, `teen`, `tens`, and ranges within
//! ranges), because there a number is several words; in other languages as `spelled` lists them.

use super::super::sentences::{Fractions, NumberList};
use super::super::spoken::Spoken;
use super::{Builder, Expansion, NUMBER_RULE, spelled, word, words};

/// Up to this many numbers are simply listed.
const LISTED: i64 = 20;
/// The most numbers that are listed where they come in steps.
const LISTED_IN_STEPS: i64 = 500;

impl Builder<'_> {
    /// The rule that says a number of a list; nothing where its numbers are not said in words.
    pub(super) fn number(&mut self, list: &NumberList) -> Option<Expansion> {
        let spoken = list.words_language.as_deref().map_or(self.spoken, Spoken::of);
        if !list.words || !spoken.has_number_words() {
            return None;
        }
        let kind = match list.fractions {
            Fractions::None => "",
            Fractions::Halves => "_halves",
            Fractions::Tenths => "_tenths",
        };
        let sign = |number: i64| if number < 0 { format!("minus_{}", -number) } else { number.to_string() };
        let step = if list.step == 1 { String::new() } else { format!("_by_{}", list.step) };
        let language = list.words_language.as_deref().map(|code| format!("_{code}")).unwrap_or_default();
        let kind_of_rule = if spoken.is_english() { "number" } else { "spelled" };
        let name = format!("{kind_of_rule}_{}_{}{step}{kind}{language}", sign(list.from), sign(list.to));
        if !self.grammar.rules.contains_key(&name) {
            let choices = if spoken.is_english() { self.in_english(list) } else { spelled::choices(spoken, list) };
            if choices.is_empty() {
                return None;
            }
            self.add_number_rule(&name, choices);
        }
        Some(Expansion::Rule(name))
    }

    fn in_english(&mut self, list: &NumberList) -> Vec<Expansion> {
        let mut choices = if list.step == 1 { self.signed(list.from, list.to) } else { stepped(list) };
        match list.fractions {
            Fractions::None => {}
            Fractions::Halves => {
                let half = Expansion::Alternatives(vec![words("point five"), words("and a half")]);
                self.fractions(list, &half, &mut choices);
            }
            Fractions::Tenths => {
                let digit = self.shared("digit", |_| listed(1, 9));
                self.fractions(list, &Expansion::Sequence(vec![word("point"), digit]), &mut choices);
            }
        }
        choices
    }

    /// Numbers with a fraction: it is the last whole number before the end of the range that still takes one.
    fn fractions(&mut self, list: &NumberList, fraction: &Expansion, choices: &mut Vec<Expansion>) {
        for (from, to, sign) in
            [(list.from.max(0), list.to - 1, None), ((-list.to).max(0), -list.from - 1, Some(word("minus")))]
        {
            if to >= from {
                let mut said: Vec<Expansion> = sign.into_iter().collect();
                said.push(Expansion::Alternatives(self.positive(from, to)));
                said.push(fraction.clone());
                choices.push(Expansion::Sequence(said));
            }
        }
    }

    fn signed(&mut self, from: i64, to: i64) -> Vec<Expansion> {
        let mut choices = Vec::new();
        if from < 0 {
            let below = self.range((-to).max(1), -from);
            choices.push(Expansion::Sequence(vec![word("minus"), below]));
        }
        if to >= 0 {
            choices.append(&mut self.positive(from.max(0), to));
        }
        choices
    }

    /// The rule for a range of numbers from 0 up.
    fn range(&mut self, from: i64, to: i64) -> Expansion {
        let name = format!("{NUMBER_RULE}{from}_{to}");
        if !self.grammar.rules.contains_key(&name) {
            let choices = self.positive(from, to);
            self.add_number_rule(&name, choices);
        }
        Expansion::Rule(name)
    }

    fn positive(&mut self, from: i64, to: i64) -> Vec<Expansion> {
        if to - from < LISTED {
            return listed(from, to);
        }
        let mut choices = Vec::new();
        if from <= 19 {
            choices.append(&mut self.below_twenty(from, to.min(19)));
        }
        if from <= 99 && to >= 20 {
            choices.append(&mut self.tens(from.max(20), to.min(99)));
        }
        if from <= 999 && to >= 100 {
            choices.append(&mut self.scaled(from.max(100), to.min(999), 100, "hundred"));
        }
        if to >= 1000 {
            choices.append(&mut self.scaled(from.max(1000), to, 1000, "thousand"));
        }
        choices
    }

    fn below_twenty(&mut self, from: i64, to: i64) -> Vec<Expansion> {
        let mut choices = Vec::new();
        for (first, last, name) in [(1, 9, "digit"), (10, 19, "teen")] {
            if from <= first && last <= to {
                choices.push(self.shared(name, |_| listed(first, last)));
            } else {
                choices.append(&mut listed(from.max(first), to.min(last)));
            }
        }
        if from == 0 {
            choices.push(word("zero"));
        }
        choices
    }

    /// Numbers from 20 to 99: whole decades together, the rest one by one.
    fn tens(&mut self, from: i64, to: i64) -> Vec<Expansion> {
        let mut choices = Vec::new();
        let whole: Vec<i64> =
            (2..10).map(|decade| decade * 10).filter(|&decade| from <= decade && decade + 9 <= to).collect();
        if let [first, .., last] = whole[..] {
            let name = format!("tens_{first}_{last}");
            let tens = self.shared(&name, |_| whole.iter().flat_map(|&decade| listed(decade, decade)).collect());
            let digit = self.shared("digit", |_| listed(1, 9));
            choices.push(Expansion::Sequence(vec![tens, Expansion::Optional(Box::new(digit))]));
        }
        let covered =
            |number: i64| whole.len() >= 2 && whole.iter().any(|decade| (*decade..decade + 10).contains(&number));
        choices.extend((from..=to).filter(|&number| !covered(number)).flat_map(|number| listed(number, number)));
        choices
    }

    /// Hundreds or thousands: those that are complete together, one that is begun or broken off by itself.
    fn scaled(&mut self, from: i64, to: i64, scale: i64, name: &str) -> Vec<Expansion> {
        let (first, last) = (from / scale, to / scale);
        let mut choices = Vec::new();
        let starts = if from % scale == 0 { first } else { first + 1 };
        let ends = if to % scale == scale - 1 { last } else { last - 1 };
        if starts <= ends {
            choices.append(&mut self.scaled_run((starts, ends), (0, scale - 1), name));
        }
        if first < starts {
            let rest_to = if first == last { to % scale } else { scale - 1 };
            choices.append(&mut self.scaled_run((first, first), (from % scale, rest_to), name));
        }
        if last > ends && last >= starts {
            choices.append(&mut self.scaled_run((last, last), (0, to % scale), name));
        }
        choices
    }

    /// So many hundreds or thousands with a remainder: "two hundred", "two hundred and five".
    fn scaled_run(
        &mut self,
        (first, last): (i64, i64),
        (rest_from, rest_to): (i64, i64),
        name: &str,
    ) -> Vec<Expansion> {
        let mut counts =
            vec![if first == last { Expansion::Alternatives(listed(first, last)) } else { self.range(first, last) }];
        if first == 1 {
            counts.push(word("a"));
        }
        let mut said = vec![Expansion::Alternatives(counts), word(name)];
        if rest_to > 0 {
            let rest = self.range(rest_from.max(1), rest_to);
            let rest = Expansion::Sequence(vec![Expansion::Optional(Box::new(word("and"))), rest]);
            said.push(if rest_from == 0 { Expansion::Optional(Box::new(rest)) } else { rest });
        }
        vec![Expansion::Sequence(said)]
    }

    fn shared(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Vec<Expansion>) -> Expansion {
        let name = format!("{NUMBER_RULE}{name}");
        if !self.grammar.rules.contains_key(&name) {
            let choices = make(self);
            self.add_number_rule(&name, choices);
        }
        Expansion::Rule(name)
    }
}

fn listed(from: i64, to: i64) -> Vec<Expansion> {
    (from..=to).map(english).collect()
}

fn stepped(list: &NumberList) -> Vec<Expansion> {
    let step = usize::try_from(list.step).unwrap_or(1);
    let all = (list.from..=list.to).step_by(step).take(LISTED_IN_STEPS as usize);
    all.map(english).collect()
}

fn english(number: i64) -> Expansion {
    words(&Spoken::of("en").number(number as f64))
}
