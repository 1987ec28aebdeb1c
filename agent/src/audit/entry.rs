//! One entry of the chain, as bytes and taken apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Key;

const MAC: usize = 32;
const HEADER: usize = 81;

/// What authenticates an entry and all before it. In text: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; MAC]);

impl Mac {
    /// Stands where there is no entry before.
    pub const NONE: Self = Self([0; MAC]);

    pub(super) fn new(bytes: [u8; MAC]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is 64 hexadecimal digits, as in `audit.head` of a health message, with its number and a colon before if known"
)]
pub struct WrongHead;

impl FromStr for Mac {
    type Err = WrongHead;

    fn from_str(text: &str) -> Result<Self, WrongHead> {
        super::key::from_hex(text.as_bytes()).map(Self).ok_or(WrongHead)
    }
}

impl TryFrom<String> for Mac {
    type Error = WrongHead;

    fn try_from(text: String) -> Result<Self, WrongHead> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of its last entry.
    pub number: u64,
    /// The MAC of that entry.
    #[serde(rename = "head")]
    pub mac: Mac,
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.number, self.mac)
    }
}

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A chain begins.
    Begin,
    /// A call or a refusal.
    Call,
    /// Calls were not recorded.
    Gap,
    /// Stands for entries that retention removed.
    Checkpoint,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Begin, Self::Call, Self::Gap, Self::Checkpoint];
}

/// An entry, read or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Authenticates it.
    pub mac: Mac,
    /// The MAC of the entry before.
    pub previous: Mac,
    /// Its place.
    pub number: u64,
    /// The name of its key.
    pub key: [u8; 8],
    /// What it tells.
    pub kind: Kind,
    /// The rest, JSON.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The bytes of a new entry.
    pub fn encode(key: &Key, previous: Mac, number: u64, kind: Kind, body: &[u8]) -> (Head, Vec<u8>) {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&Mac::NONE.0);
        bytes.extend_from_slice(&previous.0);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&key.name());
        bytes.push(kind as u8);
        bytes.extend_from_slice(body);
        let mac = key.sign(&bytes[MAC..]);
        bytes[..MAC].copy_from_slice(&mac.0);
        (Head { number, mac }, bytes)
    }

    /// Takes an entry apart. Whether it is authentic is another question. None where it has not the form of one.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let kind = Kind::ALL.get(usize::from(header[80])).copied()?;
        Some(Self {
            mac: Mac(header[..MAC].try_into().ok()?),
            previous: Mac(header[32..64].try_into().ok()?),
            number: u64::from_be_bytes(header[64..72].try_into().ok()?),
            key: header[72..80].try_into().ok()?,
            kind,
            body: bytes.get(HEADER..)?,
        })
    }

    /// Whether `key` made the entry in `bytes`.
    pub fn is_authentic(key: &Key, bytes: &[u8]) -> bool {
        bytes.split_at_checked(MAC).is_some_and(|(mac, rest)| key.verifies(mac, rest))
    }

    /// What the next entry has as its `previous`.
    pub fn end(&self) -> Head {
        let mac = if self.kind == Kind::Checkpoint { self.previous } else { self.mac };
        Head { number: self.number, mac }
    }
}
