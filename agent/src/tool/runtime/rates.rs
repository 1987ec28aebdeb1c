//! Rates: how often one caller may call one tool.

use std::collections::{HashMap, VecDeque};

use serde_json::json;
use victus_hw::clock::Monotonic;

use crate::tool::{Caller, Rate, ToolError};

/// How many pairs of caller and tool are remembered; beyond that the one longest unused is forgotten.
pub(super) const MAX_RATE_WINDOWS: usize = 1024;

/// The times of recent calls for each caller and tool.
#[derive(Default)]
pub(super) struct RateWindows {
    pub(super) windows: HashMap<(Caller, &'static str), VecDeque<Monotonic>>,
}

impl RateWindows {
    /// Lets a call through, or says how long to wait.
    pub(super) fn admit(
        &mut self,
        caller: &Caller,
        tool: &'static str,
        rate: Rate,
        now: Monotonic,
    ) -> Result<(), ToolError> {
        if self.windows.len() >= MAX_RATE_WINDOWS && !self.windows.contains_key(&(caller.clone(), tool)) {
            let idle = self.windows.iter().min_by_key(|(_, calls)| calls.back().copied()).map(|(key, _)| key.clone());
            if let Some(idle) = idle {
                self.windows.remove(&idle);
            }
        }
        let calls = self.windows.entry((caller.clone(), tool)).or_default();
        while calls.front().is_some_and(|call| now.saturating_since(*call) >= rate.per) {
            calls.pop_front();
        }
        if calls.len() >= rate.count as usize {
            let wait = calls.front().map_or(rate.per, |call| rate.per.saturating_sub(now.saturating_since(*call)));
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let reason = format!(
                "`{tool}` may be called {} times in {} seconds; try again in {seconds} seconds",
                rate.count,
                rate.per.as_secs()
            );
            let facts = json!({"rule": "too_often", "wait_seconds": seconds});
            return Err(ToolError::Refused { code: "rate", reason, facts });
        }
        calls.push_back(now);
        Ok(())
    }
}
