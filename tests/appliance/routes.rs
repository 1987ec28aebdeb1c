//! Rules of the configuration on who deals with a request, from outside.

use std::process::Command;

use serde_json::{Value, json};
use victus_tests::broker::Broker;
use victus_tests::daemon::Daemon;
use victus_tests::{eventually, program};

/// Whatever the time is, one of the two holds.
const CLOSED: &str = r#"
[[route]]
name = "before_noon"
when = { intent = "HassTurnOn", source = ["panel", "cli", "voice"], hours = "00:00-12:00" }
then = { refuse = "The hall is closed" }

[[route]]
name = "after_noon"
when = { intent = "HassTurnOn", source = ["panel", "cli", "voice"], hours = "12:00-24:00" }
then = { refuse = "The hall is closed" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_forbids_at_this_hour_is_refused_and_the_rest_is_done() {
    let daemon = Daemon::start(CLOSED).await;
    let turn = daemon.ask("turn on the extraction fan").await;
    assert_eq!((&turn["outcome"], &turn["reply"]), (&json!("refused"), &json!("I won't do that: The hall is closed.")));
    assert!(["before_noon", "after_noon"].map(Value::from).contains(&turn["route"]), "{turn}");
    assert_eq!(turn["plan"], json!([]));
    assert_eq!((daemon.line("GPIO17").as_str(), daemon.value("fan.extraction_fan").await), ("low", json!(false)));
    // The rule is about the intent, and a tool that is called by its name is none.
    let client = daemon.client();
    client.post("/api/v1/tools/entity.turn_on", &json!({"entity": "fan.extraction_fan"})).await.expect("it is done");
    let turn = daemon.ask("turn off the extraction fan").await;
    assert_eq!((&turn["outcome"], &turn["route"]), (&json!("done"), &json!("otherwise")));
    let routes = client.get("/api/v1/routes").await.expect("the daemon answers");
    assert_eq!(routes["routes"][3]["name"], "before_noon");
    assert_eq!(routes["routes"][4]["when"]["hours"], "12:00-00:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn route_explain_tells_each_rule_and_which_decides() {
    let daemon = Daemon::start(CLOSED).await;
    let explain = |arguments: &[&str]| {
        let mut command = Command::new(program("victus"));
        command.args(["--state", &daemon.state().to_string_lossy(), "route", "explain"]).args(arguments);
        let run = command.output().expect("victus runs");
        (
            run.status.code(),
            String::from_utf8_lossy(&run.stdout).into_owned(),
            String::from_utf8_lossy(&run.stderr).into_owned(),
        )
    };
    let request = "turn on the extraction fan";
    let (code, told, complaints) = explain(&[request, "--at", "23:30", "--link", "down"]);
    assert_eq!(code, Some(0), "{complaints}");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 8, "{told}");
    assert!(lines[0].starts_with("“turn on the extraction fan” means HassTurnOn (name = Extraction fan"), "{told}");
    assert_eq!(lines[1], "asked by voice as operator, 100 % sure, at 23:30, link down");
    assert_eq!(lines[5], "  no   before_noon          the time is 23:30, not within 00:00-12:00");
    assert_eq!(lines[6], "  yes  after_noon           decides: refuse, “The hall is closed”");
    assert!(lines[7].starts_with("  yes  otherwise "), "{told}");
    let (_, told, _) = explain(&[request, "--source", "fleet", "--role", "admin", "--at", "23:30", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["decided_by"], &told["facts"]["role"]), (&json!("otherwise"), &json!("admin")));
    let (_, told, _) = explain(&[request, "--confidence", "0.5", "--json"]);
    assert!(told.contains(r#""decided_by":"confidence_below""#), "{told}");
    let (code, told, _) = explain(&["colourless green ideas"]);
    assert_eq!((code, told.trim()), (Some(0), "“colourless green ideas” is not understood, so no rule is asked"));
    let (code, _, complaints) = explain(&[request, "--at", "noon"]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("at must be a time of day"), "{complaints}");
    assert_eq!(explain(&[request, "--source", "phone"]).0, Some(2));
    assert_eq!(daemon.line("GPIO17"), "low");
    let turns = daemon.client().get("/api/v1/turns").await.expect("the daemon answers");
    assert_eq!(turns["turns"], json!([]), "an explanation is no request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_on_the_link_holds_while_a_broker_is_connected() {
    let Some(mut broker) = Broker::start() else { return };
    let rule = "[[route]]\nname = \"alone\"\nwhen = { intent = \"HassTurnOn\", link = \"down\" }\n\
                then = { refuse = \"Nobody watches\" }\n";
    let link = format!("[[link]]\nname = \"fleet\"\nbroker = \"{}\"\n", broker.url());
    let daemon = Daemon::start(&format!("{link}{rule}")).await;
    let routed = |wanted: &'static str| {
        let daemon = &daemon;
        eventually(wanted, move || async move {
            let turn = daemon.ask("turn on the extraction fan").await;
            (turn["route"] == wanted).then_some(turn)
        })
    };
    assert_eq!(routed("otherwise").await["outcome"], "done");
    broker.kill();
    assert_eq!(routed("alone").await["reply"], "I won't do that: Nobody watches.");
}
