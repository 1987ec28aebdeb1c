//! Attacks that are too large for a file of the corpus: each function writes one.

use super::corpus::Attack;

/// The line of the hostile template, and the first line of what follows it.
const TEMPLATE: usize = 4;
const REST: usize = 5;

/// A file with a harmless sentence, a hostile template, and what follows it.
fn attack(name: &str, template: &str, rest: &str, faults: &[(usize, &str)]) -> Attack {
    let text = format!(
        "language: en\nintents:\n  Harmless: {{data: [{{sentences: [\"go home\"]}}]}}\n  Hostile: {{data: [{{sentences: [\"{template}\"]}}]}}\n{rest}"
    );
    Attack {
        file: format!("{name}.yaml"),
        text,
        faults: faults.iter().map(|&(line, text)| (line, text.to_owned())).collect(),
        says: vec![("go home".to_owned(), "Harmless".to_owned())],
    }
}

/// A file of which nothing is left.
fn refused(name: &str, text: String, fault: &str) -> Attack {
    Attack { file: format!("{name}.yaml"), text, faults: vec![(0, fault.to_owned())], says: Vec::new() }
}

/// Rules, each of which calls the one before it so many times.
fn chain(levels: usize, times: usize, first: &str) -> String {
    let mut rules = format!("expansion_rules:\n  r0: \"{first}\"\n");
    for level in 1..levels {
        rules.push_str(&format!("  r{level}: \"{}\"\n", format!("<r{}>", level - 1).repeat(times)));
    }
    rules
}

/// Every attack that is grown.
pub(crate) fn all() -> Vec<Attack> {
    [nesting(), rules(), lists(), documents(), many()].concat()
}

fn nesting() -> Vec<Attack> {
    let nested = |open: &str, times: usize, close: &str| format!("{}x{}", open.repeat(times), close.repeat(times));
    let too_long = [(TEMPLATE, "the template has 20001 characters")];
    let too_deep = [(TEMPLATE, "nested deeper")];
    vec![
        attack("ten-thousand-brackets", &nested("(", 10_000, ")"), "", &too_long),
        attack("ten-thousand-optionals", &nested("[", 10_000, "]"), "", &too_long),
        attack("thousands-of-brackets", &nested("(", 3_900, ")"), "", &too_deep),
        attack("thousands-of-optionals", &nested("[", 3_900, "]"), "", &too_deep),
        attack("thousands-unclosed", &"(".repeat(7_900), "", &too_deep),
        attack("joints-that-alternate", &"a|b;".repeat(1_990), "", &[(TEMPLATE, "by turns more than 24 times")]),
        attack("permutation-of-thousands", &"a;".repeat(3_900), "", &[(TEMPLATE, "a permutation has 3901 members")]),
        attack("thousands-of-wildcards", &"{any}".repeat(300), "lists: {any: {wildcard: true}}\n", &[]),
        attack("thousands-of-optional-wildcards", &"[{any}] ".repeat(300), "lists: {any: {wildcard: true}}\n", &[]),
        attack("thousands-of-optional-words", &"[a] ".repeat(600), "", &[]),
        attack("thousands-of-alternatives", &"a|".repeat(3_900), "", &[]),
    ]
}

fn rules() -> Vec<Attack> {
    let too_large = [(TEMPLATE, "<r")];
    let nobody = "a|".repeat(3_900);
    let long = "long words ".repeat(700);
    let circle: String = (0..12).map(|rule| format!("  c{rule}: \"x <c{}>\"\n", (rule + 1) % 12)).collect();
    vec![
        attack("rules-that-double", "<r14>", &chain(15, 2, "a [b]"), &too_large),
        attack("rules-that-grow", "<r12> x", &chain(13, 1_000, "a"), &too_large),
        attack("rules-that-double-and-say-nothing", "<r14> x", &chain(15, 40, "()"), &too_large),
        attack("rules-that-grow-and-may-say-nothing", "<r14> x", &chain(15, 40, "[]"), &too_large),
        attack("rules-of-nobody", "<r3> x", &chain(4, 1_000, &nobody), &too_large),
        attack("rules-of-long-words", "<r3> x", &chain(4, 1_000, &long), &too_large),
        attack("rules-of-choices-that-say-nothing", "<r2> x", &chain(3, 1_500, &"|".repeat(7_900)), &too_large),
        attack("chain-of-ten-thousand", "<r9999>", &chain(10_000, 1, "end"), &[(0, "nested deeper than 16")]),
        attack("chain-from-its-beginning", "<r16>", &chain(17, 1, "end"), &[(REST + 2, "nested deeper than 16")]),
        attack("circle-of-twelve", "<c0>", &format!("expansion_rules:\n{circle}"), &[(REST + 1, "<c0> -> <c1>")]),
        attack("rule-of-a-thousand-unknown", &"<x>".repeat(2_000), "", &[(TEMPLATE, "the rule `<x>` is not defined")]),
    ]
}

