//! Whole turns by text, on simulated lines and a real store.

use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use victus_hw::clock::SimulatedClock;
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_hw::points::{Limits, PointConfig, PointDriver, PointValue, Points, Requirement};

use super::*;
use crate::appliance::{Appliance, Identity, Parts};
use crate::entities::{Entity, EntityKind};
use crate::event::BootId;
use crate::health::Health;
use crate::intents::Sentences;
use crate::store::StoreOptions;
use crate::tool::{Role, Source};

mod conversation;
mod languages;
mod later;
mod recall;
mod routes;
mod telling;

/// The serial port of the sensors.
const PORT: &str = "instrument";

struct Bench {
    appliance: Appliance,
    clock: Arc<SimulatedClock>,
    folder: tempfile::TempDir,
}

fn entity(kind: EntityKind, name: &str, area: &str) -> Entity {
    let slug = name.to_lowercase().replace(' ', "_");
    Entity {
        id: format!("{kind}.{slug}"),
        name: name.to_owned(),
        aliases: Vec::new(),
        spoken: Default::default(),
        kind,
        area: Some(area.to_owned()),
        floor: None,
        unit: None,
        numeric: false,
        risk: Risk::Reversible,
        confirm: false,
        alarm: None,
        signal: false,
        acknowledge: false,
    }
}

fn entities() -> Vec<Entity> {
    vec![
        entity(EntityKind::Fan, "Extraction fan", "Press hall"),
        entity(EntityKind::Light, "Ceiling light", "Press hall"),
        entity(EntityKind::Light, "Bench light", "Press hall"),
        entity(EntityKind::Light, "Desk light", "Office"),
        entity(EntityKind::Valve, "Main valve", "Boiler room"),
    ]
}

fn limits(id: &str) -> Limits {
    let min_off = (id == "fan.extraction_fan").then(|| Duration::from_secs(10));
    let fan_is_on = Requirement { point: "fan.extraction_fan".to_owned(), is: PointValue::Switch(true) };
    let requires = if id == "valve.main" { vec![fan_is_on] } else { Vec::new() };
    Limits { min_off, requires, stop: true, ..Limits::default() }
}

fn open(folder: &Path, clock: &Arc<SimulatedClock>) -> Appliance {
    open_in("en", entities(), folder, clock)
}

fn open_in(language: &str, entities: Vec<Entity>, folder: &Path, clock: &Arc<SimulatedClock>) -> Appliance {
    open_with(language, entities, Vec::new(), folder, clock)
}

fn open_with(
    language: &str,
    entities: Vec<Entity>,
    routes: Vec<route::Rule>,
    folder: &Path,
    clock: &Arc<SimulatedClock>,
) -> Appliance {
    let boot = BootId("boot".to_owned());
    let configs = points_of(&entities);
    let gpio = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    for number in 0..configs.len() {
        gpio.add_line(&format!("GPIO{number}").as_str().into(), Level::Low).unwrap();
    }
    let points = Points::new(&configs, Box::new(gpio), clock.clone()).unwrap();
    let parts = Parts {
        identity: Identity {
            device: "bench".to_owned(),
            site: "test".to_owned(),
            language: language.to_owned(),
            version: "0".to_owned(),
            simulated: true,
        },
        store: Store::open(StoreOptions::new(folder.join("db"), clock.clone(), boot.clone())).unwrap(),
        entities,
        points: Arc::new(points),
        sentences: Arc::new(Sentences::for_language(language, None).0),
        routes,
        time_zone: TimeZone::UTC,
        health: Arc::new(Health::new(clock.clone())),
        clock: clock.clone(),
        random: Arc::new(Mutex::new(StdRng::seed_from_u64(7))),
        boot,
        tools: Vec::new(),
    };
    let (appliance, problems) = Appliance::assemble(parts).unwrap();
    assert_eq!(problems, []);
    appliance
}

fn points_of(entities: &[Entity]) -> Vec<PointConfig> {
    let driver = |number: usize, entity: &Entity| match entity.kind {
        EntityKind::Sensor => PointDriver::SerialLine {
            port: PORT.to_owned(),
            read: Some("READ".to_owned()),
            write: None,
            poll: Duration::from_millis(20),
        },
        _ => PointDriver::GpioOutput { line: format!("GPIO{number}").as_str().into(), active_low: false },
    };
    let point = |(number, entity): (usize, &Entity)| PointConfig {
        id: entity.id.clone(),
        driver: driver(number, entity),
        limits: if entity.kind == EntityKind::Sensor { Limits::default() } else { limits(&entity.id) },
    };
    entities.iter().enumerate().map(point).collect()
}

