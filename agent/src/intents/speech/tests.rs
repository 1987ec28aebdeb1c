//! What the grammar yields is what the sentences hear.

use super::super::tests::{english, matcher, situations, workshop};
use super::super::{Matcher, Source, fixtures};
use super::*;
use crate::recognise::grammar::{ANY_WORD, DIGITS};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// One random sentence of the grammar.
fn say(grammar: &SpeechGrammar, expansion: &Expansion, random: &mut StdRng, said: &mut Vec<String>) {
    match expansion {
        Expansion::Empty => {}
        Expansion::Word(word) => said.push(word.clone()),
        Expansion::Sequence(parts) => parts.iter().for_each(|part| say(grammar, part, random, said)),
        Expansion::Alternatives(parts) => say(grammar, &parts[random.random_range(0..parts.len())], random, said),
        Expansion::Optional(part) => {
            if random.random_bool(0.5) {
                say(grammar, part, random, said);
            }
        }
        Expansion::Rule(name) => say(grammar, &grammar.rules[name].expansion, random, said),
    }
}

fn one(grammar: &SpeechGrammar, expansion: &Expansion, random: &mut StdRng) -> String {
    let mut said = Vec::new();
    say(grammar, expansion, random, &mut said);
    said.join(" ")
}

/// Every sentence that an expansion yields.
fn all(grammar: &SpeechGrammar, expansion: &Expansion) -> Vec<String> {
    match expansion {
        Expansion::Empty => vec![String::new()],
        Expansion::Word(word) => vec![word.clone()],
        Expansion::Sequence(parts) => parts.iter().fold(vec![String::new()], |said, part| {
            let next = all(grammar, part);
            said.iter()
                .flat_map(|head| next.iter().map(move |tail| format!("{head} {tail}").trim().to_owned()))
                .collect()
        }),
        Expansion::Alternatives(parts) => parts.iter().flat_map(|part| all(grammar, part)).collect(),
        Expansion::Optional(part) => all(grammar, part).into_iter().chain([String::new()]).collect(),
        Expansion::Rule(name) => all(grammar, &grammar.rules[name].expansion),
    }
}

fn load(text: &str) -> Sentences {
    let (sentences, problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text: text.to_owned() }]);
    assert_eq!(problems, []);
    sentences
}

fn of(template: &str, rest: &str) -> (Sentences, Vec<String>) {
    let sentences =
        load(&format!("language: en\nintents:\n  A:\n    data:\n      - sentences: ['{template}']\n{rest}"));
    let (grammar, _) = grammar(&sentences, &workshop());
    let mut said: Vec<String> =
        grammar.sentences.iter().flat_map(|sentence| all(&grammar, &sentence.expansion)).collect();
    said.sort();
    (sentences, said)
}

/// Draws sentences of the grammar; each has to be heard as its intent.
fn grammar_holds(sentences: &Sentences, vocabulary: &Vocabulary, matcher: &Matcher) {
    let (grammar, problems) = grammar(sentences, vocabulary);
    assert_eq!(problems, []);
    let intents: std::collections::HashMap<&Origin, &str> = sentences
        .blocks
        .iter()
        .flat_map(|block| block.templates.iter().map(|template| (&template.origin, block.intent.as_str())))
        .collect();
    let mut random = StdRng::seed_from_u64(1);
    for sentence in &grammar.sentences {
        for _ in 0..12 {
            let said = one(&grammar, &sentence.expansion, &mut random);
            let found: Vec<String> = situations()
                .iter()
                .filter_map(|situation| Some(matcher.matches_in(&said, situation).best?.intent))
                .collect();
            let wanted = intents[&sentence.origin];
            assert!(found.iter().any(|found| found == wanted), "\"{said}\" of {}: {found:?}", sentence.origin);
        }
    }
}

#[test]
fn every_sentence_of_the_grammar_is_matched_by_its_intent() {
    grammar_holds(&english(), &workshop(), &matcher());
}

#[test]
fn every_sentence_of_a_german_or_dutch_grammar_is_matched_by_its_intent() {
    for (language, names) in [("de", include_str!("../tests/german.yaml")), ("nl", include_str!("../tests/dutch.yaml"))]
    {
        let (sentences, _) = Sentences::for_language(language, None);
        let names = fixtures::parse(std::path::Path::new(language), names).unwrap();
        let (matcher, _) = Matcher::compile(&sentences, &names);
        grammar_holds(&sentences, &names, &matcher);
    }
}

