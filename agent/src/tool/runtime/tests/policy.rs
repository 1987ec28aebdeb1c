//! Trying again, leaving alone, and making a call once.

use std::collections::VecDeque;
use std::path::Path;

use tokio::sync::Notify;

use super::*;
use crate::tool::IdempotencyKey;

/// Does one after the other what its script says, and then succeeds.
struct Scripted {
    spec: ToolSpec,
    makes_safe: bool,
    script: Mutex<VecDeque<Result<Value, ToolError>>>,
    calls: Mutex<u32>,
    /// Where there is one: waits until it is told.
    gate: Option<Notify>,
}

impl Scripted {
    fn new(idempotent: bool) -> Self {
        let spec = ToolSpec {
            name: "scripted.act",
            description: "Does what its script says.",
            input: json!({"type": "object"}),
            risk: Risk::Reversible,
            idempotent,
            role: Role::Operator,
            timeout: Duration::from_secs(2),
            rate: None,
            redact: Vec::new(),
        };
        Self { spec, makes_safe: false, script: Mutex::default(), calls: Mutex::default(), gate: None }
    }

    fn fails(&self, times: u32) {
        let failure = Err(ToolError::Failed("No answer.".to_owned()));
        self.script.lock().unwrap().extend((0..times).map(|_| failure.clone()));
    }

    /// How often it was called since this was last asked.
    fn calls(&self) -> u32 {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Tool for Scripted {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn stakes(&self, _args: &Value) -> Stakes {
        if self.makes_safe { Stakes::making_safe() } else { Stakes::of(Risk::Reversible) }
    }

    fn call<'a>(&'a self, _args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let number = {
                let mut calls = self.calls.lock().unwrap();
                *calls += 1;
                *calls
            };
            if let Some(gate) = &self.gate {
                gate.notified().await;
            }
            let next = self.script.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Ok(json!({"call": number})))
        })
    }
}

struct Stage {
    tool: Arc<Scripted>,
    runtime: Arc<ToolRuntime>,
    store: Store,
    clock: Arc<SimulatedClock>,
}

fn stage(folder: &Path, tool: Scripted) -> Stage {
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let options = StoreOptions::new(folder.join("db"), clock.clone(), BootId("boot".to_owned()));
    let store = Store::open(options).unwrap();
    let tool = Arc::new(tool);
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
    let mut runtime = ToolRuntime::new(store.clone(), clock.clone(), random);
    runtime.register(tool.clone()).unwrap();
    Stage { tool, runtime: Arc::new(runtime), store, clock }
}

impl Stage {
    async fn call(&self, args: Value) -> CallResult {
        self.runtime.call("scripted.act", args, &context(Caller::panel())).await
    }

    async fn keyed(&self, key: &str, args: Value) -> CallResult {
        let context = context(Caller::panel()).under(IdempotencyKey::parse(key));
        self.runtime.call("scripted.act", args, &context).await
    }

    fn events(&self) -> Vec<EventKind> {
        self.store.journal().latest(500).unwrap().into_iter().map(|event| event.kind).collect()
    }

    fn last_attempts(&self) -> Option<u32> {
        let mut calls = self.events().into_iter().filter_map(|kind| match kind {
            EventKind::ToolCalled { attempts, .. } => Some(attempts),
            _ => None,
        });
        calls.next_back().unwrap()
    }
}

#[tokio::test]
async fn only_an_idempotent_tool_that_failed_is_tried_again_and_the_event_says_how_often() {
    let table = [
        (true, 1, CallStatus::Done, 2, Some(2)),
        (true, 2, CallStatus::Done, 3, Some(3)),
        (true, 9, CallStatus::Failed { reason: "No answer.".to_owned() }, 3, Some(3)),
        (false, 1, CallStatus::Failed { reason: "No answer.".to_owned() }, 1, None),
    ];
    for (idempotent, failures, status, calls, attempts) in table {
        let folder = tempfile::tempdir().unwrap();
        let stage = stage(folder.path(), Scripted::new(idempotent));
        stage.tool.fails(failures);
        assert_eq!(stage.call(json!({})).await.status, status, "{idempotent} {failures}");
        assert_eq!((stage.tool.calls(), stage.last_attempts()), (calls, attempts), "{idempotent} {failures}");
    }
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_never_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), Scripted::new(true));
    stage.tool.script.lock().unwrap().push_back(Err(ToolError::refused("interlock", "The valve is open.")));
    assert_eq!(refusal_code(&stage.call(json!({})).await), "interlock");
    assert_eq!((stage.tool.calls(), stage.last_attempts()), (1, None));
}

