//! `victus replay`: stored requests, decided again.
//!
//! One turn is replayed by the daemon, by the rules that it has. The turns of a time are replayed in this process by the
//! rules of another configuration, on simulated devices in a folder that is thrown away, so that what a change would do to
//! a day is known before it is installed. Exit status 0: the same; 1: something differs.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use victus_agent::durations;
use victus_agent::orchestrator::recall::LOOK_BACK;
use victus_agent::turn::Turn;

use super::Place;
use super::local_commands::Local;
use super::output::{self, Failure};
use crate::client::Client;

/// How many turns are fetched at a time.
const TURNS_AT_ONCE: usize = 100;

/// The most turns that are replayed: some months of a busy appliance.
const MAX_TURNS: usize = 100_000;

/// Replays one turn.
pub(super) async fn one(place: &Place, turn: &str) -> Result<(), Failure> {
    if !turn.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Failure::Usage(format!("`{turn}` is no turn: `victus turns` lists them")));
    }
    let replayed = Client::new(place.state.as_deref()).get(&format!("/api/v1/turns/{turn}/replay")).await?;
    if place.json {
        output::json(&replayed)?;
    } else {
        show(&replayed["turn"]["text"], &replayed["differences"])?;
    }
    if replayed["same"] == true { Ok(()) } else { Err(Failure::Silent) }
}

/// Replays the turns of the last `since` by the rules of the configuration `with`, oldest first.
pub(super) async fn all(place: &Place, since: Option<&str>, with: Option<PathBuf>) -> Result<(), Failure> {
    let since = since.and_then(durations::parse);
    let since = since.ok_or_else(|| Failure::Usage("--since takes a time such as 30m, 24h or 7d".to_owned()))?;
    let turns = fetch(place, since).await?;
    let trial = Place { config: with, state: None, simulate: true, json: place.json };
    let local = Local::start(&trial).await?;
    let (mut differing, mut failure) = (0_usize, Ok(()));
    for (at, turn) in turns.iter().enumerate().rev() {
        let before = turns.get(at + 1..).unwrap_or_default();
        let before = before.get(..before.len().min(LOOK_BACK)).unwrap_or_default();
        let replayed = local.orchestrator().replay(turn, before).await;
        if replayed.differences.is_empty() {
            continue;
        }
        differing += 1;
        failure = match place.json {
            true => output::json(&json!({"turn": turn.id, "text": turn.text, "differences": replayed.differences})),
            false => show(&json!(turn.text), &json!(replayed.differences)),
        };
        if failure.is_err() {
            break;
        }
    }
    local.stop().await;
    failure?;
    if !place.json {
        output::line(&format!("{differing} of {} requests would be decided otherwise", turns.len()))?;
    }
    if differing == 0 { Ok(()) } else { Err(Failure::Silent) }
}

/// The turns of the last so much time, newest first.
async fn fetch(place: &Place, since: Duration) -> Result<Vec<Turn>, Failure> {
    let client = Client::new(place.state.as_deref());
    let status = client.get("/api/v1/status").await?;
    let now = status["clock"]["unix_ms"].as_i64().unwrap_or_default();
    let from = now.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let mut turns: Vec<Turn> = Vec::new();
    let mut next = String::new();
    while turns.len() < MAX_TURNS {
        let page = client.get(&format!("/api/v1/turns?limit={TURNS_AT_ONCE}{next}")).await?;
        let page_turns: Vec<Turn> = serde_json::from_value(page["turns"].clone()).map_err(|error| {
            Failure::Failed(format!("the daemon's turns can't be read, is it of another version? {error}"))
        })?;
        let all_in_time = page_turns.iter().all(|turn| turn.at.wall_ms >= from);
        turns.extend(page_turns.into_iter().filter(|turn| turn.at.wall_ms >= from));
        match page["next"].as_str().filter(|_| all_in_time) {
            Some(before) => next = format!("&before={before}"),
            None => break,
        }
    }
    Ok(turns)
}

/// Prints in what a request would be decided otherwise.
fn show(text: &Value, differences: &Value) -> Result<(), Failure> {
    let differences = differences.as_array().map_or(&[][..], Vec::as_slice);
    if differences.is_empty() {
        return output::line("the same");
    }
    output::line(&format!("“{}”", text.as_str().unwrap_or_default()))?;
    for difference in differences {
        output::line(&format!(
            "  {}: {}  →  {}",
            difference["what"].as_str().unwrap_or_default(),
            difference["was"],
            difference["is"]
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let seconds = |text: &str| durations::parse(text).map(|time| time.as_secs());
        for (text, expected) in [("30m", Some(1800)), ("24h", Some(86_400)), ("7d", Some(604_800)), ("90s", Some(90))] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for text in ["", "h", "24", "24 h", "-1h", "1w", "99999999999999999999d", "１h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
