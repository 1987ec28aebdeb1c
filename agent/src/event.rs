//! Events: what happened.
//!
//! Owns the vocabulary of the journal: each kind of event, its class (how soon it must be durable, and what is dropped
//! first) and the stamp that orders it. An event is appended to the journal (`store::journal`) before anyone is told;
//! panel, fleet, metrics and tests read it there.
//!
//! # Format
//!
//! In JSON, which is also how the store keeps it and how the API and MQTT show it:
//!
//! ```json
//! {"v":1,"epoch":1,"seq":42,"at":{"wall_ms":1790000000000,"trust":"floor","mono_ms":81234,"boot":"9f0c..."},
//!  "trace":"4bf92f3577b34da6a3ce929d0e0e4736","kind":"turn_finished","data":{...}}
//! ```
//!
//! `(epoch, seq)` is unique for the life of the appliance. Readers ignore fields that they do not know.

mod class;
mod kind;
mod stamp;

use serde::{Deserialize, Serialize};

pub use class::Class;
pub use kind::EventKind;
pub use stamp::{BootId, Position, Stamp, TraceId};

/// The version of the event format.
pub const EVENT_FORMAT: u32 = 1;

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of this format.
    pub v: u32,
    /// Its place in the journal.
    #[serde(flatten)]
    pub position: Position,
    /// When it happened.
    pub at: Stamp,
    /// The request that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}
