//! Tests of points: each rule and each fault by itself here, all of them together in `schedules`.

use super::*;
use crate::clock::SimulatedClock;
use crate::gpio::{GpioError, Level};

mod bench;
mod exchange;
mod exclusions;
mod oracle;
mod schedules;

use bench::Bench;

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn output(id: &str, limits: Limits) -> PointConfig {
    let driver = PointDriver::GpioOutput { line: id.into(), active_low: false };
    PointConfig { id: id.to_owned(), driver, limits }
}

fn input(id: &str) -> PointConfig {
    let driver = PointDriver::GpioInput { line: id.into(), active_low: false, bias: Bias::PullDown };
    PointConfig { id: id.to_owned(), driver, limits: Limits::default() }
}

fn requires(point: &str, on: bool) -> Requirement {
    Requirement { point: point.to_owned(), is: PointValue::Switch(on) }
}

const ON: PointValue = PointValue::Switch(true);
const OFF: PointValue = PointValue::Switch(false);

struct Rig {
    bench: Bench,
    clock: Arc<SimulatedClock>,
    points: Points,
}

fn rig(configs: &[PointConfig]) -> Rig {
    let clock = Arc::new(SimulatedClock::new(1_000_000));
    let lines: Vec<(String, Level)> = configs.iter().map(|config| (config.id.clone(), Level::Low)).collect();
    let bench = Bench::new(clock.clone(), &lines);
    let points = Points::new(configs, Box::new(bench.clone()), clock.clone()).unwrap();
    Rig { bench, clock, points }
}

impl Rig {
    fn value(&self, id: &str) -> Option<PointValue> {
        self.points.state(id).unwrap().value
    }

    fn causes(&self, id: &str) -> Vec<Cause> {
        let changes = self.points.changes_since(0).changes;
        changes.into_iter().filter(|change| change.point == id).map(|change| change.cause).collect()
    }
}

fn fan(limits: Limits) -> Rig {
    rig(&[output("fan", limits)])
}

#[test]
fn setting_a_point_drives_its_line_and_says_what_it_was() {
    let rig = fan(Limits::default());
    assert_eq!(rig.points.set("fan", ON), Ok(Applied { previous: Some(OFF), value: ON, read_back: true }));
    assert_eq!(rig.bench.level("fan"), Level::High);
    assert_eq!(rig.points.set("fan", ON), Ok(Applied { previous: Some(ON), value: ON, read_back: true }));
    assert_eq!(rig.causes("fan"), [Cause::Start, Cause::Set]);
}

#[test]
fn active_low_and_safe_on_decide_the_first_level() {
    let clock = Arc::new(SimulatedClock::new(0));
    for (safe, active_low, level) in
        [(false, false, Level::Low), (true, false, Level::High), (false, true, Level::High), (true, true, Level::Low)]
    {
        let bench = Bench::new(clock.clone(), &[("a".to_owned(), Level::Low)]);
        let driver = PointDriver::GpioOutput { line: "a".into(), active_low };
        let config = PointConfig { id: "a".to_owned(), driver, limits: Limits { safe, ..Limits::default() } };
        let points = Points::new(&[config], Box::new(bench.clone()), clock.clone()).unwrap();
        assert_eq!(bench.level("a"), level);
        assert_eq!(points.state("a").unwrap().value, Some(PointValue::Switch(safe)));
        let glitches = bench.take_events().len();
        assert!(glitches <= 1, "{glitches} changes of the line at start");
    }
}

#[test]
fn unknown_points_inputs_and_wrong_values_are_refused_with_a_sentence() {
    let rig = rig(&[output("fan", Limits::default()), input("door")]);
    let said = |id, value| rig.points.set(id, value).unwrap_err().to_string();
    assert_eq!(said("pump", ON), "There is no point pump. Points that exist: door, fan.");
    assert_eq!(said("door", ON), "door can only be read, not set.");
    assert_eq!(said("fan", PointValue::Number(3.0)), "fan can't be set to 3: it takes on or off.");
    assert!(rig.points.make_safe("door").is_err() && rig.points.state("pump").is_none());
}

