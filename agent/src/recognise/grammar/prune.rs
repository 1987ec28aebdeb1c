//! Leaves out of a grammar what is broken or cannot be heard, and says what and why.
//!
//! One alternative that cannot be kept costs that alternative; a sequence or a rule of which a needed part cannot be kept
//! costs what uses it; a sentence that names an undefined rule is left out whole, because its author meant something
//! else than what would remain of it.

use std::collections::{BTreeMap, BTreeSet};

use super::jsgf::references;
use super::{Expansion, GrammarRule, MAX_DEPTH, MAX_WORD_BYTES, Problem, SpeechGrammar};

/// What became of one expansion while pruning.
struct Pruner<'a> {
    /// Words that are not kept.
    words: &'a BTreeSet<String>,
    /// Rules that are not kept.
    rules: &'a BTreeSet<String>,
    /// The words and rules that were met and not kept.
    met_words: BTreeSet<String>,
    met_rules: BTreeSet<String>,
}

impl Pruner<'_> {
    /// What remains of an expansion; none if nothing does.
    fn prune(&mut self, expansion: &Expansion) -> Option<Expansion> {
        match expansion {
            Expansion::Empty => Some(Expansion::Empty),
            Expansion::Word(word) => {
                if self.words.contains(word) {
                    self.met_words.insert(word.clone());
                    return None;
                }
                Some(expansion.clone())
            }
            Expansion::Rule(name) => {
                if self.rules.contains(name) {
                    self.met_rules.insert(name.clone());
                    return None;
                }
                Some(expansion.clone())
            }
            Expansion::Optional(inner) => Some(match self.prune(inner) {
                Some(inner) => Expansion::Optional(Box::new(inner)),
                None => Expansion::Empty,
            }),
            Expansion::Sequence(parts) => {
                // All parts are visited, so that every word that is missing is reported at once.
                let kept: Vec<Option<Expansion>> = parts.iter().map(|part| self.prune(part)).collect();
                kept.into_iter().collect::<Option<Vec<_>>>().map(Expansion::Sequence)
            }
            Expansion::Alternatives(parts) => {
                let kept: Vec<Expansion> = parts.iter().filter_map(|part| self.prune(part)).collect();
                if kept.is_empty() { None } else { Some(Expansion::Alternatives(kept)) }
            }
        }
    }
}

impl SpeechGrammar {
    /// The grammar without what is broken: words that are no words, undefined rules, rules that use themselves, nesting
    /// without end. The rest stays. Each fault is named with the file and line where it was written.
    pub fn checked(&self) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut broken = BTreeSet::new();
        for (name, rule) in &self.rules {
            if let Some(message) = fault(&rule.expansion).or_else(|| fault_of_name(name)) {
                problems.push(Problem::at(&rule.origin, format!("{message}; the rule `{name}` is left out")));
                broken.insert(name.clone());
            }
        }
        for name in self.rules_in_circles() {
            if broken.insert(name.clone())
                && let Some(rule) = self.rules.get(&name)
            {
                let message = format!("the rule `{name}` uses itself, which could go on for ever; it is left out");
                problems.push(Problem::at(&rule.origin, message));
            }
        }

        let mut sentences = Vec::with_capacity(self.sentences.len());
        for sentence in &self.sentences {
            let mut names = BTreeSet::new();
            let message = fault(&sentence.expansion).or_else(|| {
                references(&sentence.expansion, &mut names, 0);
                let undefined: Vec<&str> = names.into_iter().filter(|name| !self.rules.contains_key(*name)).collect();
                (!undefined.is_empty()).then(|| no_rule(&undefined))
            });
            match message {
                Some(message) => {
                    problems.push(Problem::at(&sentence.origin, format!("{message}; the sentence is left out")));
                }
                None => sentences.push(sentence.clone()),
            }
        }
        for rule in self.rules.values() {
            let mut names = BTreeSet::new();
            references(&rule.expansion, &mut names, 0);
            let undefined: Vec<&str> = names.into_iter().filter(|name| !self.rules.contains_key(*name)).collect();
            if !undefined.is_empty() {
                let message = format!("{}; what needs it is left out", no_rule(&undefined));
                problems.push(Problem::at(&rule.origin, message));
                broken.extend(undefined.into_iter().map(str::to_owned));
            }
        }

