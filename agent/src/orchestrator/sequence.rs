//! Several requests in one sentence, and groups with something left out.
//!
//! Owns "turn the pump on and the fan off", "turn on the pump and the fan" and "all lights in the hall except the first":
//! the cut at the words that join or leave out (the sentences' `conjunctions` and `exceptions`), and what a part that is
//! no sentence by itself takes from its neighbours. Promises that a sentence which is understood whole is never cut, and
//! that one is only taken apart where every part is understood without doubt and as it was said; else it is not
//! understood. Bounded: at most [`MAX_PARTS`] parts.

use crate::conversation::Understood;
use crate::conversation::answer::{self, left_out, with_entities};
use crate::entities::Entities;
use crate::intents::{Context, IntentMatch, QUESTION, SlotValue};
use crate::language::Language;

/// How many requests one sentence may hold.
const MAX_PARTS: usize = 4;

/// How many words of a neighbour a part may need to become a sentence.
const MAX_CARRIED: usize = 4;

/// The longest conjunction in words.
const MAX_JOINT_WORDS: usize = 4;

/// Takes sentences apart.
pub(super) struct Sequences<'a> {
    language: &'a Language,
    entities: &'a Entities,
}

/// A part of a sentence, and what it means.
struct Part {
    words: Vec<String>,
    reading: Option<Understood>,
}

impl<'a> Sequences<'a> {
    pub(super) fn new(language: &'a Language, entities: &'a Entities) -> Self {
        Self { language, entities }
    }