#[test]
fn max_on_ends_by_itself_and_a_second_on_does_not_lengthen_it() {
    let rig = fan(Limits { max_on: Some(seconds(10)), ..Limits::default() });
    rig.points.set("fan", ON).unwrap();
    rig.clock.advance(seconds(9));
    rig.points.set("fan", ON).unwrap();
    assert_eq!(rig.points.next_deadline(), Some(rig.clock.monotonic().saturating_add(SECOND)));
    assert!(rig.points.tick().is_empty());
    assert_eq!(rig.value("fan"), Some(ON));
    rig.clock.advance(SECOND);
    rig.points.tick();
    assert_eq!(rig.bench.level("fan"), Level::Low);
    assert_eq!(rig.causes("fan"), [Cause::Start, Cause::Set, Cause::MaxOn]);
    assert_eq!(rig.points.next_deadline(), None);
}

#[test]
fn min_off_counts_from_the_start_and_says_how_long() {
    let rig = fan(Limits { min_off: Some(seconds(10)), ..Limits::default() });
    rig.clock.advance(seconds(2));
    let refusal = rig.points.set("fan", ON).unwrap_err();
    assert_eq!(refusal.to_string(), "fan has to stay off for another 8 seconds.");
    assert_eq!((refusal.rule(), refusal.wait()), (Some("min_off"), Some(seconds(8))));
    rig.clock.advance(seconds(8));
    rig.points.set("fan", ON).unwrap();
}

#[test]
fn min_on_refuses_off_but_neither_stop_nor_safe() {
    let limits = Limits { min_on: Some(seconds(5)), stop: true, ..Limits::default() };
    let rig = rig(&[output("fan", limits.clone()), output("lamp", Limits { stop: false, ..limits })]);
    for id in ["fan", "lamp"] {
        rig.points.set(id, ON).unwrap();
    }
    assert_eq!(rig.points.set("fan", OFF).unwrap_err().to_string(), "fan has to stay on for another 5 seconds.");
    assert_eq!(rig.points.stop_all(), []);
    assert_eq!((rig.value("fan"), rig.value("lamp")), (Some(OFF), Some(ON)));
    rig.points.make_safe("lamp").unwrap();
    assert_eq!(rig.value("lamp"), Some(OFF));
    assert_eq!(rig.causes("fan").last(), Some(&Cause::Stop));
    assert_eq!(rig.causes("lamp").last(), Some(&Cause::Safe));
}

#[test]
fn a_rate_counts_switching_on_and_never_refuses_off() {
    let rig = fan(Limits { rate: Some(Rate { count: 2, per: seconds(60) }), ..Limits::default() });
    for _ in 0..2 {
        rig.points.set("fan", ON).unwrap();
        rig.points.set("fan", OFF).unwrap();
        rig.clock.advance(seconds(10));
    }
    assert_eq!(
        rig.points.set("fan", ON).unwrap_err().to_string(),
        "fan may be switched 2 times within 60 seconds, and that is used up: try again in 40 seconds."
    );
    rig.clock.advance(seconds(40));
    rig.points.set("fan", ON).unwrap();
    rig.points.set("fan", OFF).unwrap();
}

#[test]
fn points_in_conflict_are_never_on_together() {
    let conflict = Limits { conflicts: vec!["a".to_owned()], ..Limits::default() };
    let rig = rig(&[output("a", Limits::default()), output("b", conflict)]);
    rig.points.set("a", ON).unwrap();
    assert_eq!(rig.points.set("b", ON).unwrap_err().to_string(), "b can't be switched on while a is on.");
    rig.points.set("a", OFF).unwrap();
    rig.points.set("b", ON).unwrap();
    assert_eq!(rig.points.set("a", ON).unwrap_err().rule(), Some("conflicts"));
}

#[test]
fn a_point_that_is_safe_when_on_waits_for_its_conflict_to_go_off() {
    let brake = Limits { safe: true, conflicts: vec!["motor".to_owned()], stop: true, ..Limits::default() };
    let rig = rig(&[output("brake", brake), output("motor", Limits::default())]);
    rig.points.set("brake", OFF).unwrap();
    rig.points.set("motor", ON).unwrap();
    rig.bench.take_events();
    assert_eq!(rig.points.stop_all(), []);
    let order: Vec<String> = rig.bench.take_events().into_iter().map(|event| event.line).collect();
    assert_eq!(order, ["motor", "brake"]);
    // A motor that can't be switched off keeps the brake from closing on it, and both are reported.
    rig.points.set("brake", OFF).unwrap();
    rig.points.set("motor", ON).unwrap();
    rig.bench.break_writes("motor", true);
    let failed: Vec<String> = rig.points.make_all_safe().into_iter().map(|failure| failure.point).collect();
    assert_eq!(failed, ["motor", "brake"]);
    assert_eq!(rig.bench.level("brake"), Level::Low);
    rig.bench.break_writes("motor", false);
    rig.clock.advance(interlock::RETRY_SAFE);
    rig.points.tick();
    rig.clock.advance(interlock::RETRY_SAFE);
    rig.points.tick();
    assert_eq!((rig.value("motor"), rig.value("brake")), (Some(OFF), Some(ON)));
}