#[test]
fn numbers_are_said_in_the_words_of_the_language() {
    let said = |language: &str, template: &str| {
        let text = format!("language: {language}\nintents: {{A: {{data: [{{sentences: ['{template}']}}]}}}}\n");
        let sentences = load(&text);
        let (grammar, _) = grammar(&sentences, &workshop());
        let (matcher, _) = Matcher::compile(&sentences, &workshop());
        let said: Vec<String> =
            grammar.sentences.iter().flat_map(|sentence| all(&grammar, &sentence.expansion)).collect();
        for text in said.iter().filter(|_| template.contains('{')) {
            assert!(matcher.matches(text).unambiguous().is_some(), "{language}: {text}");
        }
        said
    };
    for (language, words) in [
        ("de", ["auf eins", "auf zwo", "auf einundzwanzig", "auf hundert"]),
        ("fr", ["auf une", "auf deux", "auf vingt et un", "auf cent"]),
        ("es", ["auf una", "auf dos", "auf veintiún", "auf cien"]),
        ("nl", ["auf één", "auf twee", "auf eenentwintig", "auf honderd"]),
        ("pl", ["auf jeden", "auf dwie", "auf dwadzieścia jeden", "auf sto"]),
    ] {
        let heard = said(language, "auf {1..100:n}");
        for word in words {
            let plain = normalise::sentence(word).text();
            assert!(heard.contains(&plain), "{language}: {plain} of {heard:?}");
        }
        let sentences =
            load(&format!("language: {language}\nintents: {{A: {{data: [{{sentences: ['auf {{1..100:n}}']}}]}}}}\n"));
        let (matcher, _) = Matcher::compile(&sentences, &workshop());
        let number =
            |text: &String| matcher.matches(text).unambiguous().unwrap().slots["n"].as_number().unwrap() as i64;
        let mut numbers: Vec<i64> = heard.iter().map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (1..=100).collect::<Vec<i64>>(), "{language}");
        // A digit in a name or in a sentence is said as a word too.
        let press = normalise::sentence(&format!("press {}", Spoken::of(language).whole(3))).text();
        assert!(said(language, "auf {name}").contains(&format!("auf {press}")), "{language}");
        assert_eq!(said(language, "press 3"), [press], "{language}");
    }
    assert_eq!(said("tlh", "auf ({1..9:n}|immer)"), ["auf immer"], "no number words");
}

#[test]
fn the_grammar_is_closed_and_made_of_words() {
    let (grammar, _) = grammar(&english(), &workshop());
    let mut used = std::collections::BTreeSet::new();
    let mut open: Vec<&Expansion> =
        grammar.sentences.iter().chain(grammar.rules.values()).map(|rule| &rule.expansion).collect();
    while let Some(expansion) = open.pop() {
        match expansion {
            Expansion::Empty => {}
            Expansion::Word(word) => assert!(join::is_sayable(word) && *word == word.to_lowercase(), "{word:?}"),
            Expansion::Sequence(parts) | Expansion::Alternatives(parts) => {
                assert!(!parts.is_empty());
                open.extend(parts);
            }
            Expansion::Optional(part) => open.push(part),
            Expansion::Rule(name) => {
                assert!(grammar.rules.contains_key(name), "{name} is not defined");
                used.insert(name.as_str());
            }
        }
    }
    for name in grammar.rules.keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'), "{name}");
        assert!(used.contains(name.as_str()) || name == POLITENESS, "{name} is not used");
    }
    assert!(grammar.sentences.len() > 100);
}

#[test]
fn parts_that_touch_become_whole_words() {
    assert_eq!(of("light[s] on", "").1, ["light on", "lights on"]);
    assert_eq!(
        of("{thing}[''s] state", "lists: {thing: {values: [fan, big pump]}}").1,
        ["big pump state", "big pump's state", "fan state", "fan's state"]
    );
    assert_eq!(
        of("to {level}[([ ]%| percent)]", "lists: {level: {range: {from: 1, to: 2}}}").1,
        ["to one", "to one percent", "to two", "to two percent"]
    );
    assert_eq!(of("(a;b[c])", "").1, ["a b", "a bc", "b a", "bc a"]);
    assert_eq!(of("press 3", "").1, ["press three"]);
}

