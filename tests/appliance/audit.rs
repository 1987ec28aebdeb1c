//! The audit chain of a whole appliance: whole over `kill -9`, and checked with and without a daemon.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use victus_daemon::client::ClientError;
use victus_tests::daemon::Daemon;
use victus_tests::program;

const KILLS: u64 = 3;

async fn verify(daemon: &Daemon, head: Option<&str>) -> Output {
    let mut command = Command::new(program("victus"));
    command.args(["audit", "verify", "--json", "--state"]).arg(daemon.state());
    if let Some(head) = head {
        command.args(["--head", head]);
    }
    tokio::task::spawn_blocking(move || command.output().expect("victus starts")).await.expect("it does not panic")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn head(status: &Value) -> String {
    format!("{}:{}", status["audit"]["number"], status["audit"]["head"].as_str().expect("a head"))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_chain_is_whole_and_has_every_head_that_left() {
    let mut daemon = Daemon::start("").await;
    let mut heads = Vec::new();
    for round in 1..=KILLS {
        let client = daemon.client();
        let calling = tokio::spawn(async move {
            let fan = json!({"entity": "fan.extraction_fan"});
            for number in 0.. {
                let tool = if number % 2 == 0 { "entity.turn_on" } else { "entity.turn_off" };
                if client.post(&format!("/api/v1/tools/{tool}"), &fan).await.is_err_and(|error| !is_refusal(&error)) {
                    break;
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(60 * round)).await;
        heads.push(head(&daemon.client().get("/api/v1/status").await.expect("the daemon answers")));
        daemon.kill();
        calling.await.expect("calling does not panic");
        let closed = verify(&daemon, None).await;
        assert_eq!((closed.status.code(), &report(&closed)["whole"]), (Some(0), &json!(true)));
        daemon.resume().await;
        for head in &heads {
            let open = verify(&daemon, Some(head)).await;
            assert_eq!((open.status.code(), &report(&open)["whole"]), (Some(0), &json!(true)), "{head}");
        }
    }
    let entries = daemon.client().get("/api/v1/audit?limit=500").await.expect("the daemon answers");
    let called = entries["entries"].as_array().expect("entries").iter().filter(|entry| entry["kind"] == "call").count();
    assert!(called > heads.len(), "calls were made between the kills: {called}");

    let unknown = "0".repeat(64);
    let cut_off = verify(&daemon, Some(&unknown)).await;
    assert_eq!((cut_off.status.code(), &report(&cut_off)["fault"]), (Some(1), &json!("cut_off")));
    assert_eq!(verify(&daemon, Some("beef")).await.status.code(), Some(2));
    daemon.terminate().await;
    std::fs::remove_file(daemon.state().join("db.audit-key")).expect("the key is there");
    let without = verify(&daemon, None).await;
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert!(without.status.code() == Some(1) && said.contains("db.audit-key"), "{said}");
}

fn is_refusal(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { .. })
}
