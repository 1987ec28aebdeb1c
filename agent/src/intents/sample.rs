//! Sentences drawn from templates: what can be said with them, for people who write them and for tests.
//!
//! Owns the drawing. Promises that every template of which a sentence is found in `ATTEMPTS` draws is drawn at least once
//! (a part that can't be said is never drawn; a keyword among a thousand words may not be found), that what is drawn fits
//! its template in the context that is drawn with it, and that the same arguments give the same sentences. What a sentence
//! means in the end, beside all other templates, is the matcher's.

mod examples;
mod reach;
#[cfg(test)]
mod tests;

use super::matcher::{Context, Vocabulary, normalise};
use super::sentences::{Block, Fractions, ListKind, NumberList, Problem, Requirements, Sentences, Template, admits};
use super::spoken::Spoken;
use super::template::Expression;
use super::{Origin, sentences::VOCABULARY_LISTS};
pub use examples::{Examples, examples};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reach::{Name, Reach};

/// How often a template is drawn before it counts as one of which nothing can be said: a draw fails where it leaves out
/// every word, every required keyword, or what the context needs.
const ATTEMPTS: usize = 64;
/// The attempts at the end in which nothing is left out that may be.
const WHOLE_ATTEMPTS: usize = 16;
/// How many draws in a row may fail before no more are made.
const FRUITLESS: usize = 16;
/// What is said in the place of any words.
const ANY_WORDS: [&str; 4] = ["second coat", "lacquer", "batch seven", "gearbox oil"];

/// Numbers that are easy to think of.
const PLAIN_NUMBERS: [i64; 3] = [10, 20, 5];

/// A sentence that a template can hear.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What is said.
    pub text: String,
    /// What it means.
    pub intent: String,
    /// What must be known about the situation for that.
    pub context: Context,
    /// The template.
    pub template: Origin,
    /// Where that begins in its line, where it stands there as it is.
    pub column: Option<usize>,
}

/// Random sentences: each template once, then any until there are `count`. Beside them each template of which nothing can
/// be said.
pub fn sample(sentences: &Sentences, vocabulary: &Vocabulary, count: usize, seed: u64) -> (Vec<Sample>, Vec<Problem>) {
    let mut sampler = Sampler::new(sentences, vocabulary, seed);
    let (mut samples, mut drawn, mut unsayable) = (Vec::new(), Vec::new(), Vec::new());
    for (index, block) in sentences.blocks.iter().enumerate() {
        for template in 0..block.templates.len() {
            match sampler.draw(index, template) {
                Ok(sample) => {
                    samples.push(sample);
                    drawn.push((index, template));
                }
                Err(problem) => unsayable.push(problem),
            }
        }
    }
    let mut fruitless = 0;
    while samples.len() < count && fruitless < FRUITLESS && !drawn.is_empty() {
        let (block, template) = drawn[sampler.random.random_range(0..drawn.len())];
        match sampler.draw(block, template) {
            Ok(sample) => {
                samples.push(sample);
                fruitless = 0;
            }
            Err(_) => fruitless += 1,
        }
    }
    (samples, unsayable)
}

/// Draws sentences of one vocabulary.
pub(super) struct Sampler<'a> {
    sentences: &'a Sentences,
    reach: Reach<'a>,
    random: StdRng,
    /// How many names were said plainly.
    named: usize,
}

/// A sentence in the making.
#[derive(Default)]
struct Said {
    text: String,
    /// What its names and values say about the situation.
    known: Context,
    manner: Manner,
}

/// How a sentence is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Manner {
    /// By chance.
    #[default]
    Chance,
    /// By chance, with everything that may be left out.
    Whole,
    /// The first of all ways, without what may be left out; a name each time another one. Any words are not said so.
    Plain,
}

/// A part of which nothing can be said.
struct Unsayable;

/// The block that a template is seen from.
#[derive(Clone, Copy)]
struct Scope<'a> {
    block: &'a Block,
    index: usize,
}

impl<'a> Sampler<'a> {
    /// A sampler whose draws follow from the seed.
    pub(super) fn new(sentences: &'a Sentences, vocabulary: &'a Vocabulary, seed: u64) -> Self {
        Sampler { sentences, reach: Reach::new(sentences, vocabulary), random: StdRng::seed_from_u64(seed), named: 0 }
    }

    /// A sentence of a template, by the numbers of its block and of the template in it.
    ///
    /// # Errors
    /// Nothing can be said with it: a list in it is empty, or no name fits its context, or none of its sentences has a
    /// word or a keyword that is required.
    pub(super) fn draw(&mut self, block: usize, template: usize) -> Result<Sample, Problem> {
        self.draw_in(Manner::Chance, block, &self.sentences.blocks[block].templates[template])
    }