#[test]
fn letters_before_a_name_are_written_with_its_first_word() {
    let things = "lists: {thing: {values: [extracteur, \"[ancien ]aspirateur\", \"(orgue|harpe) rouge\"]}}";
    assert_eq!(
        of("ouvre l''{thing}[s]", things).1,
        [
            "ouvre l'ancien aspirateur",
            "ouvre l'ancien aspirateurs",
            "ouvre l'aspirateur",
            "ouvre l'aspirateurs",
            "ouvre l'extracteur",
            "ouvre l'extracteurs",
            "ouvre l'harpe rouge",
            "ouvre l'harpe rouges",
            "ouvre l'orgue rouge",
            "ouvre l'orgue rouges",
        ]
    );
    let sentences = load(
        "language: fr\nintents:\n  A:\n    data:\n      - sentences: [\"ouvre (l'|le ){name} [d'{area}]\", \"et l'{name}\"]\n",
    );
    let vocabulary = workshop();
    for (grammar, problems) in [grammar(&sentences, &vocabulary), written_grammar(&sentences, &vocabulary)] {
        assert_eq!(problems, []);
        // A list is written once for the same letters.
        let touched = grammar.rules.keys().filter(|rule| rule.starts_with("touched_list_name")).count();
        assert_eq!(touched, 1, "{:?}", grammar.rules.keys());
        let said: Vec<String> =
            grammar.sentences.iter().flat_map(|sentence| all(&grammar, &sentence.expansion)).collect();
        assert!(said.iter().any(|said| said.starts_with("ouvre l'main valve d'")), "{said:?}");
        let (matcher, _) = Matcher::compile(&sentences, &vocabulary);
        for said in said {
            assert!(matcher.matches(&said).all().next().is_some(), "{said}");
        }
    }
}

#[test]
fn lists_that_letters_touch_are_bounded() {
    let values: Vec<String> = (0..1000).map(|number| Spoken::of("en").whole(number).replace(' ', "")).collect();
    let beginnings: Vec<String> = ('a'..='z').flat_map(|one| ["x", "y"].map(|two| format!("{one}{two}"))).collect();
    let sentences = load(&format!(
        "language: en\nintents:\n  A:\n    data:\n      - sentences: ['({})''{{thing}}', 'fine']\nlists: {{thing: {{values: [{}]}}}}\n",
        beginnings.join("|"),
        values.join(", ")
    ));
    let (grammar, problems) = grammar(&sentences, &workshop());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("letters touch"), "{}", problems[0].message);
    let touched: usize = grammar.rules.values().map(|rule| all(&grammar, &rule.expansion).len()).sum();
    assert!(touched > 40_000 && touched <= 52_000, "{touched}");
}

