//! What expressions may say, and what becomes of those that may not or cannot.

use serde_json::json;

use super::*;

struct Facts(Value);

impl Scope for Facts {
    fn entity(&self, id: &str) -> Value {
        self.0["entity"][id].clone()
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

fn facts() -> Facts {
    Facts(json!({
        "entity": {"sensor.boiler": 8.5, "fan.hall": true, "sensor.lost": null, "sensor.whole": 7},
        "slots": {"minutes": 5, "area": "Press hall", "list": [1, 2, 3]},
        "steps": {"open": {"state": "done", "result": {"to": true}}},
        "trigger": {"kind": "intent"},
    }))
}

fn value(source: &str) -> Result<Value, String> {
    Expression::compile(source)?.evaluate(&facts())
}

#[test]
fn values_are_what_the_language_says() {
    for (source, expected) in [
        ("entity[\"sensor.boiler\"] > 8", json!(true)),
        ("entity[\"sensor.whole\"] / 2.0", json!(3.5)),
        ("entity['fan.hall'] && slots.area == 'Press hall'", json!(true)),
        ("slots.minutes * 60.0", json!(300)),
        ("steps.open.state == 'done' && steps.open.result.to", json!(true)),
        ("has(slots.area) && !has(slots.nothing)", json!(true)),
        ("slots.list.exists(x, x > 2) && slots.list.all(x, x > 0)", json!(true)),
        ("entity['sensor.lost'] == null", json!(true)),
        ("trigger.kind == 'intent' ? 'spoken' : 'other'", json!("spoken")),
        ("{'a': [1, 2.5], 'b': null}", json!({"a": [1, 2.5], "b": null})),
    ] {
        assert_eq!(value(source), Ok(expected), "{source}");
    }
}

#[test]
fn what_has_no_value_says_why_and_is_never_a_guess() {
    for (source, why) in [
        ("slots.nothing == 1", "there is no `nothing`"),
        ("entity['sensor.lost'] > 3", "has no value"),
        ("now.hour > 6", "the clock has not been set"),
        ("failure.uncertain", "failure branch"),
        ("slots.minutes * 60", "has no value"),
        ("1 / 0 == 1", "has no value"),
        ("unheard_of(1)", "has no value"),
    ] {
        let error = value(source).unwrap_err();
        assert!(error.contains(why), "{source}: {error}");
    }
    let condition = Expression::compile("slots.minutes").unwrap().holds(&facts()).unwrap_err();
    assert!(condition.contains("a condition is true or false"), "{condition}");
}

#[test]
fn what_may_not_be_said_is_refused_when_it_is_loaded() {
    for (source, why) in [
        ("", "is no CEL expression"),
        ("1 +", "is no CEL expression"),
        ("weather == 'fine'", "there is no `weather`"),
        ("entity.fan.hall", "named by its id"),
        ("entity[slots.area]", "written out"),
        ("size(entity) > 1", "named by its id"),
        ("slots.list.map(x, x)", "`map` and `filter`"),
        ("slots.list.filter(x, x > 1)", "`map` and `filter`"),
        ("slots.list.all(x, slots.list.all(y, y > x))", "within another"),
        (&format!("{}1{}", "(".repeat(17), ")".repeat(17)), "nested"),
        (&format!("1{}", "+1".repeat(100)), "nested"),
        (&"x".repeat(501), "at most 500"),
    ] {
        let error = Expression::compile(source).unwrap_err();
        assert!(error.contains(why), "{source}: {error}");
    }
}

#[test]
fn strange_texts_end_in_an_answer() {
    let pieces = [
        "(", "!", "-", "a?b:", "[", "'", "\"", "\\", "1.e", "ü", "${", "&&", ".", "in ", "@", "0x", "r'", "\u{0}", "//",
    ];
    for piece in pieces {
        for count in [1, 7, 40, 400] {
            let text: String = piece.repeat(count).chars().take(400).collect();
            let _answer = Expression::compile(&text);
            let _answer = Expression::compile(&format!("{text}1"));
        }
    }
}

#[test]
fn it_tells_what_it_uses() {
    let uses = Expression::compile("entity['fan.a'] || steps.b.state == slots.c").unwrap().uses().clone();
    assert_eq!(uses.entities, ["fan.a".to_owned()].into());
    assert_eq!(uses.steps, ["b".to_owned()].into());
    assert_eq!(uses.variables, ["entity", "slots", "steps"].map(str::to_owned).into());
}
