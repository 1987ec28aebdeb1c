//! Why: what the last request of a source was taken for, and what came of it.
//!
//! Owns the choice of the sentences that say so and the values in them; the words are in the sentence files of the
//! language. Promises to say what the stored turn says and nothing that was found out since. Runs nothing.

use serde_json::Value;

use crate::entities::{Entities, EntityKind};
use crate::language::Language;
use crate::tool::CallStatus;
use crate::turn::{Outcome, Turn};

/// How much of what was heard is said, in characters. Nobody listens to more.
const MAX_HEARD: usize = 120;

/// The reply to "why": of the last of `past`, newest first, that was more than small talk about a reply.
pub fn reply(past: &[Turn], entities: &Entities, language: &Language) -> String {
    let small_talk = |turn: &&Turn| {
        matches!(turn.intent.as_deref(), Some("VictusExplain" | "VictusRepeat" | "HassNevermind"))
            && turn.outcome != Outcome::Asked
    };
    match past.iter().find(|turn| !small_talk(turn)) {
        Some(turn) => language.phrase("VictusExplain.default", &[("reason", &why(turn, entities, language))]),
        None => language.phrase("VictusExplain.none", &[]),
    }
}

/// Why a turn ended as it did: what was heard, what it was taken for by which line of which file, and what came of it.
pub fn why(turn: &Turn, entities: &Entities, language: &Language) -> String {
    let explained = Explained { turn, entities, language };
    format!("{} {}", explained.understood(), explained.outcome()).trim().to_owned()
}

/// What a turn is about, in the words in which it is told afterwards.
pub(super) fn meaning(turn: &Turn, entities: &Entities, language: &Language) -> String {
    Explained { turn, entities, language }.meaning(turn.intent.as_deref().unwrap_or_default())
}

struct Explained<'a> {
    turn: &'a Turn,
    entities: &'a Entities,
    language: &'a Language,
}

impl Explained<'_> {
    fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.phrase(&format!("VictusExplain.{key}"), values)
    }

    fn part(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.part(&format!("VictusExplain.{key}"), values).unwrap_or_default()
    }

    /// What was heard, and what it was taken for by which line of which file.
    fn understood(&self) -> String {
        let heard = shortened(&self.turn.text);
        match (self.turn.outcome, self.turn.intent.as_deref()) {
            (Outcome::Asked, _) => self.say("asked", &[("text", &heard)]),
            (Outcome::NotUnderstood, _) | (_, None) => self.say("not_understood", &[("text", &heard)]),
            (_, Some(intent)) => {
                let (file, line) = self.turn.template.as_deref().and_then(place).unwrap_or_default();
                let meaning = self.meaning(intent);
                let values = [("text", heard.as_str()), ("meaning", &meaning), ("file", file), ("line", line)];
                self.say("understood", &values)
            }
        }
    }

    fn meaning(&self, intent: &str) -> String {
        let names = self.names();
        match intent {
            "HassTurnOn" | "HassTurnOff" => {
                let state = self.state(intent == "HassTurnOn");
                self.part("meaning_switch", &[("names", &names), ("state", &state)])
            }
            "HassToggle" => self.part("meaning_toggle", &[("names", &names)]),
            "HassLightSet" | "HassSetPosition" | "HassFanSetSpeed" => {
                let value = self.turn.plan.first().map_or(&Value::Null, |step| &step.args["value"]).to_string();
                self.part("meaning_value", &[("names", &names), ("value", &value)])
            }
            "HassGetState" => self.part("meaning_state", &[("names", &names)]),
            "HassSetVolume" | "HassSetVolumeRelative" => self.part("meaning_volume", &[]),
            "VictusStop" => self.part("meaning_stop", &[]),
            "VictusUndo" => self.part("meaning_undo", &[]),
            schedule if schedule.starts_with("VictusSchedule") => self.part("meaning_schedule", &[]),
            timer if timer.contains("Timer") => self.part("meaning_timer", &[]),
            _ => self.part("meaning_other", &[]),
        }
    }

    /// What the plan is about, or, where there is no plan, what was named.
    fn names(&self) -> String {
        let planned = self.turn.plan.iter().filter_map(|step| self.entities.get(step.args["entity"].as_str()?));
        let names: Vec<String> = planned.map(|entity| entity.name.clone()).collect();
        if names.is_empty() {
            let slot = |slot: &str| self.turn.slots.get(slot).and_then(Value::as_str);
            return slot("name").or_else(|| slot("area")).unwrap_or_default().to_owned();
        }
        names.join(", ")
    }

    /// On or off, in the word that the language has for the kind of the first entity.
    fn state(&self, on: bool) -> String {
        let first = self.turn.plan.first().and_then(|step| self.entities.get(step.args["entity"].as_str()?));
        let word = first.map_or(EntityKind::Switch, |entity| entity.kind).state_key(on);
        self.language.part(&format!("HassGetState.state_{word}"), &[]).unwrap_or_else(|| word.to_owned())
    }

    fn outcome(&self) -> String {
        let reason = match self.turn.steps.last().map(|step| &step.status) {
            Some(CallStatus::Refused { reason, .. } | CallStatus::Failed { reason }) => reason,
            Some(CallStatus::Done) | None => &self.turn.reply,
        };
        let reason = [("reason", reason.trim_end_matches('.'))];
        match self.turn.outcome {
            Outcome::Done if self.only_answered() => self.say("answered", &[("reply", &self.turn.reply)]),
            Outcome::Done => self.say("done", &[]),
            Outcome::Refused => self.say("refused", &reason),
            Outcome::Failed => self.say("failed", &reason),
            Outcome::Interrupted => self.say("interrupted", &[]),
            Outcome::Preview => String::new(),
            Outcome::Asked | Outcome::NotUnderstood | Outcome::Running => String::new(),
        }
    }

    fn only_answered(&self) -> bool {
        let reads = [
            "appliance.capabilities",
            "appliance.history",
            "appliance.alarms",
            "entity.get_state",
            "timer.status",
            "schedule.list",
            "clock.now",
            "appliance.status",
        ];
        self.turn.steps.iter().all(|step| reads.contains(&step.step.tool.as_str()))
    }
}

/// A template's place as the bare name of its file and the line.
fn place(template: &str) -> Option<(&str, &str)> {
    let (path, line) = template.rsplit_once(':')?;
    let name = path.rsplit(['/', '\\']).next()?;
    Some((name.split('.').next()?, line))
}

/// What was heard as it can stand within a sentence.
fn shortened(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', '!', '?', ',', ';', ':']);
    match text.char_indices().nth(MAX_HEARD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}
