//! How a schedule is said.
//!
//! Owns the sentences about schedules: when each is due and in which words it was asked for. The words for days are parts of
//! the language (`VictusScheduleList.days_...`).

use serde_json::Value;

use super::{Speaker, field};
use crate::intents::spoken::Joint;

/// How many schedules are said. Nobody keeps more in mind.
const MOST: usize = 5;

/// The days of a week, as the tools write them.
const WEEK: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Speaker<'_> {
    /// What was scheduled.
    pub(super) fn scheduled(&self) -> String {
        self.say("default", &[("schedule", &self.schedule(self.result()))])
    }

    /// What is scheduled, the next to be due first.
    pub(super) fn schedules(&self) -> String {
        let schedules = self.result()["schedules"].as_array().map_or(&[][..], Vec::as_slice);
        if schedules.is_empty() {
            return self.say("none", &[]);
        }
        let mut said: Vec<String> = Vec::new();
        for schedule in schedules.iter().take(MOST) {
            let item = self.schedule(schedule);
            let disabled = (schedule["enabled"] == false).then(|| self.word("disabled", &[("schedule", &item)]));
            said.push(format!("{}.", capitalised(&disabled.unwrap_or(item))));
        }
        let more = schedules.len().saturating_sub(MOST) as u64;
        if more > 0 {
            said.push(self.say("more", &[("count", &self.language.spoken().whole(more))]));
        }
        self.say("default", &[("schedules", &said.join(" "))])
    }

    /// What is scheduled no more.
    pub(super) fn unscheduled(&self) -> String {
        self.say("default", &[("command", label(self.result()))])
    }

    /// One schedule as a part of a sentence.
    fn schedule(&self, schedule: &Value) -> String {
        let (spoken, command) = (self.language.spoken(), label(schedule));
        if let Some(left) = schedule["left_seconds"].as_u64() {
            return self.word("in", &[("duration", &spoken.duration(left)), ("command", command)]);
        }
        let (hour, minute) = schedule["at"].as_str().and_then(|at| at.split_once(':')).unwrap_or(("0", "0"));
        let time = spoken.time(hour.parse().unwrap_or(0), minute.parse().unwrap_or(0));
        if let Some(days) = schedule["days"].as_array() {
            return self.word("repeat", &[("days", &self.days(days)), ("time", &time), ("command", command)]);
        }
        let on = &schedule["on"];
        let date = spoken.date(field(on, "weekday"), field(on, "day"), field(on, "month"));
        self.word("once", &[("date", &date), ("time", &time), ("command", command)])
    }

    /// The days of the week on which something is done.
    fn days(&self, days: &[Value]) -> String {
        let numbers: Vec<u8> =
            (1..=7).zip(WEEK).filter(|(_, day)| days.iter().any(|it| it == day)).map(|(number, _)| number).collect();
        match numbers[..] {
            [1, 2, 3, 4, 5, 6, 7] => self.word("days_daily", &[]),
            [1, 2, 3, 4, 5] => self.word("days_weekdays", &[]),
            [6, 7] => self.word("days_weekend", &[]),
            _ => {
                let spoken = self.language.spoken();
                let names: Vec<String> = numbers.iter().map(|&number| spoken.date(number, 0, 0)).collect();
                self.word("days_other", &[("days", &spoken.list(&names, Joint::And))])
            }
        }
    }

    fn word(&self, key: &str, values: &[(&str, &str)]) -> String {
        self.language.part(&format!("VictusScheduleList.{key}"), values).unwrap_or_default()
    }
}

/// What people know a schedule by.
fn label(schedule: &Value) -> &str {
    let text = |field: &str| schedule[field].as_str();
    text("name").or_else(|| text("command")).or_else(|| text("schedule")).unwrap_or_default()
}

/// A sentence begins with a capital.
fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
