//! Random rules and random schedules of requests, time, crashes and faults, judged by the oracle. Planted bugs show that
//! the judgement can fail.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::bench::Bench;
use super::oracle::{Asked, Oracle};
use crate::clock::{Clock, ClockTrust, SimulatedClock, WallTime};
use crate::gpio::{Bias, Level};
use crate::points::{Limits, PointConfig, PointDriver, PointValue, Points, Rate, Refusal, Requirement};

const OUTPUTS: usize = 5;
const INPUTS: usize = 2;
const CASES: u32 = 1_000;

#[derive(Debug, Clone)]
enum Op {
    Set(usize, bool),
    Advance(u64),
    Drive(usize, bool),
    Stop,
    Safe(usize),
    AllSafe,
    Crash,
    Restart,
    Wall(i64),
    Break(usize, bool),
}

fn op(faults: bool) -> impl Strategy<Value = Op> {
    let point = 0..OUTPUTS;
    prop_oneof![
        10 => (point.clone(), any::<bool>()).prop_map(|(point, on)| Op::Set(point, on)),
        6 => prop_oneof![0..3_000_u64, Just(1_000), Just(5_000), 0..30_000_u64].prop_map(Op::Advance),
        4 => (OUTPUTS..OUTPUTS + INPUTS, any::<bool>()).prop_map(|(input, on)| Op::Drive(input, on)),
        1 => Just(Op::Stop),
        1 => point.clone().prop_map(Op::Safe),
        1 => Just(Op::AllSafe),
        1 => Just(Op::Crash),
        1 => Just(Op::Restart),
        1 => any::<i64>().prop_map(Op::Wall),
        if faults { 3 } else { 0 } => (point, any::<bool>()).prop_map(|(point, broken)| Op::Break(point, broken)),
    ]
}

fn name(point: usize) -> String {
    if point < OUTPUTS { format!("out{point}") } else { format!("in{}", point - OUTPUTS) }
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of(prop_oneof![Just(1_000), Just(5_000), 1..20_000_u64].prop_map(Duration::from_millis))
}

fn limits(point: usize) -> impl Strategy<Value = Limits> {
    let rate = (1..4_u32, 2_000..30_000_u64).prop_map(|(count, ms)| Rate { count, per: Duration::from_millis(ms) });
    let conflict = (0..OUTPUTS).prop_map(name);
    let needed = prop_oneof![0..point.max(1), OUTPUTS..OUTPUTS + INPUTS]
        .prop_flat_map(|other| (Just(name(other)), any::<bool>()))
        .prop_map(|(point, on)| Requirement { point, is: PointValue::Switch(on) });
    (
        (proptest::bool::weighted(0.2), any::<bool>()),
        (span(), span(), span()),
        proptest::option::of(rate),
        proptest::collection::vec(conflict, 0..2),
        proptest::collection::vec(needed, 0..3),
    )
        .prop_map(move |((safe, stop), (max_on, min_on, min_off), rate, mut conflicts, mut requires)| {
            conflicts.retain(|other| *other != name(point));
            requires.retain(|needed| !safe && needed.point != name(point));
            let max_on = max_on.filter(|_| !safe);
            let min_on = min_on.map(|min_on| max_on.map_or(min_on, |max_on| min_on.min(max_on)));
            Limits { safe, max_on, min_on, min_off, rate, conflicts, requires, stop }
        })
}

fn config(point: usize, limits: Limits) -> PointConfig {
    let (line, active_low) = (format!("L{point}").as_str().into(), point % 2 == 1);
    let driver = if point < OUTPUTS {
        PointDriver::GpioOutput { line, active_low }
    } else {
        PointDriver::GpioInput { line, active_low, bias: Bias::AsIs }
    };
    PointConfig { id: name(point), driver, limits }
}

