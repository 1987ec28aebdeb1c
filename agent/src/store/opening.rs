//! Opening the database, whatever state it is in.
//!
//! Owns the way from a folder to an open, checked database with newly claimed epochs: sweep, open, check every record,
//! migrate; where that fails because of damage, set aside, salvage and begin anew; where the disk is full, give up the
//! ballast. Everything here runs on the disk thread, in bounded time.
//!
//! # Files
//!
//! Beside the database `db`: `db.lock`, `db.epoch`, `db.ballast`, `db.audit-key` (the key of the audit chain); `db.bad-<n>`, the last database that was set aside;
//! `db.new`, one that is being filled with what was salvaged and is not complete. A `db.bad-<n>` without a `db` is a
//! salvage that was cut short, and is done again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::audit::Chain;
use super::engine::{Engine, Fault, Found, Write};
use super::epoch::{self, Claim, Known};
use super::migrate::{MIGRATIONS, migrate};
use super::record::{self, SCHEMA, Tree};
use super::retention::Stocks;
use super::{audit, ballast, replay, salvage};
use crate::event::Position;

/// How many damaged records are named at most; the rest is counted.
const NAMED: usize = 1000;

/// The key of [`State`].
const STATE: &[u8] = b"state";

/// Where things lie.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) database: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) epoch: PathBuf,
    pub(super) ballast: PathBuf,
    pub(super) probe: PathBuf,
    pub(super) audit_key: PathBuf,
    unfinished: PathBuf,
}

impl Paths {
    pub(super) fn new(database: &Path) -> Self {
        let folder = match database.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let name = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = |end: &str| folder.join(format!("{name}.{end}"));
        Self {
            database: database.to_path_buf(),
            lock: beside("lock"),
            epoch: beside("epoch"),
            ballast: beside("ballast"),
            probe: beside("probe"),
            audit_key: beside("audit-key"),
            unfinished: beside("new"),
            folder,
        }
    }

    /// The databases that were set aside, by number.
    fn set_aside(&self) -> io::Result<BTreeMap<u64, PathBuf>> {
        let name = self.database.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let file_name = entry.file_name();
            let rest = file_name.to_str().and_then(|text| text.strip_prefix(&name)?.strip_prefix(".bad-"));
            if let Some(number) = rest.and_then(|rest| rest.parse().ok()) {
                found.insert(number, entry.path());
            }
        }
        Ok(found)
    }

    fn sync_folder(&self) -> Result<(), Fault> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| Fault::from_io(&error))
    }
}

/// What the store keeps about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    schema: u16,
    opened: u64,
    epoch: u64,
}

/// What was done with a database that did not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetAside {
    pub(super) moved_to: String,
    pub(super) salvaged: BTreeMap<String, u64>,
    pub(super) reason: String,
}

/// What a look at every record showed.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub(super) stocks: Stocks,
    pub(super) last: Position,
    pub(super) damaged: Vec<(Tree, Vec<u8>)>,
    pub(super) damaged_count: u64,
    seen: Claim,
    /// Up to which entry of the audit chain a checkpoint stands for what was removed.
    audit_removed: u64,
    /// The newest schema above this program's.
    newest: u16,
    /// Whether there are records of an older schema.
    older: bool,
}

/// An open database.
pub(super) struct Opened {
    pub(super) engine: Engine,
    pub(super) inspected: Inspected,
    pub(super) set_aside: Option<SetAside>,
    pub(super) opened: u64,
    /// The epoch of the journal on disk; the next one is the spare.
    pub(super) epoch: u64,
    /// The end of the audit chain.
    pub(super) chain: Chain,
}

/// What an opening is told.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) paths: Paths,
    pub(super) ballast_bytes: u64,
    pub(super) random: fn() -> u64,
    /// The epoch above which epochs are claimed, beside all else.
    pub(super) above: u64,
    /// Why the database is to be set aside without being tried.
    pub(super) condemned: Option<String>,
}

/// Opens the database and claims epochs.
pub(super) fn open(request: &Request) -> Result<Opened, Fault> {
    let (paths, ballast_bytes) = (&request.paths, request.ballast_bytes);
    let opened = match attempt(request) {
        Err(Fault::Full(_)) if ballast::free(&paths.ballast) => {
            log::warn!("the disk is full: the ballast {} was deleted", paths.ballast.display());
            attempt(request)?
        }
        other => other?,
    };
    if !ballast::keep(&paths.ballast, ballast_bytes) && ballast_bytes > 0 {
        log::warn!("there is no room for the ballast {}: free some space on that disk", paths.ballast.display());
    }
    Ok(opened)
}

