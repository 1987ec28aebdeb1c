use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use victus_hw::clock::{SimulatedClock, SystemClock};

use super::*;

const QUICK: BackoffLimits = BackoffLimits {
    first: Duration::from_millis(1),
    most: Duration::from_millis(8),
    reset_after: Duration::from_secs(60),
};

/// The longest that any condition of a test may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

struct House {
    health: Arc<Health>,
    crashes: Arc<Mutex<Vec<Crash>>>,
    supervisor: Supervisor,
}

fn house(clock: Arc<dyn Clock>, limits: BackoffLimits) -> House {
    let health = Arc::new(Health::new(clock.clone()));
    let crashes: Arc<Mutex<Vec<Crash>>> = Arc::default();
    let on_crash: OnCrash = {
        let crashes = crashes.clone();
        Arc::new(move |crash| crashes.lock().unwrap().push(crash.clone()))
    };
    let supervisor = Supervisor::new(clock, health.clone(), StdRng::seed_from_u64(7), limits, on_crash);
    House { health, crashes, supervisor }
}

fn quick_house() -> House {
    house(Arc::new(SystemClock::new(0)), QUICK)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never came true: {what}"));
}

/// A loop that beats and counts its rounds until it is stopped.
fn worker(
    rounds: &Arc<AtomicU64>,
) -> impl Fn(LoopContext) -> futures_util::future::BoxFuture<'static, Result<(), LoopError>> + use<> {
    let rounds = rounds.clone();
    move |context| {
        let rounds = rounds.clone();
        Box::pin(async move {
            while !context.stop().is_cancelled() {
                context.beat();
                rounds.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_loop_that_panics_is_started_again_and_the_others_go_on() {
    let mut house = quick_house();
    let (rounds, starts) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU32::new(0)));
    house.supervisor.spawn(LoopSpec::required("steady", Duration::from_secs(60)), worker(&rounds));
    let counted = starts.clone();
    house.supervisor.spawn(LoopSpec::optional("shaky"), move |context| {
        let start = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if start < 3 {
                panic!("for the {start}th time");
            }
            context.stop().cancelled().await;
            Ok(())
        }
    });
    until("the fourth start", || starts.load(Ordering::Relaxed) == 4).await;
    let crashes = house.crashes.lock().unwrap().clone();
    let seen: Vec<_> =
        crashes.iter().map(|crash| (crash.name.as_str(), crash.reason.as_str(), crash.crashes)).collect();
    assert_eq!(
        seen,
        [
            ("shaky", "panicked: for the 0th time", 1),
            ("shaky", "panicked: for the 1th time", 2),
            ("shaky", "panicked: for the 2th time", 3)
        ]
    );
    assert!(crashes.windows(2).all(|pair| pair[0].again_in < pair[1].again_in), "{crashes:?}");
    assert_eq!(
        house.health.get("shaky"),
        Some(LoopState::Degraded("started again after it panicked: for the 2th time".into()))
    );
    let before = rounds.load(Ordering::Relaxed);
    until("the steady loop goes on", || rounds.load(Ordering::Relaxed) > before).await;
    assert_eq!(house.health.get("steady"), Some(LoopState::Up));
    assert_eq!(house.supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
    assert_eq!(house.health.get("steady"), Some(LoopState::Down("stopped".into())));
}

#[tokio::test]
async fn a_loop_that_fails_or_ends_by_itself_is_a_crash() {
    let mut house = quick_house();
    house.supervisor.spawn(LoopSpec::optional("ends"), |_| async { Ok(()) });
    house.supervisor.spawn(LoopSpec::optional("fails"), |_| async { Err("no such port".into()) });
    let crashes = house.crashes.clone();
    let has = |name: &str, reason: &str| {
        crashes.lock().unwrap().iter().any(|crash| crash.name == name && crash.reason == reason)
    };
    until("both crashed", || has("ends", "ended by itself") && has("fails", "no such port")).await;
    assert_ne!(house.health.overall(), LoopState::Up);
    house.supervisor.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_factory_that_panics_and_a_report_that_panics_end_nothing() {
    let clock = Arc::new(SystemClock::new(0));
    let health = Arc::new(Health::new(clock.clone()));
    let starts = Arc::new(AtomicU32::new(0));
    let mut supervisor =
        Supervisor::new(clock, health, StdRng::seed_from_u64(7), QUICK, Arc::new(|_| panic!("the journal is gone")));
    let counted = starts.clone();
    supervisor.spawn(LoopSpec::optional("stillborn"), move |context| {
        if counted.fetch_add(1, Ordering::Relaxed) < 2 {
            panic!("before the first await");
        }
        async move {
            context.stop().cancelled().await;
            Ok(())
        }
    });
    until("the third start", || starts.load(Ordering::Relaxed) == 3).await;
    assert_eq!(supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_thread_is_restarted_like_a_task_and_ends_when_told() {
    let mut house = quick_house();
    let starts = Arc::new(AtomicU32::new(0));
    let counted = starts.clone();
    house.supervisor.spawn_thread(LoopSpec::optional("voice"), move |context| {
        assert_eq!(std::thread::current().name(), Some("voice"));
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("no microphone"),
            1 => Err("the microphone went".into()),
            _ => {
                context.up();
                while !context.stop().is_cancelled() {
                    context.beat();
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(())
            }
        }
    });
    until("up again", || house.health.get("voice") == Some(LoopState::Up) && starts.load(Ordering::Relaxed) == 3).await;
    let reasons: Vec<_> = house.crashes.lock().unwrap().iter().map(|crash| crash.reason.clone()).collect();
    assert_eq!(reasons, ["panicked: no microphone", "the microphone went"]);
    assert_eq!(house.supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_is_forgotten_after_a_good_run() {
    let mut house =
        house(Arc::new(SystemClock::new(0)), BackoffLimits { reset_after: Duration::from_millis(20), ..QUICK });
    let starts = Arc::new(AtomicU32::new(0));
    let counted = starts.clone();
    house.supervisor.spawn(LoopSpec::optional("shaky"), move |context| {
        let start = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if start == 0 {
                return Err("slipped".into());
            }
            context.stop().cancelled().await;
            Ok(())
        }
    });
    until("degraded", || starts.load(Ordering::Relaxed) == 2).await;
    until("up", || house.health.get("shaky") == Some(LoopState::Up)).await;
    house.supervisor.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_loop_that_hangs_is_seen_and_a_loop_that_beats_again_is_forgiven() {
    let clock = Arc::new(SimulatedClock::new(0));
    let mut house = house(clock.clone(), QUICK);
    let (beats, rounds) = (Arc::new(tokio::sync::Notify::new()), Arc::new(AtomicU64::new(0)));
    let (wake, counted) = (beats.clone(), rounds.clone());
    house.supervisor.spawn(LoopSpec::required("points", Duration::from_secs(10)), move |context| {
        let (wake, counted) = (wake.clone(), counted.clone());
        async move {
            context.degraded("one line is missing");
            loop {
                context.beat();
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::select! {
                    () = wake.notified() => {}
                    () = context.stop().cancelled() => return Ok(()),
                }
            }
        }
    });
    house.supervisor.spawn(LoopSpec::optional("idle"), |context| async move {
        context.stop().cancelled().await;
        Ok(())
    });
    let progress = house.supervisor.progress();
    until("the first beat", || rounds.load(Ordering::Relaxed) == 1).await;
    clock.advance(Duration::from_secs(10));
    assert_eq!(progress.check(), []);
    clock.advance(Duration::from_secs(2));
    let overdue = Overdue { name: "points".into(), required: true, silent_for: Duration::from_secs(12) };
    assert_eq!(progress.check(), [overdue]);
    let silent = LoopState::Down("has shown no progress for more than 10.0 s".into());
    assert_eq!(house.health.get("points"), Some(silent.clone()));
    let since = house.health.snapshot().into_iter().find(|entry| entry.name == "points").unwrap().since;
    clock.advance(Duration::from_secs(5));
    assert_eq!(progress.check().len(), 1);
    assert_eq!(house.health.snapshot().into_iter().find(|entry| entry.name == "points").unwrap().since, since);
    beats.notify_one();
    until("the second beat", || rounds.load(Ordering::Relaxed) == 2).await;
    assert_eq!(progress.check(), []);
    assert_eq!(house.health.get("points"), Some(LoopState::Degraded("one line is missing".into())));
    assert_eq!(house.supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
    clock.advance(Duration::from_secs(100));
    assert_eq!(progress.check(), []);
}

#[tokio::test]
async fn a_loop_that_waits_for_its_next_start_is_overdue_and_keeps_its_reason() {
    let clock = Arc::new(SimulatedClock::new(0));
    let slow = BackoffLimits { first: Duration::from_secs(3600), most: Duration::from_secs(3600), ..QUICK };
    let mut house = house(clock.clone(), slow);
    house.supervisor.spawn(LoopSpec::required("store", Duration::from_secs(10)), |_| async { Err("disk full".into()) });
    until("the crash", || !house.crashes.lock().unwrap().is_empty()).await;
    clock.advance(Duration::from_secs(11));
    assert_eq!(house.supervisor.progress().check().len(), 1);
    let Some(LoopState::Down(why)) = house.health.get("store") else { panic!("the store is down") };
    assert!(why.starts_with("disk full; starts again in "), "{why}");
    // The wait of an hour is no wait for the end.
    assert_eq!(house.supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_waits_for_nobody_beyond_its_deadline() {
    let mut house = quick_house();
    let release = Arc::new(std::sync::Barrier::new(3));
    let (in_task, in_thread) = (release.clone(), release.clone());
    let running = Arc::new(AtomicU32::new(0));
    let (a, b, c) = (running.clone(), running.clone(), running.clone());
    house.supervisor.spawn(LoopSpec::optional("deaf"), move |_| {
        a.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    });
    house.supervisor.spawn(LoopSpec::optional("blocking-task"), move |_| {
        let (barrier, counted) = (in_task.clone(), b.clone());
        async move {
            counted.fetch_add(1, Ordering::Relaxed);
            barrier.wait();
            Ok(())
        }
    });
    house.supervisor.spawn_thread(LoopSpec::optional("blocking-thread"), move |_| {
        c.fetch_add(1, Ordering::Relaxed);
        in_thread.wait();
        Ok(())
    });
    until("all run", || running.load(Ordering::Relaxed) == 3).await;
    let left = tokio::time::timeout(PATIENCE, house.supervisor.shutdown(Duration::from_millis(50))).await.unwrap();
    assert_eq!(left, ["deaf", "blocking-task", "blocking-thread"]);
    tokio::task::spawn_blocking(move || release.wait()).await.unwrap();
}

#[tokio::test]
async fn a_crash_during_the_end_is_reported_and_starts_nothing() {
    let mut house = quick_house();
    let starts = Arc::new(AtomicU32::new(0));
    let counted = starts.clone();
    house.supervisor.spawn(LoopSpec::optional("clumsy"), move |context| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            context.stop().cancelled().await;
            panic!("on the way out")
        }
    });
    until("it runs", || starts.load(Ordering::Relaxed) == 1).await;
    assert_eq!(house.supervisor.shutdown(PATIENCE).await, Vec::<String>::new());
    let crashes = house.crashes.lock().unwrap().clone();
    assert_eq!((crashes.len(), crashes[0].again_in, starts.load(Ordering::Relaxed)), (1, None, 1));
}
