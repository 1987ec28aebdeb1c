//! The matcher: which intent a sentence means, with its slots.
//!
//! Owns the graph that templates and names are compiled into (`compile`, `graph`), the automaton that it becomes
//! (`automaton`), the walk through it (`walk`), the order of what fits (`rank`), what is nearly meant (`repair`) and the
//! entities that a match resolves to.
//! Promises:
//!
//! * Work is bounded: a sentence is at most [`MAX_CHARACTERS`] long, a walk takes at most a fixed number of steps, and each
//!   place of the graph is visited at most once for a place of the sentence and a set of captures. What goes beyond is
//!   answered with no match and [`Matches::gave_up`], never with the part that was found.
//! * Of several matches the best is the one with a `name` slot, then the longest text of it, then the fewest wildcards,
//!   then the most literal text, then the fewest letters in wildcards. Where two that would do different things are equal in all of that, both are answered:
//!   [`Matches::unambiguous`] is then nothing.
//!
//! Leaves the sentences' format to `sentences`, and what an intent does to the orchestrator.

mod automaton;
mod compile;
mod graph;
pub(crate) mod normalise;
mod numbers;
mod outcome;
mod rank;
mod repair;
mod spread;
mod walk;

use super::numerals::Numerals;
use super::sentences::{Problem, Sentences};
use super::{Origin, SlotValue};
use crate::recognise::Meant;
use automaton::Automaton;
use graph::Compiled;
use normalise::Normal;
use outcome::Outcome;
use repair::Repair;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use walk::Walk;

/// The longest sentence that is matched, in characters.
pub const MAX_CHARACTERS: usize = 500;
/// The most words of a sentence that is matched.
pub const MAX_WORDS: usize = 100;
/// How sure a sentence is that fits only without its hesitation: it is what was meant, but may have been corrected midway.
const SURE_OF_HESITANT: f32 = 0.9;

/// What is known about the situation in which a sentence is said, such as the `area` of the appliance.
pub type Context = BTreeMap<String, serde_json::Value>;

/// An entity as far as sentences are concerned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedEntity {
    /// Its id, such as `fan.extraction_fan`.
    pub id: String,
    /// Its name, then its aliases.
    pub names: Vec<String>,
    /// The name of its area.
    pub area: Option<String>,
    /// The name of its floor.
    pub floor: Option<String>,
    /// Its kind, which is also its `domain` in a sentence's context.
    pub kind: String,
    /// Further context, such as `device_class`.
    pub context: Context,
}

impl NamedEntity {
    /// What naming the entity adds to the context: its own, and its kind as `domain`.
    pub(crate) fn full_context(&self) -> Context {
        let mut context = self.context.clone();
        context.insert("domain".to_owned(), self.kind.clone().into());
        context
    }
}

/// The names that sentences may use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    /// The entities.
    pub entities: Vec<NamedEntity>,
    /// The names of the areas.
    pub areas: Vec<String>,
    /// The names of the floors.
    pub floors: Vec<String>,
    /// Whether names are templates (`[the] fan`) rather than plain text.
    pub templates: bool,
}

/// A sentence understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntentMatch {
    /// The intent.
    pub intent: String,
    /// What was said, and what the sentence's block fixes.
    pub slots: BTreeMap<String, SlotValue>,
    /// The ids of the entities that this is about; empty where the intent is about none, or none fits.
    pub entities: Vec<String>,
    /// The template that matched.
    #[serde(serialize_with = "written")]
    pub template: Origin,
    /// How sure the match is, 0 to 1. An exact match is 1.
    pub confidence: f32,
    /// The sentence that was understood, where it is not the one that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
    /// The key of the reply, if the block states one.
    pub response: Option<String>,
    /// The context given, with what the captured values add.
    pub context: Context,
    /// What the block's author noted.
    pub metadata: Context,
}

/// What a sentence may mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Matches {
    /// The best reading.
    pub best: Option<IntentMatch>,
    /// Other readings that are as good and would do something else. Not empty: ask back, don't act.
    pub rivals: Vec<IntentMatch>,
    /// Why no match was tried or finished: the sentence is too long, or took too many steps.
    pub gave_up: Option<&'static str>,
}

