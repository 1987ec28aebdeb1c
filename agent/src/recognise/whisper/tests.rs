use super::*;
use crate::intents::sample::sample;
use crate::intents::speech::written_grammar;
use crate::intents::{NamedEntity, Sentences, Vocabulary};
use crate::recognise::grammar::gbnf::reader::Gbnf;

#[test]
fn context_follows_the_length() {
    assert_eq!(reduced_context(0, 1500), 128);
    assert_eq!(reduced_context(16_000, 1500), 192);
    assert_eq!(reduced_context(48_000, 1500), 320);
    assert_eq!(reduced_context(MAX_SAMPLES, 1500), 1500);
}

#[test]
fn loops_are_told_from_repeated_words() {
    assert!(!repeats(&[]));
    assert!(!repeats(&[1, 2, 3, 4, 5]));
    assert!(!repeats(&[7, 7, 7]));
    assert!(repeats(&[1, 7, 7, 7, 7, 7, 7]));
    assert!(!repeats(&[1, 2, 1, 2]));
    assert!(repeats(&[9, 1, 2, 1, 2, 1, 2]));
}

#[test]
fn text_becomes_plain_words() {
    for (text, words) in [
        (" Turn on the lamp.", "turn on the lamp"),
        ("[BLANK_AUDIO]", ""),
        (" (keyboard clicking) Stop! *beep* Now", "stop now"),
        ("What’s the time?", "what's the time"),
        ("Set it to 21.5, or 30%.", "set it to 21.5 or 30%"),
        ("Minus -5 degrees - please", "minus -5 degrees please"),
        ("Öffne die Tür", "öffne die tür"),
        ("...", ""),
        ("unclosed [noise", "unclosed"),
    ] {
        assert_eq!(plain_words(text), words, "{text}");
    }
}

/// The English sentences with some names, as whisper is held to them.
fn english() -> (Sentences, Vocabulary, SpeechGrammar) {
    let (sentences, problems) = Sentences::for_language("en", None);
    assert_eq!(problems, []);
    let entity = |id: &str, name: &str, class: &str| NamedEntity {
        id: id.to_owned(),
        names: vec![name.to_owned()],
        area: Some("Press hall".to_owned()),
        kind: id.split('.').next().unwrap().to_owned(),
        context: [("device_class".to_owned(), class.into())].into(),
        ..NamedEntity::default()
    };
    let names = [
        ("fan.extraction", "Extraction fan"),
        ("switch.press_3", "Press 3"),
        ("light.led", "LED"),
        ("valve.main", "Main valve"),
        ("lock.cabinet", "Tool cabinet"),
        ("cover.door", "Roller door"),
        ("siren.horn", "Alarm horn"),
        ("button.reset", "Reset"),
        ("binary_sensor.guard", "Guard door"),
    ];
    // Of a class that is not there nobody speaks.
    let classes =
        ["temperature", "humidity", "pressure", "power", "voltage", "current", "speed", "volume_flow_rate", "aqi"];
    let named = names.iter().map(|(id, name)| entity(id, name, ""));
    let sensors = classes.iter().map(|class| entity("sensor.boiler", "Boiler reading", class));
    let vocabulary = Vocabulary {
        entities: named.chain(sensors).collect(),
        areas: vec!["Press hall".to_owned()],
        ..Vocabulary::default()
    };
    let (grammar, problems) = written_grammar(&sentences, &vocabulary);
    assert_eq!(problems, []);
    (sentences, vocabulary, grammar)
}

/// As whisper writes it: a space before each word, a capital, a full stop, a sign after digits only, and no colon, which
/// people type.
fn as_whisper_writes(text: &str) -> String {
    let text = text.replace(" %", "%").replace(':', " ");
    let words = match text.split_once('%') {
        Some((before, after)) if !before.ends_with(|last: char| last.is_ascii_digit()) => {
            format!("{before} percent {after}")
        }
        _ => text,
    };
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut characters = words.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!(" {first}{}.", characters.as_str().to_lowercase())
}

#[test]
fn what_can_be_said_is_a_sentence_of_both_grammars_and_other_words_are_not() {
    let (sentences, vocabulary, grammar) = english();
    let gbnf = Gbnf::read(&grammar.to_gbnf().unwrap());
    let mut bias = Bias::new(grammar.automaton().unwrap(), Vec::new());
    let (samples, _unsayable) = sample(&sentences, &vocabulary, 600, 5);
    let templates: std::collections::BTreeSet<_> = samples.iter().map(|sample| sample.template.clone()).collect();
    assert!(samples.len() == 600 && templates.len() > 100, "{} of {} templates", samples.len(), templates.len());
    let mut wrong = Vec::new();
    for sample in &samples {
        let text = as_whisper_writes(&sample.text);
        let accepted = (gbnf.accepts(&text), bias.is_sentence(text.as_bytes()));
        if accepted != (true, true) {
            wrong.push(format!("{text} of {}: {accepted:?}", sample.template));
        }
        // The last word alone is missing or doubled.
        let cut = text.rsplit_once(' ').map_or("", |(before, _)| before).to_owned();
        let doubled = format!("{} {}", text.trim_end_matches('.'), text.rsplit(' ').next().unwrap());
        for other in [cut, doubled] {
            let accepted = (gbnf.accepts(&other), bias.is_sentence(other.as_bytes()));
            assert_eq!(accepted.0, accepted.1, "{other}: both or none");
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), samples.len());
    for other in
        [" Colourless green ideas.", " Turn on the.", " Turn on the moon.", " What a nice day.", " Set press 3 to."]
    {
        assert_eq!((gbnf.accepts(other), bias.is_sentence(other.as_bytes())), (false, false), "{other}");
    }
}
