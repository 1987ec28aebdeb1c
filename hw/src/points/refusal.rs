//! What is said when a point is not switched.
//!
//! Owns the reasons and their sentences, which are spoken to people. Names points by id; the fields let a caller with
//! better names make its own sentence.

use std::time::Duration;

use super::PointValue;
use crate::gpio::GpioError;

/// Why a set of points cannot work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PointsError {
    /// The limits exclude each other or name what does not exist.
    #[error("The point {point} can't be used: {problem}.")]
    Limits {
        /// The point.
        point: String,
        /// What is wrong and what to change, without a full stop.
        problem: String,
    },
    /// A line could not be taken.
    #[error("The point {point} can't be used. {source}")]
    Line {
        /// The point.
        point: String,
        /// Why not.
        source: GpioError,
    },
    /// A line that is held can't be used in another way while the program runs.
    #[error(
        "The point {point} can't be used: its line {line} is held for {by}, in another way (direction, active_low or \
         bias), and is let go of only when the program ends. Restart it."
    )]
    Held {
        /// The point.
        point: String,
        /// The line.
        line: String,
        /// The point that has it.
        by: String,
    },
}

/// Why a point was not set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such point.
    #[error("There is no point {point}. {known}")]
    Unknown {
        /// The id that was asked for.
        point: String,
        /// A sentence that lists some points.
        known: String,
    },
    /// An input.
    #[error("{point} can only be read, not set.")]
    ReadOnly {
        /// The point.
        point: String,
    },
    /// A number for a switch, or a number that is none.
    #[error("{point} can't be set to {value}: it takes {takes}.")]
    Value {
        /// The point.
        point: String,
        /// The value that was asked for.
        value: PointValue,
        /// What it takes.
        takes: &'static str,
    },
    /// A limit forbids it now.
    #[error("{}", .rule.sentence(.point))]
    Interlock {
        /// The point.
        point: String,
        /// The limit.
        rule: Rule,
    },
    /// It was tried, and the hardware failed.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Refusal {
    /// The config key of the limit that refused.
    pub const fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Interlock { rule, .. } => Some(rule.key()),
            _ => None,
        }
    }

    /// How long to wait before the same request may succeed, where that is known.
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Interlock {
                rule: Rule::MinOn { wait } | Rule::MinOff { wait } | Rule::Rate { wait, .. }, ..
            } => Some(*wait),
            _ => None,
        }
    }
}

/// The limit that refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Not on for long enough.
    MinOn {
        /// For how much longer it has to be on.
        wait: Duration,
    },
    /// Not off for long enough.
    MinOff {
        /// For how much longer it has to be off.
        wait: Duration,
    },
    /// Switched too often.
    Rate {
        /// Until when the next switching has to wait.
        wait: Duration,
        /// How often is permitted.
        count: u32,
        /// Within which time.
        per: Duration,
    },
    /// Another point is on, or may be on.
    Conflict {
        /// The other point.
        with: String,
        /// Whether the other is known to be on; otherwise its state is unknown.
        known: bool,
    },
    /// Another point does not have the value that it has to have.
    Requires {
        /// The other point.
        point: String,
        /// The value that it has to have.
        is: PointValue,
        /// The value that it has; none when it cannot be read.
        found: Option<PointValue>,
    },
}

impl Rule {
    /// The config key of the limit.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::MinOn { .. } => "min_on",
            Self::MinOff { .. } => "min_off",
            Self::Rate { .. } => "rate",
            Self::Conflict { .. } => "conflicts",
            Self::Requires { .. } => "requires",
        }
    }

    /// The sentence for people, with the name of the point given.
    pub fn sentence(&self, point: &str) -> String {
        match self {
            Self::MinOn { wait } => format!("{point} has to stay on for another {}.", spoken(*wait)),
            Self::MinOff { wait } => format!("{point} has to stay off for another {}.", spoken(*wait)),
            Self::Rate { wait, count, per } => format!(
                "{point} may be switched {count} times within {}, and that is used up: try again in {}.",
                spoken(*per),
                spoken(*wait)
            ),
            Self::Conflict { with, known: true } => format!("{point} can't be switched on while {with} is on."),
            Self::Conflict { with, known: false } => {
                format!("{point} can't be switched on, because it is not certain that {with} is off.")
            }
            Self::Requires { point: other, is, found: Some(found) } => {
                format!("{point} can be switched on only while {other} is {is}, and it is {found}.")
            }
            Self::Requires { point: other, is, found: None } => {
                format!("{point} can be switched on only while {other} is {is}, and {other} can't be read.")
            }
        }
    }
}

/// The hardware did not do what it was told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{point} could not be {} {wanted}. {reason}{}", verb(*.wanted), .after.sentence())]
pub struct Failure {
    /// The point.
    pub point: String,
    /// What was tried.
    pub wanted: PointValue,
    /// What went wrong, as a sentence.
    pub reason: String,
    /// How the point was left.
    pub after: AfterFailure,
}

/// How a point was left after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is in its safe state, seen by read-back.
    Safe,
    /// Its state is not known; it is being made safe again and again.
    Unknown,
    /// It has no safe state; its next reading shows what it is.
    Unchecked,
}

const fn verb(wanted: PointValue) -> &'static str {
    match wanted {
        PointValue::Switch(_) => "switched",
        PointValue::Number(_) => "set to",
    }
}

impl AfterFailure {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Safe => " It is in its safe state.",
            Self::Unknown => " Its state is not known: treat it as on.",
            Self::Unchecked => "",
        }
    }
}

/// A duration as it is said: whole seconds, minutes or hours, rounded up.
pub(super) fn spoken(duration: Duration) -> String {
    let seconds = u64::from(duration.subsec_nanos() > 0).saturating_add(duration.as_secs());
    let (count, unit) = match seconds {
        0..=119 => (seconds.max(1), "second"),
        120..=7_199 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_whole_units_and_never_too_short() {
        for (millis, said) in [
            (0, "1 second"),
            (1_001, "2 seconds"),
            (60_000, "60 seconds"),
            (120_000, "2 minutes"),
            (120_001, "3 minutes"),
            (7_200_000, "2 hours"),
        ] {
            assert_eq!(spoken(Duration::from_millis(millis)), said);
        }
    }
}
