//! `killed_in_<state>`: the program ends in each state of a run, and goes on exactly from there.
//!
//! A life ends by dropping everything that runs and closing the store; the next life opens the same database.

use super::*;

const STEPS: &str = "[[step]]\nname='first'\ntool='test.once'\nargs={key='first'}\n\
                     [[step]]\nname='second'\ntool='test.again'\nargs={key='second'}\n\
                     [[on_failure]]\nname='safe'\ntool='test.once'\nargs={key='uncertain ${failure.uncertain}'}\n";

/// A run whose program has ended in the middle of it.
struct Killed {
    bench: Bench,
    id: RunId,
}

impl Killed {
    /// Begins a run and works on it until `until` says that the program ends.
    async fn when(text: &str, until: impl AsyncFn(&Life, &mut Engine<'_>)) -> Self {
        let bench = Bench::new();
        bench.write("test", text);
        let life = bench.life();
        let mut engine = Engine::open(&life.all).await.unwrap();
        let id = life.begin("test", json!({})).await.unwrap().id;
        until(&life, &mut engine).await;
        drop(engine);
        Self { bench, id }
    }

    /// What the run is when the program begins again.
    async fn found(&self, state: RunState, steps: &[StepState]) {
        let life = self.bench.life();
        let run = life.run(&self.id);
        assert_eq!((run.state, states(&run).as_slice()), (state, steps));
    }

    /// What the run is when the next life has ended it.
    async fn resumes_to(&self, state: RunState, steps: &[StepState]) -> Run {
        let life = self.bench.life();
        life.live().await;
        let run = life.run(&self.id);
        assert_eq!((run.state, states(&run).as_slice()), (state, steps), "{run:?}");
        run
    }
}

use StepState::{Done, Pending, Skipped, Started, Stopped, Uncertain, Waiting};

#[tokio::test]
async fn killed_in_pending_begins_from_the_start() {
    let killed = Killed::when(STEPS, async |_, _| {}).await;
    killed.found(RunState::Running, &[Pending, Pending, Pending]).await;
    killed.resumes_to(RunState::Done, &[Done, Done, Pending]).await;
    assert_eq!((killed.bench.count("first"), killed.bench.count("second")), (1, 1));
}

#[tokio::test]
async fn killed_in_started_of_a_tool_that_is_not_idempotent_is_uncertain_and_the_failure_branch_runs() {
    // The tool was never reached: that is not known after the restart, and it is not called.
    let killed = Killed::when(STEPS, async |_, engine| engine.work().await).await;
    killed.found(RunState::Running, &[Started, Pending, Pending]).await;
    let run = killed.resumes_to(RunState::Failed, &[Uncertain, Stopped, Done]).await;
    assert_eq!((killed.bench.count("first"), killed.bench.count("second")), (0, 0));
    assert_eq!(killed.bench.count("uncertain true"), 1);
    assert!(run.steps[0].reason.as_ref().unwrap().contains("whether it took effect is not known"));
}

#[tokio::test]
async fn killed_in_started_after_the_effect_does_not_repeat_it() {
    let text = STEPS.replace("key='first'", "key='first',after=1000000");
    let killed = Killed::when(&text, async |life, engine| {
        engine.work().await;
        let reached = async {
            while life.world.counts.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { _ = engine.next_call() => panic!("it does not end"), () = reached => {} }
    })
    .await;
    assert_eq!(killed.bench.count("first"), 1);
    killed.resumes_to(RunState::Failed, &[Uncertain, Stopped, Done]).await;
    assert_eq!(killed.bench.count("first"), 1);
}

#[tokio::test]
async fn killed_in_started_of_an_idempotent_tool_calls_it_again_with_the_same_arguments() {
    let text = "limits={duration='2h'}\n[[step]]\ntool='test.again'\nargs={key='at ${now.minute}'}\n[[step]]\ntool='test.once'\nargs={key='then'}\n";
    let killed = Killed::when(text, async |_, engine| engine.work().await).await;
    killed.bench.clock.advance(Duration::from_secs(3600 + 60));
    let run = killed.resumes_to(RunState::Done, &[Done, Done]).await;
    assert_eq!((run.steps[0].calls, killed.bench.count("at 0"), killed.bench.count("then")), (2, 1, 1));
}

#[tokio::test]
async fn killed_in_done_goes_on_with_the_next_step() {
    let killed = Killed::when(STEPS, async |_, engine| {
        engine.work().await;
        engine.next_call().await;
    })
    .await;
    killed.found(RunState::Running, &[Done, Started, Pending]).await;
    killed.resumes_to(RunState::Done, &[Done, Done, Pending]).await;
    assert_eq!((killed.bench.count("first"), killed.bench.count("second")), (1, 1));
}

#[tokio::test]
async fn killed_in_skipped_does_not_look_at_the_condition_again() {
    let text =
        "[[step]]\nwhen='entity[\"fan.hall\"] == true'\ntool='test.once'\nargs={key='never'}\n[[step]]\nwait='5s'\n";
    let killed = Killed::when(text, async |_, engine| engine.work().await).await;
    killed.found(RunState::Running, &[Skipped, Waiting]).await;
    killed.resumes_to(RunState::Done, &[Skipped, Done]).await;
    assert_eq!(killed.bench.count("never"), 0);
}

#[tokio::test]
async fn killed_in_waiting_waits_for_what_is_left() {
    let killed = Killed::when("[[step]]\nwait='10s'\n", async |_, engine| engine.work().await).await;
    killed.bench.clock.advance(Duration::from_secs(4));
    let before = killed.bench.clock.monotonic();
    killed.resumes_to(RunState::Done, &[Done]).await;
    let waited = killed.bench.clock.monotonic().saturating_since(before);
    assert!((Duration::from_secs(6)..Duration::from_secs(7)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn killed_in_waiting_until_looks_again() {
    let text = "[[step]]\nwait_until='entity[\"fan.hall\"] == false'\ntimeout='10s'\n";
    let killed = Killed::when(text, async |life, engine| {
        life.entities.points().set("fan.hall", PointValue::Switch(true)).unwrap();
        engine.work().await;
    })
    .await;
    // At the start every line is in its safe state.
    killed.resumes_to(RunState::Done, &[Done]).await;
}

#[tokio::test]
async fn killed_in_parallel_goes_on_in_each_branch() {
    let text = "[[step]]\nparallel=[[{tool='test.again',args={key='a'}},{tool='test.once',args={key='b'}}],\
                [{wait='10s'},{tool='test.once',args={key='c'}}]]\n[[step]]\ntool='test.once'\nargs={key='d'}\n";
    let killed = Killed::when(text, async |_, engine| engine.work().await).await;
    killed.found(RunState::Running, &[Started, Started, Pending, Waiting, Pending, Pending]).await;
    killed.resumes_to(RunState::Done, &[Done; 6]).await;
    assert_eq!(["a", "b", "c", "d"].map(|key| killed.bench.count(key)), [1, 1, 1, 1]);
}

#[tokio::test]
async fn killed_in_failing_runs_the_rest_of_the_failure_branch() {
    let text = "[[step]]\ntool='test.once'\nargs={key='x',fails=true}\n\
                [[on_failure]]\ntool='test.again'\nargs={key='one'}\n[[on_failure]]\ntool='test.once'\nargs={key='two'}\n";
    let killed = Killed::when(text, async |_, engine| {
        engine.work().await;
        engine.next_call().await;
    })
    .await;
    killed.found(RunState::Failing, &[StepState::Failed, Started, Pending]).await;
    killed.resumes_to(RunState::Failed, &[StepState::Failed, Done, Done]).await;
    assert_eq!((killed.bench.count("one"), killed.bench.count("two")), (1, 1));
}

#[tokio::test]
async fn killed_in_uncertain_handling_does_not_forget_that_it_is() {
    let killed = Killed::when(STEPS, async |_, engine| engine.work().await).await;
    {
        // The life that finds it uncertain is killed before the failure branch has done anything.
        let life = killed.bench.life();
        let _engine = Engine::open(&life.all).await.unwrap();
    }
    killed.found(RunState::Failing, &[Uncertain, Stopped, Started]).await;
    let run = killed.resumes_to(RunState::Failed, &[Uncertain, Stopped, Uncertain]).await;
    assert!(run.failure.unwrap().uncertain);
    assert_eq!((killed.bench.count("first"), killed.bench.count("uncertain true")), (0, 0));
}

#[tokio::test]
async fn killed_in_a_finished_state_stays_as_it_is() {
    let killed = Killed::when("[[step]]\ntool='test.once'\nargs={key='a'}\n", async |life, engine| {
        life.live_on(engine).await;
    })
    .await;
    killed.found(RunState::Done, &[Done]).await;
    killed.resumes_to(RunState::Done, &[Done]).await;
    assert_eq!(killed.bench.count("a"), 1);
}

#[tokio::test]
async fn killed_in_between_a_running_one_keeps_its_definition() {
    let killed =
        Killed::when("[[step]]\nwait='5s'\n[[step]]\ntool='test.once'\nargs={key='old'}\n", async |_, engine| {
            engine.work().await;
        })
        .await;
    killed.bench.write("test", "[[step]]\ntool='test.once'\nargs={key='new'}\n");
    killed.resumes_to(RunState::Done, &[Done, Done]).await;
    assert_eq!((killed.bench.count("old"), killed.bench.count("new")), (1, 0));
    std::fs::remove_file(killed.bench.folder.path().join("files/test.toml")).unwrap();
    let life = killed.bench.life();
    assert_eq!(life.all.catalogue().workflows.len(), 0);
}

#[tokio::test]
async fn killed_in_a_run_that_this_program_cannot_read_ends_it_and_says_so() {
    let killed = Killed::when(STEPS, async |_, engine| engine.work().await).await;
    {
        let life = killed.bench.life();
        let mut run = life.run(&killed.id);
        run.definition = "[[step]]\ncolour = 'red'\n".to_owned();
        life.store.table(TableName::Runs).put(killed.id.as_str(), &run).await.unwrap();
    }
    let run = killed.resumes_to(RunState::Failed, &[Uncertain, Stopped, Stopped]).await;
    let failure = run.failure.unwrap();
    assert!(failure.uncertain && failure.reason.contains("cannot read the definition"), "{failure:?}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_unless_it_may_be_done_twice() {
    let bench = Bench::new();
    bench.write("test", "[[step]]\ntool='test.again'\nargs={key='a'}\n[[step]]\ntool='test.once'\nargs={key='b'}\n");
    let life = bench.life();
    let mut engine = Engine::open(&life.all).await.unwrap();
    // A store that is closed holds what it is told in memory only, as one whose disk is full.
    assert!(life.store.close());
    let id = life.begin("test", json!({})).await.unwrap().id;
    life.live_on(&mut engine).await;
    let run = life.run(&id);
    assert_eq!((run.state, bench.count("a"), bench.count("b")), (RunState::Failed, 1, 0), "{run:?}");
    assert!(run.steps[1].reason.as_ref().unwrap().contains("could not be recorded"), "{run:?}");
}
