//! Epochs: why no position is ever used twice.
//!
//! Owns `db.epoch`, a file of 8 KiB beside the database that says which epochs have been given out. It outlives the
//! database (which may be set aside) and is written in place, without needing space, so that it works on a full disk.
//!
//! # The rules
//!
//! 1. Each opening of the database claims two new epochs, both above every epoch ever claimed: one for the journal on
//!    disk, and a spare for the journal in memory, should the disk refuse later. The claim is durable before the first
//!    position of either is given out. So an event that was shown but not yet durable when the power went (chatter) can
//!    not have its position given to another: the next opening counts in another epoch.
//! 2. When the disk refuses, the spare epoch begins; nothing needs to be written for that. The disk's epoch is never
//!    continued. When the disk is back, two new epochs are claimed.
//! 3. A start at which nothing can be written (a read-only disk) cannot claim. It counts in the highest epoch that was
//!    claimed (a spare), from a random place between 2^32 and 2^53 on. A claimed epoch counts from 1 and does not get
//!    that far, and two such starts meet with a chance below one in 500 million. All of its positions lie above what was
//!    given out before and below what is claimed after.
//! 4. The file is made before the database is. Where it is damaged, or missing beside a database, the next claim jumps by
//!    a random amount above two million, which no appliance reaches by counting, from what the database shows.
//!
//! # Format
//!
//! Two slots of 4096 bytes, written in turn, so that a write cut short leaves the other one: magic `VICTUSEP` (8),
//! version 1 (4), highest claimed epoch (8), count of openings (8), CRC-32 of these (4); big-endian; the rest is zero.
//! The valid slot with the highest epoch counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"VICTUSEP";
const VERSION: u32 = 1;
const SLOT: usize = 4096;
const USED: usize = 32;
/// The least jump where it is not known what was claimed; below it count the starts that do not know and cannot claim.
const JUMP: u64 = 1 << 21;

/// What has been given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claim {
    /// The highest claimed epoch.
    pub(super) highest: u64,
    /// How often the store has been opened.
    pub(super) opened: u64,
}

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing has ever been given out.
    Absent,
    /// The file cannot be read, is damaged, or is missing beside a database.
    Lost,
    /// This much has been claimed.
    Claimed(Claim),
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Known {
    let mut bytes = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Known::Absent,
        Err(_) => return Known::Lost,
        Ok(file) => {
            if file.take(2 * SLOT as u64).read_to_end(&mut bytes).is_err() {
                return Known::Lost;
            }
        }
    }
    newest(&bytes).map_or(Known::Lost, |(_, claim)| Known::Claimed(claim))
}

/// Makes `claim` durable. When it returns without error the claim survives a power cut; otherwise nothing may be counted
/// in what it claims.
pub(super) fn write(path: &Path, claim: Claim) -> io::Result<()> {
    let mut bytes = Vec::new();
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return create(path, claim),
        other => other?,
    };
    (&file).take(2 * SLOT as u64).read_to_end(&mut bytes)?;
    let slot = newest(&bytes).map_or(0, |(slot, _)| 1 - slot);
    file.write_all_at(&encode(claim), (slot * SLOT) as u64)?;
    file.sync_data()
}