#[test]
fn a_requirement_holds_before_and_while_on() {
    let limits = Limits { requires: vec![requires("door", true)], min_on: Some(seconds(60)), ..Limits::default() };
    let rig = rig(&[output("saw", limits), input("door")]);
    assert_eq!(
        rig.points.set("saw", ON).unwrap_err().to_string(),
        "saw can be switched on only while door is on, and it is off."
    );
    rig.bench.drive("door", Level::High);
    rig.points.set("saw", ON).unwrap();
    rig.bench.drive("door", Level::Low);
    rig.points.tick();
    assert_eq!((rig.value("door"), rig.value("saw")), (Some(OFF), Some(OFF)));
    assert_eq!(rig.causes("saw").last(), Some(&Cause::RequirementLost));
    assert_eq!(rig.causes("door"), [Cause::Start, Cause::Input, Cause::Input]);
    rig.bench.drive("door", Level::High);
    rig.points.set("saw", ON).unwrap();
    rig.bench.break_reads("door", true);
    rig.points.tick();
    assert_eq!((rig.value("door"), rig.value("saw")), (None, Some(OFF)));
    let said = rig.points.set("saw", ON).unwrap_err().to_string();
    assert_eq!(said, "saw can be switched on only while door is on, and door can't be read.");
    assert!(rig.points.state("door").unwrap().fault.unwrap().contains("could not be read"));
}

#[test]
fn what_depends_on_a_point_goes_off_before_it() {
    let needs = |id| Limits { requires: vec![requires(id, true)], ..Limits::default() };
    let rig =
        rig(&[output("pump", Limits::default()), output("heater", needs("pump")), output("lamp", needs("heater"))]);
    for id in ["pump", "heater", "lamp"] {
        rig.points.set(id, ON).unwrap();
    }
    rig.bench.take_events();
    rig.points.set("pump", OFF).unwrap();
    let order: Vec<String> = rig.bench.take_events().into_iter().map(|event| event.line).collect();
    assert_eq!(order, ["lamp", "heater", "pump"]);
}

#[test]
fn a_line_that_does_not_follow_is_a_failure_and_is_made_safe() {
    let rig = fan(Limits::default());
    rig.bench.stick("fan", Some(Level::Low));
    let refusal = rig.points.set("fan", ON).unwrap_err();
    let Refusal::Failure(failure) = &refusal else { panic!("{refusal:?}") };
    assert_eq!(failure.after, AfterFailure::Safe);
    let said = refusal.to_string();
    assert!(said.starts_with("fan could not be switched on. The line was driven high and reads low"), "{said}");
    assert!(said.ends_with("It is in its safe state."), "{said}");
    assert_eq!(rig.value("fan"), Some(OFF));
    rig.bench.stick("fan", None);
    rig.points.set("fan", ON).unwrap();
}

#[test]
fn a_line_that_stays_on_is_unavailable_keeps_conflicts_off_and_is_tried_again() {
    let conflict = Limits { conflicts: vec!["fan".to_owned()], ..Limits::default() };
    let rig = rig(&[output("fan", Limits::default()), output("valve", conflict)]);
    rig.points.set("fan", ON).unwrap();
    rig.bench.stick("fan", Some(Level::High));
    let said = rig.points.set("fan", OFF).unwrap_err().to_string();
    assert!(said.ends_with("Its state is not known: treat it as on."), "{said}");
    assert_eq!(rig.value("fan"), None);
    assert!(rig.points.state("fan").unwrap().fault.unwrap().contains("reads high"));
    assert_eq!(
        rig.points.set("valve", ON).unwrap_err().to_string(),
        "valve can't be switched on, because it is not certain that fan is off."
    );
    assert_eq!(rig.points.make_all_safe().len(), 1);
    rig.bench.stick("fan", None);
    rig.clock.advance(interlock::RETRY_SAFE);
    assert_eq!(rig.points.tick(), []);
    assert_eq!((rig.value("fan"), rig.points.state("fan").unwrap().fault), (Some(OFF), None));
    rig.points.set("valve", ON).unwrap();
}

