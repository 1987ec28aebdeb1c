use std::collections::BTreeSet;

use proptest::prelude::*;

use super::jsgf::token_of_word;
use super::*;

fn origin(line: usize) -> Origin {
    Origin { file: "sentences/en.yaml".into(), line }
}

fn rule(line: usize, expansion: Expansion) -> GrammarRule {
    GrammarRule { expansion, origin: origin(line) }
}

/// Words between spaces; `<name>` is a rule.
fn words(text: &str) -> Expansion {
    let parts = text.split_whitespace().map(|word| {
        let name = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
        name.map_or_else(|| Expansion::Word(word.to_owned()), |name| Expansion::Rule(name.to_owned()))
    });
    Expansion::Sequence(parts.collect())
}

fn one_of(texts: &[&str]) -> Expansion {
    Expansion::Alternatives(texts.iter().map(|text| words(text)).collect())
}

fn grammar(sentences: &[(usize, &str)], rules: &[(&str, usize, Expansion)]) -> SpeechGrammar {
    SpeechGrammar {
        sentences: sentences.iter().map(|(line, text)| rule(*line, words(text))).collect(),
        rules: rules.iter().map(|(name, line, expansion)| ((*name).into(), rule(*line, expansion.clone()))).collect(),
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn writes_jsgf_with_only_the_rules_in_use() {
    let mut grammar = grammar(
        &[(1, "turn on <name>"), (2, "what's the time")],
        &[("name", 5, one_of(&["the lamp", "fan"])), ("unused", 6, words("nobody says this"))],
    );
    grammar.sentences.push(rule(
        3,
        Expansion::Sequence(vec![Expansion::Optional(Box::new(words("please"))), words("stop"), Expansion::Empty]),
    ));
    let expected = "#JSGF V1.0;\ngrammar victus;\npublic <victus> = (\n  ( turn on <r_name> )\n| ( what's the time )\n\
                    | ( [ ( please ) ] ( stop ) <NULL> )\n);\n<r_name> = ( ( the lamp ) | ( fan ) );\n";
    assert_eq!(grammar.to_jsgf().unwrap(), expected);
    let expected = set(&["fan", "lamp", "on", "please", "stop", "the", "time", "turn", "what's"]);
    assert_eq!(grammar.words(), expected);
}

#[test]
fn politeness_may_stand_around_every_sentence() {
    let grammar = grammar(&[(1, "stop")], &[(POLITENESS, 5, one_of(&["please", "<who>"])), ("who", 6, words("you"))]);
    let expected = "#JSGF V1.0;\ngrammar victus;\npublic <victus> = [ <r_politeness> ] (\n  ( stop )\n) [ <r_politeness> ];\n\
                    <r_politeness> = ( ( please ) | ( <r_who> ) );\n<r_who> = ( you );\n";
    assert_eq!(grammar.to_jsgf().unwrap(), expected);
    assert_eq!(grammar.words(), set(&["please", "stop", "you"]));
}

#[test]
fn an_undefined_rule_is_named_and_costs_only_what_uses_it() {
    let grammar = grammar(
        &[(1, "turn on <nmae>"), (2, "turn off <name>"), (3, "go to <place>"), (4, "stop")],
        &[("name", 5, one_of(&["lamp", "<color> lamp"])), ("place", 6, words("<nowhere>"))],
    );
    let error = grammar.to_jsgf().unwrap_err();
    assert_eq!(error.to_string(), "sentences/en.yaml:1: there is no rule `nmae`");
    let (checked, problems) = grammar.checked();
    assert_eq!(
        texts(&problems),
        [
            "sentences/en.yaml:1: there is no rule `<nmae>`: define it or correct the name; the sentence is left out",
            "sentences/en.yaml:5: there is no rule `<color>`: define it or correct the name; what needs it is left out",
            "sentences/en.yaml:6: there is no rule `<nowhere>`: define it or correct the name; what needs it is left out",
            "sentences/en.yaml:3: nothing is left of `<place>`; the sentence is left out",
        ]
    );
    assert_eq!(checked.words(), set(&["turn", "off", "lamp", "stop"]));
    assert!(checked.to_jsgf().unwrap().contains("<r_name> = ( ( lamp ) );"));
    assert_eq!(checked.checked(), (checked.clone(), Vec::new()));
}

#[test]
fn a_rule_that_uses_itself_is_left_out() {
    let grammar = grammar(
        &[(1, "say <a>"), (2, "say <c>"), (3, "stop")],
        &[("a", 4, words("x <b>")), ("b", 5, one_of(&["y", "<a>"])), ("c", 6, one_of(&["z", "<a>"]))],
    );
    assert!(grammar.to_jsgf().unwrap_err().to_string().contains("uses itself"));
    let (checked, problems) = grammar.checked();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(texts(&problems)[0].starts_with("sentences/en.yaml:4: the rule `a` uses itself"));
    assert!(texts(&problems)[1].starts_with("sentences/en.yaml:5: the rule `b` uses itself"));
    // `c` only leads to the circle, and keeps what does not.
    assert_eq!(checked.words(), set(&["say", "stop", "z"]));
}

#[test]
fn a_missing_word_costs_only_what_needs_it() {
    let mut grammar = grammar(
        &[(1, "turn on <name>"), (2, "open the 門"), (3, "show <far>")],
        &[("name", 5, one_of(&["the lamp", "漢字 fan", "fan"])), ("far", 6, words("東京"))],
    );
    let polite = Expansion::Optional(Box::new(words("謝謝")));
    grammar.sentences.push(rule(4, Expansion::Sequence(vec![words("stop"), polite])));
    let (kept, problems) = grammar.without_words(&set(&["漢字", "門", "東京", "謝謝"]));
    assert_eq!(kept.words(), set(&["turn", "on", "the", "lamp", "fan", "stop"]));
    let problems = texts(&problems);
    let starts = [
        "sentences/en.yaml:6: “東京” cannot be heard, what needs it is left out: no pronunciation",
        "sentences/en.yaml:5: “漢字” cannot be heard, what needs it is left out: no pronunciation",
        "sentences/en.yaml:2: “門” cannot be heard, the sentence is left out",
        "sentences/en.yaml:3: nothing is left of `<far>`; the sentence is left out",
        "sentences/en.yaml:4: “謝謝” cannot be heard, what needs it is left out",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem} should start with {start}");
    }
}

#[test]
fn nothing_left_is_an_error() {
    let only = grammar(&[(1, "漢字")], &[]);
    assert_eq!(only.without_words(&set(&["漢字"])).0.to_jsgf(), Err(GrammarError::Empty));
    assert_eq!(SpeechGrammar::default().to_jsgf(), Err(GrammarError::Empty));
}

#[test]
fn what_is_no_word_is_left_out() {
    let mut grammar = grammar(&[(1, "stop"), (2, "go")], &[("Name", 3, words("lamp"))]);
    for (line, word) in [(4, ""), (5, "two words"), (6, "nul\0"), (7, &*"x".repeat(101))] {
        grammar.sentences.push(rule(line, Expansion::Word(word.into())));
    }
    grammar.sentences.push(rule(8, Expansion::Alternatives(Vec::new())));
    let mut deep = Expansion::Word("deep".into());
    for _ in 0..1000 {
        deep = Expansion::Optional(Box::new(deep));
    }
    grammar.sentences.push(rule(9, deep));
    let (checked, problems) = grammar.checked();
    assert_eq!(checked.words(), set(&["stop", "go"]));
    let lines: Vec<usize> = problems.iter().map(|problem| problem.origin.as_ref().unwrap().line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9], "{problems:?}");
}

