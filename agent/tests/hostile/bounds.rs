//! Bounds against hanging and against eating the machine. They are generous: what they tell apart is a second and for ever.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// The longest that one attack may take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(120);
/// The most memory that a process of these tests may have taken at once, in MiB: one test under nextest, all of them under
/// `cargo test`.
const MOST_MEMORY: usize = 1_200;

/// Does something on a thread with the stack that threads of the appliance have; fails where it does not end or eats too
/// much memory, by the name of what was done.
pub(crate) fn within_bounds<T: Send + 'static>(what: &str, action: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, answer) = sync_channel(1);
    let thread = std::thread::Builder::new().name(what.to_owned()).stack_size(2 << 20).spawn(move || {
        // Nobody may be waiting any more.
        done.send(action()).ok();
    });
    let thread = thread.expect("a thread");
    let answer = match answer.recv_timeout(LONGEST) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => panic!("{what}: no end after {LONGEST:?}"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => panic!("{what}: no answer"),
        },
    };
    let peak = peak_memory();
    assert!(peak <= MOST_MEMORY, "{what}: {peak} MiB were in use at once");
    answer
}

/// The most memory that this process has had in use, in MiB; 0 where the system does not say.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").trim().parse::<usize>().ok()).unwrap_or(0) >> 10
}
