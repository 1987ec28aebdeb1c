//! How the microphone is, from what it delivers.
//!
//! Owns the judgement: nothing arrives, or only one value does. Counts samples and the waiting that the source reports;
//! knows no clock. A microphone that is judged unwell is degraded, never the end of anything. Leaves telling to the
//! voice loop, and opening the microphone again to its caller.

use std::time::Duration;

use victus_hw::audio::samples_in;

/// When a microphone counts as unwell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VitalSettings {
    /// How long nothing may arrive.
    pub late: Duration,
    /// How long nothing may arrive before the microphone is given up and has to be opened again.
    pub gone: Duration,
    /// How long every sample may have the same value.
    pub silent: Duration,
}

impl Default for VitalSettings {
    fn default() -> Self {
        Self { late: Duration::from_secs(1), gone: Duration::from_secs(10), silent: Duration::from_secs(10) }
    }
}

/// How a microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Microphone {
    /// It delivers sound.
    Well,
    /// It delivers nothing.
    Late,
    /// It has delivered nothing for so long that it has to be opened again.
    Gone,
    /// It delivers the same value again and again.
    DigitalSilence,
}

impl Microphone {
    /// What is wrong, and what to do, for a person; nothing if it is well.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Well => None,
            Self::Late => Some("the microphone delivers no sound: check its cable, or another program that holds it"),
            Self::Gone => Some("the microphone has stopped: it is opened again, check its cable"),
            Self::DigitalSilence => Some(
                "the microphone delivers digital silence: check its mute switch, its level (alsamixer) and its plug",
            ),
        }
    }
}

/// Judges a microphone.
#[derive(Debug)]
pub struct Vitals {
    settings: VitalSettings,
    state: Microphone,
    value: Option<i16>,
    same: u64,
}

impl Vitals {
    /// A microphone that has delivered nothing yet and counts as well until it has had its time.
    pub fn new(settings: VitalSettings) -> Self {
        Self { settings, state: Microphone::Well, value: None, same: 0 }
    }

    /// How the microphone is.
    pub fn state(&self) -> Microphone {
        self.state
    }

    /// It has delivered `samples`.
    pub fn heard(&mut self, samples: &[i16]) -> Microphone {
        let Some(&last) = samples.last() else { return self.state };
        let tail = samples.iter().rev().take_while(|sample| **sample == last).count();
        let unbroken = tail == samples.len() && self.value == Some(last);
        self.same = if unbroken { self.same + tail as u64 } else { tail as u64 };
        self.value = Some(last);
        let silent = self.same >= samples_in(self.settings.silent);
        // Its silence is over with the first sample that differs, not with the first that was late.
        self.state = if silent { Microphone::DigitalSilence } else { Microphone::Well };
        self.state
    }

    /// Nothing has arrived for `waited`, in all.
    pub fn waited(&mut self, waited: Duration) -> Microphone {
        if waited >= self.settings.gone {
            self.state = Microphone::Gone;
        } else if waited >= self.settings.late {
            self.state = Microphone::Late;
        }
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_microphone_is_degraded_then_gone_and_recovers() {
        let mut vitals = Vitals::new(VitalSettings::default());
        assert_eq!(vitals.waited(Duration::from_millis(900)), Microphone::Well);
        assert_eq!(vitals.waited(Duration::from_millis(1_000)), Microphone::Late);
        assert_eq!(vitals.heard(&[1, 2, 3]), Microphone::Well);
        assert_eq!(vitals.waited(Duration::from_millis(500)), Microphone::Well);
        assert_eq!(vitals.waited(Duration::from_secs(10)), Microphone::Gone);
        assert!(Microphone::Gone.problem().is_some() && Microphone::Well.problem().is_none());
    }

    #[test]
    fn ten_seconds_of_one_value_are_digital_silence_in_any_chunks() {
        for chunk in [1, 160, 1_600, 16_000] {
            for value in [0, -1, 700] {
                let mut vitals = Vitals::new(VitalSettings::default());
                let chunks = 160_000 / chunk;
                for _ in 0..chunks - 1 {
                    assert_eq!(vitals.heard(&vec![value; chunk]), Microphone::Well);
                }
                assert_eq!(vitals.heard(&vec![value; chunk]), Microphone::DigitalSilence);
                assert_eq!(vitals.heard(&[]), Microphone::DigitalSilence);
                assert_eq!(vitals.heard(&[value, value + 1]), Microphone::Well);
                assert_eq!(vitals.heard(&vec![value + 1; chunk]), Microphone::Well);
            }
        }
    }

    #[test]
    fn one_odd_sample_starts_the_count_again() {
        let mut vitals = Vitals::new(VitalSettings::default());
        for _ in 0..3 {
            assert_eq!(vitals.heard(&vec![0; 159_000]), Microphone::Well);
            assert_eq!(vitals.heard(&[1]), Microphone::Well);
        }
    }
}
