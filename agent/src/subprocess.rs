//! Runs another program within bounds: time, output and memory of the caller are limited whatever the program does.
//!
//! Promises that [`run`] returns soon after its time limit, that the program and its children in its process group are
//! then gone, and that no zombie stays. Leaves to callers what the output means, and what a person should do about a
//! failure.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How much of what a program says on standard error is kept: the last part.
const STDERR_KEPT: usize = 16 * 1024;

/// What a run may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The most bytes taken from standard output; the program is ended when it writes more.
    pub output: usize,
    /// The longest time from start to end.
    pub time: Duration,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Standard output.
    pub output: Vec<u8>,
    /// The last part of standard error, with what is not UTF-8 replaced.
    pub complaint: String,
    /// How it ended.
    pub status: ExitStatus,
}

/// Why a run gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The program is not there.
    #[error("the program `{0}` is not installed")]
    Missing(String),
    /// The program cannot be started, or its pipes fail.
    #[error("the program `{program}` cannot be run: {source}")]
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ran for longer than its limit and was ended.
    #[error("the program `{program}` did not finish within {limit:?} and was ended")]
    TooSlow {
        /// Its name.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// It wrote more than its limit and was ended.
    #[error("the program `{program}` wrote more than {limit} bytes and was ended")]
    TooMuch {
        /// Its name.
        program: String,
        /// The limit.
        limit: usize,
    },
}

/// A sound server that is never there.
const NO_SOUND_SERVER: &str = "unix:/nonexistent";

/// Runs a program in its own process group with `input` on its standard input, until it ends or a limit is reached.
pub(crate) fn run(
    program: &OsStr,
    arguments: &[impl AsRef<OsStr>],
    input: Vec<u8>,
    limits: Limits,
) -> Result<Finished, RunError> {
    let name = program.to_string_lossy().into_owned();
    let failed = |source: io::Error| RunError::Start { program: name.clone(), source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    // What they give is bytes. Still espeak-ng looks for a sound server, and leaves folders behind where it finds none.
    command.env("PULSE_SERVER", NO_SOUND_SERVER);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RunError::Missing(name.clone()),
        _ => RunError::Start { program: name.clone(), source: error },
    })?;
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Err(failed(io::Error::other("it has no process number")));
    };
    let mut threads = match Threads::start(&mut child, group, input, limits.time) {
        Ok(threads) => threads,
        Err(error) => {
            end(group);
            return Err(failed(child.wait().err().unwrap_or(error)));
        }
    };

    let mut output = Vec::new();
    let mut read = Ok(0);
    if let Some(stdout) = child.stdout.take() {
        // One byte more than the limit tells "just full" from "too much".
        read = stdout.take(limits.output as u64 + 1).read_to_end(&mut output);
    }
    if output.len() > limits.output || read.is_err() {
        end(group);
    }
    // The process is waited for without being reaped: until the watchdog is gone its number must not be given to another.
    let waited = waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let too_slow = threads.stop_watchdog();
    end(group);
    let status = child.wait();
    let complaint = threads.complaint();
    if too_slow {
        return Err(RunError::TooSlow { program: name, limit: limits.time });
    }
    if output.len() > limits.output {
        return Err(RunError::TooMuch { program: name, limit: limits.output });
    }
    read.map_err(failed)?;
    waited.map_err(|error| failed(error.into()))?;
    Ok(Finished { output, complaint, status: status.map_err(failed)? })
}

fn end(group: Pid) {
    if let Err(error) = kill_process_group(group, Signal::KILL) {
        // The whole group has ended already.
        log::trace!("nothing to end: {error}");
    }
}

/// The threads beside a run: one feeds the program, one listens to its complaints, one ends it when its time is over.
struct Threads {
    finished: Option<SyncSender<()>>,
    watchdog: Option<JoinHandle<bool>>,
    complaint: Option<JoinHandle<Vec<u8>>>,
}

