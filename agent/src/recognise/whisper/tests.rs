use super::*;
use crate::recognise::grammar::{GrammarRule, Origin};

#[test]
fn context_follows_the_length() {
    assert_eq!(reduced_context(0, 1500), 128);
    assert_eq!(reduced_context(16_000, 1500), 192);
    assert_eq!(reduced_context(48_000, 1500), 320);
    assert_eq!(reduced_context(MAX_SAMPLES, 1500), 1500);
}

#[test]
fn loops_are_told_from_repeated_words() {
    assert!(!repeats(&[]));
    assert!(!repeats(&[1, 2, 3, 4, 5]));
    assert!(!repeats(&[7, 7, 7]));
    assert!(repeats(&[1, 7, 7, 7, 7, 7, 7]));
    assert!(!repeats(&[1, 2, 1, 2]));
    assert!(repeats(&[9, 1, 2, 1, 2, 1, 2]));
}

#[test]
fn text_becomes_plain_words() {
    for (text, words) in [
        (" Turn on the lamp.", "turn on the lamp"),
        ("[BLANK_AUDIO]", ""),
        (" (keyboard clicking) Stop! *beep* Now", "stop now"),
        ("What’s the time?", "what's the time"),
        ("Set it to 21.5, or 30%.", "set it to 21.5 or 30%"),
        ("Minus -5 degrees - please", "minus -5 degrees please"),
        ("Öffne die Tür", "öffne die tür"),
        ("...", ""),
        ("unclosed [noise", "unclosed"),
    ] {
        assert_eq!(plain_words(text), words, "{text}");
    }
}

#[test]
fn the_hint_has_names_first_and_is_short() {
    let rule = |words: &[&str]| GrammarRule {
        expansion: Expansion::Alternatives(words.iter().map(|word| Expansion::Word((*word).to_owned())).collect()),
        origin: Origin { file: "en.yaml".into(), line: 1 },
    };
    let mut grammar = SpeechGrammar { sentences: vec![rule(&["turn", "fan", "nul\0"])], ..Default::default() };
    grammar.rules.insert("list_name".into(), rule(&["lamp", "fan"]));
    grammar.rules.insert("politeness".into(), rule(&["please"]));
    assert_eq!(hint(&grammar), " lamp fan turn");
    let many: Vec<String> = (0..1000).map(|number| format!("word{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    grammar.rules.insert("list_name".into(), rule(&many));
    assert!(hint(&grammar).len() <= MAX_HINT_BYTES);
}
