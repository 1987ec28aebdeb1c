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

/// With how many names an example is tried, and how many templates of a block where there are no examples.
const MAX_DRAWS: usize = 64;
/// The most matches in all; one that gives up took as long as so many others.
const MAX_COST: u32 = 20_000;
const GAVE_UP_COSTS: u32 = 2_000;

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
    let mut judge = Judge { matcher, can_be_done, left: MAX_COST };
    let mut all: Vec<(Examples, bool)> = Vec::new();
    for (index, block) in sentences.blocks.iter().enumerate() {
        if all.last().is_none_or(|(last, _)| last.intent != block.intent) {
            all.push((Examples { intent: block.intent.clone(), sentences: Vec::new() }, false));
        }
        let Some((last, about_things)) = all.last_mut().filter(|(last, _)| last.sentences.len() < MAX_EXAMPLES) else {
            continue;
        };
        let mut tried: Vec<String> = last.sentences.clone();
        let mut take = |sample: Sample| {
            let new = sample.context.is_empty() && !tried.contains(&sample.text);
            tried.push(sample.text.clone());
            Some((judge.is_about_things(&sample).filter(|_| new)?, sample.text))
        };
        let found = if stated {
            // Each time with the next name: not every thing can do everything.
            let draws = 0..vocabulary.entities.len().clamp(1, MAX_DRAWS);
            draws.filter_map(|_| sampler.example(index)).find_map(&mut take)
        } else {
            let templates = block.templates.iter().take(MAX_DRAWS);
            templates.filter_map(|it| sampler.draw_in(Manner::Plain, index, it).ok()).find_map(&mut take)
        };
        if let Some((things, text)) = found {
            *about_things |= things;
            last.sentences.push(text);
        }
    }
    all.retain(|(examples, _)| !examples.sentences.is_empty());
    all.sort_by_key(|(_, about_things)| !about_things);
    all.into_iter().map(|(examples, _)| examples).collect()
}

/// Tells which samples may be told, as long as it costs no more than it may.
struct Judge<'a> {
    matcher: &'a Matcher,
    can_be_done: &'a dyn Fn(&IntentMatch) -> bool,
    left: u32,
}

impl Judge<'_> {
    /// Whether a sample is about things, if it is understood without doubt as what it was drawn for and can be done.
    fn is_about_things(&mut self, sample: &Sample) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        let matches = self.matcher.matches(&sample.text);
        if matches.gave_up.is_some() {
            self.left = self.left.saturating_sub(GAVE_UP_COSTS);
        }
        let reading = matches.unambiguous()?;
        let good = reading.intent == sample.intent && is_about_something(reading) && (self.can_be_done)(reading);
        good.then_some(!reading.entities.is_empty())
    }
}

/// Whether what is to be done can be done with anything: "all lights" where there is a light.
fn is_about_something(reading: &IntentMatch) -> bool {
    let names_things =
        ["name", "domain", "area", "floor", "device_class"].iter().any(|&slot| reading.slots.contains_key(slot));
    // The name of a timer is no thing's.
    !names_things || !reading.entities.is_empty() || reading.intent.contains("Timer")
}
