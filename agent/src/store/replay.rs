//! What sled would throw away.
//!
//! Owns one question, asked before sled opens a database: is there damage in the part of its log that it will replay, with
//! newer records behind it? sled 0.34 takes any damage there for a write that the power cut short, goes on without what
//! follows, and overwrites it. After a power cut that is right; where a bit has changed in the middle, it silently takes the
//! appliance back in time (an acknowledged command would be carried out twice). sled writes the parts of a commit from
//! several threads, so a killed process leaves such a hole too; what lies behind it is then of that commit alone, which
//! nobody was told of. Only reads.
//!
//! # sled's log, as far as it is needed here
//!
//! The file `db` is a row of segments of 512 KiB. A segment begins with CRC-32 (4, inverted), its place in the log (8) and
//! how far the log was stable (8), both xor 7FFF.... Then come messages: CRC-32 over body and the rest of the head (4,
//! inverted), kind (1), length, number of the segment, page (each a variable-length number), body. Numbers in the head of a
//! message are little-endian. Kind 0 is damage, kind 2 the end of the segment. A snapshot `snap.<hexadecimal place>` says
//! from where on the log is replayed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::record;

const SEGMENT: usize = 512 * 1024;
const SEGMENT_HEAD: usize = 20;
const MESSAGE_HEAD: usize = 32;
const KIND_DAMAGED: u8 = 0;
const KIND_END: u8 = 2;

