//! Tests of numbers on a serial port, from the instrument to the point.

use super::*;
use crate::clock::SimulatedClock;
use crate::gpio::{Level, SimulatedGpio};
use crate::points::{Limits, Requirement};
use crate::serial::{Instrument, InstrumentFault};

fn value(id: &str, read: Option<&str>, write: Option<&str>) -> PointConfig {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let driver = PointDriver::SerialLine {
        port: "plc".to_owned(),
        read: owned(read),
        write: owned(write),
        poll: Duration::from_millis(20),
    };
    PointConfig { id: id.to_owned(), driver, limits: Limits::default() }
}

struct Rig {
    points: Arc<Points>,
    instrument: Instrument,
    service: tokio::task::JoinHandle<()>,
    directory: tempfile::TempDir,
}

fn rig(configs: &[PointConfig]) -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let gpio = SimulatedGpio::open(&directory.path().join("gpio")).unwrap();
    gpio.add_line(&"GPIO17".into(), Level::Low).unwrap();
    let points = Arc::new(Points::new(configs, Box::new(gpio), Arc::new(SimulatedClock::new(0))).unwrap());
    let config = PortConfig {
        timeout: Duration::from_millis(300),
        reopen_first: Duration::from_millis(10),
        reopen_longest: Duration::from_millis(20),
        baud: 115_200,
        ..PortConfig::new("plc", directory.path().join("plc"))
    };
    let instrument =
        Instrument::plug_in(&config.path, config.baud, &config.terminator, simulated_answers(configs, "plc")).unwrap();
    let service = tokio::spawn(serve_port(Arc::clone(&points), config));
    Rig { points, instrument, service, directory }
}

