//! Commands for later: "in ten minutes turn the pump off", "every weekday at six turn the lights on".
//!
//! Owns how such a request becomes a plan. What is to be done later is understood as a sentence of its own, and planned now,
//! so that the schedule holds steps with entity ids and means tomorrow what it meant today. Promises that this sentence is
//! understood without doubt, or else asked about or not understood at all, that the routes hold for it as if it were said
//! alone, that it is itself no command for later, and that it is one request: what several in a sentence mean for later is a
//! guess. What
//! may be scheduled is for the tools of schedules to say. Runs nothing.

use serde_json::{Map, Value, json};

use super::Orchestrator;
use super::plan::{self, Plan};
use super::route::{Route, router};
use super::sequence::understood;
use crate::conversation::answer;
use crate::conversation::{Question, Understood};
use crate::entities::Entities;
use crate::intents::{Context, IntentMatch, Matches, SlotValue};
use crate::language::Language;
use crate::schedules::MAX_DELAY;
use crate::turn::{Outcome, Step, Turn};

/// The intents that are commands for later.
const INTENTS: [&str; 2] = ["VictusScheduleOnce", "VictusScheduleRepeat"];

/// Whether an intent is a command for later.
pub(super) fn is(intent: &str) -> bool {
    INTENTS.contains(&intent)
}

/// Whether one of several requests in a sentence is for later: whether the others are for later too is then a guess.
pub(super) fn is_among(readings: &[Understood]) -> bool {
    readings.iter().any(|reading| is(&reading.intent))
}

/// Whether a reading is not for later, or is for later of what is a sentence. Any words fit there, and so does a part of a
/// sentence.
pub(super) fn is_sound(reading: &IntentMatch, language: &Language) -> bool {
    let text = |slot: &str| reading.slots.get(slot).and_then(SlotValue::as_text).unwrap_or("");
    !is(&reading.intent) || language.matcher.matches(&joined(text("command"), text("rest"))).best.is_some()
}

/// The readings without those that a word had to be changed for and that make no sense.
pub(super) fn sound(matches: Matches, language: &Language) -> Matches {
    let readings = matches.best.into_iter().chain(matches.rivals);
    let mut kept = readings.filter(|reading| reading.repaired.is_none() || is_sound(reading, language));
    Matches { best: kept.next(), rivals: kept.collect(), gave_up: matches.gave_up }
}

impl Orchestrator {
    /// The plan of a command for later; none where what is to be done is in doubt, with outcome and reply set to say so.
    pub(super) fn plan_later(&self, turn: &mut Turn, said: &Understood, language: &Language) -> Option<Plan> {
        let command = command(said);
        let matches = language.matcher.understand(&command, &Context::new());
        let best = matches.best.filter(|best| !is(&best.intent) && !answer::refers(&understood(best.clone())));
        let Some(best) = best else {
            (turn.outcome, turn.reply) = (Outcome::NotUnderstood, language.phrase("not_understood", &[]));
            return None;
        };
        if !matches.rivals.is_empty() {
            // An answer would be taken for what is to be done now, so none is waited for.
            (turn.reply, _) = self.question(best, matches.rivals, language);
            turn.outcome = Outcome::Asked;
            return None;
        }
        if let Some(meant) = &best.repaired {
            (turn.outcome, turn.reply) = (Outcome::Asked, language.phrase("unsure", &[("choices", meant)]));
            turn.asks = Some(Question::Whether { readings: vec![of(said, meant)] });
            return None;
        }
        let nested = understood(best);
        let (route, rule) = self.router.route(&nested.intent, turn);
        turn.route = Some(rule);
        let is_agreed = turn.answers.as_ref().is_some_and(|it| it.agreed) && route == Route::AskBack;
        if let Some(end) = router::end(&route, turn, language).filter(|_| !is_agreed) {
            (turn.outcome, turn.reply) = end;
            turn.asks = (route == Route::AskBack).then(|| Question::Whether { readings: vec![said.clone()] });
            return None;
        }
        match plan(said, &command, &nested, &self.entities) {
            Plan::Missing(_) | Plan::Unknown => {
                (turn.outcome, turn.reply) = (Outcome::NotUnderstood, language.phrase("not_understood", &[]));
                None
            }
            Plan::Unable(phrase) => {
                let slot = |slot: &str| nested.slots.get(slot).and_then(Value::as_str).unwrap_or("");
                let reply = language.phrase(phrase, &[("name", slot("name")), ("area", slot("area"))]);
                (turn.outcome, turn.reply) = (Outcome::Refused, reply);
                None
            }
            steps @ Plan::Steps(_) => Some(steps),
        }
    }
}

/// The same command for later of other words.
fn of(said: &Understood, command: &str) -> Understood {
    let mut other = said.clone();
    other.slots.remove("rest");
    other.slots.insert("command".to_owned(), json!(command));
    other
}

/// The words of what is to be done, which may stand around the time at which.
fn command(understood: &Understood) -> String {
    let words = |slot: &str| understood.slots.get(slot).and_then(Value::as_str).unwrap_or("");
    joined(words("command"), words("rest"))
}

