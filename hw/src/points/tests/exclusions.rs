//! Rules that can never be kept together, each with the sentence that says so.

use super::*;

#[test]
fn rules_that_exclude_each_other_are_named() {
    let limits = Limits::default;
    let of = |id: &str| vec![id.to_owned()];
    let safe_pair = [
        output("a", Limits { safe: true, conflicts: of("b"), ..limits() }),
        output("b", Limits { safe: true, ..limits() }),
    ];
    let on_times = [output("a", Limits { min_on: Some(seconds(9)), max_on: Some(seconds(8)), ..limits() })];
    let unknown = [output("a", Limits { conflicts: of("z"), ..limits() })];
    let unknown_needed = [output("a", Limits { requires: vec![requires("z", true)], ..limits() })];
    let circle = [
        output("a", Limits { requires: vec![requires("b", true)], ..limits() }),
        output("b", Limits { requires: vec![requires("a", true)], ..limits() }),
    ];
    let never = [
        output("a", Limits { requires: vec![requires("b", true)], conflicts: of("b"), ..limits() }),
        output("b", limits()),
    ];
    let safe_on = [output("a", Limits { safe: true, max_on: Some(SECOND), ..limits() })];
    let safe_needs = [output("a", Limits { safe: true, requires: vec![requires("d", true)], ..limits() }), input("d")];
    let rate = [output("a", Limits { rate: Some(Rate { count: 0, per: SECOND }), ..limits() })];
    let twice = [output("a", limits()), output("a", limits())];
    let mut line = output("b", limits());
    line.driver = output("a", limits()).driver;
    let one_line = [output("a", limits()), line];
    let number = Requirement { point: "d".to_owned(), is: PointValue::Number(1.0) };
    let kind = [output("a", Limits { requires: vec![number], ..limits() }), input("d")];
    let on_input = [PointConfig { limits: Limits { stop: true, ..limits() }, ..input("a") }];
    let cases: [(&[PointConfig], &str); 13] = [
        (&safe_pair, "in conflict with b and both are on when safe"),
        (&on_times, "`min_on` (9 seconds) is above `max_on` (8 seconds)"),
        (&unknown, "its `conflicts` names z, and there is no such point"),
        (&unknown_needed, "its `requires` names z, and there is no such point"),
        (&circle, "each require the other to be on first"),
        (&never, "could never be on: a and b"),
        (&safe_on, "its safe state is on, so `max_on`"),
        (&safe_needs, "its safe state is on, so it can't depend"),
        (&rate, "its rate has to be between 1 and 1000"),
        (&twice, "two points have this id"),
        (&one_line, "its line a is already that of a"),
        (&kind, "a value that d never has"),
        (&on_input, "can't have limits"),
    ];
    for (configs, expected) in cases {
        let said = Points::check(configs).unwrap_err().to_string();
        assert!(said.contains(expected) && said.starts_with("The point "), "{said}\nlacks\n{expected}");
    }
}
