//! How long it takes from the words of a request to its plan, with 200 entities: understanding, what was said before, the
//! rules, the plan. Without storing and running it, which take as long as disk and devices do.
//!
//! Prints lines `figure <name> <value> <unit>`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a program that measures and prints"
)]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::StdRng;
use victus_agent::appliance::{Appliance, Identity, Parts};
use victus_agent::entities::{Entity, EntityKind};
use victus_agent::event::BootId;
use victus_agent::health::Health;
use victus_agent::intents::Sentences;
use victus_agent::orchestrator::Request;
use victus_agent::store::{Store, StoreOptions};
use victus_agent::tool::{Caller, Risk};
use victus_agent::turn::Outcome;
use victus_hw::clock::{Clock, SystemClock};
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_hw::points::{Limits, PointConfig, PointDriver, Points};

const ENTITIES: usize = 200;

/// How often each sentence is planned.
const ROUNDS: usize = 50;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = appliance(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sentences: Vec<String> = (0..ENTITIES).step_by(7).flat_map(said).collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for text in &sentences {
            let request = Request::typed(text, Caller::voice());
            let begun = Instant::now();
            let turn = runtime.block_on(appliance.orchestrator.preview(request));
            times.push(begun.elapsed());
            assert!(turn.outcome == Outcome::Preview && !turn.plan.is_empty(), "{text}: {turn:?}");
        }
    }
    times.sort();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000].as_secs_f64() * 1000.0;
    println!("figure agent.text_to_plan.requests {} requests", times.len());
    println!("figure agent.text_to_plan.p50 {:.3} ms", at(500));
    println!("figure agent.text_to_plan.p99 {:.3} ms", at(990));
    println!("figure agent.text_to_plan.longest {:.3} ms", at(1000));
}

fn said(number: usize) -> [String; 4] {
    let name = name(number);
    let other = self::name((number + 1) % ENTITIES);
    [
        format!("turn on the {name}"),
        format!("could you switch the {name} off please"),
        format!("is the {name} on"),
        format!("turn on the {name} and the {other}"),
    ]
}

/// Names that people give: a word for what it is for, and one for where.
fn name(number: usize) -> String {
    const FOR: [&str; 20] = [
        "coolant", "drill", "paint", "press", "saw", "lathe", "oven", "mixer", "welding", "loading", "packing",
        "cutting", "washing", "drying", "glue", "sanding", "milling", "grinding", "assembly", "storage",
    ];
    const WHAT: [&str; 10] =
        ["pump", "fan", "lamp", "blower", "heater", "belt", "mill", "spotlight", "compressor", "table"];
    format!("{} {}", FOR[number % FOR.len()], WHAT[number / FOR.len() % WHAT.len()])
}

fn appliance(folder: &std::path::Path) -> Appliance {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
    let boot = BootId("bench".to_owned());
    let gpio = SimulatedGpio::open(&folder.join("gpio")).unwrap();
    let mut entities = Vec::new();
    let mut points = Vec::new();
    for number in 0..ENTITIES {
        let id = format!("switch.{}", name(number).replace(' ', "_"));
        let line = format!("GPIO{number}").as_str().into();
        gpio.add_line(&line, Level::Low).unwrap();
        let driver = PointDriver::GpioOutput { line, active_low: false };
        points.push(PointConfig { id: id.clone(), driver, limits: Limits::default() });
        entities.push(Entity {
            id,
            name: name(number),
            aliases: Vec::new(),
            spoken: Default::default(),
            kind: EntityKind::Switch,
            area: Some(format!("Hall {}", number % 10)),
            floor: None,
            unit: None,
            numeric: false,
            risk: Risk::Reversible,
            confirm: false,
            alarm: None,
            signal: false,
            acknowledge: false,
        });
    }
    let parts = Parts {
        identity: Identity {
            device: "bench".to_owned(),
            site: "test".to_owned(),
            language: "en".to_owned(),
            version: "0".to_owned(),
            simulated: true,
        },
        store: Store::open(StoreOptions::new(folder.join("db"), Arc::clone(&clock), boot.clone())).unwrap(),
        entities,
        points: Arc::new(Points::new(&points, Box::new(gpio), Arc::clone(&clock)).unwrap()),
        sentences: Arc::new(Sentences::for_language("en", None).0),
        routes: Vec::new(),
        time_zone: TimeZone::UTC,
        health: Arc::new(Health::new(Arc::clone(&clock))),
        clock,
        random: Arc::new(Mutex::new(StdRng::seed_from_u64(7))),
        boot,
        tools: Vec::new(),
    };
    Appliance::assemble(parts).unwrap().0
}