/// What somebody might write for a sentence of a grammar of what is written.
fn filled(said: &str) -> String {
    said.split(' ')
        .map(|word| match word {
            ANY_WORD => "quokka",
            DIGITS => "5",
            word => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_sentence_as_it_is_written_is_matched_in_every_language() {
    for language in ["en", "de", "nl"] {
        let (sentences, problems) = Sentences::for_language(language, None);
        assert_eq!(problems, []);
        let vocabulary = workshop();
        let (grammar, _) = written_grammar(&sentences, &vocabulary);
        let (matcher, _) = Matcher::compile(&sentences, &vocabulary);
        let (mut random, mut seen) = (StdRng::seed_from_u64(2), [0, 0]);
        for sentence in &grammar.sentences {
            for _ in 0..4 {
                let said = one(&grammar, &sentence.expansion, &mut random);
                seen[0] += usize::from(said.split(' ').any(|word| word == ANY_WORD));
                seen[1] += usize::from(said.split(' ').any(|word| word == DIGITS));
                let text = filled(&said);
                let is_understood = |situation| matcher.matches_in(&text, situation).best.is_some();
                assert!(situations().iter().any(is_understood), "{language}: {text} of {}", sentence.origin);
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{language}: {seen:?}");
    }
}

#[test]
fn numbers_are_written_in_digits_and_in_the_words_of_the_language() {
    let sentences = load(
        "language: de\nintents:\n  A:\n    data:\n      - sentences: ['auf {n} stellen', 'presse 3 und 1,5', '{n}er']\nlists: {n: {range: {from: -4, to: 100, step: 2}}}\n",
    );
    let (grammar, _) = written_grammar(&sentences, &workshop());
    let said: Vec<String> = grammar.sentences.iter().flat_map(|sentence| all(&grammar, &sentence.expansion)).collect();
    for written in
        ["auf # stellen", "auf null stellen", "auf zwölf stellen", "auf vierzehn stellen", "presse 3 und 1,5", "zweier"]
    {
        assert!(said.iter().any(|said| said == written), "{written}: {said:?}");
    }
    for other in ["auf drei stellen", "auf hundertzwei stellen", "presse three und 1,5", "#er"] {
        assert!(!said.iter().any(|said| said == other), "{other}");
    }
}

#[test]
fn what_cannot_be_said_is_left_out() {
    let wildcard = "lists: {any: {wildcard: true}}";
    assert_eq!(of("call it {any}", wildcard).1, Vec::<String>::new());
    assert_eq!(of("go [to {any}] (now|{any})", wildcard).1, ["go now"]);
    assert_eq!(of("50 %", "").1, Vec::<String>::new());
    assert_eq!(of("for (3,5|three)", "").1, ["for three"]);
}

#[test]
fn only_names_that_fit_the_context_are_in_a_sentence() {
    let sentences = load(
        "language: en\nintents:\n  A:\n    data:\n      - sentences: ['open {name}']\n        requires_context: {domain: valve}\n",
    );
    let (grammar, _) = grammar(&sentences, &workshop());
    let mut said = all(&grammar, &grammar.sentences[0].expansion);
    said.sort();
    assert_eq!(said, ["open air valve", "open main valve"]);
    assert_eq!(grammar.sentences[0].origin, Origin { file: "t.yaml".to_owned(), line: 5 });
}

#[test]
fn ranges_say_exactly_their_numbers() {
    for (from, to, step) in [
        (0, 100, 1),
        (1, 100, 1),
        (5, 17, 1),
        (13, 87, 1),
        (-20, 40, 1),
        (95, 1205, 1),
        (0, 100, 5),
        (1, 24, 1),
        (0, 2000, 1),
        (150, 175, 1),
    ] {
        let (sentences, said) = of(&format!("to {{{from}..{to},{step}:n}}"), "");
        let (matcher, _) = Matcher::compile(&sentences, &workshop());
        let mut numbers: Vec<i64> = Vec::new();
        for text in &said {
            let matches = matcher.matches(text);
            let best = matches.unambiguous().unwrap_or_else(|| panic!("{text}: {matches:?}"));
            numbers.push(best.slots["n"].as_number().unwrap() as i64);
        }
        numbers.sort_unstable();
        numbers.dedup();
        let expected: Vec<i64> = (from..=to).step_by(step as usize).collect();
        assert_eq!(numbers, expected, "{from}..{to},{step}");
    }
}

#[test]
fn fractions_are_said() {
    let list = |fractions: &str| format!("lists: {{n: {{range: {{from: -1, to: 21, fractions: {fractions}}}}}}}");
    for (fractions, parts) in [("halves", 2), ("tenths", 10)] {
        let (sentences, said) = of("to {n}", &list(fractions));
        let (matcher, _) = Matcher::compile(&sentences, &workshop());
        let mut values: Vec<i64> = said
            .iter()
            .map(|text| {
                (matcher.matches(text).unambiguous().unwrap().slots["n"].as_number().unwrap() * 10.0).round() as i64
            })
            .collect();
        values.sort_unstable();
        values.dedup();
        let expected: Vec<i64> = (-10..=210).filter(|value| value % (10 / parts) == 0).collect();
        assert_eq!(values, expected, "{fractions}");
    }
}

#[test]
fn too_many_ways_are_refused_by_name() {
    let sentences = load(
        "language: en\nintents:\n  A:\n    data:\n      - sentences: ['x[a][b][c][d][e][f][g][h][i][j][k][l]', 'fine']\n",
    );
    let (grammar, problems) = grammar(&sentences, &workshop());
    assert_eq!(grammar.sentences.len(), 1);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].origin.line, 5);
}

#[test]
fn a_language_without_spaces_has_no_grammar() {
    let sentences =
        load("language: zh\nsettings: {ignore_whitespace: true}\nintents: {A: {data: [{sentences: ['打开']}]}}\n");
    assert_eq!(grammar(&sentences, &workshop()).0, SpeechGrammar::default());
}
