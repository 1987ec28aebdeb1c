//! The link against the real Mosquitto: an appliance, a broker that can be killed, a wire that can be cut, and a
//! subscriber with its own ledger.

mod bench;
mod broker;
mod commands;
mod gate;
mod loss;
mod presence;
mod security;
mod subscriber;

use std::time::Duration;

/// How long anything may take before a test fails.
const LONG: Duration = Duration::from_secs(20);

/// Waits until `met` returns something.
async fn until<T>(what: &str, mut met: impl FnMut() -> Option<T>) -> T {
    let polled = async {
        loop {
            if let Some(found) = met() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(LONG, polled).await {
        Ok(found) => found,
        Err(_) => panic!("waited {LONG:?} for: {what}"),
    }
}
