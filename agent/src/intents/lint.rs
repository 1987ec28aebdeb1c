//! What is wrong with sentences beyond single faults, for people who write them.
//!
//! Owns the checks that look at all sentences together. What can be said is drawn by `sample`; how one sentence was matched
//! is `Matcher::explain`'s.

use super::matcher::{Matcher, Vocabulary};
use super::sample::{Sample, Sampler};
use super::sentences::{ListKind, Problem, Sentences};
use super::speech;
use super::template::Expression;
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
    let mut used: BTreeSet<String> = BTreeSet::new();
    for block in &sentences.blocks {
        let mut open: Vec<&Expression> = block.templates.iter().map(|template| &template.expression).collect();
        let (mut rules, mut lists): (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
        while let Some(expression) = open.pop() {
            expression.walk(&mut |part| match part {
                Expression::Rule(name) if rules.insert(name) => {
                    used.insert(format!("<{name}>"));
                    open.extend(sentences.rule(block, name).map(|rule| &rule.expression));
                }
                Expression::List { list, .. } if lists.insert(list) => {
                    used.insert(format!("{{{list}}}"));
                    if let Some(ListKind::Values(values)) = sentences.list(block, list).map(|list| &list.kind) {
                        open.extend(values.iter().map(|value| &value.expression));
                    }
                }
                _ => {}
            });
        }
    }
    let rules = sentences.rules.iter().map(|(name, rule)| (format!("<{name}>"), &rule.origin, rule.column));
    let lists = sentences.lists.iter().map(|(name, list)| (format!("{{{name}}}"), &list.origin, list.column));
    let unused = rules.chain(lists).filter(|(name, ..)| !used.contains(name));
    unused
        .map(|(name, origin, column)| Problem {
            origin: origin.clone(),
            column,
            message: format!("nothing uses `{name}`"),
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
