//! Reads the frame of a whisper.cpp model file before the library does: the library takes a header at its word, writes
//! beyond its tables for a tensor with too many dimensions, and loads a file without weights as if it were good.
//!
//! Format (little-endian 32-bit numbers): the magic `0x67676d6c`; eleven numbers: vocabulary, audio context, audio state,
//! audio heads, audio layers, text context, text state, text heads, text layers, mel bands, type of the weights (plus 1000
//! for each version of the quantisation); count of mel bands and of frequencies, and that many 32-bit floats; count
//! of words, and each word's length and bytes; then tensors to the end of the file: count of dimensions, length of the
//! name, type; the dimensions; the name; the weights.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

const MAGIC: u32 = 0x6767_6d6c;
/// The first vocabulary that has several languages has this many words.
const MULTILINGUAL: u32 = 51_865;

/// What can be told about a model from its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFile {
    /// Whether it knows other languages than English.
    pub multilingual: bool,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Why a file is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It begins as another kind of file.
    #[error("it is no whisper.cpp model (it does not begin with `lmgg`)")]
    OtherKind,
    /// It ends in the middle.
    #[error("it was cut off: {0} goes beyond its end")]
    CutOff(&'static str),
    /// A number in it is impossible.
    #[error("{what} is {value}, and {range} is possible")]
    Impossible {
        /// The number's meaning.
        what: &'static str,
        /// Its value.
        value: u32,
        /// What would be possible.
        range: &'static str,
    },
    /// It has header and vocabulary, and nothing that could recognise.
    #[error("it has no weights: such a file serves for tests only")]
    NoWeights,
    /// Tensors are missing.
    #[error("it has {found} of {needed} tensors")]
    Tensors {
        /// How many it has.
        found: u64,
        /// How many it needs.
        needed: u64,
    },
}

/// Reads numbers and passes over bytes, never beyond the end.
struct Walk {
    reader: BufReader<File>,
    at: u64,
    end: u64,
}

impl Walk {
    fn number(&mut self, what: &'static str) -> Result<u32, ModelFileError> {
        if self.at + 4 > self.end {
            return Err(ModelFileError::CutOff(what));
        }
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes)?;
        self.at += 4;
        Ok(u32::from_le_bytes(bytes))
    }

    fn skip(&mut self, length: u64, what: &'static str) -> Result<(), ModelFileError> {
        match self.at.checked_add(length).filter(|end| *end <= self.end) {
            Some(end) => {
                // Relative, so that what is buffered is used.
                self.reader.seek_relative(i64::try_from(length).map_err(|_| ModelFileError::CutOff(what))?)?;
                self.at = end;
                Ok(())
            }
            None => Err(ModelFileError::CutOff(what)),
        }
    }
}

fn between(what: &'static str, value: u32, least: u32, most: u32, range: &'static str) -> Result<u32, ModelFileError> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(ModelFileError::Impossible { what, value, range }) }
}

/// Checks a file from its beginning to its end, without loading it.
///
/// # Errors
/// [`ModelFileError`] with what is wrong, as the end of a sentence that names the file.
pub fn check(path: &Path) -> Result<ModelFile, ModelFileError> {
    let mut reader = BufReader::new(File::open(path)?);
    let end = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut walk = Walk { reader, at: 0, end };
    if walk.number("the magic number").ok() != Some(MAGIC) {
        return Err(ModelFileError::OtherKind);
    }
    let (vocabulary, layers) = check_header(&mut walk)?;

    let bands = between("the count of mel bands", walk.number("the mel filters")?, 1, 512, "1 to 512")?;
    let frequencies = between("the count of frequencies", walk.number("the mel filters")?, 1, 4096, "1 to 4096")?;
    walk.skip(u64::from(bands) * u64::from(frequencies) * 4, "the mel filters")?;
    let words = walk.number("the vocabulary")?;
    between("the count of words", words, 1, vocabulary, "1 to the size of the vocabulary")?;
    for _ in 0..words {
        let length = between("the length of a word", walk.number("the vocabulary")?, 0, 1024, "0 to 1024")?;
        walk.skip(u64::from(length), "the vocabulary")?;
    }

    let mut found = 0;
    while walk.at < walk.end {
        skip_tensor(&mut walk)?;
        found += 1;
    }
    // Encoder: 7 and 15 for each layer; decoder: 4 and 24 for each layer.
    let (audio_layers, text_layers) = layers;
    let needed = 11 + 15 * u64::from(audio_layers) + 24 * u64::from(text_layers);
    match found {
        0 => Err(ModelFileError::NoWeights),
        found if found != needed => Err(ModelFileError::Tensors { found, needed }),
        _ => Ok(ModelFile { multilingual: vocabulary >= MULTILINGUAL, bytes: end }),
    }
}

/// Checks the eleven numbers. Gives the size of the vocabulary, and the audio and text layers.
fn check_header(walk: &mut Walk) -> Result<(u32, (u32, u32)), ModelFileError> {
    let mut next = || walk.number("the header");
    let vocabulary = between("the size of the vocabulary", next()?, 1000, 1_000_000, "1000 to 1000000")?;
    between("the audio context", next()?, 64, 10_000, "64 to 10000")?;
    let audio_state = between("the size of the audio state", next()?, 16, 8192, "16 to 8192")?;
    let audio_heads = between("the count of audio heads", next()?, 1, 128, "1 to 128")?;
    let audio_layers = between("the count of audio layers", next()?, 1, 128, "1 to 128")?;
    between("the text context", next()?, 64, 10_000, "64 to 10000")?;
    let text_state = next()?;
    let text_heads = between("the count of text heads", next()?, 1, 128, "1 to 128")?;
    let text_layers = between("the count of text layers", next()?, 1, 128, "1 to 128")?;
    between("the count of mel bands", next()?, 1, 512, "1 to 512")?;
    let kind = next()?;
    between("the type of the weights", kind % 1000, 0, 30, "0 to 30")?;
    between("the size of the text state", text_state, audio_state, audio_state, "only that of the audio state")?;
    for heads in [audio_heads, text_heads] {
        if audio_state % heads != 0 {
            let range = "only a divisor of the size of the state";
            return Err(ModelFileError::Impossible { what: "the count of heads", value: heads, range });
        }
    }
    Ok((vocabulary, (audio_layers, text_layers)))
}

fn skip_tensor(walk: &mut Walk) -> Result<(), ModelFileError> {
    let what = "a tensor";
    let dimensions = between("a tensor's count of dimensions", walk.number(what)?, 1, 4, "1 to 4")?;
    let name = between("the length of a tensor's name", walk.number(what)?, 1, 127, "1 to 127")?;
    let kind = walk.number(what)?;
    let mut elements = 1_u64;
    for _ in 0..dimensions {
        let size = between("a dimension of a tensor", walk.number(what)?, 1, 10_000_000, "1 to 10000000")?;
        elements = elements.saturating_mul(u64::from(size));
    }
    walk.skip(u64::from(name), what)?;
    // Bytes of a block and elements in it, by ggml's number of the type.
    let (bytes, block) = match kind {
        0 => (4, 1),
        1 => (2, 1),
        2 => (18, 32),
        3 => (20, 32),
        6 => (22, 32),
        7 => (24, 32),
        8 => (34, 32),
        9 => (36, 32),
        10 => (84, 256),
        11 => (110, 256),
        12 => (144, 256),
        13 => (176, 256),
        14 => (210, 256),
        value => return Err(ModelFileError::Impossible { what: "the type of a tensor", value, range: "0 to 14" }),
    };
    walk.skip((elements / block).saturating_mul(bytes), "the weights of a tensor")
}
