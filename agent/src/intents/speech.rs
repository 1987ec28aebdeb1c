//! From sentences to the closed grammar of a recogniser.
//!
//! Templates join parts of words (`light[s]`, `{name}['s]`, `l'{name}`), a recogniser knows whole words only: where parts
//! touch without a space, the ways to fill them are written out. Owns that step, the rules that sentences share (lists,
//! names, numbers), and what cannot be said: a wildcard (nobody knows its words), and what no one speaks (`%`). Alternatives that
//! can't be said are left out, and a sentence that can't be said without them is left out as a whole. Promises that what
//! the grammar yields is matched by the sentences that it was made from. Leaves pronunciations and file formats to
//! `recognise`.

mod join;
mod numbers;
mod spelled;
mod written;

use super::Origin;
use super::matcher::{NamedEntity, Vocabulary, normalise};
use super::sentences::{Block, ListKind, ListValue, Problem, Sentences, VOCABULARY_LISTS, admits};
use super::spoken::Spoken;
use super::template::{self, Expression};
use crate::recognise::grammar::{Expansion, GrammarRule, POLITENESS, SpeechGrammar};
use std::collections::{BTreeMap, HashMap};

pub use written::written_grammar;

/// How the names of the rules begin that hold numbers in words.
pub(super) const NUMBER_RULE: &str = "number_";

/// The grammar of everything that the sentences can hear, and what was left out of it because it could not be written out.
///
/// A language that writes no spaces has no words to build a grammar from: its grammar is empty.
pub fn grammar(sentences: &Sentences, vocabulary: &Vocabulary) -> (SpeechGrammar, Vec<Problem>) {
    build(sentences, vocabulary, false)
}

fn build(sentences: &Sentences, vocabulary: &Vocabulary, written: bool) -> (SpeechGrammar, Vec<Problem>) {
    let mut builder = Builder {
        sentences,
        vocabulary,
        written,
        grammar: SpeechGrammar::default(),
        problems: Vec::new(),
        spoken: Spoken::of(&sentences.language),
        lists: HashMap::new(),
        rules: HashMap::new(),
        touched: HashMap::new(),
        touched_words: 0,
        ways_made: 0,
        names: HashMap::new(),
    };
    if sentences.ignore_whitespace {
        return (builder.grammar, builder.problems);
    }
    for (index, block) in sentences.blocks.iter().enumerate() {
        for template in &block.templates {
            let scope = Scope { block, index };
            match builder.convert(&template.expression, scope) {
                Some(Expansion::Empty) | None => {}
                Some(expansion) => {
                    let expansion = simplified(expansion);
                    builder.grammar.sentences.push(GrammarRule { expansion, origin: template.origin.clone() });
                }
            }
        }
    }
    builder.politeness();
    builder.keep_what_is_used();
    (builder.grammar, builder.problems)
}

/// How many rules of one name are looked through for one that says the same.
const MOST_ALIKE: usize = 50;

/// The block from which a template is seen.
#[derive(Clone, Copy)]
struct Scope<'a> {
    block: &'a Block,
    index: usize,
}

struct Builder<'a> {
    sentences: &'a Sentences,
    vocabulary: &'a Vocabulary,
    /// Whether it is a grammar of what is written rather than of what is said.
    written: bool,
    grammar: SpeechGrammar,
    problems: Vec<Problem>,
    /// How the language says numbers.
    spoken: Spoken,
    /// Lists already made, by their name, the block whose own they are or that changes them, and which of their values may
    /// be said.
    lists: HashMap<(String, Option<usize>, Vec<bool>), Option<Expansion>>,
    /// Expansion rules already made, by their name and the block that they were made for.
    rules: HashMap<(String, usize), Option<Expansion>>,
    /// Lists already made with letters that touch their words, by the list's rule, the side and the letters.
    touched: HashMap<(String, join::Side, String), Option<Expansion>>,
    /// How many words those have.
    touched_words: usize,
    /// How many pieces the ways have that were written out where parts touch.
    ways_made: usize,
    /// How many rules have been made under a name.
    names: HashMap<String, usize>,
}

impl<'a> Builder<'a> {
    /// A part as words; nothing where it can't be said. Spaces at its ends don't matter.
    fn convert(&mut self, expression: &'a Expression, scope: Scope<'a>) -> Option<Expansion> {
        match expression {
            Expression::Text(_) | Expression::Sequence(_) => self.sequence(std::slice::from_ref(expression), scope),
            Expression::Alternatives(parts) => {
                let said: Vec<Expansion> = parts.iter().filter_map(|part| self.convert(part, scope)).collect();
                (!said.is_empty()).then_some(Expansion::Alternatives(said))
            }
            Expression::Optional(part) => Some(match self.convert(part, scope) {
                Some(said) => Expansion::Optional(Box::new(said)),
                None => Expansion::Empty,
            }),
            Expression::Permutation(parts) => {
                let members = parts.iter().map(|part| self.convert(part, scope)).collect::<Option<Vec<_>>>()?;
                self.has_room_for_orders(&members, scope)?;
                let orders = join::orders(members.len()).into_iter();
                let order = |order: Vec<usize>| {
                    Expansion::Sequence(order.into_iter().map(|member| members[member].clone()).collect())
                };
                Some(Expansion::Alternatives(orders.map(order).collect()))
            }
            Expression::List { list, slot } => self.list(list, slot, scope),
            Expression::Range { range, .. } => self.numeral(&(*range).into()),
            Expression::Rule(name) => self.rule(name, scope),
        }
    }