#[test]
fn a_grammar_that_explodes_is_refused_by_its_size() {
    // Each level writes the one below twice: 2^40 words from 40 short rules.
    let mut rules = vec![("l0".to_owned(), words("word"))];
    rules.extend((1..40).map(|level| (format!("l{level}"), words(&format!("<l{0}> <l{0}>", level - 1)))));
    let mut grammar = grammar(&[(1, "stop"), (2, "<l39>")], &[]);
    grammar.rules = rules.into_iter().enumerate().map(|(line, (name, words))| (name, rule(line, words))).collect();
    let error = grammar.to_jsgf().unwrap_err();
    assert!(matches!(&error, GrammarError::TooLarge { largest, .. } if *largest == origin(2)), "{error}");
}

#[test]
fn a_grammar_with_too_many_states_is_refused_where_a_decoder_follows_them_and_merged_otherwise() {
    let many: Vec<String> = (0..55_000).map(|number| format!("word{number}")).collect();
    let mut grammar = grammar(&[(1, "stop")], &[]);
    grammar.sentences.push(rule(2, one_of(&many.iter().map(String::as_str).collect::<Vec<_>>())));
    let error = grammar.to_fsg().unwrap_err();
    assert_eq!(error, GrammarError::TooManyStates { most: automaton::MAX_STATES, largest: origin(2) });
    assert_eq!(grammar.automaton().unwrap().size(), 2);
}

#[test]
fn tokens_stand_for_any_word() {
    assert_eq!(token_of_word("what's"), "what's");
    assert_eq!(token_of_word("café"), "café");
    assert_eq!(token_of_word("public"), "x_7075626c6963");
    assert_eq!(word_of_token("x_7075626c6963"), "public");
    // What no word was ever written as stays as it is.
    for odd in ["x_", "x_0", "x_zz", "x_ff", "x_+1"] {
        let _ = word_of_token(odd);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_word_survives_its_token(word in "\\PC{1,12}") {
        let token = token_of_word(&word);
        prop_assert_eq!(word_of_token(&token), word);
        let syntax = |character: char| character.is_whitespace() || ";=|*+<>()[]{}/\\\"#,".contains(character);
        prop_assert!(!token.contains(syntax), "{}", token);
    }

    #[test]
    fn a_checked_grammar_is_good_whatever_it_was(
        sentences in prop::collection::vec(expansion(), 0..6),
        rules in prop::collection::btree_map("[abc]", expansion(), 0..3),
        missing in prop::collection::btree_set("[xyz]", 0..3),
    ) {
        let sentences = sentences.into_iter().enumerate().map(|(line, expansion)| rule(line, expansion)).collect();
        let rules = rules.into_iter().map(|(name, expansion)| (name, rule(100, expansion))).collect();
        let (checked, _) = SpeechGrammar { sentences, rules }.checked();
        let (kept, _) = checked.without_words(&missing);
        prop_assert!(kept.words().is_disjoint(&missing));
        for grammar in [checked, kept] {
            match grammar.to_jsgf() {
                Ok(_) => prop_assert!(!grammar.words().is_empty()),
                Err(error) => {
                    prop_assert_eq!(error, GrammarError::Empty);
                    prop_assert!(grammar.words().is_empty());
                }
            }
        }
    }
}

fn expansion() -> impl Strategy<Value = Expansion> {
    let leaf =
        prop_oneof![Just(Expansion::Empty), "[xyz]".prop_map(Expansion::Word), "[abcd]".prop_map(Expansion::Rule),];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expansion::Sequence),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expansion::Alternatives),
            inner.prop_map(|inner| Expansion::Optional(Box::new(inner))),
        ]
    })
}
