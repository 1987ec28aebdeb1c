//! The register on simulated lines, a real store and a clock that only the test moves.

use std::path::Path;

use serde_json::json;
use victus_hw::clock::{ClockTrust, SimulatedClock};
use victus_hw::gpio::{Bias, Level, SimulatedGpio};
use victus_hw::points::{Limits, PointConfig, PointDriver, Points};

use super::*;
use crate::entities::{Entity, EntityKind};
use crate::store::StoreOptions;
use crate::timers::Timers;
use crate::tool::Risk;

/// An alarm that nobody has acknowledged.
pub(super) fn raised(alarm: &str, class: AlarmClass) -> Raised {
    let at = Stamp { wall_ms: 0, trust: ClockTrust::Unset, mono_ms: 0, boot: BootId("boot".to_owned()) };
    Raised { alarm: alarm.to_owned(), class, name: None, limit: None, value: None, at, acknowledged: None }
}

struct Bench {
    alarms: Arc<Alarms>,
    timers: Timers,
    store: Store,
    entities: Arc<Entities>,
    clock: Arc<SimulatedClock>,
    gpio: SimulatedGpio,
}

fn door(after_ms: u64, class: AlarmClass) -> Entity {
    let (limit, after) = (Limit::Is(true), Duration::from_millis(after_ms));
    Entity {
        id: "binary_sensor.door".to_owned(),
        name: "Guard door".to_owned(),
        aliases: vec!["gate".to_owned()],
        spoken: BTreeMap::new(),
        kind: EntityKind::BinarySensor,
        area: Some("Press hall".to_owned()),
        floor: None,
        unit: None,
        numeric: false,
        risk: Risk::Read,
        confirm: false,
        alarm: Some(Definition { limit, hysteresis: 0.0, after, class }),
        signal: false,
        acknowledge: false,
    }
}

fn open(folder: &Path, clock: &Arc<SimulatedClock>, entities: Vec<Entity>) -> Bench {
    let boot = BootId("boot".to_owned());
    let gpio = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    gpio.add_line(&"DOOR".into(), Level::Low).unwrap();
    let driver = PointDriver::GpioInput { line: "DOOR".into(), active_low: false, bias: Bias::AsIs };
    let config = PointConfig { id: "binary_sensor.door".to_owned(), driver, limits: Limits::default() };
    let own = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    let points = Arc::new(Points::new(&[config], Box::new(own), clock.clone()).unwrap());
    let store = Store::open(StoreOptions::new(folder.join("db"), clock.clone(), boot.clone())).unwrap();
    let entities = Arc::new(Entities::new(entities, points));
    let timers = Timers::load(store.clone(), clock.clone(), boot.clone()).unwrap();
    let alarms = Arc::new(Alarms::load(&store, entities.clone(), clock.clone(), boot).unwrap());
    Bench { alarms, timers, store, entities, clock: clock.clone(), gpio }
}

impl Bench {
    async fn drive(&self, level: Level) {
        self.gpio.drive(&"DOOR".into(), Some(level)).unwrap();
        self.entities.points().tick();
        self.alarms.look().await.unwrap();
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
        self.timers.finish_due().await;
        self.alarms.look().await.unwrap();
    }

    fn raised(&self) -> Vec<(String, bool)> {
        self.alarms.list().into_iter().map(|alarm| (alarm.alarm, alarm.acknowledged.is_some())).collect()
    }

    /// The alarm events of the journal.
    fn told(&self) -> Vec<String> {
        let events = self.store.journal().latest(100).unwrap();
        let names = events.iter().map(|event| event.kind.name()).filter(|name| name.starts_with("alarm_"));
        names.map(str::to_owned).collect()
    }
}

fn bench(after_ms: u64) -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    (open(folder.path(), &clock, vec![door(after_ms, AlarmClass::Danger)]), folder)
}