fn create(path: &Path, claim: Claim) -> io::Result<()> {
    let unfinished = path.with_extension("epoch.new");
    let mut bytes = vec![0; 2 * SLOT];
    bytes[..USED].copy_from_slice(&encode(claim));
    std::fs::write(&unfinished, &bytes)?;
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn newest(bytes: &[u8]) -> Option<(usize, Claim)> {
    (0..2)
        .filter_map(|slot| Some((slot, decode(bytes.get(slot * SLOT..slot * SLOT + USED)?)?)))
        .max_by_key(|(_, claim)| (claim.highest, claim.opened))
}

fn encode(claim: Claim) -> [u8; USED] {
    let mut slot = [0; USED];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..12].copy_from_slice(&VERSION.to_be_bytes());
    slot[12..20].copy_from_slice(&claim.highest.to_be_bytes());
    slot[20..28].copy_from_slice(&claim.opened.to_be_bytes());
    let sum = crc32fast::hash(&slot[..28]);
    slot[28..].copy_from_slice(&sum.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Claim> {
    let number = |from: usize| Some(u64::from_be_bytes(slot.get(from..from + 8)?.try_into().ok()?));
    let sum = u32::from_be_bytes(slot.get(28..USED)?.try_into().ok()?);
    let valid = slot.get(..8)? == MAGIC && slot[8..12] == VERSION.to_be_bytes() && sum == crc32fast::hash(&slot[..28]);
    if valid { Some(Claim { highest: number(12)?, opened: number(20)? }) } else { None }
}

/// The claim that follows `known`, above `seen`, the highest epoch found in the database and what was salvaged.
pub(super) fn next(known: Known, seen: Claim, random: u64) -> Claim {
    let base = match known {
        Known::Claimed(claim) => claim,
        Known::Absent => Claim::default(),
        Known::Lost => {
            let jump = JUMP + random % JUMP;
            Claim { highest: seen.highest.saturating_add(jump), opened: seen.opened.saturating_add(jump) }
        }
    };
    Claim {
        highest: base.highest.max(seen.highest).saturating_add(2),
        opened: base.opened.max(seen.opened).saturating_add(1),
    }
}

/// Where a start that cannot claim begins to count: the epoch, and the sequence before the first.
pub(super) fn unclaimed(known: Known, random: u64) -> (u64, u64) {
    let epoch = match known {
        Known::Claimed(claim) => claim.highest,
        Known::Absent => 0,
        Known::Lost => random % JUMP,
    };
    let place = (1 << 8) + (random >> 20) % ((1 << 29) - (1 << 8));
    (epoch, place << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_read_back_and_a_torn_write_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.epoch");
        assert_eq!(read(&path), Known::Absent);
        for opened in 1..5 {
            let claim = Claim { highest: 2 * opened, opened };
            write(&path, claim).unwrap();
            assert_eq!(read(&path), Known::Claimed(claim));
        }
        let whole = std::fs::read(&path).unwrap();
        let (newest_slot, _) = newest(&whole).unwrap();
        for cut in 0..USED {
            let mut torn = whole.clone();
            torn[newest_slot * SLOT + cut] ^= 0x40;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(read(&path), Known::Claimed(Claim { highest: 6, opened: 3 }), "byte {cut}");
        }
        std::fs::write(&path, vec![7; 8192]).unwrap();
        assert_eq!(read(&path), Known::Lost);
        write(&path, Claim { highest: 9, opened: 9 }).unwrap();
        assert_eq!(read(&path), Known::Claimed(Claim { highest: 9, opened: 9 }));
    }

    #[test]
    fn claims_go_forward_whatever_is_lost() {
        let claimed = Known::Claimed(Claim { highest: 8, opened: 4 });
        let seen = Claim { highest: 6, opened: 3 };
        assert_eq!(next(Known::Absent, Claim::default(), 5), Claim { highest: 2, opened: 1 });
        assert_eq!(next(claimed, seen, 5), Claim { highest: 10, opened: 5 });
        assert_eq!(next(claimed, Claim { highest: 20, opened: 3 }, 5), Claim { highest: 22, opened: 5 });
        let (before, _) = unclaimed(Known::Lost, u64::MAX);
        assert!(next(Known::Lost, seen, 0).highest > before);
    }

    #[test]
    fn a_start_that_cannot_claim_counts_above_all_before_and_below_all_after() {
        let claimed = Known::Claimed(Claim { highest: 8, opened: 4 });
        for random in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let (epoch, seq) = unclaimed(claimed, random);
            assert_eq!(epoch, 8);
            assert!(((1 << 32)..(1 << 53)).contains(&seq), "{seq}");
        }
    }
}
