//! A command and its reply, in JSON.
//!
//! Owns both payloads, and what makes two commands the same. A command that cannot be read is refused with what is wrong
//! with it and what would be right. Leaves running it to `commands` and remembering it to `ledger`.
//!
//! # Format
//!
//! `command/<id>`: `{"v":1,"tool":"entity.set","args":{...},"ttl_s":30}`. `tool` is required; `args` is an object, empty
//! where absent; `v` may be absent. It may expire: either `ttl_s`, seconds from its receipt, or `expires`, a time as
//! seconds since 1970 or as RFC 3339 with an offset. `confirm` is the token in the `result` of a command that was refused
//! with the code `confirmation_required`: the same call with another id and with the token is done, within ten seconds and
//! once. Two commands are the same where `tool`, `args`, `ttl_s`, `expires` and `confirm` are equal, in whichever order and
//! spacing they are written.
//!
//! `command/<id>/reply`: `{"v":1,"id":..,"state":..,"epoch":..,"seq":..,"at":{..}}` and, where there is one, `tool`,
//! `result`, `code` (in one word) and `reason` (a sentence), `took_ms`; `"recorded":false` where the appliance may forget
//! the command in a power cut. `accepted` comes first and exactly one of the other states last; a command that is
//! refused or has expired gets only the last. Replies are events of the journal: (epoch, seq) orders them and tells
//! duplicates.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use victus_agent::event::{Event, EventKind};

use super::payloads::{MAX_PAYLOAD, PAYLOAD_VERSION, encode};

/// The largest command in bytes.
pub const MAX_COMMAND: usize = 64 * 1024;

/// The largest result in bytes of JSON that a reply carries.
pub const MAX_RESULT: usize = 16 * 1024;

/// The longest time to live: 31 days.
pub const MAX_TTL: Duration = Duration::from_secs(31 * 24 * 3600);

/// The last second of the year 9999, the end of RFC 3339.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Why a command cannot be read. The message goes back to the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nothing was sent.
    #[error("the command is empty; send a JSON object with `tool` and `args`")]
    Empty,
    /// It is too large.
    #[error("the command has {0} bytes; {MAX_COMMAND} is the most")]
    TooLarge(usize),
    /// It is no JSON.
    #[error("the command is not JSON: {0}")]
    NotJson(String),
    /// It is JSON of another form.
    #[error("{0}")]
    WrongForm(String),
}

/// Until when a command may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// For ever.
    Never,
    /// Until this wall time, in milliseconds since 1970.
    At(i64),
    /// For this long after it was received.
    After(Duration),
}

/// What a server wants done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The tool's name.
    pub tool: String,
    /// Its arguments: an object.
    pub args: Value,
    /// Until when it may be begun.
    pub expiry: Expiry,
    /// The token by which it is agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(payload: &[u8]) -> Result<Self, CommandError> {
        if payload.is_empty() {
            return Err(CommandError::Empty);
        }
        if payload.len() > MAX_COMMAND {
            return Err(CommandError::TooLarge(payload.len()));
        }
        let value: Value = serde_json::from_slice(payload).map_err(|error| CommandError::NotJson(error.to_string()))?;
        let Value::Object(mut fields) = value else {
            return Err(wrong("the command is not a JSON object; send {\"tool\":..,\"args\":{..}}"));
        };
        match fields.get("v") {
            None => {}
            Some(version) if version.as_u64() == Some(u64::from(PAYLOAD_VERSION)) => {}
            Some(_) => return Err(wrong("`v` is the version of the command's form; 1 is the only one")),
        }
        let tool = match fields.remove("tool") {
            Some(Value::String(tool)) if (1..=128).contains(&tool.len()) => tool,
            _ => return Err(wrong("`tool` must be the name of a tool, as in \"entity.set\"")),
        };
        let args = match fields.remove("args") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(args @ Value::Object(_)) => args,
            Some(_) => return Err(wrong("`args` must be a JSON object with the tool's arguments")),
        };
        let expiry = read_expiry(fields.get("expires"), fields.get("ttl_s"))?;
        let confirm = match fields.remove("confirm") {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) if (1..=128).contains(&token.len()) => Some(token),
            Some(_) => return Err(wrong("`confirm` must be the token of the reply that asked for it")),
        };
        Ok(Self { tool, args, expiry, confirm })
    }

    /// SHA-256 over what the command says, in hexadecimal. Equal for equal commands.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        let mut said = json!({"tool": self.tool, "args": self.args, "expiry": self.expiry});
        if let Some(token) = &self.confirm {
            said["confirm"] = token.as_str().into();
        }
        write_canonical(&said, &mut text);
        sha256(text.as_bytes())
    }
}

