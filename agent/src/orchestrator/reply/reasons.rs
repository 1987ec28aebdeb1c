//! Why something was refused or failed, as the language says it.
//!
//! Owns the choice of the sentence and the values in it. A refusal comes with its facts (`ToolError::Refused`), and the
//! key `errors.reason_<rule>` has the words. A reason without facts is what a program or a device wrote, in English: it is
//! said where English is spoken, and elsewhere left to the panel, because nobody should hear a sentence in two languages.

use serde_json::Value;

use super::Speaker;
use crate::tool::CallStatus;
use crate::turn::StepResult;

/// How many reasons a reply tells. The panel has them all.
const MAX_TROUBLES: usize = 3;

impl Speaker<'_> {
    /// What kept steps of the turn from being done, if anything did.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles: Vec<String> = self.turn.steps.iter().filter_map(|step| self.trouble(step)).collect();
        troubles.dedup();
        troubles.truncate(MAX_TROUBLES);
        troubles
    }

    fn trouble(&self, step: &StepResult) -> Option<String> {
        let entity = self.entity(step);
        let name = entity.as_ref().map_or("", |entity| entity.name.as_str());
        let (phrase, reason) = match &step.status {
            CallStatus::Done => return None,
            CallStatus::Refused { code, reason } => match code.as_str() {
                "clock_unknown" => return Some(self.say("unset", &[])),
                "no_timer" | "no_schedule" | "no_alarm" => return Some(self.say("none", &[])),
                "unavailable" if step.result["rule"].is_null() => ("unknown_state", String::new()),
                "role" => ("not_allowed", self.technical(reason)),
                _ => ("refused", self.reason(step, name).unwrap_or_else(|| self.technical(reason))),
            },
            CallStatus::Failed { reason } => ("failed", self.technical(reason)),
        };
        Some(self.language.phrase(phrase, &[("name", name), ("reason", &reason)]))
    }

    /// A reason that is only there in English.
    fn technical(&self, reason: &str) -> String {
        let said = if self.language.spoken().is_english() { reason.trim_end_matches('.') } else { "" };
        said.to_owned()
    }

    /// The reason that the facts of a refusal make.
    fn reason(&self, step: &StepResult, name: &str) -> Option<String> {
        let (facts, spoken) = (&step.result, self.language.spoken());
        let rule = facts["rule"].as_str()?;
        let other = facts["other"].as_str().unwrap_or("");
        let other_entity = self.entities.get(other);
        let other_name = other_entity.as_ref().map_or(other, |entity| entity.name.as_str());
        let value = |value: &Value| match value {
            Value::Bool(on) => match &other_entity {
                Some(entity) => self.language.state(entity.kind, *on),
                None => String::new(),
            },
            Value::Number(number) => spoken.number(number.as_f64().unwrap_or_default()),
            _ => String::new(),
        };
        let duration = |field: &str| facts[field].as_u64().map_or(String::new(), |it| spoken.duration(rounded_up(it)));
        let count = facts["count"].as_u64().map_or(String::new(), |count| spoken.whole(count));
        let values = [
            ("name", name),
            ("other", other_name),
            ("state", &value(&facts["is"])),
            ("found", &value(&facts["found"])),
            ("count", &count),
            ("wait", &duration("wait_seconds")),
            ("per", &duration("per_seconds")),
        ];
        self.language.part(&format!("errors.reason_{rule}"), &values)
    }
}

/// A time to wait, in the unit in which one thinks of it, and never too short.
fn rounded_up(seconds: u64) -> u64 {
    match seconds {
        0..120 => seconds.max(1),
        120..7_200 => seconds.div_ceil(60) * 60,
        _ => seconds.div_ceil(3_600).saturating_mul(3_600),
    }
}
