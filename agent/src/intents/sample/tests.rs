//! What is drawn: every template, the same for the same seed, and only what means what it was drawn for.

use super::super::tests::{built_in_languages, english, packs, workshop};
use super::super::{IntentMatch, Matcher, Source};
use super::*;
use std::collections::BTreeSet;

/// How many draws of each template are held to their meaning.
const DRAWS: u64 = 3;

#[test]
fn the_same_seed_gives_the_same_sentences() {
    let (sentences, vocabulary) = (english(), workshop());
    let (samples, unsayable) = sample(&sentences, &vocabulary, 500, 7);
    assert_eq!(unsayable, []);
    assert!(samples.len() >= 500);
    assert_eq!((samples.clone(), vec![]), sample(&sentences, &vocabulary, 500, 7));
    assert_ne!(samples, sample(&sentences, &vocabulary, 500, 8).0);
}

#[test]
fn every_template_is_drawn_whatever_the_count() {
    let (sentences, vocabulary) = (english(), workshop());
    for count in [0, 1, 10_000] {
        let (samples, _) = sample(&sentences, &vocabulary, count, 1);
        let drawn: BTreeSet<&Origin> = samples.iter().map(|sample| &sample.template).collect();
        let all = sentences.blocks.iter().flat_map(|block| &block.templates).map(|template| &template.origin);
        assert_eq!(drawn, all.collect::<BTreeSet<_>>());
        assert!(samples.len() >= count);
    }
}

fn load(text: &str) -> Sentences {
    let (sentences, problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text: text.to_owned() }]);
    assert_eq!(problems, []);
    sentences
}

#[test]
fn what_is_hard_to_say_is_said_all_the_same() {
    let optional: String = ('a'..='t').map(|letter| format!("[ {letter}{letter} ]")).collect();
    let many: Vec<String> = (0..200).map(|number| format!("word{number} {{nothing}}")).collect();
    let text = format!(
        "language: en\nintents:\n  A: {{data: [{{sentences: ['{optional}'], required_keywords: [kk]}}]}}\n  B: {{data: [{{sentences: ['({}|only this)'], lists: {{nothing: {{values: [{{in: x, context: {{domain: boat}}}}]}}}}, requires_context: {{domain: light}}, slots: {{domain: light}}}}]}}\n  C: {{data: [{{sentences: ['see {{name}}'], requires_context: {{domain: light}}}}]}}\n  D: {{data: [{{sentences: ['{{nobody}}'], lists: {{nobody: {{values: []}}}}}}]}}\n",
        many.join("|")
    );
    let sentences = load(&text);
    let (samples, unsayable) = sample(&sentences, &workshop(), 0, 1);
    let has = |intent: &str| samples.iter().find(|sample| sample.intent == intent).map(|sample| sample.text.as_str());
    assert!(has("A").unwrap().contains("kk"));
    assert!(has("C").unwrap().ends_with("light"), "a light's name: {samples:?}");
    assert_eq!(has("B"), Some("only this"));
    let of_b = samples.iter().find(|sample| sample.intent == "B").unwrap();
    assert_eq!(of_b.context, [("domain".to_owned(), "light".into())].into(), "what no name in it can say");
    assert_eq!(unsayable.len(), 1, "{unsayable:?}");
    assert!(
        unsayable[0].to_string().starts_with("t.yaml:6:28: nothing was found that can be said with `{nobody}`"),
        "{}",
        unsayable[0]
    );
}

/// What became of samples that were given back to the matcher.
#[derive(Debug, Default)]
struct Understood {
    /// How many mean only what they were drawn for.
    sure: usize,
    /// Those that mean something else as well.
    ambiguous: Vec<String>,
    /// Those that fit their template, and another template that says more about what is there.
    outranked: Vec<String>,
}

