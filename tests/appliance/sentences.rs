//! Sentences that users write: taken at the start and at a reload, in any language, and whatever is wrong in them.

use serde_json::{Value, json};
use victus_tests::daemon::Daemon;
use victus_tests::eventually;

/// A sentence of a workshop's own.
const OWN: &str = "language: en\nintents:\n  HassTurnOn:\n    data:\n      - sentences: ['let [the] {name} blow']\n        requires_context: {domain: fan}\n";

/// The same with a fault in its second template.
const FAULTY: &str = "language: en\nintents:\n  HassTurnOn:\n    data:\n      - sentences:\n          - 'wake [the] {name} up'\n          - 'broken (here'\n        requires_context: {domain: fan}\n";

/// A language that nobody sells.
const KLINGON: &str = "language: tlh\nintents:\n  HassTurnOn:\n    data:\n      - sentences: ['{name} yIchu']\n        requires_context: {domain: fan}\n        response: started\nresponses:\n  intents:\n    HassTurnOn: {started: '{name} chu'}\n";

async fn loaded(daemon: &Daemon, count: usize) -> Value {
    let client = daemon.client();
    eventually("the sentences to be read again", async || {
        let events = client.get("/api/v1/events?limit=500").await.expect("the daemon answers");
        let loaded: Vec<Value> = events["events"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|it| it["kind"] == "sentences_loaded")
            .cloned()
            .collect();
        (loaded.len() == count).then(|| loaded.last().map_or(json!(null), |event| event["data"].clone()))
    })
    .await
}

#[tokio::test]
async fn sentences_are_read_again_while_everything_runs() {
    let daemon = Daemon::start("").await;
    assert_eq!(daemon.ask("let the extraction fan blow").await["outcome"], "not_understood");
    daemon.write("sentences/en/own.yaml", OWN);
    assert_eq!(
        daemon.ask("let the extraction fan blow").await["outcome"],
        "not_understood",
        "nobody asked for a reload"
    );

    daemon.reload();
    let before = loaded(&daemon, 1).await;
    assert_eq!(before["faults"], 0, "{before}");
    let turn = daemon.ask("let the extraction fan blow").await;
    assert_eq!((turn["outcome"].as_str(), daemon.line("GPIO17").as_str()), (Some("done"), "high"), "{turn}");
    assert!(turn["template"].as_str().expect("a template").ends_with("sentences/en/own.yaml:5"), "{turn}");
    let offered = daemon
        .client()
        .get("/api/v1/completions?text=let%20the%20extraction%20fan%20b")
        .await
        .expect("the daemon answers");
    assert_eq!(offered["completions"][0]["text"], "let the extraction fan blow", "{offered}");

    // A fault costs its sentence and nothing else, and is named.
    daemon.write("sentences/en/own.yaml", FAULTY);
    daemon.write("sentences/en/torn.yaml", "language: en\nintents: [\n");
    daemon.reload();
    let after = loaded(&daemon, 2).await;
    assert_eq!(after["faults"], 2, "{after} {}", daemon.log());
    let log = daemon.log();
    assert!(log.contains("sentences/en/own.yaml:7") && log.contains("broken (here"), "{log}");
    assert!(log.contains("sentences/en/torn.yaml:"), "{log}");
    assert_eq!(daemon.ask("wake the extraction fan up").await["outcome"], "done");
    assert_eq!(daemon.ask("let the extraction fan blow").await["outcome"], "not_understood");
    assert_eq!(daemon.ask("turn off the extraction fan").await["outcome"], "done");
}

#[tokio::test]
async fn requests_are_answered_all_through_a_reload() {
    let daemon = Daemon::start("").await;
    for round in 0..5 {
        daemon.write("sentences/en/own.yaml", &OWN.replace("blow", &format!("blow{round}")));
        daemon.reload();
        for _ in 0..10 {
            assert_eq!(daemon.ask("what time is it").await["outcome"], "done");
        }
    }
    let understood = async || (daemon.ask("let the extraction fan blow4").await["outcome"] == "done").then_some(());
    eventually("the last sentences", understood).await;
}

#[tokio::test]
async fn a_language_may_be_the_users_own() {
    let mut daemon = Daemon::prepared(None, "");
    daemon.write("conf.d/10-language.toml", "[device]\nlanguage = \"tlh\"\n");
    daemon.write("sentences/tlh/all.yaml", KLINGON);
    daemon.resume().await;
    let turn = daemon.ask("Extraction fan yIchu").await;
    assert_eq!(
        (turn["outcome"].as_str(), turn["reply"].as_str()),
        (Some("done"), Some("Extraction fan chu")),
        "{turn}"
    );
    // What its author has no words for is said in English.
    let turn = daemon.ask("turn on the extraction fan").await;
    assert_eq!(turn["outcome"], "not_understood");
    assert!(turn["reply"].as_str().expect("a reply").len() > 3, "{turn}");
}
