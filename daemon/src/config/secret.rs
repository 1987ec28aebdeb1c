//! Files that hold a secret.
//!
//! Owns what such a file may look like. The configuration names the file and never holds what is in it: whoever needs the
//! secret reads it when it is needed, so that it can be changed while the appliance runs and can end up in no log.

use std::io::Read;
use std::path::Path;

/// The longest secret in bytes.
const MAX_SECRET: u64 = 4096;

/// Checks that a file holds one line and nothing else. The error says what is wrong with the file and nothing of its
/// content.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let file = super::files::open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_SECRET {
        return Err(format!("{} is larger than a password can be ({MAX_SECRET} bytes)", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(format!("{} is empty: put the password into its first line", path.display())),
        line if line.contains('\n') => {
            Err(format!("{} has more than one line: it holds nothing but the password", path.display()))
        }
        _ => Ok(()),
    }
}
