//! The state machine, without a store and without tools.

use serde_json::json;

use super::*;
use crate::event::BootId;
use crate::workflows::definition::read::read;
use victus_hw::clock::ClockTrust;

fn at(mono_ms: u64) -> Stamp {
    let boot = BootId("one".to_owned());
    Stamp { wall_ms: 1_800_000_000_000, trust: ClockTrust::Synchronised, mono_ms, boot }
}

fn run(text: &str) -> (Definition, Run) {
    let definition = read("test", text).unwrap();
    let beginning = Beginning {
        id: RunId::new(1, 2, 3),
        trace: TraceId::from_random(4),
        trigger: Began::Schedule { date: "2026-11-28".to_owned(), at: "06:00".to_owned() },
        slots: Map::new(),
        at: at(0),
    };
    let run = Run::new(&definition, beginning);
    (definition, run)
}

fn call(run: &mut Run, step: usize) {
    run.started(step, "test.once", json!({}), &at(1));
}

fn states(run: &Run) -> Vec<&'static str> {
    run.steps.iter().map(|step| step.state.name()).collect()
}

const THREE: &str = "[[step]]\ntool='test.once'\n[[step]]\ntool='test.once'\non_error='skip'\n[[step]]\nwait='5s'\n\
                     [[on_failure]]\ntool='test.once'\n[[on_failure]]\ntool='test.once'\non_error='stop'\n\
                     [[on_failure]]\ntool='test.once'\n";

#[test]
fn steps_come_in_order_and_the_end_of_the_last_is_the_end() {
    let (definition, mut run) = run(THREE);
    assert_eq!(run.next(&definition, &at(1)), Next::Begin(vec![0]));
    call(&mut run, 0);
    assert_eq!(run.next(&definition, &at(1)), Next::Wait);
    run.done(0, json!({"n": 1}), &at(2));
    assert_eq!(run.next(&definition, &at(2)), Next::Begin(vec![1]));
    call(&mut run, 1);
    run.failed(&definition, 1, "no", false, &at(3));
    assert_eq!(run.next(&definition, &at(3)), Next::Begin(vec![2]), "a step with skip does not end it");
    run.waits(2, Duration::from_secs(5), &at(3));
    assert_eq!(run.next(&definition, &at(4)), Next::Wait);
    run.done(2, Value::Null, &at(5_003));
    assert_eq!(run.next(&definition, &at(5_003)), Next::Over);
    assert_eq!((run.state, run.failure.clone()), (RunState::Done, None));
    assert_eq!(states(&run), ["done", "failed", "done", "pending", "pending", "pending"]);
}

#[test]
fn a_failed_step_stops_the_rest_and_the_failure_branch_goes_on_over_failures_unless_it_says_stop() {
    let (definition, mut run) = run(THREE);
    call(&mut run, 0);
    run.failed(&definition, 0, "the valve is stuck", false, &at(2));
    let failure = run.failure.clone().unwrap();
    assert_eq!(
        (failure.step.as_deref(), failure.reason.as_str(), failure.uncertain),
        (Some("step_1"), "the valve is stuck", false)
    );
    assert_eq!(run.next(&definition, &at(2)), Next::Begin(vec![3]));
    call(&mut run, 3);
    run.failed(&definition, 3, "no", false, &at(3));
    assert_eq!(run.next(&definition, &at(3)), Next::Begin(vec![4]));
    call(&mut run, 4);
    run.failed(&definition, 4, "no", false, &at(4));
    assert_eq!(run.next(&definition, &at(4)), Next::Over);
    assert_eq!(run.state, RunState::Failed);
    assert_eq!(states(&run), ["failed", "stopped", "stopped", "failed", "failed", "stopped"]);
}

#[test]
fn branches_run_at_once_and_a_failure_in_one_waits_for_the_call_of_the_other() {
    let text = "[[step]]\nparallel=[[{tool='test.once'},{tool='test.once'}],[{wait='5s'}],[{tool='test.once'}]]\n\
                [[step]]\nwait='1s'\n[[on_failure]]\ntool='test.once'\n";
    let (definition, mut run) = run(text);
    assert_eq!(run.next(&definition, &at(1)), Next::Begin(vec![0]));
    run.opened(0, &at(1));
    assert_eq!(run.next(&definition, &at(1)), Next::Begin(vec![1, 3, 4]));
    call(&mut run, 1);
    run.waits(3, Duration::from_secs(5), &at(1));
    call(&mut run, 4);
    let before = run.clone();
    run.done(1, Value::Null, &at(2));
    assert_eq!(run.next(&definition, &at(2)), Next::Begin(vec![2]));
    for step in [2, 3, 4] {
        run.done(step, Value::Null, &at(3));
    }
    assert_eq!(run.next(&definition, &at(3)), Next::Begin(vec![5]));
    assert_eq!(states(&run), ["done", "done", "done", "done", "done", "pending", "pending"]);

    let mut run = before;
    run.failed(&definition, 1, "no", false, &at(2));
    assert_eq!(states(&run), ["stopped", "failed", "stopped", "stopped", "started", "stopped", "pending"]);
    assert_eq!(run.next(&definition, &at(2)), Next::Wait, "the call of the other branch is in flight");
    run.done(4, Value::Null, &at(3));
    assert_eq!(run.next(&definition, &at(3)), Next::Begin(vec![6]));
}