#[tokio::test]
async fn an_alarm_is_raised_acknowledged_and_over_and_each_is_an_event() {
    let (bench, _folder) = bench(2000);
    bench.drive(Level::High).await;
    assert_eq!(bench.raised(), [], "it has not lasted long enough");
    bench.wait(Duration::from_secs(2)).await;
    assert_eq!(bench.raised(), [("binary_sensor.door".to_owned(), false)]);
    let by = Caller::panel();
    assert_eq!(bench.alarms.acknowledge(None, &by, None).await.len(), 1);
    assert_eq!(bench.raised(), [("binary_sensor.door".to_owned(), true)]);
    assert_eq!(bench.alarms.acknowledge(None, &by, None).await, [], "it is known already");
    bench.drive(Level::Low).await;
    assert_eq!(bench.raised(), []);
    assert_eq!(bench.told(), ["alarm_raised", "alarm_acknowledged", "alarm_cleared"]);
    let events = bench.store.journal().latest(100).unwrap();
    let shown: Vec<_> = events.iter().map(|event| serde_json::to_value(&event.kind).unwrap()).collect();
    let data = |kind: &str| shown.iter().find(|event| event["kind"] == kind).unwrap()["data"].clone();
    assert_eq!(
        data("alarm_raised"),
        json!({"alarm": "binary_sensor.door", "class": "danger", "limit": {"is": true}, "value": true})
    );
    assert_eq!(data("alarm_acknowledged")["by"], json!({"source": "panel", "role": "operator"}));
    assert_eq!(data("alarm_cleared"), json!({"alarm": "binary_sensor.door", "acknowledged": true}));
}

#[tokio::test]
async fn a_short_excursion_between_two_looks_is_not_missed() {
    let (bench, _folder) = bench(0);
    for level in [Level::High, Level::Low] {
        bench.gpio.drive(&"DOOR".into(), Some(level)).unwrap();
        bench.entities.points().tick();
    }
    bench.alarms.look().await.unwrap();
    assert_eq!((bench.raised(), bench.told()), (vec![], vec!["alarm_raised".to_owned(), "alarm_cleared".to_owned()]));
}

#[tokio::test]
async fn an_alarm_that_is_not_over_outlives_a_restart_with_what_is_known_of_it() {
    let (bench, folder) = bench(0);
    bench.drive(Level::High).await;
    let clock = bench.clock.clone();
    let again = |bench: Bench, entities| {
        assert!(bench.store.close());
        drop(bench);
        open(folder.path(), &clock, entities)
    };
    let bench = again(bench, vec![door(0, AlarmClass::Danger)]);
    assert_eq!(bench.raised(), [("binary_sensor.door".to_owned(), false)]);
    bench.alarms.acknowledge(Some("binary_sensor.door"), &Caller::voice(), None).await;
    let bench = again(bench, vec![door(0, AlarmClass::Danger)]);
    bench.drive(Level::High).await;
    assert_eq!(bench.raised(), [("binary_sensor.door".to_owned(), true)]);
    assert_eq!(bench.told(), ["alarm_raised", "alarm_acknowledged"], "it is not raised anew");
    // An entity that has no alarm any more has none that is not over.
    let without = Entity { alarm: None, ..door(0, AlarmClass::Danger) };
    let bench = again(bench, vec![without]);
    bench.alarms.look().await.unwrap();
    assert_eq!(bench.raised(), []);
    assert_eq!(bench.told().last().map(String::as_str), Some("alarm_cleared"));
}

#[tokio::test]
async fn a_timer_that_ran_out_is_an_alarm_until_it_is_acknowledged_or_has_rung_for_ten_minutes() {
    let (bench, _folder) = bench(0);
    for timer in ["timer-1", "timer-2"] {
        bench.timers.start(timer.to_owned(), Some("tea".to_owned()), Duration::from_secs(5), None).await.unwrap();
    }
    bench.wait(Duration::from_secs(5)).await;
    assert_eq!(bench.raised().len(), 2);
    let first = &bench.alarms.list()[0];
    assert_eq!((first.class, first.name.as_deref()), (AlarmClass::Timer, Some("tea")));
    bench.alarms.acknowledge(Some("timer-1"), &Caller::panel(), None).await;
    assert_eq!(bench.raised(), [("timer-2".to_owned(), false)]);
    bench.wait(TIMER_RINGS - Duration::from_secs(1)).await;
    assert_eq!(bench.raised(), [("timer-2".to_owned(), false)]);
    bench.wait(Duration::from_secs(1)).await;
    assert_eq!(bench.raised(), []);
    assert_eq!(bench.told(), ["alarm_raised", "alarm_raised", "alarm_acknowledged", "alarm_cleared", "alarm_cleared"]);
}

