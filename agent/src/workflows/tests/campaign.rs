//! Random workflows, killed at random moments, several times each: no step is lost, and none that must not is done twice.
//!
//! A life of the program is a runtime of its own that is dropped with everything in it: at any point where it waits (for
//! the store, for a tool), or right before or right after the effect of a tool. `VICTUS_WORKFLOW_KILLS` says how many kills
//! there are; the seed of a case that fails is printed, and `VICTUS_WORKFLOW_SEED` runs that case alone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use rand::RngExt;

use super::run::RunState;
use super::*;

/// How many kills there are in every test run.
const KILLS: usize = 200;

/// The most kills of one run.
const KILLS_OF_ONE: u32 = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn random_workflows_killed_at_random_moments_lose_no_step_and_repeat_none() {
    let wanted = number("VICTUS_WORKFLOW_KILLS").map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let alone = number("VICTUS_WORKFLOW_SEED");
    let mut found = Found::default();
    let mut bench = Bench::new();
    for seed in alone.unwrap_or(1).. {
        println!("seed {seed}");
        // A database of its own now and then, so that it does not grow without end.
        if seed % 50 == 0 {
            bench = Bench::new();
        }
        Case::new(seed, &bench).play(&mut found);
        if found.kills >= wanted || alone.is_some() {
            break;
        }
    }
    println!("figure workflows.campaign.kills {} kills", found.kills);
    println!("figure workflows.campaign.runs {} runs", found.runs);
    println!("figure workflows.campaign.uncertain {} steps", found.uncertain);
    if alone.is_none() {
        assert!(found.runs > wanted / 4 && found.uncertain > wanted / 20, "the kills meet runs: {found:?}");
    }
}

/// What the campaign has met.
#[derive(Debug, Default)]
struct Found {
    kills: usize,
    runs: usize,
    uncertain: usize,
}

/// A workflow and its kills, from one seed.
struct Case<'a> {
    bench: &'a Bench,
    random: StdRng,
    name: String,
    text: String,
    steps: u32,
    store: Store,
    entities: Arc<Entities>,
}

