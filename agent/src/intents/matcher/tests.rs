//! The rules of the match: context, order, ambiguity, wildcards, bounds.

use super::super::Source;
use super::super::tests::{english, matcher as workshop_matcher, workshop};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn entity(id: &str, names: &[&str]) -> NamedEntity {
    NamedEntity {
        id: id.to_owned(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        kind: id.split('.').next().unwrap().to_owned(),
        ..NamedEntity::default()
    }
}

fn compile(text: &str, entities: Vec<NamedEntity>) -> Matcher {
    let (sentences, problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text: text.to_owned() }]);
    assert_eq!(problems, []);
    let vocabulary =
        Vocabulary { entities, areas: vec!["Kitchen".to_owned()], floors: vec!["Cellar".to_owned()], templates: false };
    let (matcher, problems) = Matcher::compile(&sentences, &vocabulary);
    assert_eq!(problems, []);
    matcher
}

/// A matcher with one intent a template: `A`, `B`, ...
fn of(templates: &[&str], rest: &str) -> Matcher {
    let intents: Vec<String> = templates
        .iter()
        .zip('A'..)
        .map(|(template, name)| format!("  {name}: {{data: [{{sentences: ['{}']}}]}}\n", template.replace('\'', "''")))
        .collect();
    compile(
        &format!("language: en\nintents:\n{}{rest}", intents.concat()),
        vec![entity("fan.one", &["Fan"]), entity("light.two", &["Red light"])],
    )
}

/// `intent slot=value ...`
fn found(matcher: &Matcher, text: &str) -> Vec<String> {
    let matches = matcher.matches(text);
    let one = |reading: &IntentMatch| {
        let slots: Vec<String> = reading.slots.iter().map(|(slot, value)| format!(" {slot}={value}")).collect();
        format!("{}{}", reading.intent, slots.concat())
    };
    matches.all().map(one).collect()
}

#[test]
fn every_form_of_a_template_matches() {
    let cases = [
        ("turn on [the] {name}", "turn on the fan", "A name=Fan"),
        ("turn on[ the] {name}", "turn on fan", "A name=Fan"),
        ("light[s]", "lights", "A"),
        ("(a|b)[c]d", "bcd", "A"),
        ("go (fast;[very] far;home)", "go home very far fast", "A"),
        ("(a;b;c)", "c a b", "A"),
        ("{name}['s] state", "fan's state", "A name=Fan"),
        ("to {0..100:level}[([ ]%| percent)]", "to 50 %", "A level=50"),
        ("to {0..100:level}[([ ]%| percent)]", "to fifty percent", "A level=50"),
        ("to {-20..20,5:level}", "to minus fifteen", "A level=-15"),
        ("to {-20..20,5:level}", "to -15", "A level=-15"),
        (r"what is 1\+1 \(one\)", "what is 1+1 one", "A"),
        ("up-to-date", "up to date", "A"),
        ("up to date", "up-to-date", "A"),
        ("l'été", "L\u{2019}E\u{301}TE\u{301}", "A"),
        ("straße", "STRASSE", "A"),
        ("[a] [b] [c] end", "a c end", "A"),
        ("  spaced   out ", "spaced out", "A"),
    ];
    for (template, text, expected) in cases {
        assert_eq!(found(&of(&[template], ""), text), [expected], "{template}");
    }
}

#[test]
fn a_rule_of_one_block_stays_in_it() {
    let file = "language: en\nintents:\n  A: {data: [{sentences: ['paint {thing}'], expansion_rules: {size: tiny}}]}\n  B: {data: [{sentences: ['wash {thing}']}]}\nlists: {thing: {values: ['<size> press']}}\nexpansion_rules: {size: big}\n";
    let matcher = compile(file, vec![]);
    for (text, expected) in [("paint tiny press", true), ("paint big press", false), ("wash big press", true)] {
        assert_eq!(!found(&matcher, text).is_empty(), expected, "{text}");
    }
    assert_eq!(found(&matcher, "wash tiny press"), Vec::<String>::new());
}

