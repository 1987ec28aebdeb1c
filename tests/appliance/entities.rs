//! Entities that are added, renamed and removed while everything runs, and configurations with faults.

use serde_json::{Value, json};
use victus_tests::broker::Broker;
use victus_tests::browser::Browser;
use victus_tests::daemon::Daemon;
use victus_tests::eventually;
use victus_tests::subscriber::Subscriber;

/// What an installer adds.
const LAMP: &str = "[[entity]]\nname = \"Work lamp\"\nkind = \"light\"\narea = \"Press hall\"\n\
                    driver = { gpio = { line = \"GPIO22\" } }\n";

/// The event of that kind that came last, once there are `count` of them.
async fn told(daemon: &Daemon, kind: &str, count: usize) -> Value {
    let client = daemon.client();
    eventually(kind, async || {
        let events = client.get("/api/v1/events?limit=500").await.expect("the daemon answers");
        let list = events["events"].as_array().expect("a list").iter().filter(|it| it["kind"] == kind);
        let found: Vec<&Value> = list.collect();
        (found.len() == count).then(|| found.last().map_or(json!(null), |event| event["data"].clone()))
    })
    .await
}

async fn outcome(daemon: &Daemon, text: &str) -> String {
    daemon.ask(text).await["outcome"].as_str().expect("an outcome").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_added_is_understood_switched_and_told_while_the_rest_goes_on() {
    let Some(broker) = Broker::start() else { return };
    let subscriber = Subscriber::connect(broker.port(), "ledger");
    let daemon = Daemon::start(&format!("[[link]]\nname = \"fleet\"\nbroker = \"{}\"\n", broker.url())).await;
    assert_eq!(outcome(&daemon, "turn on the extraction fan").await, "done");
    assert_ne!(outcome(&daemon, "turn on the work lamp").await, "done");
    daemon.add(LAMP);
    assert_ne!(outcome(&daemon, "turn on the work lamp").await, "done", "nobody asked for a reload");
    daemon.reload();
    let loaded = told(&daemon, "configuration_loaded", 1).await;
    assert_eq!(loaded, json!({"added": 1, "changed": 0, "removed": 0, "later": []}));
    told(&daemon, "sentences_loaded", 1).await;
    assert_eq!(daemon.line("GPIO17"), "high", "what was on stayed on");
    assert_eq!(outcome(&daemon, "turn on the work lamp").await, "done");
    assert_eq!((daemon.line("GPIO22"), daemon.line("GPIO17")), ("high".to_owned(), "high".to_owned()));
    eventually("the fleet to be told of the lamp", async || {
        let last = subscriber.on("/about").pop().map(|message| message.payload.to_string());
        last.filter(|about| about.contains("light.work_lamp"))
    })
    .await;

    // A reload without a change is none of the entities.
    daemon.reload();
    told(&daemon, "sentences_loaded", 2).await;
    told(&daemon, "configuration_loaded", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_changed_and_an_entity_removed_without_letting_go_of_other_lines() {
    let daemon = Daemon::start("").await;
    assert_eq!(outcome(&daemon, "turn on the extraction fan").await, "done");
    assert_eq!(outcome(&daemon, "open the main valve").await, "done");
    assert_eq!(daemon.line("GPIO27"), "low", "active low");
    let blower = "[[entity]]\nname = \"Blower\"\nkind = \"fan\"\ndriver = { gpio = { line = \"GPIO17\" } }\n";
    daemon.write(
        "victus.toml",
        &format!("[device]\nid = \"box\"\nsite = \"plant\"\n[voice]\nenabled = false\n[web]\nlisten = []\n{blower}"),
    );
    daemon.reload();
    let loaded = told(&daemon, "configuration_loaded", 1).await;
    assert_eq!((&loaded["added"], &loaded["removed"], &loaded["later"]), (&json!(1), &json!(2), &json!([])));
    told(&daemon, "sentences_loaded", 1).await;
    assert_eq!(daemon.value("fan.blower").await, json!(true), "the line was not let go of");
    assert_eq!((daemon.line("GPIO17"), daemon.line("GPIO27")), ("high".to_owned(), "low".to_owned()));
    assert_ne!(outcome(&daemon, "turn on the extraction fan").await, "done");
    assert_eq!(outcome(&daemon, "turn off the blower").await, "done");
    assert_eq!(daemon.line("GPIO17"), "low");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_used_changes_nothing_and_says_where() {
    let daemon = Daemon::start("").await;
    assert_eq!(outcome(&daemon, "turn on the extraction fan").await, "done");
    let faults = [
        ("[[entity]]\nname = \"Lamp\"\nkind = \"lamp\"\ndriver = { gpio = { line = \"GPIO22\" } }\n", "victus.toml:"),
        (
            "[[serial]]\nname = \"plc\"\nport = \"/dev/ttyUSB0\"\nprotocol = \"line\"\n[[entity]]\nname = \"Oven\"\nkind = \"sensor\"\n\
          driver = { line = { port = \"plc\", read = \"T?\" } }\n",
            "restart the daemon",
        ),
    ];
    let path = daemon.state().parent().expect("a folder").join("victus.toml");
    let good = std::fs::read_to_string(&path).expect("the configuration");
    for (round, (fault, said)) in faults.into_iter().enumerate() {
        daemon.add(fault);
        daemon.reload();
        let refused = told(&daemon, "configuration_refused", round + 1).await;
        assert!(refused["reason"].as_str().expect("a reason").contains(said), "{refused}");
        told(&daemon, "sentences_loaded", round + 1).await;
        assert_eq!(daemon.line("GPIO17"), "high");
        assert_eq!(outcome(&daemon, "is the extraction fan on").await, "done");
        std::fs::write(&path, &good).expect("the configuration can be written");
    }
    // What counts from the next start is said.
    daemon.add("[gpio]\nbackend = \"chardev\"\n");
    daemon.reload();
    assert_eq!(told(&daemon, "configuration_loaded", 1).await["later"], json!(["gpio"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_shows_an_entity_that_was_added() {
    let daemon = Daemon::start_with_panel("").await;
    let Some(browser) = Browser::open(&format!("http://{}/", daemon.panel())).await else { return };
    browser.shows("#health-word", "All well").await;
    daemon.add(LAMP);
    daemon.reload();
    eventually("the lamp on the panel", async || {
        let shown = browser.value("document.body.innerText.includes('Work lamp')").await;
        (shown == json!(true)).then_some(())
    })
    .await;
}
