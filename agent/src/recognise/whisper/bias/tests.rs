//! What the bias takes for a sentence, and which tokens it allows on the way there.

use super::*;
use crate::recognise::grammar::{Expansion, GrammarRule, Origin, POLITENESS, SpeechGrammar};

/// Sentences of words between spaces.
fn bias(sentences: &[&str], tokens: &[&str]) -> Bias {
    let rule = |text: &str| GrammarRule {
        expansion: Expansion::Sequence(text.split(' ').map(|word| Expansion::Word(word.to_owned())).collect()),
        origin: Origin { file: "test".to_owned(), line: 1 },
    };
    let grammar = SpeechGrammar {
        sentences: sentences.iter().map(|text| rule(text)).collect(),
        rules: [(POLITENESS.to_owned(), rule("please"))].into(),
    };
    Bias::new(grammar.automaton().unwrap(), tokens.iter().map(|token| token.as_bytes().to_vec()).collect())
}

#[test]
fn sentences_are_told_as_whisper_writes_them() {
    let sentences =
        ["turn on the led", "set it to # percent", "remind me to * * now", "strasse frei", "ouvre l'atelier"];
    let mut bias = bias(&sentences, &[]);
    for good in [
        " Turn on the lamp",
        " turn on the LED.",
        "Turn on the Led!",
        " Please, turn on the led",
        " turn on the led, please.",
        " Set it to 50 percent",
        " set it to 21,5 Percent.",
        " Remind me to water Blumentöpfe now?",
        " Strasse frei",
        " Straße frei",
        " ouvre l'atelier",
        " Ouvre l'Atelier.",
    ] {
        let expected = !good.contains("lamp");
        assert_eq!(bias.is_sentence(good.as_bytes()), expected, "{good}");
    }
    for bad in [
        "",
        " ",
        " turn on",
        " turn on the led please please",
        " turn on the ledd",
        " turn  on the led",
        " turn on the led,",
        " turn on the led..",
        " set it to 5. percent",
        " set it to 1234567 percent",
        " set it to fifty percent",
        " remind me to water now",
    ] {
        assert!(!bias.is_sentence(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn what_is_known_of_words_is_bounded_and_made_again() {
    let mut bias = bias(&["turn on the lamp", "turn off"], &[]);
    assert!(bias.is_sentence(b" turn on the lamp"));
    let kept = bias.nodes;
    bias.nodes = MOST_NODES + 1;
    bias.trees[0] = None;
    assert!(bias.is_sentence(b" turn on the lamp"));
    assert_eq!(bias.nodes, kept, "all were made again");
}

#[test]
fn tokens_are_allowed_as_far_as_they_keep_to_a_sentence() {
    let tokens = [" Turn", " turn", " tu", "rn", " on", " off", " on the", "!", "", "x", " turnip", "T", " on lamp"];
    let mut bias = bias(&["turn on the lamp", "turn off"], &tokens);
    let mut names = |written: &[i32]| {
        let allowed = bias.allowed(written).unwrap();
        let names: Vec<&str> = allowed.tokens.iter().map(|&token| tokens[token as usize]).collect();
        (names, allowed.may_end)
    };
    assert_eq!(names(&[]), (vec![" Turn", " turn", " tu", "T"], false));
    assert_eq!(names(&[2]), (vec!["rn"], false));
    assert_eq!(names(&[1]), (vec![" on", " off", " on the"], false));
    assert_eq!(names(&[2, 3, 5]), (vec!["!"], true));
    assert_eq!(names(&[2, 3, 5, 7]), (vec![], true));
    assert!(bias.allowed(&[9]).is_none(), "what has left the grammar is left alone");
}
