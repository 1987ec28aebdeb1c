//! The files of a PocketSphinx model: where they are, which phones it knows, and whether the library survives them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use super::length::{beginning, lost_end, model_definition};
use super::{Api, Messages, Problem, REMEDY, RecogniseError, Search, load};

/// The most phones a model may have; the English one has 42.
const MAX_PHONES: usize = 1000;
/// How much noise a trial decodes, in samples: enough to touch each part of a model.
const TRIAL_SAMPLES: usize = 16_000;

/// Where the files of a model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    folder: PathBuf,
    acoustic: PathBuf,
    dictionary: PathBuf,
}

impl Model {
    /// Finds the files of the model in `folder`.
    ///
    /// # Errors
    /// [`RecogniseError`] naming the file that is missing.
    pub fn find(folder: &Path) -> Result<Self, RecogniseError> {
        let missing = |what: &str| RecogniseError::NotInstalled {
            what: format!("the speech model {} ({what})", folder.display()),
            remedy: REMEDY.to_owned(),
        };
        let entries = std::fs::read_dir(folder).map_err(|error| missing(&error.to_string()))?;
        let mut paths: Vec<PathBuf> =
            entries.take(1000).filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        let acoustic = paths.iter().find(|path| path.join("mdef").is_file());
        let acoustic = acoustic.ok_or_else(|| missing("no folder in it has a file `mdef`"))?.clone();
        let dictionary = paths.iter().find(|path| path.extension().is_some_and(|extension| extension == "dict"));
        let dictionary = dictionary.ok_or_else(|| missing("it has no file `*.dict`"))?.clone();
        for name in ["feat.params", "means", "variances", "transition_matrices"] {
            if !acoustic.join(name).is_file() {
                return Err(missing(&format!("{} is missing", acoustic.join(name).display())));
            }
        }
        Ok(Self { folder: folder.to_owned(), acoustic, dictionary })
    }

    /// The folder of the acoustic model.
    pub(super) fn acoustic(&self) -> &Path {
        &self.acoustic
    }

    /// The pronunciation dictionary.
    pub fn dictionary(&self) -> &Path {
        &self.dictionary
    }

    /// The folder that the model was found in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every file that the library reads.
    pub(in crate::recognise) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.acoustic).into_iter().flatten().take(1000);
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        files.sort();
        files
    }

    /// Every phone of the model, fillers left out.
    ///
    /// # Errors
    /// [`RecogniseError::ModelBroken`] if `mdef` is no such file.
    pub fn phones(&self) -> Result<BTreeSet<String>, RecogniseError> {
        let path = self.acoustic.join("mdef");
        let bytes = beginning(&path).map_err(|source| RecogniseError::File { path: path.clone(), source })?;
        let names = if bytes.starts_with(b"BMDF") {
            model_definition(&bytes).map(|definition| definition.phones).unwrap_or_default()
        } else {
            text_phones(&bytes)
        };
        let filler = |name: &String| name == "SIL" || name.starts_with('+');
        let phones: BTreeSet<String> = names.into_iter().filter(|name| !filler(name)).collect();
        if phones.is_empty() {
            return Err(self.broken(&format!("no phones can be read from {}", path.display())));
        }
        Ok(phones)
    }

    /// Looks for files that lost their end, which the library would not notice.
    ///
    /// # Errors
    /// [`RecogniseError::ModelBroken`] if one did for certain. Text files without a line end at their end may have, and
    /// are returned as problems.
    pub(super) fn check_lengths(&self) -> Result<Vec<Problem>, RecogniseError> {
        let mut problems = Vec::new();
        for name in ["mdef", "sendump", "feat.params", "noisedict"] {
            let path = self.acoustic.join(name);
            let failed = |source| RecogniseError::File { path: path.clone(), source };
            if !path.is_file() {
                continue;
            }
            if matches!(name, "mdef" | "sendump") {
                if let Some(happened) = lost_end(&path).map_err(failed)? {
                    return Err(self.broken(&happened));
                }
            } else if !beginning(&path).map_err(failed)?.ends_with(b"\n") {
                problems.push(Problem::anywhere(format!(
                    "{} may have been cut off, for its last line has no end: {}",
                    path.display(),
                    self.remedy()
                )));
            }
        }
        Ok(problems)
    }

    /// The error for this model being broken.
    pub(in crate::recognise) fn broken(&self, happened: &str) -> RecogniseError {
        RecogniseError::ModelBroken {
            path: self.folder.clone(),
            happened: happened.to_owned(),
            remedy: self.remedy().to_owned(),
        }
    }

    fn remedy(&self) -> &'static str {
        if self.folder.starts_with("/usr/share/pocketsphinx") {
            "run `apt install --reinstall pocketsphinx-en-us`"
        } else {
            "put a whole copy of the model there, or run `apt install --reinstall pocketsphinx-en-us` and use that"
        }
    }
}

/// The text form: lines `NAME - - - ...` for phones without context, before those with context.
fn text_phones(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let names = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let name = fields.next().filter(|name| !name.starts_with('#'))?;
        (fields.next() == Some("-") && fields.next() == Some("-")).then(|| name.to_owned())
    });
    names.take(MAX_PHONES).collect()
}

/// Loads the model in this process, which may end by that, and decodes a second of noise with it.
///
/// # Errors
/// A sentence if the library refuses the model without ending the process.
pub(in crate::recognise) fn probe(folder: &Path) -> Result<(), String> {
    let text = |error: RecogniseError| error.to_string();
    let model = Model::find(folder).map_err(text)?;
    let phones = model.phones().map_err(text)?;
    let api = Api::open(Messages::StandardError)?;
    let dictionary: String =
        phones.iter().enumerate().map(|(index, phone)| format!("w{index} {phone} {phone}\n")).collect();
    let words: Vec<String> = (0..phones.len()).map(|index| format!("w{index}")).collect();
    let jsgf = format!("#JSGF V1.0;\ngrammar trial;\npublic <trial> = ( {} )+;\n", words.join(" | "));
    // A file without a name: a trial may be ended at any time, and leaves nothing behind.
    let failed = |error: std::io::Error| error.to_string();
    let mut file = tempfile::tempfile().map_err(failed)?;
    file.write_all(dictionary.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    let dictionary = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let mut decoder = load(&api, &model, &dictionary, &Search::Grammar(&jsgf))?;
    // A fixed sequence (Numerical Recipes' generator) that sounds like noise.
    let mut state = 1_u32;
    let noise: Vec<i16> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., low, high] = state.to_be_bytes();
        i16::from_be_bytes([high, low]) / 8
    })
    .take(TRIAL_SAMPLES)
    .collect();
    decoder.start()?;
    decoder.process(&noise, false)?;
    decoder.end()?;
    decoder.hypothesis();
    Ok(())
}
