//! Commands that ask the running daemon: events, turns, status, tools, call.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::time::Duration;

use serde_json::{Map, Value};

use super::Place;
use super::output::{self, Failure};
use crate::client::{Client, ClientError};

/// How often `events --follow` looks for more.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// How many events are fetched at a time.
const EVENTS_AT_ONCE: usize = 200;

/// Prints the journal.
pub(super) async fn events(place: &Place, follow: bool, since: Option<&str>) -> Result<(), Failure> {
    let client = Client::new(place.state.as_deref());
    let mut after = since.map(str::to_owned);
    loop {
        let query = after.as_ref().map_or(String::new(), |after| format!("&after={after}"));
        let page = client.get(&format!("/api/v1/events?limit={EVENTS_AT_ONCE}{query}")).await?;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        for event in &events {
            if place.json { output::json(event)? } else { output::line(&event_line(event))? }
        }
        if let Some(last) = events.last() {
            after = Some(format!("{}:{}", last["epoch"], last["seq"]));
        }
        let more = events.len() == EVENTS_AT_ONCE && since.is_some();
        if !follow && !more {
            return Ok(());
        }
        if events.is_empty() {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
        }
    }
}

/// An event on one line: place, kind, and its fields.
pub(crate) fn event_line(event: &Value) -> String {
    let fields = event["data"]
        .as_object()
        .map_or(String::new(), |data| data.iter().map(|(name, value)| format!(" {name}={}", plain(value))).collect());
    format!("{}:{} {}{fields}", event["epoch"], event["seq"], event["kind"].as_str().unwrap_or("?"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"))
}

/// Prints the latest turns.
pub(super) async fn turns(place: &Place, limit: usize) -> Result<(), Failure> {
    let page = Client::new(place.state.as_deref()).get(&format!("/api/v1/turns?limit={limit}")).await?;
    for turn in page["turns"].as_array().into_iter().flatten() {
        if place.json {
            output::json(turn)?;
        } else {
            let text = |name: &str| turn[name].as_str().unwrap_or("-").to_owned();
            output::line(&format!(
                "{}  {:<14}  “{}” → {}",
                text("turn"),
                text("outcome"),
                text("text"),
                text("reply")
            ))?;
        }
    }
    Ok(())
}

/// Prints why a request ended as it did; the last one where none is named.
pub(super) async fn why(place: &Place, turn: Option<&str>) -> Result<(), Failure> {
    let client = Client::new(place.state.as_deref());
    let turn = match turn {
        Some(turn) if turn.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => turn.to_owned(),
        Some(turn) => return Err(Failure::Usage(format!("`{turn}` is no turn: `victus turns` lists them"))),
        None => {
            let last = client.get("/api/v1/turns?limit=1").await?;
            let last = last["turns"][0]["turn"].as_str().map(str::to_owned);
            last.ok_or_else(|| Failure::Failed("nothing was asked yet".to_owned()))?
        }
    };
    let told = client.get(&format!("/api/v1/turns/{turn}/why")).await?;
    if place.json { output::json(&told) } else { output::line(told["why"].as_str().unwrap_or_default()) }
}

/// Prints how the appliance is.
pub(super) async fn status(place: &Place) -> Result<(), Failure> {
    let status = Client::new(place.state.as_deref()).get("/api/v1/status").await?;
    if place.json {
        return output::json(&status);
    }
    let text = |name: &str| status[name].as_str().unwrap_or("-").to_owned();
    output::line(&format!("{} at {}, version {}: {}", text("device"), text("site"), text("version"), text("state")))?;
    for entry in status["loops"].as_array().into_iter().flatten() {
        let field = |name: &str| entry[name].as_str().unwrap_or("").to_owned();
        let why = field("why");
        let why = if why.is_empty() { why } else { format!(": {why}") };
        output::line(&format!("  {:<12} {}{why}", field("name"), field("state")))?;
    }
    Ok(())
}

/// Prints what the appliance can do.
pub(super) async fn tools(place: &Place) -> Result<(), Failure> {
    let page = Client::new(place.state.as_deref()).get("/api/v1/tools").await?;
    for tool in page["tools"].as_array().into_iter().flatten() {
        if place.json {
            output::json(tool)?;
        } else {
            let text = |name: &str| tool[name].as_str().unwrap_or("-").to_owned();
            output::line(&format!("{:<24} {:<10} {}", text("name"), text("risk"), text("description")))?;
        }
    }
    Ok(())
}

/// Calls a tool; `confirm` is the token by which that was agreed to.
pub(super) async fn call(place: &Place, tool: &str, args: &[String], confirm: Option<&str>) -> Result<(), Failure> {
    let args = arguments(args)?;
    if !tool.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(Failure::Usage(format!("`{tool}` is no name of a tool; `victus tools` lists them")));
    }
    let (client, path) = (Client::new(place.state.as_deref()), format!("/api/v1/tools/{tool}"));
    let called = match confirm {
        Some(token) => client.post_confirmed(&path, &args, token).await,
        None => client.post(&path, &args).await,
    };
    let answer = match called {
        Err(ClientError::Refused { message, code, facts }) if code == "confirmation_required" => {
            let token = facts["token"].as_str().unwrap_or_default();
            if !agreed(tool, &args)? {
                return Err(Failure::Failed(format!("{message}: --confirm {token}")));
            }
            client.post_confirmed(&path, &args, token).await?
        }
        called => called?,
    };
    if place.json {
        output::json(&answer)?
    } else {
        output::line(&answer["result"].to_string())?
    }
    match answer["status"]["state"].as_str() {
        Some("done") => Ok(()),
        _ => Err(Failure::Failed(answer["status"]["reason"].as_str().unwrap_or("it was not done").to_owned())),
    }
}

/// Whether somebody at a terminal agrees to the call; false where nobody can be asked.
fn agreed(tool: &str, args: &Value) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    output::complain(&format!("{tool} {args} has to be confirmed. Type yes to do it:"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().take(16).read_line(&mut answer);
    read.map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
    Ok(answer.trim() == "yes")
}

/// `KEY=VALUE...` as an object; a value that is JSON is taken as such, anything else as text.
pub(super) fn arguments(args: &[String]) -> Result<Value, Failure> {
    let mut object = Map::new();
    for arg in args {
        let Some((key, value)) = arg.split_once('=') else {
            return Err(Failure::Usage(format!("`{arg}` is not KEY=VALUE, as in entity=fan.extraction_fan")));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_not_json| Value::String(value.to_owned()));
        object.insert(key.to_owned(), value);
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_json_where_they_can_be() {
        let given = ["entity=fan.hall".to_owned(), "value=40".to_owned(), "name=a=b".to_owned()];
        assert_eq!(arguments(&given).unwrap(), json!({"entity": "fan.hall", "value": 40, "name": "a=b"}));
        let error = arguments(&["fan".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("KEY=VALUE"));
        assert!(matches!(error, Failure::Usage(_)));
    }

    #[test]
    fn an_event_is_one_line() {
        let event = json!({"epoch": 1, "seq": 7, "kind": "link_changed", "data": {"link": "fleet", "up": true}});
        assert_eq!(event_line(&event), "1:7 link_changed link=\"fleet\" up=true");
    }
}