#[test]
fn what_does_not_fit_is_not_matched() {
    let cases = [
        ("turn on {name}", "turn on"),
        ("turn on {name}", "turn on fans"),
        ("turn on {name}", "turn onfan"),
        ("turn on {name}", "turn on the fan now"),
        ("to {0..100:level}", "to 101"),
        ("to {0..100,5:level}", "to 51"),
        ("to {0..100:level}", "to 50.5"),
        ("(a;b)", "a a"),
        ("(a;b)", "ab"),
        ("a b", "ab"),
    ];
    for (template, text) in cases {
        assert_eq!(found(&of(&[template], ""), text), Vec::<String>::new(), "{template}: {text}");
    }
}

#[test]
fn wildcards_take_the_words_as_they_were_said() {
    let lists = "lists: {any: {wildcard: true}, other: {wildcard: true}}";
    let matcher = of(&["call it {any}", "play {any} by {other}"], lists);
    assert_eq!(found(&matcher, "Call it  Big-Red Pump!"), ["A any=Big-Red Pump"]);
    assert_eq!(found(&matcher, "play this by the river by Anna")[0], "B any=this other=the river by Anna");
    assert_eq!(found(&matcher, "call it"), Vec::<String>::new());
}

#[test]
fn the_better_of_several_readings_wins() {
    let lists = "lists: {any: {wildcard: true}, thing: {values: [fan, red]}}";
    // A name beats a wildcard and a list; fewer wildcards beat more; more literal text beats less.
    assert_eq!(found(&of(&["on {any}", "on {name}", "on {thing}"], lists), "on fan"), ["B name=Fan"]);
    assert_eq!(found(&of(&["set {any} to {any:second}", "set {any} to low"], lists), "set it to low"), ["B any=it"]);
    assert_eq!(found(&of(&["on {any}", "on fan {any}"], lists), "on fan now"), ["B any=now"]);
    assert_eq!(found(&of(&["on {thing}", "on fan"], lists), "on fan"), ["B"]);
}

#[test]
fn equally_good_readings_are_all_answered() {
    let matcher = of(&["do it", "do [it]"], "");
    let matches = matcher.matches("do it");
    assert!(matches.is_ambiguous() && matches.unambiguous().is_none());
    assert_eq!(found(&matcher, "do it"), ["A", "B"]);
    let same_name = compile(
        "intents:\n  On: {data: [{sentences: ['on {name} [in {area}]']}]}\n",
        vec![
            NamedEntity { area: Some("Kitchen".to_owned()), ..entity("fan.one", &["Fan"]) },
            NamedEntity { area: Some("Hall".to_owned()), ..entity("fan.two", &["Big fan", "fan"]) },
            entity("light.three", &["Lamp", "lamp"]),
        ],
    );
    let entities =
        |text: &str| same_name.matches(text).all().map(|reading| reading.entities.join(" ")).collect::<Vec<_>>();
    assert_eq!(entities("on fan"), ["fan.one", "fan.two"]);
    assert_eq!(entities("on big fan"), ["fan.two"]);
    assert_eq!(entities("on fan in kitchen"), ["fan.one"], "the area tells them apart");
    assert_eq!(entities("on lamp"), ["light.three"], "two names of one thing are no ambiguity");
}

#[test]
fn context_is_required_excluded_and_copied() {
    let text = "
intents:
  Here: {data: [{sentences: ['lights on'], slots: {domain: light}, requires_context: {area: {slot: true}}}]}
  Fan: {data: [{sentences: ['run {name}'], requires_context: {domain: fan}}]}
  Any: {data: [{sentences: ['check {name}'], excludes_context: {domain: [fan, cover]}}]}
  Mood: {data: [{sentences: ['make it {mood}'], requires_context: {level: high}}]}
lists: {mood: {values: [{in: bright, out: b, context: {level: high}}, {in: dim, context: {level: low}}]}}
";
    let matcher = compile(text, vec![entity("fan.one", &["Fan"]), entity("light.two", &["Lamp"])]);
    assert_eq!(found(&matcher, "lights on"), Vec::<String>::new());
    let here = Context::from([("area".to_owned(), json!("Kitchen"))]);
    let best = matcher.matches_in("lights on", &here).best.unwrap();
    assert_eq!((&best.slots["area"], &best.slots["domain"]), (&"Kitchen".into(), &"light".into()));
    assert_eq!(found(&matcher, "run fan"), ["Fan name=Fan"]);
    assert_eq!(found(&matcher, "run lamp"), Vec::<String>::new());
    assert_eq!(found(&matcher, "check lamp"), ["Any name=Lamp"]);
    assert_eq!(found(&matcher, "check fan"), Vec::<String>::new());
    assert_eq!(found(&matcher, "make it bright"), ["Mood mood=b"]);
    assert_eq!(found(&matcher, "make it dim"), Vec::<String>::new());
    assert_eq!(matcher.matches("run fan").best.unwrap().context["domain"], "fan");
}

