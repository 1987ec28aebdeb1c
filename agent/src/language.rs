//! A language as the appliance speaks it: compiled sentences to understand, and replies to say.
//!
//! Owns what the orchestrator understands and answers with, and what people are told that they can say: all of one set of
//! sentences and names, swapped as one. The sentences and the templates of the replies belong to `intents`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::entities::{Entities, Entity, EntityKind};
use crate::intents::sample::{Examples, examples};
use crate::intents::spoken::Spoken;
use crate::intents::{
    Completion, Completions, IntentMatch, Matcher, NamedEntity, Problem, Responses, Sentences, Vocabulary,
};

/// The slots that hold what an entity is set to.
const LEVELS: [&str; 3] = ["brightness", "percentage", "position"];

/// Compiled sentences with their replies.
pub struct Language {
    /// The language's code, such as `en`.
    pub code: String,
    /// What is understood.
    pub matcher: Matcher,
    /// What is said.
    pub responses: Responses,
    /// A few sentences for each intent.
    pub examples: Vec<Examples>,
    sentences: Arc<Sentences>,
    names: Vocabulary,
    /// Made when somebody first types.
    completions: OnceLock<Completions>,
}

impl Language {
    /// Compiles the sentences for these entities. What cannot be used is reported, and the rest works.
    pub fn compile(sentences: Arc<Sentences>, entities: &Entities) -> (Self, Vec<Problem>) {
        let names = vocabulary(entities.all().iter().map(AsRef::as_ref));
        let (matcher, problems) = Matcher::compile(&sentences, &names);
        let language = Self {
            code: sentences.language.clone(),
            examples: examples(&sentences, &names, &matcher, &|reading| can_be_done(reading, entities)),
            responses: sentences.responses.clone(),
            matcher,
            sentences,
            names,
            completions: OnceLock::new(),
        };
        (language, problems)
    }

    /// The sentences that it was made from.
    pub fn sentences(&self) -> &Arc<Sentences> {
        &self.sentences
    }

    /// The names that sentences may use.
    pub fn names(&self) -> &Vocabulary {
        &self.names
    }

    /// How a sentence that was begun can go on. The first call compiles what that takes, some tenths of a second on a
    /// small machine: call it where blocking holds nobody up.
    pub fn completions(&self, text: &str, limit: usize) -> Vec<Completion> {
        self.completions.get_or_init(|| Completions::compile(&self.sentences, &self.names)).after(text, limit)
    }

    /// How numbers, times and lists of names are said in it.
    pub fn spoken(&self) -> Spoken {
        Spoken::of(&self.code)
    }

    /// A word or part of a sentence of exactly that key, as it is written; nothing where the language does not have it.
    pub fn part(&self, key: &str, values: &[(&str, &str)]) -> Option<String> {
        self.responses.part(key, &owned(values))
    }

    /// The word for on or off of a kind of entity; a binary sensor may have words of its own.
    pub fn state(&self, kind: EntityKind, on: bool) -> String {
        let word = |state: &str| self.part(&format!("HassGetState.state_{state}"), &[]);
        let own = (kind == EntityKind::BinarySensor).then(|| word(if on { "detected" } else { "clear" })).flatten();
        own.or_else(|| word(kind.state_key(on))).unwrap_or_else(|| kind.state_key(on).to_owned())
    }

    /// The reply of that key with values in their places. A key without a section is one of `errors`.
    pub fn phrase(&self, key: &str, values: &[(&str, &str)]) -> String {
        let values = owned(values);
        if key.contains('.') {
            self.responses.render(key, &values)
        } else {
            self.responses.render(&format!("errors.{key}"), &values)
        }
    }
}

/// Whether these entities can do it: only some are set to a number.
fn can_be_done(reading: &IntentMatch, entities: &Entities) -> bool {
    let to_a_number = LEVELS.iter().any(|slot| reading.slots.contains_key(*slot));
    let is_numeric = |id: &String| entities.get(id).is_some_and(|entity| entity.numeric);
    !to_a_number || reading.entities.iter().all(is_numeric)
}

fn owned(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The names that can be said of these entities.
pub fn vocabulary<'a>(entities: impl IntoIterator<Item = &'a Entity>) -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    for entity in entities {
        let names = std::iter::once(&entity.name).chain(&entity.aliases).cloned().collect();
        vocabulary.entities.push(NamedEntity {
            id: entity.id.clone(),
            names,
            area: entity.area.clone(),
            floor: entity.floor.clone(),
            kind: entity.kind.name().to_owned(),
            context: entity.device_class().map(|class| ("device_class".to_owned(), class.into())).into_iter().collect(),
        });
        for (place, places) in [(&entity.area, &mut vocabulary.areas), (&entity.floor, &mut vocabulary.floors)] {
            if let Some(place) = place
                && !places.contains(place)
            {
                places.push(place.clone());
            }
        }
    }
    vocabulary
}
