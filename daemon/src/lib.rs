//! The programs `victusd` and `victus`: configuration, supervision, the fleet link, logging and the command line.

pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod fleet;
pub mod logging;
pub mod supervisor;
pub mod systemd;
pub mod wiring;
