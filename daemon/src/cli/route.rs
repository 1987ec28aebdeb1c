//! `victus route`: which rule decides who deals with a request.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};
use victus_agent::tool::{Role, Source};

use super::Place;
use super::output::{self, Failure};
use crate::client::Client;

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Tell how a request would be routed: each rule, whether it holds and why not, and which decides. Nothing is done
    Explain {
        /// The request
        text: String,
        /// The way by which it would come
        #[arg(long, default_value = "voice", value_parser = PossibleValuesParser::new(Source::ALL.map(Source::name)))]
        source: String,
        /// What its caller may do; by default what that source usually may
        #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
        role: Option<String>,
        /// How sure a recogniser would be, 0 to 1
        #[arg(long)]
        confidence: Option<f32>,
        /// The time of day; by default now
        #[arg(long, value_name = "HH:MM")]
        at: Option<String>,
        /// Whether a link is connected; by default as it is
        #[arg(long, value_parser = PossibleValuesParser::new(["up", "down"]))]
        link: Option<String>,
    },
}

/// Runs the command.
pub(super) async fn run(place: &Place, command: RouteCommand) -> Result<(), Failure> {
    let RouteCommand::Explain { text, source, role, confidence, at, link } = command;
    let body = json!({
        "text": text, "source": source, "role": role, "confidence": confidence, "at": at, "link": link,
    });
    let explained = Client::new(place.state.as_deref()).post("/api/v1/routes/explain", &body).await?;
    if place.json {
        return output::json(&explained);
    }
    lines(&text, &explained).iter().try_for_each(|line| output::line(line))
}

/// The explanation for people.
fn lines(text: &str, explained: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let readings = list(&explained["readings"]);
    let mut lines: Vec<String> =
        readings.iter().map(|reading| format!("“{text}” means {}", meaning(reading))).collect();
    match readings.len() {
        0 => lines.push(format!("“{text}” is not understood, so no rule is asked")),
        1 => {
            lines.push(format!("asked by {}", facts(&explained["facts"])));
            let decided_by = explained["decided_by"].as_str();
            lines.extend(list(&explained["rules"]).iter().map(|rule| considered(rule, decided_by)));
        }
        _ => {
            lines.push("these are equally good: the appliance asks which one is meant, and no rule is asked".to_owned())
        }
    }
    lines
}

fn meaning(reading: &Value) -> String {
    let mut said = plain(&reading["intent"]);
    let slots = reading["slots"].as_object();
    let slots: Vec<String> =
        slots.into_iter().flatten().map(|(slot, value)| format!("{slot} = {}", plain(value))).collect();
    if !slots.is_empty() {
        said.push_str(&format!(" ({})", slots.join(", ")));
    }
    if let Some(sentence) = reading["repaired"].as_str() {
        said.push_str(&format!(", taken for “{sentence}”"));
    }
    said
}

fn facts(facts: &Value) -> String {
    let time =
        facts["time"].as_str().map_or_else(|| "at a time that is not known".to_owned(), |time| format!("at {time}"));
    let percent = facts["confidence"].as_f64().unwrap_or_default() * 100.0;
    let (source, role, link) = (plain(&facts["source"]), plain(&facts["role"]), plain(&facts["link"]));
    format!("{source} as {role}, {percent:.0} % sure, {time}, link {link}")
}

fn considered(rule: &Value, decided_by: Option<&str>) -> String {
    let name = plain(&rule["name"]);
    let said = if rule["holds"] != true {
        let why_not = rule["why_not"].as_array().cloned().unwrap_or_default();
        why_not.iter().map(plain).collect::<Vec<_>>().join("; ")
    } else if decided_by == Some(&name) {
        format!("decides: {}", then(&rule["then"]))
    } else {
        format!("would be {}, and comes too late", then(&rule["then"]))
    };
    format!("  {:<3}  {name:<20} {said}", if rule["holds"] == true { "yes" } else { "no" })
}

fn then(then: &Value) -> String {
    match then["refuse"].as_str() {
        Some(reason) => format!("refuse, “{reason}”"),
        None => plain(then),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_decides_is_told_among_those_that_do_not() {
        let explained = json!({
            "readings": [{"intent": "HassTurnOn", "slots": {"name": "Fan"}, "repaired": "turn on the fan"}],
            "facts": {"source": "voice", "role": "operator", "confidence": 0.9, "time": "23:30", "link": "down"},
            "rules": [
                {"name": "not_heard", "then": "not_heard", "holds": false, "why_not": ["a", "b"]},
                {"name": "night", "then": {"refuse": "Closed"}, "holds": true},
                {"name": "otherwise", "then": "local", "holds": true},
            ],
            "decided_by": "night",
        });
        assert_eq!(
            lines("turn on the fam", &explained),
            [
                "“turn on the fam” means HassTurnOn (name = Fan), taken for “turn on the fan”",
                "asked by voice as operator, 90 % sure, at 23:30, link down",
                "  no   not_heard            a; b",
                "  yes  night                decides: refuse, “Closed”",
                "  yes  otherwise            would be local, and comes too late",
            ]
        );
    }

    #[test]
    fn what_no_rule_is_asked_about_says_why() {
        let none = lines("colourless", &json!({"readings": []}));
        assert_eq!(none, ["“colourless” is not understood, so no rule is asked"]);
        let reading = json!({"intent": "HassTurnOn", "slots": {}});
        let two = lines("the light", &json!({"readings": [reading, reading]}));
        assert_eq!(two.len(), 3);
        assert!(two[2].contains("equally good"), "{two:?}");
    }
}
