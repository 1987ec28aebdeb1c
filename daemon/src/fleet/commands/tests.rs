//! Commands against the real store and tool runtime: once, whatever is sent and wherever the program ends.

mod bench;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use victus_agent::event::EventKind;
use victus_agent::tool::Role;
use victus_hw::clock::{ClockTrust, WallTime};

use self::bench::Bench;
use super::*;
use crate::fleet::command::MAX_RESULT;

const WALL: i64 = 1_790_000_000_000;
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_command_is_accepted_done_and_audited() {
    let bench = Bench::new().await;
    bench.send("c-1", r#"{"tool":"probe.count","args":{}}"#).await;
    let replies = bench.wait("c-1", 2).await;
    assert_eq!(bench.states("c-1"), ["accepted", "done"]);
    assert_eq!(replies[1].result, json!({"call": 1}));
    let audited = bench.events().into_iter().any(|kind| {
        matches!(kind, EventKind::ToolCalled { tool, caller, .. }
            if tool == "probe.count" && caller.name.as_deref() == Some("fleet") && caller.role == Role::Operator)
    });
    assert!(audited);
}

#[tokio::test]
async fn the_same_command_again_is_answered_and_not_run_and_another_under_its_id_is_refused() {
    let bench = Bench::new().await;
    bench.send("c-1", r#"{"tool":"probe.count","args":{}}"#).await;
    bench.wait("c-1", 2).await;
    bench.send("c-1", r#"{"args":{}, "tool":"probe.count"}"#).await;
    bench.send("c-1", r#"{"tool":"probe.count"}"#).await;
    let replies = bench.wait("c-1", 4).await;
    assert_eq!(replies[2], replies[1]);
    assert_eq!(replies[3], replies[1]);
    bench.send("c-1", r#"{"tool":"probe.count","args":{"bytes":1}}"#).await;
    assert_eq!(bench.wait("c-1", 5).await[4].code.as_deref(), Some("id_reused"));
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn what_the_runtime_refuses_is_refused_with_its_reason() {
    let bench = Bench::new().await;
    for (id, command, code) in [
        ("c-1", r#"{"tool":"probe.none"}"#, "unknown_tool"),
        ("c-2", r#"{"tool":"probe.count","args":{"other":1}}"#, "bad_arguments"),
        ("c-3", r#"{"tool":"probe.admin"}"#, "role"),
    ] {
        bench.send(id, command).await;
        let replies = bench.wait(id, 2).await;
        assert_eq!((replies[1].state.as_str(), replies[1].code.as_deref()), ("refused", Some(code)));
        assert!(replies[1].reason.as_ref().unwrap().len() > 10);
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn a_tool_that_the_link_lists_may_be_called_whatever_its_role() {
    let mut bench = Bench::new().await;
    bench.start(&["probe.admin"]).await;
    bench.send("c-1", r#"{"tool":"probe.admin"}"#).await;
    assert_eq!(bench.wait("c-1", 2).await[1].state.as_str(), "done");
}

#[tokio::test]
async fn a_large_result_is_left_out_with_its_size() {
    let bench = Bench::new().await;
    bench.send("c-1", &format!(r#"{{"tool":"probe.count","args":{{"bytes":{MAX_RESULT}}}}}"#)).await;
    let replies = bench.wait("c-1", 2).await;
    assert_eq!((replies[1].state.as_str(), &replies[1].result), ("done", &Value::Null));
    assert!(replies[1].reason.as_ref().unwrap().contains(&MAX_RESULT.to_string()));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_where_its_id_can_be_and_rejected_otherwise() {
    let bench = Bench::new().await;
    let large = vec![b'x'; MAX_COMMAND + 1];
    for (id, payload, code) in [
        ("c-1", &b""[..], "malformed"),
        ("c-2", b"{", "malformed"),
        ("c-3", b"\xff\xfe", "malformed"),
        ("c-4", b"[1]", "malformed"),
        ("c-5", br#"{"tool":1}"#, "malformed"),
        ("c-6", &large, "too_large"),
    ] {
        bench.deliver(&format!("victus/v1/plant/press/command/{id}"), payload).await;
        let replies = bench.wait(id, 1).await;
        assert_eq!((replies[0].state.as_str(), replies[0].code.as_deref()), ("refused", Some(code)), "{id}");
    }
    for topic in ["victus/v1/plant/press/command/a b", "victus/v1/plant/press/command/", "elsewhere", ""] {
        bench.deliver(topic, br#"{"tool":"probe.count"}"#).await;
    }
    assert_eq!(bench.rejected().len(), 4, "{:?}", bench.rejected());
    assert!(bench.rejected()[0].contains("fleet: victus/v1/plant/press/command/a b"));
    assert_eq!(bench.calls(), 0);
    // The same id, now readable, is a new command: nothing had been done under it.
    bench.send("c-1", r#"{"tool":"probe.count"}"#).await;
    bench.wait("c-1", 3).await;
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn a_flood_of_bad_messages_does_not_fill_the_journal_and_is_counted() {
    let bench = Bench::new().await;
    for number in 0..500 {
        bench.deliver("victus/v1/plant/press/command/!", b"x").await;
        bench.send(&format!("c-{number}"), "{").await;
    }
    assert!(bench.events().len() < 60, "{}", bench.events().len());
    bench.clock.advance(Duration::from_secs(60));
    bench.deliver("victus/v1/plant/press/command/!", b"x").await;
    let last = bench.rejected().pop().unwrap();
    assert!(last.contains("970 messages"), "{last}");
}

#[tokio::test]
async fn an_expired_command_and_one_of_unknown_time_do_not_run() {
    let bench = Bench::new().await;
    bench.send("c-1", &format!(r#"{{"tool":"probe.count","expires":{}}}"#, WALL / 1000)).await;
    assert_eq!(bench.wait("c-1", 1).await[0].state.as_str(), "expired");
    bench.clock.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Floor });
    bench.send("c-2", r#"{"tool":"probe.count","expires":1}"#).await;
    assert_eq!(bench.wait("c-2", 1).await[0].code.as_deref(), Some("clock_unknown"));
    bench.clock.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Synchronised });
    bench.send("c-2", r#"{"tool":"probe.count","expires":1}"#).await;
    assert_eq!(bench.wait("c-2", 2).await[1].code.as_deref(), Some("clock_unknown"), "the recorded answer");
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn what_waits_too_long_expires_and_what_does_not_fit_is_busy() {
    let limits = CommandLimits { running: 2, waiting: 3, ..CommandLimits::default() };
    let bench = Bench::with(limits, 0).await;
    bench.send("a", r#"{"tool":"probe.count"}"#).await;
    bench.send("b", r#"{"tool":"probe.count"}"#).await;
    bench.called(2).await;
    for id in ["c", "d", "e"] {
        bench.send(id, r#"{"tool":"probe.count","ttl_s":5}"#).await;
    }
    bench.send("f", r#"{"tool":"probe.count"}"#).await;
    assert_eq!(bench.wait("f", 1).await[0].code.as_deref(), Some("busy"));
    bench.send("a", r#"{"tool":"probe.count"}"#).await;
    assert_eq!(bench.states("a"), ["accepted", "accepted"], "it runs, so that is the answer");
    bench.clock.advance(Duration::from_secs(5));
    bench.permits.add_permits(100);
    for id in ["c", "d", "e"] {
        bench.wait(id, 2).await;
        assert_eq!(bench.states(id), ["accepted", "expired"]);
    }
    bench.wait("b", 2).await;
    assert_eq!(bench.calls(), 2);
    bench.send("f", r#"{"tool":"probe.count"}"#).await;
    assert_eq!(bench.wait("f", 3).await[2].state.as_str(), "done", "a busy appliance remembers nothing");
}

#[tokio::test]
async fn the_ledger_is_bounded_and_forgets_the_oldest_first() {
    let ledger = LedgerLimits { entries: 5, bytes: 1 << 20 };
    let bench = Bench::with(CommandLimits { ledger, ..CommandLimits::default() }, Semaphore::MAX_PERMITS).await;
    for number in 0..20 {
        let id = format!("c-{number}");
        bench.send(&id, r#"{"tool":"probe.count"}"#).await;
        bench.wait(&id, 2).await;
    }
    let (ledger, open) = crate::fleet::ledger::Ledger::open(bench.store.clone(), "fleet", ledger).unwrap();
    assert_eq!((ledger.len(), open.len()), (5, 0));
    assert!(ledger.find("c-0").unwrap().is_none());
    let newest = ledger.find("c-19").unwrap().unwrap();
    assert_eq!(newest.command, None, "arguments go when the command has ended");
}

/// Sends the command again, twice, and checks that nothing changes.
async fn is_settled(bench: &Bench, command: &str, state: &str, calls: usize) {
    let before = bench.replies("c-1").len();
    bench.send("c-1", command).await;
    bench.send("c-1", command).await;
    let replies = bench.wait("c-1", before + 2).await;
    for reply in &replies[before - 1..] {
        assert_eq!(reply.state.as_str(), state);
    }
    assert_eq!(bench.calls(), calls);
}

const COMMAND: &str = r#"{"tool":"probe.count","ttl_s":60}"#;

#[tokio::test]
async fn killed_in_accepted_runs_once_after_the_restart() {
    let limits = CommandLimits { running: 1, ..CommandLimits::default() };
    let bench = Bench::with(limits, 0).await;
    bench.send("first", COMMAND).await;
    bench.called(1).await;
    bench.send("c-1", COMMAND).await;
    let bench = bench.restarted("boot-1").await;
    bench.wait("c-1", 2).await;
    assert_eq!(bench.states("c-1"), ["accepted", "done"]);
    assert_eq!(bench.states("first"), ["accepted", "uncertain"]);
    is_settled(&bench, COMMAND, "done", 2).await;
}

#[tokio::test]
async fn killed_in_accepted_expires_where_nobody_knows_how_long_it_took() {
    let limits = CommandLimits { running: 1, ..CommandLimits::default() };
    let bench = Bench::with(limits, 0).await;
    bench.send("first", COMMAND).await;
    bench.called(1).await;
    bench.send("c-1", COMMAND).await;
    bench.clock.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Unset });
    let bench = bench.restarted("boot-2").await;
    bench.wait("c-1", 2).await;
    assert_eq!(bench.states("c-1"), ["accepted", "expired"]);
    is_settled(&bench, COMMAND, "expired", 1).await;
}

#[tokio::test]
async fn killed_in_running_is_uncertain_and_never_runs_again() {
    let bench = Bench::with(CommandLimits::default(), 0).await;
    bench.send("c-1", COMMAND).await;
    bench.called(1).await;
    let bench = bench.restarted("boot-2").await;
    bench.wait("c-1", 2).await;
    assert_eq!(bench.states("c-1"), ["accepted", "uncertain"]);
    is_settled(&bench, COMMAND, "uncertain", 1).await;
    let bench = bench.restarted("boot-3").await;
    is_settled(&bench, COMMAND, "uncertain", 1).await;
}

#[tokio::test]
async fn killed_in_done_answers_what_is_recorded() {
    let bench = Bench::new().await;
    bench.send("c-1", COMMAND).await;
    bench.wait("c-1", 2).await;
    let bench = bench.restarted("boot-2").await;
    assert_eq!(bench.states("c-1"), ["accepted", "done"], "entry and reply are one commit");
    is_settled(&bench, COMMAND, "done", 1).await;
}

#[tokio::test]
async fn killed_in_refused_answers_what_is_recorded() {
    let bench = Bench::new().await;
    let command = r#"{"tool":"probe.count","expires":1}"#;
    bench.send("c-1", command).await;
    bench.wait("c-1", 1).await;
    let bench = bench.restarted("boot-2").await;
    is_settled(&bench, command, "expired", 0).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_message_is_fatal_and_none_is_acted_on(
        messages in prop::collection::vec(("(victus/v1/plant/press/)?(command/)?.{0,12}", prop::collection::vec(any::<u8>(), 0..64)), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            for (topic, payload) in &messages {
                bench.deliver(topic, payload).await;
            }
            assert_eq!(bench.calls(), 0);
            bench.send("last", r#"{"tool":"probe.count"}"#).await;
            bench.wait("last", 2).await;
        });
    }
}
