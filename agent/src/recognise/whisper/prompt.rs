//! The text before the first word: what whisper should expect to hear.
//!
//! Owns the choice of the names and words. whisper takes the prompt for what was said before, and writes what it knows
//! from there more readily. Names come first, for they are what nobody else's speech has, then the words that the
//! vocabulary has no token for, those with the most tokens first: the rarer a word, the more pieces it is written in. What
//! is one token whisper knows by itself, and each token costs time at every request.

use std::collections::BTreeSet;

use crate::recognise::grammar::{ANY_WORD, DIGITS, Expansion, SpeechGrammar};

/// The most tokens: whisper keeps half of its context for what was said before, which is 224 with the token that begins
/// it.
pub(super) const MOST_TOKENS: usize = 223;
/// The lists of the names of entities, areas and floors, as rules.
const NAMES: [&str; 3] = ["list_name", "list_area", "list_floor"];

/// The prompt in tokens, at most so many. Names are whole or not there.
pub(super) fn prompt(grammar: &SpeechGrammar, most: usize, tokens_of: impl Fn(&str) -> Vec<i32>) -> Vec<i32> {
    let mut prompt: Vec<i32> = Vec::new();
    let mut add = |text: &str, tokens: Vec<i32>| {
        let between = if prompt.is_empty() { Vec::new() } else { tokens_of(",") };
        let fits = !text.is_empty() && prompt.len() + between.len() + tokens.len() <= most;
        if fits {
            prompt.extend(between.into_iter().chain(tokens));
        }
        fits
    };
    let mut known: BTreeSet<String> = BTreeSet::new();
    for name in names(grammar) {
        if add(&name, tokens_of(&format!(" {name}"))) {
            known.extend(name.split(' ').map(str::to_owned));
        }
    }
    let words = grammar.words().into_iter().filter(|word| is_word(word) && !known.contains(word));
    let mut rare: Vec<(usize, String, Vec<i32>)> = words
        .map(|word| (tokens_of(&format!(" {word}")), word))
        .filter(|(tokens, _)| tokens.len() > 1)
        .map(|(tokens, word)| (usize::MAX - tokens.len(), word, tokens))
        .collect();
    rare.sort();
    for (_, word, tokens) in rare {
        add(&word, tokens);
    }
    prompt
}

/// The names of the grammar, each once, in their order.
fn names(grammar: &SpeechGrammar) -> Vec<String> {
    let is_list = |rule: &str| {
        let rest = NAMES.iter().find_map(|name| rule.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(|it| it.parse::<u32>().is_ok()))
    };
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for list in NAMES {
        for (_, rule) in grammar.rules.iter().filter(|(name, _)| is_list(name) && name.starts_with(list)) {
            let choices = match &rule.expansion {
                Expansion::Alternatives(choices) => choices.as_slice(),
                single => std::slice::from_ref(single),
            };
            names.extend(choices.iter().filter_map(text).filter(|name| seen.insert(name.clone())));
        }
    }
    names
}

/// The words of a name, where it is a fixed one.
fn text(name: &Expansion) -> Option<String> {
    match name {
        Expansion::Word(word) => is_word(word).then(|| word.clone()),
        Expansion::Sequence(parts) => {
            let words = parts.iter().map(text).collect::<Option<Vec<_>>>()?;
            Some(words.join(" "))
        }
        _ => None,
    }
}

/// Whether it is a word, and one that can be handed to a C library.
fn is_word(word: &str) -> bool {
    !matches!(word, ANY_WORD | DIGITS) && !word.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::grammar::{GrammarRule, Origin};

    fn rule(texts: &[&str]) -> GrammarRule {
        let words = |text: &str| {
            let words = text.split(' ').map(|word| Expansion::Word(word.to_owned())).collect();
            Expansion::Sequence(words)
        };
        GrammarRule {
            expansion: Expansion::Alternatives(texts.iter().map(|text| words(text)).collect()),
            origin: Origin { file: "en.yaml".into(), line: 1 },
        }
    }

    /// A vocabulary that has a token for each eight letters.
    fn tokens(text: &str) -> Vec<i32> {
        let number = |sum: i32, byte: &u8| sum.wrapping_mul(31).wrapping_add(i32::from(*byte));
        text.as_bytes().chunks(8).map(|part| part.iter().fold(0, number)).collect()
    }

    fn grammar(names: &[&str]) -> SpeechGrammar {
        let mut grammar = SpeechGrammar {
            sentences: vec![rule(&["turn on", "extraordinarily", "ventilate", "nul\0nul\0", "*", "#"])],
            ..Default::default()
        };
        grammar.sentences[0].expansion = Expansion::Alternatives(vec![
            grammar.sentences[0].expansion.clone(),
            Expansion::Rule("list_area".into()),
            Expansion::Rule("list_name".into()),
        ]);
        grammar.rules.insert("list_name".into(), rule(names));
        grammar.rules.insert("list_area".into(), rule(&["press hall"]));
        grammar
    }

    #[test]
    fn names_come_first_then_the_rarest_words() {
        let expected: Vec<i32> =
            [" fan", ",", " cooling fan", ",", " press hall", ",", " extraordinarily", ",", " ventilate"]
                .iter()
                .flat_map(|text| tokens(text))
                .collect();
        assert_eq!(prompt(&grammar(&["fan", "cooling fan"]), 100, tokens), expected);
    }

    #[test]
    fn the_prompt_is_short_and_its_names_whole() {
        let many: Vec<String> = (0..1000).map(|number| format!("machine number{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let made = prompt(&grammar(&many), MOST_TOKENS, tokens);
        assert!(made.len() <= MOST_TOKENS && made.len() > MOST_TOKENS - 10, "{}", made.len());
        assert!(made.starts_with(&tokens(" machine number0")));
        assert!(prompt(&grammar(&many), 0, tokens).is_empty());
    }
}
