//! Faults in sentence files: each is named by file and line, and costs only what it stands in.

use super::*;

fn load(text: &str) -> (Sentences, Vec<String>) {
    let (sentences, problems) = Sentences::load(&[Source { name: "own.yaml".to_owned(), text: text.to_owned() }]);
    (sentences, problems.iter().map(ToString::to_string).collect())
}

fn templates(sentences: &Sentences) -> Vec<&str> {
    sentences.blocks.iter().flat_map(|block| &block.templates).map(|template| template.text.as_str()).collect()
}

/// A file of one intent with these sentences, and what follows them.
fn file(sentences: &[&str], rest: &str) -> String {
    let lines: Vec<String> = sentences.iter().map(|sentence| format!("          - \"{sentence}\"\n")).collect();
    format!("language: en\nintents:\n  HassTurnOn:\n    data:\n      - sentences:\n{}{rest}", lines.concat())
}

#[test]
fn reads_the_whole_format() {
    let text = r#"
language: en
settings:
  ignore_whitespace: false
  filter_with_regex: false
intents:
  HassLightSet:
    data:
      - sentences: ["set <thing> to {level:brightness}", "{mood} light in {where}"]
        slots: {domain: light, device_class: [a, b], count: 3}
        requires_context: {domain: light, area: {slot: true}, kind: [x, y], floor: {value: z}, any: null}
        excludes_context: {domain: cover}
        required_keywords: [light]
        expansion_rules: {thing: "the {name}"}
        lists: {where: {wildcard: true}}
        response: done
        metadata: {one: true}
lists:
  level: {range: {from: 0, to: 100, step: 5, type: percentage, fractions: halves, multiplier: 0.5, digits: true, words: false}}
  mood: {values: [warm, {in: "(cold|icy)", out: cool, context: {a: b}, metadata: {c: d}}]}
expansion_rules:
  thing: "anything"
skip_words: [please]
responses:
  intents: {HassLightSet: {done: "{name} is set."}}
  errors: {default: "No."}
"#;
    let (sentences, problems) = load(text);
    assert_eq!(problems, Vec::<String>::new());
    let block = &sentences.blocks[0];
    assert_eq!(block.slots["device_class"], SlotValue::List(vec!["a".into(), "b".into()]));
    assert_eq!(block.slots["count"], SlotValue::Number(3.0));
    assert!(block.requires["area"].slot.as_deref() == Some("area") && block.requires["area"].any_of.is_empty());
    assert_eq!(block.requires["kind"].any_of.len(), 2);
    assert_eq!(block.requires["floor"].any_of, ["z"]);
    assert!(block.requires["any"].any_of.is_empty());
    assert_eq!(block.required_keywords, ["light"]);
    assert_eq!(block.response.as_deref(), Some("done"));
    assert_eq!(block.metadata["one"], true);
    assert_eq!(block.templates[1].origin, Origin { file: "own.yaml".to_owned(), line: 9 });
    let ListKind::Numbers(level) = &sentences.lists["level"].kind else { panic!() };
    assert_eq!((level.step, level.fractions, level.multiplier, level.words), (5, Fractions::Halves, 0.5, false));
    let ListKind::Values(mood) = &sentences.lists["mood"].kind else { panic!() };
    assert_eq!((mood[1].out.clone(), mood[1].context["a"].as_str()), (Some("cool".into()), Some("b")));
    assert_eq!(sentences.skip_words, ["please"]);
    assert!(sentences.responses.has("HassLightSet.done") && sentences.responses.has("errors.default"));
}

#[test]
fn a_syntax_error_costs_its_sentence_only_and_is_named_by_line_and_column() {
    let (sentences, problems) = load(&file(&["turn on {name}", "turn (on {name}", "switch {name} on"], ""));
    assert_eq!(templates(&sentences), ["turn on {name}", "switch {name} on"]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("own.yaml:7:19: "), "{}", problems[0]);
    assert!(problems[0].contains("never closed") && problems[0].contains("`turn (on {name}`"), "{}", problems[0]);
}

#[test]
fn an_undefined_rule_or_list_costs_its_sentence() {
    let (sentences, problems) = load(&file(&["<turn> on {name}", "dim to {level}", "{name} on"], ""));
    assert_eq!(templates(&sentences), ["{name} on"]);
    assert!(problems[0].starts_with("own.yaml:6:14: the rule `<turn>` is not defined"), "{problems:?}");
    assert!(problems[1].starts_with("own.yaml:7:21: the list `{level}` is not defined"), "{problems:?}");
}

