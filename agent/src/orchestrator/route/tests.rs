//! The rules as tables: facts in, the rule that decides out.

use serde_json::json;

use super::*;
use crate::hours::time_of_day;

fn facts(intent: &str) -> Facts<'_> {
    Facts {
        intent,
        confidence: 1.0,
        source: Source::Voice,
        role: Role::Operator,
        time: time_of_day("12:00"),
        link_up: true,
    }
}

fn rule(name: &str, when: When, then: Route) -> Rule {
    Rule { name: name.to_owned(), when, then }
}

fn refuse(reason: &str) -> Route {
    Route::Refuse(reason.to_owned())
}

fn when() -> When {
    When::default()
}

fn intents(names: &[&str]) -> When {
    When { intents: names.iter().map(|name| (*name).to_owned()).collect(), ..when() }
}

fn hours(text: &str) -> Option<Hours> {
    Some(text.parse().unwrap())
}

fn decided<'a>(rules: &'a Rules, facts: &Facts<'_>) -> (&'a str, &'a Route) {
    rules.decide(facts).map(|rule| (rule.name.as_str(), &rule.then)).unwrap()
}

#[test]
fn without_configuration_confidence_decides() {
    let rules = Rules::new(Vec::new());
    let table = [
        (1.0, "otherwise", Route::Local),
        (0.6, "otherwise", Route::Local),
        (0.59, "confidence_below", Route::AskBack),
        (0.3, "confidence_below", Route::AskBack),
        (0.29, "not_heard", Route::NotHeard),
        (-1.0, "not_heard", Route::NotHeard),
        (f32::NAN, "not_heard", Route::NotHeard),
    ];
    for (confidence, name, route) in table {
        let facts = Facts { confidence, ..facts("HassTurnOn") };
        assert_eq!(decided(&rules, &facts), (name, &route), "confidence {confidence}");
    }
}

/// The rules of a press hall: valves by day only, the fleet reads, the panel is let do, and who is unsure is asked.
fn press_hall() -> Rules {
    Rules::new(vec![
        rule(
            "panel",
            When { sources: vec![Source::Panel, Source::Cli], roles: vec![Role::Admin], ..when() },
            Route::Local,
        ),
        rule(
            "night",
            When { hours: hours("22:00-06:00"), ..intents(&["HassTurnOn", "HassTurnOff"]) },
            refuse("at night"),
        ),
        rule("alone", When { link_up: Some(false), sources: vec![Source::Fleet], ..when() }, refuse("offline")),
        rule("unsure", When { confidence_below: Some(0.8), ..intents(&["HassTurnOn"]) }, Route::AskBack),
    ])
}

#[test]
fn the_first_rule_whose_conditions_all_hold_decides() {
    let rules = press_hall();
    let day = facts("HassTurnOn");
    let night = Facts { time: time_of_day("23:30"), ..day };
    let admin = Facts { source: Source::Cli, role: Role::Admin, ..night };
    let table = [
        ("by day", day, "otherwise"),
        ("by night", night, "night"),
        ("another intent by night", Facts { intent: "HassTurnO", ..night }, "otherwise"),
        ("the second of the intents", Facts { intent: "HassTurnOff", ..night }, "night"),
        ("before six", Facts { time: time_of_day("05:59"), ..night }, "night"),
        ("at six", Facts { time: time_of_day("06:00"), ..night }, "otherwise"),
        ("an admin at the command line by night", admin, "panel"),
        ("an operator there", Facts { role: Role::Operator, ..admin }, "night"),
        ("an admin by voice", Facts { source: Source::Voice, ..admin }, "night"),
        ("the fleet with a link down", Facts { source: Source::Fleet, link_up: false, ..day }, "alone"),
        ("the fleet with a link up", Facts { source: Source::Fleet, ..day }, "otherwise"),
        ("a voice with a link down", Facts { link_up: false, ..day }, "otherwise"),
        ("rather sure", Facts { confidence: 0.79, ..day }, "unsure"),
        ("sure enough", Facts { confidence: 0.8, ..day }, "otherwise"),
        ("rather sure of another intent", Facts { confidence: 0.79, ..facts("HassGetState") }, "otherwise"),
    ];
    for (what, facts, expected) in table {
        assert_eq!(decided(&rules, &facts).0, expected, "{what}");
    }
}