#[test]
fn making_all_safe_goes_on_past_a_failure() {
    let rig = rig(&[output("a", Limits::default()), output("b", Limits::default()), output("c", Limits::default())]);
    for id in ["a", "b", "c"] {
        rig.points.set(id, ON).unwrap();
    }
    rig.bench.break_writes("b", true);
    let failures = rig.points.make_all_safe();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].point, "b");
    assert_eq!(
        (rig.bench.level("a"), rig.bench.level("b"), rig.bench.level("c")),
        (Level::Low, Level::High, Level::Low)
    );
}

#[test]
fn a_busy_line_at_start_names_the_point_and_frees_the_others() {
    let clock = Arc::new(SimulatedClock::new(0));
    let bench = Bench::new(clock.clone(), &[("a".to_owned(), Level::Low), ("b".to_owned(), Level::Low)]);
    let held = bench.request_output(&"b".into(), Level::Low).unwrap();
    let configs = [output("a", Limits::default()), output("b", Limits::default())];
    let error = Points::new(&configs, Box::new(bench.clone()), clock.clone()).unwrap_err();
    assert!(matches!(&error, PointsError::Line { point, source: GpioError::Busy { .. } } if point == "b"), "{error}");
    assert!(error.to_string().contains("gpioinfo"));
    drop(held);
    Points::new(&configs, Box::new(bench), clock).unwrap();
}

#[test]
fn points_are_safe_before_their_lines_are_freed() {
    let rig = fan(Limits::default());
    rig.points.set("fan", ON).unwrap();
    let Rig { bench, points, .. } = rig;
    bench.take_events();
    drop(points);
    assert_eq!(bench.take_events().first().map(|event| event.level), Some(Level::Low));
}

#[test]
fn after_a_crash_everything_starts_safe() {
    let limits = Limits { min_off: Some(seconds(5)), ..Limits::default() };
    let rig = fan(limits.clone());
    rig.clock.advance(seconds(5));
    rig.points.set("fan", ON).unwrap();
    rig.bench.crash(&["fan".to_owned()]);
    let points = Points::new(&[output("fan", limits)], Box::new(rig.bench.clone()), rig.clock.clone()).unwrap();
    assert_eq!(points.state("fan").unwrap().value, Some(OFF));
    assert_eq!(points.set("fan", ON).unwrap_err().wait(), Some(seconds(5)));
}

#[test]
fn changes_are_numbered_bounded_and_watched() {
    let rig = fan(Limits::default());
    let watch = rig.points.watch();
    assert_eq!(*watch.borrow(), 1);
    for turn in 0..KEPT_CHANGES {
        rig.points.set("fan", PointValue::Switch(turn % 2 == 0)).unwrap();
    }
    let latest = *watch.borrow();
    assert_eq!(latest, u64::try_from(KEPT_CHANGES).unwrap() + 1);
    let all = rig.points.changes_since(0);
    assert_eq!((all.changes.len(), all.lost), (KEPT_CHANGES, 1));
    assert!(all.changes.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    assert_eq!(rig.points.changes_since(latest - 2).changes.len(), 2);
    assert_eq!(rig.points.changes_since(latest), Changes::default());
}

#[test]
fn wall_time_that_jumps_changes_nothing() {
    let rig = fan(Limits { max_on: Some(seconds(10)), min_off: Some(seconds(10)), ..Limits::default() });
    rig.clock.set_wall(crate::clock::WallTime { unix_ms: i64::MAX, trust: crate::clock::ClockTrust::Synchronised });
    assert_eq!(rig.points.set("fan", ON).unwrap_err().wait(), Some(seconds(10)));
}

#[test]
fn only_outputs_are_held_in_their_safe_state() {
    let configs = [output("fan", Limits { safe: true, ..Limits::default() }), input("door")];
    assert_eq!(safe_lines(&configs), [SafeLine { line: "fan".into(), active_low: false, safe: true }]);
}

#[test]
fn values_are_read_and_written_as_plain_json() {
    let values: Vec<PointValue> = serde_json::from_str("[true, 21.5, 3]").unwrap();
    assert_eq!(values, [ON, PointValue::Number(21.5), PointValue::Number(3.0)]);
    assert_eq!(serde_json::to_string(&values).unwrap(), "[true,21.5,3.0]");
    assert!(serde_json::from_str::<PointValue>("\"on\"").is_err());
}
