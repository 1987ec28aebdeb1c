//! The files and variables that make up the layers.
//!
//! Owns which files are read, in which order, and with what bounds: a file is regular (or a character device such as
//! `/dev/null`) and at most [`MAX_FILE`] bytes of UTF-8; a `conf.d` holds at most [`MAX_DROP_INS`] files. Promises that
//! every file is read once and every fault becomes a problem. Leaves the meaning of the keys to the readers.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::origin::{Kind, Layer, Origin, Problem};
use super::tree::{self, Tree};

/// The largest configuration file in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// The most files in a `conf.d`.
pub const MAX_DROP_INS: usize = 200;

/// The main file unless another is named.
pub const DEFAULT_MAIN: &str = "/etc/victus/victus.toml";

const VARIABLE_PREFIX: &str = "VICTUS__";

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The main file. `conf.d`, `sentences` and `workflows` lie beside it.
    pub main: PathBuf,
    /// Whether somebody named the main file; then it is a fault if it is missing.
    pub main_named: bool,
    /// The state directory, with `config.d/50-panel.toml`.
    pub state: PathBuf,
    /// The environment; only `VICTUS__...` matters.
    pub environment: Vec<(OsString, OsString)>,
    /// The machine id, from which the device id is made.
    pub machine_id: PathBuf,
}

impl Sources {
    /// The sources for the main file `named`, or for [`DEFAULT_MAIN`] which may be missing.
    pub fn new(named: Option<PathBuf>, state: PathBuf, environment: Vec<(OsString, OsString)>) -> Self {
        Self {
            main_named: named.is_some(),
            main: named.unwrap_or_else(|| PathBuf::from(DEFAULT_MAIN)),
            state,
            environment,
            machine_id: PathBuf::from("/etc/machine-id"),
        }
    }

    /// What the panel writes.
    pub fn panel_file(&self) -> PathBuf {
        self.state.join("config.d/50-panel.toml")
    }

    /// Where users put sentences of their own, a folder for each language.
    pub fn sentences_folder(&self) -> PathBuf {
        self.main.parent().unwrap_or(Path::new("")).join("sentences")
    }

    /// Where the administrator puts workflows.
    pub fn workflows_folder(&self) -> PathBuf {
        self.main.parent().unwrap_or(Path::new("")).join("workflows")
    }

    /// The folder of further files beside the main file.
    pub fn drop_in_folder(&self) -> PathBuf {
        self.main.parent().unwrap_or(Path::new("")).join("conf.d")
    }
}

/// Reads all layers into one tree. Answers with it, the files that were read, and what is wrong with them.
pub(super) fn read_layers(sources: &Sources) -> (Tree, Vec<PathBuf>, Vec<Problem>) {
    let mut layers = Layers::default();
    layers.file(Layer::Main, &sources.main, !sources.main_named);
    for path in layers.drop_ins(&sources.drop_in_folder()) {
        layers.file(Layer::DropIn, &path, false);
    }
    layers.file(Layer::Panel, &sources.panel_file(), true);
    layers.environment(&sources.environment);
    (layers.tree, layers.read, layers.problems)
}

#[derive(Default)]
struct Layers {
    tree: Tree,
    read: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Layers {
    fn fault(&mut self, origin: Origin, message: String) {
        self.problems.push(Problem { origin, key: String::new(), message, kind: Kind::Syntax });
    }

    fn file(&mut self, layer: Layer, path: &Path, may_be_missing: bool) {
        let shared: Arc<Path> = path.into();
        match read_text(path) {
            Ok(Some(text)) => {
                self.read.push(path.to_owned());
                let (table, mut problems) = tree::parse(&text, layer, &shared);
                self.problems.append(&mut problems);
                self.tree.lay(table, &mut self.problems);
            }
            Ok(None) if may_be_missing => {}
            Ok(None) => self.fault(
                Origin::file(layer, shared, 0),
                "there is no such file: correct the path or create it".to_owned(),
            ),
            Err((line, message)) => self.fault(Origin::file(layer, shared, line), message),
        }
    }

    fn drop_ins(&mut self, folder: &Path) -> Vec<PathBuf> {
        let origin = Origin::file(Layer::DropIn, folder.into(), 0);
        let listed = std::fs::read_dir(folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<std::io::Result<Vec<OsString>>>()
        });
        let mut names = match listed {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.fault(origin, format!("cannot be listed: {error}"));
                return Vec::new();
            }
        };
        names.retain(|name| {
            let name = name.as_encoded_bytes();
            name.ends_with(b".toml") && !name.starts_with(b".")
        });
        names.sort();
        if names.len() > MAX_DROP_INS {
            self.fault(origin, format!("holds {} files: at most {MAX_DROP_INS} are read, so join some", names.len()));
            names.truncate(MAX_DROP_INS);
        }
        names.into_iter().map(|name| folder.join(name)).collect()
    }

    fn environment(&mut self, environment: &[(OsString, OsString)]) {
        let named = |pair: &&(OsString, OsString)| pair.0.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes());
        let mut variables: Vec<_> = environment.iter().filter(named).collect();
        variables.sort();
        for (name, value) in variables {
            let shown = name.to_string_lossy().chars().take(120).collect::<String>();
            let outcome = match (name.to_str(), value.to_str()) {
                (Some(name), Some(value)) if value.len() <= 65_536 => self.variable(name, value),
                (Some(_), Some(_)) => Err("is longer than 65536 bytes".to_owned()),
                _ => Err("is not UTF-8 text".to_owned()),
            };
            if let Err(message) = outcome {
                self.fault(Origin::variable(&shown), message);
            }
        }
    }

    fn variable(&mut self, name: &str, value: &str) -> Result<(), String> {
        let path: Vec<String> =
            name.strip_prefix(VARIABLE_PREFIX).unwrap_or_default().split("__").map(str::to_ascii_lowercase).collect();
        if path.iter().any(String::is_empty) || path.len() > 8 {
            return Err("expected VICTUS__SECTION__KEY, such as VICTUS__WEB__LISTEN".to_owned());
        }
        self.tree.set_variable(name, &path, value.to_owned())
    }
}

/// Opens a file that can be read to its end: regular, or a character device. Never waits for a pipe's other end.
pub(super) fn open(path: &Path) -> Result<File, String> {
    match open_if_there(path) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(format!("there is no file {}", path.display())),
        Err(message) => Err(format!("{} {message}", path.display())),
    }
}

fn open_if_there(path: &Path) -> Result<Option<File>, String> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match File::options().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be opened: {error}")),
    };
    let kind = file.metadata().map_err(|error| format!("cannot be opened: {error}"))?.file_type();
    if kind.is_file() || kind.is_char_device() {
        return Ok(Some(file));
    }
    let what = if kind.is_dir() { "a folder" } else { "a pipe or a device" };
    Err(format!("is {what} and no file"))
}

/// The text of a configuration file, `None` if it does not exist, or the line (0: all of it) and what is wrong.
fn read_text(path: &Path) -> Result<Option<String>, (u32, String)> {
    let Some(file) = open_if_there(path).map_err(|message| (0, message))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| (0, format!("cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err((
            0,
            format!("is larger than {} KiB, which no configuration is: is this the right file?", MAX_FILE / 1024),
        ));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
        let line = u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1);
        (line, "is not UTF-8 text: save the file as UTF-8".to_owned())
    })
}
