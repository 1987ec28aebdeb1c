//! `[[route]]`: the rules that say who deals with an intent, and what they mean beside the sentences.
//!
//! Owns how a rule is written; what it decides, and in which order rules are asked, is `victus_agent`'s. A further kind of
//! `then` is one more arm in [`then`].

use victus_agent::intents::Sentences;
use victus_agent::orchestrator::route::{ASK_BELOW, Route, Rule, Rules, STOP, When};
use victus_agent::tool::{Role, Source};

use super::model::Config;
use super::origin::{nearest, quote};
use super::reader::{Reader, Report, expected_found, one_of, plain_text};
use super::tree::{Node, Value};
use super::values::is_name;

/// The most intents of one rule.
const MAX_INTENTS: usize = 64;

/// The longest name of an intent in bytes.
const MAX_INTENT: usize = 64;

const THEN: &str = "\"local\", \"ask_back\", { workflow = \"its name\" } or { refuse = \"the reason\" }";

pub(super) fn route(reader: Reader<'_>) -> Option<Rule> {
    let name = reader.parsed("name", "a name of letters, digits, _ and -, at most 64", |text| {
        is_name(text).then(|| text.to_owned())
    });
    if let Some(name) = name.as_ref().filter(|name| Rules::BUILT_IN.contains(&name.value.as_str())) {
        reader.rule("name", format!("{} is a rule that is built in: give another name", quote(&name.value)));
    }
    let named = reader.at("name").is_none() || name.is_some();
    // The place, as problems name it; no name that a rule can be given looks like it.
    let name = name.map_or_else(|| reader.path.clone(), |name| name.value);
    for (key, example) in [("when", "{ source = \"voice\" }"), ("then", "\"ask_back\"")] {
        if reader.at(key).is_none() {
            reader.rule(key, format!("a [[route]] needs {key}, such as {key} = {example}"));
        }
    }
    let when = reader.optional_section("when").map(when);
    let then = then(&reader);
    reader.finish();
    named.then_some(Rule { name, when: when?, then: then? })
}

fn when(reader: Reader<'_>) -> When {
    let intents = reader.one_or_list("intent", "the name of an intent, or a list of names", intent);
    let sources = reader.one_or_list("source", "the name of a source, or a list of names", |node| {
        one_of(node, &Source::ALL.map(|source| (source.name(), source)))
    });
    let roles = reader.one_or_list("role", "the name of a role, or a list of names", |node| {
        one_of(node, &Role::ALL.map(|role| (role.name(), role)))
    });
    let confidence_below = reader.fraction("confidence_below");
    let hours = reader.parsed("hours", "hours such as \"22:00-06:00\"", |text| text.parse().ok());
    let link_up = reader.one_of("link", &[("up", true), ("down", false)]);
    if let Some(below) = confidence_below.as_ref().filter(|below| below.value <= ASK_BELOW) {
        let message = format!(
            "never decides: below {ASK_BELOW} the appliance asks before any rule, so {} holds only where it has asked",
            below.value
        );
        reader.warn("confidence_below", message);
    }
    let intents = intents.map(|found| found.value).unwrap_or_default();
    if intents.len() > MAX_INTENTS {
        reader.rule("intent", format!("expected at most {MAX_INTENTS} intents, found {}", intents.len()));
    }
    if intents.iter().any(|intent| intent == STOP) {
        reader.rule("intent", format!("{STOP} is always done, and no rule can keep anybody from it: leave it out"));
    }
    reader.finish();
    When {
        intents,
        sources: sources.map(|found| found.value).unwrap_or_default(),
        roles: roles.map(|found| found.value).unwrap_or_default(),
        confidence_below: confidence_below.map(|found| found.value),
        hours: hours.map(|found| found.value),
        link_up: link_up.map(|found| found.value),
    }
}

fn intent(node: &Node) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    let name = node.text().filter(|text| (1..=MAX_INTENT).contains(&text.len()) && text.chars().all(plain));
    name.map(str::to_owned).ok_or_else(|| expected_found("the name of an intent such as \"HassTurnOn\"", node))
}

fn then(reader: &Reader<'_>) -> Option<Route> {
    let node = reader.node("then")?;
    if !matches!(node.value, Value::Table(_)) {
        let names = [("local", false), ("ask_back", true)];
        let asks = names.iter().find(|(name, _)| Some(*name) == node.text()).map(|(_, asks)| *asks);
        return match asks {
            Some(true) => Some(Route::AskBack),
            Some(false) => Some(Route::Local),
            None => {
                reader.wrong("then", expected_found(THEN, node));
                None
            }
        };
    }
    let table = reader.section("then");
    let workflow = table.parsed("workflow", "the name of a workflow", |text| is_name(text).then(|| text.to_owned()));
    let reason = table.read("refuse", |node| plain_text(node, "the reason, as it is to be said"));
    if table.free_entries().next().is_none() {
        reader.rule("then", format!("expected {THEN}, found an empty table"));
    }
    if workflow.is_some() && reason.is_some() {
        reader.rule("then", "expected one of workflow and refuse, found both: leave one out");
    }
    table.finish();
    workflow.map(|name| Route::Workflow(name.value)).or(reason.map(|reason| Route::Refuse(reason.value)))
}

/// Intents that no sentence has. One that is nearly another's name is a slip; any other may be in sentences that are read
/// later, while everything runs.
pub(super) fn check(config: &Config, report: &Report) {
    if config.routes.iter().all(|rule| rule.when.intents.is_empty()) {
        return;
    }
    let device = &config.device;
    let users = Some(device.sentences.as_path()).filter(|folder| folder.is_dir());
    // What is wrong in the sentences is told where they are used.
    let (sentences, _problems) = Sentences::for_language(&device.language, users);
    let known = sentences.intents();
    for rule in &config.routes {
        let path = if rule.name.starts_with("route[") { rule.name.clone() } else { format!("route[{}]", rule.name) };
        let key = format!("{path}.when.intent");
        for intent in rule.when.intents.iter().filter(|intent| !known.contains(intent.as_str())) {
            let unknown = format!("no sentence means {}", quote(intent));
            match nearest(intent, known.iter().copied()) {
                Some(near) => report.broken(&key, format!("{unknown}: did you mean {}?", quote(near))),
                None => report.warn(&report.origin(&key), &key, format!("{unknown}, so it never holds for it")),
            }
        }
    }
}
