//! The wall clock leaps in both directions, stands still, or was never set.

use std::collections::BTreeMap;

use rand::RngExt as _;

use super::*;

#[tokio::test]
async fn what_was_due_while_the_appliance_was_off_is_run_within_the_grace_and_else_missed() {
    let table = [
        // Off over one six o'clock, and back so long after it.
        (DAY - HOUR, 1, vec!["ran Done 0"]),
        (DAY - HOUR + 9 * MINUTE, 1, vec!["ran Done 540000"]),
        (DAY - HOUR + 10 * MINUTE, 1, vec!["ran Done 600000"]),
        (DAY - HOUR + 10 * MINUTE + 1, 0, vec!["missed 1 600001"]),
        // Over three, and back within the grace of the third.
        (3 * DAY - HOUR + MINUTE, 1, vec!["missed 2 60000", "ran Done 60000"]),
        (3 * DAY, 0, vec!["missed 3 3600000"]),
    ];
    for (later, runs, told) in table {
        let bench = bench();
        drop({
            let run = bench.start("one");
            run.make(daily_at_six()).await;
            run
        });
        let clock = bench.rebooted(set(FRIDAY_SEVEN + later));
        let run = bench.start_with("two", &clock);
        for _ in 0..3 {
            run.due().await;
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!((bench.runs(), run.told()), (runs, told.iter().map(|&it| it.to_owned()).collect()), "{later}");
    }
}

#[tokio::test]
async fn a_leap_ahead_over_several_due_times_runs_once_and_a_leap_back_never_twice_for_a_date() {
    let bench = bench();
    let run = bench.start("one");
    run.make(daily_at_six()).await;
    // Three days ahead, to one minute past six.
    bench.clock.set_wall(set(FRIDAY_SEVEN + 3 * DAY - HOUR + MINUTE));
    run.due().await;
    assert_eq!(run.told(), ["missed 2 60000", "ran Done 60000"]);
    // Back before that six o'clock, and over it again.
    bench.clock.set_wall(set(FRIDAY_SEVEN + 3 * DAY - 2 * HOUR));
    for _ in 0..120 {
        run.due().await;
        bench.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(bench.runs(), 1, "that date was run for");
    // Back to where it was before the leap: the two dates that were missed come again, and the third was run for.
    bench.clock.set_wall(set(FRIDAY_SEVEN));
    for _ in 0..4 * 24 * 60 {
        bench.clock.advance(Duration::from_secs(60));
        run.due().await;
    }
    assert_eq!(bench.runs(), 1 + 3, "two that were missed and the one after");
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_stops_nothing_when_it_is_right_again() {
    let bench = bench();
    let run = bench.start("one");
    run.make(daily_at_six()).await;
    // Eight years, so that it is winter again.
    bench.clock.set_wall(set(FRIDAY_SEVEN + 2922 * DAY - HOUR));
    run.due().await;
    assert_eq!(bench.runs(), 1);
    drop(run);
    bench.clock.set_wall(set(FRIDAY_SEVEN + HOUR));
    let run = bench.start("one");
    run.due().await;
    bench.clock.advance(Duration::from_secs(22 * 3600));
    run.due().await;
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn without_a_clock_nothing_is_due_at_a_time_of_day_and_counted_times_go_on() {
    let bench = bench();
    drop({
        let run = bench.start("one");
        run.make(daily_at_six()).await;
        run.make(Asked::After(Duration::from_secs(600))).await;
        run
    });
    let clock = bench.rebooted(UNSET);
    let run = bench.start_with("two", &clock);
    run.due().await;
    clock.advance(Duration::from_secs(599));
    run.due().await;
    assert_eq!((bench.runs(), run.schedules.list().len()), (0, 2));
    // Without a clock nobody knows how long it was off: it is counted from the start, and late.
    clock.advance(Duration::from_secs(1));
    run.due().await;
    assert_eq!((bench.runs(), run.told()), (1, vec!["ran Done 0".to_owned()]));
    let daily = run.schedules.list().remove(0);
    assert_eq!(
        (run.schedules.verdict(&daily, &run.schedules.now()), run.schedules.next(&daily)),
        (Verdict::Wait, None)
    );
    // The clock is set, five minutes after six of the next day.
    clock.set_wall(set(FRIDAY_SEVEN + DAY - HOUR + 5 * MINUTE));
    run.due().await;
    assert_eq!((bench.runs(), run.told().pop()), (2, Some("ran Done 300000".to_owned())));
}

#[tokio::test]
async fn a_schedule_made_without_a_clock_counts_from_when_it_is_set() {
    let bench = bench();
    bench.clock.set_wall(UNSET);
    let run = bench.start("one");
    run.make(daily_at_six()).await;
    run.due().await;
    bench.clock.set_wall(set(FRIDAY_SEVEN));
    run.due().await;
    assert_eq!((bench.runs(), run.told()), (0, vec![]), "six o'clock of that day was before it was known");
    bench.clock.advance(Duration::from_secs(23 * 3600));
    run.due().await;
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn counted_times_don_t_mind_what_the_wall_clock_does() {
    for leap in [-2000 * DAY, -HOUR, HOUR, 2000 * DAY] {
        let bench = bench();
        let run = bench.start("one");
        run.make(Asked::After(Duration::from_secs(600))).await;
        bench.clock.advance(Duration::from_secs(300));
        bench.clock.set_wall(set(FRIDAY_SEVEN + leap));
        run.due().await;
        drop(run);
        let run = bench.start("one");
        bench.clock.advance(Duration::from_millis(299_999));
        run.due().await;
        assert_eq!(bench.runs(), 0, "{leap}");
        bench.clock.advance(Duration::from_millis(1));
        run.due().await;
        assert_eq!(bench.runs(), 1, "{leap}");
    }
}

#[tokio::test]
async fn a_counted_time_goes_on_over_a_reboot_by_the_wall_clock() {
    for (off, runs, told) in
        [(300, 0, ""), (600, 1, "ran Done 0"), (1200, 1, "ran Done 600000"), (1201, 0, "missed 1 601000")]
    {
        let bench = bench();
        drop({
            let run = bench.start("one");
            run.make(Asked::After(Duration::from_secs(600))).await;
            run
        });
        let clock = bench.rebooted(set(FRIDAY_SEVEN + off * 1000));
        let run = bench.start_with("two", &clock);
        run.due().await;
        assert_eq!((bench.runs(), run.told().concat()), (runs, told.to_owned()), "off for {off} s");
        assert_eq!(run.schedules.list().len(), usize::from(told.is_empty()));
    }
}

#[tokio::test]
async fn on_the_days_on_which_the_clocks_change_it_is_done_once() {
    // 02:30 does not come on 2027-03-28, and comes twice on 2027-10-31.
    for (from, expected) in
        [("2027-03-26T12:00:00Z", "2027-03-28T01:00:00Z"), ("2027-10-29T12:00:00Z", "2027-10-31T00:30:00Z")]
    {
        let from: Timestamp = from.parse().unwrap();
        let bench = bench();
        bench.clock.set_wall(set(from.as_millisecond()));
        let run = bench.start("one");
        run.make(Asked::At(Time::constant(2, 30, 0, 0), AskedDay::Every(Day::ALL.into()))).await;
        let mut ran_at = Vec::new();
        for _ in 0..4 * 24 * 4 {
            bench.clock.advance(Duration::from_secs(15 * 60));
            let before = bench.runs();
            run.due().await;
            if bench.runs() > before {
                ran_at.push(timestamp(bench.clock.wall().unix_ms).to_string());
            }
        }
        assert_eq!(ran_at.len(), 4, "{ran_at:?}");
        assert!(ran_at.contains(&expected.to_owned()), "{ran_at:?}");
    }
}

#[tokio::test]
async fn whatever_happens_no_date_is_run_for_twice() {
    let mut random = StdRng::seed_from_u64(20_270_115);
    for round in 0..6 {
        let bench = bench();
        let mut clock = Arc::clone(&bench.clock);
        let mut run = bench.start("boot-0");
        run.make(daily_at_six()).await;
        let mut dates: BTreeMap<String, usize> = BTreeMap::new();
        for number in 1..120 {
            let wall = clock.wall().unix_ms;
            match random.random_range(0..10) {
                0..=5 => clock.advance(Duration::from_secs(random.random_range(1..7 * 3600))),
                6 => clock.set_wall(set(wall + random.random_range(-3 * DAY..3 * DAY))),
                7 => clock.set_wall(set(FRIDAY_SEVEN + random.random_range(0..10 * DAY))),
                // To just after six.
                8 => clock.set_wall(set(FRIDAY_SEVEN - HOUR
                    + random.random_range(0..10) * DAY
                    + random.random_range(0..MINUTE))),
                _ => {
                    drop(run);
                    let wall = if random.random_bool(0.3) { UNSET } else { set(wall + random.random_range(0..DAY)) };
                    clock = bench.rebooted(wall);
                    run = bench.start_with(&format!("boot-{number}"), &clock);
                }
            }
            let before = bench.runs();
            run.due().await;
            if bench.runs() > before {
                assert_eq!(bench.runs(), before + 1);
                let zone = TimeZone::get("Europe/Berlin").unwrap();
                let date = zone.to_datetime(timestamp(clock.wall().unix_ms)).date().to_string();
                *dates.entry(date).or_default() += 1;
            }
        }
        assert!(dates.len() >= 3, "round {round}: it was run at all: {dates:?}");
        assert!(dates.values().all(|count| *count == 1), "round {round}: {dates:?}");
    }
}