    /// The example of a block, said with one of the names there are; nothing where it has none, or none can be said.
    pub(super) fn example(&mut self, block: usize) -> Option<Sample> {
        let example = self.sentences.blocks[block].example.as_ref()?;
        self.draw_in(Manner::Plain, block, example).ok()
    }

    fn draw_in(&mut self, manner: Manner, block: usize, template: &'a Template) -> Result<Sample, Problem> {
        let scope = Scope { block: &self.sentences.blocks[block], index: block };
        let sayable = self.reach.is_sayable(&template.expression, scope);
        let attempts = match (sayable, manner) {
            (false, _) => 0,
            (true, Manner::Plain) => 1,
            (true, _) => ATTEMPTS,
        };
        for attempt in 0..attempts {
            let manner = if attempt < ATTEMPTS - WHOLE_ATTEMPTS { manner } else { Manner::Whole };
            let mut said = Said { manner, ..Said::default() };
            if self.say(&template.expression, scope, &mut said).is_err() {
                continue;
            }
            let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.is_empty() || !self.has_keyword(scope.block, &text) {
                continue;
            }
            if let Some(context) = self.context(scope.block, &said) {
                let (intent, origin) = (scope.block.intent.clone(), template.origin.clone());
                return Ok(Sample { text, intent, context, template: origin, column: template.column });
            }
        }
        let message = format!(
            "nothing was found that can be said with `{}`: a list in it is empty, no name fits its context, or no keyword is in it",
            template.text
        );
        Err(Problem { origin: template.origin.clone(), column: template.column, message })
    }

    fn has_keyword(&self, block: &Block, text: &str) -> bool {
        if block.required_keywords.is_empty() || self.sentences.ignore_whitespace {
            return true;
        }
        let normal = normalise::sentence(text).characters;
        let keyword = |keyword: &String| {
            let keyword = normalise::sentence(keyword).characters;
            normal.split(|&character| character == ' ').any(|word| word == keyword)
        };
        block.required_keywords.iter().any(keyword)
    }

    /// A situation that meets what the block asks for and the sentence does not bring along. What is usually a name's to
    /// bring (no slot takes it) is only given where nothing else can be said.
    fn context(&self, block: &Block, Said { known, manner, .. }: &Said) -> Option<Context> {
        let excluded = block.excludes.iter().any(|(key, it)| known.get(key).is_some_and(|value| it.is_met_by(value)));
        if excluded {
            return None;
        }
        let mut context = Context::new();
        for (key, wanted) in &block.requires {
            match known.get(key) {
                Some(value) if wanted.is_met_by(value) => {}
                Some(_) => return None,
                None if wanted.slot.is_none() && *manner != Manner::Whole => return None,
                None => {
                    let given = wanted.any_of.first().cloned();
                    context.insert(key.clone(), given.unwrap_or_else(|| self.reach.place(key).into()));
                }
            }
        }
        Some(context)
    }

    fn say(&mut self, expression: &'a Expression, scope: Scope<'a>, said: &mut Said) -> Result<(), Unsayable> {
        match expression {
            Expression::Text(text) => self.join(text, said)?,
            Expression::Sequence(parts) => {
                for part in parts {
                    self.say(part, scope, said)?;
                }
            }
            Expression::Alternatives(parts) => {
                let sayable: Vec<&Expression> =
                    parts.iter().filter(|part| self.reach.is_sayable(part, scope)).collect();
                let part = *pick(&mut self.random, said.manner, &sayable)?;
                self.say(part, scope, said)?;
            }
            Expression::Optional(part) => {
                let wanted = match said.manner {
                    Manner::Chance => self.random.random_bool(0.5),
                    Manner::Whole => true,
                    // The ending of a word: "minute[s]".
                    Manner::Plain => said.text.ends_with(char::is_alphabetic) && begins_with_letter(part),
                };
                if wanted && self.reach.is_sayable(part, scope) {
                    self.say(part, scope, said)?;
                }
            }
            Expression::Permutation(parts) => {
                let mut left: Vec<&Expression> = parts.iter().collect();
                while !left.is_empty() {
                    let next = if said.manner == Manner::Plain { 0 } else { self.random.random_range(0..left.len()) };
                    let part = left.remove(next);
                    said.text.push(' ');
                    self.say(part, scope, said)?;
                    said.text.push(' ');
                }
            }
            Expression::Rule(name) => {
                let rule = self.sentences.rule(scope.block, name).ok_or(Unsayable)?;
                self.say(&rule.expression, scope, said)?;
            }
            Expression::Range { range, .. } => self.number(&(*range).into(), said)?,
            Expression::List { list, .. } => self.list(list, scope, said)?,
        }
        Ok(())
    }

