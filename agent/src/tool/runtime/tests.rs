//! Every rule of the runtime, refused and passed, and what the journal says of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use victus_hw::clock::SimulatedClock;

use super::arguments::REDACTED;
use super::rates::MAX_RATE_WINDOWS;
use super::*;
use crate::event::{BootId, Event, TraceId};
use crate::store::StoreOptions;
use crate::tool::confirmation::Token;
use crate::tool::{Rate, Role, Source};

mod policy;

/// Does what its arguments say.
struct Puppet {
    role: Role,
    rate: Option<Rate>,
}

impl Tool for Puppet {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "puppet.act",
            description: "Does what its arguments say.",
            input: json!({
                "type": "object",
                "properties": {"act": {"enum": ["succeed", "refuse", "fail", "panic", "hang"]}, "password": {"type": "string"}},
                "required": ["act"],
                "additionalProperties": false
            }),
            risk: Risk::Reversible,
            idempotent: false,
            role: self.role,
            timeout: Duration::from_millis(50),
            rate: self.rate,
            redact: vec!["password"],
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            match args["act"].as_str() {
                Some("succeed") => Ok(json!({"did": "it"})),
                Some("refuse") => Err(ToolError::refused("mood", "Not today.")),
                Some("fail") => Err(ToolError::Failed("The string broke.".to_owned())),
                Some("panic") => panic!("tangled"),
                _ => std::future::pending().await,
            }
        })
    }
}

/// Can't be taken back where its arguments say so.
struct Furnace;

impl Tool for Furnace {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "furnace.light",
            description: "Lights the furnace.",
            input: json!({"type": "object", "properties": {"dry": {"type": "boolean"}}, "additionalProperties": false}),
            risk: Risk::Dangerous,
            idempotent: true,
            role: Role::Operator,
            timeout: Duration::from_millis(50),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn stakes(&self, args: &Value) -> Stakes {
        Stakes::of(if args["dry"] == true { Risk::Reversible } else { Risk::Dangerous })
    }

    fn call<'a>(&'a self, _args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async { Ok(json!({"lit": true})) })
    }
}

struct Bench {
    runtime: ToolRuntime,
    store: Store,
    clock: Arc<SimulatedClock>,
    _folder: tempfile::TempDir,
}

fn bench(puppet: Puppet) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let options = StoreOptions::new(folder.path().join("db"), clock.clone(), BootId("boot".to_owned()));
    let store = Store::open(options).unwrap();
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
    let mut runtime = ToolRuntime::new(store.clone(), clock.clone(), random);
    runtime.register(Arc::new(puppet)).unwrap();
    runtime.register(Arc::new(Furnace)).unwrap();
    Bench { runtime, store, clock, _folder: folder }
}

fn context(caller: Caller) -> CallContext {
    CallContext::new(caller, TraceId::from_random(7))
}

impl Bench {
    async fn call(&self, args: Value) -> CallResult {
        self.runtime.call("puppet.act", args, &context(Caller::panel())).await
    }

    fn last_event(&self) -> Event {
        self.store.journal().latest(1).unwrap().remove(0)
    }
}