/// Rules that can be kept: what excludes another rule is left out, until nothing does.
fn rules() -> impl Strategy<Value = Vec<PointConfig>> {
    (0..OUTPUTS).map(limits).collect::<Vec<_>>().prop_map(|all| {
        let mut configs: Vec<PointConfig> = all.into_iter().enumerate().map(|(i, limits)| config(i, limits)).collect();
        configs.extend((OUTPUTS..OUTPUTS + INPUTS).map(|point| config(point, Limits::default())));
        for point in 0..OUTPUTS {
            if Points::check(&configs).is_err() {
                configs[point].limits.requires.clear();
            }
            if Points::check(&configs).is_err() {
                configs[point].limits.conflicts.clear();
            }
        }
        configs
    })
}

/// A bug that is planted in what the points are told, or in how they are run.
#[derive(Clone, Copy)]
struct Bug {
    rules: fn(&mut PointConfig),
    ticks: bool,
    backdoor: bool,
}

const NO_BUG: Bug = Bug { rules: |_| {}, ticks: true, backdoor: false };

struct Run {
    clock: Arc<SimulatedClock>,
    bench: Bench,
    told: Vec<PointConfig>,
    points: Option<Points>,
    oracle: Oracle,
    strict: bool,
    bug: Bug,
}

impl Run {
    fn new(configs: &[PointConfig], strict: bool, bug: Bug) -> Result<Self, String> {
        let clock = Arc::new(SimulatedClock::new(1_700_000_000_000));
        // The pull of each output is the opposite of its safe state, so that nothing is safe by accident.
        let pull = |config: &PointConfig, point: usize| Level::of(!config.limits.safe, point % 2 == 1);
        let lines: Vec<(String, Level)> =
            configs.iter().enumerate().map(|(point, config)| (format!("L{point}"), pull(config, point))).collect();
        let mut told = configs.to_vec();
        told.iter_mut().take(OUTPUTS).for_each(|config| (bug.rules)(config));
        let bench = Bench::new(clock.clone(), &lines);
        let mut run = Self { clock, bench, told, points: None, oracle: Oracle::new(configs), strict, bug };
        run.start()?;
        Ok(run)
    }

    fn start(&mut self) -> Result<(), String> {
        let points = Points::new(&self.told, Box::new(self.bench.clone()), self.clock.clone());
        self.points = Some(points.map_err(|error| error.to_string())?);
        self.bench.take_events();
        self.oracle.started(|line| self.bench.level(line), self.clock.monotonic())
    }

    /// Shows the oracle what happened on the lines.
    fn look(&mut self, asked: Asked) -> Result<(), String> {
        for event in self.bench.take_events() {
            self.oracle.event(&event)?;
        }
        self.oracle.after(asked, self.clock.monotonic())
    }

    fn points(&self) -> &Points {
        self.points.as_ref().unwrap()
    }

