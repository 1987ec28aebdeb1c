//! `victusd`: the daemon. Reads the configuration without binding anything, starts, waits for a signal, stops.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use victus_daemon::daemon::{self, Options};

/// The daemon of a Victus appliance.
#[derive(Debug, Parser)]
#[command(name = "victusd", version)]
struct Cli {
    /// The main configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Simulate every device; nothing outside the state folder is touched
    #[arg(long)]
    simulate: bool,
    /// Check the configuration, say what is wrong with it, and end
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    if let Some(ended) = victus_agent::recognise::probe::answer_if_asked() {
        return ended;
    }
    let cli = Cli::parse();
    daemon::run(Options { config: cli.config, state: cli.state, simulate: cli.simulate, check: cli.check })
}