fn wrong(what: &str) -> CommandError {
    CommandError::WrongForm(what.to_owned())
}

fn read_expiry(expires: Option<&Value>, ttl: Option<&Value>) -> Result<Expiry, CommandError> {
    let (expires, ttl) = (expires.filter(|value| !value.is_null()), ttl.filter(|value| !value.is_null()));
    match (expires, ttl) {
        (None, None) => Ok(Expiry::Never),
        (Some(_), Some(_)) => Err(wrong("`expires` and `ttl_s` exclude each other; send one of them")),
        (None, Some(ttl)) => match ttl.as_f64() {
            Some(seconds) if seconds > 0.0 && seconds <= MAX_TTL.as_secs_f64() => {
                Ok(Expiry::After(Duration::from_secs_f64(seconds)))
            }
            _ => Err(wrong("`ttl_s` must be a number of seconds above 0 and at most 2678400 (31 days)")),
        },
        (Some(expires), None) => read_time(expires)
            .map(Expiry::At)
            .ok_or_else(|| wrong("`expires` must be seconds since 1970, or a time as in \"2026-09-21T14:30:00Z\"")),
    }
}

fn read_time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) if text.len() <= 64 => {
            text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
        }
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))?;
            // In range by the line above, so the cast neither wraps nor saturates.
            #[allow(clippy::cast_possible_truncation)]
            Some((seconds * 1000.0) as i64)
        }
        _ => None,
    }
}

/// SHA-256 of `bytes` in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Writes `value` with the keys of every object sorted, whichever order the parser keeps.
pub(crate) fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for key in keys {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(fields.get(key).unwrap_or(&Value::Null), text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Recorded, not yet begun.
    Accepted,
    /// Begun.
    Running,
    /// Done, and the effect was seen.
    Done,
    /// Tried, and failed.
    Failed,
    /// A rule forbids it, or it cannot be read.
    Refused,
    /// Its time was over before it was begun.
    Expired,
    /// The appliance ended while it ran. Whether it took effect is not known; it is never run again.
    Uncertain,
}

impl CommandState {
    /// The state in one word, as in `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Uncertain => "uncertain",
        }
    }

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Running)
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// [`PAYLOAD_VERSION`].
    pub v: u32,
    /// The command's id.
    pub id: String,
    /// How it stands.
    pub state: CommandState,
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What the tool returned.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
    /// The rule that refused it, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was not done, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long the tool ran, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// False where the command may be forgotten in a power cut.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub recorded: bool,
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Reply {
    /// A reply that says nothing but the state.
    pub fn new(id: &str, state: CommandState) -> Self {
        Self {
            v: PAYLOAD_VERSION,
            id: id.to_owned(),
            state,
            tool: None,
            result: Value::Null,
            code: None,
            reason: None,
            took_ms: None,
            recorded: true,
        }
    }

    /// The same with a reason.
    pub fn because(mut self, code: &str, reason: impl Into<String>) -> Self {
        self.code = Some(code.to_owned());
        self.reason = Some(reason.into());
        self
    }

    /// The event that carries it.
    pub fn into_event(self, link: &str) -> EventKind {
        EventKind::CommandHandled {
            link: link.to_owned(),
            id: self.id.clone(),
            state: self.state.as_str().to_owned(),
            reply: serde_json::to_value(&self).unwrap_or(Value::Null),
        }
    }
}

/// The command id and payload of the reply that `event` carries over `link`; none where it carries none.
pub fn reply_of(event: &Event, link: &str) -> Option<(String, Vec<u8>)> {
    let EventKind::CommandHandled { link: of_link, id, reply: Value::Object(reply), .. } = &event.kind else {
        return None;
    };
    if of_link != link {
        return None;
    }
    let mut fields = reply.clone();
    fields.insert("epoch".to_owned(), event.position.epoch.into());
    fields.insert("seq".to_owned(), event.position.seq.into());
    fields.insert("at".to_owned(), serde_json::to_value(&event.at).unwrap_or(Value::Null));
    let mut bytes = encode(&fields);
    if bytes.len() > MAX_PAYLOAD {
        fields.remove("result");
        fields.insert("left_out_bytes".to_owned(), bytes.len().into());
        bytes = encode(&fields);
    }
    Some((id.clone(), bytes))
}

#[cfg(test)]
mod tests;