impl Matches {
    /// The reading to act on: the best, where no other is as good.
    pub fn unambiguous(&self) -> Option<&IntentMatch> {
        self.best.as_ref().filter(|_| self.rivals.is_empty())
    }

    /// Whether two or more readings are equally good.
    pub fn is_ambiguous(&self) -> bool {
        !self.rivals.is_empty()
    }

    /// Every reading that is as good as the best, the best first.
    pub fn all(&self) -> impl Iterator<Item = &IntentMatch> {
        self.best.iter().chain(&self.rivals)
    }
}

/// How a sentence was matched, or how far it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The sentence as it was compared.
    pub normalised: String,
    /// What it means.
    pub matches: Matches,
    /// Where it means nothing as it is: what it is taken for, the likest first.
    pub nearly: Vec<IntentMatch>,
    /// What every matching template captured: the template's text, then each slot with the words that it took.
    pub captures: Vec<(String, Vec<(String, String)>)>,
    /// Where nothing matched: the templates that got furthest.
    pub nearest: Vec<Nearest>,
}

/// A template that did not match, and how far it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearest {
    /// The template.
    pub text: String,
    /// Where it was written.
    #[serde(serialize_with = "written")]
    pub template: Origin,
    /// The intent that it stands for.
    pub intent: String,
    /// The words that it did match.
    pub matched: String,
    /// The words that it has no place for.
    pub rest: String,
    /// What would have had to be otherwise, if all words fit: the context that it requires or excludes.
    pub context: Option<String>,
}

fn written<S: serde::Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

/// Sentences and names, compiled.
#[derive(Debug)]
pub struct Matcher {
    compiled: Compiled,
    /// One sentence at a time: a match takes microseconds.
    automaton: Mutex<Automaton>,
}

impl Matcher {
    /// Compiles sentences together with the names that they may use.
    ///
    /// A template that is too large, or a name of which nothing can be said, is a problem and is left out.
    pub fn compile(sentences: &Sentences, vocabulary: &Vocabulary) -> (Matcher, Vec<Problem>) {
        let (compiled, problems) = compile::compile(sentences, vocabulary);
        let automaton = Mutex::new(Automaton::new(&compiled));
        (Matcher { compiled, automaton }, problems)
    }

    /// The bytes of memory that templates, names and the automaton take, about.
    pub fn bytes(&self) -> usize {
        self.compiled.bytes() + self.automaton().bytes()
    }

