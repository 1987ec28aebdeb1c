//! Checking a chain: one entry after the other, from the first that is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Entry, Head, Key, Kind, Mac, WrongHead};

/// A head that is known from elsewhere: `HEX` or `NUMBER:HEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    number: Option<u64>,
    mac: Mac,
}

impl From<Head> for Wanted {
    fn from(head: Head) -> Self {
        Self { number: Some(head.number), mac: head.mac }
    }
}

impl FromStr for Wanted {
    type Err = WrongHead;

    fn from_str(text: &str) -> Result<Self, WrongHead> {
        match text.split_once(':') {
            Some((number, mac)) => Ok(Self { number: Some(number.parse().map_err(|_| WrongHead)?), mac: mac.parse()? }),
            None => Ok(Self { number: None, mac: text.parse()? }),
        }
    }
}

/// The first thing that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// An entry is not what was written.
    Changed {
        /// Its number.
        entry: u64,
    },
    /// Entries are not there.
    Removed {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// An entry lies in the place of another one.
    Reordered {
        /// The place.
        entry: u64,
        /// Where it belongs.
        belongs: u64,
    },
    /// An entry does not follow the one before it, which another one must have stood for.
    Replaced {
        /// The number of the one before.
        entry: u64,
    },
    /// The head that is known from elsewhere is not in the chain.
    CutOff {
        /// The last entry that is there.
        last: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { entry } => write!(formatter, "entry {entry} was changed"),
            Self::Removed { first, last } if first == last => write!(formatter, "entry {first} was removed"),
            Self::Removed { first, last } => write!(formatter, "entries {first} to {last} were removed"),
            Self::Reordered { entry, belongs } => {
                write!(formatter, "entries were reordered: in place {entry} lies entry {belongs}")
            }
            Self::Replaced { entry } => write!(formatter, "entry {entry} was replaced by another one"),
            Self::CutOff { last } => write!(
                formatter,
                "the head that was given is not in the chain: what followed entry {last} was cut off, or the head is \
                 another appliance's, or older than what is kept"
            ),
        }
    }
}

/// Entries under a key that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unchecked {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// What a check showed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Whether all that is kept is as it was written.
    pub whole: bool,
    /// How many entries were found good.
    pub entries: u64,
    /// The last entry before a fault, or of all.
    pub head: Option<Head>,
    /// Up to which entry retention has removed what was there; 0 where nothing is removed.
    pub removed_through: u64,
    /// How many calls the chain says were not recorded.
    pub unrecorded: u64,
    /// What can't be checked, because its key is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<Unchecked>,
    /// Whether the head that was given is older than what is kept, so that it says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub head_is_older: bool,
    /// The first fault.
    #[serde(flatten)]
    pub fault: Option<Fault>,
}

/// Checks a chain whose entries it is given in the order of their numbers.
pub struct Verifier<'a> {
    key: &'a Key,
    wanted: Option<Wanted>,
    found: bool,
    /// What the next entry follows.
    end: Head,
    /// Whether an entry of this key was seen, behind which no other key's may lie.
    own: bool,
    report: Report,
}

impl<'a> Verifier<'a> {
    /// A check with `key`; `wanted` must be in the chain.
    pub fn new(key: &'a Key, wanted: Option<Wanted>) -> Self {
        let end = Head { number: 0, mac: Mac::NONE };
        Self { key, wanted, found: false, end, own: false, report: Report::default() }
    }

    /// Takes the entry that lies under `number`; without bytes where they can't be read.
    pub fn take(&mut self, number: u64, bytes: Option<&[u8]>) {
        let entry = bytes.and_then(|bytes| Some((Entry::decode(bytes)?, Entry::is_authentic(self.key, bytes))));
        match entry {
            Some((entry, true)) if entry.kind == Kind::Checkpoint && entry.number == number => self.begin_at(&entry),
            _ if self.report.fault.is_some() => {}
            Some((entry, authentic)) => match self.look_at(number, &entry, authentic) {
                Some(fault) => self.report.fault = Some(fault),
                None => self.accept(&entry),
            },
            None => {
                self.report.fault = Some(self.missing(number).unwrap_or(Fault::Changed { entry: number }));
            }
        }
    }

    /// A checkpoint stands for all before it, also where some of that is still there.
    fn begin_at(&mut self, checkpoint: &Entry<'_>) {
        self.end = checkpoint.end();
        self.own = false;
        self.report = Report { removed_through: checkpoint.number, ..Report::default() };
        self.note(self.end);
    }

    fn look_at(&self, number: u64, entry: &Entry<'_>, authentic: bool) -> Option<Fault> {
        let foreign = !self.key.is_named(entry.key);
        if !authentic && (!foreign || self.own) {
            return Some(self.missing(number).unwrap_or(Fault::Changed { entry: number }));
        }
        if entry.number != number {
            return Some(Fault::Reordered { entry: number, belongs: entry.number });
        }
        // A checkpoint under a key that is gone is where the rest began.
        let begins = foreign && entry.kind == Kind::Checkpoint && self.end.number == 0;
        if let Some(missing) = self.missing(number).filter(|_| !begins) {
            return Some(missing);
        }
        if entry.previous != self.end.mac && !begins {
            return Some(Fault::Replaced { entry: self.end.number.max(1) });
        }
        // Behind entries of a key that is gone, only the beginning of a chain says that it is.
        let follows_foreign = !foreign && !self.own && entry.kind != Kind::Begin;
        match self.report.unchecked {
            Some(unchecked) if follows_foreign => Some(Fault::Changed { entry: unchecked.last }),
            _ => None,
        }
    }

    fn missing(&self, number: u64) -> Option<Fault> {
        let first = self.end.number + 1;
        (number > first).then_some(Fault::Removed { first, last: number.saturating_sub(1) })
    }

    fn accept(&mut self, entry: &Entry<'_>) {
        self.end = entry.end();
        self.note(self.end);
        if self.key.is_named(entry.key) {
            self.own = true;
            self.report.entries += 1;
            if entry.kind == Kind::Gap
                && let Ok(gap) = serde_json::from_slice::<serde_json::Value>(entry.body)
            {
                self.report.unrecorded += gap["count"].as_u64().unwrap_or(0);
            }
        } else {
            let unchecked = self.report.unchecked.get_or_insert(Unchecked { first: entry.number, last: 0 });
            unchecked.last = entry.number;
        }
    }

    fn note(&mut self, at: Head) {
        self.found |= self.wanted.is_some_and(|wanted| wanted.mac == at.mac);
        self.report.head = Some(at);
    }

    /// What the check showed.
    pub fn finish(mut self) -> Report {
        if let (Some(wanted), None, false) = (self.wanted, &self.report.fault, self.found) {
            let older = wanted.number.is_some_and(|number| number < self.report.removed_through);
            self.report.head_is_older = older;
            self.report.fault = (!older).then_some(Fault::CutOff { last: self.end.number });
        }
        self.report.whole = self.report.fault.is_none() && self.report.unchecked.is_none();
        self.report
    }
}
