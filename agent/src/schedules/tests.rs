//! Schedules over time, restarts, kills and leaps of the clock, on a real store.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use jiff::civil::Time;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use victus_hw::clock::{SimulatedClock, WallTime};

use super::run::Verdict;
use super::*;
use crate::event::Event;
use crate::store::StoreOptions;
use crate::tool::{CallContext, CallStatus, Caller, Risk, Role, Tool, ToolError, ToolSpec};
use crate::turn::Step;

mod killed;
mod leaps;
mod rules;

/// 2027-01-15, a Friday, 07:00 in Berlin.
const FRIDAY_SEVEN: i64 = 1_799_992_800_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A pump that counts how often it was told to run, and does what its argument says.
struct Pump {
    name: &'static str,
    risk: Risk,
    role: Role,
    runs: Arc<AtomicUsize>,
}

impl Tool for Pump {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name,
            description: "Runs the pump.",
            input: json!({"type": "object", "properties": {"fail": {"type": "boolean"}}, "additionalProperties": false}),
            risk: self.risk,
            idempotent: false,
            role: self.role,
            timeout: Duration::from_secs(1),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            self.runs.fetch_add(1, Ordering::SeqCst);
            if args["fail"] == true { Err(ToolError::Failed("it is dry".to_owned())) } else { Ok(Value::Null) }
        })
    }
}

/// An appliance's schedules between one start and one end of the process.
struct Run {
    schedules: Arc<Schedules>,
    tools: Arc<ToolRuntime>,
    store: Store,
}

/// What stays over restarts.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<SimulatedClock>,
    runs: Arc<AtomicUsize>,
}

fn bench() -> Bench {
    Bench {
        folder: tempfile::tempdir().unwrap(),
        clock: Arc::new(SimulatedClock::new(FRIDAY_SEVEN)),
        runs: Arc::default(),
    }
}

impl Bench {
    /// Starts the process in that boot of the machine.
    fn start(&self, boot: &str) -> Run {
        self.start_with(boot, &self.clock)
    }

    fn start_with(&self, boot: &str, clock: &Arc<SimulatedClock>) -> Run {
        let boot = BootId(boot.to_owned());
        let store = open(self.folder.path(), clock, &boot);
        let random: Arc<Mutex<dyn Rng + Send>> =
            Arc::new(Mutex::new(StdRng::seed_from_u64(clock.wall().unix_ms.cast_unsigned())));
        let parts = SchedulesParts {
            store: store.clone(),
            clock: clock.clone(),
            boot,
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            random: Arc::clone(&random),
        };
        let schedules = Arc::new(Schedules::load(parts).unwrap());
        let mut tools = ToolRuntime::new(store.clone(), clock.clone(), Arc::clone(&random));
        let pump = |name, risk, role| Arc::new(Pump { name, risk, role, runs: Arc::clone(&self.runs) });
        tools.register(pump("pump.run", Risk::Reversible, Role::Operator)).unwrap();
        tools.register(pump("pump.read", Risk::Read, Role::Viewer)).unwrap();
        tools.register(pump("pump.blow", Risk::Dangerous, Role::Operator)).unwrap();
        tools.register(pump("pump.tune", Risk::Reversible, Role::Admin)).unwrap();
        tools::register(&mut tools, &schedules).unwrap();
        let tools = Arc::new(tools);
        schedules.use_tools(&tools);
        Run { schedules, tools, store }
    }

