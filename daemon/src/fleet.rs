//! The link to the fleet: MQTT 3.1.1 by the contract `victus/v1/<site>/<device>/...`.
//!
//! Owns what goes over a link and when, and what a command from outside may do. A link is one connection to one broker
//! with its own will, session and cursor; several run beside each other and know nothing of one another.
//!
//! * The journal is the queue. [`outbox`] owns each record until its own PUBACK and offers it again after every new
//!   session; nothing else publishes events or replies.
//! * Retained state (presence, about, health) is sent anew from the current state after every connection.
//! * An effect happens once: [`commands`] asks the durable [`ledger`] before it runs anything.
//! * Only [`link`] knows the MQTT library.
//!
//! The wiring makes [`LinkOptions`] from the config and gives [`run_link`] to the supervisor. Leaves to others: the
//! journal and the tables (`victus_agent::store`), what a tool may do and its audit (`victus_agent::tool::runtime`),
//! starting a link again that ended with an error (the supervisor).

mod announcer;
pub mod backoff;
pub mod bucket;
pub mod command;
pub mod commands;
pub mod ledger;
pub mod link;
pub mod options;
pub mod outbox;
pub mod payloads;
mod readings;
mod session;
pub mod tls;
pub mod topics;
pub mod uplink;
pub mod watch;

pub use options::{Credentials, LinkOptions, TlsIdentity, TlsOptions};
pub use outbox::Limits;
pub use uplink::{LinkError, run_link};

#[cfg(test)]
mod tests;