#[test]
fn an_example_that_cannot_be_said_costs_itself_only() {
    let block = "language: en\nintents:\n  A:\n    data:\n      - sentences: [\"turn on {name}\"]\n        example: \"turn <round>\"\nexpansion_rules: {round: \"[<round>]\"}\n";
    let (sentences, problems) = load(block);
    assert_eq!(templates(&sentences), ["turn on {name}"]);
    assert!(sentences.blocks[0].example.is_none());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("own.yaml:6:19: the rule `<round>` calls itself"), "{problems:?}");
}

#[test]
fn a_fault_in_a_rule_is_one_problem_at_the_rule() {
    let rules = "expansion_rules:\n  turn: \"(turn|<switch>)\"\n";
    let (sentences, problems) = load(&file(&["<turn> on {name}", "<turn> off {name}", "{name} on"], rules));
    assert_eq!(templates(&sentences), ["{name} on"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("own.yaml:10:3: the rule `<switch>` is not defined"), "{problems:?}");
    assert!(problems[0].ends_with("2 sentences that use it are left out"), "{problems:?}");
}

#[test]
fn a_rule_that_calls_itself_is_named_with_its_circle() {
    let rules = "expansion_rules:\n  a: \"x <b>\"\n  b: \"[<c>] y\"\n  c: \"<a>|z\"\n  d: \"<d>\"\n";
    let (sentences, problems) = load(&file(&["<a> one", "<d> two", "three"], rules));
    assert_eq!(templates(&sentences), ["three"]);
    let found = |start: &str, circle: &str| {
        problems.iter().any(|problem| problem.starts_with(start) && problem.contains(circle))
    };
    assert!(found("own.yaml:10:3: ", "<a> -> <b> -> <c> -> <a>"), "{problems:?}");
    assert!(found("own.yaml:13:3: ", "<d> -> <d>"), "{problems:?}");
}

#[test]
fn rules_that_nest_too_deep_are_refused() {
    let mut rules = String::from("expansion_rules:\n  r0: \"end\"\n");
    for level in 1..40 {
        rules.push_str(&format!("  r{level}: \"<r{}> <r{}>\"\n", level - 1, level - 1));
    }
    let (sentences, problems) = load(&file(&["go <r39>", "go <r3>"], &rules));
    assert_eq!(templates(&sentences), ["go <r3>"]);
    assert!(problems.iter().any(|problem| problem.contains("nested deeper")), "{problems:?}");
}

#[test]
fn what_grows_too_large_is_refused_even_where_it_says_nothing() {
    let mut rules = String::from("expansion_rules:\n  r0: \"()\"\n");
    for level in 1..12 {
        rules.push_str(&format!("  r{level}: \"{}\"\n", format!("<r{}>", level - 1).repeat(40)));
    }
    rules.push_str("lists: {big: {values: [\"<r11>\", small]}}\n");
    let (sentences, problems) = load(&file(&["go <r11>", "go <r1>", "go {big}"], &rules));
    assert_eq!(templates(&sentences), ["go <r1>", "go {big}"]);
    let found = |start: &str, end: &str| problems.iter().any(|it| it.starts_with(start) && it.ends_with(end));
    assert!(found("own.yaml:6:14: with its rules and lists", "`go <r11>`"), "{problems:?}");
    assert!(found("own.yaml:22:25: with its rules and lists", "`<r11>`"), "{problems:?}");
}

#[test]
fn a_rule_of_a_block_does_not_lead_a_list_of_all_back_into_itself() {
    let text = "intents:\n  A:\n    data:\n      - sentences: [\"a {thing}\"]\n      - sentences: [\"b {thing}\"]\n        expansion_rules: {inner: \"[so] {thing}\"}\nlists:\n  thing: {values: [\"<inner>\"]}\nexpansion_rules: {inner: x}\n";
    let (sentences, problems) = load(text);
    assert_eq!(templates(&sentences), ["a {thing}"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("own.yaml:6:27: a list's value can't hold another list"), "{problems:?}");
}

#[test]
fn a_rule_may_use_what_only_some_blocks_define() {
    let text = "language: en\nintents:\n  A:\n    data:\n      - sentences: [\"<question>\"]\n        expansion_rules: {class: heat}\n      - sentences: [\"<question>\"]\nexpansion_rules:\n  question: \"what is the <class>\"\n";
    let (sentences, problems) = load(text);
    assert_eq!(sentences.blocks[0].templates.len(), 1);
    assert_eq!(sentences.blocks[1].templates.len(), 0);
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn bad_yaml_costs_its_file_only() {
    let good = Source { name: "good.yaml".to_owned(), text: file(&["turn on {name}"], "") };
    let bad = Source { name: "bad.yaml".to_owned(), text: "language: en\nintents: [\n  - {a: b\n".to_owned() };
    let (sentences, problems) = Sentences::load(&[bad, good]);
    assert_eq!(templates(&sentences), ["turn on {name}"]);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].origin.file, "bad.yaml");
    assert!(problems[0].message.contains("the whole file is left out"), "{}", problems[0]);
}

#[test]
fn what_is_missing_at_the_end_is_named_by_the_last_line() {
    let (_, problems) = load("language: en\nfillers:\n  - \"uh\n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("own.yaml:3: the file is no YAML"), "{problems:?}");
}

#[test]
fn wrong_shapes_and_unknown_keys_are_named() {
    let cases = [
        ("language: en\nsentence: {}\n", "own.yaml:2:1: `sentence` is not known here"),
        ("language: en\nintents: [a]\n", "own.yaml:2:10: intents must be a map, and this is a list"),
        ("lists:\n  x: {}\n", "own.yaml:2:3: the list `x` holds nothing"),
        ("lists:\n  x: {range: {from: 5, to: 1}}\n", "own.yaml:2:14: the range 5..1 is empty"),
        ("lists:\n  x: {range: {from: 5}}\n", "own.yaml:2:14: the range needs `from` and `to`"),
        ("lists:\n  x: {values: [{out: 5}]}\n", "own.yaml:2:16: the value has no `in`"),
        ("lists:\n  x: {values: [\"(a\"]}\n", "own.yaml:2:17: this bracket is never closed"),
        ("lists:\n  x: {values: [\"{name}\"]}\n", "own.yaml:2:17: a list's value can't hold another list"),
        (
            "intents:\n  A: {data: [{sentences: [[a]]}]}\n",
            "own.yaml:2:27: a sentence must be a text, and this is a list",
        ),
        ("intents:\n  A: {data: [{sentences: [a], slot: {}}]}\n", "own.yaml:2:31: `slot` is not known here"),
        ("responses:\n  errors: {a: \"{b\"}\n", "own.yaml:2:15: a `{` is never closed"),
        ("responses:\n  errors: {a: \"{{ b }}\"}\n", "own.yaml:2:3: 1 replies are written in Jinja"),
    ];
    for (text, expected) in cases {
        let (_, problems) = load(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
    }
}

#[test]
fn a_later_file_adds_and_replaces() {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let first = "expansion_rules: {turn: turn}\nlists: {x: {values: [a]}, y: {values: [c]}}\n";
    let second = "expansion_rules: {turn: \"(turn|switch)\"}\nlists: {x: {values: [b]}, y: {wildcard: true}}\n";
    let (sentences, problems) = Sentences::load(&[source("1", first), source("2", second)]);
    assert_eq!(problems, []);
    assert_eq!(sentences.rules["turn"].origin.file, "2");
    assert!(matches!(&sentences.lists["x"].kind, ListKind::Values(values) if values.len() == 2));
    assert!(matches!(sentences.lists["y"].kind, ListKind::Wildcard));
}

#[test]
fn a_folder_is_read_in_the_order_of_its_names_and_a_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.yaml"), file(&["second"], "")).unwrap();
    std::fs::write(folder.path().join("a.yml"), file(&["first"], "")).unwrap();
    std::fs::write(folder.path().join("c.yaml"), b"language: \xff\n").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a sentence file").unwrap();
    let (sentences, problems) = Sentences::from_folder(folder.path());
    assert_eq!(templates(&sentences), ["first", "second"]);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].origin.file.ends_with("c.yaml") && problems[0].message.contains("not UTF-8"),
        "{}",
        problems[0]
    );
    let (_, problems) = Sentences::from_folder(&folder.path().join("missing"));
    assert!(problems[0].message.contains("can't be read"), "{}", problems[0]);
}

#[test]
fn users_sentences_come_on_top_of_the_built_in_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), file(&["let there be {name}", "turn (on"], "")).unwrap();
    let (sentences, problems) = Sentences::for_language("en-GB", Some(folder.path()));
    assert_eq!(problems.len(), 1);
    assert!(templates(&sentences).contains(&"let there be {name}"));
    assert!(sentences.intents().contains("HassStartTimer") && sentences.template_count() > 100);
    let (none, problems) = Sentences::for_language("xx", None);
    assert_eq!((none.language.as_str(), none.template_count(), problems.len()), ("xx", 0, 0));
}
