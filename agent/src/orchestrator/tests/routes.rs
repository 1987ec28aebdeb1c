//! Turns that a rule of the configuration routes.

use super::*;
use crate::orchestrator::route::explain::Supposed;
use crate::orchestrator::route::{Route, Rule, When};

/// Nothing is switched on at night, and a light in doubt is asked about.
fn night() -> Vec<Rule> {
    let at_night =
        When { intents: vec!["HassTurnOn".to_owned()], hours: Some("22:00-06:00".parse().unwrap()), ..When::default() };
    let asked = When { intents: vec!["HassTurnOff".to_owned()], ..When::default() };
    vec![
        Rule { name: "night".to_owned(), when: at_night, then: Route::Refuse("The hall is closed.".to_owned()) },
        Rule { name: "off_is_asked".to_owned(), when: asked, then: Route::AskBack },
    ]
}

fn bench_at_night(language: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    // 2027-01-15T22:40:00Z.
    let clock = Arc::new(SimulatedClock::new(1_800_052_800_000));
    let appliance = open_with(language, entities(), night(), folder.path(), &clock);
    clock.advance(Duration::from_secs(60));
    Bench { appliance, clock, folder }
}

#[tokio::test]
async fn what_a_rule_refuses_is_not_done_and_the_turn_says_by_which() {
    let bench = bench_at_night("en");
    let turn = bench.ask("turn on the extraction fan").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Refused, Some("night")), "{turn:?}");
    assert_eq!(turn.reply, "I won't do that: The hall is closed.");
    assert_eq!((turn.plan.len(), turn.steps.len()), (0, 0));
    assert!(!bench.is_on("fan.extraction_fan"));
    assert_eq!(bench.appliance.store.turns().get(&turn.id).unwrap(), Some(turn));
    let why = bench.ask("why did you do that").await.reply;
    assert!(why.contains("The hall is closed"), "{why}");
    bench.clock.advance(Duration::from_secs(8 * 3600));
    let turn = bench.ask("turn on the extraction fan").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Done, Some("otherwise")));
}

#[tokio::test]
async fn what_a_rule_refuses_is_not_done_later_either() {
    let bench = bench_at_night("en");
    let turn = bench.ask("in ten minutes turn on the extraction fan").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Refused, Some("night")), "{turn:?}");
    assert_eq!(turn.reply, "I won't do that: The hall is closed.");
    let turn = bench.ask("in ten minutes turn off the extraction fan").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Asked, Some("off_is_asked")), "{turn:?}");
    assert_eq!(bench.appliance.schedules.list(), []);
}

#[tokio::test]
async fn what_a_rule_asks_about_is_read_back_and_not_done() {
    let bench = bench_at_night("en");
    bench.clock.advance(Duration::from_secs(8 * 3600));
    bench.ask("turn on the extraction fan").await;
    let turn = bench.ask("please turn off the extraction fan").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Asked, Some("off_is_asked")));
    assert_eq!(turn.reply, "Did you mean turn off the extraction fan?");
    assert!(bench.is_on("fan.extraction_fan"));
    let turn = bench.ask("stop everything").await;
    assert_eq!((turn.outcome, turn.route.as_deref()), (Outcome::Done, Some("stop")), "{turn:?}");
    assert!(!bench.is_on("fan.extraction_fan"));
}

#[tokio::test]
async fn a_refusal_is_said_in_the_language_with_the_reason_as_it_was_written() {
    let bench = bench_at_night("de");
    let turn = bench.ask("schalte Extraction fan ein").await;
    assert_eq!(turn.reply, "Das mache ich nicht: The hall is closed.", "{turn:?}");
}

#[tokio::test]
async fn an_explanation_tells_what_a_turn_does() {
    let bench = bench_at_night("en");
    let router = bench.appliance.orchestrator.router();
    let explain = |text: &str, time: Option<&str>, confidence| {
        let time = time.map(|time| crate::hours::time_of_day(time).unwrap());
        let supposed = Supposed { text: text.to_owned(), caller: Caller::voice(), confidence, time, link_up: None };
        router.explain(&supposed, &bench.appliance.orchestrator.language())
    };
    let told = explain("turn on the extraction fan", None, None);
    assert_eq!(told.decided_by.as_deref(), Some("night"));
    assert_eq!(told.readings[0].entities, ["fan.extraction_fan"]);
    let holding: Vec<&str> = told.rules.iter().filter(|rule| rule.holds).map(|rule| rule.name.as_str()).collect();
    assert_eq!(holding, ["night", "otherwise"]);
    assert_eq!(told.rules.len(), 6);
    assert_eq!(told.facts.unwrap().time.as_deref(), Some("22:41"));
    assert_eq!(explain("turn on the extraction fan", Some("12:00"), None).decided_by.as_deref(), Some("otherwise"));
    assert_eq!(explain("turn on the fan", Some("12:00"), Some(0.5)).decided_by.as_deref(), Some("confidence_below"));
    let told = explain("turn on the light in the press hall", Some("12:00"), None);
    assert!(told.readings.len() > 1 || told.decided_by.is_some());
    let told = explain("colourless green ideas", None, None);
    assert_eq!((told.readings.len(), told.rules.len(), told.decided_by), (0, 0, None));
    assert!(bench.appliance.store.turns().latest(None, 10).unwrap().is_empty(), "nothing was asked for");
}
