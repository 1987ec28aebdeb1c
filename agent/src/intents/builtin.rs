//! The sentences that come with the appliance, embedded in the program.

use super::sentences::Source;

macro_rules! built_in {
    ($language:literal: $($file:literal),+ $(,)?) => {
        &[$((
            concat!("built-in/", $language, "/", $file),
            include_str!(concat!("../../sentences/", $language, "/", $file)),
        )),+]
    };
}

/// The files of one language: each its name and its text.
type Files = &'static [(&'static str, &'static str)];

macro_rules! language {
    ($language:literal) => {
        built_in!(
            $language: "_common.yaml", "appliance.yaml", "conversation.yaml", "lights.yaml", "openings.yaml",
            "schedules.yaml", "states.yaml", "switching.yaml", "timers.yaml"
        )
    };
}

const BUILT_IN: &[(&str, Files)] = &[
    ("de", language!("de")),
    ("en", language!("en")),
    ("es", language!("es")),
    ("fr", language!("fr")),
    ("nl", language!("nl")),
];

/// The language whose replies stand in where a language of users has none.
pub(super) const FALLBACK: &str = "en";

/// Whether sentences for a language come with the appliance. A region's (`de-CH`) are those of the language.
pub fn is_built_in(language: &str) -> bool {
    !sources(language).is_empty()
}

/// The codes of the languages whose sentences come with the appliance.
pub fn languages() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(language, _)| *language)
}

/// The built-in sentence files of a language; none where the language has none.
pub(super) fn sources(language: &str) -> Vec<Source> {
    let code = language.split(['-', '_']).next();
    let files = BUILT_IN.iter().filter(|(language, _)| Some(*language) == code).flat_map(|(_, files)| *files);
    files.map(|(name, text)| Source { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}