/// Where sled would go on without newer records that are still there: the offset in the file. None where all is well, where
/// nothing is lost but what a killed process had not made durable, or where there is no log to look at.
pub(super) fn would_lose(database: &Path) -> io::Result<Option<u64>> {
    let file = match File::open(database.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let from = replayed_from(database)?;
    let (mut log, mut headless) = (Vec::new(), Vec::new());
    let mut segment = vec![0; SEGMENT];
    for number in 0..file.metadata()?.len().div_ceil(SEGMENT as u64) {
        let base = number * SEGMENT as u64;
        let length = read_up_to(&file, &mut segment, base)?;
        let bytes = &segment[..length];
        match place(bytes) {
            Some(place) => log.push(Stretch::of(bytes, place, base, place < from)),
            // One without a head is free, unless it has what is newest. After a snapshot it may have been free for long.
            None if from == 0 => headless.push((base, numbers(bytes))),
            None => {}
        }
    }
    log.sort_unstable_by_key(|stretch| stretch.place);
    Ok(lost(&log, &headless))
}

/// A segment of the log: what can be read of it, and what lies behind that.
struct Stretch {
    place: u64,
    /// Where in the file it can be read to.
    end: u64,
    complete: bool,
    reached: Vec<u64>,
    behind: Vec<u64>,
}

impl Stretch {
    /// What sled has in its snapshot counts as read.
    fn of(bytes: &[u8], place: u64, base: u64, in_snapshot: bool) -> Self {
        let (reached, complete) = if in_snapshot { (bytes.len(), true) } else { walk(bytes, place / SEGMENT as u64) };
        let (reached, behind, end) = (numbers(&bytes[..reached]), numbers(&bytes[reached..]), base + reached as u64);
        Self { place, end, complete, reached, behind }
    }
}

/// Where the log breaks off with newer records behind it that were durable.
fn lost(log: &[Stretch], headless: &[(u64, Vec<u64>)]) -> Option<u64> {
    // Only the last segment may end early.
    let broken = log.iter().position(|stretch| !stretch.complete || !stretch.behind.is_empty());
    let (read, rest) = log.split_at(broken.map_or(log.len(), |at| at + 1));
    let newest = read.iter().flat_map(|stretch| &stretch.reached).copied().max().unwrap_or(0);
    let behind = read.last().map_or(&[][..], |stretch| &stretch.behind);
    let later = rest.iter().flat_map(|stretch| stretch.reached.iter().chain(&stretch.behind));
    let free = headless.iter().flat_map(|(_, numbers)| numbers);
    let unread: Vec<u64> = behind.iter().chain(later).chain(free).copied().filter(|it| *it > newest).collect();
    let cut_short = broken.is_some() && !rest.is_empty();
    if unread.is_empty() && !cut_short || !unread.is_empty() && is_of_the_last_commit(&unread, newest) {
        return None;
    }
    let newest_free = headless.iter().max_by_key(|(_, numbers)| numbers.iter().max().copied());
    read.get(broken.unwrap_or(usize::MAX)).map(|stretch| stretch.end).or(newest_free.map(|(base, _)| *base))
}

/// Whether these records are all of one commit, which follows at once on the newest that was read: a process that was
/// killed in the middle of a commit may have written a later part of it and not an earlier one. Each commit is durable
/// before the next one begins, so nothing that was acknowledged is among them.
fn is_of_the_last_commit(unread: &[u64], newest: u64) -> bool {
    let commit = |number: u64| number >> record::RECORD_BITS;
    let (Some(first), Some(last)) = (unread.iter().min().copied(), unread.iter().max().copied()) else { return false };
    let follows = commit(first) <= commit(newest) + 1;
    let begins_an_epoch = commit(first).trailing_zeros() >= record::COMMIT_BITS;
    commit(first) == commit(last) && (follows || begins_an_epoch)
}

/// The place in the log of the segment from which on sled replays.
fn replayed_from(database: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in std::fs::read_dir(database)? {
        let name = entry?.file_name();
        let place = name.to_str().and_then(|name| u64::from_str_radix(name.strip_prefix("snap.")?, 16).ok());
        last = last.max(place.unwrap_or(0));
    }
    Ok(last / SEGMENT as u64 * SEGMENT as u64)
}

fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The segment's place in the log, if its head is whole.
fn place(segment: &[u8]) -> Option<u64> {
    let head = segment.get(..SEGMENT_HEAD)?;
    let sum = u32::from_le_bytes(head[..4].try_into().ok()?) ^ u32::MAX;
    let place = u64::from_le_bytes(head[4..12].try_into().ok()?) ^ (u64::MAX >> 1);
    (sum == crc32fast::hash(&head[4..])).then_some(place)
}

/// How far the messages of a segment can be read, and whether that is its end.
fn walk(segment: &[u8], segment_number: u64) -> (usize, bool) {
    let mut at = SEGMENT_HEAD;
    while at + MESSAGE_HEAD <= SEGMENT {
        match segment.get(at..).and_then(|rest| message(rest, segment_number)) {
            Some((_, KIND_END)) => return (segment.len(), true),
            Some((length, _)) => at += length,
            None => return (at.min(segment.len()), false),
        }
    }
    (segment.len(), true)
}

/// The length and kind of the message at the start of `bytes`, if it is whole.
fn message(bytes: &[u8], segment_number: u64) -> Option<(usize, u8)> {
    let sum = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = *bytes.get(4)?;
    let mut rest = bytes.get(5..)?;
    let length = usize::try_from(variable(&mut rest)?).ok()?;
    let segment = variable(&mut rest)?;
    variable(&mut rest)?;
    let head = bytes.len() - rest.len();
    let body = rest.get(..length)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(&bytes[4..head]);
    let whole = kind != KIND_DAMAGED && segment == segment_number && sum == hasher.finalize() ^ u32::MAX;
    whole.then_some((head + length, kind))
}

/// Reads a variable-length number.
fn variable(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    let width = match first {
        0..=240 => 0,
        241..=248 => 1,
        249 => 2,
        _ => usize::from(first) - 247,
    };
    let (digits, rest) = rest.split_at_checked(width)?;
    *bytes = rest;
    let little_endian = digits.iter().rev().fold(0, |number, digit| number << 8 | u64::from(*digit));
    Some(match (first, digits) {
        (0..=240, _) => u64::from(first),
        (241..=248, [low]) => 240 + 256 * (u64::from(first) - 241) + u64::from(*low),
        (249, [high, low]) => 2288 + 256 * u64::from(*high) + u64::from(*low),
        _ => little_endian,
    })
}

/// The write numbers of the envelopes in `bytes`.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let (mut numbers, mut at) = (Vec::new(), 0);
    while let Some(mark) = record::find_mark(bytes, at) {
        at = mark + 1;
        if let Some(record) = record::decode_prefix(&bytes[mark..]) {
            at = mark + record.envelope_len();
            numbers.push(record.number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::engine::{Engine, Write};
    use crate::store::record::Tree;

    fn write(number: u32) -> Write {
        let value = format!("{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(300));
        Write { tree: Tree::Ledger, key: number.to_be_bytes().to_vec(), value: Some(value.into_bytes().into()) }
    }

    /// A database of some segments, opened and closed `times` times.
    fn made(folder: &Path, times: u32) -> std::path::PathBuf {
        let database = folder.join("db");
        for time in 0..times {
            let engine = Engine::open(&database).unwrap();
            engine.number_from(u64::from(time) + 1);
            for number in 0..3000 {
                engine.apply(&[write(time * 3000 + number)]).unwrap();
                if number % 100 == 0 {
                    engine.sync().unwrap();
                }
            }
            engine.sync().unwrap();
            engine.close();
        }
        database
    }

    #[test]
    fn variable_length_numbers_are_read_as_sled_writes_them() {
        for (bytes, number) in [
            (&[0_u8][..], 0),
            (&[240], 240),
            (&[241, 0], 240),
            (&[248, 255], 2287),
            (&[249, 0, 0], 2288),
            (&[249, 255, 255], 67823),
            (&[250, 1, 2, 3], 0x03_0201),
            (&[255, 1, 0, 0, 0, 0, 0, 0, 8], 0x0800_0000_0000_0001),
        ] {
            let mut rest = bytes;
            assert_eq!((variable(&mut rest), rest.len()), (Some(number), 0));
            assert_eq!(variable(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn a_whole_log_and_one_that_was_cut_short_are_well() {
        let folder = tempfile::tempdir().unwrap();
        for times in 1..4 {
            let database = made(&folder.path().join(times.to_string()), times);
            assert_eq!(would_lose(&database).unwrap(), None, "{times}");
            let whole = std::fs::read(database.join("db")).unwrap();
            let places = whole.chunks(SEGMENT).enumerate().filter_map(|(number, bytes)| Some((place(bytes)?, number)));
            let (tip, number) = places.max().unwrap();
            let base = number * SEGMENT;
            let (reached, _) = walk(&whole[base..whole.len().min(base + SEGMENT)], tip / SEGMENT as u64);
            for cut in [1, 1000, 100_000] {
                let mut bytes = whole.clone();
                let end = whole.len().min(base + SEGMENT);
                bytes[base + reached.saturating_sub(cut).max(SEGMENT_HEAD)..end].fill(0);
                std::fs::write(database.join("db"), &bytes).unwrap();
                assert_eq!(would_lose(&database).unwrap(), None, "{times} {cut}");
            }
        }
        assert_eq!(would_lose(&folder.path().join("1/none")).unwrap(), None);
    }

    #[test]
    fn damage_with_newer_records_behind_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let database = made(folder.path(), 1);
        let whole = std::fs::read(database.join("db")).unwrap();
        let tip = whole.chunks(SEGMENT).filter_map(place).max().unwrap();
        let mut tried = 0;
        for (number, segment) in whole.chunks(SEGMENT).enumerate() {
            if place(segment).is_none_or(|place| place == tip) {
                continue;
            }
            for offset in [SEGMENT_HEAD, 30_000, 400_000, 520_000] {
                let at = number * SEGMENT + offset;
                let mut bytes = whole.clone();
                bytes[at] ^= 4;
                std::fs::write(database.join("db"), &bytes).unwrap();
                let seen = would_lose(&database).unwrap();
                assert!(seen.is_some_and(|seen| seen <= at as u64), "{at}: {seen:?}");
                tried += 1;
            }
        }
        assert!(tried > 8);
    }

    #[test]
    fn a_hole_that_a_killed_process_left_in_its_last_commit_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        let engine = Engine::open(&database).unwrap();
        engine.number_from(1);
        for number in 0..200 {
            engine.apply(&[write(number)]).unwrap();
            engine.sync().unwrap();
        }
        let commit: Vec<Write> = (200..260).map(write).collect();
        engine.apply(&commit).unwrap();
        engine.sync().unwrap();
        engine.close();
        let whole = std::fs::read(database.join("db")).unwrap();
        let envelope = |number: u32| {
            let mut from = 0;
            while let Some(mark) = record::find_mark(&whole, from) {
                from = mark + 1;
                let record = record::decode_prefix(&whole[mark..]).filter(|record| record.key == number.to_be_bytes());
                if let Some(record) = record {
                    return mark..mark + record.envelope_len();
                }
            }
            panic!("record {number} is not there")
        };
        let seen_without = |lost: std::ops::Range<usize>| {
            let mut bytes = whole.clone();
            bytes[lost].fill(0);
            std::fs::write(database.join("db"), &bytes).unwrap();
            would_lose(&database).unwrap()
        };
        // sled writes the records of a commit in an order of its own.
        let mut last: Vec<std::ops::Range<usize>> = (200..260).map(envelope).collect();
        last.sort_by_key(|envelope| envelope.start);
        let (first, middle, end) = (last[0].clone(), last[30].start, last[59].start);
        assert_eq!(seen_without(first.clone()), None, "a part of the last commit, with later parts behind it");
        assert_eq!(seen_without(first.start..end), None);
        assert!(seen_without(envelope(198)).is_some(), "a commit that was durable");
        assert!(seen_without(envelope(150).start..first.end).is_some());
        assert!(seen_without(envelope(199).start..middle).is_some(), "the last but one, and a part of the last");
    }
}
