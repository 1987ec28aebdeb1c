//! What is wrong with the voice loop, in one sentence.

use std::collections::BTreeMap;

/// How the voice loop is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoiceHealth {
    /// It hears and speaks.
    Up,
    /// It runs, and something does not work.
    Degraded {
        /// What, and what to do.
        why: String,
    },
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Microphone,
    Recogniser,
    Replies,
    Speaker,
}

/// The problems there are.
#[derive(Debug, Default)]
pub(super) struct HealthBook {
    problems: BTreeMap<Part, String>,
    /// Whether anything was told: the first note is, whatever it says.
    told: bool,
}

impl HealthBook {
    /// Notes how `part` is; returns the health if that changes it.
    pub(super) fn note(&mut self, part: Part, problem: Option<String>) -> Option<VoiceHealth> {
        let changed = match problem {
            Some(problem) if self.problems.get(&part) == Some(&problem) => false,
            Some(problem) => {
                self.problems.insert(part, problem);
                true
            }
            None => self.problems.remove(&part).is_some(),
        };
        if !changed && self.told {
            return None;
        }
        self.told = true;
        if self.problems.is_empty() {
            return Some(VoiceHealth::Up);
        }
        let why = self.problems.values().cloned().collect::<Vec<_>>().join("; ");
        Some(VoiceHealth::Degraded { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told_and_all_problems_named() {
        let mut book = HealthBook::default();
        let degraded = |why: &str| Some(VoiceHealth::Degraded { why: why.to_owned() });
        assert_eq!(book.note(Part::Speaker, None), Some(VoiceHealth::Up));
        assert_eq!(book.note(Part::Speaker, None), None);
        assert_eq!(book.note(Part::Speaker, Some("mute".to_owned())), degraded("mute"));
        assert_eq!(book.note(Part::Speaker, Some("mute".to_owned())), None);
        assert_eq!(book.note(Part::Microphone, Some("deaf".to_owned())), degraded("deaf; mute"));
        assert_eq!(book.note(Part::Speaker, None), degraded("deaf"));
        assert_eq!(book.note(Part::Microphone, None), Some(VoiceHealth::Up));
    }
}