impl Rig {
    async fn until(&self, id: &str, wanted: Option<f64>) {
        let wanted = wanted.map(PointValue::Number);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.points.state(id).unwrap().value != wanted {
            assert!(tokio::time::Instant::now() < deadline, "{:?} is never {wanted:?}", self.points.state(id));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn set(&self, id: &'static str, value: f64) -> Result<Applied, Refusal> {
        let points = Arc::clone(&self.points);
        tokio::task::spawn_blocking(move || points.set(id, PointValue::Number(value))).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_polled_set_and_read_back() {
    let rig = rig(&[value("oven", Some("READ"), Some("SET {value}")), value("speed", None, Some("V{value};"))]);
    let start = rig.points.state("oven").unwrap();
    assert!(start.value.is_none() || start.value == Some(PointValue::Number(0.0)));
    rig.until("oven", Some(0.0)).await;
    rig.instrument.set_answer("READ", " 21.50\r");
    rig.until("oven", Some(21.5)).await;
    let applied = rig.set("oven", 180.25).await.unwrap();
    assert_eq!((applied.previous, applied.value), (Some(PointValue::Number(21.5)), PointValue::Number(180.25)));
    assert!(applied.read_back);
    assert!(!rig.set("speed", -3.0).await.unwrap().read_back);
    assert!(rig.instrument.received().contains(&"V-3;".to_owned()));
    assert_eq!(rig.points.state("speed").unwrap().value, Some(PointValue::Number(-3.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wrong_value_is_ever_shown_as_good() {
    let rig = rig(&[value("oven", Some("READ"), None)]);
    rig.until("oven", Some(0.0)).await;
    for wrong in ["21.5 C", "ERR", "", "nan", "inf", "1e999", "0x10", "--1"] {
        rig.instrument.set_answer("READ", wrong);
        rig.until("oven", None).await;
        let fault = rig.points.state("oven").unwrap().fault.unwrap();
        assert!(fault.contains("no number"), "{wrong}: {fault}");
        rig.instrument.set_answer("READ", "7");
        rig.until("oven", Some(7.0)).await;
    }
    rig.instrument.set_fault(Some(InstrumentFault::Silent));
    rig.until("oven", None).await;
    rig.instrument.set_fault(None);
    rig.until("oven", Some(7.0)).await;
    rig.service.abort();
    rig.until("oven", None).await;
    assert!(rig.points.state("oven").unwrap().fault.unwrap().contains("not served"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instrument_does_not_take_is_a_failure() {
    let rig = rig(&[value("oven", Some("READ"), Some("SET {value}")), value("probe", Some("PROBE"), None)]);
    rig.until("oven", Some(0.0)).await;
    rig.instrument.set_fault(Some(InstrumentFault::Stubborn));
    let said = rig.set("oven", 50.0).await.unwrap_err().to_string();
    assert_eq!(said, "oven could not be set to 50. The instrument shows `0` afterwards.");
    rig.instrument.set_fault(Some(InstrumentFault::Silent));
    assert!(matches!(rig.set("oven", 50.0).await, Err(Refusal::Failure(_))));
    rig.instrument.set_fault(None);
    assert!(matches!(rig.set("oven", f64::NAN).await, Err(Refusal::Value { .. })));
    assert!(matches!(rig.set("probe", 1.0).await, Err(Refusal::ReadOnly { .. })));
    assert!(rig.points.set("oven", PointValue::Switch(true)).is_err());
    rig.service.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_requires_a_reading_goes_off_with_it() {
    let driver = PointDriver::GpioOutput { line: "GPIO17".into(), active_low: false };
    let needs = Requirement { point: "mode".to_owned(), is: PointValue::Number(2.0) };
    let limits = Limits { requires: vec![needs], ..Limits::default() };
    let rig = rig(&[PointConfig { id: "pump".to_owned(), driver, limits }, value("mode", Some("MODE"), None)]);
    rig.until("mode", Some(0.0)).await;
    let on = PointValue::Switch(true);
    let said = rig.points.set("pump", on).unwrap_err().to_string();
    assert_eq!(said, "pump can be switched on only while mode is 2, and it is 0.");
    rig.instrument.set_answer("MODE", "2");
    rig.until("mode", Some(2.0)).await;
    rig.points.set("pump", on).unwrap();
    rig.instrument.set_fault(Some(InstrumentFault::Silent));
    rig.until("mode", None).await;
    assert_eq!(rig.points.state("pump").unwrap().value, Some(PointValue::Switch(false)));
}

#[test]
fn answers_are_numbers_with_their_last_place() {
    for (answer, expected) in [
        ("21.5", Some((21.5, 0.05))),
        (" -7 \r", Some((-7.0, 0.5))),
        ("+1.20e3", Some((1_200.0, 5.0))),
        ("1e-2", Some((0.01, 0.005))),
    ] {
        let (number, expected) = (number(answer).unwrap(), expected.unwrap());
        assert!((number.0 - expected.0).abs() < 1e-12 && (number.1 - expected.1).abs() < 1e-9, "{answer}: {number:?}");
    }
    for answer in ["", "21,5", "21.5.1", "2 1", "infinity", "NaN", "e5", ".", "5 bar"] {
        assert_eq!(number(answer), None, "{answer}");
    }
}

#[test]
fn requests_that_cannot_work_are_refused() {
    let say = |config: PointConfig| Points::check(&[config]).unwrap_err().to_string();
    assert!(say(value("a", None, None)).contains("neither read nor written"));
    assert!(say(value("a", None, Some("SET"))).contains("{value} once"));
    assert!(say(value("a", Some("READ\n"), None)).contains("visible characters"));
    let mut fast = value("a", Some("READ"), None);
    if let PointDriver::SerialLine { poll, .. } = &mut fast.driver {
        *poll = Duration::from_millis(1);
    }
    assert!(say(fast).contains("`poll` is below"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_added_while_its_port_is_served_is_polled() {
    let oven = value("oven", Some("READ"), Some("SET {value}"));
    let rig = rig(std::slice::from_ref(&oven));
    rig.until("oven", Some(0.0)).await;
    let both = [oven.clone(), value("flow", Some("FLOW"), None)];
    rig.instrument.learn(simulated_answers(&both, "plc").answer("FLOW", "3.5"));
    let gpio = SimulatedGpio::open(rig.directory.path()).unwrap();
    rig.points.exchange(&both, &gpio).unwrap();
    rig.until("flow", Some(3.5)).await;
    rig.set("oven", 42.0).await.unwrap();
    rig.until("oven", Some(42.0)).await;
    rig.points.exchange(&[oven], &gpio).unwrap();
    assert_eq!(rig.points.state("flow"), None);
    rig.set("oven", 43.0).await.unwrap();
    rig.until("oven", Some(43.0)).await;
}
