//! What can be said at all: which parts of a template lead to words, with the names there are.
//!
//! Owns that question, answered once for each rule and list as a block sees it, and the names written out. A rule never
//! contains itself: such rules are dropped when sentences are loaded.

use super::super::matcher::{Context, Vocabulary};
use super::super::sentences::{Block, ListKind, NumberList, Sentences, VOCABULARY_LISTS, admits};
use super::super::spoken::Spoken;
use super::super::template::{self, Expression};
use super::Scope;
use std::collections::HashMap;

/// A name that can be said, in each of its forms, and what it says about the situation.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) texts: Vec<String>,
    /// Whether it is the name and no further name of its entity.
    pub(super) first: bool,
    pub(super) context: Context,
}

/// The names there are, and what was found out so far.
pub(super) struct Reach<'a> {
    sentences: &'a Sentences,
    entities: Vec<Name>,
    areas: Vec<Name>,
    floors: Vec<Name>,
    /// Whether a rule (true) or list (false) of that name can be said, as seen from a block.
    known: HashMap<(bool, &'a str, usize), bool>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(sentences: &'a Sentences, vocabulary: &'a Vocabulary) -> Self {
        let name = |name: &String, first: bool, context: Context| {
            let texts = if vocabulary.templates {
                template::parse(name).ok().and_then(|expression| expression.texts()).unwrap_or_default()
            } else {
                vec![name.clone()]
            };
            (!texts.is_empty()).then_some(Name { texts, first, context })
        };
        let places = |places: &[String]| places.iter().filter_map(|place| name(place, true, Context::new())).collect();
        let entities = vocabulary.entities.iter().flat_map(|entity| {
            let context = entity.full_context();
            let names = entity.names.iter().enumerate();
            names.filter_map(|(number, text)| name(text, number == 0, context.clone())).collect::<Vec<_>>()
        });
        Reach {
            sentences,
            entities: entities.collect(),
            areas: places(&vocabulary.areas),
            floors: places(&vocabulary.floors),
            known: HashMap::new(),
        }
    }

    /// The names in a list that a block admits.
    pub(super) fn names<'s>(&'s self, list: &str, block: &'s Block) -> impl Iterator<Item = &'s Name> {
        let names = match list {
            "area" => &self.areas,
            "floor" => &self.floors,
            _ => &self.entities,
        };
        names.iter().filter(|name| admits(&block.requires, &block.excludes, &name.context))
    }

    /// A place of the appliance for a context that asks for one of any name.
    pub(super) fn place(&self, key: &str) -> String {
        let places = if key == "floor" { &self.floors } else { &self.areas };
        places.first().and_then(|place| place.texts.first()).map_or("known", String::as_str).to_owned()
    }

    /// Whether anything can be said with a part, were it nothing at all.
    pub(super) fn is_sayable(&mut self, expression: &'a Expression, scope: Scope<'a>) -> bool {
        match expression {
            Expression::Text(_) | Expression::Optional(_) => true,
            Expression::Sequence(parts) | Expression::Permutation(parts) => {
                parts.iter().all(|part| self.is_sayable(part, scope))
            }
            Expression::Alternatives(parts) => parts.iter().any(|part| self.is_sayable(part, scope)),
            Expression::Range { range, .. } => self.has_form(&(*range).into()),
            Expression::Rule(name) => self.remember((true, name, scope.index), |reach| {
                let rule = reach.sentences.rule(scope.block, name);
                rule.is_some_and(|rule| reach.is_sayable(&rule.expression, scope))
            }),
            Expression::List { list, .. } => {
                self.remember((false, list, scope.index), |reach| reach.list_is_sayable(list, scope))
            }
        }
    }

    fn remember(&mut self, key: (bool, &'a str, usize), find: impl FnOnce(&mut Self) -> bool) -> bool {
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let found = find(self);
        self.known.insert(key, found);
        found
    }

    fn list_is_sayable(&mut self, name: &str, scope: Scope<'a>) -> bool {
        let Scope { block, .. } = scope;
        let list = match block.lists.get(name) {
            Some(list) => list,
            None if VOCABULARY_LISTS.contains(&name) => return self.names(name, block).next().is_some(),
            None => match self.sentences.lists.get(name) {
                Some(list) => list,
                None => return false,
            },
        };
        match &list.kind {
            ListKind::Wildcard => true,
            ListKind::Numbers(numbers) => self.has_form(numbers),
            ListKind::Values(values) => values.iter().any(|value| {
                admits(&block.requires, &block.excludes, &value.context) && self.is_sayable(&value.expression, scope)
            }),
        }
    }

    /// Whether there is a way to say the numbers of a list.
    fn has_form(&self, numbers: &NumberList) -> bool {
        let language = numbers.words_language.as_deref().unwrap_or(&self.sentences.language);
        numbers.digits || (numbers.words && Spoken::of(language).has_number_words())
    }
}
