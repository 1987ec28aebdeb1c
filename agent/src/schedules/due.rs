//! When a time of day is due, in a time zone.
//!
//! Owns the arithmetic of dates, as pure functions. The instant of a date and a time is the first at which a calendar clock
//! of the zone shows that date and time or later: of a time that comes twice the first, and of one that is skipped the
//! instant of the leap. Bounded: nothing looks further back than [`MAX_LOOK_BACK_DAYS`].

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

use super::{Day, When};

/// How far back is looked for what was missed, in days: longer than any appliance is off and still known by its schedules.
const MAX_LOOK_BACK_DAYS: i64 = 400;

/// How far ahead is looked for what is next, in days: a week, and the days at its ends.
const LOOK_AHEAD_DAYS: i64 = 9;

/// The instant at which a date and a time are due; none at the ends of the calendar.
pub(crate) fn instant(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let local = date.to_datetime(time);
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok()
        }
        AmbiguousOffset::Gap { before, after } => {
            let before_the_leap = after.to_timestamp(local).ok()?;
            let after_the_leap = before.to_timestamp(local).ok()?;
            let mut changes = zone.following(before_the_leap).map(|change| change.timestamp());
            let leap = changes.find(|at| zone.to_offset(*at) == after).filter(|at| *at <= after_the_leap);
            Some(leap.unwrap_or(after_the_leap))
        }
    }
}

/// What was due in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    /// The last date that was due.
    pub(super) date: Date,
    /// When.
    pub(super) at: Timestamp,
    /// How many dates there were.
    pub(super) count: u32,
}

/// What was due after one instant and up to another, without the dates that were run.
pub(super) fn pending(
    when: &When,
    ran: &BTreeSet<Date>,
    (after, until): (Timestamp, Timestamp),
    zone: &TimeZone,
) -> Option<Pending> {
    let last = zone.to_datetime(until).date();
    let first = zone.to_datetime(after).date();
    let earliest = last.checked_sub(Span::new().days(MAX_LOOK_BACK_DAYS)).unwrap_or(Date::MIN);
    // A zone may leap over midnight, so that an instant of a date lies in the date before or after.
    let from = first.yesterday().unwrap_or(Date::MIN).max(earliest);
    let to = last.tomorrow().unwrap_or(Date::MAX);
    let mut pending: Option<Pending> = None;
    for (date, at) in instants(when, from, to, zone) {
        if after < at && at <= until && !ran.contains(&date) {
            let count = pending.map_or(0, |pending| pending.count) + 1;
            pending = Some(Pending { date, at, count });
        }
    }
    pending
}

/// The next instant after `now` at which it is due, without the dates that were run.
pub(super) fn next(when: &When, ran: &BTreeSet<Date>, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    let from = today.yesterday().unwrap_or(Date::MIN);
    let to = today.checked_add(Span::new().days(LOOK_AHEAD_DAYS)).unwrap_or(Date::MAX);
    let mut to_come = instants(when, from, to, zone).filter(|(date, at)| *at > now && !ran.contains(date));
    to_come.next().map(|(_, at)| at)
}

/// The first date from `today` on whose instant of that time is after `now`.
pub(super) fn next_date(today: Date, time: Time, now: Timestamp, zone: &TimeZone) -> Option<Date> {
    let everyday = When::Weekly { days: Day::ALL.into(), time };
    let to = today.checked_add(Span::new().days(LOOK_AHEAD_DAYS)).unwrap_or(Date::MAX);
    instants(&everyday, today, to, zone).find(|(_, at)| *at > now).map(|(date, _)| date)
}

/// The dates on which it is due, from one to another, with their instants, in order.
fn instants<'a>(
    when: &'a When,
    from: Date,
    to: Date,
    zone: &'a TimeZone,
) -> impl Iterator<Item = (Date, Timestamp)> + 'a {
    let (from, to, time) = match when {
        When::After { .. } => (None, to, Time::MIN),
        When::Once { date, time } => (Some(*date), *date, *time),
        When::Weekly { time, .. } => (Some(from), to, *time),
    };
    let dates = std::iter::successors(from, |date| date.tomorrow().ok()).take_while(move |date| *date <= to);
    let falls_on = |date: &Date| match when {
        When::Weekly { days, .. } => days.contains(&Day::of(*date)),
        When::Once { .. } | When::After { .. } => true,
    };
    dates.filter(falls_on).filter_map(move |date| Some((date, instant(date, time, zone)?)))
}

#[cfg(test)]
mod tests;
