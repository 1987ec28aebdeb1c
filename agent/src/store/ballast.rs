//! The ballast: a file that is deleted when the disk is full.
//!
//! Owns `db.ballast`. sled cannot even open a database on a full disk; the ballast's space lets it open, and lets what
//! was held in memory be written. It is made again when there is room for it several times over.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Bytes that anyone may still write to the disk that holds `folder`.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let status = statvfs(folder)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// Makes the ballast where there is none and the disk keeps twice its size free beside it. Whether there is one then.
pub(super) fn keep(path: &Path, bytes: u64) -> bool {
    if bytes == 0 || path.metadata().is_ok_and(|metadata| metadata.len() == bytes) {
        return bytes > 0;
    }
    let made = make(path, bytes);
    if let Err(error) = &made {
        log::debug!("no ballast at {}: {error}", path.display());
        drop(std::fs::remove_file(path));
    }
    made.is_ok()
}

fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if free_bytes(folder)? < bytes.saturating_mul(3) {
        return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is nearly full"));
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    // Blocks must really be taken; where the file system cannot promise them, zeros are written.
    if fallocate(&file, FallocateFlags::empty(), 0, bytes).is_err() {
        io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut &file)?;
    }
    file.sync_all()
}

/// Deletes the ballast. Whether that freed anything.
pub(super) fn free(path: &Path) -> bool {
    let freed = std::fs::remove_file(path).is_ok();
    if freed && let Some(folder) = path.parent() {
        // So that the space is really there; where it fails the next write tells.
        drop(File::open(folder).and_then(|folder| folder.sync_all()));
    }
    freed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_takes_real_space_and_gives_it_back() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.ballast");
        assert!(!keep(&path, 0));
        assert!(keep(&path, 1 << 20));
        assert!(path.metadata().unwrap().blocks() * 512 >= 1 << 20);
        assert!(keep(&path, 1 << 20));
        assert!(free(&path));
        assert!(!free(&path));
        assert!(!keep(&path, u64::MAX / 4));
        assert!(!path.exists());
    }
}
