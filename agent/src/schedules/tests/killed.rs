//! `kill -9` at every point of a run: what is stored then, and what happens at the next start.

use super::*;

/// Where the process is killed.
#[derive(Debug, Clone, Copy)]
enum Killed {
    /// It is due, and nothing is stored yet.
    BeforeItBegins,
    /// That it begins is stored, and no step was run.
    BeforeTheSteps,
    /// All steps were run, and the end is not stored.
    BeforeTheEnd,
    /// The end is stored.
    AfterTheEnd,
}

/// Makes a schedule that is due one hour from now, runs it up to the kill, and starts the process again one minute later.
async fn killed(asked: Asked, at: Killed) -> (usize, Vec<String>, Option<Schedule>) {
    let bench = bench();
    let run = bench.start("one");
    let made = run.make(asked).await;
    bench.clock.advance(Duration::from_secs(3600));
    if !matches!(at, Killed::BeforeItBegins) {
        let Verdict::Due { date, late_ms: 0, missed: 0 } = run.schedules.verdict(&made, &run.schedules.now()) else {
            panic!("it is due now");
        };
        let begun = run.schedules.begin(&made, date, 0, 0).await.unwrap();
        if !matches!(at, Killed::BeforeTheSteps) {
            let outcome = run.schedules.perform(&begun, &|| {}).await;
            if matches!(at, Killed::AfterTheEnd) {
                run.schedules.settle(&begun, outcome).await;
            }
        }
    }
    drop(run);
    bench.clock.advance(Duration::from_secs(60));
    let run = bench.start("one");
    run.schedules.settle_interrupted().await;
    run.due().await;
    run.due().await;
    let told = run.told();
    drop(run);
    // Killed once more: nothing is told or done again.
    let run = bench.start("one");
    run.schedules.settle_interrupted().await;
    run.due().await;
    assert_eq!(run.told(), told);
    (bench.runs(), told, run.schedules.list().pop())
}

#[tokio::test]
async fn killed_in_each_state_of_a_run() {
    let eight = Time::constant(8, 0, 0, 0);
    let kinds = [
        ("counted", Asked::After(Duration::from_secs(3600)), false),
        ("once", Asked::At(eight, AskedDay::Next), false),
        ("weekly", Asked::At(eight, AskedDay::Every(Day::ALL.into())), true),
    ];
    let states = [
        (Killed::BeforeItBegins, 1, "ran Done 60000", RunOutcome::Done),
        (Killed::BeforeTheSteps, 0, "ran Uncertain 0", RunOutcome::Uncertain),
        (Killed::BeforeTheEnd, 1, "ran Uncertain 0", RunOutcome::Uncertain),
        (Killed::AfterTheEnd, 1, "ran Done 0", RunOutcome::Done),
    ];
    for (kind, asked, stays) in kinds {
        for (at, runs, told, last) in states {
            let (ran, journal, left) = killed(asked.clone(), at).await;
            assert_eq!((ran, journal), (runs, vec![told.to_owned()]), "{kind} {at:?}");
            assert_eq!(left.is_some(), stays, "{kind} {at:?}");
            assert!(left.is_none_or(|left| left.last == Some(last) && left.running.is_none()), "{kind} {at:?}");
        }
    }
}

#[tokio::test]
async fn killed_before_it_is_stored_there_is_none_and_after_it_there_is_one() {
    let bench = bench();
    let run = bench.start("one");
    drop(run);
    let run = bench.start("one");
    assert_eq!(run.schedules.list(), []);
    let made = run.make(daily_at_six()).await;
    drop(run);
    let run = bench.start("one");
    assert_eq!(run.schedules.list(), std::slice::from_ref(&made));
    run.schedules.delete(&made.id, None).await.unwrap();
    drop(run);
    assert_eq!(bench.start("one").schedules.list(), []);
}

#[tokio::test]
async fn what_was_deleted_while_it_ran_stays_deleted_and_its_end_is_told() {
    let bench = bench();
    let run = bench.start("one");
    let made = run.make(daily_at_six()).await;
    bench.clock.advance(Duration::from_secs(23 * 3600));
    let Verdict::Due { date, .. } = run.schedules.verdict(&made, &run.schedules.now()) else { panic!("it is due now") };
    let begun = run.schedules.begin(&made, date, 0, 0).await.unwrap();
    run.schedules.delete(&made.id, None).await.unwrap();
    assert!(run.schedules.begin(&made, date, 0, 0).await.is_none(), "what is gone does not begin");
    let outcome = run.schedules.perform(&begun, &|| {}).await;
    run.schedules.settle(&begun, outcome).await;
    assert_eq!(run.told(), ["deleted", "ran Done 0"]);
    assert_eq!(run.schedules.list(), []);
}
