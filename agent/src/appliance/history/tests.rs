//! What each period means.

use super::*;
use crate::event::BootId;

fn at(text: &str) -> i64 {
    text.parse::<Zoned>().unwrap().timestamp().as_millisecond()
}

#[test]
fn a_period_goes_by_the_days_of_the_time_zone_and_ends_now() {
    let table = [
        ("2026-11-26T09:30", "last_night", "2026-11-25T20:00", "2026-11-26T06:00"),
        ("2026-11-26T02:00", "last_night", "2026-11-25T20:00", "2026-11-26T02:00"),
        ("2026-11-26T09:30", "today", "2026-11-26T00:00", "2026-11-26T09:30"),
        ("2026-11-26T09:30", "yesterday", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("2026-11-26T14:30", "this_morning", "2026-11-26T04:00", "2026-11-26T12:00"),
        ("2026-11-26T09:30", "last_hour", "2026-11-26T08:30", "2026-11-26T09:30"),
        ("2026-11-26T09:30", "recently", "2026-11-25T09:30", "2026-11-26T09:30"),
        // Over the night in which summer time ends, a day has 25 hours.
        ("2026-10-26T00:30", "yesterday", "2026-10-25T00:00", "2026-10-26T00:00"),
    ];
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for (now, period, from, to) in table {
        let wall_ms = at(&format!("{now}[Europe/Berlin]"));
        let now = Stamp { wall_ms, trust: ClockTrust::Floor, mono_ms: 1, boot: BootId("this".to_owned()) };
        let expected = [from, to].map(|text| at(&format!("{text}[Europe/Berlin]")));
        let (from_ms, to_ms) = bounds(period, &now, &zone).unwrap();
        assert_eq!([from_ms, to_ms], expected, "{period}");
    }
    assert!(PERIODS.contains(&"recently"));
}