impl Threads {
    fn start(child: &mut Child, group: Pid, input: Vec<u8>, time: Duration) -> io::Result<Self> {
        let (finished, wait) = sync_channel::<()>(1);
        let watchdog = Builder::new().name("run-watchdog".into()).spawn(move || watch(&wait, group, time))?;
        let mut threads = Self { finished: Some(finished), watchdog: Some(watchdog), complaint: None };
        let started = threads.start_pipes(child, input);
        if let Err(error) = started {
            threads.stop_watchdog();
            return Err(error);
        }
        Ok(threads)
    }

    fn start_pipes(&mut self, child: &mut Child, input: Vec<u8>) -> io::Result<()> {
        if let Some(mut stdin) = child.stdin.take() {
            // Detached: it ends when the input is taken or when the program is gone. A program need not read its input,
            // so a broken pipe is no fault.
            Builder::new().name("run-input".into()).spawn(move || {
                if let Err(error) = stdin.write_all(&input) {
                    log::trace!("the program did not take all of its input: {error}");
                }
            })?;
        }
        if let Some(stderr) = child.stderr.take() {
            self.complaint = Some(Builder::new().name("run-stderr".into()).spawn(move || last_part(stderr))?);
        }
        Ok(())
    }

    /// Ends the watchdog; true if it had ended the program because its time was over.
    fn stop_watchdog(&mut self) -> bool {
        drop(self.finished.take());
        self.watchdog.take().is_some_and(|watchdog| watchdog.join().unwrap_or(false))
    }

    fn complaint(&mut self) -> String {
        let bytes = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn watch(wait: &Receiver<()>, group: Pid, time: Duration) -> bool {
    let over = wait.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if over {
        end(group);
    }
    over
}

fn last_part(mut from: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut block = [0_u8; 4096];
    while let Ok(count @ 1..) = from.read(&mut block) {
        kept.extend_from_slice(&block[..count]);
        if kept.len() > 2 * STDERR_KEPT {
            kept.drain(..kept.len() - STDERR_KEPT);
        }
    }
    kept.drain(..kept.len().saturating_sub(STDERR_KEPT));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Limits = Limits { output: 1000, time: Duration::from_secs(20) };

    fn shell(script: &str, input: &[u8], limits: Limits) -> Result<Finished, RunError> {
        run(OsStr::new("sh"), &["-c", script], input.to_vec(), limits)
    }

    #[test]
    fn gives_output_complaint_and_status() {
        let finished = shell("cat; echo no >&2; exit 3", b"hello", SOON).unwrap();
        assert_eq!(finished.output, b"hello");
        assert_eq!(finished.complaint, "no\n");
        assert_eq!(finished.status.code(), Some(3));
    }

    #[test]
    fn a_missing_program_is_named() {
        let nothing: [&str; 0] = [];
        let error = run(OsStr::new("no-such-program-here"), &nothing, Vec::new(), SOON).unwrap_err();
        assert!(matches!(&error, RunError::Missing(name) if name == "no-such-program-here"), "{error}");
    }

    #[test]
    fn a_program_that_never_ends_is_ended_with_its_children() {
        let limits = Limits { output: 1000, time: Duration::from_millis(200) };
        // The child holds standard output open: only ending the whole group gives end of file.
        let error = shell("sleep 1000 & sleep 1000", b"", limits).unwrap_err();
        assert!(matches!(error, RunError::TooSlow { .. }), "{error}");
        // One that closes its output and stays is ended, too.
        let error = shell("exec >&- 2>&-; sleep 1000", b"", limits).unwrap_err();
        assert!(matches!(error, RunError::TooSlow { .. }), "{error}");
    }

    #[test]
    fn output_and_complaint_are_bounded() {
        let error = shell("yes", b"", SOON).unwrap_err();
        assert!(matches!(error, RunError::TooMuch { limit: 1000, .. }), "{error}");
        let finished = shell("head -c 200000 /dev/zero >&2; echo end >&2", b"", SOON).unwrap();
        assert_eq!(finished.complaint.len(), STDERR_KEPT);
        assert!(finished.complaint.ends_with("end\n"));
    }

    #[test]
    fn input_that_nobody_reads_does_not_block() {
        let finished = shell("echo done", &vec![b'x'; 1_000_000], SOON).unwrap();
        assert_eq!(finished.output, b"done\n");
    }
}
