//! Routes: ordered rules that say who deals with an intent.
//!
//! Owns the rules and their order; the first rule whose conditions all hold decides. It only reads the facts of a
//! request: nothing here runs or asks anything. [`router`] gathers the facts, [`explain`] shows how a text would be
//! routed.
//!
//! # The order
//!
//! 1. `not_heard` and `confidence_below`: what is hardly heard is passed over, what is doubtful is asked. No rule of the
//!    configuration comes before them, so none can make the appliance act on a guess; a rule with a higher
//!    `confidence_below` is stricter, and works.
//! 2. `stop`: what makes things safe is always done. No rule of the configuration can keep anybody from it.
//! 3. The rules of the configuration, in their order.
//! 4. `otherwise`: the appliance deals with it itself.
//!
//! # While the time is not known
//!
//! A condition on the hours is then taken for the safe side: it holds where the rule forbids (`refuse`, `ask_back`), and
//! does not where the rule permits. What is forbidden at night is forbidden as long as nobody knows that it is day.

pub mod explain;
pub mod router;

use jiff::civil::Time;
use serde::Serialize;

use crate::hours::Hours;
use crate::tool::{Role, Source};

/// Below this confidence nothing is done before asking back.
pub const ASK_BELOW: f32 = 0.6;
/// Below this confidence nothing that was heard is worth a question.
const NOT_HEARD_BELOW: f32 = 0.3;

/// The intent that makes everything safe that a stop is to make safe.
pub const STOP: &str = "VictusStop";

/// What a rule may look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts<'a> {
    /// The intent.
    pub intent: &'a str,
    /// How sure parse and recogniser are together, 0 to 1. What is no number counts as 0.
    pub confidence: f32,
    /// The way by which the request came.
    pub source: Source,
    /// What its caller may do.
    pub role: Role,
    /// The time of day in the appliance's time zone; none while the clock has never been set.
    pub time: Option<Time>,
    /// Whether any link is connected.
    pub link_up: bool,
}

/// Who deals with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The appliance itself, by a plan of tool calls.
    Local,
    /// A workflow, which is begun with what was said.
    Workflow(String),
    /// Nobody yet: the speaker is asked whether this was meant.
    AskBack,
    /// Nobody, for a reason in the installer's own words.
    Refuse(String),
    /// Nobody: what was heard was hardly meant for the appliance.
    NotHeard,
}

impl Route {
    /// Whether something may be done.
    fn permits(&self) -> bool {
        matches!(self, Self::Local | Self::Workflow(_))
    }
}

/// The conditions of a rule. All that are given have to hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct When {
    /// The intent is one of these; empty: any.
    #[serde(rename = "intent", skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<String>,
    /// The source is one of these; empty: any.
    #[serde(rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The role is one of these; empty: any.
    #[serde(rename = "role", skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// The confidence is below this, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_below: Option<f32>,
    /// The time of day is among these hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Whether any link is connected.
    #[serde(rename = "link", serialize_with = "as_up_or_down", skip_serializing_if = "Option::is_none")]
    pub link_up: Option<bool>,
}

fn as_up_or_down<S: serde::Serializer>(up: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
    up.map(up_or_down).serialize(serializer)
}

/// The word for a link's state, as the configuration has it.
fn up_or_down(up: bool) -> &'static str {
    if up { "up" } else { "down" }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its name: a turn says by it what routed it.
    pub name: String,
    /// When it holds.
    pub when: When,
    /// What it decides.
    pub then: Route,
}

impl Rule {
    /// Why the rule does not hold, a sentence for each condition that fails; empty where it holds.
    pub fn why_not(&self, facts: &Facts<'_>) -> Vec<String> {
        let When { intents, sources, roles, confidence_below, hours, link_up } = &self.when;
        let mut failed = Vec::new();
        if !intents.is_empty() && !intents.iter().any(|intent| intent == facts.intent) {
            failed.push(format!("the intent is {}, not {}", facts.intent, intents.join(" or ")));
        }
        if !sources.is_empty() && !sources.contains(&facts.source) {
            failed.push(format!("the source is {}, not {}", facts.source, any_of(sources)));
        }
        if !roles.is_empty() && !roles.contains(&facts.role) {
            failed.push(format!("the role is {}, not {}", facts.role, any_of(roles)));
        }
        // A confidence that is no number counts as none: that is what `max` makes of it.
        let confidence = facts.confidence.max(0.0);
        if let Some(below) = confidence_below.filter(|below| confidence >= *below) {
            failed.push(format!("the confidence is {confidence:.2}, not below {below:.2}"));
        }
        if let Some(hours) = hours {
            match facts.time {
                Some(time) if hours.contain(time) => {}
                Some(time) => failed.push(format!("the time is {}, not within {hours}", time.strftime("%H:%M"))),
                None if !self.then.permits() => {}
                None => failed.push(format!("the time is not known, so it may not be within {hours}")),
            }
        }
        if let Some(wanted) = link_up.filter(|wanted| *wanted != facts.link_up) {
            let link = if facts.link_up { "a link is up" } else { "no link is up" };
            failed.push(format!("{link}, and link is to be {}", up_or_down(wanted)));
        }
        failed
    }
}

fn any_of<T: ToString>(names: &[T]) -> String {
    names.iter().map(T::to_string).collect::<Vec<_>>().join(" or ")
}

/// All rules, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// The names of the rules that are always there.
    pub const BUILT_IN: [&'static str; 4] = ["not_heard", "confidence_below", "stop", "otherwise"];

    /// The built-in rules with those of the configuration among them.
    pub fn new(configured: Vec<Rule>) -> Self {
        let [not_heard, confidence_below, stop, otherwise] = Self::BUILT_IN;
        let rule = |name: &str, when, then| Rule { name: name.to_owned(), when, then };
        let below = |confidence| When { confidence_below: Some(confidence), ..When::default() };
        let stops = When { intents: vec![STOP.to_owned()], ..When::default() };
        let mut rules = vec![
            rule(not_heard, below(NOT_HEARD_BELOW), Route::NotHeard),
            rule(confidence_below, below(ASK_BELOW), Route::AskBack),
            rule(stop, stops, Route::Local),
        ];
        rules.extend(configured);
        rules.push(rule(otherwise, When::default(), Route::Local));
        Self(rules)
    }

    /// Every rule, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule that decides. There is always one, because the last has no condition.
    pub fn decide(&self, facts: &Facts<'_>) -> Option<&Rule> {
        self.iter().find(|rule| rule.why_not(facts).is_empty())
    }
}

#[cfg(test)]
mod tests;
