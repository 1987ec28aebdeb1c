//! The lock that keeps a second program away from the database.
//!
//! Owns `db.lock`, a file beside the database with the holder's process id, held by `flock` for as long as the store is
//! open. The kernel releases it when the process ends, however it ends. On a disk that cannot be written the existing
//! file, or else the folder, is locked instead.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Bytes in the lock file: a process id and blanks. The length never changes, so that a full disk does not matter.
const LENGTH: usize = 16;

/// A held lock.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another process holds it; its id, where it can be known.
    Held(Option<u32>),
    /// The file cannot be opened.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock in the file `path`, which lies in the folder `folder`.
    pub(super) fn take(path: &Path, folder: &Path) -> Result<Self, Refused> {
        let writable = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let (mut file, can_write) = match writable {
            Ok(file) => (file, true),
            Err(_) => match File::open(path).or_else(|_| File::open(folder)) {
                Ok(file) => (file, false),
                Err(error) => return Err(Refused::Io(error)),
            },
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Refused::Held(holder(&mut file))),
            Err(error) => return Err(Refused::Io(error.into())),
        }
        if can_write && let Err(error) = write_pid(&mut file) {
            log::debug!("the process id was not written to {}: {error}", path.display());
        }
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{:<width$}\n", std::process::id(), width = LENGTH - 1).as_bytes())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LENGTH as u64).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.lock");
        let first = Lock::take(&path, folder.path()).unwrap();
        match Lock::take(&path, folder.path()) {
            Err(Refused::Held(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("the lock was had twice: {other:?}"),
        }
        drop(first);
        Lock::take(&path, folder.path()).unwrap();
    }
}
