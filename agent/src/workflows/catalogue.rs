//! The workflows that there are.
//!
//! Owns the folders of workflow files and what they hold: those that an administrator puts beside the configuration, and
//! those that were made through the API, which win over a file of the same name. Promises that a file that cannot be used
//! costs only its own workflow, that reading is bounded, and that a workflow made through the API is whole on the disk or
//! not there. Leaves what a file says to [`definition`](super::definition).

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::check::Misfit;
use super::definition::read::read;
use super::definition::{Definition, MAX_FILE_BYTES, is_name};

/// The most workflows of a folder.
pub const MAX_WORKFLOWS: usize = 200;

/// Where workflows lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Those of the administrator: `/etc/victus/workflows`.
    pub files: PathBuf,
    /// Those made through the API: `workflows` in the state folder.
    pub made: PathBuf,
}

/// Where a workflow comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file beside the configuration.
    File,
    /// Made through the API.
    Made,
}

/// A workflow that can be used.
#[derive(Debug)]
pub struct Workflow {
    /// What it is.
    pub definition: Arc<Definition>,
    /// Where it comes from.
    pub origin: Origin,
    /// Its file.
    pub path: PathBuf,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The workflow, or the name of the file where that is none.
    pub workflow: String,
    /// The file.
    pub file: PathBuf,
    /// The line; 0 for the whole file.
    pub line: u32,
    /// What, as a sentence.
    pub message: String,
    /// Whether the workflow cannot be used; otherwise it is worth a look.
    pub fatal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if self.line > 0 {
            write!(formatter, ":{}", self.line)?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// All workflows, as they were read.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Those that can be used, by name.
    pub workflows: BTreeMap<String, Arc<Workflow>>,
    /// What is wrong with the files.
    pub faults: Vec<Fault>,
}

impl Catalogue {
    /// Reads all files; blocks. `check` says what of a definition does not fit the appliance.
    pub fn read(folders: &Folders, check: &dyn Fn(&Definition) -> Vec<Misfit>) -> Self {
        let mut catalogue = Self::default();
        for (folder, origin) in [(&folders.files, Origin::File), (&folders.made, Origin::Made)] {
            catalogue.read_folder(folder, origin, check);
        }
        catalogue.settle_intents();
        catalogue
    }

    /// The workflow that an intent begins.
    pub fn by_intent(&self, intent: &str) -> Option<&Arc<Workflow>> {
        self.workflows.values().find(|workflow| workflow.definition.intents().any(|it| it == intent))
    }

    fn read_folder(&mut self, folder: &Path, origin: Origin, check: &dyn Fn(&Definition) -> Vec<Misfit>) {
        let whole = |file: &Path, message: String| Fault {
            workflow: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            file: file.to_owned(),
            line: 0,
            message,
            fatal: true,
        };
        let mut paths = match listed(folder) {
            Ok(paths) => paths,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.faults.push(whole(folder, format!("cannot be listed: {error}"))),
        };
        if paths.len() > MAX_WORKFLOWS {
            let message = format!("holds {} workflows: the first {MAX_WORKFLOWS} are read", paths.len());
            self.faults.push(whole(folder, message));
            paths.truncate(MAX_WORKFLOWS);
        }
        for path in paths {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let fault =
                |line, message, fatal| Fault { workflow: name.clone(), file: path.clone(), line, message, fatal };
            // What was made through the API stands for the file of its name, also where it is wrong.
            self.workflows.remove(&name);
            let text = match text_of(&path) {
                Ok(text) => text,
                Err(message) => {
                    self.faults.push(fault(0, message, true));
                    continue;
                }
            };
            match read(&name, &text) {
                Err(wrong) => self.faults.extend(wrong.into_iter().map(|it| fault(it.line, it.message, true))),
                Ok(definition) => {
                    let found = check(&definition);
                    let usable = found.iter().all(|misfit| !misfit.fatal);
                    self.faults.extend(found.into_iter().map(|it| fault(it.line, it.message, it.fatal)));
                    if usable {
                        self.workflows.insert(
                            name.clone(),
                            Arc::new(Workflow { definition: Arc::new(definition), origin, path }),
                        );
                    }
                }
            }
        }
    }

    /// An intent begins one workflow: of several the first by name.
    fn settle_intents(&mut self) {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        let mut lost = Vec::new();
        for (name, workflow) in &self.workflows {
            for intent in workflow.definition.intents() {
                match taken.get(intent) {
                    Some(first) if first != name => {
                        lost.push((name.clone(), format!("the intent {intent} begins the workflow `{first}` already")));
                    }
                    _ => {
                        taken.insert(intent.to_owned(), name.clone());
                    }
                }
            }
        }
        for (name, message) in lost {
            if let Some(workflow) = self.workflows.remove(&name) {
                let file = workflow.path.clone();
                self.faults.push(Fault { workflow: name, file, line: 0, message, fatal: true });
            }
        }
    }
}

/// The files of a folder that are to be read, by name.
fn listed(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.ends_with(b".toml") && !name.starts_with(b".") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn text_of(path: &Path) -> Result<String, String> {
    // A pipe would be waited for.
    let kind = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !kind.is_file() {
        return Err("is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut text = String::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    match file.take(most).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// Writes a workflow, whole or not at all, and so that it survives a power cut; blocks.
///
/// # Errors
/// The disk refuses.
pub fn put(folder: &Path, name: &str, text: &str) -> std::io::Result<()> {
    if !is_name(name) {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput));
    }
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(format!("{name}.toml"))).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Removes a workflow that was made through the API; blocks. Whether there was one.
///
/// # Errors
/// The disk refuses.
pub fn remove(folder: &Path, name: &str) -> std::io::Result<bool> {
    if !is_name(name) {
        return Ok(false);
    }
    match std::fs::remove_file(folder.join(format!("{name}.toml"))) {
        Ok(()) => std::fs::File::open(folder)?.sync_all().map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
