//! From a document's tree to sentences: every fault becomes a problem and costs only the part that it stands in.

mod lists;

use super::super::responses;
use super::super::template::{self, Expression};
use super::context::Requirement;
use super::document::{self, Key, Node, Place, Tree};
use super::{Block, Problem, Requirements, Rule, Sentences, Source, Template};
use crate::intents::{Origin, SlotValue};
use std::collections::{BTreeMap, HashMap};

/// The furthest column that a fault within a text is named by.
const MAX_COLUMN: usize = 2_000;

/// Reads one file into `sentences`.
pub(super) fn file(source: &Source, sentences: &mut Sentences, problems: &mut Vec<Problem>) {
    let mut reader = Reader { source, lines: source.text.lines().collect(), problems };
    match document::read(&source.text) {
        Ok(node) => reader.document(&node, sentences),
        Err((place, message)) => {
            // What is missing at the end is found missing in a line that is not there.
            let last = reader.lines.len().max(1);
            let place = if place.line > last { Place { line: last, column: 0 } } else { place };
            reader.fault(place, format!("{message}; the whole file is left out"));
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    lines: Vec<&'a str>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn origin(&self, place: Place) -> Origin {
        Origin { file: self.source.name.clone(), line: place.line }
    }

    fn fault(&mut self, place: Place, message: String) {
        let column = (place.column > 0).then_some(place.column);
        self.problems.push(Problem { origin: self.origin(place), column, message });
    }

    /// The entries of a map. Of a key that stands there twice the last one counts.
    fn map<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n (Key, Node)> {
        let entries = match &node.tree {
            Tree::Map(entries) => entries.as_slice(),
            Tree::Null => &[],
            _ => {
                self.fault(node.place, format!("{what} must be a map, and this is {}; it is left out", node.kind()));
                &[]
            }
        };
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (index, (key, _)) in entries.iter().enumerate() {
            if last.insert(&key.name, index).is_some() {
                self.fault(key.place, format!("the key `{}` stands here twice; the last one counts", key.name));
            }
        }
        entries
            .iter()
            .enumerate()
            .filter(|(index, (key, _))| last[key.name.as_str()] == *index)
            .map(|(_, it)| it)
            .collect()
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.tree {
            Tree::List(nodes) => nodes,
            Tree::Null => &[],
            _ => {
                self.fault(node.place, format!("{what} must be a list, and this is {}; it is left out", node.kind()));
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.text();
        if text.is_none() {
            self.fault(node.place, format!("{what} must be a text, and this is {}; it is left out", node.kind()));
        }
        text
    }

    fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.tree {
            Tree::Bool(flag) => Some(flag),
            _ => {
                self.fault(
                    node.place,
                    format!("{what} must be true or false, and this is {}; it is left out", node.kind()),
                );
                None
            }
        }
    }

    fn unknown(&mut self, key: &Key, known: &str) {
        self.fault(key.place, format!("`{}` is not known here and is left out; known are {known}", key.name));
    }

    fn document(&mut self, node: &Node, sentences: &mut Sentences) {
        for (key, value) in self.map(node, "a sentence file") {
            match key.name.as_str() {
                "language" => self.language(value, sentences),
                "settings" => self.settings(value, sentences),
                "intents" => self.intents(value, sentences),
                "lists" => self.lists(value, &mut sentences.lists),
                "expansion_rules" => self.rules(value, &mut sentences.rules),
                "skip_words" => {
                    for word in self.list(value, "skip_words") {
                        sentences.skip_words.extend(self.text(word, "a skip word"));
                    }
                }
                "fillers" => {
                    for word in self.list(value, "fillers") {
                        sentences.fillers.extend(self.text(word, "a filler"));
                    }
                }
                "conjunctions" => {
                    for word in self.list(value, "conjunctions") {
                        sentences.conjunctions.extend(self.text(word, "a conjunction"));
                    }
                }
                "exceptions" => {
                    for word in self.list(value, "exceptions") {
                        sentences.exceptions.extend(self.text(word, "what begins an exception"));
                    }
                }
                "responses" => self.responses(value, sentences),
                _ => self.unknown(
                    key,
                    "language, settings, intents, lists, expansion_rules, skip_words, fillers, conjunctions, exceptions and responses",
                ),
            }
        }
    }

    fn language(&mut self, node: &Node, sentences: &mut Sentences) {
        let Some(language) = self.text(node, "the language") else { return };
        if sentences.language.is_empty() {
            sentences.language = language;
        } else if sentences.language != language {
            let message = format!(
                "this file is for the language `{language}`, the ones before it are for `{}`; its sentences are read all the same",
                sentences.language
            );
            self.fault(node.place, message);
        }
    }

    fn settings(&mut self, node: &Node, sentences: &mut Sentences) {
        for (key, value) in self.map(node, "settings") {
            match key.name.as_str() {
                "ignore_whitespace" => {
                    if let Some(flag) = self.flag(value, "ignore_whitespace") {
                        sentences.ignore_whitespace = flag;
                    }
                }
                // The reference's own optimisation: what it matches does not depend on it.
                "filter_with_regex" => {}
                _ => self.unknown(key, "ignore_whitespace and filter_with_regex"),
            }
        }
    }

    fn intents(&mut self, node: &Node, sentences: &mut Sentences) {
        for (intent, body) in self.map(node, "intents") {
            for (key, value) in self.map(body, "an intent") {
                if key.name != "data" {
                    self.unknown(key, "data");
                    continue;
                }
                for block in self.list(value, "data") {
                    let block = self.block(&intent.name, block);
                    sentences.blocks.push(block);
                }
            }
        }
    }

    fn block(&mut self, intent: &str, node: &Node) -> Block {
        let mut block = Block { intent: intent.to_owned(), ..Block::default() };
        for (key, value) in self.map(node, "a block of sentences") {
            match key.name.as_str() {
                "sentences" => {
                    for sentence in self.list(value, "sentences") {
                        block.templates.extend(self.template(sentence));
                    }
                }
                "slots" => {
                    for (slot, value) in self.map(value, "slots") {
                        if let Some(value) = self.slot_value(value) {
                            block.slots.insert(slot.name.clone(), value);
                        }
                    }
                }
                "requires_context" => block.requires = self.requirements(value, "requires_context"),
                "excludes_context" => block.excludes = self.requirements(value, "excludes_context"),
                "required_keywords" => {
                    for word in self.list(value, "required_keywords") {
                        block.required_keywords.extend(self.text(word, "a required keyword"));
                    }
                }
                "expansion_rules" => self.rules(value, &mut block.rules),
                "lists" => self.lists(value, &mut block.lists),
                "response" => block.response = self.text(value, "the response's key"),
                "example" => block.example = self.template(value),
                "metadata" => block.metadata = self.json_map(value, "metadata"),
                // As in `settings` above.
                "settings" => {}
                _ => self.unknown(
                    key,
                    "sentences, slots, requires_context, excludes_context, required_keywords, expansion_rules, lists, response, example, metadata and settings",
                ),
            }
        }
        block
    }

    fn template(&mut self, node: &Node) -> Option<Template> {
        let text = self.text(node, "a sentence")?;
        let expression = self.expression(&text, node.place, "the sentence")?;
        let column = self.column(&text, node.place);
        Some(Template { text, expression, origin: self.origin(node.place), column })
    }

    /// The column in which a text begins that stands on one line as it is, behind its quotation mark if it has one. Nothing
    /// far to the right: nobody counts that far, and a line of many values would be walked once for each.
    fn column(&self, text: &str, place: Place) -> Option<usize> {
        let before = place.column.checked_sub(1).filter(|&before| before < MAX_COLUMN)?;
        let line = place.line.checked_sub(1).and_then(|line| self.lines.get(line))?;
        let mut rest = line.chars().skip(before);
        let quoted = matches!(rest.clone().next(), Some('"' | '\''));
        if quoted {
            rest.next();
        }
        text.chars().all(|character| rest.next() == Some(character)).then_some(place.column + usize::from(quoted))
    }

    /// Parses a template; a fault is named by the column in the file where the text stands on one line as it is.
    fn expression(&mut self, text: &str, place: Place, what: &str) -> Option<Expression> {
        match template::parse(text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                let column = self.column(text, place).map(|start| start + error.offset);
                self.problems.push(Problem {
                    origin: self.origin(place),
                    column,
                    message: format!("{}; {what} is left out: `{}`", error.message, shortened(text)),
                });
                None
            }
        }
    }

    fn rules(&mut self, node: &Node, into: &mut BTreeMap<String, Rule>) {
        for (key, value) in self.map(node, "expansion_rules") {
            let Some(text) = self.text(value, "an expansion rule") else { continue };
            // The place of the key says better than that of a folded text which rule is meant.
            if let Some(expression) = self.expression(&text, value.place, &format!("the rule <{}>", key.name)) {
                let column = (key.place.column > 0).then_some(key.place.column);
                into.insert(key.name.clone(), Rule { expression, origin: self.origin(key.place), column });
            }
        }
    }

    fn slot_value(&mut self, node: &Node) -> Option<SlotValue> {
        match &node.tree {
            Tree::Number(number) => Some(SlotValue::Number(*number)),
            Tree::List(nodes) => Some(SlotValue::List(nodes.iter().filter_map(|node| self.slot_value(node)).collect())),
            Tree::Null => None,
            _ => self.text(node, "a slot's value").map(SlotValue::Text),
        }
    }

    fn requirements(&mut self, node: &Node, what: &str) -> Requirements {
        let mut requirements = Requirements::new();
        for (key, value) in self.map(node, what) {
            let mut requirement = Requirement::default();
            let mut wanted = Some(value);
            if let Tree::Map(entries) = &value.tree {
                wanted = None;
                for (part, value) in entries {
                    match part.name.as_str() {
                        "slot" => requirement.slot = self.slot_of_context(value, &key.name),
                        "value" => wanted = Some(value),
                        _ => self.unknown(part, "slot and value"),
                    }
                }
            }
            match wanted.map(|node| (&node.tree, node)) {
                None | Some((Tree::Null, _)) => {}
                Some((Tree::List(nodes), _)) => requirement.any_of = nodes.iter().map(Node::json).collect(),
                Some((_, node)) => requirement.any_of = vec![node.json()],
            }
            requirements.insert(key.name.clone(), requirement);
        }
        requirements
    }

    /// The slot that takes a context value: `slot: true` one of the same name, `slot: name` one of that name.
    fn slot_of_context(&mut self, node: &Node, key: &str) -> Option<String> {
        match &node.tree {
            Tree::Bool(flag) => flag.then(|| key.to_owned()),
            _ => self.text(node, "slot"),
        }
    }

    fn json_map(&mut self, node: &Node, what: &str) -> BTreeMap<String, serde_json::Value> {
        self.map(node, what).iter().map(|(key, value)| (key.name.clone(), value.json())).collect()
    }

    /// Replies stand as `responses: intents: INTENT: KEY: TEXT` and `responses: errors: KEY: TEXT`.
    fn responses(&mut self, node: &Node, sentences: &mut Sentences) {
        let mut foreign = 0;
        for (section, value) in self.map(node, "responses") {
            match section.name.as_str() {
                "intents" => {
                    for (intent, replies) in self.map(value, "the replies of intents") {
                        for (key, reply) in self.map(replies, "an intent's replies") {
                            foreign +=
                                usize::from(!self.reply(&format!("{}.{}", intent.name, key.name), reply, sentences));
                        }
                    }
                }
                "errors" => {
                    for (key, reply) in self.map(value, "the replies of errors") {
                        foreign += usize::from(!self.reply(&format!("errors.{}", key.name), reply, sentences));
                    }
                }
                _ => self.unknown(section, "intents and errors"),
            }
        }
        if foreign > 0 {
            let message = format!(
                "{foreign} replies are written in Jinja (`{{{{` or `{{%`) and are left out; write `{{name}}` for a value"
            );
            self.fault(node.place, message);
        }
    }

    /// Keeps a reply; false where it is written in a language that is not read here.
    fn reply(&mut self, key: &str, node: &Node, sentences: &mut Sentences) -> bool {
        let Some(text) = self.text(node, "a reply") else { return true };
        if text.contains("{{") || text.contains("{%") {
            return false;
        }
        match responses::parse(&text) {
            Ok(reply) => sentences.responses.insert(key, reply),
            Err(message) => self.fault(node.place, format!("{message}; the reply `{key}` is left out")),
        }
        true
    }
}

/// A template for a message: its beginning, where it is long.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 160;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
