//! What is wrong with sentences beyond single faults, for people who write them.
//!
//! Owns the checks that look at all sentences together. What can be said is drawn by `sample`; how one sentence was matched
//! is `Matcher::explain`'s.

use super::matcher::{Matcher, Vocabulary};
use super::sample::{Sample, Sampler};
use super::sentences::{ListKind, Problem, Reference, Sentences};
use super::speech;
use std::collections::BTreeSet;

/// How many sentences of each template `lint` tries.
const LINT_SAMPLES: usize = 3;
/// What is wrong with the sentences as a whole: rules and lists that nothing uses, templates that can't be said with the
/// names there are or whose sentences mean something else, and what can't be written out for a recogniser.
pub fn lint(sentences: &Sentences, vocabulary: &Vocabulary) -> Vec<Problem> {
    let (matcher, mut problems) = Matcher::compile(sentences, vocabulary);
    problems.extend(unused(sentences));
    problems.extend(speech::grammar(sentences, vocabulary).1);
    let mut sampler = Sampler::new(sentences, vocabulary, 0);
    for (index, block) in sentences.blocks.iter().enumerate() {
        problems.extend(sampler.example(index).and_then(|sample| misunderstood(&matcher, &sample)));
        for (number, template) in block.templates.iter().enumerate() {
            let drawn: Result<Vec<Sample>, Problem> = (0..LINT_SAMPLES).map(|_| sampler.draw(index, number)).collect();
            let samples = match drawn {
                Ok(samples) => samples,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let mut fault = |message: String| {
                problems.push(Problem { origin: template.origin.clone(), column: template.column, message })
            };
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

/// An example that would be understood otherwise than its block, or not.
fn misunderstood(matcher: &Matcher, sample: &Sample) -> Option<Problem> {
    let matches = matcher.matches_in(&sample.text, &sample.context);
    let right = matches.unambiguous().is_some_and(|reading| reading.intent == sample.intent);
    let message = || format!("the example \"{}\" is not understood as {} without doubt", sample.text, sample.intent);
    (!right).then(|| Problem { origin: sample.template.clone(), column: sample.column, message: message() })
}

/// Rules and lists that no sentence refers to, directly, through a rule or through a value of a list.
fn unused(sentences: &Sentences) -> Vec<Problem> {
    let mut used: BTreeSet<Reference<'_>> = BTreeSet::new();
    for block in &sentences.blocks {
        let direct = sentences.references(block, block.templates.iter().map(|template| &template.expression));
        let values = direct.iter().filter_map(|reference| match reference {
            Reference::List(list) => match &sentences.list(block, list)?.kind {
                ListKind::Values(values) => Some(values),
                ListKind::Numbers(_) | ListKind::Wildcard => None,
            },
            Reference::Rule(_) => None,
        });
        used.extend(sentences.references(block, values.flatten().map(|value| &value.expression)));
        used.extend(direct);
    }
    let rules = sentences.rules.iter().map(|(name, rule)| (Reference::Rule(name), &rule.origin, rule.column));
    let lists = sentences.lists.iter().map(|(name, list)| (Reference::List(name), &list.origin, list.column));
    let unused = rules.chain(lists).filter(|(reference, ..)| !used.contains(reference));
    let written = |reference| match reference {
        Reference::Rule(name) => format!("<{name}>"),
        Reference::List(name) => format!("{{{name}}}"),
    };
    unused
        .map(|(reference, origin, column)| Problem {
            origin: origin.clone(),
            column,
            message: format!("nothing uses `{}`", written(reference)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sentences::Source;
    use super::super::tests::{english, workshop};
    use super::*;

    #[test]
    fn the_built_in_sentences_are_without_fault() {
        assert_eq!(lint(&english(), &workshop()), []);
    }

    #[test]
    fn faults_of_sentences_together_are_found() {
        let text = "language: en\nintents:\n  A:\n    data:\n      - sentences:\n          - \"do it [now] [{kind}]\"\n  B:\n    data:\n      - sentences:\n          - \"do it\"\n      - sentences:\n          - \"dim {name}\"\n        requires_context: {domain: boat}\nlists:\n  spare: {wildcard: true}\n  kind: {values: [\"<size> press\"]}\nexpansion_rules:\n  idle: \"x\"\n  size: \"(big|small)\"\n";
        let (sentences, problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text: text.to_owned() }]);
        assert_eq!(problems, []);
        let found: Vec<String> = lint(&sentences, &workshop()).iter().map(ToString::to_string).collect();
        let has =
            |start: &str, part: &str| found.iter().any(|problem| problem.starts_with(start) && problem.contains(part));
        assert!(has("t.yaml:18:3", "nothing uses `<idle>`"), "{found:?}");
        assert!(has("t.yaml:15:3", "nothing uses `{spare}`"), "{found:?}");
        assert!(!has("t.yaml:19", "nothing uses"), "a value of a list uses it: {found:?}");
        assert!(has("t.yaml:12", "nothing was found that can be said"), "{found:?}");
        assert!(has("t.yaml:10", "\"do it\" means A by t.yaml:6"), "{found:?}");
    }
}