impl<'a> Case<'a> {
    fn new(seed: u64, bench: &'a Bench) -> Self {
        let folder = bench.folder.path();
        let store = open_store(folder, &bench.clock);
        let entities = entities(folder, &bench.clock);
        let random = StdRng::seed_from_u64(seed);
        let name = format!("case_{seed}");
        let mut case = Self { bench, random, name, text: String::new(), steps: 0, store, entities };
        case.write();
        case
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// One step, as an inline table.
    fn step(&mut self) -> String {
        self.steps += 1;
        let name = format!("s{}", self.steps);
        let when = if self.chance(12) { ", when = \"1 == 2\"" } else { "" };
        if self.chance(15) {
            return format!("{{ name = \"{name}\", wait = \"{}ms\"{when} }}", self.random.random_range(0..3000));
        }
        let tool = if self.chance(60) { "test.once" } else { "test.again" };
        let (before, after) = (self.random.random_range(0..4), self.random.random_range(0..4));
        let fails = if self.chance(8) { ", fails = true" } else { "" };
        let on_error = if self.chance(30) { "skip" } else { "stop" };
        let key = format!("{}.{name}", self.name);
        format!(
            "{{ name = \"{name}\", tool = \"{tool}\", on_error = \"{on_error}\"{when}, \
             args = {{ key = \"{key}\", before = {before}, after = {after}{fails} }} }}"
        )
    }

    fn write(&mut self) {
        let mut main = Vec::new();
        for _ in 0..self.random.random_range(1..6) {
            if self.chance(25) {
                let branches: Vec<String> = (0..self.random.random_range(2..4))
                    .map(|_| {
                        let steps: Vec<String> = (0..self.random.random_range(1..3)).map(|_| self.step()).collect();
                        format!("[{}]", steps.join(", "))
                    })
                    .collect();
                self.steps += 1;
                main.push(format!("{{ name = \"s{}\", parallel = [{}] }}", self.steps, branches.join(", ")));
            } else {
                main.push(self.step());
            }
        }
        let safe: Vec<String> = (0..self.random.random_range(0..3)).map(|_| self.step()).collect();
        self.text = format!("step = [{}]\non_failure = [{}]\n", main.join(", "), safe.join(", "));
        self.bench.write(&self.name, &self.text);
    }

    fn play(mut self, found: &mut Found) {
        let kills = self.random.random_range(1..=KILLS_OF_ONE);
        let mut acknowledged = None;
        for life in 0..kills {
            let kill = self.kill();
            let lived = self.live(life == 0, Some(kill));
            acknowledged = acknowledged.or(lived.begun);
            found.kills += usize::from(lived.killed);
        }
        assert!(!self.live(false, None).killed);
        let life = self.life();
        let runs = life.all.runs(Some(&self.name), 10).unwrap();
        if let Some(id) = acknowledged {
            assert_eq!(runs.iter().map(|run| &run.id).collect::<Vec<_>>(), [&id], "what was acknowledged is there");
        }
        for run in &runs {
            found.runs += 1;
            found.uncertain += run.steps.iter().filter(|step| step.state == StepState::Uncertain).count();
            self.check(&life, run);
        }
        std::fs::remove_file(self.bench.folder.path().join(format!("files/{}.toml", self.name))).unwrap();
    }

    fn kill(&mut self) -> Kill {
        match self.random.random_range(0..3) {
            0 => Kill::Polls(self.random.random_range(1..20)),
            kind => Kill::Effect(Fuse { effects: self.random.random_range(1..4), after: kind == 1 }),
        }
    }

    fn life(&self) -> Life {
        Life::new(self.bench.folder.path(), self.store.clone(), &self.bench.clock, &self.entities, &self.bench.world)
    }

    fn live(&self, begins: bool, kill: Option<Kill>) -> Lived {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (world, acknowledged) = (&self.bench.world, Mutex::new(None));
        *world.fuse.lock().unwrap() = match kill {
            Some(Kill::Effect(fuse)) => Some(fuse),
            _ => None,
        };
        let killed = Arc::new(Notify::new());
        *world.killed.lock().unwrap() = Arc::clone(&killed);
        let killed = runtime.block_on(async {
            let life = self.life();
            let work = Box::pin(async {
                let mut engine = Engine::open(&life.all).await.unwrap();
                if begins {
                    let begun = life.begin(&self.name, json!({})).await.unwrap();
                    *acknowledged.lock().unwrap() = Some(begun.id);
                }
                life.live_on(&mut engine).await;
            });
            let polls = match kill {
                Some(Kill::Polls(polls)) => polls,
                _ => u32::MAX,
            };
            tokio::select! { killed = Budget { work, polls } => killed, () = killed.notified() => true }
        });
        drop(runtime);
        *world.fuse.lock().unwrap() = None;
        Lived { begun: acknowledged.into_inner().unwrap(), killed }
    }

    /// The invariants of a run that has ended.
    fn check(&self, life: &Life, run: &Run) {
        let context = || format!("{}\n{run:#?}", self.text);
        assert!(run.state.is_over(), "{}", context());
        let definition = definition::read::read(&run.workflow, &run.definition).unwrap();
        for (at, step) in run.steps.iter().enumerate() {
            let count = self.bench.count(&format!("{}.{}", self.name, step.name));
            let fits = match (step.tool.as_deref(), step.state) {
                (Some("test.once"), StepState::Done) => count == 1,
                (Some("test.once"), StepState::Uncertain) => count <= 1,
                (Some("test.again"), StepState::Done) => count >= 1,
                (_, StepState::Failed | StepState::Skipped | StepState::Stopped | StepState::Pending) => count == 0,
                (None, StepState::Done) => count == 0,
                _ => false,
            };
            assert!(fits, "{} has {count} effects: {}", step.name, context());
            let of_failure = definition.on_failure.contains(&at);
            let expected = match (run.state, of_failure) {
                (RunState::Done, false) => {
                    matches!(step.state, StepState::Done | StepState::Skipped | StepState::Failed)
                }
                (RunState::Done, true) => step.state == StepState::Pending,
                (_, true) => !matches!(step.state, StepState::Pending | StepState::Started | StepState::Waiting),
                (_, false) => step.state.is_over(),
            };
            assert!(expected, "{}: {}", step.name, context());
        }
        let main = run.steps.iter().enumerate().filter(|(at, _)| !definition.on_failure.contains(at));
        if main.into_iter().any(|(_, step)| step.state == StepState::Uncertain) {
            assert!(run.failure.as_ref().is_some_and(|failure| failure.uncertain), "{}", context());
        }
        self.check_events(life, run);
    }

    /// The journal tells each step that is over once, and the end of the run once.
    fn check_events(&self, life: &Life, run: &Run) {
        let (mut steps, mut ends) = (BTreeMap::new(), 0);
        for event in life.events() {
            match event.kind {
                EventKind::WorkflowStep { run: of, step, state, .. } if of == run.id.as_str() => {
                    let told = steps.insert(step, state);
                    assert_eq!(told, None, "told twice: {run:#?}");
                }
                EventKind::WorkflowFinished { run: of, .. } if of == run.id.as_str() => ends += 1,
                _ => {}
            }
        }
        let over = run.steps.iter().filter(|step| step.state.is_over());
        let expected: BTreeMap<String, String> =
            over.map(|step| (step.name.clone(), step.state.name().to_owned())).collect();
        assert_eq!((steps, ends), (expected, 1), "{}", self.text);
    }
}

/// How a life ends.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// After so many turns of its work.
    Polls(u32),
    /// At an effect.
    Effect(Fuse),
}

/// What a life has come to.
struct Lived {
    /// A run whose begin was acknowledged in it.
    begun: Option<RunId>,
    /// Whether it was killed before its work was over.
    killed: bool,
}

/// Work that ends after so many polls; whether it was killed.
struct Budget<F> {
    work: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future<Output = ()>> Future for Budget<F> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        self.polls = self.polls.saturating_sub(1);
        match self.work.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending if self.polls == 0 => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        }
    }
}
