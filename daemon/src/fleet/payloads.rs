//! What the appliance says of itself and of its journal, in JSON.
//!
//! Owns the payloads of `presence`, `about`, `health` and `event`, and their largest size. Commands and their replies are
//! in `command`. Promises that no payload is larger than [`MAX_PAYLOAD`]: what does not fit is left out, and the payload
//! says so. Leaves topics to `topics` and measuring to `readings`.
//!
//! # Format
//!
//! Every payload has `"v":1`. A reader ignores fields that it does not know; a field is added without a new version and
//! never changes its meaning. Times are `{"wall_ms","trust","mono_ms"}`: milliseconds since 1970, how far that is
//! trusted (`unset`, `floor`, `synchronised`), and milliseconds since boot.
//!
//! An `event` is one event of the journal (`victus_agent::event`) with `lane`: `backlog` for what happened before the
//! session began, `live` for the rest. The order of (epoch, seq) holds within a lane; a duplicate has an equal
//! (epoch, seq). Where the journal has a hole, the event after it carries `gap`: everything strictly between the
//! positions `after` and `before` is missing; `count` says how many events that are and is absent where an epoch ended
//! in between, because nobody knows. A new epoch, which begins at every start, is no hole by itself. An event that is
//! too large goes out without `data`, with `left_out_bytes`.

use serde::Serialize;
use serde_json::Value;
use victus_agent::audit::Head;
use victus_agent::event::{BootId, Event, Position, Stamp};
use victus_agent::tool::{Risk, Role};
use victus_hw::clock::{Clock, ClockTrust};

/// The version of all payloads.
pub const PAYLOAD_VERSION: u32 = 1;

/// The largest payload in bytes. The smallest limit of the brokers that the contract names: 128 KiB of AWS IoT Core
/// (its quota "message size"); Mosquitto, EMQX, NATS and RabbitMQ take 1 MiB and more.
pub const MAX_PAYLOAD: usize = 128 * 1024;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct At {
    /// Milliseconds since 1970 (UTC).
    pub wall_ms: i64,
    /// How far `wall_ms` may be believed.
    pub trust: ClockTrust,
    /// Milliseconds since the machine booted.
    pub mono_ms: u64,
}

impl At {
    /// The time that `clock` shows.
    pub fn now(clock: &dyn Clock) -> Self {
        let wall = clock.wall();
        let mono_ms = u64::try_from(clock.monotonic().since_boot().as_millis()).unwrap_or(u64::MAX);
        Self { wall_ms: wall.unix_ms, trust: wall.trust, mono_ms }
    }
}

/// Whether the appliance is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    /// Connected.
    Online,
    /// Gone: said at a goodbye, or by the broker as the last will.
    Offline,
}

/// `presence`: retained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// [`PAYLOAD_VERSION`].
    pub v: u32,
    /// Whether it is there.
    pub state: PresenceState,
    /// The boot of the machine.
    pub boot: BootId,
    /// When the connection was made; in a goodbye, when it was said.
    pub at: At,
}

impl Presence {
    /// Presence as of now.
    pub fn new(state: PresenceState, boot: BootId, clock: &dyn Clock) -> Self {
        Self { v: PAYLOAD_VERSION, state, boot, at: At::now(clock) }
    }
}

/// A tool in `about`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutTool {
    /// Its name.
    pub name: String,
    /// One sentence on what it does.
    pub description: String,
    /// What its effect is worth.
    pub risk: Risk,
    /// The least role that may call it.
    pub role: Role,
    /// Whether this link may call it.
    pub allowed: bool,
    /// SHA-256 of the JSON Schema of its arguments, as `sha256:<hex>`.
    pub schema: String,
}