fn refusal_code(result: &CallResult) -> &str {
    match &result.status {
        CallStatus::Refused { code, .. } => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn done_refused_failed_panicked_and_hung_calls_end_and_are_recorded() {
    let bench = bench(Puppet { role: Role::Operator, rate: None });
    let table = [
        ("succeed", CallStatus::Done),
        ("refuse", CallStatus::Refused { code: "mood".to_owned(), reason: "Not today.".to_owned() }),
        ("fail", CallStatus::Failed { reason: "The string broke.".to_owned() }),
        ("panic", CallStatus::Failed { reason: "`puppet.act` crashed; the log says where".to_owned() }),
        ("hang", CallStatus::Failed { reason: "`puppet.act` did not end within 0.05 seconds".to_owned() }),
    ];
    for (act, expected) in table {
        let result = bench.call(json!({"act": act})).await;
        assert_eq!(result.status, expected, "{act}");
        let event = bench.last_event();
        let EventKind::ToolCalled { tool, status, .. } = event.kind else { panic!("{event:?}") };
        assert_eq!((tool.as_str(), status), ("puppet.act", expected));
        assert_eq!(event.trace, Some(TraceId::from_random(7)));
    }
}

#[tokio::test]
async fn unknown_tool_bad_arguments_and_low_role_are_refused_with_a_sentence() {
    let bench = bench(Puppet { role: Role::Admin, rate: None });
    let unknown = bench.runtime.call("puppet.dance", json!({}), &context(Caller::cli())).await;
    assert_eq!(refusal_code(&unknown), "unknown_tool");
    for args in [json!({}), json!({"act": "fly"}), json!({"act": "succeed", "more": 1}), json!([]), Value::Null] {
        assert_eq!(refusal_code(&bench.call(args).await), "bad_arguments");
    }
    let large = bench.call(json!({"act": "x".repeat(MAX_ARGUMENT_BYTES)})).await;
    assert_eq!(refusal_code(&large), "bad_arguments");
    assert!(serde_json::to_vec(&bench.last_event()).unwrap().len() < 1024);
    let low = bench.call(json!({"act": "succeed"})).await;
    assert_eq!(refusal_code(&low), "role");
    let admin = bench.runtime.call("puppet.act", json!({"act": "succeed"}), &context(Caller::cli())).await;
    assert_eq!(admin.status, CallStatus::Done);
}

#[tokio::test]
async fn rate_holds_for_each_caller_by_itself_and_passes_with_time() {
    let rate = Rate { count: 2, per: Duration::from_secs(60) };
    let bench = bench(Puppet { role: Role::Operator, rate: Some(rate) });
    for _ in 0..2 {
        assert_eq!(bench.call(json!({"act": "succeed"})).await.status, CallStatus::Done);
    }
    let third = bench.call(json!({"act": "succeed"})).await;
    assert_eq!(refusal_code(&third), "rate");
    let CallStatus::Refused { reason, .. } = &third.status else { unreachable!() };
    assert!(reason.contains("try again in 60 seconds"), "{reason}");
    let other = bench.runtime.call("puppet.act", json!({"act": "succeed"}), &context(Caller::voice())).await;
    assert_eq!(other.status, CallStatus::Done);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.call(json!({"act": "succeed"})).await.status, CallStatus::Done);
}

#[tokio::test]
async fn rate_limiter_forgets_the_longest_idle_caller_and_stays_bounded() {
    let mut windows = RateWindows::default();
    let rate = Rate { count: 1, per: Duration::from_secs(60) };
    for number in 0..2 * MAX_RATE_WINDOWS {
        let caller = Caller { source: Source::Panel, role: Role::Viewer, name: Some(number.to_string()) };
        let now = Monotonic::from_duration(Duration::from_millis(number as u64));
        windows.admit(&caller, "puppet.act", rate, now).unwrap();
    }
    assert_eq!(windows.windows.len(), MAX_RATE_WINDOWS);
}

#[tokio::test]
async fn secrets_never_reach_the_journal() {
    let bench = bench(Puppet { role: Role::Operator, rate: None });
    bench.call(json!({"act": "succeed", "password": "hunter2"})).await;
    let text = serde_json::to_string(&bench.last_event()).unwrap();
    assert!(!text.contains("hunter2") && text.contains(REDACTED), "{text}");
}

#[test]
fn a_name_is_registered_once_and_a_schema_must_be_one() {
    struct Broken;
    impl Tool for Broken {
        fn spec(&self) -> ToolSpec {
            ToolSpec {
                name: "broken",
                input: json!({"type": "nonsense"}),
                ..Puppet { role: Role::Viewer, rate: None }.spec()
            }
        }
        fn call<'a>(&'a self, _: Value, _: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
            Box::pin(std::future::ready(Ok(Value::Null)))
        }
    }
    let mut bench = bench(Puppet { role: Role::Viewer, rate: None });
    let again = bench.runtime.register(Arc::new(Puppet { role: Role::Viewer, rate: None }));
    assert!(matches!(again, Err(RegisterError::Duplicate("puppet.act"))));
    assert!(matches!(bench.runtime.register(Arc::new(Broken)), Err(RegisterError::Schema { tool: "broken", .. })));
}

#[tokio::test]
async fn a_dangerous_call_is_made_only_with_the_agreement_to_exactly_that_call() {
    let bench = bench(Puppet { role: Role::Operator, rate: None });
    let (panel, voice) = (context(Caller::panel()), context(Caller::voice()));
    let call =
        async |args: &Value, context: &CallContext| bench.runtime.call("furnace.light", args.clone(), context).await;
    let (hot, dry) = (json!({}), json!({"dry": true}));
    assert_eq!(call(&dry, &panel).await.status, CallStatus::Done, "nobody is asked what can be taken back");

    let refused = call(&hot, &panel).await;
    assert!(is_unconfirmed(&refused), "{refused:?}");
    assert_eq!(refused.result["within_seconds"], 10);
    let token = Token::new(refused.result["token"].as_str().unwrap());
    let told = serde_json::to_string(&bench.last_event()).unwrap();
    assert!(!told.contains(token.reveal()), "a token is in no event: {told}");

    let confirmations = bench.runtime.confirmations();
    assert!(confirmations.agree_to(&token, &voice.caller, "furnace.light", &hot).is_err(), "another caller");
    let again = call(&hot, &panel).await;
    let token = Token::new(again.result["token"].as_str().unwrap());
    let permit = confirmations.agree_to(&token, &panel.caller, "furnace.light", &hot).unwrap();
    let agreed = context(Caller::panel()).with(permit);
    assert_eq!(call(&hot, &agreed).await.status, CallStatus::Done);
    assert!(is_unconfirmed(&call(&hot, &agreed).await), "agreed to once");
    assert!(matches!(bench.last_event().kind, EventKind::ToolCalled { risk: Risk::Dangerous, .. }));
}

fn is_unconfirmed(result: &CallResult) -> bool {
    matches!(&result.status, CallStatus::Refused { code, .. } if code == "confirmation_required")
}