    /// A rule as a rule of the grammar, made once for all blocks that see the same one.
    fn rule(&mut self, name: &str, scope: Scope<'a>) -> Option<Expansion> {
        // What a rule says may depend on the block (its own rules and lists, the names that its context admits).
        let key = (name.to_owned(), scope.index);
        if let Some(known) = self.rules.get(&key) {
            return known.clone();
        }
        let rule = self.sentences.rule(scope.block, name)?;
        let said = self.convert(&rule.expression, scope).map(simplified);
        let said = said.map(|said| match said {
            // A reference is longer than what it stands for.
            Expansion::Empty | Expansion::Word(_) | Expansion::Rule(_) => said,
            _ => Expansion::Rule(self.add_rule(&format!("rule_{name}"), said, &rule.origin)),
        });
        self.rules.insert(key, said.clone());
        said
    }

    /// Adds a rule under this name, or under one like it where the name is taken by a different one.
    fn add_rule(&mut self, name: &str, expansion: Expansion, origin: &Origin) -> String {
        let plain: String = name
            .to_lowercase()
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '_' })
            .collect();
        // Of very many rules of one name only the first are looked through for the same one.
        let made = self.names.entry(plain.clone()).or_default();
        let unique = (*made > MOST_ALIKE).then_some(*made + 1);
        *made += 1;
        for number in unique.into_iter().chain(1..) {
            let candidate = if number == 1 { plain.clone() } else { format!("{plain}_{number}") };
            match self.grammar.rules.get(&candidate) {
                Some(rule) if rule.expansion == expansion => return candidate,
                Some(_) => {}
                None => {
                    self.grammar.rules.insert(candidate.clone(), GrammarRule { expansion, origin: origin.clone() });
                    return candidate;
                }
            }
        }
        plain
    }

    fn add_number_rule(&mut self, name: &str, choices: Vec<Expansion>) {
        let origin = Origin { file: "numbers".to_owned(), line: 1 };
        self.grammar
            .rules
            .insert(name.to_owned(), GrammarRule { expansion: simplified(Expansion::Alternatives(choices)), origin });
    }

    fn list(&mut self, name: &str, slot: &str, scope: Scope<'a>) -> Option<Expansion> {
        let own = scope.block.lists.get(name);
        let list = match own {
            Some(list) => list,
            None if VOCABULARY_LISTS.contains(&name) => return self.names(name, scope),
            None => self.sentences.lists.get(name)?,
        };
        match &list.kind {
            ListKind::Wildcard => self.any_words(),
            ListKind::Numbers(numbers) => self.numeral(numbers),
            ListKind::Values(values) => {
                let admitted: Vec<bool> = values
                    .iter()
                    .map(|value| admits(&scope.block.requires, &scope.block.excludes, &value.context))
                    .zip(values)
                    .map(|(admitted, value)| admitted && self.is_there(slot, value))
                    .collect();
                let of_block = own.is_some() || scope.block.changed.contains(name);
                let key = (name.to_owned(), of_block.then_some(scope.index), admitted.clone());
                if let Some(known) = self.lists.get(&key) {
                    return known.clone();
                }
                let chosen = values.iter().zip(admitted).filter(|(_, admitted)| *admitted);
                let said: Vec<Expansion> =
                    chosen.filter_map(|(value, _)| self.convert(&value.expression, scope)).collect();
                let made = self.add_list(name, said, &list.origin);
                self.lists.insert(key, made.clone());
                made
            }
        }
    }

    /// Whether there is anything of the kind or class that a value of this slot names. Who has no siren says nothing
    /// about sirens, and a recogniser that does not know the word cannot mishear something as it.
    fn is_there(&self, slot: &str, value: &ListValue) -> bool {
        let named = match &value.out {
            Some(out) => out.to_string(),
            None => value.text.clone(),
        };
        match slot {
            "domain" => self.vocabulary.entities.iter().any(|entity| entity.kind == named),
            "device_class" => {
                let of_class = |entity: &NamedEntity| {
                    entity.context.get("device_class").is_some_and(|class| class.as_str() == Some(&named))
                };
                self.vocabulary.entities.iter().any(of_class)
            }
            _ => true,
        }
    }

    fn add_list(&mut self, name: &str, said: Vec<Expansion>, origin: &Origin) -> Option<Expansion> {
        if said.is_empty() {
            return None;
        }
        Some(Expansion::Rule(self.add_rule(&format!("list_{name}"), simplified(Expansion::Alternatives(said)), origin)))
    }

    /// The names of entities that the block admits, or of areas or floors.
    fn names(&mut self, list: &str, scope: Scope<'a>) -> Option<Expansion> {
        let vocabulary = self.vocabulary;
        let (names, admitted): (Vec<&String>, Vec<bool>) = match list {
            "area" => vocabulary.areas.iter().map(|area| (area, true)).unzip(),
            "floor" => vocabulary.floors.iter().map(|floor| (floor, true)).unzip(),
            _ => vocabulary
                .entities
                .iter()
                .flat_map(|entity| {
                    let admitted = admits(&scope.block.requires, &scope.block.excludes, &entity.full_context());
                    entity.names.iter().map(move |name| (name, admitted))
                })
                .unzip(),
        };
        let key = (list.to_owned(), None, admitted.clone());
        if let Some(known) = self.lists.get(&key) {
            return known.clone();
        }
        let chosen = names.into_iter().zip(admitted).filter(|(_, admitted)| *admitted);
        let said: Vec<Expansion> = chosen.filter_map(|(name, _)| self.name(name)).collect();
        let origin = Origin { file: "the names of entities, areas and floors".to_owned(), line: 1 };
        let made = self.add_list(list, said, &origin);
        self.lists.insert(key, made.clone());
        made
    }

    fn name(&self, name: &str) -> Option<Expansion> {
        let plain = |text: &str| {
            let said = normalise::sentence(&self.spoken.digits_as_words(text)).text();
            let said = (!said.is_empty() && said.split(' ').all(join::is_sayable)).then(|| words(&said));
            self.as_written(text, said)
        };
        if !self.vocabulary.templates {
            return plain(name);
        }
        let expression = template::parse(name).ok()?;
        let said: Vec<Expansion> = expression.texts()?.iter().filter_map(|text| plain(text)).collect();
        (!said.is_empty()).then_some(Expansion::Alternatives(said))
    }

    fn politeness(&mut self) {
        let phrases: Vec<Expansion> = self.sentences.skip_words.iter().filter_map(|phrase| self.name(phrase)).collect();
        if !phrases.is_empty() {
            let origin = Origin { file: "skip_words".to_owned(), line: 1 };
            self.grammar
                .rules
                .insert(POLITENESS.to_owned(), GrammarRule { expansion: Expansion::Alternatives(phrases), origin });
        }
    }

    /// Drops the rules that no sentence needs: a rule may have been made for a sentence that was then left out.
    fn keep_what_is_used(&mut self) {
        let mut used: BTreeMap<String, GrammarRule> = BTreeMap::new();
        let mut open: Vec<&Expansion> = self.grammar.sentences.iter().map(|sentence| &sentence.expansion).collect();
        let politeness = Expansion::Rule(POLITENESS.to_owned());
        open.push(&politeness);
        while let Some(expansion) = open.pop() {
            match expansion {
                Expansion::Empty | Expansion::Word(_) => {}
                Expansion::Sequence(parts) | Expansion::Alternatives(parts) => open.extend(parts),
                Expansion::Optional(part) => open.push(part),
                Expansion::Rule(name) => {
                    if let Some(rule) = self.grammar.rules.get(name).filter(|_| !used.contains_key(name)) {
                        used.insert(name.clone(), rule.clone());
                        open.push(&rule.expansion);
                    }
                }
            }
        }
        self.grammar.rules = used;
    }
}

