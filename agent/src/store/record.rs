//! Records: how a key and its value lie in the database.
//!
//! Owns the bytes of keys and values, and the check that what is read is what was written. Which records there are, and
//! what their payload means, is for the modules above.
//!
//! # Format
//!
//! Everything lies in one sled tree, so that a commit over several of the store's trees is one sled batch, which is
//! atomic. A sled key is the number of the store's tree (one byte, [`Tree`]) and then the key within it. For the journal
//! that is `epoch (8) | seq (8)`, for the audit chain the number (8); for turns and tables it is the text of the id. All numbers are big-endian, so that keys
//! sort as positions and ids do.
//!
//! A value is an envelope, which carries its own key, so that a record can be recognised, placed and checked wherever it
//! is found, even in a database file that no longer opens:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 2 | mark, `D7 56` |
//! | 2 | 2 | schema version of the payload |
//! | 4 | 1 | number of the tree |
//! | 5 | 1 | length of the key |
//! | 6 | 4 | length of the payload |
//! | 10 | 8 | number of the write: epoch (20 bits), commit within it (30), record within that (14); of two versions the higher is the later |
//! | 18 | 4 | CRC-32 (IEEE) of bytes 0 to 17, the key and the payload |
//! | 22 | .. | key, then payload (JSON; of the audit chain the bytes that `crate::audit` states) |

use crate::event::Position;

/// The schema version that this program writes, and the newest that it reads.
pub(super) const SCHEMA: u16 = 1;

/// The longest key within a tree, in bytes.
pub(super) const MAX_KEY: usize = 200;

/// The longest payload, in bytes. Far below sled's segment (512 KiB), above which a value would become a file of its own.
pub(super) const MAX_PAYLOAD: usize = 128 * 1024;

/// How many bits of a write's number count the records of one commit.
pub(super) const RECORD_BITS: u32 = 14;

/// How many bits of a write's number count the commits of an epoch: at ten a second, three years.
pub(super) const COMMIT_BITS: u32 = 30;

const MARK: [u8; 2] = [0xD7, 0x56];
const HEADER: usize = 22;

/// The store's trees. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tree {
    /// The store's own.
    State = 0,
    Journal = 1,
    Turns = 2,
    /// The ids of turns that have not finished.
    Running = 3,
    Timers = 4,
    Outbox = 5,
    Ledger = 6,
    Meta = 7,
    Schedules = 8,
    /// The audit chain.
    Audit = 9,
    /// Calls under a key.
    Calls = 10,
    /// Runs of workflows.
    Runs = 11,
}

impl Tree {
    pub(super) const ALL: [Self; 12] = [
        Self::State,
        Self::Journal,
        Self::Turns,
        Self::Running,
        Self::Timers,
        Self::Outbox,
        Self::Ledger,
        Self::Meta,
        Self::Schedules,
        Self::Audit,
        Self::Calls,
        Self::Runs,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Journal => "journal",
            Self::Turns => "turns",
            Self::Running => "running",
            Self::Timers => "timers",
            Self::Outbox => "outbox",
            Self::Ledger => "ledger",
            Self::Meta => "meta",
            Self::Schedules => "schedules",
            Self::Audit => "audit",
            Self::Calls => "calls",
            Self::Runs => "runs",
        }
    }

    pub(super) fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// The sled key of `key` in `tree`.
pub(super) fn sled_key(tree: Tree, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(tree.number());
    bytes.extend_from_slice(key);
    bytes
}

/// The journal's key for `position`.
pub(super) fn position_key(position: Position) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&position.epoch.to_be_bytes());
    key[8..].copy_from_slice(&position.seq.to_be_bytes());
    key
}

/// The position that the journal's key `key` stands for.
pub(super) fn key_position(key: &[u8]) -> Option<Position> {
    let (epoch, seq) = (key.get(..8)?, key.get(8..16)?);
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    (key.len() == 16).then_some(Position { epoch: number(epoch)?, seq: number(seq)? })
}

/// A record read from an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) schema: u16,
    pub(super) tree: Tree,
    pub(super) number: u64,
    pub(super) key: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl Record<'_> {
    /// How many bytes the envelope takes.
    pub(super) fn envelope_len(&self) -> usize {
        HEADER + self.key.len() + self.payload.len()
    }
}