#[test]
fn fixed_slots_keywords_and_list_values() {
    let text = "
intents:
  A: {data: [{sentences: ['set {level}', 'set {level} {part:domain}'], slots: {domain: light, n: 2}, required_keywords: [half, full]}]}
lists:
  level: {values: [{in: '(half|full) way', out: 5}, {in: full, out: 9}, plain]}
  part: {values: [fan]}
";
    let matcher = compile(text, vec![]);
    assert_eq!(found(&matcher, "set half way"), ["A domain=light level=5 n=2"]);
    assert_eq!(found(&matcher, "set full fan"), ["A domain=fan level=9 n=2"], "a fixed slot never overwrites");
    assert_eq!(found(&matcher, "set plain"), Vec::<String>::new(), "a keyword is missing");
}

#[test]
fn languages_without_spaces_ignore_them() {
    let text = "language: zh\nsettings: {ignore_whitespace: true}\nintents: {A: {data: [{sentences: ['打开 {area} [的] 灯']}]}}\nskip_words: [请]\n";
    let matcher = compile(text, vec![]);
    assert_eq!(found(&matcher, "请 打开kitchen的灯。"), ["A area=Kitchen"]);
}

#[test]
fn hesitation_is_passed_over_and_never_a_number() {
    let matcher = of(
        &["turn (on|off) [the] {name}", "wait {0..99:n} minutes", "say {any}"],
        "fillers: [uh, um]\nlists: {any: {wildcard: true}}",
    );
    for text in ["uh turn on on the fan fan", "turn on turn on um the fan", "turn um turn on the the the fan"] {
        let best = matcher.matches(text).best.unwrap_or_else(|| panic!("{text}"));
        assert_eq!((best.intent.as_str(), best.confidence), ("A", SURE_OF_HESITANT), "{text}");
    }
    for text in ["turn on off the fan", "turn on turn off the fan", "wait five five minutes", "wait 5 5 minutes"] {
        assert_eq!(found(&matcher, text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(matcher.matches("say uh uh").best.unwrap().slots["any"], SlotValue::Text("uh uh".to_owned()));
}

#[test]
fn skip_words_go_unless_they_are_needed() {
    let matcher = of(&["what can you do", "stop", "turn on {name}"], "skip_words: [can you, please, could you]");
    assert_eq!(found(&matcher, "what can you do please"), Vec::<String>::new(), "either all skip words go or none");
    assert_eq!(found(&matcher, "what can you do"), ["A"]);
    assert_eq!(found(&matcher, "please, could you stop?"), ["B"]);
}

#[test]
fn names_match_in_every_spelling() {
    let vocabulary =
        [entity("switch.a", &["Press 3"]), entity("switch.b", &["CO2-Messer"]), entity("switch.c", &["Öfen (alt)"])]
            .to_vec();
    let matcher = compile("language: en\nintents: {A: {data: [{sentences: ['on {name}']}]}}\n", vocabulary);
    for (text, name) in [
        ("on press 3", "Press 3"),
        ("on press three", "Press 3"),
        ("on co2 messer", "CO2-Messer"),
        ("on öfen alt", "Öfen (alt)"),
    ] {
        assert_eq!(found(&matcher, text), [format!("A name={name}")]);
    }
}

#[test]
fn a_name_of_which_nothing_can_be_said_is_a_problem() {
    let vocabulary = Vocabulary { entities: vec![entity("switch.a", &["?!", "Pump"])], ..Vocabulary::default() };
    let (_, problems) = Matcher::compile(&english(), &vocabulary);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("switch.a"), "{}", problems[0]);
}

#[test]
fn an_answer_names_entities() {
    let matcher = workshop_matcher();
    assert_eq!(matcher.entities_named("The Cooling-Fan, please!"), ["fan.cooling_fan"]);
    assert_eq!(matcher.entities_named("no, press three"), ["switch.press_3"]);
    assert_eq!(matcher.entities_named("the coolant pump"), ["switch.coolant_pump"], "the longest name counts");
    assert_eq!(matcher.entities_named("pumpkin"), Vec::<String>::new());
    assert_eq!(matcher.entities_named(&"pump ".repeat(1000)), Vec::<String>::new());
    let twins = compile("intents: {}\n", vec![entity("fan.one", &["Fan"]), entity("fan.two", &["fan"])]);
    assert_eq!(twins.entities_named("the fan"), ["fan.one", "fan.two"]);
}

#[test]
fn explains_a_match_and_a_miss() {
    let matcher = workshop_matcher();
    let explained = matcher.explain("turn on the fume fan", &Context::new());
    assert_eq!(explained.captures[0].1, [("name".to_owned(), "fume fan".to_owned())]);
    assert!(explained.nearest.is_empty());
    let missed = matcher.explain("set the main valve to purple", &Context::new());
    assert!(missed.matches.best.is_none());
    assert_eq!(
        (missed.nearest[0].matched.as_str(), missed.nearest[0].rest.as_str()),
        ("set the main valve to", "purple")
    );
    assert_eq!(missed.nearest[0].intent, "HassSetPosition");
    let elsewhere =
        compile("intents: {A: {data: [{sentences: ['lights on'], requires_context: {area: {slot: true}}}]}}\n", vec![]);
    let missed = elsewhere.explain("lights on", &Context::new());
    assert_eq!(missed.nearest[0].context.as_deref(), Some("the context `area` is not known"));
}

#[test]
fn long_sentences_are_refused_and_say_so() {
    let matcher = workshop_matcher();
    let cases = ["turn on ".repeat(12_500), "a ".repeat(101), "é".repeat(501), "x".repeat(100_000)];
    for text in cases {
        let matches = matcher.matches(&text);
        assert_eq!((matches.best, matches.gave_up), (None, Some("the sentence is too long")));
    }
    assert_eq!(matcher.matches(&"a ".repeat(100)).gave_up, None);
}

#[test]
fn hostile_templates_cost_bounded_work() {
    let lists = "lists: {a: {wildcard: true}, b: {wildcard: true}, c: {wildcard: true}, d: {wildcard: true}, e: {wildcard: true}}";
    let optional = format!("{}end", "[a] ".repeat(300));
    let matcher =
        of(&["{a} {b} {c} {d} {e} x", &optional, "(a|a a|a a a|a a a a)(a|a a|a a a|a a a a)(a|a a|a a a)"], lists);
    let matches = matcher.matches(&format!("{}y", "a ".repeat(98)));
    assert_eq!(matches.best, None);
    assert_eq!(
        found(&matcher, &format!("{}x", "a ".repeat(98)))[0],
        format!("A a=a b=a c=a d=a e={}", "a ".repeat(94).trim())
    );
    assert_eq!(found(&matcher, &format!("{}end", "a ".repeat(60))), ["B"]);
}

#[test]
fn a_walk_that_takes_too_long_gives_up_and_answers_nothing() {
    // Every value is another capture, and every capture another way on.
    let values: Vec<String> =
        (1..40).map(|count| format!("{{in: '{}', out: {count}}}", "a ".repeat(count).trim())).collect();
    let lists = format!("lists: {{v: {{values: [{}]}}}}", values.join(", "));
    let matcher = of(&["[{v:b}] [{v:c}] [{v:d}] [{v:e}] [{v:f}] [{v:g}]"], &lists);
    let matches = matcher.matches(&"a ".repeat(90));
    assert_eq!((matches.best, matches.gave_up), (None, Some("the sentence can be read in too many ways")));
    assert!(matcher.matches("a").best.is_some());
}

#[test]
fn templates_that_grow_too_large_are_refused_by_name() {
    let mut text = String::from("language: en\nexpansion_rules:\n  r0: \"(a|b|c|d|e|f|g|h|i|j)\"\n");
    for level in 1..8 {
        let previous = level - 1;
        text.push_str(&format!("  r{level}: \"<r{previous}><r{previous}><r{previous}><r{previous}><r{previous}>\"\n"));
    }
    text.push_str(
        "intents:\n  A:\n    data:\n      - sentences:\n          - \"go <r7> {name}\"\n          - \"go {name}\"\n",
    );
    let (sentences, mut problems) = Sentences::load(&[Source { name: "t.yaml".to_owned(), text }]);
    let (matcher, more) = Matcher::compile(&sentences, &workshop());
    problems.extend(more);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].origin.line, 15);
    assert!(problems[0].message.contains("`go <r7> {name}`"), "{}", problems[0]);
    assert_eq!(found(&matcher, "go pump"), ["A name=Coolant pump"]);
}

