//! The router: the rules, together with what they look at.
//!
//! Owns the way from a request to its facts (time of day, links) and from a route to what is said where it is not done.

use std::sync::Arc;

use jiff::tz::TimeZone;
use victus_hw::clock::{Clock, WallTime};

use super::{Facts, Route, Rule, Rules};
use crate::hours::local_time;
use crate::language::Language;
use crate::links::Links;
use crate::tool::Caller;
use crate::turn::{Outcome, Turn};

/// The rules with the clock and the links that they look at.
pub struct Router {
    pub(super) rules: Rules,
    clock: Arc<dyn Clock>,
    time_zone: TimeZone,
    links: Arc<Links>,
}

impl Router {
    /// A router by the rules of a configuration, in their order, beside those that are built in.
    pub fn new(configured: Vec<Rule>, clock: Arc<dyn Clock>, time_zone: TimeZone, links: Arc<Links>) -> Self {
        Self { rules: Rules::new(configured), clock, time_zone, links }
    }

    /// The rules, in the order in which they are asked.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The facts of a request as they are now.
    pub(super) fn facts<'a>(&self, intent: &'a str, confidence: f32, caller: &Caller) -> Facts<'a> {
        Facts {
            intent,
            confidence,
            source: caller.source,
            role: caller.role,
            time: local_time(self.clock.wall(), &self.time_zone),
            link_up: self.links.any_up(),
        }
    }

    /// Whether a link is connected.
    pub(in crate::orchestrator) fn link_up(&self) -> bool {
        self.links.any_up()
    }

    /// The route of an understood turn, by the facts as they were when it began, and the name of the rule that decided.
    pub(in crate::orchestrator) fn route(&self, intent: &str, turn: &Turn) -> (Route, String) {
        let wall = WallTime { unix_ms: turn.at.wall_ms, trust: turn.at.trust };
        let facts = Facts {
            intent,
            confidence: turn.confidence.unwrap_or(1.0),
            source: turn.caller.source,
            role: turn.caller.role,
            time: local_time(wall, &self.time_zone),
            link_up: turn.link_up,
        };
        match self.rules.decide(&facts) {
            Some(rule) => (rule.then.clone(), rule.name.clone()),
            None => (Route::NotHeard, "no_rule".to_owned()),
        }
    }
}

/// How a turn ends that the appliance is not to deal with; none where it is.
pub(in crate::orchestrator) fn end(route: &Route, turn: &Turn, language: &Language) -> Option<(Outcome, String)> {
    match route {
        Route::Local | Route::Workflow(_) => None,
        Route::AskBack => {
            let meant = language.matcher.without_skip_words(turn.repaired.as_deref().unwrap_or(&turn.text));
            Some((Outcome::Asked, language.phrase("unsure", &[("choices", &meant)])))
        }
        Route::Refuse(reason) => {
            let reason = reason.trim_end_matches('.');
            Some((Outcome::Refused, language.phrase("refused", &[("reason", reason)])))
        }
        Route::NotHeard => Some((Outcome::NotUnderstood, language.phrase("not_heard", &[]))),
    }
}