fn attempt(request: &Request) -> Result<Opened, Fault> {
    let paths = &request.paths;
    fs::create_dir_all(&paths.folder).map_err(|error| Fault::from_io(&error))?;
    let known = what_is_known(paths);
    if known == Known::Absent {
        epoch::write(&paths.epoch, Claim::default()).map_err(|error| Fault::from_io(&error))?;
    }
    let (engine, mut inspected, set_aside) = open_or_rebuild(paths, request.condemned.as_deref())?;
    let mut seen = inspected.seen;
    seen.highest = seen.highest.max(request.above);
    let claimed = claim(paths, &engine, epoch::next(known, seen, (request.random)()));
    let begun = claimed.and_then(|claim| {
        let (chain, begun) =
            Chain::open(&engine, &paths.audit_key, inspected.audit_removed, claim.opened, request.random)?;
        begun.into_iter().for_each(|bytes| inspected.stocks.audit.add(bytes));
        Ok((claim, chain))
    });
    match begun {
        Ok((claim, chain)) => {
            let (opened, epoch) = (claim.opened, claim.highest - 1);
            Ok(Opened { engine, inspected, set_aside, opened, epoch, chain })
        }
        Err(fault) => {
            engine.close();
            Err(fault)
        }
    }
}

/// What is known of the epochs: a file that is missing beside a database was lost.
fn what_is_known(paths: &Paths) -> Known {
    let alone = || !paths.database.exists() && paths.set_aside().is_ok_and(|bad| bad.is_empty());
    match epoch::read(&paths.epoch) {
        Known::Absent if !alone() => Known::Lost,
        known => known,
    }
}

fn claim(paths: &Paths, engine: &Engine, claim: Claim) -> Result<Claim, Fault> {
    epoch::write(&paths.epoch, claim).map_err(|error| Fault::from_io(&error))?;
    engine.number_from(claim.highest);
    let state = State { schema: SCHEMA, opened: claim.opened, epoch: claim.highest };
    let payload = serde_json::to_vec(&state).map_err(|error| Fault::Damaged(error.to_string()))?;
    engine.apply(&[Write { tree: Tree::State, key: STATE.to_vec(), value: Some(payload.into()) }])?;
    engine.sync()?;
    Ok(claim)
}

/// Where a journal that begins in memory counts: the epoch, the sequence before the first, and how often the store has been
/// opened. Claims where that can be done.
pub(super) fn begin_in_memory(paths: &Paths, random: u64) -> (u64, u64, u64) {
    let known = what_is_known(paths);
    let claim = epoch::next(known, Claim::default(), random);
    match epoch::write(&paths.epoch, claim) {
        Ok(()) => (claim.highest, 0, claim.opened),
        Err(_) => {
            let (epoch, last) = epoch::unclaimed(known, random);
            (epoch, last, claim.opened)
        }
    }
}

/// Whether the disk takes a write, and has `room` bytes free, counting the ballast.
pub(super) fn probe(paths: &Paths, room: u64) -> Result<(), Fault> {
    let io_fault = |error: io::Error| Fault::from_io(&error);
    let ballast = paths.ballast.metadata().map_or(0, |metadata| metadata.len());
    if ballast::free_bytes(&paths.folder).map_err(io_fault)?.saturating_add(ballast) < room {
        return Err(Fault::Full(format!("less than {} MB are free", room >> 20)));
    }
    let written = File::create(&paths.probe).and_then(|mut file| {
        io::Write::write_all(&mut file, &[0; 512])?;
        file.sync_all()
    });
    fs::remove_file(&paths.probe).or(written).map_err(io_fault)
}

fn open_or_rebuild(paths: &Paths, condemned: Option<&str>) -> Result<(Engine, Inspected, Option<SetAside>), Fault> {
    let before = paths.set_aside().map_err(|error| Fault::from_io(&error))?;
    if !paths.database.exists() {
        return match before.last_key_value() {
            Some((_, bad)) => rebuild(paths, bad, "salvaging it was cut short before".to_owned(), true),
            None => check(&paths.database).map(|(engine, inspected)| (engine, inspected, None)),
        };
    }
    let reason = match condemned {
        Some(reason) => reason.to_owned(),
        None => match check(&paths.database) {
            Ok((engine, inspected)) => return Ok((engine, inspected, None)),
            Err(Fault::Damaged(reason)) => reason,
            // The disk takes writes, so it is these files that cannot be read: a bad block.
            Err(Fault::Device(reason)) if probe(paths, 0).is_ok() => reason,
            Err(fault) => return Err(fault),
        },
    };
    let bad = set_aside(paths, before, &reason)?;
    rebuild(paths, &bad, reason, condemned.is_none())
}