fn bench() -> Bench {
    bench_in("en")
}

fn bench_in(language: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let appliance = open_in(language, entities(), folder.path(), &clock);
    clock.advance(Duration::from_secs(60));
    Bench { appliance, clock, folder }
}

impl Bench {
    async fn ask(&self, text: &str) -> Turn {
        self.appliance.orchestrator.ask(Request::typed(text, Caller::panel())).await
    }

    fn is_on(&self, id: &str) -> bool {
        self.appliance.entities.view(id).unwrap().value == Some(PointValue::Switch(true))
    }
}

#[tokio::test]
async fn a_request_is_parsed_planned_stored_run_and_answered() {
    let bench = bench();
    let turn = bench.ask("turn on the extraction fan").await;
    assert_eq!(turn.outcome, Outcome::Done, "{turn:?}");
    assert_eq!(turn.intent.as_deref(), Some("HassTurnOn"));
    assert_eq!(turn.plan, [Step::new("entity.turn_on", json!({"entity": "fan.extraction_fan"}))]);
    assert!(bench.is_on("fan.extraction_fan"));
    assert!(turn.reply.to_lowercase().contains("extraction fan"), "{}", turn.reply);
    assert_eq!(bench.appliance.store.turns().get(&turn.id).unwrap(), Some(turn));
}

#[tokio::test]
async fn an_area_and_a_kind_mean_all_their_entities_and_no_other() {
    let bench = bench();
    let turn = bench.ask("turn on all the lights in the press hall").await;
    assert_eq!(turn.outcome, Outcome::Done, "{turn:?}");
    assert!(bench.is_on("light.ceiling_light") && bench.is_on("light.bench_light"));
    assert!(!bench.is_on("light.desk_light"));
}

#[tokio::test]
async fn an_interlock_refuses_with_its_reason_and_the_turn_says_so() {
    let bench = bench();
    bench.ask("turn on the extraction fan").await;
    bench.ask("turn off the extraction fan").await;
    let turn = bench.ask("turn on the extraction fan").await;
    assert_eq!(turn.outcome, Outcome::Refused);
    assert!(turn.reply.contains("Extraction fan has to stay off"), "{}", turn.reply);
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.ask("turn on the extraction fan").await.outcome, Outcome::Done);
}

#[tokio::test]
async fn what_nobody_understands_changes_nothing_and_is_recorded() {
    let bench = bench();
    for text in
        ["paint the fence", "", "turn", "\u{0}\u{7f}\u{202e}", "turn on the fan of tomorrow", &"on ".repeat(5000)]
    {
        let turn = bench.ask(text).await;
        assert_eq!(turn.outcome, Outcome::NotUnderstood, "{text:.40}: {turn:?}");
        assert_eq!((turn.plan.len(), turn.steps.len()), (0, 0));
        assert!(!turn.reply.is_empty());
        assert!(bench.appliance.store.turns().get(&turn.id).unwrap().is_some());
    }
    assert!(bench.appliance.entities.list().iter().all(|view| view.value == Some(PointValue::Switch(false))));
}

#[tokio::test]
async fn a_viewer_may_ask_and_not_switch() {
    let bench = bench();
    let caller = Caller { source: Source::Panel, role: Role::Viewer, name: None };
    let ask = |text: &str| bench.appliance.orchestrator.ask(Request::typed(text, caller.clone()));
    assert_eq!(ask("what time is it").await.outcome, Outcome::Done);
    let turn = ask("turn on the extraction fan").await;
    assert_eq!(turn.outcome, Outcome::Refused);
    assert!(!bench.is_on("fan.extraction_fan"));
}

#[tokio::test]
async fn a_doubtful_recognition_asks_and_does_nothing() {
    let bench = bench();
    let request =
        Request { confidence: Some(0.3), ..Request::typed("please turn on the extraction fan", Caller::voice()) };
    let turn = bench.appliance.orchestrator.ask(request).await;
    assert_eq!((turn.outcome, turn.plan.len()), (Outcome::Asked, 0));
    assert_eq!(turn.reply, "Did you mean turn on the extraction fan?");
    let request = Request { confidence: Some(0.2), ..Request::typed("turn on the extraction fan", Caller::voice()) };
    let turn = bench.appliance.orchestrator.ask(request).await;
    assert_eq!((turn.outcome, turn.plan.len()), (Outcome::NotUnderstood, 0));
    assert!(!bench.is_on("fan.extraction_fan"));
}