#[test]
fn a_match_is_written_as_json() {
    let matcher = workshop_matcher();
    let value = serde_json::to_value(matcher.matches("set the main valve to fifty percent").best.unwrap()).unwrap();
    assert_eq!(value["slots"], json!({"name": "Main valve", "position": 50}));
    assert_eq!(value["entities"], json!(["valve.main_valve"]));
    assert!(value["template"].as_str().unwrap().starts_with("built-in/en/openings.yaml:"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_text_is_survived(text in ".{0,700}") {
        let matcher = of(&["{name} is {any}", "[a|b]{0..9:n}"], "lists: {any: {wildcard: true}}");
        let _matches: Matches = matcher.matches(&text);
    }

    #[test]
    fn any_words_of_the_domain_are_survived(words in prop::collection::vec(prop::sample::select(vec![
        "turn", "on", "off", "the", "all", "lights", "fan", "press", "hall", "in", "timer", "for", "one", "hundred", "and", "a", "half",
        "hour", "minutes", "set", "to", "percent", "stop", "please", "is", "open", "valve", "main", "3", "-5", "0.5",
    ]), 0..40)) {
        let matches = MATCHER.with(|matcher| matcher.matches(&words.join(" ")));
        prop_assert!(matches.best.is_some() || matches.rivals.is_empty());
    }

    #[test]
    fn any_template_is_compiled_or_refused(template in r"[ab ()\[\]{}<>|;]{0,30}", text in "[ab ]{0,20}") {
        let file = format!("language: en\nintents: {{A: {{data: [{{sentences: ['{template}']}}]}}}}\nlists: {{a: {{wildcard: true}}, b: {{values: [a, b]}}}}\nexpansion_rules: {{a: 'b [a]', b: '<a> {{b}}'}}\n");
        let (sentences, _) = Sentences::load(&[Source { name: "t".to_owned(), text: file }]);
        let (matcher, _) = Matcher::compile(&sentences, &Vocabulary::default());
        let _matches: Matches = matcher.matches(&text);
    }

    #[test]
    fn every_sample_means_its_intent(seed in 0u64..1_000_000) {
        let (samples, unsayable) = super::super::sample::sample(&english(), &workshop(), 0, seed);
        prop_assert_eq!(unsayable, []);
        for sample in samples.into_iter().skip((seed % 20) as usize).step_by(20) {
            let matches = MATCHER.with(|matcher| matcher.matches_in(&sample.text, &sample.context));
            let intents: std::collections::BTreeSet<&str> = matches.all().map(|reading| reading.intent.as_str()).collect();
            prop_assert_eq!(intents, [sample.intent.as_str()].into(), "{} of {}", sample.text, sample.template);
        }
    }
}

thread_local! {
    static MATCHER: Matcher = workshop_matcher();
}