    fn step(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Set(point, on) => self.set(*point, *on),
            Op::Advance(ms) => self.advance(Duration::from_millis(*ms)),
            Op::Drive(input, on) => {
                self.bench.drive(&format!("L{input}"), Level::of(*on, input % 2 == 1));
                self.look(Asked::Outside)?;
                self.tick()
            }
            Op::Stop => {
                self.points().stop_all();
                self.look(Asked::Stop)
            }
            Op::Safe(point) => {
                // Its failures are those of broken lines, which the oracle sees by itself.
                let _failed = self.points().make_safe(&name(*point));
                self.look(Asked::Safe(*point))
            }
            Op::AllSafe => {
                self.points().make_all_safe();
                self.look(Asked::AllSafe)
            }
            Op::Crash => {
                self.oracle.ended();
                let outputs: Vec<String> = (0..OUTPUTS).map(|point| format!("L{point}")).collect();
                self.bench.crash(&outputs);
                self.points = None;
                self.start()
            }
            Op::Restart => {
                self.points().make_all_safe();
                self.look(Asked::AllSafe)?;
                self.oracle.ended();
                self.points = None;
                self.start()
            }
            Op::Wall(unix_ms) => {
                self.clock.set_wall(WallTime { unix_ms: *unix_ms, trust: ClockTrust::Synchronised });
                self.look(Asked::Outside)
            }
            Op::Break(point, broken) => {
                self.bench.break_writes(&format!("L{point}"), *broken);
                self.oracle.breaks(*point, *broken, self.clock.monotonic());
                Ok(())
            }
        }
    }

    fn set(&mut self, point: usize, on: bool) -> Result<(), String> {
        let result = self.points().set(&name(point), PointValue::Switch(on));
        self.look(Asked::Set)?;
        let level = self.bench.level(&format!("L{point}"));
        match result {
            Ok(_) if level != Level::of(on, point % 2 == 1) => Err(format!("{} is said to be {on}", name(point))),
            Err(refusal @ Refusal::Interlock { .. }) if self.strict => {
                self.oracle.justifies(point, &refusal, self.clock.monotonic())
            }
            Err(refusal) if self.strict => Err(format!("unexpected: {refusal}")),
            _ => Ok(()),
        }
    }

    fn tick(&mut self) -> Result<(), String> {
        if self.bug.ticks {
            self.points().tick();
        }
        self.look(Asked::Tick)
    }

    /// Lets time pass with a tick at each deadline of the interlocks.
    fn advance(&mut self, by: Duration) -> Result<(), String> {
        let end = self.clock.monotonic().saturating_add(by);
        if self.bug.backdoor {
            self.bench.drive("L0", Level::High);
        }
        loop {
            let now = self.clock.monotonic();
            let deadline = self.points().lock().interlocks.next_deadline().filter(|at| *at > now && *at < end);
            self.clock.advance(deadline.unwrap_or(end).saturating_since(now));
            self.tick()?;
            if deadline.is_none() {
                return Ok(());
            }
        }
    }
}

fn run(configs: &[PointConfig], ops: &[Op], strict: bool, bug: Bug) -> Result<(), String> {
    let mut run = Run::new(configs, strict, bug)?;
    for (number, op) in ops.iter().enumerate() {
        run.step(op).map_err(|broken| format!("step {number}, {op:?}: {broken}"))?;
    }
    Ok(())
}

fn search(faults: bool, bug: Bug) -> Result<(), String> {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&(rules(), proptest::collection::vec(op(faults), 1..80)), |(configs, ops)| {
            run(&configs, &ops, !faults, bug).map_err(TestCaseError::fail)
        })
        .map_err(|error| error.to_string())
}

#[test]
fn random_schedules_keep_every_rule_and_refuse_only_with_reason() {
    search(false, NO_BUG).unwrap();
}

#[test]
fn random_schedules_with_failing_lines_keep_what_can_be_kept() {
    search(true, NO_BUG).unwrap();
}

#[test]
fn planted_bugs_are_found() {
    let told = |rules: fn(&mut PointConfig)| Bug { rules, ..NO_BUG };
    let bugs = [
        ("max_on", told(|config| config.limits.max_on = None)),
        ("min_off", told(|config| config.limits.min_off = None)),
        ("too early", told(|config| config.limits.min_on = None)),
        ("left its safe state", told(|config| config.limits.rate = None)),
        ("went on while", told(|config| config.limits.conflicts.clear())),
        ("requires", told(|config| config.limits.requires.clear())),
        ("after a stop", told(|config| config.limits.stop = false)),
        ("no reason", told(|config| config.limits.min_off = Some(Duration::from_secs(40)))),
        (
            "not in its safe state at start",
            told(|config| config.limits = Limits { safe: !config.limits.safe, ..Limits::default() }),
        ),
        ("max_on", Bug { ticks: false, ..NO_BUG }),
        ("out0", Bug { backdoor: true, ..NO_BUG }),
    ];
    for (expected, bug) in bugs {
        let found = search(false, bug).expect_err(expected);
        assert!(found.contains(expected), "instead of {expected}: {found}");
    }
}