#[tokio::test]
async fn a_near_miss_is_done_or_asked_and_never_done_in_doubt() {
    let bench = bench();
    let turn = bench.ask("turn on the extracton fan").await;
    assert_eq!(
        (turn.outcome, turn.repaired.as_deref()),
        (Outcome::Done, Some("turn on the extraction fan")),
        "{turn:?}"
    );
    assert!(bench.is_on("fan.extraction_fan"));
    assert_eq!(bench.appliance.store.turns().get(&turn.id).unwrap().unwrap().repaired, turn.repaired);
    let why = bench.ask("why did you do that").await.reply;
    assert!(why.contains("turn on the extracton fan"), "{why}");

    let turn = bench.ask("turn of the extraction fan").await;
    assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Asked, "Did you mean turn off the extraction fan?"));
    assert!(bench.is_on("fan.extraction_fan"));

    let turn = bench.ask("turn on the tench light").await;
    assert_eq!((turn.outcome, turn.plan.len()), (Outcome::Asked, 0), "{turn:?}");
    let question = "Did you mean turn on the bench light or turn on the light?";
    assert_eq!(turn.reply, question);
    assert!(["light.ceiling_light", "light.bench_light", "light.desk_light"].iter().all(|light| !bench.is_on(light)));
}

#[tokio::test]
async fn timers_status_and_time_are_answered_in_words() {
    let bench = bench();
    let table = [
        ("set a timer for five minutes", "five minutes"),
        ("how much time is left", "five minutes"),
        ("cancel the timer", ""),
        ("what time is it", "eight"),
        ("what can i say", "set a timer for 10 minutes"),
        ("never mind", ""),
    ];
    for (text, said) in table {
        let turn = bench.ask(text).await;
        assert_eq!(turn.outcome, Outcome::Done, "{text}: {turn:?}");
        assert!(turn.reply.to_lowercase().contains(said), "{text}: {}", turn.reply);
    }
}

#[tokio::test]
async fn a_turn_that_a_crash_cut_off_is_settled_once_and_not_run_again() {
    let Bench { appliance, clock, folder } = bench();
    let mut turn = appliance.orchestrator.ask(Request::typed("turn on the extraction fan", Caller::panel())).await;
    turn.outcome = Outcome::Running;
    turn.steps.clear();
    assert!(appliance.store.turns().put(&turn).await);
    drop(appliance);
    let appliance = open(folder.path(), &clock);
    assert_eq!(appliance.orchestrator.settle_interrupted().await.unwrap(), 1);
    assert_eq!(appliance.orchestrator.settle_interrupted().await.unwrap(), 0);
    let settled = appliance.store.turns().get(&turn.id).unwrap().unwrap();
    assert_eq!((settled.outcome, settled.steps.len()), (Outcome::Interrupted, 0));
    assert_eq!(appliance.entities.view("fan.extraction_fan").unwrap().value, Some(PointValue::Switch(false)));
}

#[tokio::test]
async fn the_same_request_and_state_give_the_same_plan() {
    let bench = bench();
    for text in ["turn on all the lights in the press hall", "close the main valve", "set a timer for ten seconds"] {
        let (first, second) = (bench.ask(text).await, bench.ask(text).await);
        assert_eq!(first.plan, second.plan, "{text}");
        assert!(!first.plan.is_empty(), "{text}");
    }
}

#[test]
fn every_intent_that_is_dealt_with_is_the_appliances_own() {
    let bench = bench();
    let (sentences, _) = Sentences::for_language("en", None);
    for intent in sentences.intents().into_iter().chain(plan::OWN_INTENTS) {
        assert!(plan::is_own(intent), "{intent}");
        let understood = crate::conversation::Understood { intent: intent.to_owned(), ..Default::default() };
        let planned = plan::plan(&understood, &bench.appliance.entities) != plan::Plan::Unknown;
        assert_eq!(planned, plan::OWN_INTENTS.contains(&intent) && intent != "VictusUndo", "{intent}");
    }
}
