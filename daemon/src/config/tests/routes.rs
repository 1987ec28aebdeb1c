//! What `[[route]]` makes of good and wrong rules.

use victus_agent::orchestrator::route::{Route, Rule, When};
use victus_agent::tool::{Role, Source};

use super::{House, problems};

fn rules(main: &str) -> Vec<Rule> {
    House::new(main).load().routes
}

#[test]
fn rules_are_read_in_their_order_with_a_name_or_their_place() {
    let read = rules(
        r#"
[[route]]
name = "night"
when = { intent = ["HassTurnOn", "HassTurnOff"], source = "voice", hours = "22:00-06:00" }
then = { refuse = " The hall is closed " }
[[route]]
when = { role = ["viewer", "operator"], source = ["panel", "cli"], confidence_below = 0.8, link = "down" }
then = "ask_back"
[[route]]
when = {}
then = "local"
"#,
    );
    let night = When {
        intents: vec!["HassTurnOn".to_owned(), "HassTurnOff".to_owned()],
        sources: vec![Source::Voice],
        hours: Some("22:00-06:00".parse().unwrap()),
        ..When::default()
    };
    let doubtful = When {
        roles: vec![Role::Viewer, Role::Operator],
        sources: vec![Source::Panel, Source::Cli],
        confidence_below: Some(0.8),
        link_up: Some(false),
        ..When::default()
    };
    let rule = |name: &str, when, then| Rule { name: name.to_owned(), when, then };
    assert_eq!(
        read,
        [
            rule("night", night, Route::Refuse("The hall is closed".to_owned())),
            rule("route[#2]", doubtful, Route::AskBack),
            rule("route[#3]", When::default(), Route::Local),
        ]
    );
    assert_eq!(rules(""), []);
}

#[test]
fn a_later_layer_replaces_what_it_states_and_adds_what_is_new_at_the_end() {
    let main = "[[route]]\nname = \"a\"\nwhen = { source = \"voice\", link = \"up\" }\nthen = { refuse = \"one\" }\n\
                [[route]]\nwhen = { role = \"viewer\" }\nthen = \"local\"\n";
    let drop_in = "[[route]]\nwhen = { role = \"admin\" }\nthen = \"local\"\n\
                   [[route]]\nname = \"a\"\nwhen = { role = \"operator\" }\n";
    let house = House::new(main).with("conf.d/10.toml", drop_in).with_variable("VICTUS__ROUTE__A__THEN", "ask_back");
    let routes = house.load().routes;
    let names: Vec<&str> = routes.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "route[#2]", "route[#3]"]);
    assert_eq!(routes[0].when, When { roles: vec![Role::Operator], ..When::default() });
    assert_eq!(routes[0].then, Route::AskBack);
    assert_eq!(routes[2].when.roles, [Role::Admin]);
}

#[test]
fn a_rule_that_can_never_decide_is_worth_a_look() {
    let warnings = |main: &str| {
        let warnings = House::new(main).load().warnings().to_vec();
        let shown = warnings.iter().map(|it| format!("{}: {}: {}", it.origin.line().unwrap(), it.key, it.message));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("[[route]]\nwhen = { confidence_below = 0.6 }\nthen = \"ask_back\"\n"),
        [
            "2: route[#1].when.confidence_below: never decides: below 0.6 the appliance asks before any rule, so 0.6 holds \
          only where it has asked"
        ]
    );
    assert_eq!(
        warnings(
            "[[route]]\nname = \"coffee\"\nwhen = { intent = [\"HassTurnOn\", \"BrewCoffee\"] }\nthen = \"local\"\n"
        ),
        ["3: route[coffee].when.intent: no sentence means \"BrewCoffee\", so it never holds for it"]
    );
}

#[test]
fn an_intent_may_be_one_of_the_users_own_sentences() {
    let sentences = "language: en\nintents:\n  BrewCoffee:\n    data:\n      - sentences: ['brew']\n";
    let main = "[[route]]\nwhen = { intent = \"BrewCoffee\" }\nthen = \"ask_back\"\n";
    let config = House::new(main).with("sentences/en/coffee.yaml", sentences).load();
    assert_eq!(config.warnings().len(), 0);
}

#[test]
fn too_many_rules_are_refused() {
    let text = "[[route]]\nwhen = {}\nthen = \"local\"\n".repeat(101);
    assert_eq!(problems(&text), "victus.toml:1: route: there are 101 of them: at most 100 are possible");
}
