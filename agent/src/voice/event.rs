//! What happens while the appliance hears and answers: the one vocabulary of `hear`, `/ws/voice`, journal and panel.
//!
//! As JSON an event is `{"at_ms":1230,"event":"speech_start"}` with the fields of its kind beside; `at_ms` counts the
//! sound itself, from its beginning, so that a file gives the same events at any pace.

use serde::{Deserialize, Serialize};

use super::endpoint::EndReason;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceEvent {
    /// Where in the sound, in milliseconds from its beginning.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub what: VoiceEventKind,
}

/// What wakes the appliance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeCause {
    /// A button, a click in the panel, a command.
    PushToTalk,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum VoiceEventKind {
    /// The appliance listens because it was called.
    Wake {
        /// By what.
        by: WakeCause,
    },
    /// Somebody began to speak.
    SpeechStart,
    /// What is understood so far. A signal: only the latest counts, and it is not stored.
    Partial {
        /// The words.
        text: String,
    },
    /// Listening ended.
    Endpoint {
        /// Why.
        reason: EndReason,
        /// Where the speech ended, in milliseconds.
        speech_end_ms: u64,
    },
    /// What was understood; empty if nothing was.
    Transcript {
        /// The words.
        text: String,
        /// How sure the recogniser is, from 0 to 1, where it can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<f32>,
    },
    /// What it means.
    Intent {
        /// The intent's name.
        intent: String,
        /// Its slots.
        slots: serde_json::Map<String, serde_json::Value>,
    },
    /// What was done about it: one event for each step.
    Action {
        /// The tool that was called.
        tool: String,
        /// What it was called with.
        args: serde_json::Value,
        /// How it went, as in the turn: `done`, `failed`, `refused`.
        outcome: String,
    },
    /// What is answered; the speaker begins to say it.
    Reply {
        /// The words.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_flat_json_and_come_back() {
        let event = VoiceEvent {
            at_ms: 2_100,
            what: VoiceEventKind::Endpoint { reason: EndReason::Silence, speech_end_ms: 1_400 },
        };
        let json = serde_json::to_value(&event).unwrap();
        let wanted =
            serde_json::json!({"at_ms": 2100, "event": "endpoint", "reason": "silence", "speech_end_ms": 1400});
        assert_eq!(json, wanted);
        assert_eq!(serde_json::from_value::<VoiceEvent>(json).unwrap(), event);
        let start = VoiceEvent { at_ms: 0, what: VoiceEventKind::SpeechStart };
        assert_eq!(serde_json::to_string(&start).unwrap(), r#"{"at_ms":0,"event":"speech_start"}"#);
    }
}
