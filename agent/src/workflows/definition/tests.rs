//! Definitions as they are written, and what is said of those that are wrong.

use serde_json::{Value, json};

use super::read::read;
use super::*;
use crate::workflows::expression::Scope;

const WHOLE: &str = r#"
description = "Opens the shift"
role = "admin"
when = "now.weekday <= 5"
limits = { duration = "1m30s", runs_at_once = 2, rate = "6/min" }

[[trigger]]
intent = "OpenShift"
[[trigger]]
every = ["weekday", "sunday"]
at = "06:05"
[[trigger]]
entity = "sensor.pressure"
above = 8.0
for = "10s"
[[trigger]]
command = true

[[step]]
name = "open"
tool = "entity.turn_on"
args = { entity = "valve.main", list = [1, "${slots.minutes * 60.0}"], note = "for ${slots.who}, $${not}" }
when = "slots.who != ''"
on_error = "undo"
[[step]]
wait = "5s"
[[step]]
name = "both"
parallel = [
  [{ tool = "a.b" }, { name = "left", wait = "1s" }],
  [{ name = "right", wait_until = "steps.open.result.to", timeout = "1m" }],
]
[[on_failure]]
tool = "appliance.stop"
"#;

struct Slots(Value);

impl Scope for Slots {
    fn entity(&self, _id: &str) -> Value {
        Value::Null
    }

    fn variable(&self, name: &str) -> Option<Value> {
        (name == "slots").then(|| self.0.clone())
    }
}

#[test]
fn every_key_is_read() {
    let read = read("shift", WHOLE).unwrap();
    assert_eq!((read.role, read.description.as_deref()), (Role::Admin, Some("Opens the shift")));
    let rate = Rate { count: 6, per: Duration::from_secs(60) };
    assert_eq!(read.limits, Limits { duration: Duration::from_secs(90), runs_at_once: 2, rate });
    let kinds: Vec<_> = read.triggers.iter().map(|trigger| trigger.kind.clone()).collect();
    let hold = Hold {
        entity: "sensor.pressure".to_owned(),
        above: Some(8.0),
        below: None,
        is: None,
        hold: Duration::from_secs(10),
    };
    let days = [true, true, true, true, true, false, true];
    let expected = [
        TriggerKind::Intent("OpenShift".to_owned()),
        TriggerKind::Schedule(Schedule { days, hour: 6, minute: 5 }),
        TriggerKind::Entity(hold),
        TriggerKind::Command,
    ];
    assert_eq!(kinds, expected);
    let names: Vec<&str> = read.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["open", "step_2", "both", "step_4", "left", "right", "step_7"]);
    assert_eq!((read.main, read.on_failure), (vec![0, 1, 2], vec![6]));
    assert!(matches!(&read.steps[2].action, Action::Parallel(branches) if *branches == [vec![3, 4], vec![5]]));
    assert_eq!((read.steps[0].on_error, read.steps[6].on_error), (OnError::Undo, OnError::Skip));
}

