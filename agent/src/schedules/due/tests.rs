//! Times of day in zones that skip hours, double them, shift by half an hour, leap over a day, or do nothing of the kind.

use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn due(zone_name: &str, date: &str, time: &str) -> String {
    instant(date.parse().unwrap(), time.parse().unwrap(), &zone(zone_name)).unwrap().to_string()
}

#[test]
fn a_skipped_time_is_due_at_the_leap_and_a_doubled_one_the_first_time() {
    let table = [
        // Berlin leaps from 02:00 to 03:00 on 2027-03-28 at 01:00 UTC, and back on 2027-10-31 at 01:00 UTC.
        ("Europe/Berlin", "2027-03-27", "02:30", "2027-03-27T01:30:00Z"),
        ("Europe/Berlin", "2027-03-28", "01:59", "2027-03-28T00:59:00Z"),
        ("Europe/Berlin", "2027-03-28", "02:00", "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", "2027-03-28", "02:30", "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", "2027-03-28", "03:00", "2027-03-28T01:00:00Z"),
        ("Europe/Berlin", "2027-03-28", "03:01", "2027-03-28T01:01:00Z"),
        ("Europe/Berlin", "2027-10-31", "01:59", "2027-10-30T23:59:00Z"),
        ("Europe/Berlin", "2027-10-31", "02:00", "2027-10-31T00:00:00Z"),
        ("Europe/Berlin", "2027-10-31", "02:30", "2027-10-31T00:30:00Z"),
        ("Europe/Berlin", "2027-10-31", "03:00", "2027-10-31T02:00:00Z"),
        // New York leaps on 2027-03-14 at 07:00 UTC, and back on 2027-11-07 at 06:00 UTC.
        ("America/New_York", "2027-03-14", "02:30", "2027-03-14T07:00:00Z"),
        ("America/New_York", "2027-03-14", "06:00", "2027-03-14T10:00:00Z"),
        ("America/New_York", "2027-11-07", "01:30", "2027-11-07T05:30:00Z"),
        ("America/New_York", "2027-11-07", "06:00", "2027-11-07T11:00:00Z"),
        // Lord Howe shifts by half an hour: ahead on 2027-10-02 at 15:30 UTC, back on 2027-04-03 at 15:00 UTC.
        ("Australia/Lord_Howe", "2027-10-03", "01:59", "2027-10-02T15:29:00Z"),
        ("Australia/Lord_Howe", "2027-10-03", "02:15", "2027-10-02T15:30:00Z"),
        ("Australia/Lord_Howe", "2027-10-03", "02:30", "2027-10-02T15:30:00Z"),
        ("Australia/Lord_Howe", "2027-04-04", "01:45", "2027-04-03T14:45:00Z"),
        ("Australia/Lord_Howe", "2027-04-04", "02:00", "2027-04-03T15:30:00Z"),
        // No shift at all.
        ("Asia/Tokyo", "2027-03-28", "02:30", "2027-03-27T17:30:00Z"),
        // Midnight itself is skipped or doubled.
        ("America/Havana", "2027-03-14", "00:00", "2027-03-14T05:00:00Z"),
        ("America/Havana", "2027-03-14", "00:30", "2027-03-14T05:00:00Z"),
        ("America/Havana", "2027-11-07", "00:30", "2027-11-07T04:30:00Z"),
        // Samoa had no 30th of December 2011.
        ("Pacific/Apia", "2011-12-30", "08:00", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31", "08:00", "2011-12-30T18:00:00Z"),
    ];
    for (zone, date, time, expected) in table {
        assert_eq!(due(zone, date, time), expected, "{zone} {date} {time}");
    }
}

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Tokyo",
    "America/Havana",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
];

