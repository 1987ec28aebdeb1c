//! What is offered: only what is understood, what is said most first, written as it is written.

use super::super::tests::{built_in_languages, english, packs, workshop};
use super::super::{Matcher, fixtures};
use super::*;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::path::Path;

fn of(sentences: &Sentences, names: &Vocabulary) -> Completions {
    Completions::compile(sentences, names)
}

fn texts(completions: &Completions, text: &str) -> Vec<String> {
    completions.after(text, 8).into_iter().map(|completion| completion.text).collect()
}

#[test]
fn names_are_completed_as_a_whole_and_only_where_they_belong() {
    let completions = of(&english(), &workshop());
    for (begun, whole) in [
        ("turn on the extr", "turn on the Extraction fan"),
        ("open ma", "open Main valve"),
        ("Is the gu", "Is the Guard door"),
        ("what is the boiler pr", "what is the boiler pressure"),
        ("sto", "stop"),
    ] {
        let found = texts(&completions, begun);
        assert!(found.iter().any(|text| text == whole), "{begun}: {found:?}");
    }
    let sensor = completions.after("turn on the boil", 8);
    assert_eq!(sensor, [], "a sensor can't be switched");
}

#[test]
fn a_begun_word_is_gone_on_with_and_a_whole_one_is_followed() {
    let completions = of(&english(), &workshop());
    let found = completions.after("turn of", 8);
    assert_eq!(found[0], Completion { text: "turn off".to_owned(), adds: "f".to_owned(), whole: true });
    let found = texts(&completions, "turn on");
    assert!(found.iter().all(|text| text.starts_with("turn on ")), "{found:?}");
    assert_eq!(texts(&completions, "turn on "), found);
    assert!(!found[0].ends_with(" the"), "an article says nothing: {found:?}");
    let first = texts(&completions, "");
    assert!(first.len() == 8 && first.iter().all(|text| !text.starts_with(' ')), "{first:?}");
}

#[test]
fn politeness_is_passed_over() {
    let completions = of(&english(), &workshop());
    let first = texts(&completions, "");
    let polite: Vec<String> = first.iter().map(|text| format!("please {text}")).collect();
    assert_eq!(texts(&completions, "please "), polite);
    assert_eq!(texts(&completions, "please turn of")[0], "please turn off");
}

#[test]
fn what_has_no_end_offers_nothing() {
    let completions = of(&english(), &workshop());
    for text in ["colourless green", "turn on the extraction fan now or", &"turn ".repeat(500)] {
        assert_eq!(completions.after(text, 8), [], "{text}");
    }
    assert_eq!(completions.after("turn ", 0), []);
    let found = texts(&completions, "set the brightness of the work light to ");
    assert!(
        found.iter().any(|text| text.ends_with("to full")) && found.iter().all(|text| !text.contains("timer")),
        "no name of any words: {found:?}"
    );
    assert!(texts(&completions, "set a timer for 5 m").contains(&"set a timer for 5 minutes".to_owned()));
}

#[test]
fn words_are_written_as_people_write_them() {
    let (german, _) = Sentences::for_language("de", None);
    let names = fixtures::parse(Path::new("de"), include_str!("../tests/german.yaml")).unwrap();
    let completions = of(&german, &names);
    for (begun, whole) in [
        ("schalte die absaug", "schalte die Absaugung"),
        ("SCHLIE", "schließe"),
        ("öffne das gr", "öffne das große Rolltor"),
    ] {
        let found = texts(&completions, begun);
        assert!(found.iter().any(|text| text == whole), "{begun}: {found:?}");
    }
}

/// Goes on from nothing to a whole sentence, taking one of so many ways that are offered each time.
fn sentence(completions: &Completions, random: &mut StdRng, limit: usize) -> Option<String> {
    let mut text = String::new();
    for _ in 0..12 {
        let offered = completions.after(&format!("{text} "), limit);
        let taken = offered.get(random.random_range(0..offered.len().max(1)))?;
        text = taken.text.trim().to_owned();
        if taken.whole {
            return Some(text);
        }
    }
    None
}

/// Goes on with sentences and holds what comes of it to its templates. What those ask of the situation, and their keywords,
/// are not the grammar's.
fn whole_sentences_fit(language: &str, sentences: &Sentences, names: &Vocabulary, (count, limit): (usize, usize)) {
    let completions = of(sentences, names);
    let (matcher, _problems) = Matcher::compile(sentences, names);
    let mut random = StdRng::seed_from_u64(3);
    let whole: Vec<String> = (0..count).filter_map(|_| sentence(&completions, &mut random, limit)).collect();
    for text in &whole {
        let understood = matcher.explain(text, &super::super::Context::new());
        let fits = understood.matches.best.is_some() || understood.nearest.iter().any(|near| near.rest.is_empty());
        assert!(fits, "{language}: {text:?} is offered and not understood");
    }
    assert!(whole.len() * 3 > count || sentences.ignore_whitespace, "{language}: {whole:?}");
}

#[test]
fn what_is_whole_is_understood_in_every_language() {
    for (language, sentences, names) in built_in_languages() {
        whole_sentences_fit(language, &sentences, &names, (40, MAX_COMPLETIONS));
    }
}

#[test]
fn what_is_whole_is_understood_in_a_pack() {
    for (language, sentences, names) in packs::all() {
        whole_sentences_fit(&language, &sentences, &names, (2, 8));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_text_is_survived(text in r"(\PC{0,12}|turn on |the |ß|é|\u{301}| ){0,12}") {
        COMPLETIONS.with(|completions| {
            for completion in completions.after(&text, 8) {
                assert!(completion.text.ends_with(&completion.adds), "{text:?}: {completion:?}");
            }
        });
    }
}

thread_local! {
    static COMPLETIONS: Completions = of(&english(), &workshop());
}