#[tokio::test]
async fn all_attempts_share_the_timeout_of_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut tool = Scripted::new(true);
    tool.spec.timeout = Duration::from_millis(300);
    tool.gate = Some(Notify::new());
    let stage = stage(folder.path(), tool);
    stage.tool.fails(1);
    // The first attempt fails, the second one hangs.
    stage.tool.gate.as_ref().unwrap().notify_one();
    let CallStatus::Failed { reason } = stage.call(json!({})).await.status else { panic!("it hangs") };
    assert_eq!(reason, "No answer. After that: `scripted.act` did not end within 0.3 seconds");
    assert_eq!(stage.tool.calls(), 2);
}

#[tokio::test]
async fn what_fails_again_and_again_is_left_alone_and_probed() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), Scripted::new(false));
    let (dead, well) = (json!({"entity": "number.dead"}), json!({"entity": "number.well"}));
    stage.tool.fails(FAILURES);
    for _ in 0..FAILURES {
        assert!(matches!(stage.call(dead.clone()).await.status, CallStatus::Failed { .. }));
    }
    stage.tool.calls();
    let refused = stage.call(dead.clone()).await;
    assert_eq!(refusal_code(&refused), "unavailable");
    assert_eq!(refused.result, json!({"rule": "failing", "wait_seconds": 10}));
    assert_eq!(stage.call(well).await.status, CallStatus::Done, "another entity is not kept from it");
    assert_eq!(stage.tool.calls(), 1);

    // The probe fails: it is left alone for twice as long. The next one succeeds.
    stage.clock.advance(Duration::from_secs(10));
    stage.tool.fails(1);
    assert!(matches!(stage.call(dead.clone()).await.status, CallStatus::Failed { .. }));
    stage.clock.advance(Duration::from_secs(19));
    assert_eq!(refusal_code(&stage.call(dead.clone()).await), "unavailable");
    stage.clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(stage.call(dead.clone()).await.status, CallStatus::Done);
    }
    let changes: Vec<_> = stage
        .events()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::BreakerOpened { tool, entity, seconds, reason } => Some((tool, entity, seconds, reason)),
            EventKind::BreakerClosed { tool, entity } => Some((tool, entity, 0, String::new())),
            _ => None,
        })
        .collect();
    let change =
        |seconds, reason: &str| ("scripted.act".to_owned(), Some("number.dead".to_owned()), seconds, reason.to_owned());
    assert_eq!(changes, [change(10, "No answer."), change(20, "No answer."), change(0, "")]);
}

#[tokio::test]
async fn while_a_probe_is_under_way_nothing_else_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut tool = Scripted::new(false);
    tool.gate = Some(Notify::new());
    let stage = Arc::new(stage(folder.path(), tool));
    let gate = || stage.tool.gate.as_ref().unwrap().notify_one();
    stage.tool.fails(FAILURES);
    for _ in 0..FAILURES {
        gate();
        stage.call(json!({})).await;
    }
    stage.clock.advance(Duration::from_secs(10));
    let probe = tokio::spawn({
        let stage = stage.clone();
        async move { stage.call(json!({})).await }
    });
    while *stage.tool.calls.lock().unwrap() <= FAILURES {
        tokio::task::yield_now().await;
    }
    assert_eq!(refusal_code(&stage.call(json!({})).await), "unavailable");
    gate();
    assert_eq!(probe.await.unwrap().status, CallStatus::Done);
    gate();
    assert_eq!(stage.call(json!({})).await.status, CallStatus::Done);
}

