//! Replies: what is said when a plan has run.
//!
//! Owns the choice of the reply's key and the values in it, in spoken form; the words themselves are in the sentence
//! files of the language (section `responses`). A step that was refused or failed is said with its reason, and "done" is
//! only said when every step is. Why one is not is `reasons`'.

mod reasons;
mod schedules;

use std::sync::Arc;

use serde_json::{Value, json};

use super::plan::is_own;
use super::telling::Telling;
use crate::conversation::{Understood, is_done};
use crate::entities::{Entities, Entity};
use crate::intents::spoken::Joint;
use crate::language::Language;
use crate::turn::{OnFailure, StepResult, Turn};
use crate::workflows::check::RUN_TOOL;

/// The intents of which people are told examples.
const ASKED_MOST: [&str; 3] = ["HassTurnOn", "HassGetState", "HassStartTimer"];

/// The keys with which the sentences say what is asked, or what is done in which words; the reply's own key follows from
/// what came of it.
const CHOSEN_KEYS: [&str; 18] = [
    "default",
    "already",
    "several",
    "pressed",
    "open",
    "closed",
    "locked",
    "unlocked",
    "several_open",
    "several_closed",
    "yes_or_no",
    "any",
    "all",
    "which",
    "how_many",
    "value",
    "state",
    "one",
];

/// The reply to a turn whose steps have run.
pub fn reply(understood: &Understood, turn: &Turn, entities: &Entities, language: &Language) -> String {
    let speaker = Speaker { understood, turn, entities, language };
    let troubles = speaker.troubles();
    if !troubles.is_empty() {
        let done: Vec<StepResult> = turn.steps.iter().filter(|step| is_done(step)).cloned().collect();
        let is_group = turn.plan.iter().any(|step| step.on_failure == OnFailure::Skip);
        let rest = if is_group && !done.is_empty() {
            let rest = Turn { steps: done.clone(), plan: Vec::new(), ..turn.clone() };
            reply(understood, &rest, entities, language)
        } else {
            String::new()
        };
        return format!("{rest} {}", troubles.join(" ")).trim().to_owned();
    }
    if let Some(workflow) = speaker.begun_for_another() {
        return language.phrase("workflow_begun", &[("name", workflow)]);
    }
    if let Some(reply) = speaker.as_its_author_says() {
        return reply;
    }
    match understood.intent.as_str() {
        "HassTurnOn" | "HassTurnOff" | "HassToggle" => speaker.switched(),
        "HassLightSet" | "HassSetPosition" | "HassFanSetSpeed" => speaker.value_set(),
        "HassGetState" => speaker.states(),
        "HassStartTimer" | "HassCancelTimer" | "HassPauseTimer" | "HassUnpauseTimer" => speaker.timer(),
        "HassIncreaseTimer" | "HassDecreaseTimer" => speaker.timer_changed(),
        "HassTimerStatus" => speaker.timers(),
        "HassCancelAllTimers" => speaker.counted("cancelled"),
        "VictusScheduleOnce" | "VictusScheduleRepeat" => speaker.scheduled(),
        "VictusScheduleList" => speaker.schedules(),
        "VictusScheduleCancel" => speaker.unscheduled(),
        "VictusScheduleCancelAll" => speaker.counted("deleted"),
        "HassGetCurrentTime" => speaker.say("default", &[("time", &speaker.time())]),
        "HassGetCurrentDate" => speaker.say("default", &[("date", &speaker.date())]),
        "VictusStatus" => speaker.status(),
        "VictusCapabilities" => speaker.capabilities(),
        "VictusHistory" => speaker
            .telling()
            .history(speaker.turn.plan.first().map_or("", |step| step.args["period"].as_str().unwrap_or(""))),
        "VictusAcknowledge" => speaker.acknowledged(),
        "VictusAlarms" => speaker.telling().alarms(),
        "VictusUndo" => speaker.undone(),
        "HassSetVolumeRelative" => speaker.volume_changed(),
        "HassSetVolume" => {
            let volume = language.spoken().number(speaker.result()["to"].as_f64().unwrap_or_default());
            speaker.say("default", &[("volume", &volume)])
        }
        _ => speaker.say_with_slots("default"),
    }
}