#[test]
fn no_rule_of_the_configuration_makes_a_guess_an_action() {
    let rules = Rules::new(vec![rule("anything", when(), Route::Local), rule("never", when(), refuse("never"))]);
    for (confidence, expected) in [(0.59, "confidence_below"), (0.1, "not_heard"), (0.6, "anything")] {
        assert_eq!(decided(&rules, &Facts { confidence, ..facts("HassTurnOn") }).0, expected);
    }
}

#[test]
fn no_rule_of_the_configuration_keeps_a_stop_from_being_done() {
    let rules = Rules::new(vec![rule("closed", when(), refuse("closed"))]);
    assert_eq!(decided(&rules, &facts("VictusStop")), ("stop", &Route::Local));
    assert_eq!(decided(&rules, &facts("HassTurnOff")).0, "closed");
}

#[test]
fn while_the_time_is_not_known_what_forbids_holds_and_what_permits_does_not() {
    let at_night = || When { hours: hours("22:00-06:00"), ..when() };
    let unknown = Facts { time: None, ..facts("HassTurnOn") };
    let forbidden = Rules::new(vec![rule("night", at_night(), refuse("at night"))]);
    assert_eq!(decided(&forbidden, &unknown).0, "night");
    let asked = Rules::new(vec![rule("night", at_night(), Route::AskBack)]);
    assert_eq!(decided(&asked, &unknown).0, "night");
    let permitted = Rules::new(vec![rule("night", at_night(), Route::Local), rule("else", when(), refuse("by day"))]);
    assert_eq!(decided(&permitted, &unknown).0, "else");
    // Its other conditions count all the same.
    let elsewhere = When { sources: vec![Source::Panel], ..at_night() };
    let other = Rules::new(vec![rule("night", elsewhere, refuse("at night"))]);
    assert_eq!(decided(&other, &unknown).0, "otherwise");
}

#[test]
fn each_condition_that_fails_says_so() {
    let strict = When {
        intents: vec!["HassTurnOff".to_owned(), "HassToggle".to_owned()],
        sources: vec![Source::Panel, Source::Fleet],
        roles: vec![Role::Admin],
        confidence_below: Some(0.75),
        hours: hours("22:00-06:00"),
        link_up: Some(false),
    };
    let strict = rule("strict", strict, Route::Local);
    let why_not = strict.why_not(&facts("HassTurnOn"));
    assert_eq!(
        why_not,
        [
            "the intent is HassTurnOn, not HassTurnOff or HassToggle",
            "the source is voice, not panel or fleet",
            "the role is operator, not admin",
            "the confidence is 1.00, not below 0.75",
            "the time is 12:00, not within 22:00-06:00",
            "a link is up, and link is to be down",
        ]
    );
    let unknown = strict.why_not(&Facts { time: None, ..facts("HassTurnOn") });
    assert!(unknown.contains(&"the time is not known, so it may not be within 22:00-06:00".to_owned()), "{unknown:?}");
}

#[test]
fn rules_are_shown_as_they_are_written() {
    let shown = serde_json::to_string(&press_hall()).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown[4],
        json!({
            "name": "night",
            "when": {"intent": ["HassTurnOn", "HassTurnOff"], "hours": "22:00-06:00"},
            "then": {"refuse": "at night"},
        })
    );
    assert_eq!(shown[5]["when"], json!({"source": ["fleet"], "link": "down"}));
    assert_eq!(shown[0], json!({"name": "not_heard", "when": {"confidence_below": 0.3}, "then": "not_heard"}));
    assert_eq!(shown[7], json!({"name": "otherwise", "when": {}, "then": "local"}));
}
