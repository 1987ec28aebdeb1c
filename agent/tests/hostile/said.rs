//! Sentences that are too large for a file of the corpus, and templates that are hard on any sentence.

use victus_agent::intents::Source;

/// Every text that is grown, each with its name.
pub(crate) fn all() -> Vec<(String, String)> {
    let bytes: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let texts = [
        ("a hundred thousand letters", "x".repeat(100_000)),
        ("a hundred thousand bytes", String::from_utf8_lossy(&bytes).into_owned()),
        ("two thousand bytes", String::from_utf8_lossy(&bytes[..2_000]).into_owned()),
        ("the most bytes that are read", String::from_utf8_lossy(&bytes[..660]).into_owned()),
        ("a hundred thousand NULs", "\0".repeat(100_000)),
        ("a hundred thousand spaces", " ".repeat(100_000)),
        ("spaces that are read", " ".repeat(2_000)),
        ("a hundred thousand digits", "1".repeat(100_000)),
        ("an order a hundred times", "turn on the fan ".repeat(7_000)),
        ("the most words", "fan ".repeat(100)),
        ("the most letters", "a".repeat(500)),
        ("one letter too many", "a".repeat(501)),
        ("the most letters of four bytes", "\u{1d4b6}".repeat(500)),
        ("accents without end", format!("e{}", "\u{301}".repeat(50_000))),
        ("accents that are read", format!("e{}", "\u{301}\u{323}".repeat(480))),
        ("letters that grow", "\u{390}".repeat(300)),
        ("one of each kind of space", ('\u{2000}'..='\u{200f}').collect::<String>().repeat(20)),
    ];
    texts.map(|(name, text)| (name.to_owned(), text)).to_vec()
}

/// A grammar that can read most sentences in very many ways.
pub(crate) fn nasty() -> Source {
    let text = r#"language: en
intents:
  A: {data: [{sentences: ["{any} {any} {any} x", "[{any}] {name} [{any}]", "{any:a}{n}{any:b}", "<words> [<words>] end"]}]}
  B: {data: [{sentences: ["({any}|{0..1000000:n}|{thing})[{any:b}] y", "[{thing:a}] [{thing:b}] [{thing:c}] [{thing:d}]"]}]}
  C: {data: [{sentences: ["{-20..20,5:step} [{n}] [{half}]", "({name};{any};{n};{area})", "{name:one}{name:two}[{name}]"]}]}
  D: {data: [{sentences: ["[[[a] b] c] [d] [e] [f] [{any}] [g] [h]", "l'{name}['s] [{any}]"], requires_context: {area: {slot: true}}}]}
lists:
  any: {wildcard: true}
  n: {range: {from: -1000000, to: 1000000, step: 7}}
  half: {range: {from: 0, to: 1000, fractions: tenths, multiplier: 1.5}}
  thing: {values: [a, a a, a a a, fan, fan fan, "turn on [the]", 5, "five|six", "[x] 9"]}
expansion_rules:
  words: "[{any}] [{any:b}] [and {any:c}]"
skip_words: [please, a, the, "turn on"]
fillers: [uh, fan, e]
"#;
    Source { name: "nasty.yaml".to_owned(), text: text.to_owned() }
}
