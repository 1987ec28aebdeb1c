//! From the International Phonetic Alphabet, as espeak-ng's American English writes it, to ARPAbet without stress.

use super::Phones;

/// Symbols of espeak-ng's `en-us` with their phones; of those that begin alike the longer comes first.
const SYMBOLS: &[(&str, &[&str])] = &[
    ("tʃ", &["CH"]),
    ("dʒ", &["JH"]),
    ("aɪɚ", &["AY", "ER"]),
    ("aɪə", &["AY", "AH"]),
    ("aɪ", &["AY"]),
    ("aʊ", &["AW"]),
    ("eɪ", &["EY"]),
    ("oʊ", &["OW"]),
    ("əʊ", &["OW"]),
    ("ɔɪ", &["OY"]),
    ("ɔːɹ", &["AO", "R"]),
    ("oːɹ", &["AO", "R"]),
    ("ɑːɹ", &["AA", "R"]),
    ("ɛɹ", &["EH", "R"]),
    ("ɪɹ", &["IH", "R"]),
    ("ʊɹ", &["UH", "R"]),
    ("ɜː", &["ER"]),
    ("ɚ", &["ER"]),
    ("ɝ", &["ER"]),
    ("iə", &["IY", "AH"]),
    ("iː", &["IY"]),
    ("i", &["IY"]),
    ("uː", &["UW"]),
    ("u", &["UW"]),
    ("ɑː", &["AA"]),
    ("ɑ", &["AA"]),
    ("ɒ", &["AA"]),
    ("ɔː", &["AO"]),
    ("ɔ", &["AO"]),
    ("oː", &["AO"]),
    ("o", &["OW"]),
    ("e", &["EY"]),
    ("a", &["AE"]),
    ("æ", &["AE"]),
    ("ɛ", &["EH"]),
    ("ɪ", &["IH"]),
    ("ᵻ", &["IH"]),
    ("ʊ", &["UH"]),
    ("ʌ", &["AH"]),
    ("ə", &["AH"]),
    ("ɐ", &["AH"]),
    ("n̩", &["AH", "N"]),
    ("l̩", &["AH", "L"]),
    ("m̩", &["AH", "M"]),
    ("b", &["B"]),
    ("d", &["D"]),
    ("ð", &["DH"]),
    ("f", &["F"]),
    ("ɡ", &["G"]),
    ("g", &["G"]),
    ("h", &["HH"]),
    ("j", &["Y"]),
    ("k", &["K"]),
    ("l", &["L"]),
    ("ɫ", &["L"]),
    ("m", &["M"]),
    ("n", &["N"]),
    ("ŋ", &["NG"]),
    ("p", &["P"]),
    ("r", &["R"]),
    ("ɹ", &["R"]),
    ("s", &["S"]),
    ("ʃ", &["SH"]),
    ("t", &["T"]),
    ("ɾ", &["T"]),
    ("θ", &["TH"]),
    ("v", &["V"]),
    ("w", &["W"]),
    ("x", &["K"]),
    ("z", &["Z"]),
    ("ʒ", &["ZH"]),
    // A glottal stop before a vowel is none of the phones; stress, length and joins are no sounds of their own.
    ("ʔ", &[]),
    ("ˈ", &[]),
    ("ˌ", &[]),
    ("ː", &[]),
    ("‿", &[]),
    ("\u{0329}", &[]),
    ("\u{200d}", &[]),
    (" ", &[]),
    ("\n", &[]),
];

/// The pronunciations that an answer of espeak-ng stands for: usually one; a second where it flaps a `t` (which may also
/// be a `d`); none if there is a symbol that has no phone.
pub(super) fn from_ipa(ipa: &str) -> Vec<Phones> {
    let mut phones = Phones::new();
    let mut flapped = Phones::new();
    let mut rest = ipa;
    while !rest.is_empty() {
        let Some((symbol, sounds)) = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)) else {
            return Vec::new();
        };
        phones.extend(sounds.iter().map(|sound| (*sound).to_owned()));
        flapped.extend(sounds.iter().map(|sound| if *symbol == "ɾ" { "D".to_owned() } else { (*sound).to_owned() }));
        rest = rest.strip_prefix(symbol).unwrap_or_default();
    }
    if phones == flapped { vec![phones] } else { vec![phones, flapped] }
}