#[tokio::test]
async fn the_list_is_bounded_and_a_danger_stays_in_it() {
    let (bench, _folder) = bench(0);
    bench.drive(Level::High).await;
    let mut state = bench.alarms.lock();
    for number in 0..MAX_RAISED + 10 {
        state.add(raised(&format!("timer-{number}"), AlarmClass::Timer));
    }
    assert_eq!(state.raised.len(), MAX_RAISED);
    assert!(state.raised.iter().any(|alarm| alarm.class == AlarmClass::Danger));
    assert!(state.raised.iter().any(|alarm| alarm.alarm == format!("timer-{}", MAX_RAISED + 9)), "the newest is there");
}

#[tokio::test]
async fn an_alarm_is_said_in_each_language_with_what_where_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let boiler = Entity {
        id: "sensor.boiler".to_owned(),
        name: "Boiler".to_owned(),
        kind: EntityKind::Sensor,
        unit: Some("bar".to_owned()),
        numeric: true,
        ..door(0, AlarmClass::Danger)
    };
    let bench = open(folder.path(), &clock, vec![door(0, AlarmClass::Danger), boiler]);
    let of = |id: &str, class, limit| Raised { limit: Some(limit), ..raised(id, class) };
    let pressure = of("sensor.boiler", AlarmClass::Danger, Limit::Above(8.0));
    let cold = of("sensor.boiler", AlarmClass::Warning, Limit::Below(2.0));
    let open = of("binary_sensor.door", AlarmClass::Warning, Limit::Is(false));
    let tea = Raised { name: Some("tea".to_owned()), ..raised("timer-1", AlarmClass::Timer) };
    let table = [
        (
            "en",
            [
                "Alarm, Press hall: Boiler is above eight bar.",
                "Warning, Press hall: Boiler is below two bar.",
                "off",
                "The timer tea is done.",
            ],
        ),
        (
            "de",
            [
                "Alarm, Press hall: Boiler ist über acht Bar.",
                "Warnung, Press hall: Boiler ist unter zwei Bar.",
                "",
                "tea",
            ],
        ),
        ("es", ["Alarma, Press hall: Boiler está por encima de ocho bares.", "Aviso", "", "tea"]),
        ("fr", ["Alarme, Press hall : Boiler est au-dessus de huit bars.", "Attention", "", "tea"]),
        ("nl", ["Alarm, Press hall: Boiler is boven acht bar.", "Waarschuwing", "", "tea"]),
    ];
    for (code, expected) in table {
        let sentences = Arc::new(crate::intents::Sentences::for_language(code, None).0);
        let (language, _problems) = crate::language::Language::compile(sentences, &bench.entities);
        for (alarm, expected) in [&pressure, &cold, &open, &tea].into_iter().zip(expected) {
            let said = words::announcement(alarm, &bench.entities, &language);
            assert!(said.contains(expected), "{code}: {said}");
            assert!(!said.contains('{') && said.ends_with('.'), "{code}: {said}");
        }
    }
    // The value is said where it is known, and a number only.
    bench.drive(Level::High).await;
    let sentences = Arc::new(crate::intents::Sentences::for_language("en", None).0);
    let (language, _problems) = crate::language::Language::compile(sentences, &bench.entities);
    let said = words::announcement(&bench.alarms.list()[0], &bench.entities, &language);
    assert_eq!(said, "Alarm, Press hall: Guard door is on.");
}
