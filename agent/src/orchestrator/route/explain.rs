//! How a text would be routed: what it is understood as, each rule with whether it holds, and which decides.
//!
//! Promises to ask the very rules and the matcher that a request asks, and to run, store and say nothing.

use jiff::civil::Time;
use serde::Serialize;
use serde_json::Value;

use super::router::Router;
use super::{Facts, Route, When};
use crate::intents::{Context, IntentMatch};
use crate::language::Language;
use crate::tool::{Caller, Role, Source};

/// What is asked: a request that nobody makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Supposed {
    /// The words.
    pub text: String,
    /// Who would ask.
    pub caller: Caller,
    /// How sure a recogniser would be, 0 to 1; none for typed words.
    pub confidence: Option<f32>,
    /// The time of day; none for now.
    pub time: Option<Time>,
    /// Whether a link is connected; none for as it is.
    pub link_up: Option<bool>,
}

/// How it would be routed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// What it may be understood as: one reading is routed, several are asked about, none is not understood.
    pub readings: Vec<Reading>,
    /// What the rules look at; none where there is not exactly one reading.
    pub facts: Option<Looked>,
    /// Each rule, in order; empty where there is not exactly one reading.
    pub rules: Vec<Considered>,
    /// The name of the rule that decides.
    pub decided_by: Option<String>,
}

/// One reading of the words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The intent.
    pub intent: String,
    /// Its slots.
    pub slots: serde_json::Map<String, Value>,
    /// The ids of the entities that it is about.
    pub entities: Vec<String>,
    /// The template that fits, as `file:line`.
    pub template: String,
    /// The sentence that the words were taken for, where they fitted none as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
}

/// What the rules look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Looked {
    /// The way by which the request would come.
    pub source: Source,
    /// What its caller may do.
    pub role: Role,
    /// How sure parse and recogniser are together.
    pub confidence: f32,
    /// The time of day as `HH:MM`; none while it is not known.
    pub time: Option<String>,
    /// `up` or `down`.
    pub link: &'static str,
}

/// One rule, as it stands to the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Considered {
    /// Its name.
    pub name: String,
    /// Its conditions.
    pub when: When,
    /// What it would decide.
    pub then: Route,
    /// Whether its conditions hold. The first rule where they do decides.
    pub holds: bool,
    /// Why they don't, a sentence for each that fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why_not: Vec<String>,
}

impl Router {
    /// Explains how a request would be routed.
    pub fn explain(&self, supposed: &Supposed, language: &Language) -> Explained {
        let matches = language.matcher.understand(&supposed.text, &Context::new());
        let readings = matches.all().map(reading).collect();
        let Some(best) = matches.unambiguous() else {
            return Explained { readings, facts: None, rules: Vec::new(), decided_by: None };
        };
        let confidence = best.confidence.min(supposed.confidence.unwrap_or(1.0));
        let mut facts = self.facts(&best.intent, confidence, &supposed.caller);
        facts.time = supposed.time.or(facts.time);
        facts.link_up = supposed.link_up.unwrap_or(facts.link_up);
        Explained {
            readings,
            facts: Some(looked(&facts)),
            rules: self.considered(&facts),
            decided_by: self.rules.decide(&facts).map(|rule| rule.name.clone()),
        }
    }

    fn considered(&self, facts: &Facts<'_>) -> Vec<Considered> {
        let considered = |rule: &super::Rule| {
            let why_not = rule.why_not(facts);
            let (name, when, then) = (rule.name.clone(), rule.when.clone(), rule.then.clone());
            Considered { name, when, then, holds: why_not.is_empty(), why_not }
        };
        self.rules.iter().map(considered).collect()
    }
}

fn reading(found: &IntentMatch) -> Reading {
    let value = |value| serde_json::to_value(value).unwrap_or(Value::Null);
    Reading {
        intent: found.intent.clone(),
        slots: found.slots.iter().map(|(name, slot)| (name.clone(), value(slot))).collect(),
        entities: found.entities.clone(),
        template: found.template.to_string(),
        repaired: found.repaired.clone(),
    }
}

fn looked(facts: &Facts<'_>) -> Looked {
    Looked {
        source: facts.source,
        role: facts.role,
        confidence: facts.confidence,
        time: facts.time.map(|time| time.strftime("%H:%M").to_string()),
        link: super::up_or_down(facts.link_up),
    }
}