/// Gives samples back to the matcher. One that does not fit its template is a fault.
fn understood(sentences: &Sentences, vocabulary: &Vocabulary) -> Understood {
    let (matcher, _problems) = Matcher::compile(sentences, vocabulary);
    let mut understood = Understood::default();
    for seed in 0..DRAWS {
        let (samples, unsayable) = sample(sentences, vocabulary, 0, seed);
        assert_eq!(unsayable, []);
        for sample in samples {
            let matches = matcher.matches_in(&sample.text, &sample.context);
            let intents: BTreeSet<&str> = matches.all().map(|reading| reading.intent.as_str()).collect();
            let line = format!("{:?} of {} ({}): {intents:?}", sample.text, sample.template, sample.intent);
            match (intents.contains(sample.intent.as_str()), intents.len()) {
                (true, 1) => understood.sure += 1,
                (true, _) => understood.ambiguous.push(line),
                (false, _) => {
                    let written = sentences.blocks.iter().flat_map(|block| &block.templates);
                    let written = written.filter(|template| template.origin == sample.template);
                    let fitting = matcher.explain(&sample.text, &sample.context).captures;
                    let fits =
                        written.map(|template| &template.text).any(|it| fitting.iter().any(|(fit, _)| fit == it));
                    assert!(fits, "{line} does not fit its own template");
                    understood.outranked.push(line);
                }
            }
        }
    }
    understood
}

#[test]
fn what_is_drawn_of_the_built_in_sentences_means_that_and_nothing_else() {
    for (language, sentences, names) in built_in_languages() {
        let understood = understood(&sentences, &names);
        assert_eq!(understood.sure, sentences.template_count() * DRAWS as usize, "{language}: {understood:#?}");
    }
}

#[test]
fn what_is_drawn_of_a_pack_means_that() {
    for (language, sentences, names) in packs::all() {
        let understood = understood(&sentences, &names);
        let Understood { sure, ambiguous, outranked } = &understood;
        println!(
            "{language}: {sure} mean only that, {} something else as well, {} rather something else",
            ambiguous.len(),
            outranked.len()
        );
        // Two templates of a pack may hear the same words.
        assert!((ambiguous.len() + outranked.len()) * 100 < *sure, "{language}: {understood:#?}");
    }
}

#[test]
fn what_can_be_said_is_told_for_what_is_there() {
    for (language, sentences, names) in built_in_languages() {
        let (matcher, _) = Matcher::compile(&sentences, &names);
        let all = examples(&sentences, &names, &matcher, &|_| true);
        let stated = sentences.blocks.iter().filter(|block| block.example.is_some()).count();
        let told: usize = all.iter().map(|examples| examples.sentences.len()).sum();
        assert_eq!((told, stated), (29, 29), "{language}: every example can be said here: {all:#?}");
        let (matcher, _) = Matcher::compile(&sentences, &Vocabulary::default());
        let bare = examples(&sentences, &Vocabulary::default(), &matcher, &|_| true);
        let intents: Vec<&str> = bare.iter().map(|examples| examples.intent.as_str()).collect();
        assert!(intents.contains(&"HassStartTimer") && !intents.contains(&"HassTurnOn"), "{language}: {bare:#?}");
    }
}

#[test]
fn what_cannot_be_done_is_not_told() {
    let (sentences, names) = (english(), workshop());
    let (matcher, _) = Matcher::compile(&sentences, &names);
    let dims = |reading: &IntentMatch| reading.intent != "HassLightSet" || reading.entities == ["light.booth_light"];
    let all = examples(&sentences, &names, &matcher, &dims);
    let told = all.iter().find(|examples| examples.intent == "HassLightSet").unwrap();
    assert_eq!(told.sentences, ["set the Booth light to 50 percent"]);
    let none = examples(&sentences, &names, &matcher, &|_| false);
    assert_eq!(none, []);
}

#[test]
fn without_stated_examples_the_plainest_sentences_are_told() {
    let sentences = load(
        "language: en\nintents:\n  A:\n    data:\n      - sentences: ['[please] (make|brew) {size} tea[s] [now]']\n      - sentences: ['say {any}']\nlists: {size: {values: [big, small]}, any: {wildcard: true}}\n",
    );
    let (matcher, _) = Matcher::compile(&sentences, &workshop());
    let told = examples(&sentences, &workshop(), &matcher, &|_| true);
    assert_eq!(told, [Examples { intent: "A".to_owned(), sentences: vec!["make big teas".to_owned()] }]);
}