        let rules = self.rules.iter().filter(|(name, _)| !broken.contains(*name));
        let rules = rules.map(|(name, rule)| (name.clone(), rule.clone())).collect();
        let grammar = Self { sentences, rules };
        let (grammar, more) = grammar.pruned(&BTreeSet::new(), broken, "");
        problems.extend(more);
        (grammar, problems)
    }

    /// The grammar without what needs one of these words. Each rule and sentence that loses something is named with the
    /// file and line where it was written.
    pub fn without_words(&self, missing: &BTreeSet<String>) -> (Self, Vec<Problem>) {
        self.pruned(
            missing,
            BTreeSet::new(),
            "no pronunciation is known for it: write it as it is said, or add one to `spoken` in the entity's config",
        )
    }

    /// Prunes rules until nothing more is lost, then the sentences.
    fn pruned(&self, words: &BTreeSet<String>, mut lost: BTreeSet<String>, remedy: &str) -> (Self, Vec<Problem>) {
        let mut rules = self.rules.clone();
        let mut reports: BTreeMap<String, Problem> = BTreeMap::new();
        loop {
            let mut newly_lost = BTreeSet::new();
            let mut kept = BTreeMap::new();
            for (name, rule) in &rules {
                let mut pruner = Pruner { words, rules: &lost, met_words: BTreeSet::new(), met_rules: BTreeSet::new() };
                let expansion = pruner.prune(&rule.expansion);
                if !pruner.met_words.is_empty() {
                    let message = report(&pruner, "what needs it", remedy);
                    reports.entry(name.clone()).or_insert_with(|| Problem::at(&rule.origin, message));
                }
                match expansion {
                    Some(expansion) => {
                        kept.insert(name.clone(), GrammarRule { expansion, origin: rule.origin.clone() });
                    }
                    None => {
                        newly_lost.insert(name.clone());
                    }
                }
            }
            rules = kept;
            if newly_lost.is_empty() {
                break;
            }
            lost.extend(newly_lost);
        }

        let mut problems: Vec<Problem> = reports.into_values().collect();
        let mut sentences = Vec::with_capacity(self.sentences.len());
        for sentence in &self.sentences {
            let mut pruner = Pruner { words, rules: &lost, met_words: BTreeSet::new(), met_rules: BTreeSet::new() };
            let expansion = pruner.prune(&sentence.expansion);
            let what = if expansion.is_some() { "what needs it" } else { "the sentence" };
            if !pruner.met_words.is_empty() || (expansion.is_none() && !pruner.met_rules.is_empty()) {
                problems.push(Problem::at(&sentence.origin, report(&pruner, what, remedy)));
            }
            if let Some(expansion) = expansion {
                sentences.push(GrammarRule { expansion, origin: sentence.origin.clone() });
            }
        }
        (Self { sentences, rules }, problems)
    }

    /// The rules from which a way leads back to themselves.
    fn rules_in_circles(&self) -> BTreeSet<String> {
        // A rule is on no circle once everything that it refers to is on none; what never gets there is on one, or
        // leads to one. Those that only lead to one are kept apart by asking whether they can reach themselves.
        let mut successors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, rule) in &self.rules {
            let mut names = BTreeSet::new();
            references(&rule.expansion, &mut names, 0);
            names.retain(|name| self.rules.contains_key(*name));
            successors.insert(name, names);
        }
        let mut settled: BTreeSet<&str> = BTreeSet::new();
        loop {
            let ready: Vec<&str> = successors
                .iter()
                .filter(|(name, next)| !settled.contains(*name) && next.iter().all(|name| settled.contains(name)))
                .map(|(name, _)| *name)
                .collect();
            if ready.is_empty() {
                break;
            }
            settled.extend(ready);
        }
        let mut circles = BTreeSet::new();
        for name in successors.keys().filter(|name| !settled.contains(*name)) {
            let mut seen: BTreeSet<&str> = BTreeSet::new();
            let mut pending: Vec<&str> = vec![name];
            while let Some(current) = pending.pop() {
                pending.extend(successors.get(current).into_iter().flatten().filter(|next| seen.insert(next)));
            }
            if seen.contains(name) {
                circles.insert((*name).to_owned());
            }
        }
        circles
    }
}

fn report(pruner: &Pruner<'_>, what: &str, remedy: &str) -> String {
    let quoted = |names: &BTreeSet<String>, open: &str, close: &str| {
        let mut text: Vec<String> = names.iter().take(5).map(|name| format!("{open}{name}{close}")).collect();
        if names.len() > 5 {
            text.push(format!("{} more", names.len() - 5));
        }
        text.join(", ")
    };
    if pruner.met_words.is_empty() {
        format!("nothing is left of {}; {what} is left out", quoted(&pruner.met_rules, "`<", ">`"))
    } else {
        format!("{} cannot be heard, {what} is left out: {remedy}", quoted(&pruner.met_words, "“", "”"))
    }
}

fn no_rule(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`<{name}>`")).collect();
    format!("there is no rule {}: define it or correct the name", names.join(", "))
}

fn fault_of_name(name: &str) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (name.is_empty() || !name.bytes().all(good))
        .then(|| format!("`{name}` is no name for a rule: use small letters, digits and `_`"))
}

/// What makes an expansion unusable, if anything.
fn fault(expansion: &Expansion) -> Option<String> {
    fn walk(expansion: &Expansion, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return Some(format!("this nests more than {MAX_DEPTH} deep"));
        }
        match expansion {
            Expansion::Empty | Expansion::Rule(_) => None,
            Expansion::Word(word) => fault_of_word(word),
            Expansion::Optional(inner) => walk(inner, depth + 1),
            Expansion::Alternatives(parts) if parts.is_empty() => Some("a list of alternatives is empty".to_owned()),
            Expansion::Sequence(parts) | Expansion::Alternatives(parts) => {
                parts.iter().find_map(|part| walk(part, depth + 1))
            }
        }
    }
    walk(expansion, 0)
}

fn fault_of_word(word: &str) -> Option<String> {
    if word.is_empty() {
        Some("a word is empty".to_owned())
    } else if word.len() > MAX_WORD_BYTES {
        let start: String = word.chars().take(20).collect();
        Some(format!("the word “{start}…” is longer than {MAX_WORD_BYTES} bytes"))
    } else if word.chars().any(|character| character.is_whitespace() || character.is_control()) {
        Some(format!("{word:?} is not one word: it has white space or a control character in it"))
    } else {
        None
    }
}
