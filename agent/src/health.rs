//! How each loop of the appliance is.
//!
//! Owns one register of loops: name, whether the appliance needs it, state, and since when. Whoever runs a loop writes
//! it; panel, fleet, watchdog and `status` read it. Promises that reading never waits for a loop, that the register is
//! bounded ([`MAX_LOOPS`], [`MAX_REASON`]) and that `since` moves only when the state changes.
//! Leaves starting, restarting and watching loops to the supervisor of the daemon.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use victus_hw::clock::{Clock, Monotonic};

/// The most loops the register holds; a further name is refused, so that names made from outside cannot fill it.
pub const MAX_LOOPS: usize = 64;

/// The longest reason in characters; the rest is cut off.
pub const MAX_REASON: usize = 240;

/// The state of one loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum LoopState {
    /// It runs as it should.
    Up,
    /// It runs, with less than it should; a sentence says why and what to do.
    Degraded(String),
    /// It does not run; a sentence says why.
    Down(String),
}

/// One line of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopHealth {
    /// The loop's name, such as `points` or `voice`.
    pub name: String,
    /// Whether the appliance is of no use without it.
    pub required: bool,
    /// Its state.
    #[serde(flatten)]
    pub state: LoopState,
    /// When it came into this state.
    pub since: Monotonic,
}

/// The register. Cheap to share by `Arc`.
pub struct Health {
    clock: Arc<dyn Clock>,
    loops: Mutex<BTreeMap<String, LoopHealth>>,
    version: watch::Sender<u64>,
}

impl Health {
    /// An empty register that takes its times from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, loops: Mutex::new(BTreeMap::new()), version: watch::Sender::new(0) }
    }

    /// Enters the loop `name` as up, or changes whether a known one is required. False if the register is full.
    pub fn register(&self, name: &str, required: bool) -> bool {
        self.change(name, |entry| entry.required = required)
    }

    /// Sets the state of the loop `name`; an unknown name is entered as not required. False if the register is full.
    pub fn set(&self, name: &str, state: LoopState) -> bool {
        let state = state.bounded();
        let now = self.clock.monotonic();
        self.change(name, |entry| {
            if entry.state != state {
                entry.state = state;
                entry.since = now;
            }
        })
    }

    /// The state of one loop, or `None` if nobody entered it.
    pub fn get(&self, name: &str) -> Option<LoopState> {
        self.lock().get(name).map(|entry| entry.state.clone())
    }

    /// All loops by name.
    pub fn snapshot(&self) -> Vec<LoopHealth> {
        self.lock().values().cloned().collect()
    }

    /// The appliance as a whole: down with a required loop, degraded with any other that is not up.
    pub fn overall(&self) -> LoopState {
        let loops = self.lock();
        let named = |wanted: fn(&LoopHealth) -> bool| -> Vec<String> {
            loops.values().filter(|entry| wanted(entry)).map(LoopHealth::named_reason).collect()
        };
        let down = named(|entry| entry.required && matches!(entry.state, LoopState::Down(_)));
        if !down.is_empty() {
            return LoopState::Down(down.join("; ")).bounded();
        }
        let impaired = named(|entry| entry.state != LoopState::Up);
        if impaired.is_empty() { LoopState::Up } else { LoopState::Degraded(impaired.join("; ")).bounded() }
    }

    /// A receiver that wakes on every change; the value counts the changes. A slow reader misses none but the last.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn change(&self, name: &str, apply: impl FnOnce(&mut LoopHealth)) -> bool {
        let now = self.clock.monotonic();
        let mut loops = self.lock();
        if !loops.contains_key(name) && loops.len() >= MAX_LOOPS {
            return false;
        }
        let before = loops.get(name).cloned();
        let entry = loops.entry(name.to_owned()).or_insert_with(|| LoopHealth {
            name: name.to_owned(),
            required: false,
            state: LoopState::Up,
            since: now,
        });
        apply(entry);
        let changed = before.as_ref() != Some(&*entry);
        drop(loops);
        if changed {
            self.version.send_modify(|version| *version = version.wrapping_add(1));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, LoopHealth>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoopHealth {
    fn named_reason(&self) -> String {
        match &self.state {
            LoopState::Up => self.name.clone(),
            LoopState::Degraded(why) | LoopState::Down(why) => format!("{}: {why}", self.name),
        }
    }
}

impl LoopState {
    fn bounded(self) -> Self {
        let cut = |why: String| match why.char_indices().nth(MAX_REASON) {
            Some((end, _)) => why.get(..end).unwrap_or_default().to_owned() + "…",
            None => why,
        };
        match self {
            Self::Up => Self::Up,
            Self::Degraded(why) => Self::Degraded(cut(why)),
            Self::Down(why) => Self::Down(cut(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use victus_hw::clock::SimulatedClock;

    use super::*;

    fn register() -> (Arc<SimulatedClock>, Health) {
        let clock = Arc::new(SimulatedClock::new(0));
        (clock.clone(), Health::new(clock))
    }

    #[test]
    fn since_moves_only_when_the_state_changes() {
        let (clock, health) = register();
        health.register("voice", false);
        clock.advance(Duration::from_secs(5));
        health.set("voice", LoopState::Degraded("no microphone".into()));
        clock.advance(Duration::from_secs(5));
        health.set("voice", LoopState::Degraded("no microphone".into()));
        let voice = health.snapshot().remove(0);
        assert_eq!(voice.since.since_boot(), Duration::from_secs(5));
        assert_eq!(
            serde_json::to_value(&voice).unwrap(),
            serde_json::json!({"name": "voice", "required": false, "state": "degraded", "why": "no microphone",
                "since": {"secs": 5, "nanos": 0}})
        );
    }

    #[test]
    fn a_required_loop_that_is_down_takes_the_whole_down_and_another_only_degrades_it() {
        let (_clock, health) = register();
        health.register("points", true);
        health.register("voice", false);
        assert_eq!(health.overall(), LoopState::Up);
        health.set("voice", LoopState::Down("crashed".into()));
        assert_eq!(health.overall(), LoopState::Degraded("voice: crashed".into()));
        health.set("points", LoopState::Degraded("slow".into()));
        assert_eq!(health.overall(), LoopState::Degraded("points: slow; voice: crashed".into()));
        health.set("points", LoopState::Down("stuck".into()));
        assert_eq!(health.overall(), LoopState::Down("points: stuck".into()));
    }

    #[test]
    fn names_and_reasons_are_bounded() {
        let (_clock, health) = register();
        for index in 0..MAX_LOOPS {
            assert!(health.register(&format!("loop-{index}"), false));
        }
        assert!(!health.set("one too many", LoopState::Up));
        assert_eq!(health.snapshot().len(), MAX_LOOPS);
        health.set("loop-0", LoopState::Down("ä".repeat(10 * MAX_REASON)));
        let Some(LoopState::Down(why)) = health.get("loop-0") else { panic!("loop-0 is down") };
        assert_eq!(why.chars().count(), MAX_REASON + 1);
    }

    #[test]
    fn a_subscriber_wakes_on_a_change_and_on_nothing_else() {
        let (_clock, health) = register();
        health.register("voice", false);
        let mut changes = health.subscribe();
        health.set("voice", LoopState::Up);
        assert!(!changes.has_changed().unwrap());
        health.set("voice", LoopState::Down("crashed".into()));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        health.register("voice", false);
        assert!(!changes.has_changed().unwrap());
    }
}
