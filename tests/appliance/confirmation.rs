//! What cannot be taken back, asked for by every way in: it is read back, and done only after a yes to exactly that.

use std::process::Command;

use serde_json::{Value, json};
use victus_daemon::client::ClientError;
use victus_tests::broker::Broker;
use victus_tests::browser::Browser;
use victus_tests::daemon::Daemon;
use victus_tests::subscriber::Subscriber;
use victus_tests::{eventually, program};

const PRESS: &str = "[[entity]]\nname = \"Press\"\nkind = \"switch\"\narea = \"Press hall\"\nrisk = \"dangerous\"\n\
                     driver = { gpio = { line = \"GPIO5\" } }\n";

const ON: &str = "/api/v1/tools/entity.turn_on";
const OFF: &str = "/api/v1/tools/entity.turn_off";

fn press() -> Value {
    json!({"entity": "switch.press"})
}

fn token(refused: Result<Value, ClientError>) -> String {
    match refused {
        Err(ClientError::Refused { code, facts, .. }) if code == "confirmation_required" => {
            facts["token"].as_str().expect("a token").to_owned()
        }
        other => panic!("it was not asked for a confirmation: {other:?}"),
    }
}

fn not_confirmed(answer: &Result<Value, ClientError>) -> bool {
    matches!(answer, Err(ClientError::Refused { code, .. }) if code == "not_confirmed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_confirms_with_the_token_of_the_refusal_once() {
    let mut daemon = Daemon::start(PRESS).await;
    let client = daemon.client();
    let given = token(client.post(ON, &press()).await);
    assert_eq!(daemon.line("GPIO5"), "low");
    let other = client.post_confirmed(ON, &json!({"entity": "fan.extraction_fan"}), &given).await;
    assert!(not_confirmed(&other), "it was given for another call: {other:?}");
    let used = client.post_confirmed(ON, &press(), &given).await;
    assert!(not_confirmed(&used), "it was used up: {used:?}");
    let given = token(client.post(ON, &press()).await);
    client.post_confirmed(ON, &press(), &given).await.expect("it was confirmed");
    assert_eq!(daemon.line("GPIO5"), "high");
    client.post(OFF, &press()).await.expect("nobody is asked before it is made safe");
    assert_eq!(daemon.line("GPIO5"), "low");

    // A token does not outlive the process that gave it.
    let given = token(client.post(ON, &press()).await);
    daemon.kill();
    daemon.resume().await;
    assert!(not_confirmed(&client.post_confirmed(ON, &press(), &given).await));
    assert_eq!(daemon.line("GPIO5"), "low");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_gives_the_token_and_takes_it() {
    let daemon = Daemon::start(PRESS).await;
    let call = async |more: &[&str]| {
        let mut command = Command::new(program("victus"));
        command.arg("--state").arg(daemon.state()).args(["call", "entity.turn_on", "entity=switch.press"]).args(more);
        tokio::task::spawn_blocking(move || command.stdin(std::process::Stdio::null()).output().expect("victus runs"))
            .await
            .expect("no panic")
    };
    let refused = call(&[]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).expect("text");
    let (_, token) = said.trim().split_once("--confirm ").expect("it says how to go on");
    let done = call(&["--confirm", token]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(daemon.line("GPIO5"), "high");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_confirms_with_a_second_command() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let link = format!("[[link]]\nname = \"fleet\"\nbroker = \"{}\"\n", broker.url());
    let daemon = Daemon::start(&format!("{link}{PRESS}")).await;
    let reply = async |id: &str, confirm: Option<&str>| {
        let command = json!({"tool": "entity.turn_on", "args": press(), "confirm": confirm}).to_string();
        subscriber.publish(&format!("victus/v1/plant/box/command/{id}"), command).await;
        eventually("the reply", async || {
            let replies = subscriber.on(&format!("/command/{id}/reply"));
            replies.into_iter().map(|message| message.payload).find(|reply| reply["state"] != "accepted")
        })
        .await
    };
    eventually("the appliance", async || (!subscriber.on("/presence").is_empty()).then_some(())).await;
    let refused = reply("c-1", None).await;
    assert_eq!((&refused["state"], &refused["code"]), (&json!("refused"), &json!("confirmation_required")));
    let token = refused["result"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(reply("c-2", Some("guessed")).await["code"], "not_confirmed");
    assert_eq!(daemon.line("GPIO5"), "low");
    assert_eq!(reply("c-3", Some(&token)).await["state"], "done");
    assert_eq!(daemon.line("GPIO5"), "high");
    assert_eq!(reply("c-4", Some(&token)).await["code"], "not_confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_asks_and_does_it_when_it_is_confirmed() {
    let daemon = Daemon::start_with_panel(PRESS).await;
    let Some(browser) = Browser::open(&format!("http://{}/", daemon.panel())).await else { return };
    browser.shows("#health-word", "All well").await;
    browser.value("document.getElementById('set-switch.press').click()").await;
    eventually("the question", async || {
        let asked = browser.value("document.querySelector('.refusal .confirm')?.parentElement.textContent ?? ''").await;
        asked.as_str().is_some_and(|text| text.starts_with("Set Press to on?")).then_some(())
    })
    .await;
    assert_eq!(daemon.line("GPIO5"), "low");
    browser.value("document.querySelector('.refusal .confirm').click()").await;
    eventually("the press to be on", async || (daemon.line("GPIO5") == "high").then_some(())).await;
}
