//! A home for tests and benches of recognition: its names, its sentences, and the grammar that is heard.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use victus_agent::intents::{Matcher, Sentences, fixtures, speech};
use victus_agent::recognise::grammar::SpeechGrammar;

/// What can be asked of the home, and what can be heard of it.
pub(crate) struct Home {
    pub(crate) matcher: Matcher,
    pub(crate) grammar: SpeechGrammar,
}

/// The built-in English sentences, with those of a home and its entities.
pub(crate) fn home() -> Home {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/understanding");
    let (sentences, problems) = Sentences::for_language("en", Some(&folder.join("sentences")));
    assert_eq!(problems, []);
    let vocabulary = fixtures::read(&folder.join("house.yaml")).unwrap();
    let (matcher, problems) = Matcher::compile(&sentences, &vocabulary);
    assert_eq!(problems, []);
    let (grammar, problems) = speech::grammar(&sentences, &vocabulary);
    assert_eq!(problems, []);
    Home { matcher, grammar }
}
