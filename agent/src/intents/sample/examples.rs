//! Examples: what can be said, a few plain sentences for each intent, with the names there are.
//!
//! Owns the choice: what the sentences' author gives as `example`; where no block has one, the first words of each block
//! without what may be left out. Each time another name is said. Promises that every example is understood as its intent
//! without doubt, without knowing the situation, and about things that are there.

use super::super::matcher::{IntentMatch, Matcher, Vocabulary};
use super::super::sentences::Sentences;
use super::{Manner, Sample, Sampler};
use serde::Serialize;

/// The most examples of one intent.
const MAX_EXAMPLES: usize = 4;

/// With how many names an example is tried.
const MAX_DRAWS: usize = 64;

/// An intent and how it may be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examples {
    /// The intent.
    pub intent: String,
    /// Sentences, the usual one first.
    pub sentences: Vec<String>,
}

/// Examples of every intent that can be asked for: first what is about things, then the rest, each in the order of the
/// sentence files. None is told of which `can_be_done` says no.
pub fn examples(
    sentences: &Sentences,
    vocabulary: &Vocabulary,
    matcher: &Matcher,
    can_be_done: &dyn Fn(&IntentMatch) -> bool,
) -> Vec<Examples> {
    let stated = sentences.blocks.iter().any(|block| block.example.is_some());
    let mut sampler = Sampler::new(sentences, vocabulary, 0);
    let mut all: Vec<Examples> = Vec::new();
    for (index, block) in sentences.blocks.iter().enumerate() {
        if all.last().is_none_or(|last| last.intent != block.intent) {
            all.push(Examples { intent: block.intent.clone(), sentences: Vec::new() });
        }
        let Some(last) = all.last_mut().filter(|last| last.sentences.len() < MAX_EXAMPLES) else { continue };
        let mut is_good = |sample: &Sample| {
            let matches = matcher.matches(&sample.text);
            let right = |it: &&IntentMatch| it.intent == block.intent && is_about_something(it) && can_be_done(it);
            matches.unambiguous().filter(right).is_some()
                && sample.context.is_empty()
                && !last.sentences.contains(&sample.text)
        };
        let sample = if stated {
            // Each time with the next name: not every thing can do everything.
            (0..vocabulary.entities.len().clamp(1, MAX_DRAWS)).find_map(|_| sampler.example(index).filter(&mut is_good))
        } else {
            let mut plain = block.templates.iter().filter_map(|it| sampler.draw_in(Manner::Plain, index, it).ok());
            plain.find(is_good)
        };
        last.sentences.extend(sample.map(|sample| sample.text));
    }
    all.retain(|examples| !examples.sentences.is_empty());
    let about_things = |text: &String| matcher.matches(text).all().any(|reading| !reading.entities.is_empty());
    all.sort_by_cached_key(|examples| !examples.sentences.iter().any(about_things));
    all
}

/// Whether what is to be done can be done with anything: "all lights" where there is a light.
fn is_about_something(reading: &IntentMatch) -> bool {
    let names_things =
        ["name", "domain", "area", "floor", "device_class"].iter().any(|&slot| reading.slots.contains_key(slot));
    // The name of a timer is no thing's.
    !names_things || !reading.entities.is_empty() || reading.intent.contains("Timer")
}
