//! What is refused, and the tools.

use super::*;

#[tokio::test]
async fn what_cannot_be_done_later_is_refused_and_nothing_is_made() {
    let bench = bench();
    let run = bench.start("one");
    let create = |steps: Value| run.call("schedule.create", json!({"after_seconds": 60, "steps": steps}));
    for (steps, code, rule) in [
        (json!([]), "not_schedulable", json!("not_schedulable")),
        (json!([{"tool": "pump.read", "args": {}}]), "not_schedulable", json!("not_schedulable")),
        (json!([{"tool": "schedule.create", "args": {"steps": []}}]), "not_schedulable", json!("not_schedulable")),
        (json!([{"tool": "pump.blow", "args": {}}]), "dangerous_later", json!("dangerous_later")),
        (json!([{"tool": "pump.run", "args": {}}, {"tool": "pump.tune", "args": {}}]), "role", Value::Null),
        (json!([{"tool": "pump.run", "args": {"speed": 1}}]), "bad_arguments", Value::Null),
        (json!([{"tool": "nobody.knows", "args": {}}]), "unknown_tool", Value::Null),
        (json!([{"tool": "pump.run"}]), "bad_arguments", Value::Null),
        (json!(vec![json!({"tool": "pump.run", "args": {}}); MAX_STEPS + 1]), "bad_arguments", Value::Null),
    ] {
        let (status, facts) = create(steps.clone()).await;
        assert_eq!((status.as_str(), &facts["rule"]), (code, &rule), "{steps:.80}");
    }
    assert_eq!(run.schedules.list(), []);
}

#[tokio::test]
async fn a_time_is_one_time_and_is_to_come() {
    let bench = bench();
    let run = bench.start("one");
    let table = [
        (json!({}), "bad_arguments"),
        (json!({"after_seconds": 0}), "bad_arguments"),
        (json!({"after_seconds": MAX_DELAY.as_secs() + 1}), "bad_arguments"),
        (json!({"after_seconds": 5, "at": "06:00"}), "bad_arguments"),
        (json!({"at": "24:00"}), "bad_arguments"),
        (json!({"at": "06:00", "date": "2027-02-30"}), "bad_arguments"),
        (json!({"at": "06:00", "date": "today", "days": ["monday"]}), "bad_arguments"),
        (json!({"at": "06:00", "days": []}), "bad_arguments"),
        (json!({"at": "06:00", "days": ["someday"]}), "bad_arguments"),
        (json!({"days": ["monday"]}), "bad_arguments"),
        (json!({"at": "06:00", "date": "today"}), "over"),
        (json!({"at": "06:00", "date": "2027-01-14"}), "over"),
        (json!({"at": "08:00", "date": "today"}), "done"),
        (json!({"at": "06:00", "date": "tomorrow"}), "done"),
        (json!({"at": "06:00"}), "done"),
        (json!({"at": "06:00", "days": ["monday", "sunday"]}), "done"),
        (json!({"after_seconds": 5}), "done"),
    ];
    for (mut args, code) in table {
        args["steps"] = json!([{"tool": "pump.run", "args": {}}]);
        let (status, shown) = run.call("schedule.create", args.clone()).await;
        assert_eq!(status, code, "{args}");
        if code == "done" {
            let next = match (&args["after_seconds"], args["days"].is_array(), args["at"].as_str()) {
                (Value::Number(_), ..) => Value::Null,
                (_, true, _) => json!("2027-01-17T06:00:00+01:00[Europe/Berlin]"),
                (_, _, Some("08:00")) => json!("2027-01-15T08:00:00+01:00[Europe/Berlin]"),
                _ => json!("2027-01-16T06:00:00+01:00[Europe/Berlin]"),
            };
            assert_eq!(shown["next"], next, "{args}");
        }
    }
    bench.clock.set_wall(UNSET);
    let steps = json!([{"tool": "pump.run", "args": {}}]);
    assert_eq!(run.call("schedule.create", json!({"at": "06:00", "steps": steps})).await.0, "clock_unknown");
    assert_eq!(run.call("schedule.create", json!({"at": "06:00", "days": ["monday"], "steps": steps})).await.0, "done");
    assert_eq!(run.call("schedule.create", json!({"after_seconds": 60, "steps": steps})).await.0, "done");
}

#[tokio::test]
async fn there_are_so_many_and_no_more() {
    let bench = bench();
    let run = bench.start("one");
    for _ in 0..MAX_SCHEDULES {
        run.make(daily_at_six()).await;
    }
    let refused = run.schedules.create(new(daily_at_six()), None).await;
    assert!(matches!(refused, Err(ScheduleError::TooMany)));
    assert_eq!(run.call("schedule.delete", json!({"all": true})).await, ("done".to_owned(), json!({"deleted": 100})));
    run.make(daily_at_six()).await;
}

#[tokio::test]
async fn a_schedule_is_meant_by_its_name_or_its_words_and_alone_by_nothing() {
    let bench = bench();
    let run = bench.start("one");
    assert_eq!(run.call("schedule.delete", json!({})).await.0, "no_schedule");
    let made = run.make(daily_at_six()).await;
    for wanted in [Some("Morning"), Some("run the pump"), Some(made.id.as_str()), None] {
        let args = match wanted {
            Some(wanted) => json!({"enabled": false, "schedule": wanted}),
            None => json!({"enabled": false}),
        };
        let (status, shown) = run.call("schedule.set_enabled", args).await;
        assert_eq!((status.as_str(), &shown["enabled"]), ("done", &json!(false)), "{wanted:?}");
    }
    run.make(daily_at_six()).await;
    assert_eq!(run.call("schedule.delete", json!({})).await.0, "ambiguous");
    assert_eq!(run.call("schedule.delete", json!({"schedule": "evening"})).await.0, "no_schedule");
    assert_eq!(run.call("schedule.delete", json!({"schedule": made.id})).await.0, "done");
    let (_, listed) = run.call("schedule.list", json!({})).await;
    assert_eq!(listed["schedules"].as_array().unwrap().len(), 1);
    assert_eq!(run.told(), ["disabled", "deleted"]);
}

#[tokio::test]
async fn what_is_disabled_is_not_due_and_what_was_counted_stands_still() {
    let bench = bench();
    let run = bench.start("one");
    let daily = run.make(daily_at_six()).await;
    let once = run.make(Asked::After(Duration::from_secs(600))).await;
    bench.clock.advance(Duration::from_secs(60));
    for schedule in [&daily, &once] {
        run.schedules.set_enabled(&schedule.id, false, None).await.unwrap();
    }
    bench.clock.advance(Duration::from_secs(48 * 3600));
    run.due().await;
    drop(run);
    let run = bench.start("one");
    for schedule in [&daily, &once] {
        run.schedules.set_enabled(&schedule.id, true, None).await.unwrap();
    }
    run.due().await;
    assert_eq!(bench.runs(), 0);
    let counted = run.schedules.list().into_iter().find(|schedule| schedule.id == once.id).unwrap();
    assert_eq!(run.schedules.left(&counted), Some(Duration::from_secs(540)));
    bench.clock.advance(Duration::from_secs(540));
    run.due().await;
    assert_eq!(bench.runs(), 1);
    assert_eq!(run.told(), ["disabled", "disabled", "enabled", "enabled", "ran Done 0"]);
}
