//! What runs do while nothing goes wrong with the program: steps, waits, branches, failures, limits, and who may begin one.

use super::*;
use crate::tool::{CallStatus, Source};

#[tokio::test]
async fn steps_hand_on_their_results_and_every_step_can_be_inspected() {
    let bench = Bench::new();
    bench.write(
        "shift",
        "[[step]]\nname='first'\ntool='test.once'\nargs={key='a-${slots.who}'}\n\
         [[step]]\nwhen='steps.first.result.count == 2'\ntool='test.once'\nargs={key='never'}\n\
         [[step]]\nwait='5s'\n[[step]]\ntool='test.again'\nargs={key='${steps.first.result.key}-again'}\n",
    );
    let life = bench.life();
    let begun = life.begin("shift", json!({"who": "ada"})).await.unwrap();
    let before = life.clock.monotonic();
    life.live().await;
    let run = life.run(&begun.id);
    assert_eq!(run.state, RunState::Done, "{run:?}");
    assert_eq!(states(&run), [StepState::Done, StepState::Skipped, StepState::Done, StepState::Done]);
    assert_eq!((bench.count("a-ada"), bench.count("never"), bench.count("a-ada-again")), (1, 0, 1));
    assert!(life.clock.monotonic().saturating_since(before) >= Duration::from_secs(5));
    assert_eq!(run.steps[0].args, Some(json!({"key": "a-ada"})));
    assert_eq!(run.steps[0].result, json!({"count": 1, "key": "a-ada"}));
    let told: Vec<String> = life
        .events()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::WorkflowStarted { workflow, version, .. } => Some(format!("{workflow} {version} begins")),
            EventKind::WorkflowStep { step, state, .. } => Some(format!("{step} {state}")),
            EventKind::WorkflowFinished { state, .. } => Some(state),
            EventKind::ToolCalled { tool, caller, .. } => {
                Some(format!("{tool} by {:?} {:?}", caller.source, caller.name))
            }
            _ => None,
        })
        .collect();
    let by = "by Workflow Some(\"shift\")";
    let expected = [
        format!("shift {} begins", run.version),
        format!("test.once {by}"),
        "first done".to_owned(),
        "step_2 skipped".to_owned(),
        "step_3 done".to_owned(),
        format!("test.again {by}"),
        "step_4 done".to_owned(),
        "done".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_failure_runs_the_failure_branch_with_its_facts() {
    let bench = Bench::new();
    bench.write(
        "shift",
        "[[step]]\nname='bad'\ntool='test.once'\nargs={key='x',fails=true}\n[[step]]\ntool='test.once'\nargs={key='never'}\n\
         [[on_failure]]\ntool='test.once'\nargs={key='${failure.step}: ${failure.reason}, ${failure.uncertain}'}\n",
    );
    let life = bench.life();
    let begun = life.begin("shift", json!({})).await.unwrap();
    life.live().await;
    assert_eq!(life.run(&begun.id).state, RunState::Failed);
    assert_eq!((bench.count("bad: it does not work, false"), bench.count("never")), (1, 0));
}

#[tokio::test]
async fn a_condition_without_a_value_fails_its_step_and_says_why() {
    let bench = Bench::new();
    bench.write("shift", "[[step]]\nwhen='slots.nobody == 1'\ntool='test.once'\nargs={key='never'}\n");
    let life = bench.life();
    let begun = life.begin("shift", json!({})).await.unwrap();
    life.live().await;
    let run = life.run(&begun.id);
    assert_eq!((run.state, bench.count("never")), (RunState::Failed, 0));
    assert!(run.steps[0].reason.as_ref().unwrap().contains("there is no `nobody`"), "{run:?}");
}

#[tokio::test]
async fn undo_takes_back_what_was_switched() {
    let bench = Bench::new();
    bench.write(
        "shift",
        "[[step]]\ntool='entity.turn_on'\nargs={entity='fan.hall'}\n\
         [[step]]\ntool='test.once'\nargs={key='x',fails=true}\non_error='undo'\n",
    );
    let life = bench.life();
    let begun = life.begin("shift", json!({})).await.unwrap();
    life.live().await;
    let run = life.run(&begun.id);
    assert_eq!((run.steps[2].name.as_str(), run.steps[2].state), ("undo_step_1", StepState::Done), "{run:?}");
    let state = life.entities.points().state("fan.hall").unwrap();
    assert_eq!(state.value, Some(PointValue::Switch(false)));
}

#[tokio::test]
async fn waiting_until_something_holds_ends_with_it_or_with_the_time() {
    let bench = Bench::new();
    let text = "[[step]]\nwait_until='entity[\"fan.hall\"] == true'\ntimeout='30s'\n";
    bench.write("shift", text);
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    let first = life.begin("shift", json!({})).await.unwrap();
    engine.work().await;
    assert_eq!(states(&life.run(&first.id)), [StepState::Waiting]);
    life.entities.points().set("fan.hall", PointValue::Switch(true)).unwrap();
    engine.work().await;
    assert_eq!(life.run(&first.id).state, RunState::Done);
    life.entities.points().set("fan.hall", PointValue::Switch(false)).unwrap();
    let second = life.begin("shift", json!({})).await.unwrap();
    life.live_on(&mut engine).await;
    let run = life.run(&second.id);
    assert_eq!(run.state, RunState::Failed);
    assert!(run.steps[0].reason.as_ref().unwrap().contains("did not hold within 30 seconds"), "{run:?}");
}

#[tokio::test]
async fn time_and_cancellation_end_a_run_and_its_failure_branch_runs() {
    let bench = Bench::new();
    let branch = "[[on_failure]]\ntool='test.once'\nargs={key='safe'}\n";
    bench.write("slow", &format!("limits={{duration='10s'}}\n[[step]]\nwait='1h'\n{branch}"));
    let life = bench.life();
    let late = life.begin("slow", json!({})).await.unwrap();
    life.live().await;
    let run = life.run(&late.id);
    assert_eq!((run.state, bench.count("safe")), (RunState::Failed, 1));
    assert!(run.failure.unwrap().reason.contains("longer than 10 seconds"));

    let mut engine = Engine::open(&life.all).await.unwrap();
    let cancelled = life.begin("slow", json!({})).await.unwrap();
    engine.work().await;
    let context = CallContext::new(Caller::cli(), TraceId::from_random(1));
    let cancel = json!({"run": cancelled.id});
    assert_eq!(life.tools.call("workflow.cancel", cancel.clone(), &context).await.status, CallStatus::Done);
    life.live_on(&mut engine).await;
    assert_eq!((life.run(&cancelled.id).state, bench.count("safe")), (RunState::Cancelled, 2));
    let again = life.tools.call("workflow.cancel", cancel, &context).await.status;
    assert!(matches!(again, CallStatus::Refused { code, .. } if code == "no_run"));
}

#[tokio::test]
async fn as_many_runs_as_the_limits_say_and_no_more() {
    let bench = Bench::new();
    bench.write("one", "limits={rate='3/min'}\n[[step]]\nwait='1s'\n");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    life.begin("one", json!({})).await.unwrap();
    let busy = life.begin("one", json!({})).await.unwrap_err();
    assert_eq!(busy, StartError::Busy("the workflow `one` runs already".to_owned()));
    for _ in 0..2 {
        life.live_on(&mut engine).await;
        life.begin("one", json!({})).await.unwrap();
    }
    life.live_on(&mut engine).await;
    let often = life.begin("one", json!({})).await.unwrap_err();
    assert!(often.to_string().contains("at most 3 times in 60 seconds"), "{often}");
    life.clock.advance(Duration::from_secs(60));
    life.begin("one", json!({})).await.unwrap();
    let large = life.begin("one", json!({"text": "x".repeat(5000)})).await.unwrap_err();
    assert_eq!(large, StartError::TooLarge);
    let unknown = life.begin("two", json!({})).await.unwrap_err();
    assert!(unknown.to_string().contains("there is no workflow `two`"));
}

#[tokio::test]
async fn old_runs_make_room_and_new_ones_are_listed_first() {
    let bench = Bench::new();
    bench.write("one", "limits={rate='1000/s'}\n[[step]]\nwait='0s'\n");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..book::MAX_FINISHED + 3 {
        life.clock.advance(Duration::from_secs(1));
        ids.push(life.begin("one", json!({})).await.unwrap().id);
        engine.work().await;
    }
    assert_eq!(life.all.run(&ids[2]).unwrap(), None);
    assert!(life.all.run(&ids[3]).unwrap().is_some());
    let listed: Vec<RunId> = life.all.runs(Some("one"), 2).unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(listed, [ids[ids.len() - 1].clone(), ids[ids.len() - 2].clone()]);
    assert_eq!(life.all.runs(None, 1000).unwrap().len(), book::MAX_FINISHED);
}

#[tokio::test]
async fn the_fleet_begins_only_what_takes_commands_and_a_run_begins_nothing() {
    let bench = Bench::new();
    bench.write("closed", "[[step]]\nwait='0s'\n");
    bench.write("open", "[[trigger]]\ncommand=true\nwhen='slots.mode == \"full\"'\n[[step]]\nwait='0s'\n");
    let life = bench.life();
    let call = async |caller: Caller, args: Value| {
        let context = CallContext::new(caller, TraceId::from_random(1));
        match life.tools.call("workflow.run", args, &context).await.status {
            CallStatus::Done => "done".to_owned(),
            CallStatus::Refused { code, .. } => code,
            CallStatus::Failed { reason } => reason,
        }
    };
    let full = json!({"workflow": "open", "input": {"mode": "full"}});
    assert_eq!(call(Caller::fleet("fleet"), json!({"workflow": "closed"})).await, "no_command");
    assert_eq!(call(Caller::fleet("fleet"), json!({"workflow": "open", "input": {"mode": "half"}})).await, "condition");
    assert_eq!(call(Caller::fleet("fleet"), full.clone()).await, "done");
    assert_eq!(call(Caller::panel(), json!({"workflow": "closed"})).await, "done");
    assert_eq!(call(Caller::panel(), json!({"workflow": "nobody"})).await, "no_workflow");
    assert_eq!(call(Caller { source: Source::Panel, role: Role::Viewer, name: None }, full.clone()).await, "role");
    assert_eq!(call(Caller::workflow("closed", Role::Admin), full).await, "workflow");
}

#[tokio::test]
async fn a_stop_by_a_person_ends_every_run_and_one_by_a_workflow_does_not() {
    let bench = Bench::new();
    bench.write("long", "[[step]]\nwait='1h'\n[[step]]\ntool='test.once'\nargs={key='never'}\n");
    bench.write("safe", "[[step]]\ntool='appliance.stop'\n[[step]]\ntool='test.once'\nargs={key='told'}\n");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    let long = life.begin("long", json!({})).await.unwrap();
    let safe = life.begin("safe", json!({})).await.unwrap();
    engine.work().await;
    while engine.next_call().await {}
    engine.work().await;
    assert_eq!((life.run(&long.id).state, life.run(&safe.id).state), (RunState::Running, RunState::Done));
    let context = CallContext::new(Caller::voice(), TraceId::from_random(1));
    assert_eq!(life.tools.call("appliance.stop", json!({}), &context).await.status, CallStatus::Done);
    engine.work().await;
    let run = life.run(&long.id);
    assert_eq!((run.state, bench.count("never"), bench.count("told")), (RunState::Cancelled, 0, 1));
    assert_eq!(run.failure.unwrap().reason, "somebody had everything stopped");
}