/// How many bytes the envelope of a key and a payload takes.
pub(super) fn envelope_bytes(key: usize, payload: usize) -> u64 {
    (HEADER + key + payload) as u64
}

/// The envelope of a record. The caller has checked that key and payload are within their bounds.
pub(super) fn encode(schema: u16, tree: Tree, number: u64, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + key.len() + payload.len());
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&schema.to_be_bytes());
    bytes.push(tree.number());
    bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    let sum = checksum(&bytes, key, payload);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads the envelope at the start of `bytes`, which may be longer. None where there is none, or where it is damaged.
pub(super) fn decode_prefix(bytes: &[u8]) -> Option<Record<'_>> {
    let header = bytes.get(..HEADER)?;
    if header[..2] != MARK {
        return None;
    }
    let key_len = usize::from(header[5]);
    let payload_len = usize::try_from(u32::from_be_bytes(header[6..10].try_into().ok()?)).ok()?;
    if key_len > MAX_KEY || payload_len > MAX_PAYLOAD {
        return None;
    }
    let key = bytes.get(HEADER..HEADER + key_len)?;
    let payload = bytes.get(HEADER + key_len..HEADER + key_len + payload_len)?;
    let sum = u32::from_be_bytes(header[18..22].try_into().ok()?);
    if sum != checksum(&header[..18], key, payload) {
        return None;
    }
    Some(Record {
        schema: u16::from_be_bytes(header[2..4].try_into().ok()?),
        tree: Tree::from_number(header[4])?,
        number: u64::from_be_bytes(header[10..18].try_into().ok()?),
        key,
        payload,
    })
}

/// Reads the value that lies under the sled key `sled_key`. None where it is damaged or belongs to another key.
pub(super) fn decode<'a>(sled_key: &[u8], value: &'a [u8]) -> Option<Record<'a>> {
    let record = decode_prefix(value)?;
    let (tree, key) = sled_key.split_first()?;
    (record.envelope_len() == value.len() && record.tree.number() == *tree && record.key == key).then_some(record)
}

/// Where the next mark begins in `bytes` from `from` on.
pub(super) fn find_mark(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(2).position(|pair| pair == MARK).map(|at| from + at)
}

/// The most bytes that an envelope can take.
pub(super) const MAX_ENVELOPE: usize = HEADER + MAX_KEY + MAX_PAYLOAD;

fn checksum(header: &[u8], key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_any_changed_byte_is_seen(
            key in proptest::collection::vec(any::<u8>(), 1..MAX_KEY),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            number in any::<u64>(),
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let mut value = encode(SCHEMA, Tree::Ledger, number, &key, &payload);
            let sled_key = sled_key(Tree::Ledger, &key);
            let record = decode(&sled_key, &value).unwrap();
            prop_assert_eq!((record.number, record.key, record.payload), (number, &key[..], &payload[..]));
            let at = at.index(value.len());
            value[at] ^= flip;
            prop_assert_eq!(decode(&sled_key, &value), None);
        }

        #[test]
        fn no_bytes_can_upset_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(record) = decode_prefix(&bytes) {
                prop_assert!(record.envelope_len() <= bytes.len());
            }
        }
    }

    #[test]
    fn keys_sort_as_positions_do() {
        let positions =
            [(0, 5), (1, 1), (1, 255), (1, 256), (2, 1), (256, 0)].map(|(epoch, seq)| Position { epoch, seq });
        let keys = positions.map(position_key);
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| key_position(&key)), positions.map(Some));
        assert_eq!(key_position(b"short"), None);
    }

    #[test]
    fn a_value_under_the_wrong_key_is_refused() {
        let value = encode(SCHEMA, Tree::Timers, 1, b"tea", b"{}");
        assert!(decode(&sled_key(Tree::Timers, b"tea"), &value).is_some());
        assert_eq!(decode(&sled_key(Tree::Timers, b"egg"), &value), None);
        assert_eq!(decode(&sled_key(Tree::Ledger, b"tea"), &value), None);
    }
}