#[test]
fn arguments_take_the_values_of_their_expressions() {
    let definition = read("shift", WHOLE).unwrap();
    let Action::Call { args, .. } = &definition.steps[0].action else { panic!("a call") };
    assert_eq!(args.fixed(), None);
    let rendered = args.render(&Slots(json!({"minutes": 2, "who": "Ada"}))).unwrap();
    assert_eq!(rendered, json!({"entity": "valve.main", "list": [1, 120], "note": "for Ada, ${not}"}));
    let error = args.render(&Slots(json!({"minutes": 2}))).unwrap_err();
    assert!(error.contains("there is no `who`"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let step = "[[step]]\nwait = '1s'\n";
    let many = "[[step]]\nwait = '1s'\n".repeat(65);
    for (text, line, why) in [
        ("", 1, "no steps"),
        ("[[step]]\nwait = '1s'\ncolour = 'red'\n", 3, "unknown field `colour`"),
        ("[[step]]\nwait = 5\n", 2, "expected a string"),
        ("[[step]]\n\nwait = 'soon'\n", 3, "expected a time"),
        ("[[step]]\nwait = '8d'\n", 2, "at most 7 days"),
        ("x = [\n", 1, ""),
        (&format!("{step}[[step]]\nname = 'step_1'\nwait = '1s'\n"), 3, "another step `step_1`"),
        (&format!("{step}[[step]]\nname = 'Step One'\nwait = '1s'\n"), 4, "is no name of a step"),
        (&format!("{step}[[step]]\ntool = 'a.b'\nwait = '1s'\n"), 3, "exactly one of"),
        (&format!("{step}[[step]]\nwait = '1s'\nargs = {{}}\n"), 3, "`args` belongs"),
        (&format!("{step}[[step]]\nwait_until = 'true'\n"), 3, "needs `timeout`"),
        (&format!("{step}[[step]]\nwait = '1s'\nwhen = 'weather'\n"), 5, "there is no `weather`"),
        (&format!("{step}[[step]]\ntool = 'a.b'\nargs = {{ x = '${{1 +}}' }}\n"), 5, "is no CEL"),
        (&format!("{step}[[step]]\ntool = 'a.b'\nargs = {{ x = '${{1' }}\n"), 5, "has no `}`"),
        (&format!("{step}[[step]]\nwait = '1s'\nwhen = 'steps.nobody.result'\n"), 3, "there is none"),
        (&format!("{step}[[step]]\nparallel = [[{{ wait = '1s' }}]]\n"), 3, "2 to 8 branches"),
        (&format!("{step}[[on_failure]]\nwait = '1s'\non_error = 'undo'\n"), 3, "nothing to undo"),
        (&format!("{step}[[trigger]]\nintent = 'A'\ncommand = true\n"), 3, "exactly one of"),
        (&format!("{step}[[trigger]]\nevery = 'day'\n"), 3, "needs `at`"),
        (&format!("{step}[[trigger]]\nevery = 'fortnight'\nat = '06:00'\n"), 4, "expected day"),
        (&format!("{step}[[trigger]]\nevery = 'day'\nat = '6:00'\n"), 5, "time of day"),
        (&format!("{step}[[trigger]]\nentity = 'sensor.x'\n"), 3, "needs `above`"),
        (&format!("{step}[[trigger]]\nintent = 'A'\nfor = '1s'\n"), 3, "`for` belongs"),
        (&format!("limits = {{ runs_at_once = 9 }}\n{step}"), 1, "from 1 to 8"),
        (&format!("limits = {{ rate = 'often' }}\n{step}"), 1, "expected a rate"),
        (&format!("role = 'king'\n{step}"), 1, "unknown variant `king`"),
        (&many, 1, "at most 64"),
    ] {
        let wrong = read("shift", text).unwrap_err();
        assert!(wrong.iter().any(|it| it.line == line && it.message.contains(why)), "{text}: {wrong:?}");
    }
    for name in ["", "Shift", "a-b", "../x", "1a", &"a".repeat(65)] {
        assert!(read(name, step).is_err(), "{name}");
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let wrong = read("shift", "[[step]]\nwait = 'soon'\n[[step]]\nname = 'B'\n[[trigger]]\n").unwrap_err();
    assert_eq!(wrong.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 4, 5]);
}

#[test]
fn a_version_names_the_text_and_a_trigger_its_words() {
    let (one, two) = (read("a", WHOLE).unwrap(), read("a", &format!("{WHOLE}\n# more")).unwrap());
    assert_eq!(one.version(), read("b", WHOLE).unwrap().version());
    assert_ne!(one.version(), two.version());
    let keys = |definition: &Definition| -> Vec<String> {
        definition.triggers.iter().map(|it| it.kind.key(&definition.name)).collect()
    };
    assert_eq!(keys(&one), keys(&two));
    assert_eq!(keys(&one).iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn the_example_of_the_package_is_right() {
    let text = include_str!("../../../../packaging/workflows/open_shift.toml");
    let example = read("open_shift", text).unwrap();
    assert_eq!((example.triggers.len(), example.main.len(), example.on_failure.len()), (4, 5, 1));
}