    /// A clock as after a reboot: monotonic time begins anew.
    fn rebooted(&self, wall: WallTime) -> Arc<SimulatedClock> {
        let clock = Arc::new(SimulatedClock::new(wall.unix_ms));
        clock.set_wall(wall);
        clock
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

fn open(folder: &Path, clock: &Arc<SimulatedClock>, boot: &BootId) -> Store {
    Store::open(StoreOptions::new(folder.join("db"), clock.clone(), boot.clone())).unwrap()
}

fn step(tool: &str, args: Value) -> Step {
    Step::new(tool, args)
}

fn daily_at_six() -> Asked {
    Asked::At(Time::constant(6, 0, 0, 0), AskedDay::Every(Day::ALL.into()))
}

fn new(asked: Asked) -> NewSchedule {
    NewSchedule {
        name: Some("morning".to_owned()),
        command: Some("run the pump".to_owned()),
        asked,
        steps: vec![step("pump.run", json!({}))],
        made_by: Caller::voice(),
    }
}

impl Run {
    async fn make(&self, asked: Asked) -> Schedule {
        self.schedules.create(new(asked), None).await.unwrap()
    }

    async fn due(&self) {
        self.schedules.run_due(&|| {}).await;
    }

    async fn call(&self, tool: &str, args: Value) -> (String, Value) {
        let context = CallContext::new(Caller::voice(), TraceId::from_random(1));
        let result = self.tools.call(tool, args, &context).await;
        let status = match result.status {
            CallStatus::Done => "done".to_owned(),
            CallStatus::Refused { code, .. } => code,
            CallStatus::Failed { reason } => reason,
        };
        (status, result.result)
    }

    /// What the journal says of schedules, oldest first.
    fn told(&self) -> Vec<String> {
        let told = |event: Event| match event.kind {
            EventKind::ScheduleRan { outcome, late_ms, .. } => Some(format!("ran {outcome:?} {late_ms}")),
            EventKind::ScheduleMissed { count, late_ms, .. } => Some(format!("missed {count} {late_ms}")),
            EventKind::ScheduleChanged { state, .. } => Some(state),
            _ => None,
        };
        self.store.journal().latest(1000).unwrap().into_iter().filter_map(told).collect()
    }
}

fn set(unix_ms: i64) -> WallTime {
    WallTime { unix_ms, trust: ClockTrust::Synchronised }
}

const UNSET: WallTime = WallTime { unix_ms: 0, trust: ClockTrust::Unset };

#[tokio::test]
async fn what_is_said_in_ten_minutes_is_done_once_after_ten_minutes() {
    let bench = bench();
    let run = bench.start("one");
    run.make(Asked::After(Duration::from_secs(600))).await;
    bench.clock.advance(Duration::from_millis(599_999));
    run.due().await;
    assert_eq!((bench.runs(), run.schedules.list().len()), (0, 1));
    bench.clock.advance(Duration::from_millis(1));
    run.due().await;
    run.due().await;
    assert_eq!((bench.runs(), run.schedules.list().len()), (1, 0));
    assert_eq!(run.told(), ["ran Done 0"]);
}

#[tokio::test]
async fn every_day_at_six_is_done_at_six_every_day() {
    let bench = bench();
    let run = bench.start("one");
    let schedule = run.make(daily_at_six()).await;
    assert_eq!(run.schedules.next(&schedule).unwrap().to_string(), "2027-01-16T06:00:00+01:00[Europe/Berlin]");
    for _ in 0..3 * 24 * 60 {
        bench.clock.advance(Duration::from_secs(60));
        run.due().await;
    }
    assert_eq!(bench.runs(), 3);
    assert_eq!(run.told(), ["ran Done 0", "ran Done 0", "ran Done 0"]);
    assert_eq!(run.schedules.list()[0].last, Some(RunOutcome::Done));
}

#[tokio::test]
async fn weekdays_are_the_days_that_were_named() {
    let bench = bench();
    let run = bench.start("one");
    let weekdays = Day::ALL[..5].iter().copied().collect();
    run.make(Asked::At(Time::constant(6, 0, 0, 0), AskedDay::Every(weekdays))).await;
    // Saturday and Sunday, and then Monday.
    for (hours, runs) in [(23, 0), (24, 0), (24, 1)] {
        bench.clock.advance(Duration::from_secs(hours * 3600));
        run.due().await;
        assert_eq!(bench.runs(), runs);
    }
}

#[tokio::test]
async fn a_step_that_fails_or_is_refused_ends_the_run_and_is_told() {
    let bench = bench();
    let run = bench.start("one");
    for (first, outcome, runs) in [
        (step("pump.run", json!({"fail": true})), RunOutcome::Failed, 1),
        (step("pump.run", json!({"wrong": 1})), RunOutcome::Refused, 0),
        (step("pump.blow", json!({})), RunOutcome::Refused, 0),
        (step("pump.tune", json!({})), RunOutcome::Refused, 0),
    ] {
        bench.runs.store(0, Ordering::SeqCst);
        let steps = vec![first.clone(), step("pump.run", json!({}))];
        let new = NewSchedule { steps, ..new(Asked::After(Duration::from_secs(1))) };
        run.schedules.create(new, None).await.unwrap();
        bench.clock.advance(Duration::from_secs(1));
        run.due().await;
        assert_eq!(run.told().last(), Some(&format!("ran {outcome:?} 0")), "{first:?}");
        assert_eq!(bench.runs(), runs, "{first:?}");
    }
}

#[tokio::test]
async fn steps_are_run_as_a_schedule_with_the_role_of_its_maker() {
    let bench = bench();
    let run = bench.start("one");
    let made = run.make(Asked::After(Duration::from_secs(1))).await;
    bench.clock.advance(Duration::from_secs(1));
    run.due().await;
    let events = run.store.journal().latest(100).unwrap();
    let called = events.iter().find(|event| matches!(event.kind, EventKind::ToolCalled { .. })).unwrap();
    let ran = events.iter().find(|event| matches!(event.kind, EventKind::ScheduleRan { .. })).unwrap();
    let EventKind::ToolCalled { caller, .. } = &called.kind else { unreachable!() };
    assert_eq!(*caller, Caller { source: crate::tool::Source::Schedule, role: Role::Operator, name: Some(made.id) });
    assert_eq!(called.trace, ran.trace);
    assert!(called.trace.is_some());
}
