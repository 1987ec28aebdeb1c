//! What is to be done later, over `kill -9` of the real daemon.

use serde_json::json;
use victus_tests::daemon::Daemon;
use victus_tests::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_for_later_is_done_after_kill_9_and_only_once() {
    let mut daemon = Daemon::start("").await;
    let turn = daemon.ask("in two seconds turn the extraction fan on").await;
    assert_eq!(turn["outcome"], "done", "{turn}");
    daemon.kill();
    assert_eq!(daemon.line("GPIO17"), "low", "it was killed before it was due");
    daemon.resume().await;
    eventually("the fan to be turned on", || async {
        (daemon.value("fan.extraction_fan").await == json!(true)).then_some(())
    })
    .await;
    eventually("the run to be told", || async {
        let events = daemon.client().get("/api/v1/events?limit=200").await.ok()?;
        let ran = |event: &&serde_json::Value| event["kind"] == "schedule_ran";
        let runs: Vec<_> = events["events"].as_array()?.iter().filter(ran).cloned().collect();
        assert!(runs.len() <= 1, "{runs:?}");
        (runs.first()?["data"]["outcome"] == "done").then_some(())
    })
    .await;
    let left = daemon.client().post("/api/v1/tools/schedule.list", &json!({})).await.expect("the daemon answers");
    assert_eq!(left["result"]["schedules"], json!([]), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_and_timers_are_made_changed_and_deleted_over_the_api() {
    let daemon = Daemon::start("").await;
    let call = |tool: &'static str, args: serde_json::Value| {
        let client = daemon.client();
        async move { client.post(&format!("/api/v1/tools/{tool}"), &args).await.expect("the daemon answers") }
    };
    let steps = json!([{"tool": "entity.turn_on", "args": {"entity": "fan.extraction_fan"}}]);
    let made =
        call("schedule.create", json!({"name": "morning", "at": "06:00", "days": ["monday"], "steps": steps})).await;
    assert_eq!(made["status"]["state"], "done", "{made}");
    let disabled = call("schedule.set_enabled", json!({"schedule": "morning", "enabled": false})).await;
    assert_eq!(disabled["result"]["enabled"], false, "{disabled}");
    assert_eq!(call("schedule.list", json!({})).await["result"]["schedules"][0]["name"], "morning");
    let deleted = call("schedule.delete", json!({"schedule": "morning"})).await;
    assert_eq!(deleted["status"]["state"], "done", "{deleted}");
    call("timer.start", json!({"seconds": 600, "name": "tea"})).await;
    let longer = call("timer.change", json!({"timer": "tea", "by_seconds": 60})).await;
    assert_eq!(longer["result"]["total_seconds"], 660, "{longer}");
}
