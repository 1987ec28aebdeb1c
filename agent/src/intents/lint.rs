//! Help for people who write sentences: what can be said with them, and what is wrong with them beyond single faults.
//!
//! Owns sampling (random sentences from templates, the same for the same seed) and the checks that look at all sentences
//! together. How one sentence was matched is `Matcher::explain`'s.

use super::matcher::{Context, Matcher, NamedEntity, Vocabulary};
use super::sentences::{Block, Fractions, ListKind, NumberList, Problem, Sentences, VOCABULARY_LISTS, admits};
use super::spoken::Spoken;
use super::template::{self, Expression};
use super::{Origin, speech};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeSet;

/// How often a template is tried before it counts as one for which nothing can be said.
const ATTEMPTS: usize = 16;
/// How many sentences of each template `lint` tries.
const LINT_SAMPLES: usize = 3;
/// What is said in the place of any words.
const ANY_WORDS: [&str; 4] = ["second coat", "lacquer", "batch seven", "gearbox oil"];

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
}

/// Random sentences: each template once as far as `count` reaches, then any. The same arguments give the same sentences.
pub fn sample(sentences: &Sentences, vocabulary: &Vocabulary, count: usize, seed: u64) -> Vec<Sample> {
    let mut sampler = Sampler { sentences, vocabulary, random: StdRng::seed_from_u64(seed) };
    let templates: Vec<(&Block, usize)> = sentences
        .blocks
        .iter()
        .flat_map(|block| (0..block.templates.len()).map(move |template| (block, template)))
        .collect();
    let mut samples: Vec<Sample> =
        templates.iter().take(count).filter_map(|&(block, template)| sampler.sample(block, template)).collect();
    let mut fruitless = 0;
    while samples.len() < count && fruitless < ATTEMPTS && !templates.is_empty() {
        let (block, template) = templates[sampler.random.random_range(0..templates.len())];
        match sampler.sample(block, template) {
            Some(sample) => {
                samples.push(sample);
                fruitless = 0;
            }
            None => fruitless += 1,
        }
    }
    samples
}

/// What is wrong with the sentences as a whole: rules and lists that nothing uses, templates that can't be said with the
/// names there are or whose sentences mean something else, and what can't be written out for a recogniser.
pub fn lint(sentences: &Sentences, vocabulary: &Vocabulary) -> Vec<Problem> {
    let (matcher, mut problems) = Matcher::compile(sentences, vocabulary);
    problems.extend(unused(sentences));
    problems.extend(speech::grammar(sentences, vocabulary).1);
    let mut sampler = Sampler { sentences, vocabulary, random: StdRng::seed_from_u64(0) };
    for block in &sentences.blocks {
        for (index, template) in block.templates.iter().enumerate() {
            let mut fault =
                |message: String| problems.push(Problem { origin: template.origin.clone(), column: None, message });
            let samples: Vec<Sample> = (0..LINT_SAMPLES).filter_map(|_| sampler.sample(block, index)).collect();
            if samples.is_empty() {
                fault(format!(
                    "nothing can be said with `{}`: a list in it is empty, or no name fits its context",
                    template.text
                ));
                continue;
            }
            for sample in samples {
                let matches = matcher.matches_in(&sample.text, &sample.context);
                let other = matches.all().find(|reading| reading.intent != sample.intent);
                if let Some(other) = other {
                    fault(format!(
                        "\"{}\" means {} by {}, and not only {} as here",
                        sample.text, other.intent, other.template, sample.intent
                    ));
                    break;
                }
                if matches.best.is_none() {
                    fault(format!("\"{}\", which `{}` should hear, matches nothing", sample.text, template.text));
                    break;
                }
            }
        }
    }
    problems
}

