//! `victus`: the command line.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use victus_daemon::cli::{self, Cli};

/// How long a thread that blocks (standard input, a sound device) may hold up the end.
const THREADS_END_WITHIN: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    if let Some(ended) = victus_agent::recognise::probe::answer_if_asked() {
        return ended;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(_no_threads) => return ExitCode::from(1),
    };
    let ended = runtime.block_on(cli::run(Cli::parse()));
    runtime.shutdown_timeout(THREADS_END_WITHIN);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where even standard error is closed, the exit status still tells.
            let _nobody_reads = writeln!(std::io::stderr(), "victus: {failure}");
            failure.exit_code()
        }
    }
}
