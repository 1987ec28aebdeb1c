//! How words are written that are compared in lower case: "licht" is "Licht", "strasse" is "Straße".
//!
//! Owns that memory, made of the templates' own text and of names, which count more. A word that is also written in lower
//! case there is left in lower case: a capital may be that of a beginning.

use super::super::matcher::{Vocabulary, normalise};
use super::super::sentences::{ListKind, Sentences};
use super::super::template::Expression;
use std::collections::BTreeMap;

/// The shortest part of a word that says how the word begins.
const SHORTEST_PART: usize = 4;

/// Words in lower case, each with how it is written where that differs.
#[derive(Debug, Default)]
pub(super) struct WrittenWords(BTreeMap<String, Option<String>>);

/// Words in lower case, each with how it is written where that differs.
type Found = BTreeMap<String, Option<String>>;

fn note(found: &mut Found, text: &str) {
    for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let folded = normalise::sentence(word).text();
        let written = (folded != word).then(|| word.to_owned());
        let known = found.entry(folded).or_insert_with(|| written.clone());
        if written.is_none() {
            *known = None;
        }
    }
}

impl WrittenWords {
    pub(super) fn new(sentences: &Sentences, vocabulary: &Vocabulary) -> Self {
        let mut found: Found = BTreeMap::new();
        let blocks = sentences.blocks.iter();
        let templates = blocks.clone().flat_map(|block| &block.templates).map(|template| &template.expression);
        let rules = sentences.rules.values().chain(blocks.clone().flat_map(|block| block.rules.values()));
        let lists = sentences.lists.values().chain(blocks.flat_map(|block| block.lists.values()));
        let values = lists.flat_map(|list| match &list.kind {
            ListKind::Values(values) => values.as_slice(),
            ListKind::Numbers(_) | ListKind::Wildcard => &[],
        });
        let expressions =
            templates.chain(rules.map(|rule| &rule.expression)).chain(values.map(|value| &value.expression));
        for expression in expressions {
            expression.walk(&mut |part| {
                if let Expression::Text(text) = part {
                    note(&mut found, text);
                }
            });
        }
        let names = vocabulary.entities.iter().flat_map(|entity| &entity.names);
        let mut named: Found = BTreeMap::new();
        names.chain(&vocabulary.areas).chain(&vocabulary.floors).for_each(|name| note(&mut named, name));
        found.extend(named);
        WrittenWords(found)
    }

    /// How a word in lower case is written. Of a compound, or a word with an ending, its longest known beginning tells.
    pub(super) fn of(&self, folded: &str) -> String {
        if let Some(known) = self.0.get(folded) {
            return known.clone().unwrap_or_else(|| folded.to_owned());
        }
        let longest_first = folded.char_indices().map(|(at, _)| at).filter(|&at| at >= SHORTEST_PART).rev();
        let mut beginnings = longest_first.filter_map(|at| {
            let (begins, ends) = folded.split_at_checked(at)?;
            Some(format!("{}{ends}", self.0.get(begins)?.as_ref()?))
        });
        beginnings.next().unwrap_or_else(|| folded.to_owned())
    }
}
