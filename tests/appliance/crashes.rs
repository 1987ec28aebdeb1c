//! `kill -9`: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use victus_tests::daemon::Daemon;

/// How often the daemon is killed. Fixed, with a fixed seed: the moments differ, the count does not.
const KILLS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_turns_loses_nothing_that_was_acknowledged() {
    let mut random = StdRng::seed_from_u64(20_261_121);
    let mut daemon = Daemon::start("").await;
    let mut acknowledged: BTreeMap<String, Value> = BTreeMap::new();
    for _ in 0..KILLS {
        let client = daemon.client();
        let asking = tokio::spawn(async move {
            let mut turns = Vec::new();
            for number in 0.. {
                let text = if number % 2 == 0 { "turn on the extraction fan" } else { "turn off the extraction fan" };
                match client.post("/api/v1/ask", &json!({"text": text})).await {
                    Ok(turn) => turns.push(turn),
                    Err(_killed) => break,
                }
            }
            turns
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        daemon.kill();
        for turn in asking.await.expect("asking does not panic") {
            let id = turn["turn"].as_str().expect("a turn has an id").to_owned();
            acknowledged.insert(id, turn);
        }
        assert_eq!(daemon.line("GPIO17"), "low", "a dead process holds no line");
        daemon.resume().await;
        assert_eq!(daemon.value("fan.extraction_fan").await, json!(false), "it starts in its safe state");
        for (id, turn) in &acknowledged {
            let stored = daemon.client().get(&format!("/api/v1/turns/{id}")).await.expect("the turn is there");
            assert_eq!(&stored, turn);
        }
    }
    assert!(acknowledged.len() > KILLS, "turns were acknowledged between the kills");
    let unfinished = daemon.client().get("/api/v1/turns?limit=200").await.expect("the turns can be read");
    let running = unfinished["turns"].as_array().expect("turns").iter().filter(|it| it["outcome"] == "running").count();
    assert_eq!(running, 0, "every turn that was cut off is settled");
}
