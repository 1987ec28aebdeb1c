//! The key of the chain.
//!
//! Owns the file that holds it: 64 hexadecimal digits and a line end, readable by its owner alone, made once. Its content
//! reaches no log, no message and no `Debug`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ring::hmac;

use super::entry::Mac;

const BYTES: usize = 32;

/// Before what is signed, so that no other use of the key gives the MAC of an entry.
const DOMAIN: &[u8] = b"victus audit 1\0";

/// What the key's name is made from.
const NAME: &[u8] = b"victus audit key";

/// A key that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error(
        "the key of the audit chain, {0}, is missing: what is there can't be checked; the next start of victusd begins a new chain"
    )]
    Missing(String),
    /// The file holds something else.
    #[error(
        "{0} holds no key of an audit chain: what is there can't be checked; the next start of victusd begins a new chain"
    )]
    Wrong(String),
    /// The file can't be read or made.
    #[error("the key of the audit chain, {path}, can't be used: {why}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
}

/// A key.
pub struct Key {
    key: hmac::Key,
    name: [u8; 8],
}

impl Key {
    fn new(secret: &[u8; BYTES]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut name = [0; 8];
        name.copy_from_slice(&hmac::sign(&key, NAME).as_ref()[..8]);
        Self { key, name }
    }

    /// Reads the key in the file `path`.
    ///
    /// # Errors
    /// There is none, it is something else, or it can't be read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let shown = || path.display().to_string();
        let io_error = |why| KeyError::Io { path: shown(), why };
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing(shown())),
            other => other.map_err(io_error)?,
        };
        if file.metadata().map_err(io_error)?.permissions().mode() & 0o077 != 0 {
            log::warn!("{} can be read by others: it is made its owner's alone", path.display());
            file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(io_error)?;
        }
        let mut text = Vec::new();
        file.take(2 * BYTES as u64 + 2).read_to_end(&mut text).map_err(io_error)?;
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        from_hex(digits).map(|secret| Self::new(&secret)).ok_or_else(|| KeyError::Wrong(shown()))
    }

    /// Makes a key from random numbers and keeps it in the file `path`. What is there is kept beside it, as `.bad`: it may be a
    /// key that only this time could not be read. Durable when it returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn make(path: &Path, random: fn() -> u64) -> io::Result<Self> {
        let mut secret = [0; BYTES];
        secret.chunks_mut(8).for_each(|part| part.copy_from_slice(&random().to_be_bytes()[..part.len()]));
        let mut text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push('\n');
        let unfinished = path.with_extension("audit-key-new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if path.exists() {
            fs::rename(path, path.with_extension("audit-key.bad"))?;
        }
        fs::rename(&unfinished, path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self::new(&secret))
    }

    pub(super) fn name(&self) -> [u8; 8] {
        self.name
    }

    /// Whether entries of the key's name `name` are this key's.
    pub fn is_named(&self, name: [u8; 8]) -> bool {
        self.name == name
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Mac {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(DOMAIN);
        context.update(bytes);
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        Mac::new(mac)
    }

    pub(super) fn verifies(&self, mac: &[u8], bytes: &[u8]) -> bool {
        // Nobody learns from the time that this takes: the entries lie where whoever asks may read them.
        mac.try_into().is_ok_and(|mac| self.sign(bytes) == Mac::new(mac))
    }
}

/// 32 bytes from as many pairs of hexadecimal digits.
pub(super) fn from_hex(digits: &[u8]) -> Option<[u8; BYTES]> {
    if digits.len() != 2 * BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.audit-key");
        assert!(matches!(Key::read(&path), Err(KeyError::Missing(_))));
        let made = Key::make(&path, || 7).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Key::read(&path).map(|key| key.name()).ok(), Some(made.name()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Key::read(&path).is_ok());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for wrong in [&b""[..], b"rubbish", &[b'0'; 63], &[b'0'; 66], &[0xff; 64]] {
            fs::write(&path, wrong).unwrap();
            assert!(matches!(Key::read(&path), Err(KeyError::Wrong(_))), "{wrong:?}");
        }
        Key::make(&path, || 8).unwrap();
        assert_eq!(fs::read(folder.path().join("db.audit-key.bad")).unwrap(), [0xff; 64], "nothing is destroyed");
    }

    #[test]
    fn the_mac_is_hmac_sha256_as_others_compute_it() {
        let key = Key::new(&[0x0b; 32]);
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0x0b; 32]), b"victus audit 1\0entry");
        assert_eq!(key.sign(b"entry").to_string(), Mac::new(expected.as_ref().try_into().unwrap()).to_string());
        assert!(key.verifies(expected.as_ref(), b"entry") && !key.verifies(expected.as_ref(), b"Entry"));
    }
}