/// The first minute at which a calendar clock shows that date and time or later, by looking at every minute.
fn by_looking(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    let wanted = date.to_datetime(time);
    let noon_before = wanted.checked_sub(Span::new().hours(36)).unwrap();
    let mut at = TimeZone::UTC.to_timestamp(noon_before).unwrap();
    while zone.to_datetime(at) < wanted {
        at += Span::new().minutes(1);
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn an_instant_is_the_first_minute_at_which_a_clock_shows_it(
        zone_index in 0..ZONES.len(),
        seconds in 1_262_304_000_i64..2_050_000_000,
        at_a_shift in any::<bool>(),
        days_off in -1_i64..=1,
        hour in 0_i8..24,
        minute in 0_i8..60,
        hour_of_shift in any::<bool>(),
    ) {
        let zone = zone(ZONES[zone_index]);
        let from = Timestamp::from_second(seconds).unwrap();
        // Half of the dates are days on which the zone shifts, or beside them.
        let shift = zone.following(from).next().map(|shift| shift.timestamp()).filter(|_| at_a_shift);
        let local = zone.to_datetime(shift.unwrap_or(from));
        let date = local.date().checked_add(Span::new().days(days_off)).unwrap();
        let hour = if hour_of_shift { (local.hour() - 1).rem_euclid(24) } else { hour };
        let time = Time::new(hour, minute, 0, 0).unwrap();
        prop_assert_eq!(instant(date, time, &zone).unwrap(), by_looking(date, time, &zone));
    }

    #[test]
    fn what_is_pending_is_what_lies_between(
        zone_index in 0..ZONES.len(),
        seconds in 1_262_304_000_i64..2_050_000_000,
        hours in 0_i64..24 * 30,
        days in proptest::collection::btree_set(prop::sample::select(Day::ALL.to_vec()), 1..7),
        hour in 0_i8..24,
    ) {
        let zone = zone(ZONES[zone_index]);
        let (after, until) = (Timestamp::from_second(seconds).unwrap(), Timestamp::from_second(seconds + hours * 3600).unwrap());
        let time = Time::new(hour, 0, 0, 0).unwrap();
        let first = zone.to_datetime(after).date().checked_sub(Span::new().days(3)).unwrap();
        let mut expected: Vec<Date> = Vec::new();
        for day in 0..40 {
            let date = first.checked_add(Span::new().days(day)).unwrap();
            let at = by_the_table(date, time, &zone);
            if days.contains(&Day::of(date)) && at > after && at <= until {
                expected.push(date);
            }
        }
        let when = When::Weekly { days, time };
        let found = pending(&when, &BTreeSet::new(), (after, until), &zone);
        prop_assert_eq!(found.map(|found| found.count as usize).unwrap_or(0), expected.len());
        prop_assert_eq!(found.map(|found| found.date), expected.last().copied());
        let ran: BTreeSet<Date> = expected.iter().copied().collect();
        prop_assert_eq!(pending(&when, &ran, (after, until), &zone), None);
        if let Some(next) = next(&when, &BTreeSet::new(), until, &zone) {
            prop_assert!(next > until);
            prop_assert!(pending(&when, &BTreeSet::new(), (until, next), &zone).is_some());
        }
    }
}

/// The instant, which the other property holds to the calendar.
fn by_the_table(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    instant(date, time, zone).unwrap()
}

#[test]
fn the_next_date_is_today_until_its_time_is_over() {
    let berlin = zone("Europe/Berlin");
    let next = |now: &str, time: &str| {
        let now: Timestamp = now.parse().unwrap();
        let today = berlin.to_datetime(now).date();
        next_date(today, time.parse().unwrap(), now, &berlin).unwrap().to_string()
    };
    assert_eq!(next("2027-01-15T04:59:59Z", "06:00"), "2027-01-15");
    assert_eq!(next("2027-01-15T05:00:00Z", "06:00"), "2027-01-16");
    assert_eq!(next("2027-01-15T23:30:00Z", "06:00"), "2027-01-16");
}

#[test]
fn what_was_missed_is_looked_for_no_further_back_than_is_known() {
    let when = When::Weekly { days: Day::ALL.into(), time: Time::midnight() };
    let until: Timestamp = "2027-01-15T12:00:00Z".parse().unwrap();
    let found = pending(&when, &BTreeSet::new(), (Timestamp::MIN, until), &TimeZone::UTC).unwrap();
    assert_eq!(found.count, 401);
    assert_eq!(pending(&when, &BTreeSet::new(), (until, Timestamp::MIN), &TimeZone::UTC), None);
    assert!(pending(&when, &BTreeSet::new(), (until, Timestamp::MAX), &TimeZone::UTC).is_some());
}
