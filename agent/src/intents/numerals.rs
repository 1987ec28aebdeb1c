//! Numbers in words, in every language for which Unicode's CLDR has spell-out rules.
//!
//! Owns the rules (`agent/numerals/*.txt`, CLDR's; `agent/numerals/own/*.txt`, what people say beside them), reading them
//! (`rules`), saying a number by them (`spell`), and finding the numbers that begin at a place of a sentence by running
//! them backwards (`read`). Promises that what is spelled is read back, and bounded work for any text. Digits, and which
//! numbers a list allows, are the matcher's.

mod read;
mod rules;
mod spell;

use rules::Language;
use std::sync::OnceLock;

pub(crate) use read::Found;

/// The number words of a language.
#[derive(Debug)]
pub struct Numerals {
    language: Language,
}

/// A language's code, CLDR's rules and our own, and what they come to, which is found out at the first use.
struct Entry {
    code: &'static str,
    rules: &'static [&'static str],
    numerals: OnceLock<Numerals>,
}

macro_rules! languages {
    ($($code:literal $(+ $own:literal)?),+ $(,)?) => {
        [$(Entry {
            code: $code,
            rules: &[
                include_str!(concat!("../../numerals/", $code, ".txt")),
                $(include_str!(concat!("../../numerals/own/", $own, ".txt")),)?
            ],
            numerals: OnceLock::new(),
        }),+]
    };
}

static LANGUAGES: [Entry; 87] = languages![
    "af",
    "ak",
    "am",
    "ar",
    "az",
    "be",
    "bg",
    "bs",
    "ca",
    "ccp",
    "chr",
    "cs",
    "cy",
    "da",
    "de" + "de",
    "de_CH" + "de",
    "ee",
    "el",
    "en" + "en",
    "en_IN" + "en",
    "eo",
    "es" + "es",
    "et",
    "fa",
    "fa_AF",
    "ff",
    "fi",
    "fil",
    "fo",
    "fr" + "fr",
    "fr_BE" + "fr",
    "fr_CH" + "fr",
    "ga",
    "he",
    "hi",
    "hr",
    "hu",
    "hy",
    "id",
    "is",
    "it",
    "ja",
    "ka",
    "kk",
    "kl",
    "km",
    "ko",
    "ky",
    "lb",
    "lo",
    "lrc",
    "lt",
    "lv",
    "mk",
    "ms",
    "mt",
    "my",
    "ne",
    "nl" + "nl",
    "nn",
    "no",
    "pl",
    "pt",
    "pt_PT",
    "qu",
    "ro",
    "ru",
    "se",
    "sk",
    "sl",
    "sq",
    "sr",
    "sr_Latn",
    "su",
    "sv",
    "sw",
    "ta",
    "th",
    "tr",
    "uk",
    "vec",
    "vi",
    "yue",
    "yue_Hans",
    "zh",
    "zh_Hant",
    "zu",
];

/// Codes under which CLDR keeps a language, or the script of a place, by another name.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("nb", "no"),
    ("sr_latn", "sr_Latn"),
    ("zh_tw", "zh_Hant"),
    ("zh_hk", "zh_Hant"),
    ("zh_mo", "zh_Hant"),
    ("sh", "hr"),
];

impl Numerals {
    /// The number words of a language, by a code such as `de`, `de-AT` or `pt_BR`; a place without rules of its own has
    /// those of its language. None where CLDR has none.
    pub fn of(language: &str) -> Option<&'static Numerals> {
        let code = language.replace('-', "_").to_lowercase();
        let known = |code: &str| {
            let code = OTHER_NAMES.iter().find(|(other, _)| *other == code).map_or(code, |(_, name)| name);
            LANGUAGES.iter().find(|entry| entry.code.eq_ignore_ascii_case(code))
        };
        let mut code = code.as_str();
        loop {
            if let Some(entry) = known(code) {
                return Some(entry.numerals());
            }
            code = code.rsplit_once('_')?.0;
        }
    }
}

impl Entry {
    fn numerals(&self) -> &Numerals {
        self.numerals.get_or_init(|| Numerals { language: Language::parse(self.rules) })
    }
}

#[cfg(test)]
mod tests;