#[tokio::test]
async fn what_makes_something_safe_is_always_tried() {
    let folder = tempfile::tempdir().unwrap();
    let mut tool = Scripted::new(false);
    tool.makes_safe = true;
    let stage = stage(folder.path(), tool);
    stage.tool.fails(20);
    for _ in 0..20 {
        assert!(matches!(stage.call(json!({})).await.status, CallStatus::Failed { .. }));
    }
    assert_eq!(stage.tool.calls(), 20);
    assert_eq!(stage.call(json!({})).await.status, CallStatus::Done);
}

#[tokio::test]
async fn a_call_under_a_key_is_made_once_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = {
        let stage = stage(folder.path(), Scripted::new(false));
        let first = stage.keyed("k1", json!({"n": 1})).await;
        let again = stage.keyed("k1", json!({"n": 1})).await;
        assert_eq!((&again.status, &again.result), (&first.status, &first.result));
        assert_eq!(stage.tool.calls(), 1);
        assert!(matches!(stage.events().pop(), Some(EventKind::ToolCalled { repeated: true, .. })));
        assert_eq!(refusal_code(&stage.keyed("k1", json!({"n": 2})).await), "key_reused");
        assert_eq!(stage.keyed("k2", json!({"n": 2})).await.status, CallStatus::Done);
        let voice = context(Caller::voice()).under(IdempotencyKey::parse("k1"));
        let other = stage.runtime.call("scripted.act", json!({"n": 2}), &voice).await;
        assert_eq!(other.status, CallStatus::Done, "another caller has keys of its own");
        assert_eq!(stage.tool.calls(), 2);
        first
    };
    let stage = stage(folder.path(), Scripted::new(false));
    let again = stage.keyed("k1", json!({"n": 1})).await;
    assert_eq!((again.status, again.result), (first.status, first.result));
    assert_eq!(stage.tool.calls(), 0);
    stage.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(stage.keyed("k1", json!({"n": 3})).await.status, CallStatus::Done, "after a day the key is free");
    assert_eq!(stage.tool.calls(), 1);
}

#[tokio::test]
async fn a_failure_is_given_again_and_a_refusal_by_a_check_leaves_the_key_free() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path(), Scripted::new(false));
    stage.tool.fails(1);
    for _ in 0..2 {
        assert!(matches!(stage.keyed("k1", json!({})).await.status, CallStatus::Failed { .. }));
    }
    assert_eq!(stage.tool.calls(), 1);
    assert_eq!(refusal_code(&stage.keyed("k2", json!([])).await), "bad_arguments");
    assert_eq!(stage.keyed("k2", json!({})).await.status, CallStatus::Done);
}

/// Begins a call under the key `k1` that does not end, and cuts it off as a crash does.
async fn cut_off(folder: &Path, idempotent: bool) {
    let mut tool = Scripted::new(idempotent);
    tool.gate = Some(Notify::new());
    let stage = Arc::new(stage(folder, tool));
    let calling = tokio::spawn({
        let stage = stage.clone();
        async move { stage.keyed("k1", json!({})).await }
    });
    while *stage.tool.calls.lock().unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(refusal_code(&stage.keyed("k1", json!({})).await), "in_progress");
    calling.abort();
    assert!(calling.await.is_err());
}

#[tokio::test]
async fn killed_in_a_call_under_a_key_it_is_uncertain_unless_the_tool_is_idempotent() {
    let folder = tempfile::tempdir().unwrap();
    cut_off(folder.path(), false).await;
    {
        let stage = stage(folder.path(), Scripted::new(false));
        for _ in 0..2 {
            assert_eq!(refusal_code(&stage.keyed("k1", json!({})).await), "uncertain");
        }
        assert_eq!(stage.tool.calls(), 0);
    }
    let folder = tempfile::tempdir().unwrap();
    cut_off(folder.path(), true).await;
    let stage = stage(folder.path(), Scripted::new(true));
    for _ in 0..2 {
        assert_eq!(stage.keyed("k1", json!({})).await.status, CallStatus::Done);
    }
    assert_eq!(stage.tool.calls(), 1);
}

#[test]
fn a_key_is_short_and_visible() {
    for wrong in ["", "a b", "ü", "a\n", &"k".repeat(129)] {
        assert_eq!(IdempotencyKey::parse(wrong), None, "{wrong:?}");
    }
    assert!(IdempotencyKey::parse(&"k".repeat(128)).is_some());
}
