//! Hostile sentence files and hostile sentences: nothing panics, hangs or eats the machine, every fault is named by file,
//! line and template, and what is harmless goes on working.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "hostile/bounds.rs"]
mod bounds;
#[path = "hostile/corpus.rs"]
mod corpus;
#[path = "hostile/grown.rs"]
mod grown;
#[path = "hostile/mutations.rs"]
mod mutations;
#[path = "hostile/said.rs"]
mod said;

use bounds::within_bounds;
use corpus::{Attack, BESIDE, beside, vocabulary};
use std::sync::Arc;
use victus_agent::intents::{
    Completions, Context, Matcher, Origin, Problem, Sentences, Source, languages, lint, sample, speech,
};

/// The most bytes that a matcher may say it takes.
const MOST_BYTES: usize = 64 << 20;

/// What came of an attack.
struct Outcome {
    sentences: Sentences,
    matcher: Matcher,
    problems: Vec<Problem>,
}

fn load(attack: &Attack) -> Outcome {
    let (sentences, mut problems) = Sentences::load(&[attack.source(), beside()]);
    let (matcher, more) = Matcher::compile(&sentences, &vocabulary());
    problems.extend(more);
    Outcome { sentences, matcher, problems }
}

fn intent(matcher: &Matcher, text: &str) -> Option<String> {
    matcher.matches(text).best.map(|best| best.intent)
}

/// Fails where a fault that an attack states is not named, or one is named that it does not state.
fn check(attack: &Attack, outcome: &Outcome) {
    let problems: Vec<String> = outcome.problems.iter().map(shown).collect();
    for (line, text) in &attack.faults {
        let place = if *line == 0 { format!("{}:", attack.file) } else { format!("{}:{line}:", attack.file) };
        let named = |problem: &String| problem.starts_with(&place) && problem.contains(text);
        assert!(problems.iter().any(named), "{place} {text}: {problems:#?}");
    }
    assert_eq!(problems.len(), attack.faults.len(), "{}: {problems:#?}", attack.file);
    for problem in &outcome.problems {
        let lines = attack.text.lines().count().max(1);
        assert!((1..=lines).contains(&problem.origin.line), "{}", shown(problem));
    }
    for (sentence, meant) in &attack.says {
        assert_eq!(intent(&outcome.matcher, sentence).as_ref(), Some(meant), "{}: {sentence}", attack.file);
    }
    for sentence in BESIDE {
        assert_eq!(intent(&outcome.matcher, sentence).as_deref(), Some("Beside"), "{}: {sentence}", attack.file);
    }
}

/// A problem as it is shown, short enough to be read where a test fails.
fn shown(problem: &Problem) -> String {
    problem.to_string().chars().take(600).collect()
}

fn try_one(attack: Attack) {
    let name = attack.file.clone();
    within_bounds(&name, move || {
        let outcome = load(&attack);
        check(&attack, &outcome);
        let (grammar, _) = speech::grammar(&outcome.sentences, &vocabulary());
        let (grammar, _) = grammar.checked();
        let _fsg = grammar.to_fsg();
        let (written, _) = speech::written_grammar(&outcome.sentences, &vocabulary());
        let _gbnf = written.checked().0.to_gbnf();
        let _problems: Vec<Problem> = lint::lint(&outcome.sentences, &vocabulary());
        what_people_are_told(&outcome.sentences);
    });
}

/// Examples and completions, which are made of whatever was loaded.
fn what_people_are_told(sentences: &Sentences) {
    let (matcher, _) = Matcher::compile(sentences, &vocabulary());
    let _examples = sample::examples(sentences, &vocabulary(), &matcher, &|_| true);
    let completions = Completions::compile(sentences, &vocabulary());
    for text in ["", "g", "go ", "take ", "x1 "] {
        assert!(completions.after(text, 8).len() <= 8);
    }
}

#[test]
fn the_files_of_the_corpus_cost_what_they_state() {
    for attack in corpus::templates() {
        try_one(attack);
    }
}

#[test]
fn attacks_that_are_grown_cost_what_they_state() {
    for attack in grown::all() {
        try_one(attack);
    }
}

#[test]
fn what_fits_everything_is_given_up_and_says_so() {
    within_bounds("everything-fits", || {
        let source = Source { name: "everything-fits.yaml".to_owned(), text: grown::everything_fits() };
        let (sentences, problems) = Sentences::load(&[source]);
        assert_eq!(problems, []);
        let (matcher, _) = Matcher::compile(&sentences, &vocabulary());
        let text = "any words at all ".repeat(20);
        assert_eq!(matcher.matches(&text).gave_up, Some("the sentence can be read in too many ways"));
        assert_eq!(matcher.understand(&text, &Context::new()).best, None);
        let explained = matcher.explain(&text, &Context::new());
        assert!(explained.matches.gave_up.is_some());
        what_people_are_told(&sentences);
        assert!(matcher.bytes() < MOST_BYTES, "{}", matcher.bytes());
    });
}

#[test]
fn folders_of_hostile_files_are_read_as_far_as_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("beside.yaml"), beside().text).unwrap();
    std::fs::write(path("bytes.yaml"), b"language: en\n# fine\n# not \xff fine\n").unwrap();
    std::fs::File::create(path("holes.yaml")).unwrap().set_len(1 << 40).unwrap();
    std::fs::create_dir(path("folder.yaml")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("dangling.yaml")).unwrap();
    std::os::unix::fs::symlink("round.yaml", path("round.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zeros.yaml")).unwrap();
    let of = folder.path().to_owned();
    let (sentences, problems) = within_bounds("a hostile folder", move || Sentences::from_folder(&of));
    assert_eq!(sentences.template_count(), 2);
    let named: Vec<String> = problems.iter().map(shown).collect();
    for (file, text) in [
        ("bytes.yaml:3:", "not UTF-8"),
        ("dangling.yaml:1:", "can't be read"),
        ("folder.yaml:1:", "no file"),
        ("holes.yaml:1:", "at most"),
        ("round.yaml:1:", "can't be read"),
        ("zeros.yaml:1:", "no file"),
    ] {
        assert!(named.iter().any(|problem| problem.contains(file) && problem.contains(text)), "{file}: {named:#?}");
    }
    assert_eq!(named.len(), 6, "{named:#?}");
}