#[test]
fn undo_takes_back_what_was_done_last_first_and_then_the_failure_branch_runs() {
    let text = "[[step]]\ntool='entity.turn_on'\nargs={entity='fan.a'}\n[[step]]\ntool='clock.now'\n\
                [[step]]\ntool='entity.turn_on'\nargs={entity='fan.b'}\n[[step]]\ntool='test.once'\non_error='undo'\n\
                [[on_failure]]\ntool='test.once'\n";
    let (definition, mut run) = run(text);
    for (step, entity) in [(0, Some("fan.a")), (1, None), (2, Some("fan.b"))] {
        let tool = if entity.is_some() { "entity.turn_on" } else { "clock.now" };
        run.started(step, tool, json!({"entity": entity}), &at(1));
        run.done(step, json!({"entity": entity, "from": false, "to": true}), &at(2));
    }
    call(&mut run, 3);
    run.failed(&definition, 3, "no", false, &at(3));
    assert_eq!(run.next(&definition, &at(3)), Next::Begin(vec![5]));
    let back = |run: &Run, step: usize| {
        let step = &run.steps[step];
        (step.name.clone(), step.tool.clone().unwrap(), step.args.clone().unwrap()["entity"].clone())
    };
    assert_eq!(back(&run, 5), ("undo_step_3".to_owned(), "entity.turn_off".to_owned(), json!("fan.b")));
    assert_eq!(back(&run, 6), ("undo_step_1".to_owned(), "entity.turn_off".to_owned(), json!("fan.a")));
    call(&mut run, 5);
    run.failed(&definition, 5, "no", false, &at(4));
    assert_eq!(run.next(&definition, &at(4)), Next::Begin(vec![6]), "the next one is tried all the same");
    call(&mut run, 6);
    run.done(6, Value::Null, &at(5));
    assert_eq!(run.next(&definition, &at(5)), Next::Begin(vec![4]));
}

#[test]
fn what_was_cut_off_is_called_again_only_where_that_is_as_good_as_once() {
    let text =
        "[[step]]\nparallel=[[{tool='test.again'}],[{tool='test.once'}],[{wait='5s'}]]\n[[on_failure]]\nwait='1s'\n";
    let (definition, mut run) = run(text);
    run.opened(0, &at(1));
    run.started(1, "test.again", json!({"a": 1}), &at(1));
    run.started(2, "test.once", json!({}), &at(1));
    run.waits(3, Duration::from_secs(5), &at(1));
    let again = run.resumed(&definition, &|tool| tool == "test.again", &at(2_001));
    assert_eq!(again, [1]);
    assert_eq!(states(&run), ["stopped", "started", "uncertain", "stopped", "pending"]);
    assert_eq!((run.steps[1].calls, run.steps[2].calls), (2, 1));
    assert!(run.failure.as_ref().unwrap().uncertain);
}

#[test]
fn an_uncertain_step_fails_the_run_whatever_its_on_error_says() {
    let (definition, mut run) = run(THREE);
    run.done(0, Value::Null, &at(1));
    call(&mut run, 1);
    run.resumed(&definition, &|_| false, &at(2));
    assert_eq!((run.steps[1].state, run.state), (StepState::Uncertain, RunState::Failing));
}

#[test]
fn a_wait_goes_on_where_it_was_also_over_a_reboot() {
    let (definition, mut run) = run("[[step]]\nwait='10s'\n");
    run.waits(0, Duration::from_secs(10), &at(1_000));
    let left = |run: &Run, now: &Stamp| run.steps[0].wait.as_ref().unwrap().left_ms(now);
    assert_eq!(left(&run, &at(4_000)), 7_000);
    let later = Stamp { boot: BootId("two".to_owned()), mono_ms: 50, wall_ms: 1_800_000_006_000, ..at(0) };
    run.resumed(&definition, &|_| false, &later);
    assert_eq!(left(&run, &later), 4_000);
    let lost = Stamp { boot: BootId("three".to_owned()), trust: ClockTrust::Unset, wall_ms: 0, ..at(0) };
    run.resumed(&definition, &|_| false, &lost);
    assert_eq!(left(&run, &lost), 4_000, "without a clock it is late and not lost");
}

#[test]
fn the_end_of_its_time_and_a_cancellation_run_the_failure_branch_which_ends_in_time_too() {
    for (cause, end) in [(Cause::Time, RunState::Failed), (Cause::Cancelled, RunState::Cancelled)] {
        let (definition, mut run) = run("[[step]]\nwait='10s'\n[[on_failure]]\nwait='10s'\n");
        run.waits(0, Duration::from_secs(10), &at(1));
        run.interrupt(&definition, cause, "enough", &at(2));
        assert_eq!(run.next(&definition, &at(2)), Next::Begin(vec![1]));
        run.waits(1, Duration::from_secs(10), &at(2));
        run.interrupt(&definition, Cause::Cancelled, "again", &at(3));
        assert_eq!(run.next(&definition, &at(3)), Next::Wait, "the failure branch is not cancelled");
        run.interrupt(&definition, Cause::Time, "enough", &at(4));
        assert_eq!((run.next(&definition, &at(4)), run.state, run.time.clone()), (Next::Over, end, None));
    }
}

#[test]
fn a_stored_run_reads_back_as_it_was() {
    let (definition, mut run) = run(THREE);
    call(&mut run, 0);
    run.failed(&definition, 0, &"x".repeat(1000), true, &at(2));
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    assert_eq!(run.steps[0].reason.as_ref().unwrap().len(), MAX_REASON_CHARACTERS);
    assert_eq!(RunId::parse(run.id.as_str()), Some(run.id.clone()));
    assert_eq!(RunId::parse("r-x"), None);
}
