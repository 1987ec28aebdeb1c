//! When an entity's value is an alarm: the limit, and the states that an alarm goes through.
//!
//! ```text
//! normal ── beyond the limit ──> pending ── for as long as `after` ──> active ── acknowledged ──> acknowledged
//!    ^          back or unknown │                                        │                             │
//!    └──────────────────────────┴────────── back by the hysteresis ──────┴─────────────────────────────┘
//! ```
//!
//! Pure: told values and monotonic times. A value that is not known raises nothing, because it is not seen to be beyond
//! the limit, and clears nothing, because it is not seen to be back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use victus_hw::clock::Monotonic;
use victus_hw::points::PointValue;

/// What is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A number above this, in the entity's unit.
    Above(f64),
    /// A number below this.
    Below(f64),
    /// This state: true is on.
    Is(bool),
}

/// How much an alarm matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmClass {
    /// A timer has run out.
    Timer,
    /// Somebody ought to look.
    Warning,
    /// Somebody or something may come to harm. Said at any hour.
    Danger,
}

/// The alarm of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Definition {
    /// What is an alarm.
    pub limit: Limit,
    /// How far a number has to come back from its limit for the alarm to be over, 0 or more.
    pub hysteresis: f64,
    /// For how long the value has to be beyond the limit.
    #[serde(skip)]
    pub after: Duration,
    /// How much it matters.
    pub class: AlarmClass,
}

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All is well.
    Normal,
    /// The value is beyond the limit, and not yet for long enough.
    Pending {
        /// Since when.
        since: Monotonic,
    },
    /// It is an alarm, and nobody has acknowledged it.
    Active,
    /// It is an alarm that somebody knows of.
    Acknowledged,
}

/// What a value has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// It has become an alarm.
    Raised,
    /// It is over.
    Cleared,
}

/// One alarm with its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// What it watches for. May be changed at any time; an alarm that is active stays so until a value is back.
    pub definition: Definition,
    phase: Phase,
}

impl Machine {
    /// An alarm in a state.
    pub fn new(definition: Definition, phase: Phase) -> Self {
        Self { definition, phase }
    }

    /// Its state.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes a value that holds at `now`. Called again with the same value when [`Machine::due`] has come.
    pub fn tell(&mut self, value: Option<PointValue>, now: Monotonic) -> Option<Turned> {
        let place = value.and_then(|value| self.definition.place(value));
        match (self.phase, place) {
            (Phase::Normal | Phase::Pending { .. }, Some(Place::Beyond)) => {
                let since = match self.phase {
                    Phase::Pending { since } => since,
                    _ => now,
                };
                if now.saturating_since(since) < self.definition.after {
                    self.phase = Phase::Pending { since };
                    return None;
                }
                self.phase = Phase::Active;
                Some(Turned::Raised)
            }
            (Phase::Normal | Phase::Pending { .. }, _) => {
                self.phase = Phase::Normal;
                None
            }
            (Phase::Active | Phase::Acknowledged, Some(Place::Back)) => {
                self.phase = Phase::Normal;
                Some(Turned::Cleared)
            }
            (Phase::Active | Phase::Acknowledged, _) => None,
        }
    }

    /// Takes note that somebody knows of it.
    pub fn acknowledge(&mut self) {
        if self.phase == Phase::Active {
            self.phase = Phase::Acknowledged;
        }
    }

    /// When the value will have been beyond the limit for long enough; none where nothing is pending.
    pub fn due(&self) -> Option<Monotonic> {
        match self.phase {
            Phase::Pending { since } => Some(since.saturating_add(self.definition.after)),
            _ => None,
        }
    }
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Beyond,
    /// Within the limit, and not far enough from it for an alarm to be over.
    Near,
    Back,
}

impl Definition {
    /// Where a value is; none where it is of another kind than the limit.
    fn place(&self, value: PointValue) -> Option<Place> {
        let at = |beyond: bool, back: bool| match (beyond, back) {
            (true, _) => Place::Beyond,
            (false, true) => Place::Back,
            (false, false) => Place::Near,
        };
        match (self.limit, value) {
            (Limit::Above(limit), PointValue::Number(value)) => {
                Some(at(value > limit, value <= limit - self.hysteresis))
            }
            (Limit::Below(limit), PointValue::Number(value)) => {
                Some(at(value < limit, value >= limit + self.hysteresis))
            }
            (Limit::Is(wanted), PointValue::Switch(on)) => Some(at(on == wanted, on != wanted)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