/// Does with a text everything that is done with a sentence.
///
/// To explain a sentence is to understand it too, and takes long in a build without optimisation.
fn survive(name: &str, matcher: &Arc<Matcher>, text: &str, explained: bool) {
    let (matcher, text) = (Arc::clone(matcher), text.to_owned());
    within_bounds(name, move || {
        let matches = matcher.matches(&text);
        assert!(matches.best.is_none() || matches.gave_up.is_none(), "what is given up is no answer");
        if explained {
            let area = Context::from([("area".to_owned(), "Kitchen".into())]);
            let explained = matcher.explain(&text, &area);
            assert!(matches.gave_up.is_none() || explained.nearly.is_empty(), "what is given up is nearly nothing");
            assert_eq!(explained.matches, matcher.matches_in(&text, &area), "what is explained is what is matched");
        }
        let named = matcher.entities_named(&text);
        assert!(named.len() <= vocabulary().entities.len(), "{named:?}");
    });
}

/// Tries every text of the corpus and every one that is grown with sentences; then harmless ones still mean something.
fn attack_with_sentences(name: &str, sentences: &Sentences, harmless: &str, explained: impl Fn(usize) -> bool) {
    let (matcher, _) = Matcher::compile(sentences, &vocabulary());
    let matcher = Arc::new(matcher);
    let meant = intent(&matcher, harmless);
    assert!(meant.is_some(), "{name}: {harmless}");
    for (number, (text_name, text)) in corpus::sentences().into_iter().chain(said::all()).enumerate() {
        survive(&format!("{name}: {text_name}"), &matcher, &text, explained(number));
    }
    assert_eq!(intent(&matcher, harmless), meant, "{name}: {harmless}");
    assert!(matcher.bytes() < MOST_BYTES, "{name}: {} bytes", matcher.bytes());
}

#[test]
fn hostile_sentences_are_survived_in_every_language() {
    let harmless = [
        ("de", "schalte cooling fan ein"),
        ("en", "turn on the cooling fan"),
        ("es", "enciende cooling fan"),
        ("fr", "allume cooling fan"),
        ("nl", "zet cooling fan aan"),
    ];
    assert_eq!(languages().collect::<Vec<_>>(), harmless.map(|(language, _)| language));
    for (place, (language, harmless)) in harmless.into_iter().enumerate() {
        let (sentences, problems) = Sentences::for_language(language, None);
        assert_eq!(problems, []);
        // Each text is explained in one of the languages, and matched in all.
        attack_with_sentences(language, &sentences, harmless, |number| number % 5 == place);
    }
}

#[test]
fn hostile_sentences_are_survived_by_hostile_templates() {
    let (sentences, problems) = Sentences::load(&[said::nasty(), beside()]);
    assert_eq!(problems, []);
    attack_with_sentences("nasty", &sentences, BESIDE[0], |_| true);
}

#[test]
fn mutated_templates_are_read_or_named() {
    let corpus = corpus::templates();
    let texts: Vec<&str> = corpus.iter().map(|attack| attack.text.as_str()).collect();
    for attack in &corpus {
        mutations::try_each(&attack.text, &texts, 24, |text| {
            let attack = Attack { text: text.to_owned(), ..attack.clone() };
            let name = attack.file.clone();
            within_bounds(&name, move || survive_loading(&attack));
        });
    }
}

fn survive_loading(attack: &Attack) {
    let outcome = load(attack);
    let lines = attack.text.lines().count().max(1);
    for problem in &outcome.problems {
        let Origin { file, line } = &problem.origin;
        assert!(*file == attack.file && (1..=lines).contains(line), "{}: {}", attack.file, shown(problem));
        assert!(!problem.message.is_empty(), "{}", attack.file);
    }
    assert!(outcome.sentences.intents().contains("Beside"), "{}: {:?}", attack.file, outcome.problems);
    for sentence in BESIDE {
        let matches = outcome.matcher.matches(sentence);
        assert!(matches.all().any(|reading| reading.intent == "Beside"), "{}: {sentence}", attack.file);
    }
    let (grammar, _) = speech::grammar(&outcome.sentences, &vocabulary());
    let _fsg = grammar.checked().0.to_fsg();
    for problem in lint::lint(&outcome.sentences, &vocabulary()) {
        assert!(problem.origin.line >= 1, "{}", shown(&problem));
    }
}

#[test]
fn mutated_sentences_are_survived() {
    let (nasty, _) = Sentences::load(&[said::nasty(), beside()]);
    let (english, _) = Sentences::for_language("en", None);
    let matchers = [nasty, english].map(|sentences| Arc::new(Matcher::compile(&sentences, &vocabulary()).0));
    let corpus = corpus::sentences();
    let texts: Vec<&str> = corpus.iter().map(|(_, text)| text.as_str()).collect();
    for (name, text) in &corpus {
        mutations::try_each(text, &texts, 4, |text| {
            matchers.iter().for_each(|matcher| survive(name, matcher, text, text.len() % 8 == 0));
        });
    }
    for matcher in &matchers {
        assert!(matcher.bytes() < MOST_BYTES, "{}", matcher.bytes());
    }
}
