//! Attempts: a call, made again where that can do no harm.
//!
//! Owns when a call is made again: only of a tool that is idempotent, only after it failed by its own word (a refusal is an
//! answer, and a crash happens again), at most [`MAX_ATTEMPTS`] times in all, and only within the tool's timeout as the
//! budget of all of it. Between two attempts lies a random part of a pause that doubles, so that callers who failed
//! together do not come back together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, RngExt};
use serde_json::Value;
use tokio::task::JoinSet;

use super::Registered;
use crate::tool::{CallContext, ToolError};

/// How often a call is tried in all.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// The longest pause before the second attempt; each further one is up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What came of all attempts, and how many there were.
pub(super) struct Attempted {
    pub(super) outcome: Result<Value, ToolError>,
    pub(super) attempts: u32,
}

/// Calls the tool, and again where it may be.
pub(super) async fn attempt(
    registered: &Registered,
    args: &Value,
    context: &CallContext,
    random: &Mutex<dyn Rng + Send>,
) -> Attempted {
    let mut attempts = 0;
    let mut failed = None;
    let timeout = registered.spec.timeout;
    let trying = async {
        loop {
            attempts += 1;
            let outcome = once(registered, args, context).await;
            let again = registered.spec.idempotent && attempts < MAX_ATTEMPTS;
            match outcome {
                Some(Err(ToolError::Failed(reason))) if again => failed = Some(reason),
                Some(outcome) => return outcome,
                None => {
                    let name = registered.spec.name;
                    return Err(ToolError::Failed(format!("`{name}` crashed; the log says where")));
                }
            }
            tokio::time::sleep(pause(attempts, random)).await;
        }
    };
    let outcome = tokio::time::timeout(timeout, trying).await;
    let outcome = outcome.unwrap_or_else(|_elapsed| {
        let (name, seconds) = (registered.spec.name, timeout.as_secs_f32());
        let before = failed.map_or_else(String::new, |reason| format!("{reason} After that: "));
        Err(ToolError::Failed(format!("{before}`{name}` did not end within {seconds} seconds")))
    });
    Attempted { outcome, attempts }
}

/// Runs the tool in a task of its own, which ends with this future. None where it crashed.
async fn once(registered: &Registered, args: &Value, context: &CallContext) -> Option<Result<Value, ToolError>> {
    let (tool, args, context) = (Arc::clone(&registered.tool), args.clone(), context.clone());
    let mut task = JoinSet::new();
    task.spawn(async move { tool.call(args, &context).await });
    match task.join_next().await? {
        Ok(outcome) => Some(outcome),
        Err(join_error) => {
            log::error!(tool = registered.spec.name; "the tool panicked: {join_error}");
            None
        }
    }
}

/// How long to wait after so many attempts.
fn pause(attempts: u32, random: &Mutex<dyn Rng + Send>) -> Duration {
    let longest = FIRST_PAUSE * 2_u32.pow(attempts.saturating_sub(1).min(10));
    let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    let part = random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..=longest);
    Duration::from_micros(part)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn pauses_are_random_within_a_bound_that_doubles() {
        let random = Mutex::new(StdRng::seed_from_u64(3));
        for attempts in 1..=2 {
            let bound = FIRST_PAUSE * attempts;
            let pauses: Vec<Duration> = (0..200).map(|_| pause(attempts, &random)).collect();
            assert!(pauses.iter().all(|pause| *pause <= bound), "{attempts}");
            assert!(pauses.iter().any(|pause| *pause > bound * 3 / 4), "{attempts}");
            assert!(pauses.iter().any(|pause| *pause < bound / 4), "{attempts}");
        }
    }
}
