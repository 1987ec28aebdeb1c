//! What happened, and what is wrong, in words.
//!
//! Owns the choice of the sentences for what `appliance.history` and `appliance.alarms` return and the values in them;
//! the words are in the sentence files of the language. Promises that no more than a handful of sentences is said.

use serde::Deserialize;
use serde_json::Value;

use crate::alarms::{Raised, words};
use crate::entities::{Entities, EntityKind};
use crate::language::Language;

/// How many sentences, and how many names in one, are said at most; of the rest it is said how many they are.
const MOST: usize = 5;

/// Puts what a tool has returned into words.
pub struct Telling<'a> {
    /// What it returned.
    pub result: &'a Value,
    /// The entities, for their names.
    pub entities: &'a Entities,
    /// The words.
    pub language: &'a Language,
}

impl Telling<'_> {
    /// The reply to what has happened in `period`.
    pub fn history(&self, period: &str) -> String {
        let mut said: Vec<String> = self.list("events").iter().map(|event| self.item(event)).collect();
        if said.is_empty() && self.result["earlier"] != true {
            let period = self.part(&format!("period_{period}"), &[]);
            return self.language.phrase("VictusHistory.none", &[("period", &period)]);
        }
        said.extend(self.more(self.result["more"].as_u64().unwrap_or(0)));
        if self.result["earlier"] == true {
            said.push(self.language.phrase("VictusHistory.earlier", &[]));
        }
        self.language.phrase("VictusHistory.default", &[("events", &said.join(" "))])
    }

    /// The reply to what is wrong now.
    pub fn alarms(&self) -> String {
        let active = self.list("active").iter().filter_map(|alarm| Raised::deserialize(alarm).ok());
        let active = active.map(|alarm| words::what(&alarm, self.entities, self.language));
        let mut said: Vec<String> =
            active.map(|what| self.language.phrase("VictusAlarms.active", &[("what", &what)])).collect();
        let unavailable: Vec<&str> = self.list("unavailable").iter().filter_map(Value::as_str).collect();
        let mut more = unavailable.len().saturating_sub(MOST);
        if !unavailable.is_empty() {
            let names = unavailable.into_iter().take(MOST).collect::<Vec<_>>().join(", ");
            said.push(self.language.phrase("VictusAlarms.unavailable", &[("names", &names)]));
        }
        if self.result["recording"] == false {
            said.push(self.language.phrase("VictusAlarms.not_recording", &[]));
        }
        let down = self.list("down").iter().filter_map(Value::as_str);
        said.extend(down.map(|name| self.language.phrase("VictusAlarms.down", &[("name", name)])));
        said.extend(self.list("events").iter().map(|event| self.item(event)));
        if said.is_empty() {
            return self.language.phrase("VictusAlarms.none", &[]);
        }
        more += said.len().saturating_sub(MOST);
        said.truncate(MOST);
        said.extend(self.more(more as u64 + self.result["more"].as_u64().unwrap_or(0)));
        self.language.phrase("VictusAlarms.default", &[("alarms", &said.join(" "))])
    }

    fn list(&self, field: &str) -> &[Value] {
        self.result[field].as_array().map_or(&[], Vec::as_slice)
    }

    fn more(&self, count: u64) -> Option<String> {
        let said = || self.language.phrase("VictusHistory.more", &[("count", &self.language.spoken().whole(count))]);
        (count > 0).then(said)
    }

    fn part(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.part(&format!("VictusHistory.{key}"), values).unwrap_or_default()
    }

    /// One event as a sentence, with how often and when last.
    fn item(&self, event: &Value) -> String {
        let spoken = self.language.spoken();
        let count = event["count"].as_u64().filter(|count| *count > 1);
        let count = count.map(|count| spoken.whole(count)).unwrap_or_default();
        let field = |name: &str| event[name].as_u64().and_then(|number| u8::try_from(number).ok());
        let time = match (field("hour"), field("minute")) {
            (Some(hour), Some(minute)) => spoken.time(hour, minute),
            _ => String::new(),
        };
        let values = [("event", self.event(event)), ("count", count), ("time", time)];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.language.phrase("VictusHistory.item", &values)
    }

    fn event(&self, event: &Value) -> String {
        let entity = event["entity"].as_str().map(|id| (id, self.entities.get(id)));
        let name = match &entity {
            Some((_, Some(entity))) => entity.name.as_str(),
            // It is no longer configured: its id is what is left of it.
            Some((id, None)) => id,
            None => event["name"].as_str().unwrap_or_default(),
        };
        let by = event["by"].as_str().map(|by| self.part(by, &[])).unwrap_or_default();
        let value = event["value"].as_f64().map(|value| self.language.spoken().number(value)).unwrap_or_default();
        let values = [("name", name), ("by", &by), ("value", &value)];
        let kind = entity.as_ref().and_then(|(_, entity)| entity.as_ref()).map(|entity| entity.kind);
        match (event["what"].as_str().unwrap_or_default(), kind) {
            ("turned_on", Some(EntityKind::Valve | EntityKind::Cover)) => self.part("opened", &values),
            ("turned_off", Some(EntityKind::Valve | EntityKind::Cover)) => self.part("closed", &values),
            ("turned_on", Some(EntityKind::Lock)) => self.part("locked", &values),
            ("turned_off", Some(EntityKind::Lock)) => self.part("unlocked", &values),
            ("toggled", _) => {
                self.language.part("VictusExplain.meaning_toggle", &[("names", name)]).unwrap_or_default()
            }
            (what, _) => self.part(what, &values),
        }
    }
}
