//! The audit chain: what was called and what was refused, so that a later change of it shows.
//!
//! Owns the form of an entry, the key, and the rules by which a chain is checked. Leaves to `store::audit` where entries
//! lie, when they are made and when they go.
//!
//! # Format
//!
//! Entries are numbered from 1 without holes. An entry is these bytes:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 32 | MAC: HMAC-SHA256 with the chain's key over `victus audit 1\0` and bytes 32 to the end |
//! | 32 | 32 | previous: the MAC of the entry before; zeros where there is none, or where it can't be read |
//! | 64 | 8 | number, big-endian |
//! | 72 | 8 | name of the key: the first bytes of HMAC-SHA256 with the key over `victus audit key` |
//! | 80 | 1 | kind: 0 begin, 1 call, 2 gap, 3 checkpoint |
//! | 81 | .. | body, JSON |
//!
//! * **begin**: a chain begins: the first one there is, or the one under a new key where the old key is gone. Body:
//!   `{"reason", "opened", "predecessor": {"number", "head"}}`.
//! * **call**: a call or a refusal. Body: the event `tool_called`, or `command_handled` of a command that was refused before it
//!   became a call (`crate::event`), byte for byte as the journal has it.
//! * **gap**: calls that were not recorded, because the disk refused for longer than memory could hold. Body:
//!   `{"count", "first", "last"}`, the positions of the first and last of those events.
//! * **checkpoint**: stands in place of entry `number` and of all before it, which retention removed; `previous` is the MAC
//!   of the entry that it stands for, so that the next entry follows it. Body: `{"through", "head", "wall_ms", "trust"}`.
//!
//! The **head** is the number and the MAC of the last entry. It leaves with every `health` message.
//!
//! # What a check shows, and what it can't show
//!
//! With the key: every changed byte, every entry that is missing, moved or replaced, and a beginning that was removed
//! without a checkpoint. Entries that are cut off at the end show only against a head that is known from elsewhere: the
//! shorter chain is whole in itself. Whoever has the key can make another chain; against that too only a head from
//! elsewhere helps. The key lies beside the database, so that a head that left the machine is what an auditor should use.
//! Calls that are only in memory when the process is killed are in no chain.

mod entry;
mod key;
mod verify;

pub use entry::{Entry, Head, Kind, Mac, WrongHead};
pub use key::{Key, KeyError};
pub use verify::{Fault, Report, Unchecked, Verifier, Wanted};
