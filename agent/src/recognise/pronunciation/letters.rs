//! The last way to a pronunciation: a small table of English spelling, so that no name in Latin letters is unhearable.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::Phones;

/// Spellings with their phones; of those that begin alike the longer comes first. A table of letters, not of English:
/// it is right for most short names and never empty.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("tion", &["SH", "AH", "N"]),
    ("sion", &["ZH", "AH", "N"]),
    ("ough", &["AO"]),
    ("augh", &["AO"]),
    ("eigh", &["EY"]),
    ("igh", &["AY"]),
    ("tch", &["CH"]),
    ("dge", &["JH"]),
    ("sch", &["SH"]),
    ("ch", &["CH"]),
    ("ck", &["K"]),
    ("gh", &["G"]),
    ("kn", &["N"]),
    ("ng", &["NG"]),
    ("ph", &["F"]),
    ("qu", &["K", "W"]),
    ("sh", &["SH"]),
    ("th", &["TH"]),
    ("wh", &["W"]),
    ("wr", &["R"]),
    ("ai", &["EY"]),
    ("ay", &["EY"]),
    ("au", &["AO"]),
    ("aw", &["AO"]),
    ("ar", &["AA", "R"]),
    ("ea", &["IY"]),
    ("ee", &["IY"]),
    ("er", &["ER"]),
    ("ew", &["UW"]),
    ("ey", &["IY"]),
    ("ie", &["IY"]),
    ("ir", &["ER"]),
    ("oa", &["OW"]),
    ("oi", &["OY"]),
    ("oo", &["UW"]),
    ("or", &["AO", "R"]),
    ("ou", &["AW"]),
    ("ow", &["OW"]),
    ("oy", &["OY"]),
    ("ue", &["UW"]),
    ("ur", &["ER"]),
    ("bb", &["B"]),
    ("cc", &["K"]),
    ("dd", &["D"]),
    ("ff", &["F"]),
    ("gg", &["G"]),
    ("ll", &["L"]),
    ("mm", &["M"]),
    ("nn", &["N"]),
    ("pp", &["P"]),
    ("rr", &["R"]),
    ("ss", &["S"]),
    ("tt", &["T"]),
    ("zz", &["Z"]),
    ("ce", &["S"]),
    ("ci", &["S", "IH"]),
    ("cy", &["S", "IY"]),
    ("a", &["AE"]),
    ("b", &["B"]),
    ("c", &["K"]),
    ("d", &["D"]),
    ("e", &["EH"]),
    ("f", &["F"]),
    ("g", &["G"]),
    ("h", &["HH"]),
    ("i", &["IH"]),
    ("j", &["JH"]),
    ("k", &["K"]),
    ("l", &["L"]),
    ("m", &["M"]),
    ("n", &["N"]),
    ("o", &["AA"]),
    ("p", &["P"]),
    ("q", &["K"]),
    ("r", &["R"]),
    ("s", &["S"]),
    ("t", &["T"]),
    ("u", &["AH"]),
    ("v", &["V"]),
    ("w", &["W"]),
    ("x", &["K", "S"]),
    ("y", &["IY"]),
    ("z", &["Z"]),
    ("0", &["Z", "IH", "R", "OW"]),
    ("1", &["W", "AH", "N"]),
    ("2", &["T", "UW"]),
    ("3", &["TH", "R", "IY"]),
    ("4", &["F", "AO", "R"]),
    ("5", &["F", "AY", "V"]),
    ("6", &["S", "IH", "K", "S"]),
    ("7", &["S", "EH", "V", "AH", "N"]),
    ("8", &["EY", "T"]),
    ("9", &["N", "AY", "N"]),
];

/// Letters that do not come apart into a plain letter and a mark, as English speakers read them.
const LETTERS: &[(char, &str)] =
    &[('ß', "ss"), ('æ', "ay"), ('œ', "ur"), ('ø', "ur"), ('đ', "d"), ('ð', "th"), ('þ', "th"), ('ł', "w"), ('ı', "i")];

/// The word in plain letters and digits, marks taken off; none if it has a character of another script.
fn plain(word: &str) -> Option<String> {
    let mut text = String::new();
    for character in word.to_lowercase().nfd().filter(|character| !is_combining_mark(*character)) {
        if character.is_ascii_alphanumeric() {
            text.push(character);
        } else if let Some((_, spelling)) = LETTERS.iter().find(|(letter, _)| *letter == character) {
            text.push_str(spelling);
        } else if character.is_alphanumeric() {
            return None;
        }
    }
    Some(text)
}

/// Whether a word is written in Latin letters (digits, `'`, `-` and the like may stand among them).
pub(super) fn has_latin_letters(word: &str) -> bool {
    plain(word).is_some_and(|text| text.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// How the word sounds, letter by letter; empty if it is not written in Latin letters.
pub(crate) fn to_phones(word: &str) -> Phones {
    let Some(text) = plain(word).filter(|text| !text.is_empty()) else { return Phones::new() };
    // A silent `e` at the end, as in `lathe`; a word of no more than three letters keeps it.
    let spoken = if text.len() > 3 { text.strip_suffix('e').unwrap_or(&text) } else { &text };
    let mut phones = Phones::new();
    let mut rest = spoken;
    while let Some((spelling, sounds)) = SPELLINGS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
        phones.extend(sounds.iter().map(|sound| (*sound).to_owned()));
        rest = rest.strip_prefix(spelling).unwrap_or_default();
    }
    phones
}