fn word(word: &str) -> Expansion {
    Expansion::Word(word.to_owned())
}

/// Several words after one another.
fn words(text: &str) -> Expansion {
    simplified(Expansion::Sequence(text.split_whitespace().map(word).collect()))
}

/// The same without nested sequences, empty parts and groups of one.
fn simplified(expansion: Expansion) -> Expansion {
    match expansion {
        Expansion::Sequence(parts) => {
            let mut flat = Vec::with_capacity(parts.len());
            for part in parts {
                match simplified(part) {
                    Expansion::Empty => {}
                    Expansion::Sequence(mut inner) => flat.append(&mut inner),
                    other => flat.push(other),
                }
            }
            match flat.len() {
                0 => Expansion::Empty,
                1 => flat.swap_remove(0),
                _ => Expansion::Sequence(flat),
            }
        }
        Expansion::Alternatives(parts) => {
            let mut flat: Vec<Expansion> = Vec::with_capacity(parts.len());
            let mut empty = false;
            for part in parts {
                match simplified(part) {
                    Expansion::Empty => empty = true,
                    Expansion::Alternatives(inner) => flat.extend(inner),
                    Expansion::Optional(inner) => {
                        empty = true;
                        flat.push(*inner);
                    }
                    other => flat.push(other),
                }
            }
            let mut seen = std::collections::HashSet::new();
            flat.retain(|part| seen.insert(format!("{part:?}")));
            let choice = match flat.len() {
                0 => return Expansion::Empty,
                1 => flat.swap_remove(0),
                _ => Expansion::Alternatives(flat),
            };
            if empty { Expansion::Optional(Box::new(choice)) } else { choice }
        }
        Expansion::Optional(part) => match simplified(*part) {
            Expansion::Empty => Expansion::Empty,
            Expansion::Optional(inner) => Expansion::Optional(inner),
            other => Expansion::Optional(Box::new(other)),
        },
        Expansion::Empty | Expansion::Word(_) | Expansion::Rule(_) => expansion,
    }
}

#[cfg(test)]
mod tests;
