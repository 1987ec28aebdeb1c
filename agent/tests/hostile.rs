//! Hostile sentence files and hostile sentences: nothing panics, hangs or eats the machine, every fault is named by file,
//! line and template, and what is harmless goes on working.

#[path = "hostile/bounds.rs"]
mod bounds;
#[path = "hostile/corpus.rs"]
mod corpus;
#[path = "hostile/grown.rs"]
mod grown;

use bounds::within_bounds;
use corpus::{Attack, BESIDE, beside, vocabulary};
use victus_agent::intents::{Matcher, Problem, Sentences, lint, speech};

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
    });
}

#[test]
fn the_files_of_the_corpus_cost_what_they_state() {
    for attack in corpus::templates() {
        try_one(attack);
    }
}

#[test]
fn probe() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for attack in grown::all().into_iter().filter(|attack| attack.file.starts_with(&only)) {
        let name = attack.file.clone();
        let start = std::time::Instant::now();
        println!("{name}");
        let result = std::panic::catch_unwind(move || {
            within_bounds("load", { let attack = attack.clone(); move || { let outcome = load(&attack); eprintln!("loaded {}", outcome.problems.len()); check(&attack, &outcome); } });
            eprintln!("checked"); try_one(attack) });
        eprintln!("## {name} {:?} ok={}", start.elapsed(), result.is_ok());
    }
}
