//! The command line of `victus`: what each command is called, takes and prints.
//!
//! Owns the arguments, the exit status (0 done, 1 it failed, 2 the call or the config is wrong) and the form of what is
//! printed. With a running daemon the commands are clients of its API; `demo`, `ask`, `hear`, `say`, `intents` and
//! `audit` also work without one, in the process.

pub mod audit;
pub mod daemon_commands;
pub mod hear_pack;
pub mod intents;
pub mod local_commands;
pub mod output;
mod replay;
pub mod route;
pub mod workflows;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::output::Failure;

/// Hands-free appliance for places where people work with their hands.
#[derive(Debug, Parser)]
#[command(name = "victus", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which appliance is meant.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The main configuration file, for commands that run without a daemon
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The state folder; the daemon of this folder is meant
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Simulate every device, for commands that run without a daemon
    #[arg(long, global = true)]
    pub simulate: bool,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole appliance simulated: hear a spoken request, show each step, then take typed requests
    Demo {
        /// How many spoken requests to play before the typed ones
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
        spoken: u8,
    },
    /// One request by text
    Ask {
        /// The request
        text: String,
        /// The conversation that it belongs to
        #[arg(long)]
        conversation: Option<String>,
        /// Tell what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// One turn for each WAV file, through the real voice loop; a JSON line for each event. With a pack or noise: the words
    /// of each file and what they mean, without an appliance
    Hear {
        /// The recordings
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Faster than real time, with the same result
        #[arg(long)]
        fast: bool,
        #[command(flatten)]
        pack: intents::Pack,
        #[command(flatten)]
        noise: hear_pack::Noise,
    },
    /// Speak a text
    Say {
        /// The text
        text: String,
        /// Write a WAV file in place of playing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Look into the sentences
    Intents {
        #[command(subcommand)]
        command: intents::IntentsCommand,
    },
    /// The journal
    Events {
        /// Go on as events happen
        #[arg(long)]
        follow: bool,
        /// Only events after this place, as EPOCH:SEQ
        #[arg(long, value_name = "EPOCH:SEQ")]
        since: Option<String>,
    },
    /// The requests and what came of them, newest first
    Turns {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// The audit chain: every call and every refusal
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Why a request ended as it did: what was heard, what it was taken for by which line, and what came of it
    Why {
        /// The turn, as `victus turns` names it; the last one unless given
        turn: Option<String>,
    },
    /// Decide a stored request again: do the same words still lead to the same plan? Nothing is done
    Replay {
        /// The turn, as `victus turns` names it
        #[arg(required_unless_present = "since")]
        turn: Option<String>,
        /// Replay every turn of the last so much time, such as 24h, with the rules of --with
        #[arg(long, value_name = "TIME", requires = "with", conflicts_with = "turn")]
        since: Option<String>,
        /// The configuration to try, with its sentences and workflows beside it
        #[arg(long, value_name = "FILE", requires = "since")]
        with: Option<PathBuf>,
    },
    /// How the appliance is
    Status,
    /// What the appliance can do
    Tools,
    /// What the appliance does by itself
    Workflows {
        #[command(subcommand)]
        command: workflows::WorkflowsCommand,
    },
    /// Call a tool
    Call {
        /// Its name
        tool: String,
        /// Its arguments
        #[arg(value_name = "KEY=VALUE")]
        args: Vec<String>,
        /// The token of a call that was refused because it has to be confirmed; on a terminal you are asked
        #[arg(long, value_name = "TOKEN")]
        confirm: Option<String>,
    },
    /// Look into the rules that say who deals with a request
    Route {
        #[command(subcommand)]
        command: route::RouteCommand,
    },
}

/// Runs a command; the exit status is in the error.
///
/// # Errors
/// What went wrong, with the exit status that says whose fault it was.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    let place = &cli.place;
    match cli.command {
        Command::Demo { spoken } => crate::demo::run(spoken).await,
        Command::Ask { text, conversation, dry_run } => local_commands::ask(place, &text, conversation, dry_run).await,
        Command::Hear { files, pack, noise, .. } if pack.is_named() || noise.is_wanted() => {
            hear_pack::run(place, &pack, &noise, &files)
        }
        Command::Hear { files, fast, .. } => local_commands::hear(place, &files, fast).await,
        Command::Say { text, out } => local_commands::say(place, &text, out.as_deref()).await,
        Command::Intents { command } => intents::run(place, &command),
        Command::Events { follow, since } => daemon_commands::events(place, follow, since.as_deref()).await,
        Command::Turns { limit } => daemon_commands::turns(place, limit).await,
        Command::Audit { command } => audit::run(place, command).await,
        Command::Why { turn } => daemon_commands::why(place, turn.as_deref()).await,
        Command::Replay { turn: Some(turn), .. } => replay::one(place, &turn).await,
        Command::Replay { since, with, .. } => replay::all(place, since.as_deref(), with).await,
        Command::Status => daemon_commands::status(place).await,
        Command::Tools => daemon_commands::tools(place).await,
        Command::Call { tool, args, confirm } => daemon_commands::call(place, &tool, &args, confirm.as_deref()).await,
        Command::Route { command } => route::run(place, command).await,
        Command::Workflows { command } => workflows::run(place, command).await,
    }
}