    /// What a sentence that is not understood whole means in its parts; none where one of them is not understood. One
    /// reading: a group with something left out.
    pub(super) fn understand(&self, text: &str) -> Option<Vec<Understood>> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if let Some(reading) = self.with_exception(&words) {
            return Some(vec![reading]);
        }
        let cuts = self.cuts(&words);
        if cuts.is_empty() || cuts.len() >= MAX_PARTS {
            return None;
        }
        // A name may hold a conjunction: fewer cuts are tried where more make no sense.
        let choices = 1_u32 << cuts.len();
        let mut chosen: Vec<u32> = (1..choices).collect();
        chosen.sort_by_key(|cut| std::cmp::Reverse(cut.count_ones()));
        chosen.into_iter().find_map(|chosen| self.in_parts(&words, &cuts, chosen))
    }

    /// Where the words can be cut: the first and the last word of each conjunction, which is left out. A comma at the end
    /// of a word cuts behind it.
    fn cuts(&self, words: &[String]) -> Vec<(usize, usize)> {
        let mut cuts: Vec<(usize, usize)> = Vec::new();
        let mut place = 1;
        while place < words.len() {
            let length = joint(&self.language.sentences().conjunctions, words, place);
            let comma = words.get(place - 1).is_some_and(|word| word.ends_with(','));
            if length > 0 || comma {
                cuts.push((place, place + length));
            }
            place += length.max(1);
        }
        cuts
    }

    fn in_parts(&self, words: &[String], cuts: &[(usize, usize)], chosen: u32) -> Option<Vec<Understood>> {
        let mut parts: Vec<Part> = Vec::new();
        let mut from = 0;
        let ends = cuts.iter().enumerate().filter(|(number, _)| chosen & (1 << number) != 0).map(|(_, cut)| *cut);
        for (end, next) in ends.chain([(words.len(), words.len())]) {
            let words = words.get(from..end).filter(|words| !words.is_empty())?.to_vec();
            parts.push(Part { reading: self.alone(&words), words });
            from = next;
        }
        for number in 0..parts.len() {
            if parts.get(number).is_some_and(|part| part.reading.is_none()) {
                // "All lights except the first and the second": what follows may be left out as well.
                if parts.iter().take(number).any(|part| self.has_exception(&part.words)) {
                    return None;
                }
                let reading = self.beside(&parts, number)?;
                parts.get_mut(number)?.reading = Some(reading);
            }
        }
        parts.into_iter().map(|part| part.reading).collect()
    }

    fn has_exception(&self, words: &[String]) -> bool {
        (1..words.len()).any(|place| joint(&self.language.sentences().exceptions, words, place) > 0)
    }

    /// A part that is a sentence by itself.
    fn alone(&self, words: &[String]) -> Option<Understood> {
        self.exact(&words.join(" "), &Context::new()).or_else(|| self.with_exception(words))
    }

    /// A part that needs its neighbours: a name alone is about the same, and a sentence may need the words that the one
    /// before began with or the one after ends with.
    fn beside(&self, parts: &[Part], number: usize) -> Option<Understood> {
        let words = &parts.get(number)?.words;
        let before = number.checked_sub(1).and_then(|before| parts.get(before));
        let after = parts.get(number + 1);
        let named = self.fragment(words).filter(|named| !named.entities.is_empty());
        let neighbour = [before, after].into_iter().flatten().find_map(|part| part.reading.clone());
        if let (Some(named), Some(reading)) = (named, neighbour.filter(|reading| !reading.entities.is_empty())) {
            return Some(with_entities(&reading, named.entities));
        }
        let carried = |count: usize| -> Vec<Vec<String>> {
            let begun = before.and_then(|part| part.words.get(..count)).map(|first| [first, words].concat());
            let ended = after.and_then(|part| part.words.len().checked_sub(count).and_then(|at| part.words.get(at..)));
            begun.into_iter().chain(ended.map(|last| [words.as_slice(), last].concat())).collect()
        };
        (1..=MAX_CARRIED).flat_map(carried).find_map(|words| self.exact(&words.join(" "), &Context::new()))
    }

    /// A group with something left out.
    fn with_exception(&self, words: &[String]) -> Option<Understood> {
        let exceptions = &self.language.sentences().exceptions;
        (1..words.len()).find_map(|place| {
            let length = joint(exceptions, words, place);
            let (group, out) = (words.get(..place)?, words.get(place + length..).filter(|_| length > 0)?);
            let mut reading = self.exact(&group.join(" "), &Context::new())?;
            let out = left_out(&self.fragment(out)?, &reading.entities, self.entities)?;
            reading.entities.retain(|id| !out.contains(id));
            (!reading.entities.is_empty()).then_some(reading)
        })
    }

    /// A part that would be an answer: a name, a number in a row, a place.
    fn fragment(&self, words: &[String]) -> Option<Understood> {
        let asked: Context = [(QUESTION.to_owned(), "which".into())].into();
        let matches = self.language.matcher.matches_in(&words.join(" "), &asked);
        let best = matches.best.filter(|_| matches.rivals.is_empty())?;
        (best.intent == "VictusAnswer").then(|| understood(best))
    }

    /// What a text means without doubt and by itself.
    fn exact(&self, text: &str, context: &Context) -> Option<Understood> {
        let matches = self.language.matcher.matches_in(text, context);
        let reading = understood(matches.best.filter(|_| matches.rivals.is_empty())?);
        (!answer::refers(&reading)).then_some(reading)
    }
}

/// What the matcher made of a sentence, as the orchestrator keeps it.
pub(super) fn understood(best: IntentMatch) -> Understood {
    let value = |value: &SlotValue| serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
    let slots = best.slots.iter().map(|(name, slot)| (name.clone(), value(slot))).collect();
    let on_failure = best.metadata.get("on_failure").and_then(|it| serde_json::from_value(it.clone()).ok());
    Understood { intent: best.intent, slots, entities: best.entities, response: best.response, on_failure }
}

/// How many words from `place` on are one of these joints; the longest counts.
fn joint(joints: &[String], words: &[String], place: usize) -> usize {
    let said = |length: usize| {
        let words = words.get(place..place + length)?;
        let plain = words.iter().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
        Some(plain.collect::<Vec<String>>().join(" "))
    };
    let is_one = |length: &usize| said(*length).is_some_and(|said| joints.contains(&said));
    (1..=MAX_JOINT_WORDS).rev().find(is_one).unwrap_or(0)
}