fn set_aside(paths: &Paths, before: BTreeMap<u64, PathBuf>, reason: &str) -> Result<PathBuf, Fault> {
    let number = before.last_key_value().map_or(1, |(number, _)| number + 1);
    let name = paths.database.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bad = paths.folder.join(format!("{name}.bad-{number}"));
    log::error!("the database is set aside as {}: {reason}", bad.display());
    fs::rename(&paths.database, &bad).map_err(|error| Fault::from_io(&error))?;
    paths.sync_folder()?;
    for (_, older) in before {
        // The disk is small: one is kept to look into.
        if let Err(error) = fs::remove_dir_all(&older) {
            log::warn!("{} was not removed: {error}", older.display());
        }
    }
    Ok(bad)
}

/// Opens the database, and closes it again where it is not good.
fn check(database: &Path) -> Result<(Engine, Inspected), Fault> {
    if let Some(at) = replay::would_lose(database).map_err(|error| Fault::from_io(&error))? {
        return Err(Fault::Damaged(format!("records written after the place {at} in its log could not be reached")));
    }
    let engine = Engine::open(database)?;
    match prepare(&engine) {
        Ok(inspected) => Ok((engine, inspected)),
        Err(fault) => {
            engine.close();
            Err(fault)
        }
    }
}

fn rebuild(
    paths: &Paths,
    bad: &Path,
    reason: String,
    ask_sled: bool,
) -> Result<(Engine, Inspected, Option<SetAside>), Fault> {
    let io_fault = |error: io::Error| Fault::from_io(&error);
    if paths.unfinished.exists() {
        fs::remove_dir_all(&paths.unfinished).map_err(io_fault)?;
    }
    let fresh = Engine::open(&paths.unfinished)?;
    let salvaged = salvage::salvage(bad, &fresh, ask_sled);
    let synced = salvaged.and_then(|salvaged| fresh.sync().map(|()| salvaged));
    fresh.close();
    let salvaged = synced?;
    fs::rename(&paths.unfinished, &paths.database).map_err(io_fault)?;
    paths.sync_folder()?;
    let (engine, inspected) = check(&paths.database)?;
    Ok((engine, inspected, Some(SetAside { moved_to: bad.display().to_string(), salvaged, reason })))
}

/// Looks at every record.
pub(super) fn inspect(engine: &Engine) -> Result<Inspected, Fault> {
    let mut inspected = Inspected::default();
    engine.visit(&[], |sled_key, value| {
        match record::decode(sled_key, value) {
            Some(record) if record.schema == SCHEMA => inspected.count(&record),
            Some(record) if record.schema > SCHEMA => inspected.newest = inspected.newest.max(record.schema),
            Some(_) => inspected.older = true,
            None => inspected.damaged(sled_key),
        }
        inspected.newest <= SCHEMA
    })?;
    if let Some(Found::Record { payload, .. }) = engine.get(Tree::State, STATE)?
        && let Ok(state) = serde_json::from_slice::<State>(&payload)
    {
        inspected.seen.highest = inspected.seen.highest.max(state.epoch);
        inspected.seen.opened = state.opened;
        inspected.newest = inspected.newest.max(state.schema);
    }
    Ok(inspected)
}

/// Brings the database up to this schema and looks at every record in it. One of a newer schema refuses the whole
/// before anything is written to it.
fn prepare(engine: &Engine) -> Result<Inspected, Fault> {
    let mut inspected = inspect(engine)?;
    if inspected.newest > SCHEMA {
        return Err(Fault::Newer(inspected.newest));
    }
    if inspected.older {
        migrate(engine, MIGRATIONS)?;
        inspected = inspect(engine)?;
    }
    Ok(inspected)
}

impl Inspected {
    fn count(&mut self, record: &record::Record<'_>) {
        let size = record.envelope_len() as u64;
        match record.tree {
            Tree::Journal => {
                self.stocks.journal.add(size);
                if let Some(position) = record::key_position(record.key) {
                    self.last = self.last.max(position);
                    self.seen.highest = self.seen.highest.max(position.epoch);
                }
            }
            Tree::Turns => self.stocks.turns.add(size),
            Tree::Audit => {
                self.stocks.audit.add(size);
                let checkpoint = audit::checkpoint_number(record.key, record.payload);
                self.audit_removed = self.audit_removed.max(checkpoint.unwrap_or(0));
            }
            _ => {}
        }
    }

    fn damaged(&mut self, sled_key: &[u8]) {
        self.damaged_count += 1;
        let tree = sled_key.first().and_then(|number| Tree::from_number(*number));
        if let (Some(tree), true) = (tree, self.damaged.len() < NAMED) {
            self.damaged.push((tree, sled_key[1..].to_vec()));
        }
    }
}
