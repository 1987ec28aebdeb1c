//! Alarms, from outside: values, timers, buttons and lamps of a real daemon, and the panel that shows them.

use serde_json::{Value, json};
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_tests::browser::Browser;
use victus_tests::daemon::{Daemon, simulated_lines};
use victus_tests::eventually;

/// A blower behind a simulated instrument, a lamp, and a button.
const HALL: &str = r#"
[[serial]]
name = "plc"
port = "/dev/ttyUSB0"

[[entity]]
name = "Blower"
kind = "fan"
area = "Boiler room"
driver = { line = { port = "plc", read = "B?", write = "B {value}" } }
poll = "50ms"
alarm = { above = 80, hysteresis = 5, class = "danger" }

[[entity]]
name = "Alarm lamp"
kind = "light"
driver = { gpio = { line = "GPIO5" } }
signal = true

[[entity]]
name = "Acknowledge button"
kind = "binary_sensor"
driver = { gpio = { line = "GPIO6" } }
acknowledge = true
"#;

async fn set_blower(daemon: &Daemon, percent: u32) {
    let args = json!({"entity": "fan.blower", "value": percent});
    eventually("the instrument to take a value", || async {
        daemon.client().post("/api/v1/tools/entity.set_value", &args).await.ok()
    })
    .await;
}

/// Each alarm with whether it was acknowledged.
async fn alarms(daemon: &Daemon) -> Vec<(String, bool)> {
    let list = daemon.client().get("/api/v1/alarms").await.expect("the daemon answers");
    let of = |alarm: &Value| (alarm["alarm"].as_str().expect("an id").to_owned(), !alarm["acknowledged"].is_null());
    list["alarms"].as_array().expect("a list").iter().map(of).collect()
}

async fn alarms_are(daemon: &Daemon, wanted: &[(&str, bool)]) {
    let wanted: Vec<_> = wanted.iter().map(|(alarm, known)| ((*alarm).to_owned(), *known)).collect();
    eventually(&format!("the alarms {wanted:?}"), || async { (alarms(daemon).await == wanted).then_some(()) }).await;
}

async fn lamp_is(daemon: &Daemon, level: &str) {
    eventually(&format!("the lamp to be {level}"), || async { (daemon.line("GPIO5") == level).then_some(()) }).await;
}

/// The alarm events of the journal, with who acknowledged.
async fn told(daemon: &Daemon) -> Vec<String> {
    let page = daemon.client().get("/api/v1/events?limit=500&after=0:0").await.expect("the journal can be read");
    let events = page["events"].as_array().expect("events").iter();
    let alarm = events.filter(|event| event["kind"].as_str().is_some_and(|kind| kind.starts_with("alarm_")));
    let said = alarm.map(|event| match event["data"]["by"]["source"].as_str() {
        Some(source) => format!("{} {source}", event["kind"].as_str().expect("a kind")),
        None => event["kind"].as_str().expect("a kind").to_owned(),
    });
    said.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_beyond_its_limit_is_an_alarm_until_it_is_acknowledged_and_back() {
    let daemon = Daemon::start(HALL).await;
    set_blower(&daemon, 70).await;
    assert_eq!(daemon.ask("acknowledge").await["reply"], "There is nothing to acknowledge.");
    set_blower(&daemon, 90).await;
    alarms_are(&daemon, &[("fan.blower", false)]).await;
    lamp_is(&daemon, "high").await;
    let reply = daemon.ask("are there any alarms").await["reply"].clone();
    assert!(reply.as_str().is_some_and(|reply| reply.starts_with("Blower is above eighty percent.")), "{reply}");

    let turn = daemon.ask("acknowledge the alarm").await;
    assert_eq!((&turn["outcome"], &turn["reply"]), (&json!("done"), &json!("Acknowledged: Blower.")));
    lamp_is(&daemon, "low").await;
    assert_eq!(daemon.ask("acknowledge the alarm").await["reply"], "There is nothing to acknowledge.");
    set_blower(&daemon, 70).await;
    alarms_are(&daemon, &[]).await;
    let told = told(&daemon).await;
    assert_eq!(told, ["alarm_raised", "alarm_acknowledged cli", "alarm_cleared"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_ran_out_outlives_a_power_cut_and_is_acknowledged_by_the_button() {
    let mut daemon = Daemon::start(HALL).await;
    daemon.client().post("/api/v1/tools/timer.start", &json!({"seconds": 1, "name": "tea"})).await.expect("a timer");
    eventually("the timer to be an alarm", || async { (alarms(&daemon).await.len() == 1).then_some(()) }).await;
    lamp_is(&daemon, "high").await;
    daemon.kill();
    daemon.resume().await;
    assert_eq!(alarms(&daemon).await.len(), 1);
    lamp_is(&daemon, "high").await;
    let gpio = SimulatedGpio::open(&simulated_lines(&daemon.state())).expect("the simulated lines");
    gpio.drive(&"GPIO6".into(), Some(Level::High)).expect("the button can be pressed");
    alarms_are(&daemon, &[]).await;
    lamp_is(&daemon, "low").await;
    let told = told(&daemon).await;
    assert_eq!(told, ["alarm_raised", "alarm_acknowledged button", "alarm_cleared"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_shows_an_alarm_and_acknowledges_it() {
    let daemon = Daemon::start_with_panel(HALL).await;
    let Some(browser) = Browser::open(&format!("http://{}/", daemon.panel())).await else { return };
    set_blower(&daemon, 90).await;
    browser.shows("#alarms .alarm strong", "Blower is above 80 %").await;
    browser.shows("#events .said", "Alarm: Blower is above 80 %, at 90 %").await;
    browser.click("#alarms .alarm button").await;
    browser.shows("#alarms .alarm em", "acknowledged").await;
    browser.shows("#events .said", "The alarm of Blower was acknowledged, typed in the panel").await;
    assert_eq!(alarms(&daemon).await, [("fan.blower".to_owned(), true)]);
    set_blower(&daemon, 10).await;
    browser.shows("#events .said", "The alarm of Blower is over").await;
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
}
