//! The commands of one link over the real store and tool runtime, with a power cut.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use futures_util::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use victus_agent::event::{EventKind, Position};
use victus_agent::store::StoreOptions;
use victus_agent::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};
use victus_hw::clock::SimulatedClock;

use super::super::*;
use super::{LONG, WALL};
use crate::fleet::command::Reply;

/// A tool that counts its calls and waits for a permit.
struct Probe {
    name: &'static str,
    role: Role,
    calls: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
}

impl Tool for Probe {
    fn spec(&self) -> ToolSpec {
        let input = json!({"type":"object","properties":{"bytes":{"type":"integer"}},"additionalProperties":false});
        ToolSpec {
            name: self.name,
            description: "Counts.",
            input,
            risk: Risk::Reversible,
            idempotent: false,
            role: self.role,
            timeout: Duration::from_secs(600),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let _permit = self.permits.acquire().await.unwrap();
            match args.get("bytes").and_then(Value::as_u64) {
                Some(bytes) => Ok(Value::from("x".repeat(usize::try_from(bytes).unwrap()))),
                None => Ok(json!({ "call": call })),
            }
        })
    }
}

/// One appliance; `restarted` is the same after a power cut.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) store: Store,
    pub(super) calls: Arc<AtomicUsize>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) commands: Option<Commands>,
    pub(super) limits: CommandLimits,
    pub(super) boot: &'static str,
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with(CommandLimits::default(), Semaphore::MAX_PERMITS).await
    }

    pub(super) async fn with(limits: CommandLimits, permits: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(folder, Arc::new(SimulatedClock::new(WALL)), Arc::default(), limits, permits, "boot-1").await
    }

    pub(super) async fn open(
        folder: tempfile::TempDir,
        clock: Arc<SimulatedClock>,
        calls: Arc<AtomicUsize>,
        limits: CommandLimits,
        permits: usize,
        boot: &'static str,
    ) -> Self {
        let mut options = StoreOptions::new(folder.path().join("db"), clock.clone(), BootId(boot.into()));
        options.ballast_bytes = 0;
        let store = Store::open(options).unwrap();
        let permits = Arc::new(Semaphore::new(permits));
        let mut bench = Self { folder, clock, store, calls, permits, commands: None, limits, boot };
        bench.start(&[]).await;
        bench
    }

    pub(super) async fn start(&mut self, tools: &[&str]) {
        let mut runtime =
            ToolRuntime::new(self.store.clone(), self.clock.clone(), Arc::new(Mutex::new(StdRng::seed_from_u64(7))));
        for (name, role) in [("probe.count", Role::Operator), ("probe.admin", Role::Admin)] {
            let (calls, permits) = (Arc::clone(&self.calls), Arc::clone(&self.permits));
            runtime.register(Arc::new(Probe { name, role, calls, permits })).unwrap();
        }
        let parts = Parts {
            link: "fleet".into(),
            topics: Topics::new("plant", "press").unwrap(),
            tools: tools.iter().map(|&name| name.to_owned()).collect(),
            store: self.store.clone(),
            runtime: Arc::new(runtime),
            clock: self.clock.clone(),
            boot: BootId(self.boot.into()),
            limits: self.limits,
            random: || 7,
        };
        self.commands = Some(Commands::start(parts, CancellationToken::new()).await.unwrap());
    }

    /// The power goes, and the appliance starts again from what was on the disk.
    pub(super) async fn restarted(mut self, boot: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        self.commands = None;
        self.permits.close();
        Self::open(folder, self.clock, self.calls, self.limits, Semaphore::MAX_PERMITS, boot).await
    }

    pub(super) async fn deliver(&self, topic: &str, payload: &[u8]) {
        let commands = self.commands.as_ref().unwrap();
        let recorded = commands.offer(topic.to_owned(), Payload::from(payload.to_vec())).unwrap();
        tokio::time::timeout(LONG, recorded).await.unwrap().unwrap();
    }

    pub(super) async fn send(&self, id: &str, command: &str) {
        self.deliver(&format!("victus/v1/plant/press/command/{id}"), command.as_bytes()).await;
    }

    pub(super) fn events(&self) -> Vec<EventKind> {
        let events = self.store.journal().read(Position::default(), 100_000).unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    /// All replies to a command, oldest first.
    pub(super) fn replies(&self, id: &str) -> Vec<Reply> {
        let of = |kind| match kind {
            EventKind::CommandHandled { id: of, reply, .. } if of == id => serde_json::from_value(reply).ok(),
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }

    pub(super) fn states(&self, id: &str) -> Vec<&'static str> {
        self.replies(id).iter().map(|reply| reply.state.as_str()).collect()
    }

    /// Waits until there are `count` replies to a command.
    pub(super) async fn wait(&self, id: &str, count: usize) -> Vec<Reply> {
        let mut appended = self.store.journal().watch();
        let enough = async {
            while self.replies(id).len() < count {
                appended.changed().await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(LONG, enough).await;
        assert!(in_time.is_ok(), "{count} replies to {id}, not {:?}", self.states(id));
        self.replies(id)
    }

    pub(super) async fn called(&self, count: usize) {
        let reached = async {
            while self.calls.load(Ordering::SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LONG, reached).await.unwrap();
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn rejected(&self) -> Vec<String> {
        let of = |kind| match kind {
            EventKind::MessageRejected { source, reason } => Some(format!("{source} {reason}")),
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
