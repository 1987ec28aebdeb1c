//! A home for sentences that is not this appliance: the names of a pack's `fixtures.yaml`.
//!
//! # Format
//!
//! ```yaml
//! language: en                       # not read
//! floors:   [{name: Upstairs, id: upstairs_id}]
//! areas:    [{name: Kitchen, id: kitchen_id, floor: upstairs_id}]
//! entities:
//!   - name: "[the] Bedroom Lamp"     # may be a template: each way to say it is a name of its own
//!     id: light.bedroom_lamp         # the part before the dot is its domain
//!     area: kitchen_id
//!     attributes: {device_class: ...}   # becomes the context of the name
//! ```
//!
//! Owns reading such a file into a [`Vocabulary`]. Keys that say nothing about names (`state`, ...) are not read. Promises
//! an error that names the file and the place in it. Leaves matching to `matcher`.

use super::matcher::{Context, NamedEntity, Vocabulary};
use super::template;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Why a fixtures file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FixturesError {
    /// It can't be read.
    #[error("{path}: the file can't be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than what is read.
    #[error("{path}: the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is no YAML, or does not have the expected form.
    #[error("{path}: {message}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
    /// A name is no template.
    #[error("{path}: the name `{name}` of {id} is no template that can be written out: {message}")]
    Name {
        /// The file.
        path: PathBuf,
        /// The entity.
        id: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    floors: Vec<Place>,
    #[serde(default)]
    areas: Vec<Place>,
    #[serde(default)]
    entities: Vec<Thing>,
}

#[derive(Deserialize)]
struct Place {
    name: String,
    id: String,
    #[serde(default)]
    floor: Option<String>,
}

#[derive(Deserialize)]
struct Thing {
    name: String,
    id: String,
    #[serde(default)]
    area: Option<String>,
    #[serde(default)]
    attributes: Context,
}

/// Reads the names of a fixtures file.
///
/// # Errors
/// [`FixturesError`], with the place of the fault.
pub fn read(path: &Path) -> Result<Vocabulary, FixturesError> {
    let file = |source| FixturesError::File { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(file)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(FixturesError::TooLarge { path: path.to_owned(), bytes });
    }
    parse(path, &std::fs::read_to_string(path).map_err(file)?)
}

/// Reads the names of a fixtures file whose text is at hand; `path` is what errors call it.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vocabulary, FixturesError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let document: Document = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| FixturesError::Form { path: path.to_owned(), message: error.without_snippet().to_string() })?;
    vocabulary(path, &document)
}

fn vocabulary(path: &Path, document: &Document) -> Result<Vocabulary, FixturesError> {
    let mut entities = Vec::new();
    for thing in &document.entities {
        let area = document.areas.iter().find(|area| Some(&area.id) == thing.area.as_ref());
        let floor = area.and_then(|area| document.floors.iter().find(|floor| Some(&floor.id) == area.floor.as_ref()));
        for name in texts(path, &thing.id, &thing.name)? {
            entities.push(NamedEntity {
                id: thing.id.clone(),
                names: vec![name],
                area: area.map(|area| area.name.clone()),
                floor: floor.map(|floor| floor.name.clone()),
                kind: thing.id.split('.').next().unwrap_or_default().to_owned(),
                context: thing.attributes.clone(),
            });
        }
    }
    let names = |places: &[Place]| places.iter().map(|place| place.name.clone()).collect();
    Ok(Vocabulary { entities, areas: names(&document.areas), floors: names(&document.floors), templates: true })
}

/// Every way to say a name. Each is a value of its own: the slot gets what was said.
fn texts(path: &Path, id: &str, name: &str) -> Result<Vec<String>, FixturesError> {
    let fault = |message: String| FixturesError::Name {
        path: path.to_owned(),
        id: id.to_owned(),
        name: name.to_owned(),
        message,
    };
    let expression = template::parse(name).map_err(|error| fault(error.to_string()))?;
    let texts = expression
        .texts()
        .ok_or_else(|| fault(format!("it has a list, a rule or more than {} ways", template::MAX_TEXTS)))?;
    Ok(texts.into_iter().map(|text| text.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fixtures.yaml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn names_come_with_their_places_and_context() {
        let (_folder, path) = file(
            "floors: [{name: Upstairs, id: u}]\nareas: [{name: Kitchen, id: k, floor: u}]\nentities:\n  - {name: \"[big] Lamp\", id: light.lamp, area: k, state: \"on\", attributes: {device_class: x}}\n",
        );
        let vocabulary = read(&path).unwrap();
        let names: Vec<&str> =
            vocabulary.entities.iter().flat_map(|entity| &entity.names).map(String::as_str).collect();
        assert_eq!(names, ["big Lamp", "Lamp"]);
        let lamp = &vocabulary.entities[0];
        assert_eq!(
            (lamp.kind.as_str(), lamp.area.as_deref(), lamp.floor.as_deref()),
            ("light", Some("Kitchen"), Some("Upstairs"))
        );
        assert_eq!(lamp.context["device_class"], "x");
        assert_eq!((vocabulary.areas, vocabulary.floors), (vec!["Kitchen".to_owned()], vec!["Upstairs".to_owned()]));
    }

    #[test]
    fn faults_name_file_and_place() {
        let (_folder, path) = file("areas: [{name: Kitchen}]\n");
        assert!(read(&path).unwrap_err().to_string().contains("fixtures.yaml: "));
        let (_folder, path) = file("entities: [{name: \"[big Lamp\", id: light.lamp}]\n");
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("light.lamp") && error.contains("never closed"), "{error}");
        assert!(matches!(read(Path::new("/nowhere.yaml")), Err(FixturesError::File { .. })));
    }
}
