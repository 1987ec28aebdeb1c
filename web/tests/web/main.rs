//! The web of a real appliance on simulated lines, over real sockets: its answers, its errors, its doors, the live
//! journal and the panel's files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod answers;
mod bench;
mod client;
mod doors;
mod errors;
mod live;
mod panel;
