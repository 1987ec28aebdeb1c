//! What a schedule is, as it is stored and as it is asked for.
//!
//! Owns the forms. What they mean is specified in [`super`].

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};

use crate::event::{Stamp, TraceId};
use crate::tool::Caller;
use crate::turn::Step;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names say what they are")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// All days, Monday first.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    /// 1 (Monday) to 7.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    pub(super) fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum When {
    /// Once, after a time.
    After {
        /// What is left, in milliseconds, at `as_of`; the whole truth while it is disabled.
        left_ms: u64,
        /// When `left_ms` was true.
        as_of: Stamp,
    },
    /// Once, on a date.
    Once {
        /// The date.
        date: Date,
        /// The time of day.
        time: Time,
    },
    /// On every one of these days.
    Weekly {
        /// The days.
        days: BTreeSet<Day>,
        /// The time of day.
        time: Time,
    },
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step was done.
    Done,
    /// A step was refused, and those after it were not run unless it may be passed over.
    Refused,
    /// A step failed, and those after it were not run unless it may be passed over.
    Failed,
    /// The appliance ended in the middle; what of it took effect is not known.
    Uncertain,
}

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// The words in which its steps were asked for.
    pub command: Option<String>,
    /// When it is due.
    pub when: When,
    /// What is done then.
    pub steps: Vec<Step>,
    /// Whether it is due at all.
    pub enabled: bool,
    /// Who made it.
    pub made_by: Caller,
    /// What came of its last run.
    pub last: Option<RunOutcome>,
    /// Wall time, in milliseconds since 1970, up to which what was due at a time of day has been dealt with; none until the
    /// clock was set.
    pub(super) considered_ms: Option<i64>,
    /// The dates for which it was run.
    pub(super) ran: BTreeSet<Date>,
    /// The run that has begun and not ended.
    pub(super) running: Option<Begun>,
}

/// A run that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) trace: TraceId,
    pub(super) late_ms: u64,
}

impl Schedule {
    /// What people know it by: its name, or the words that it was made with.
    pub fn label(&self) -> Option<&str> {
        self.name.as_deref().or(self.command.as_deref())
    }

    /// What is left of a time that is counted, in milliseconds; none for a time of day.
    pub(super) fn left_ms(&self, now: &Stamp) -> Option<u64> {
        match &self.when {
            When::After { left_ms, as_of } if self.enabled => {
                Some(left_ms.saturating_sub(as_of.milliseconds_until(now)))
            }
            When::After { left_ms, .. } => Some(*left_ms),
            When::Once { .. } | When::Weekly { .. } => None,
        }
    }

    /// The same schedule, with a counted time counted from `now`. One that is over keeps its moment, so that it is known
    /// how late it is.
    pub(super) fn brought_forward(mut self, now: &Stamp) -> Self {
        let left = self.left_ms(now);
        if let (When::After { left_ms, as_of }, Some(left @ 1..)) = (&mut self.when, left) {
            *left_ms = left;
            *as_of = now.clone();
        }
        self
    }
}

/// The day of something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedDay {
    /// When that time next comes.
    Next,
    /// So many days from today.
    FromToday(i8),
    /// That date.
    On(Date),
    /// Each of these days of the week.
    Every(BTreeSet<Day>),
}

/// When something is to be done, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// After a time.
    After(Duration),
    /// At a time of day.
    At(Time, AskedDay),
}

/// A schedule to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    /// What it is called.
    pub name: Option<String>,
    /// The words in which its steps were asked for.
    pub command: Option<String>,
    /// When.
    pub asked: Asked,
    /// What is done then.
    pub steps: Vec<Step>,
    /// Who makes it.
    pub made_by: Caller,
}
