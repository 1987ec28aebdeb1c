//! Points exchanged while they are in use: what stays is not touched, what comes and goes is safe, and a fault changes
//! nothing.

use super::*;

fn limited(id: &str, change: impl FnOnce(&mut Limits)) -> PointConfig {
    let mut limits = Limits::default();
    change(&mut limits);
    output(id, limits)
}

/// A rig with lines for points that come later.
fn rig_with(configs: &[PointConfig], more: &[&str]) -> Rig {
    let clock = Arc::new(SimulatedClock::new(1_000_000));
    let names = configs.iter().map(|config| config.id.clone()).chain(more.iter().map(|name| (*name).to_owned()));
    let lines: Vec<(String, Level)> = names.map(|name| (name, Level::Low)).collect();
    let bench = Bench::new(clock.clone(), &lines);
    let points = Points::new(configs, Box::new(bench.clone()), clock.clone()).unwrap();
    Rig { bench, clock, points }
}

impl Rig {
    fn exchange(&self, configs: &[PointConfig]) -> Result<(), PointsError> {
        self.points.exchange(configs, &self.bench)
    }
}

#[test]
fn what_stays_is_not_touched_and_its_limits_go_on_counting() {
    let fan = limited("fan", |limits| limits.max_on = Some(seconds(60)));
    let rig = rig_with(&[output("valve", Limits::default()), fan.clone()], &["lamp"]);
    rig.points.set("fan", ON).unwrap();
    rig.points.set("valve", ON).unwrap();
    rig.clock.advance(seconds(40));
    rig.bench.take_events();
    rig.exchange(&[fan, output("lamp", Limits::default())]).unwrap();
    let touched: Vec<String> = rig.bench.take_events().into_iter().map(|event| event.line).collect();
    assert_eq!(touched, ["valve"], "only what goes was switched");
    assert_eq!((rig.value("fan"), rig.value("lamp")), (Some(ON), Some(OFF)));
    assert_eq!((rig.points.state("valve"), rig.bench.level("valve")), (None, Level::Low));
    rig.points.set("lamp", ON).unwrap();
    rig.clock.advance(seconds(20));
    rig.points.tick();
    assert_eq!((rig.value("fan"), rig.value("lamp")), (Some(OFF), Some(ON)), "on for 60 s in all");
    assert_eq!(rig.points.snapshot().len(), 2);
}

#[test]
fn a_new_output_that_is_off_counts_its_time_off_from_the_exchange() {
    let rig = rig_with(&[output("fan", Limits::default())], &["lamp"]);
    rig.clock.advance(seconds(100));
    let lamp = limited("lamp", |limits| limits.min_off = Some(seconds(10)));
    rig.exchange(&[output("fan", Limits::default()), lamp]).unwrap();
    assert!(matches!(rig.points.set("lamp", ON), Err(Refusal::Interlock { rule: Rule::MinOff { .. }, .. })));
    rig.clock.advance(seconds(10));
    rig.points.set("lamp", ON).unwrap();
}

#[test]
fn a_point_with_another_id_keeps_its_line() {
    let rig = rig_with(&[output("fan", Limits::default()), input("door")], &[]);
    rig.points.set("fan", ON).unwrap();
    rig.bench.take_events();
    let renamed = PointConfig { id: "blower".to_owned(), ..output("fan", Limits::default()) };
    rig.exchange(&[input("door"), renamed]).unwrap();
    assert_eq!(rig.bench.take_events(), []);
    assert_eq!((rig.value("blower"), rig.points.state("fan")), (Some(ON), None));
    rig.points.set("blower", OFF).unwrap();
    assert_eq!(rig.bench.level("fan"), Level::Low);
}

#[test]
fn what_cannot_be_done_whole_is_not_begun() {
    let fan = output("fan", Limits::default());
    let rig = rig_with(&[fan.clone(), output("valve", Limits::default())], &["lamp"]);
    rig.points.set("fan", ON).unwrap();
    rig.points.set("valve", ON).unwrap();
    rig.bench.take_events();
    let inverted =
        PointConfig { driver: PointDriver::GpioOutput { line: "fan".into(), active_low: true }, ..fan.clone() };
    let unknown = limited("lamp", |limits| limits.requires = vec![requires("nothing", true)]);
    let impossible = [
        vec![fan.clone(), output("lamp", Limits::default()), output("missing", Limits::default())],
        vec![inverted],
        vec![fan.clone(), unknown],
    ];
    for configs in impossible {
        let error = rig.exchange(&configs).unwrap_err();
        assert_eq!(rig.bench.take_events(), [], "{error}");
        assert_eq!((rig.value("fan"), rig.value("valve")), (Some(ON), Some(ON)), "{error}");
        assert_eq!(rig.points.state("lamp"), None);
    }
    // The line of the lamp was taken on the way and let go of again.
    rig.exchange(&[fan, output("lamp", Limits::default())]).unwrap();
}

#[test]
fn new_rules_hold_for_what_is_on_already() {
    let rig = rig_with(&[output("fan", Limits::default()), output("pump", Limits::default()), input("door")], &[]);
    rig.points.set("fan", ON).unwrap();
    rig.points.set("pump", ON).unwrap();
    let apart = limited("fan", |limits| limits.conflicts = vec!["pump".to_owned()]);
    rig.exchange(&[apart, output("pump", Limits::default()), input("door")]).unwrap();
    assert_eq!((rig.value("fan"), rig.value("pump")), (Some(OFF), Some(OFF)));
    rig.points.set("pump", ON).unwrap();
    let guarded = limited("pump", |limits| limits.requires = vec![requires("door", true)]);
    rig.exchange(&[guarded, input("door")]).unwrap();
    assert_eq!((rig.value("pump"), rig.causes("pump").last()), (Some(OFF), Some(&Cause::RequirementLost)));
}

#[test]
fn what_is_in_conflict_with_a_new_output_that_is_on_when_safe_goes_off_first() {
    let heater = output("heater", Limits::default());
    let rig = rig_with(std::slice::from_ref(&heater), &["cooler"]);
    rig.points.set("heater", ON).unwrap();
    rig.bench.take_events();
    let cooler = limited("cooler", |limits| {
        limits.safe = true;
        limits.conflicts = vec!["heater".to_owned()];
    });
    rig.exchange(&[heater, cooler]).unwrap();
    let events: Vec<(String, Level)> =
        rig.bench.take_events().into_iter().map(|event| (event.line, event.level)).collect();
    assert_eq!(events, [("heater".to_owned(), Level::Low), ("cooler".to_owned(), Level::High)]);
    assert_eq!((rig.value("heater"), rig.value("cooler")), (Some(OFF), Some(ON)));
}