fn joined(command: &str, rest: &str) -> String {
    format!("{command} {rest}").trim().to_owned()
}

/// The plan that schedules what `nested` asks for.
fn plan(understood: &Understood, command: &str, nested: &Understood, entities: &Entities) -> Plan {
    let steps = match plan::plan(nested, entities) {
        Plan::Steps(steps) => steps,
        other @ (Plan::Missing(_) | Plan::Unable(_) | Plan::Unknown) => return other,
    };
    let mut args = Map::new();
    args.insert("command".to_owned(), json!(command));
    args.insert("steps".to_owned(), json!(steps));
    match when(understood) {
        Ok(when) => args.extend(when),
        Err(phrase) => return Plan::Unable(phrase),
    }
    Plan::Steps(vec![Step::new("schedule.create", Value::Object(args))])
}

/// When it is to be done, as arguments of `schedule.create`; the phrase that says so where that can't be.
fn when(understood: &Understood) -> Result<Map<String, Value>, &'static str> {
    let mut when = Map::new();
    if !understood.slots.contains_key("hour") {
        let seconds = plan::seconds(understood, ["hours", "minutes", "seconds"]);
        let seconds = plan::whole_within(seconds, MAX_DELAY.as_secs()).ok_or("later_length")?;
        when.insert("after_seconds".to_owned(), json!(seconds));
        return Ok(when);
    }
    when.insert("at".to_owned(), json!(time_of_day(understood).ok_or("not_understood")?));
    if let Some(date) = understood.slots.get("date") {
        when.insert("date".to_owned(), date.clone());
    }
    if understood.intent == "VictusScheduleRepeat" {
        when.insert("days".to_owned(), days(understood).ok_or("not_understood")?);
    }
    Ok(when)
}

/// The time of day as `HH:MM`, by the clock of twenty four hours where neither half of the day is said.
fn time_of_day(understood: &Understood) -> Option<String> {
    let number = |slot: &str| understood.slots.get(slot).and_then(Value::as_f64);
    let hour = number("hour")?;
    let hour = match understood.slots.get("half_day").and_then(Value::as_str) {
        Some("am") if hour > 12.0 => return None,
        Some("am") => hour % 12.0,
        Some("pm") if hour < 12.0 => hour + 12.0,
        _ => hour,
    };
    let minutes = hour.mul_add(60.0, number("minute").unwrap_or(0.0)) - number("minutes_before").unwrap_or(0.0);
    let minutes = minutes.rem_euclid(24.0 * 60.0);
    Some(format!("{:02}:{:02}", (minutes / 60.0).floor(), minutes % 60.0))
}

/// The days of the week.
fn days(understood: &Understood) -> Option<Value> {
    const WEEK: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    match understood.slots.get("days").and_then(Value::as_str) {
        Some("daily") => return Some(json!(WEEK)),
        Some("weekdays") => return WEEK.get(..5).map(|days| json!(days)),
        Some("weekend") => return WEEK.get(5..).map(|days| json!(days)),
        _ => {}
    }
    let said = |day: &&str| {
        ["day", "second_day", "third_day"].iter().any(|slot| {
            let value = understood.slots.get(*slot).and_then(Value::as_str);
            value == Some(*day)
        })
    };
    let days: Vec<&str> = WEEK.into_iter().filter(said).collect();
    (!days.is_empty()).then(|| json!(days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(slots: &[(&str, Value)]) -> Understood {
        let slots = slots.iter().map(|(slot, value)| ((*slot).to_owned(), value.clone())).collect();
        Understood { intent: "VictusScheduleOnce".to_owned(), slots, ..Understood::default() }
    }

    #[test]
    fn a_time_of_day_is_by_twenty_four_hours_unless_its_half_is_said() {
        let table = [
            ((6, 0, 0, ""), Some("06:00")),
            ((22, 30, 0, ""), Some("22:30")),
            ((6, 0, 0, "pm"), Some("18:00")),
            ((12, 0, 0, "am"), Some("00:00")),
            ((12, 5, 0, "pm"), Some("12:05")),
            ((18, 0, 0, "pm"), Some("18:00")),
            ((18, 0, 0, "am"), None),
            ((7, 0, 30, ""), Some("06:30")),
            ((0, 0, 15, ""), Some("23:45")),
            ((6, 0, 15, "pm"), Some("17:45")),
        ];
        for ((hour, minute, before, half), expected) in table {
            let slots = [
                ("hour", json!(f64::from(hour))),
                ("minute", json!(minute)),
                ("minutes_before", json!(before)),
                ("half_day", json!(half)),
            ];
            let time = time_of_day(&understood(&slots));
            assert_eq!(time.as_deref(), expected, "{hour}:{minute} -{before} {half}");
        }
    }

    #[test]
    fn days_are_in_order_and_named_once() {
        let two =
            understood(&[("day", json!("friday")), ("second_day", json!("monday")), ("third_day", json!("friday"))]);
        assert_eq!(days(&two), Some(json!(["monday", "friday"])));
        assert_eq!(days(&understood(&[("days", json!("weekend"))])), Some(json!(["saturday", "sunday"])));
        assert_eq!(days(&understood(&[])), None);
    }
}
