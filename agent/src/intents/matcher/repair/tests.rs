use super::super::*;
use crate::intents::tests::{english, matcher, workshop};
use crate::intents::{Sentences, Source};
use proptest::prelude::*;
use std::sync::LazyLock;

/// What is acted on without asking.
const SURE: f32 = 0.6;

/// What comes of a sentence: `sure` or `ask` with the sentences that it is taken for, or nothing.
fn outcome(matcher: &Matcher, said: &str) -> String {
    let matches = matcher.understand(said, &Context::new());
    let taken_for = |reading: &IntentMatch| reading.repaired.clone().unwrap_or_else(|| "as it is".to_owned());
    let mut sentences: Vec<String> = matches.all().map(taken_for).collect();
    sentences.dedup();
    match matches.unambiguous() {
        Some(reading) if reading.confidence >= SURE => format!("sure: {}", sentences.join(" | ")),
        _ if sentences.is_empty() => "nothing".to_owned(),
        _ => format!("ask: {}", sentences.join(" | ")),
    }
}

fn hold(matcher: &Matcher, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|&(said, expected)| (said, expected, outcome(matcher, said)))
        .filter(|(_, expected, got)| got != expected)
        .map(|(said, expected, got)| format!("{said}\n   expected {expected}\n        got {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn near_misses_are_what_was_meant() {
    let table = [
        ("turn on the extracton fan", "sure: turn on the extraction fan"),
        ("turn the extracton fan on", "sure: turn the extraction fan on"),
        ("opne the main valve", "sure: open the main valve"),
        ("what's the boyler presure", "sure: what's the boiler pressure"),
        ("turn up the volum", "sure: turn up the volume"),
        ("unlok the tool cabinet", "sure: unlock the tool cabinet"),
        ("open the air walve", "sure: open the air valve"),
        ("switch off the coolant bump", "sure: switch off the coolant pump"),
        ("press tree on", "sure: press three on"),
        ("set a timer for fife minutes", "sure: set a timer for five minutes"),
        ("set a timer for 5 minuts", "sure: set a timer for 5 minutes"),
        ("set the work light to 50 purcent", "sure: set the work light to 50 percent"),
    ];
    hold(&matcher(), &table);
}

#[test]
fn words_that_were_split_or_joined_are_one_again() {
    let table = [
        ("turn on the extra action fan", "sure: turn on the extraction fan"),
        ("switch off the cool and pump", "sure: switch off the coolant pump"),
        ("turn on the extractionfan", "sure: turn on the extraction fan"),
        ("open the rollerdoor", "sure: open the roller door"),
        ("turn on the worklight", "sure: turn on the work light"),
        ("un do that", "sure: undo that"),
    ];
    hold(&matcher(), &table);
}

#[test]
fn hesitation_and_politeness_are_no_hindrance() {
    let table = [
        ("uh turn on the the extracton fan please", "sure: turn on the extraction fan"),
        ("could you please turn on the extracton fan", "sure: turn on the extraction fan"),
    ];
    hold(&matcher(), &table);
}

#[test]
fn what_is_in_doubt_is_asked() {
    let table = [
        // Between on and off there is a letter.
        ("switch of the coolant pump", "ask: switch off the coolant pump"),
        ("turn onn the extraction fan", "ask: turn on the extraction fan"),
        ("nlock the tool cabinet", "ask: unlock the tool cabinet | lock the tool cabinet"),
        // Short words are like many others.
        ("turn on the extraction van", "ask: turn on the extraction fan"),
        ("is the guard or open", "ask: is the guard door open"),
        // Two things are as near.
        ("close the hair valve", "ask: close the air valve | close the valve"),
        ("turn on the light in the pres hall", "ask: turn on the light in the press hall"),
        // A word that has no place may have been the one that mattered.
        ("don't turn on the extraction fan", "ask: turn on the extraction fan"),
        ("banana turn on the extraction fan", "ask: turn on the extraction fan"),
        ("turn on the extraction fan banana", "ask: turn on the extraction fan"),
    ];
    hold(&matcher(), &table);
}

#[test]
fn a_number_is_not_guessed() {
    let matcher = matcher();
    for said in ["set a timer for fiveteen minutes", "set a timer for fivety minutes"] {
        assert!(outcome(&matcher, said).starts_with("ask: "), "{said}");
    }
    hold(&matcher, &[("set a timer for 5o minutes", "nothing"), ("turn on press two", "nothing")]);
}

#[test]
fn what_is_about_something_else_is_not_understood() {
    let table = [
        ("lovely weather today", "nothing"),
        ("I went to the shop yesterday and bought bread", "nothing"),
        ("turn on the radio", "nothing"),
        ("open the window", "nothing"),
        ("the quick brown fox jumps over the lazy dog", "nothing"),
        ("can we talk about something else for a minute", "nothing"),
        ("he said turn the light on the other day", "nothing"),
        ("turn", "nothing"),
        ("fan", "nothing"),
        ("what", "nothing"),
        ("", "nothing"),
        ("?!", "nothing"),
    ];
    hold(&matcher(), &table);
}

#[test]
fn a_near_miss_of_two_names_is_neither() {
    let named = |id: &str, name: &str| NamedEntity {
        id: id.to_owned(),
        names: vec![name.to_owned()],
        kind: "switch".to_owned(),
        ..NamedEntity::default()
    };
    let mut names = workshop();
    names.entities.extend([named("switch.mixer", "Mixer station"), named("switch.fixer", "Fixer station")]);
    let (matcher, _) = Matcher::compile(&english(), &names);
    let matches = matcher.understand("turn on the nixer station", &Context::new());
    let entities: Vec<&str> = matches.all().flat_map(|reading| &reading.entities).map(String::as_str).collect();
    assert_eq!(matches.unambiguous(), None);
    assert_eq!(entities, ["switch.mixer", "switch.fixer"]);
}

#[test]
fn a_sentence_without_its_accents_is_understood() {
    let sentences = r#"
language: fr
intents:
  HassTurnOff:
    data:
      - sentences: ["(éteins|arrête) la lumière"]
"#;
    let source = Source { name: "fr.yaml".to_owned(), text: sentences.to_owned() };
    let (sentences, problems) = Sentences::load(&[source]);
    assert_eq!(problems, []);
    let (matcher, _) = Matcher::compile(&sentences, &Vocabulary::default());
    hold(
        &matcher,
        &[("eteins la lumiere", "sure: éteins la lumière"), ("arretes la lumiere", "sure: arrête la lumière")],
    );
}

#[test]
fn what_fits_as_it_is_is_not_repaired() {
    let matcher = matcher();
    let context = Context::new();
    for said in ["turn on the extraction fan", "uh turn on the fan", "stop", "turn on the light in the press hall"] {
        assert_eq!(matcher.understand(said, &context), matcher.matches(said), "{said}");
    }
}

/// One letter of one word is lost, doubled or another: what comes of it is what was meant, or is asked, or is nothing.
#[test]
fn a_wrong_letter_never_makes_another_action_sure() {
    let matcher = matcher();
    let context = Context::new();
    let table = include_str!("../../tests/english.txt");
    let lines = table.lines().filter_map(|line| Some(line.split_once("=>")?.0.trim()));
    let (mut right, mut asked, mut tried) = (0, 0, 0);
    for (index, said) in lines.enumerate().filter(|(_, said)| !said.starts_with('#')) {
        let letters: Vec<char> = said.chars().collect();
        let place = index * 7 % letters.len();
        let Some(&letter) = letters.get(place).filter(|letter| letter.is_alphabetic()) else { continue };
        let instead = [vec![], vec![letter, letter], vec!['m']][index % 3].clone();
        let wrong: String = letters[..place].iter().chain(&instead).chain(&letters[place + 1..]).collect();
        let meant = matcher.matches(said);
        let (Some(meant), None) = (meant.unambiguous(), matcher.matches(&wrong).best) else { continue };
        tried += 1;
        let matches = matcher.understand(&wrong, &context);
        match matches.unambiguous().filter(|reading| reading.confidence >= SURE) {
            Some(reading) => {
                assert_eq!(
                    (&reading.intent, &reading.entities, &reading.slots),
                    (&meant.intent, &meant.entities, &meant.slots),
                    "“{wrong}” for “{said}”"
                );
                right += 1;
            }
            None => asked += usize::from(matches.best.is_some()),
        }
    }
    assert!(tried > 100 && right * 5 > tried * 2 && (right + asked) * 10 > tried * 9, "{right} {asked} {tried}");
}

static MATCHER: LazyLock<Matcher> = LazyLock::new(matcher);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_words_are_answered(text in "((turn|on|off|the|fan|lite|five|minuts|[a-z]{1,9}|\\PC{1,5}) ){0,14}") {
        let matches = MATCHER.understand(&text, &Context::new());
        for reading in matches.all() {
            prop_assert!((0.3..=1.0).contains(&reading.confidence), "{:?}", reading);
        }
    }
}