    fn automaton(&self) -> MutexGuard<'_, Automaton> {
        self.automaton.lock().unwrap_or_else(|poisoned| {
            // Whoever held it may have left a state half made.
            let mut automaton = PoisonError::into_inner(poisoned);
            *automaton = Automaton::new(&self.compiled);
            self.automaton.clear_poison();
            automaton
        })
    }

    /// What a sentence means, without any context.
    pub fn matches(&self, text: &str) -> Matches {
        self.matches_in(text, &Context::new())
    }

    /// What a sentence means where it is said.
    pub fn matches_in(&self, text: &str, context: &Context) -> Matches {
        match self.readings(text, context) {
            Ok((normal, outcomes, confidence)) => self.best(&normal, &outcomes, context, confidence),
            Err(gave_up) => Matches { gave_up: Some(gave_up), ..Matches::default() },
        }
    }

    /// What a sentence means or nearly means: where it fits nothing as it is, what it is most like (`repair`). Readings
    /// that are nearly as like it are rivals.
    pub fn understand(&self, text: &str, context: &Context) -> Matches {
        let exact = self.matches_in(text, context);
        if exact.best.is_some() || exact.gave_up.is_some() || self.compiled.ignore_whitespace {
            return exact;
        }
        let Ok(whole) = bounded(text) else { return exact };
        let fluent = whole.without_hesitation(&self.compiled.fillers, |word| self.is_number(word));
        let forms = vec![fluent.without_words(&self.compiled.skip_words, true), fluent];
        let mut automaton = self.automaton();
        let fits = Repair::new(&self.compiled, &mut automaton, context).fits(forms);
        let readings = fits.iter().flat_map(|fit| {
            let matches = rank::best(&self.compiled, &fit.outcomes, &fit.normal, context);
            let repaired = Some(fit.normal.said());
            let reading = |reading| IntentMatch { confidence: fit.confidence, repaired: repaired.clone(), ..reading };
            matches.best.into_iter().chain(matches.rivals).map(reading).collect::<Vec<_>>()
        });
        rank::distinct(readings)
    }

    fn best(&self, normal: &Normal, outcomes: &[Outcome<'_>], context: &Context, confidence: f32) -> Matches {
        let mut matches = rank::best(&self.compiled, outcomes, normal, context);
        matches.best.iter_mut().chain(&mut matches.rivals).for_each(|reading| reading.confidence *= confidence);
        matches
    }

    /// What a sentence means, the same for sentences that would do the same; nothing where it means nothing. A name that
    /// stands for an entity is not in it: the entity is.
    pub fn meaning(&self, text: &str) -> Option<Meant> {
        let matches = self.matches(text);
        let mut meanings: Vec<(&str, String)> = matches
            .all()
            .map(|reading| {
                let named = |slot: &str| slot == "name" && !reading.entities.is_empty();
                let slots = reading.slots.iter().filter(|(slot, _)| !named(slot));
                let slots = slots.map(|(slot, value)| format!("{slot}={value}"));
                let about: Vec<String> = reading.entities.iter().cloned().chain(slots).collect();
                (reading.intent.as_str(), about.join(" "))
            })
            .collect();
        meanings.sort();
        let (intents, about): (Vec<&str>, Vec<String>) = meanings.into_iter().unzip();
        let joined = || Meant { intent: intents.join("\n"), about: about.join("\n").trim().to_owned() };
        (!intents.is_empty()).then(joined)
    }

    /// The ids of the entities that a text names, by the longest name in it: what "the cooling fan, please" answers when
    /// it was asked which one is meant. Empty where it names none; several where they share that name.
    pub fn entities_named(&self, text: &str) -> Vec<String> {
        let Ok(normal) = bounded(text) else { return Vec::new() };
        let nothing = Context::new();
        let mut automaton = self.automaton();
        let walk = Walk::new(&self.compiled, &mut automaton, &normal, &nothing);
        let mut named = walk.named(compile::NAMES).unwrap_or_default();
        let longest = named.iter().map(|&(_, length)| length).max();
        named.retain(|&(_, length)| Some(length) == longest);
        let mut ids = Vec::new();
        for entity in named.into_iter().filter_map(|(entity, _)| self.compiled.entities.get(entity as usize)) {
            if !ids.contains(&entity.id) {
                ids.push(entity.id.clone());
            }
        }
        ids
    }

    /// A sentence as it was written, without the words that say nothing ("please").
    pub fn without_skip_words(&self, text: &str) -> String {
        match bounded(text) {
            Ok(normal) => normal.without_words(&self.compiled.skip_words, !self.compiled.ignore_whitespace).said(),
            Err(_too_long) => text.to_owned(),
        }
    }

    /// How a sentence was matched; where it was not, what came closest and where it failed.
    pub fn explain(&self, text: &str, context: &Context) -> Explanation {
        match self.readings(text, context) {
            Ok((normal, outcomes, confidence)) => {
                let captures = outcomes
                    .iter()
                    .map(|outcome| (outcome.template.text.clone(), outcome.captured(&self.compiled, &normal)))
                    .collect();
                let fits = !outcomes.is_empty();
                let nearest = if fits { Vec::new() } else { self.nearest(&normal, context) };
                let nearly = if fits { Vec::new() } else { self.understand(text, context).all().cloned().collect() };
                Explanation {
                    normalised: normal.text(),
                    matches: self.best(&normal, &outcomes, context, confidence),
                    nearly,
                    captures,
                    nearest,
                }
            }
            Err(gave_up) => Explanation {
                normalised: String::new(),
                matches: Matches { gave_up: Some(gave_up), ..Matches::default() },
                nearly: Vec::new(),
                captures: Vec::new(),
                nearest: Vec::new(),
            },
        }
    }

    /// Every way in which the sentence fits a template, with the form of the sentence that fitted, and how sure that is.
    fn readings(&self, text: &str, context: &Context) -> Result<(Normal, Vec<Outcome<'_>>, f32), &'static str> {
        let whole = bounded(text)?;
        let (first, outcomes) = self.fitting(whole.clone(), context)?;
        if !outcomes.is_empty() || self.compiled.ignore_whitespace {
            return Ok((first, outcomes, 1.0));
        }
        // Only what is not understood as it was said is taken for hesitation.
        let fluent = whole.without_hesitation(&self.compiled.fillers, |word| self.is_number(word));
        let (form, outcomes) =
            if fluent == whole { (first.clone(), Vec::new()) } else { self.fitting(fluent, context)? };
        Ok(if outcomes.is_empty() { (first, outcomes, 1.0) } else { (form, outcomes, SURE_OF_HESITANT) })
    }

    /// Whether a word is a number, in digits or in words.
    fn is_number(&self, word: &[char]) -> bool {
        let in_words = |numerals: &Numerals| numerals.read(word, 0, false, true).iter().any(|it| it.end == word.len());
        word.first().is_some_and(char::is_ascii_digit) || self.compiled.numerals.is_some_and(in_words)
    }

    /// Every way in which one form of the sentence fits, without its skip words or with them.
    fn fitting(&self, whole: Normal, context: &Context) -> Result<(Normal, Vec<Outcome<'_>>), &'static str> {
        let skipped = whole.without_words(&self.compiled.skip_words, !self.compiled.ignore_whitespace);
        let mut forms = vec![skipped];
        // "what can you do" with "can you" as a skip word: a sentence that needs its skip words still matches whole.
        if forms[0] != whole {
            forms.push(whole);
        }
        let mut last = Normal::default();
        for form in forms {
            let form = if self.compiled.ignore_whitespace { form.without_spaces() } else { form };
            let outcomes = Walk::new(&self.compiled, &mut self.automaton(), &form, context).outcomes()?;
            if !outcomes.is_empty() {
                return Ok((form, outcomes));
            }
            if last.characters.is_empty() {
                last = form;
            }
        }
        Ok((last, Vec::new()))
    }

    /// The templates that matched the longest beginning of a sentence.
    fn nearest(&self, normal: &Normal, context: &Context) -> Vec<Nearest> {
        const SHOWN: usize = 3;
        let mut reached = Walk::new(&self.compiled, &mut self.automaton(), normal, context).reached();
        reached.sort_by_key(|&(_, furthest, _)| std::cmp::Reverse(furthest));
        let reached = reached.into_iter().filter(|&(_, furthest, _)| furthest > 0).take(SHOWN);
        reached
            .map(|(template, furthest, missing)| {
                let template = &self.compiled.templates[template];
                Nearest {
                    text: template.text.clone(),
                    template: template.origin.clone(),
                    intent: self.compiled.blocks[template.block].intent.clone(),
                    matched: normal.written(0, furthest).to_owned(),
                    rest: normal.written(furthest, normal.characters.len()).to_owned(),
                    context: missing,
                }
            })
            .collect()
    }
}

/// A sentence in normal form, if it is short enough to be matched.
fn bounded(text: &str) -> Result<Normal, &'static str> {
    const TOO_LONG: &str = "the sentence is too long";
    // A character is at most four bytes, and what is longer than this need not even be read.
    if text.len() > MAX_CHARACTERS * 4 {
        return Err(TOO_LONG);
    }
    let normal = normalise::sentence(text);
    let spaces = normal.characters.iter().filter(|&&character| character == ' ').count();
    if normal.characters.len() > MAX_CHARACTERS || spaces >= MAX_WORDS { Err(TOO_LONG) } else { Ok(normal) }
}

#[cfg(test)]
mod tests;
