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

const ENGLISH: &[(&str, &str)] = built_in!("en": "_common.yaml", "appliance.yaml", "lights.yaml", "openings.yaml", "states.yaml", "switching.yaml", "timers.yaml");
const GERMAN: &[(&str, &str)] = built_in!("de": "_common.yaml", "appliance.yaml", "lights.yaml", "openings.yaml", "states.yaml", "switching.yaml", "timers.yaml");
const FRENCH: &[(&str, &str)] = built_in!("fr": "_common.yaml", "appliance.yaml", "lights.yaml", "openings.yaml", "states.yaml", "switching.yaml", "timers.yaml");
const SPANISH: &[(&str, &str)] = built_in!("es": "_common.yaml", "appliance.yaml", "lights.yaml", "openings.yaml", "states.yaml", "switching.yaml", "timers.yaml");
const DUTCH: &[(&str, &str)] = built_in!("nl": "_common.yaml", "appliance.yaml", "lights.yaml", "openings.yaml", "states.yaml", "switching.yaml", "timers.yaml");

/// The built-in sentence files of a language; none where the language has none.
pub(super) fn sources(language: &str) -> Vec<Source> {
    let files = match language.split(['-', '_']).next() {
        Some("en") => ENGLISH,
        Some("de") => GERMAN,
        Some("fr") => FRENCH,
        Some("es") => SPANISH,
        Some("nl") => DUTCH,
        _ => &[],
    };
    files.iter().map(|(name, text)| Source { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}