/// Rules and lists that no sentence refers to, directly or through a rule.
fn unused(sentences: &Sentences) -> Vec<Problem> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for block in &sentences.blocks {
        let mut open: Vec<&Expression> = block.templates.iter().map(|template| &template.expression).collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(expression) = open.pop() {
            expression.walk(&mut |part| match part {
                Expression::Rule(name) if seen.insert(name) => {
                    used.insert(format!("<{name}>"));
                    open.extend(sentences.rule(block, name).map(|rule| &rule.expression));
                }
                Expression::List { list, .. } => {
                    used.insert(format!("{{{list}}}"));
                }
                _ => {}
            });
        }
    }
    let rules = sentences.rules.iter().map(|(name, rule)| (format!("<{name}>"), &rule.origin));
    let lists = sentences.lists.iter().map(|(name, list)| (format!("{{{name}}}"), &list.origin));
    let unused = rules.chain(lists).filter(|(name, _)| !used.contains(name));
    unused
        .map(|(name, origin)| Problem {
            origin: origin.clone(),
            column: None,
            message: format!("nothing uses `{name}`"),
        })
        .collect()
}

struct Sampler<'a> {
    sentences: &'a Sentences,
    vocabulary: &'a Vocabulary,
    random: StdRng,
}

impl<'a> Sampler<'a> {
    fn sample(&mut self, block: &'a Block, index: usize) -> Option<Sample> {
        let template = &block.templates[index];
        for _ in 0..ATTEMPTS {
            let mut said = String::new();
            if self.say(&template.expression, block, &mut said).is_none() || said.trim().is_empty() {
                continue;
            }
            return Some(Sample {
                text: said.split_whitespace().collect::<Vec<_>>().join(" "),
                intent: block.intent.clone(),
                context: self.context(block),
                template: template.origin.clone(),
            });
        }
        None
    }

    /// A situation that the block asks for, as far as names do not bring it along.
    fn context(&self, block: &Block) -> Context {
        let wanted = block.requires.iter().filter(|(_, requirement)| requirement.slot.is_some());
        let value = |key: &str| if key == "area" { self.vocabulary.areas.first().cloned() } else { None };
        wanted
            .map(|(key, requirement)| {
                let given = requirement.any_of.first().cloned();
                (key.clone(), given.unwrap_or_else(|| value(key).unwrap_or_else(|| "known".to_owned()).into()))
            })
            .collect()
    }

    fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        (!from.is_empty()).then(|| &from[self.random.random_range(0..from.len())])
    }

    /// Says a part; nothing where it can't be said.
    fn say(&mut self, expression: &'a Expression, block: &'a Block, said: &mut String) -> Option<()> {
        match expression {
            Expression::Text(text) => said.push_str(text),
            Expression::Sequence(parts) => {
                for part in parts {
                    self.say(part, block, said)?;
                }
            }
            Expression::Alternatives(parts) => {
                let part = self.pick(parts)?;
                self.say(part, block, said)?;
            }
            Expression::Optional(part) => {
                if self.random.random_bool(0.5) {
                    self.say(part, block, said)?;
                }
            }
            Expression::Permutation(parts) => {
                let mut left: Vec<&Expression> = parts.iter().collect();
                while !left.is_empty() {
                    let part = left.swap_remove(self.random.random_range(0..left.len()));
                    said.push(' ');
                    self.say(part, block, said)?;
                    said.push(' ');
                }
            }
            Expression::Rule(name) => {
                let rule = self.sentences.rule(block, name)?;
                self.say(&rule.expression, block, said)?;
            }
            Expression::Range { range, .. } => self.number(&(*range).into(), said),
            Expression::List { list, .. } => self.list(list, block, said)?,
        }
        Some(())
    }

    fn list(&mut self, name: &str, block: &'a Block, said: &mut String) -> Option<()> {
        let list = match block.lists.get(name) {
            Some(list) => list,
            None if VOCABULARY_LISTS.contains(&name) => return self.name(name, block, said),
            None => self.sentences.lists.get(name)?,
        };
        match &list.kind {
            ListKind::Wildcard => said.push_str(self.pick(&ANY_WORDS)?),
            ListKind::Numbers(numbers) => self.number(numbers, said),
            ListKind::Values(values) => {
                let admitted: Vec<_> =
                    values.iter().filter(|value| admits(&block.requires, &block.excludes, &value.context)).collect();
                let value = *self.pick(&admitted)?;
                self.say(&value.expression, block, said)?;
            }
        }
        Some(())
    }

    fn name(&mut self, list: &str, block: &Block, said: &mut String) -> Option<()> {
        let vocabulary = self.vocabulary;
        let names: Vec<&String> = match list {
            "area" => vocabulary.areas.iter().collect(),
            "floor" => vocabulary.floors.iter().collect(),
            _ => {
                let fits = |entity: &&NamedEntity| admits(&block.requires, &block.excludes, &entity.full_context());
                let admitted = vocabulary.entities.iter().filter(fits);
                admitted.flat_map(|entity| &entity.names).collect()
            }
        };
        let name = *self.pick(&names)?;
        if vocabulary.templates {
            let texts = template::parse(name).ok().and_then(|expression| expression.texts())?;
            said.push_str(self.pick(&texts)?);
        } else {
            said.push_str(name);
        }
        Some(())
    }

    fn number(&mut self, list: &NumberList, said: &mut String) {
        let steps = (list.to - list.from) / list.step;
        let whole = list.from + list.step * self.random.random_range(0..=steps);
        let fraction = match list.fractions {
            Fractions::None => 0.0,
            Fractions::Halves => 0.5,
            Fractions::Tenths => f64::from(self.random.random_range(0..10)) / 10.0,
        };
        let with_fraction = whole as f64 + fraction;
        let value =
            if with_fraction <= list.to as f64 && self.random.random_bool(0.5) { with_fraction } else { whole as f64 };
        let spoken = Spoken::of(&self.sentences.language);
        let words = list.words && spoken.has_number_words() && (!list.digits || self.random.random_bool(0.5));
        said.push_str(&if words { spoken.number(value) } else { value.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::sentences::Source;
    use super::super::tests::{english, workshop};
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sentences() {
        let (sentences, vocabulary) = (english(), workshop());
        let samples = sample(&sentences, &vocabulary, 500, 7);
        assert_eq!(samples.len(), 500);
        assert_eq!(samples, sample(&sentences, &vocabulary, 500, 7));
        assert_ne!(samples, sample(&sentences, &vocabulary, 500, 8));
        let templates: BTreeSet<&Origin> = samples.iter().map(|sample| &sample.template).collect();
        let all = sentences
            .blocks
            .iter()
            .flat_map(|block| &block.templates)
            .map(|template| &template.origin)
            .collect::<BTreeSet<_>>();
        assert_eq!(templates, all, "each template is drawn at least once");
    }

    #[test]
    fn the_built_in_sentences_are_without_fault() {
        assert_eq!(lint(&english(), &workshop()), []);
    }

    #[test]
    fn faults_of_sentences_together_are_found() {
        let text = "language: en\nintents:\n  A:\n    data:\n      - sentences:\n          - \"do it [now]\"\n  B:\n    data:\n      - sentences:\n          - \"do it\"\n          - \"dim {name}\"\n        requires_context: {domain: boat}\nlists:\n  spare: {wildcard: true}\nexpansion_rules:\n  idle: \"x\"\n";
        let (sentences, problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text: text.to_owned() }]);
        assert_eq!(problems, []);
        let found: Vec<String> = lint(&sentences, &workshop()).iter().map(ToString::to_string).collect();
        let has =
            |start: &str, part: &str| found.iter().any(|problem| problem.starts_with(start) && problem.contains(part));
        assert!(has("t.yaml:16", "nothing uses `<idle>`"), "{found:?}");
        assert!(has("t.yaml:14", "nothing uses `{spare}`"), "{found:?}");
        assert!(has("t.yaml:11", "nothing can be said"), "{found:?}");
        assert!(has("t.yaml:10", "\"do it\" means A by t.yaml:6"), "{found:?}");
    }
}
