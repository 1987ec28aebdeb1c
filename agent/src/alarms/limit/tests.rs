//! The states of an alarm: by table, and at random beside an oracle that looks at the whole past.

use proptest::prelude::*;

use super::*;

fn definition(limit: Limit, after_ms: u64) -> Definition {
    Definition { limit, hysteresis: 0.5, after: Duration::from_millis(after_ms), class: AlarmClass::Warning }
}

fn at(ms: u64) -> Monotonic {
    Monotonic::from_duration(Duration::from_millis(ms))
}

fn number(value: f64) -> Option<PointValue> {
    Some(PointValue::Number(value))
}

const ON: Option<PointValue> = Some(PointValue::Switch(true));
const OFF: Option<PointValue> = Some(PointValue::Switch(false));

/// Values in turn, 1 s apart, and what each turns.
fn assert_turns(limit: Limit, after_ms: u64, values: &[(Option<PointValue>, Option<Turned>)]) {
    let mut machine = Machine::new(definition(limit, after_ms), Phase::Normal);
    for (second, (value, expected)) in (0..).zip(values) {
        let turned = machine.tell(*value, at(second * 1000));
        assert_eq!(turned, *expected, "{limit:?}, after {after_ms} ms: {value:?} at {second} s, {:?}", machine.phase());
    }
}

#[test]
fn an_alarm_is_raised_beyond_its_limit_and_cleared_when_it_is_back_by_the_hysteresis() {
    let (raised, cleared) = (Some(Turned::Raised), Some(Turned::Cleared));
    let above = [
        (number(8.0), None),
        (number(8.1), raised),
        (number(9.0), None),
        (number(7.6), None),
        (number(8.2), None),
        (number(7.5), cleared),
        (number(7.6), None),
        (number(8.1), raised),
    ];
    assert_turns(Limit::Above(8.0), 0, &above);
    let below = [(number(2.0), None), (number(1.9), raised), (number(2.4), None), (number(2.5), cleared)];
    assert_turns(Limit::Below(2.0), 0, &below);
    assert_turns(Limit::Is(true), 0, &[(OFF, None), (ON, raised), (ON, None), (OFF, cleared)]);
    assert_turns(Limit::Is(false), 0, &[(ON, None), (OFF, raised), (ON, cleared)]);
}

#[test]
fn an_excursion_has_to_last_and_an_unknown_value_neither_raises_nor_clears() {
    let (raised, cleared) = (Some(Turned::Raised), Some(Turned::Cleared));
    assert_turns(Limit::Is(true), 2000, &[(ON, None), (ON, None), (OFF, None), (ON, None), (ON, None), (ON, raised)]);
    assert_turns(Limit::Is(true), 2000, &[(ON, None), (ON, None), (None, None), (ON, None), (ON, None), (ON, raised)]);
    assert_turns(Limit::Is(true), 0, &[(None, None), (ON, raised), (None, None), (ON, None), (OFF, cleared)]);
    // A number where a state is expected is no value at all.
    assert_turns(Limit::Is(true), 0, &[(number(1.0), None), (ON, raised), (number(0.0), None)]);
    assert_turns(Limit::Above(8.0), 0, &[(number(f64::NAN), None), (number(9.0), raised), (number(f64::NAN), None)]);
}

#[test]
fn a_pending_alarm_says_when_it_is_due() {
    let mut machine = Machine::new(definition(Limit::Above(8.0), 2000), Phase::Normal);
    assert_eq!((machine.tell(number(9.0), at(500)), machine.due()), (None, Some(at(2500))));
    assert_eq!((machine.tell(number(9.5), at(1500)), machine.due()), (None, Some(at(2500))));
    assert_eq!((machine.tell(number(9.5), at(2500)), machine.due()), (Some(Turned::Raised), None));
}

#[test]
fn an_acknowledged_alarm_stays_until_it_is_over_and_comes_anew() {
    let mut machine = Machine::new(definition(Limit::Is(true), 0), Phase::Normal);
    machine.acknowledge();
    assert_eq!(machine.phase(), Phase::Normal, "there is nothing to acknowledge");
    machine.tell(ON, at(0));
    machine.acknowledge();
    assert_eq!((machine.tell(ON, at(1)), machine.phase()), (None, Phase::Acknowledged));
    assert_eq!(machine.tell(OFF, at(2)), Some(Turned::Cleared));
    assert_eq!((machine.tell(ON, at(3)), machine.phase()), (Some(Turned::Raised), Phase::Active));
}

/// Whether the alarm is raised after all of `past`, by looking at the past as a whole: the last value that settles it.
fn is_raised(definition: &Definition, past: &[(u64, Option<f64>)]) -> bool {
    let Limit::Above(limit) = definition.limit else { return false };
    let after = u64::try_from(definition.after.as_millis()).unwrap();
    let beyond = |value: &Option<f64>| value.is_some_and(|value| value > limit);
    let back = |value: &Option<f64>| value.is_some_and(|value| value <= limit - definition.hysteresis);
    let held_at = |end: usize| {
        let run = past[..=end].iter().rev().take_while(|(_, value)| beyond(value)).last();
        run.is_some_and(|(since, _)| past[end].0 - since >= after)
    };
    let last_back = past.iter().rposition(|(_, value)| back(value)).map_or(0, |index| index + 1);
    (last_back..past.len()).any(|end| beyond(&past[end].1) && held_at(end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_alarm_is_what_its_past_says(
        steps in prop::collection::vec((0_u64..1500, prop::option::weighted(0.9, 6.0_f64..10.0)), 1..40),
        after_ms in prop::sample::select(vec![0_u64, 1000, 2500]),
    ) {
        let definition = definition(Limit::Above(8.0), after_ms);
        let mut machine = Machine::new(definition, Phase::Normal);
        let (mut now, mut past, mut raised) = (0, Vec::new(), false);
        for (pause, value) in steps {
            now += pause;
            past.push((now, value));
            match machine.tell(value.map(PointValue::Number), at(now)) {
                Some(Turned::Raised) => { prop_assert!(!raised); raised = true; }
                Some(Turned::Cleared) => { prop_assert!(raised); raised = false; }
                None => {}
            }
            prop_assert_eq!(raised, is_raised(&definition, &past), "{:?}", past);
            prop_assert_eq!(raised, machine.phase() == Phase::Active);
        }
    }
}