fn lists() -> Vec<Attack> {
    let values = |count: usize, value: &dyn Fn(usize) -> String| {
        let values: Vec<String> = (0..count).map(value).collect();
        format!("lists:\n  v: {{values: [{}]}}\n", values.join(", "))
    };
    let repeats = |count: usize| format!("{{in: \"{}\", out: {count}}}", "a ".repeat(count + 1));
    let hundred_thousand = (REST + 1, "the list has 100000 values; only the first 20000 are read");
    // Each of many sentences uses a list that is too large for any.
    let of_many = (0..200).map(|n| format!("x{n} {{v}}")).collect::<Vec<_>>().join("\", \"");
    let long_values =
        format!("{}expansion_rules: {{r: \"{}\"}}\n", values(260, &|_| "\"<r>\"".to_owned()), "a ".repeat(3_900));
    let of_rules = format!("{}{}", values(1, &|_| "\"<r8>\"".to_owned()), chain(9, 40, "b"));
    vec![
        attack(
            "list-of-a-hundred-thousand",
            "take {v}",
            &values(100_000, &|n| format!("value {n}")),
            &[hundred_thousand],
        ),
        attack("list-of-the-same", "take {v} {v} {v}", &values(4_000, &|_| "a".to_owned()), &[]),
        attack("list-of-repeats", &"[{v:a}] [{v:b}] [{v:c}] [{v:d}] [{v:e}] ".repeat(20), &values(60, &repeats), &[]),
        attack("list-of-rules-that-grow", "take {v}", &of_rules, &[(REST + 1, "`<r8>`")]),
        attack("list-too-large-for-many", &of_many, &long_values, &[(TEMPLATE, "is left out: `x"); 200]),
        attack("list-of-prefixes", "take {v}{v}{v}", &values(400, &|n| "a".repeat(n + 1)), &[]),
    ]
}

fn documents() -> Vec<Attack> {
    let no_yaml = "the file is no YAML that can be read";
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let ten = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{ten}]\n"));
    }
    let shared = format!("{}]}}]}}\n", "*t, ".repeat(20_000));
    let shared = format!(
        "language: en\nlists: {{x: {{values: [&t \"{}\"]}}}}\nintents:\n  A: {{data: [{{sentences: [{shared}",
        "w ".repeat(3_000)
    );
    let long_key = format!("? &k {}\n: 1\nrest:\n{}", "k".repeat(1 << 20), "  ? *k\n  : 1\n".repeat(200));
    vec![
        refused("billion-laughs", laughs, no_yaml),
        refused("shared-texts", shared, no_yaml),
        refused("long-keys", long_key, no_yaml),
        refused("deep-flow", "[".repeat(10_000), no_yaml),
        refused("deep-maps", "{a: ".repeat(10_000), no_yaml),
        refused("deep-keys", "? ".repeat(10_000), no_yaml),
        refused("deep-blocks", (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(), no_yaml),
        refused("deep-sequences", "- ".repeat(10_000), no_yaml),
        refused("fifty-megabytes", "a".repeat(50 << 20), "the file has 52428800 bytes"),
        refused("nuls", "\0".repeat(1 << 20), no_yaml),
        refused("one-long-line", format!("\"{}\"", "a".repeat(3 << 20)), "a sentence file must be a map"),
        refused("dashes", "- \n".repeat(300_000), no_yaml),
    ]
}

fn many() -> Vec<Attack> {
    let intents = |count: usize, template: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|n| format!("  I{n}: {{data: [{{sentences: [\"{}\"]}}]}}\n", template(n))).collect()
    };
    let sentences = |count: usize, template: &dyn Fn(usize) -> String| -> String {
        let sentences: Vec<String> = (0..count).map(|n| format!("\"{}\"", template(n))).collect();
        format!("  More: {{data: [{{sentences: [{}]}}]}}\n", sentences.join(", "))
    };
    let any = "lists: {any: {wildcard: true}}\n";
    vec![
        attack("many-intents", "x", &intents(3_000, &|n| format!("say {n}")), &[]),
        attack("many-of-the-same", "x", &sentences(4_000, &|_| "same again".to_owned()), &[]),
        attack("many-slots-of-any-words", "x", &format!("{}{any}", sentences(300, &|n| format!("{{any:s{n}}}"))), &[]),
        attack("many-ranges", "x", &sentences(200, &|n| format!("{{0..{n}:n}}")), &[]),
        attack("many-ranges-and-slots", "x", &sentences(200, &|n| format!("{{0..{n}:n{n}}} [a] [b]")), &[]),
    ]
}

/// So many templates of any words that each sentence fits too many of them.
pub(crate) fn everything_fits() -> String {
    let sentences: Vec<String> = (0..20_000).map(|n| format!("\"{{any:s{n}}}\"")).collect();
    let lists = "lists: {any: {wildcard: true}}";
    format!("language: en\nintents:\n  A: {{data: [{{sentences: [{}]}}]}}\n{lists}\n", sentences.join(", "))
}