struct Speaker<'a> {
    understood: &'a Understood,
    turn: &'a Turn,
    entities: &'a Entities,
    language: &'a Language,
}

impl Speaker<'_> {
    fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.phrase(&format!("{}.{key}", self.understood.intent), values)
    }

    /// The reply of the key that the block of the sentence states, where the choice of key is not this module's: users
    /// write sentences with replies of their own. The slots, and the names of what it was about, are values in it; one that
    /// asks for more is not used.
    fn as_its_author_says(&self) -> Option<String> {
        let key = self.understood.response.as_deref().filter(|key| !CHOSEN_KEYS.contains(key))?;
        let names = self.names();
        let said: Vec<(String, String)> =
            (self.understood.slots.iter()).map(|(slot, value)| (slot.clone(), self.slot_in_words(value))).collect();
        let mut values: Vec<(&str, &str)> = said.iter().map(|(slot, value)| (slot.as_str(), value.as_str())).collect();
        if !names.is_empty() {
            values.retain(|(slot, _)| !matches!(*slot, "name" | "names"));
            values.extend([("name", names.as_str()), ("names", names.as_str())]);
        }
        let key = format!("{}.{key}", self.understood.intent);
        let wanted = self.language.responses.values_of(&key);
        // What only this module knows how to say, it says in its own reply rather than leaving it out of another.
        let given =
            self.language.responses.has(&key) && wanted.iter().all(|wanted| values.iter().any(|(it, _)| it == wanted));
        given.then(|| self.language.phrase(&key, &values))
    }

    /// The words of users' own intents: what was said is in them.
    fn say_with_slots(&self, key: &str) -> String {
        let said: Vec<(String, String)> =
            (self.understood.slots.iter()).map(|(slot, value)| (slot.clone(), self.slot_in_words(value))).collect();
        let values: Vec<(&str, &str)> = said.iter().map(|(slot, value)| (slot.as_str(), value.as_str())).collect();
        self.say(key, &values)
    }

    /// The workflow that a rule began in place of what the appliance does about such a request itself.
    fn begun_for_another(&self) -> Option<&str> {
        let step = self.turn.plan.first().filter(|step| step.tool == RUN_TOOL && is_own(&self.understood.intent))?;
        step.args["workflow"].as_str()
    }

    fn slot_in_words(&self, value: &Value) -> String {
        match (value.as_f64(), value.as_str()) {
            (Some(number), _) => self.language.spoken().number(number),
            (None, Some(text)) => text.to_owned(),
            (None, None) => value.to_string(),
        }
    }

    /// What the first step returned; null where there was none.
    fn result(&self) -> &Value {
        self.turn.steps.first().map_or(&Value::Null, |step| &step.result)
    }

    fn entity(&self, step: &StepResult) -> Option<Arc<Entity>> {
        step.step.args["entity"].as_str().and_then(|id| self.entities.get(id))
    }

    fn names(&self) -> String {
        let names: Vec<String> =
            self.turn.steps.iter().filter_map(|step| self.entity(step)).map(|entity| entity.name.clone()).collect();
        self.language.spoken().list(&names, Joint::And)
    }

    /// What was switched, in the words of its kind: a valve is open where a fan is on.
    fn switched(&self) -> String {
        let names = self.names();
        let kind = self.turn.steps.first().and_then(|step| self.entity(step)).map(|entity| entity.kind);
        let (from, to) = (is_on(&self.result()["from"]), is_on(&self.result()["to"]));
        let state = kind.map_or("", |kind| kind.state_key(to == Some(true)));
        let said = kind.map_or(String::new(), |kind| self.language.state(kind, to == Some(true)));
        let values = [("name", names.as_str()), ("names", names.as_str()), ("state", said.as_str())];
        let special = if matches!(state, "on" | "off" | "") { "" } else { state };
        let key = match (self.turn.steps.len(), self.understood.intent.as_str(), special) {
            (2.., _, "") | (2.., "HassToggle", _) => "several".to_owned(),
            (2.., _, special) => format!("several_{special}"),
            (_, "HassToggle", _) => "default".to_owned(),
            (_, _, "") if from == to => "already".to_owned(),
            (_, _, special) if from == to => format!("already_{special}"),
            (_, _, "") => "default".to_owned(),
            (_, _, special) => special.to_owned(),
        };
        self.say(&key, &values)
    }

    fn time(&self) -> String {
        let now = self.result();
        self.language.spoken().time(field(now, "hour"), field(now, "minute"))
    }

    fn date(&self) -> String {
        let now = self.result();
        self.language.spoken().date(field(now, "weekday"), field(now, "day"), field(now, "month"))
    }

    fn value_set(&self) -> String {
        let value = self.result()["to"].as_f64().map_or_else(String::new, |value| self.language.spoken().number(value));
        let names = self.names();
        let key = if self.turn.steps.len() > 1 { "several" } else { "default" };
        self.say(key, &[("name", &names), ("names", &names), ("value", &value)])
    }

    /// The answer to a question about states, in the form that the sentence asked for.
    fn states(&self) -> String {
        let asked = self.understood.slots.get("state").and_then(Value::as_str).and_then(is_on_word);
        let Some(form @ ("any" | "all" | "which" | "how_many")) = self.understood.response.as_deref() else {
            let said: Vec<String> = self.turn.steps.iter().map(|step| self.state(step, asked)).collect();
            return said.join(" ");
        };
        let area = self.understood.slots.get("area").and_then(Value::as_str).unwrap_or("");
        let (fitting, other): (Vec<_>, Vec<_>) =
            self.turn.steps.iter().partition(|step| is_on(&step.result["value"]) == asked);
        let names = |steps: &[&StepResult]| -> String {
            let names: Vec<String> =
                steps.iter().filter_map(|step| self.entity(step)).map(|entity| entity.name.clone()).collect();
            self.language.spoken().list(&names, Joint::And)
        };
        let count = self.language.spoken().whole(fitting.len() as u64);
        let (key, names) = match form {
            "any" if fitting.is_empty() => ("any_no", String::new()),
            "any" => ("any_yes", names(&fitting)),
            "all" if other.is_empty() => ("all_yes", String::new()),
            "all" => ("all_no", names(&other)),
            "which" if fitting.is_empty() => ("which_none", String::new()),
            "which" => ("which", names(&fitting)),
            _ => ("how_many", String::new()),
        };
        self.say(key, &[("names", &names), ("area", area), ("count", &count)])
    }

    fn state(&self, step: &StepResult, asked: Option<bool>) -> String {
        let Some(entity) = self.entity(step) else { return String::new() };
        let value = &step.result["value"];
        match (value, is_on(value)) {
            (Value::Bool(_), Some(on)) => {
                let key = asked.map_or("default", |asked| if asked == on { "yes" } else { "no" });
                self.say(key, &[("name", &entity.name), ("state", &self.language.state(entity.kind, on))])
            }
            (Value::Number(number), _) => {
                let (number, unit) = (number.as_f64().unwrap_or_default(), entity.unit.as_deref().unwrap_or(""));
                let (value, unit) = self.language.spoken().measure(number, unit);
                self.say("value", &[("name", &entity.name), ("value", &value), ("unit", &unit)])
            }
            _ => self.language.phrase("unknown_state", &[("name", &entity.name)]),
        }
    }

    fn timer(&self) -> String {
        let timer = self.result();
        let name = timer["name"].as_str().unwrap_or("");
        let duration = self.language.spoken().duration(timer["total_seconds"].as_u64().unwrap_or(0));
        let remaining = self.language.spoken().duration(timer["left_seconds"].as_u64().unwrap_or(0));
        self.say("default", &[("name", name), ("duration", &duration), ("remaining", &remaining)])
    }

    fn timer_changed(&self) -> String {
        let by_seconds = self.turn.steps.first().and_then(|step| step.step.args["by_seconds"].as_i64());
        let duration = self.language.spoken().duration(by_seconds.unwrap_or(0).unsigned_abs());
        let remaining = self.language.spoken().duration(self.result()["left_seconds"].as_u64().unwrap_or(0));
        let name = self.result()["name"].as_str().unwrap_or("");
        self.say("default", &[("name", name), ("duration", &duration), ("remaining", &remaining)])
    }

    /// How many were done with, by the number in that field of what the tool returned.
    fn counted(&self, field: &str) -> String {
        let count = self.result()[field].as_u64().unwrap_or(0);
        let key = match count {
            0 => "none",
            1 => "one",
            _ => "default",
        };
        self.say(key, &[("count", &self.language.spoken().whole(count))])
    }

    fn timers(&self) -> String {
        let timers = self.result()["timers"].as_array().map_or(&[][..], Vec::as_slice);
        let said: Vec<String> = timers
            .iter()
            .map(|timer| {
                let remaining = self.language.spoken().duration(timer["left_seconds"].as_u64().unwrap_or(0));
                let name = timer["name"].as_str().unwrap_or("");
                self.say("default", &[("name", name), ("remaining", &remaining)])
            })
            .collect();
        if said.is_empty() { self.say("none", &[]) } else { said.join(" ") }
    }

    fn status(&self) -> String {
        let texts = |field: &str| -> Vec<&str> {
            self.result()[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (troubles, unavailable) = (texts("troubles"), texts("unavailable"));
        if troubles.is_empty() && unavailable.is_empty() {
            return self.say("default", &[]);
        }
        let unknown = self.language.spoken().list(&unavailable, Joint::And);
        let unknown = if unknown.is_empty() {
            unknown
        } else {
            self.language.phrase("unknown_state", &[("name", &unknown)]).trim_end_matches('.').to_owned()
        };
        let troubles = troubles.into_iter().map(|trouble| self.troubled_part(trouble));
        let reasons: Vec<String> = troubles.chain([unknown]).filter(|it| !it.is_empty()).collect();
        self.say("degraded", &[("reason", &reasons.join(". "))])
    }

    fn telling(&self) -> Telling<'_> {
        Telling { result: self.result(), entities: self.entities, language: self.language }
    }

    fn volume_changed(&self) -> String {
        let unchanged = self.result()["from"] == self.result()["to"];
        self.say(if unchanged { "limit" } else { "default" }, &[])
    }

    /// Which alarms somebody knows of from now on.
    fn acknowledged(&self) -> String {
        let known = self.result()["acknowledged"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = known.iter().filter_map(|alarm| alarm["name"].as_str()).collect();
        let key = if known.is_empty() { "none" } else { "default" };
        self.say(key, &[("names", &self.language.spoken().list(&names, Joint::And))])
    }

    /// What was taken back, by name where it has one; a timer and the volume have none.
    fn undone(&self) -> String {
        let names = self.names();
        self.say(if names.is_empty() { "plain" } else { "default" }, &[("names", &names)])
    }

    /// What is wrong with a part, from `name: why`. The why is English; a language may leave it out.
    fn troubled_part(&self, trouble: &str) -> String {
        let (name, why) = trouble.split_once(": ").unwrap_or((trouble, ""));
        let said = self.language.part("VictusStatus.part", &[("name", name), ("why", why)]);
        said.unwrap_or_else(|| name.to_owned())
    }

    /// What can be said, by examples from the sentences themselves: of what is asked for most, or else of anything.
    fn capabilities(&self) -> String {
        if self.result()["can_switch"] == json!([]) && self.result()["can_read"] == json!([]) {
            return self.say("without_entities", &[]);
        }
        let all = &self.language.examples;
        let of = |intent: &str| all.iter().find(|examples| examples.intent == intent);
        let mut examples: Vec<_> = ASKED_MOST.into_iter().filter_map(of).collect();
        if examples.is_empty() {
            examples = all.iter().take(ASKED_MOST.len()).collect();
        }
        let sentences: Vec<&str> =
            examples.iter().filter_map(|examples| examples.sentences.last()).map(String::as_str).collect();
        self.say("default", &[("examples", &self.language.spoken().list(&sentences, Joint::Or))])
    }
}

/// Whether a value means on; none where it is unknown.
fn is_on(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_f64().map(|number| number > 0.0))
}

/// Whether a word for a state means on: open and locked are the on of valve, cover and lock.
fn is_on_word(word: &str) -> Option<bool> {
    match word {
        "on" | "open" | "locked" => Some(true),
        "off" | "closed" | "unlocked" => Some(false),
        _ => None,
    }
}

fn field(value: &Value, name: &str) -> u8 {
    value[name].as_u64().and_then(|number| u8::try_from(number).ok()).unwrap_or(0)
}
