//! Routes: ordered rules that say who deals with an intent.
//!
//! Owns the rules and their order; the first rule whose condition holds decides. It only reads the facts of a request:
//! nothing here runs or asks anything.

use crate::tool::{Role, Source};

/// Below this confidence nothing is done before asking back.
const ASK_BELOW: f32 = 0.6;
/// Below this confidence nothing that was heard is worth a question.
const NOT_HEARD_BELOW: f32 = 0.3;

/// What a rule may look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts<'a> {
    /// The intent.
    pub intent: &'a str,
    /// How sure parse and recogniser are together, 0 to 1.
    pub confidence: f32,
    /// The way by which the request came.
    pub source: Source,
    /// What its caller may do.
    pub role: Role,
}

/// Who deals with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The appliance itself, by a plan of tool calls.
    Local,
    /// Nobody yet: the speaker is asked whether this was meant.
    AskBack,
    /// Nobody: what was heard was hardly meant for the appliance.
    NotHeard,
}

/// One rule.
struct Rule {
    name: &'static str,
    holds: fn(&Facts<'_>) -> bool,
    then: Route,
}

/// The rules, in order. The last holds always. A confidence that is no number counts as none (`f32::max`).
const RULES: [Rule; 3] = [
    Rule { name: "not_heard", holds: |facts| facts.confidence.max(0.0) < NOT_HEARD_BELOW, then: Route::NotHeard },
    Rule { name: "confidence_below", holds: |facts| facts.confidence.max(0.0) < ASK_BELOW, then: Route::AskBack },
    Rule { name: "otherwise", holds: |_| true, then: Route::Local },
];

/// The route of a request, and the name of the rule that decided.
pub fn route(facts: &Facts<'_>) -> (Route, &'static str) {
    RULES.iter().find(|rule| (rule.holds)(facts)).map_or((Route::NotHeard, "no_rule"), |rule| (rule.then, rule.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rule_that_holds_decides() {
        let facts =
            |confidence| Facts { intent: "HassTurnOn", confidence, source: Source::Voice, role: Role::Operator };
        let table = [
            (1.0, Route::Local, "otherwise"),
            (0.6, Route::Local, "otherwise"),
            (0.59, Route::AskBack, "confidence_below"),
            (0.3, Route::AskBack, "confidence_below"),
            (0.29, Route::NotHeard, "not_heard"),
            (-1.0, Route::NotHeard, "not_heard"),
            (f32::NAN, Route::NotHeard, "not_heard"),
        ];
        for (confidence, expected, rule) in table {
            assert_eq!(route(&facts(confidence)), (expected, rule), "confidence {confidence}");
        }
    }
}
