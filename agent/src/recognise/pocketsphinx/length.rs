//! The length that a model's files must have by what they say themselves: the library does not notice that the end of
//! `mdef` or `sendump` is missing, and would hear wrongly from then on.
//!
//! `mdef`, binary form: `BMDF`; little-endian 32-bit numbers version (1) and length of a description; the description;
//! ten numbers: phones without context, phones in all, states, senones without context, senones, transition matrices,
//! sequences, context, nodes, silence; the names of the phones without context, each ended by NUL, filled up to four bytes;
//! 8 bytes for each node; 12 for each phone; the length of the sequences; 2 bytes for each of these.
//!
//! `sendump`: strings, each after its 32-bit length, up to a length of 0; some of them are `KEY NUMBER`. Without clusters two
//! numbers follow, densities and senones, and then for each feature and each density one byte for each senone. With
//! clusters both numbers are among the strings, and half a byte may do for each senone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most phones a model may have; the English one has 42.
const MAX_PHONES: usize = 1000;
/// How much of a file is read to know its length; both beginnings have about 1 kB.
const BEGINNING: u64 = 64 * 1024;

/// The beginning of a file.
pub(super) fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Little-endian numbers, one after another.
struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Numbers<'_> {
    fn next(&mut self) -> Option<usize> {
        let end = self.at.checked_add(4)?;
        let field = self.bytes.get(self.at..end)?;
        self.at = end;
        usize::try_from(u32::from_le_bytes(field.try_into().ok()?)).ok()
    }
}

/// What the beginning of a binary `mdef` says.
pub(super) struct ModelDefinition {
    /// The names of its phones without context.
    pub phones: Vec<String>,
    /// The length that the file must have; none if it cannot be told from its beginning.
    pub length: Option<u64>,
}

/// Reads the beginning of a binary `mdef`; none if it is no such file.
pub(super) fn model_definition(bytes: &[u8]) -> Option<ModelDefinition> {
    let mut numbers = Numbers { bytes, at: 4 };
    let (version, description) = (numbers.next()?, numbers.next()?);
    numbers.at = numbers.at.checked_add(description)?;
    let mut counts = [0; 10];
    for count in &mut counts {
        *count = numbers.next()?;
    }
    let [phones, all_phones, _, _, _, _, _, _, nodes, _] = counts;
    if !bytes.starts_with(b"BMDF") || version != 1 || phones == 0 || phones > MAX_PHONES {
        return None;
    }
    let start = numbers.at;
    let names: Vec<&[u8]> = bytes.get(start..)?.split(|byte| *byte == 0).take(phones + 1).collect();
    // Without something after it the last name was cut off.
    let names = names.get(..phones).filter(|_| names.len() > phones)?;
    let length: usize = names.iter().map(|name| name.len() + 1).sum();
    let names: Option<Vec<String>> = names.iter().map(|name| String::from_utf8(name.to_vec()).ok()).collect();
    let sequences = (start + length.next_multiple_of(4))
        .checked_add(nodes.checked_mul(8)?)
        .and_then(|at| at.checked_add(all_phones.checked_mul(12)?));
    Some(ModelDefinition { phones: names?, length: sequences.map(|at| at as u64 + 4) })
}

/// Says that an `mdef` or a `sendump` has lost its end; none if it is whole or of a form that is not known here.
pub(super) fn lost_end(path: &Path) -> io::Result<Option<String>> {
    let bytes = beginning(path)?;
    let length = std::fs::metadata(path)?.len();
    let needed = if bytes.starts_with(b"BMDF") {
        match model_definition(&bytes).and_then(|definition| definition.length) {
            Some(at) => at.saturating_add(2 * sequences(path, at)?),
            None => 0,
        }
    } else if path.ends_with("sendump") {
        sendump_length(&bytes).unwrap_or_default()
    } else {
        0
    };
    Ok((length < needed).then(|| format!("{} was cut off: it has {length} of {needed} bytes", path.display())))
}

/// The count of sequences, which is written before them; 0 if the file ends before.
fn sequences(path: &Path, end: u64) -> io::Result<u64> {
    use std::os::unix::fs::FileExt as _;
    let mut field = [0; 4];
    match File::open(path)?.read_exact_at(&mut field, end - 4) {
        Ok(()) => Ok(u64::from(u32::from_le_bytes(field))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

fn sendump_length(bytes: &[u8]) -> Option<u64> {
    let mut numbers = Numbers { bytes, at: 0 };
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let length = numbers.next()?;
        if length == 0 {
            break;
        }
        let end = numbers.at.checked_add(length)?;
        let text = String::from_utf8_lossy(bytes.get(numbers.at..end)?).trim_end_matches('\0').to_owned();
        if let Some((key, value)) = text.split_once(' ')
            && let Ok(value) = value.trim().parse()
        {
            keys.insert(key.to_owned(), value);
        }
        numbers.at = end;
    }
    let key = |name: &str| keys.get(name).copied();
    let clusters = key("cluster_count").unwrap_or(0);
    let (densities, senones) = match clusters {
        0 => (numbers.next()?, numbers.next()?),
        _ => (key("mixture_count")?, key("model_count")?),
    };
    let row = if key("cluster_bits") == Some(4) { senones.div_ceil(2) } else { senones };
    let weights = key("feature_count")?.checked_mul(densities)?.checked_mul(row)?;
    u64::try_from(numbers.at.checked_add(clusters)?.checked_add(weights)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sendump(features: &str, senones: u32, weights: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in ["about", "cluster_count 0", features] {
            bytes.extend((text.len() as u32 + 1).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        for number in [0, 4, senones] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(bytes.len() + weights, 1);
        bytes
    }

    fn lost(name: &str, bytes: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        lost_end(&path).unwrap()
    }

    #[test]
    fn a_sendump_that_lost_its_end_is_found() {
        let whole = sendump("feature_count 3", 10, 120);
        assert_eq!(lost("sendump", &whole), None);
        let problem = lost("sendump", &whole[..whole.len() - 1]).unwrap();
        assert!(problem.contains("was cut off: it has") && problem.contains("sendump"), "{problem}");
    }

    #[test]
    fn what_is_not_known_is_left_to_the_trial() {
        assert_eq!(lost("sendump", b""), None);
        assert_eq!(lost("sendump", &sendump("feature_count x", 10, 0)), None);
        assert_eq!(lost("sendump", &sendump("feature_count 4000000000000000", u32::MAX, 0)), None);
        assert_eq!(lost("mdef", b"0.3\n2 n_base\n"), None);
        assert_eq!(lost("mdef", b"BMDF\x01\0\0\0\xFF\xFF\xFF\xFF"), None);
        assert_eq!(lost("mdef", &[&b"BMDF\x01\0\0\0\0\0\0\0"[..], &[0xFF; 40]].concat()), None);
    }

    #[test]
    fn an_mdef_that_lost_its_end_is_found() {
        let mut bytes = b"BMDF\x01\0\0\0\x04\0\0\0text".to_vec();
        for number in [2_u32, 3, 3, 0, 0, 0, 0, 3, 5, 0] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"AA\0SIL\0\0");
        bytes.resize(bytes.len() + 5 * 8 + 3 * 12, 0);
        bytes.extend(6_u32.to_le_bytes());
        bytes.resize(bytes.len() + 12, 0);
        assert_eq!(model_definition(&bytes).unwrap().phones, ["AA", "SIL"]);
        assert_eq!(lost("mdef", &bytes), None);
        for short in [1, 12, 13, 17, 60] {
            assert!(lost("mdef", &bytes[..bytes.len() - short]).is_some(), "{short}");
        }
    }
}