/// `about`: retained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// [`PAYLOAD_VERSION`].
    pub v: u32,
    /// Its id.
    pub device: String,
    /// The site where it stands.
    pub site: String,
    /// The language that it speaks.
    pub language: String,
    /// The version of the program.
    pub version: String,
    /// Whether its devices are simulated.
    pub simulated: bool,
    /// The machine, such as `Raspberry Pi 5 Model B Rev 1.0`.
    pub model: String,
    /// The version of the kernel.
    pub kernel: String,
    /// The architecture, such as `aarch64`.
    pub arch: String,
    /// Which parts of the contract it speaks.
    pub capabilities: Vec<&'static str>,
    /// Its tools.
    pub tools: Vec<AboutTool>,
    /// Its entities, as the API shows them, without their values.
    pub entities: Vec<Value>,
    /// How many entities did not fit.
    #[serde(skip_serializing_if = "is_zero")]
    pub entities_left_out: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl About {
    /// As it goes out: entities are left out from the end until it fits.
    pub fn encode(mut self) -> Vec<u8> {
        let mut bytes = encode(&self);
        while bytes.len() > MAX_PAYLOAD && !self.entities.is_empty() {
            let kept = self.entities.len() / 2;
            self.entities_left_out += self.entities.len() - kept;
            self.entities.truncate(kept);
            bytes = encode(&self);
        }
        while bytes.len() > MAX_PAYLOAD && !self.tools.is_empty() {
            self.tools.truncate(self.tools.len() / 2);
            bytes = encode(&self);
        }
        bytes
    }
}

/// Free and whole space, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Space {
    /// What is left for the appliance.
    pub free: u64,
    /// What there is.
    pub total: u64,
}

/// `health`: retained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HealthReport {
    /// [`PAYLOAD_VERSION`].
    pub v: u32,
    /// `state` and `why` of the appliance as a whole.
    #[serde(flatten)]
    pub overall: Value,
    /// Each loop with its state.
    pub loops: Value,
    /// The store.
    pub store: Value,
    /// The end of the audit chain, `{"number", "head"}`: kept elsewhere, it shows what is cut off here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Head>,
    /// When this was measured.
    pub at: At,
    /// Load averages over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
    /// The processor's temperature in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
    /// Resident memory of the daemon in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The file system that holds the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Space>,
    /// Events of the journal that the broker has not yet confirmed on this link; exact within one epoch.
    pub unsent: u64,
}

impl HealthReport {
    /// As it goes out: what cannot be bounded otherwise is left out where it does not fit.
    pub fn encode(mut self) -> Vec<u8> {
        let mut bytes = encode(&self);
        if bytes.len() > MAX_PAYLOAD {
            self.loops = Value::Null;
            bytes = encode(&self);
        }
        bytes
    }
}

/// Which lane an event travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// It happened while the link was up.
    Live,
    /// It happened before.
    Backlog,
}

/// Events that are missing before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MissingBefore {
    /// The last position that is accounted for.
    pub after: Position,
    /// The position of the event that says this.
    pub before: Position,
    /// How many are missing between; absent where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventMessage<'a> {
    #[serde(flatten)]
    event: &'a Event,
    lane: Lane,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<MissingBefore>,
}

#[derive(Serialize)]
struct EventWithoutData<'a> {
    v: u32,
    #[serde(flatten)]
    position: Position,
    at: &'a Stamp,
    kind: &'static str,
    lane: Lane,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<MissingBefore>,
    left_out_bytes: usize,
}

impl<'a> EventMessage<'a> {
    /// An event on its way.
    pub fn new(event: &'a Event, lane: Lane, gap: Option<MissingBefore>) -> Self {
        Self { event, lane, gap }
    }

    /// As it goes out: without its data where it does not fit.
    pub fn encode(&self) -> Vec<u8> {
        let bytes = encode(self);
        if bytes.len() <= MAX_PAYLOAD {
            return bytes;
        }
        encode(&EventWithoutData {
            v: self.event.v,
            position: self.event.position,
            at: &self.event.at,
            kind: self.event.kind.name(),
            lane: self.lane,
            gap: self.gap,
            left_out_bytes: bytes.len(),
        })
    }
}

/// JSON of `payload`. A value that has no JSON (none of this module's) becomes an empty object with the reason.
pub(crate) fn encode<T: Serialize>(payload: &T) -> Vec<u8> {
    serde_json::to_vec(payload).unwrap_or_else(|error| {
        let reason = serde_json::json!({"v": PAYLOAD_VERSION, "error": error.to_string()});
        reason.to_string().into_bytes()
    })
}

#[cfg(test)]
mod tests;