    fn list(&mut self, name: &str, scope: Scope<'a>, said: &mut Said) -> Result<(), Unsayable> {
        let Scope { block, .. } = scope;
        let list = match block.lists.get(name) {
            Some(list) => list,
            None if VOCABULARY_LISTS.contains(&name) => return self.name(name, block, said),
            None => self.sentences.lists.get(name).ok_or(Unsayable)?,
        };
        match &list.kind {
            ListKind::Wildcard if said.manner == Manner::Plain => return Err(Unsayable),
            ListKind::Wildcard => said.text.push_str(pick(&mut self.random, said.manner, &ANY_WORDS)?),
            ListKind::Numbers(numbers) => self.number(numbers, said)?,
            ListKind::Values(values) => {
                let admitted: Vec<_> = values
                    .iter()
                    .filter(|value| admits(&block.requires, &block.excludes, &value.context))
                    .filter(|value| self.reach.is_sayable(&value.expression, scope))
                    .collect();
                let value = *pick(&mut self.random, said.manner, &admitted)?;
                said.known.extend(value.context.clone());
                self.say(&value.expression, scope, said)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, list: &str, block: &Block, said: &mut Said) -> Result<(), Unsayable> {
        let plain = said.manner == Manner::Plain;
        let admitted: Vec<&Name> = self.reach.names(list, block).filter(|name| name.first || !plain).collect();
        // What only a name can say about the situation is best said by it.
        let complete = |name: &&&Name| only_said(&block.requires).all(|key| name.context.contains_key(key));
        let complete: Vec<&Name> = admitted.iter().filter(complete).copied().collect();
        let names = if complete.is_empty() { admitted } else { complete };
        let name = match said.manner {
            Manner::Plain if names.is_empty() => return Err(Unsayable),
            Manner::Plain => {
                self.named += 1;
                names[(self.named - 1) % names.len()]
            }
            manner => *pick(&mut self.random, manner, &names)?,
        };
        said.text.push_str(pick(&mut self.random, said.manner, &name.texts)?);
        said.known.extend(name.context.clone());
        Ok(())
    }

    fn number(&mut self, list: &NumberList, said: &mut Said) -> Result<(), Unsayable> {
        if said.manner == Manner::Plain && list.digits {
            let plain = PLAIN_NUMBERS.into_iter().find(|&number| list.holds(number as f64));
            said.text.push_str(&plain.unwrap_or(list.from).to_string());
            return Ok(());
        }
        let steps = (list.to - list.from) / list.step;
        let whole = list.from + list.step * self.random.random_range(0..=steps);
        let tenths = match list.fractions {
            Fractions::None => 0,
            Fractions::Halves => 5,
            Fractions::Tenths => self.random.random_range(1..10),
        };
        let spoken = Spoken::of(list.words_language.as_deref().unwrap_or(&self.sentences.language));
        let words = list.words && spoken.has_number_words() && (!list.digits || self.random.random_bool(0.5));
        let fraction = tenths > 0 && whole < list.to && self.random.random_bool(0.5);
        let number = match (words, fraction) {
            (false, false) => whole.to_string(),
            // Below nothing, the parts count the other way.
            (false, true) if whole < 0 => format!("{}", whole as f64 + f64::from(tenths) / 10.0),
            (false, true) => format!("{whole}.{tenths}"),
            (true, false) => spoken.number(whole as f64),
            (true, true) => spoken.number(whole as f64 + f64::from(tenths) / 10.0),
        };
        self.join(&number, said)
    }

    /// Says what follows. Digits behind digits with nothing between them would be one number.
    fn join(&self, text: &str, said: &mut Said) -> Result<(), Unsayable> {
        let spaceless = self.sentences.ignore_whitespace;
        let (before, behind) = if spaceless { (said.text.trim_end(), text.trim_start()) } else { (&*said.text, text) };
        let joined = before.ends_with(char::is_numeric) && behind.starts_with(char::is_numeric);
        said.text.push_str(text);
        if joined { Err(Unsayable) } else { Ok(()) }
    }
}

/// One of these: by chance, or plainly the first.
fn pick<'b, T>(random: &mut StdRng, manner: Manner, from: &'b [T]) -> Result<&'b T, Unsayable> {
    if manner == Manner::Plain {
        return from.first().ok_or(Unsayable);
    }
    if from.is_empty() { Err(Unsayable) } else { Ok(&from[random.random_range(0..from.len())]) }
}

/// Whether a part is text that goes on with the word before it.
fn begins_with_letter(part: &Expression) -> bool {
    matches!(part, Expression::Text(text) if text.starts_with(char::is_alphabetic))
}

/// What a block asks of the situation that no situation is given for: a name or a value has to say it.
fn only_said(requires: &Requirements) -> impl Iterator<Item = &String> {
    requires.iter().filter(|(_, wanted)| wanted.slot.is_none()).map(|(key, _)| key)
}
