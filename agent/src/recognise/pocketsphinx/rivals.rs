//! Rivals of what was heard: sentences of the grammar that differ in one word and mean something else.
//!
//! Owns which these are. Promises a bounded number, the ones with the likest sound first, each with another meaning than
//! what was heard; those that would do another thing with the same things (`off` for `on`) are kept apart, so that no
//! likelier-sounding name crowds them out. Of each place only the [`MAX_ASKED`] words of the likest sound are looked at. Leaves to `evidence` what their score says.

use super::super::Meaning;
use super::super::grammar::automaton::Automaton;
use super::super::pronunciation::Phones;
use super::evidence::sounds_differ;
use std::collections::BTreeMap;

/// The most words at one place of the sentence whose meaning is asked for, and the most rivals of either kind.
const MAX_ASKED: usize = 40;
const MAX_RIVALS: usize = 24;
const MAX_OPPOSITES: usize = 8;

/// What else may have been said, each sentence as its words.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rivals {
    /// Sentences about something else.
    pub(super) others: Vec<Vec<String>>,
    /// Sentences that would do something else with the same things.
    pub(super) opposites: Vec<Vec<String>>,
}

/// The rivals of a sentence.
pub(super) fn rivals(
    automaton: &Automaton,
    heard: &[String],
    sounds: &BTreeMap<String, Vec<Phones>>,
    meaning: &Meaning,
) -> Rivals {
    let mut rivals = Rivals::default();
    let Some(own) = meaning.of(&heard.join(" ")) else { return rivals };
    let mut near: Vec<(f32, usize, &str)> = Vec::new();
    let mut state = Some(0);
    for (place, word) in heard.iter().enumerate() {
        let Some(here) = state else { break };
        let behind = &heard[place + 1..];
        let others = automaton.next(here).filter(|next| next.word != word && accepts(automaton, next.state, behind));
        let mut others: Vec<_> = others.map(|next| (distance(word, next.word, sounds), place, next.word)).collect();
        others.sort_by(|one, other| one.0.total_cmp(&other.0));
        near.extend(others.into_iter().take(MAX_ASKED));
        state = step(automaton, here, word);
    }
    near.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, place, word) in near {
        let mut words = heard.to_vec();
        words[place] = word.to_owned();
        let Some(other) = meaning.of(&words.join(" ")).filter(|other| *other != own) else { continue };
        let (kept, most) = if other.about == own.about && !own.about.is_empty() {
            (&mut rivals.opposites, MAX_OPPOSITES)
        } else {
            (&mut rivals.others, MAX_RIVALS)
        };
        if kept.len() < most {
            kept.push(words);
        }
    }
    rivals
}

fn step(automaton: &Automaton, state: u32, word: &str) -> Option<u32> {
    automaton.next(state).find(|next| next.word == word).map(|next| next.state)
}

fn accepts(automaton: &Automaton, state: u32, words: &[String]) -> bool {
    let end = words.iter().try_fold(state, |state, word| step(automaton, state, word));
    end.is_some_and(|end| automaton.ends(end))
}

/// How different two words sound, by their likest pronunciations.
fn distance(one: &str, other: &str, sounds: &BTreeMap<String, Vec<Phones>>) -> f32 {
    let of = |word: &str| sounds.get(word).map_or(&[][..], Vec::as_slice);
    let pairs = of(one).iter().flat_map(|one| of(other).iter().map(move |other| sounds_differ(one, other)));
    pairs.min_by(f32::total_cmp).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::super::Meant;
    use super::super::super::grammar::{Expansion, GrammarRule, Origin, SpeechGrammar};
    use super::*;

    fn automaton(sentences: &[&str]) -> Automaton {
        let words = |text: &&str| text.split(' ').map(|word| Expansion::Word(word.to_owned())).collect();
        let origin = Origin { file: "test.yaml".to_owned(), line: 1 };
        let rule = |text: &&str| GrammarRule { expansion: Expansion::Sequence(words(text)), origin: origin.clone() };
        SpeechGrammar { sentences: sentences.iter().map(rule).collect(), ..SpeechGrammar::default() }
            .automaton()
            .unwrap()
    }

    /// `turn on fan` is meant to turn on the fan.
    fn meant(text: &str) -> Option<Meant> {
        let words: Vec<&str> = text.split(' ').collect();
        let (intent, about) = words.split_at(words.len() - 1);
        Some(Meant { intent: intent.join(" "), about: about.join(" ") })
    }

    fn found(
        sentences: &[&str],
        heard: &str,
        meaning: impl Fn(&str) -> Option<Meant> + Send + Sync + 'static,
    ) -> (Vec<String>, Vec<String>) {
        let heard: Vec<String> = heard.split(' ').map(str::to_owned).collect();
        let found = rivals(&automaton(sentences), &heard, &BTreeMap::new(), &Meaning::new(meaning));
        let texts = |sentences: Vec<Vec<String>>| sentences.into_iter().map(|words| words.join(" ")).collect();
        (texts(found.others), texts(found.opposites))
    }

    #[test]
    fn a_rival_differs_in_one_word_and_means_something_else() {
        let grammar = ["turn on the fan", "turn off the fan", "turn on my fan", "turn on the lamp", "turn off my lamp"];
        let meaning = |text: &str| meant(&text.replace("my", "the"));
        let (others, opposites) = found(&grammar, "turn on the fan", meaning);
        assert_eq!((others, opposites), (vec!["turn on the lamp".to_owned()], vec!["turn off the fan".to_owned()]));
        assert_eq!(found(&grammar, "turn on the fan", |_| None), (vec![], vec![]));
        assert_eq!(found(&grammar, "something else", meant), (vec![], vec![]));
    }

    #[test]
    fn there_are_never_more_than_are_weighed_and_the_opposite_is_among_them() {
        let mut sentences: Vec<String> = (0..300).map(|number| format!("turn on n{number}")).collect();
        sentences.extend((0..300).map(|number| format!("turn off n{number}")));
        let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
        let (others, opposites) = found(&sentences, "turn on n7", meant);
        assert_eq!((others.len(), opposites), (MAX_RIVALS, vec!["turn off n7".to_owned()]));
    }
}
