//! The times at which alarms are said, on a clock that only the test moves.

use super::*;
use crate::alarms::tests::raised;
use crate::tool::Caller;

fn second(second: u64) -> Monotonic {
    Monotonic::from_duration(Duration::from_secs(second))
}

/// The seconds, up to `until`, at which each alarm is said.
fn said(alarms: impl Fn(u64) -> Vec<Raised>, quiet: impl Fn(u64) -> bool, until: u64) -> Vec<(u64, String)> {
    let mut repeats = Repeats::default();
    let mut said = Vec::new();
    for now in 0..=until {
        let alarms = alarms(now);
        while let Some(alarm) = repeats.due(&alarms, second(now), quiet(now)) {
            said.push((now, alarm.alarm.clone()));
            repeats.said(&alarm.alarm, second(now));
        }
        let wait = repeats.wait(&alarms, second(now), quiet(now));
        assert!(wait.is_none_or(|wait| !wait.is_zero()), "what is due is said");
    }
    said
}

fn times(said: &[(u64, String)], alarm: &str) -> Vec<u64> {
    said.iter().filter(|(_, it)| it == alarm).map(|(at, _)| *at).collect()
}

#[test]
fn an_alarm_is_said_at_once_and_after_pauses_that_grow_to_five_minutes_without_end() {
    let said = said(|_| vec![raised("sensor.boiler", AlarmClass::Danger)], |_| false, 4000);
    let times = times(&said, "sensor.boiler");
    assert_eq!(times[..9], [0, 10, 30, 70, 150, 310, 610, 910, 1210]);
    assert_eq!(times.last(), Some(&3910));
}

#[test]
fn an_acknowledged_alarm_is_silent_and_one_that_comes_anew_begins_anew() {
    let alarms = |now| {
        let by = (30..60).contains(&now).then(Caller::panel);
        vec![Raised { acknowledged: by, ..raised("sensor.boiler", AlarmClass::Danger) }]
    };
    assert_eq!(times(&said(alarms, |_| false, 80), "sensor.boiler"), [0, 10, 60, 70]);
    let gone =
        |now| if !(15..40).contains(&now) { vec![raised("sensor.boiler", AlarmClass::Danger)] } else { Vec::new() };
    assert_eq!(times(&said(gone, |_| false, 55), "sensor.boiler"), [0, 10, 40, 50]);
}

#[test]
fn quiet_hours_keep_back_warnings_and_timers_and_never_a_danger() {
    let alarms = |_| {
        vec![
            raised("timer-1", AlarmClass::Timer),
            raised("sensor.oil", AlarmClass::Warning),
            raised("sensor.boiler", AlarmClass::Danger),
        ]
    };
    let said = said(alarms, |now| now < 100, 130);
    assert_eq!(times(&said, "sensor.boiler"), [0, 10, 30, 70]);
    assert_eq!(times(&said, "sensor.oil"), [100, 110, 130]);
    assert_eq!(times(&said, "timer-1"), [100, 110, 130]);
}

#[test]
fn the_most_important_is_said_first() {
    let alarms = [raised("a", AlarmClass::Timer), raised("b", AlarmClass::Danger), raised("c", AlarmClass::Warning)];
    let mut repeats = Repeats::default();
    let mut order = Vec::new();
    while let Some(alarm) = repeats.due(&alarms, second(0), false) {
        order.push(alarm.alarm.clone());
        repeats.said(&alarm.alarm, second(0));
    }
    assert_eq!(order, ["b", "c", "a"]);
    assert_eq!(repeats.wait(&alarms, second(4), false), Some(Duration::from_secs(6)));
    assert_eq!(repeats.wait(&[], second(4), false), None);
}
