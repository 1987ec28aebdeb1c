//! What counts as the same text: case, accents' encoding, punctuation, hyphens and repeated spaces don't matter.
//!
//! Owns the normal form that templates, names and sentences are brought into before they are compared, and the way back
//! from a place in it to the words as they were said. Leaves the skip words' list to `sentences`.
//!
//! The normal form: NFC, full case folding, every run of white space, hyphens and underscores one space, sentence
//! punctuation gone except inside a word or number (`20.5`, `10:30`), a typographic apostrophe a plain one, and a hyphen
//! kept only as the sign of a number (`-5`).

mod hesitation;

use unicode_normalization::UnicodeNormalization;

/// A sentence in normal form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Normal {
    /// The characters that are compared.
    pub(crate) characters: Vec<char>,
    /// For each character the bytes of `written` that it comes from.
    spans: Vec<(u32, u32)>,
    /// The sentence in NFC, otherwise as it was written.
    written: String,
}

impl Normal {
    /// The words between two characters as they were written.
    pub(crate) fn written(&self, start: usize, end: usize) -> &str {
        let spans = self.spans.get(start..end).unwrap_or_default();
        match (spans.first(), spans.last()) {
            (Some(first), Some(last)) => self.written.get(first.0 as usize..last.1 as usize).unwrap_or_default().trim(),
            _ => "",
        }
    }

    /// The normal form as text.
    pub(crate) fn text(&self) -> String {
        self.characters.iter().collect()
    }

    /// The words that were kept, as they were written, with a space between them.
    pub(crate) fn said(&self) -> String {
        let words: Vec<&str> = self.words().into_iter().map(|(start, end)| self.written(start, end)).collect();
        words.join(" ")
    }

    fn keep(&self, keep: &[bool]) -> Normal {
        let mut kept = Normal { written: self.written.clone(), ..Normal::default() };
        for (index, &character) in self.characters.iter().enumerate() {
            let double = character == ' ' && kept.characters.last().is_none_or(|&last| last == ' ');
            if keep[index] && !double {
                kept.characters.push(character);
                kept.spans.push(self.spans[index]);
            }
        }
        while kept.characters.last() == Some(&' ') {
            kept.characters.pop();
            kept.spans.pop();
        }
        kept
    }

    /// With these characters in the place of others, also in the sentence as it was written.
    pub(crate) fn with(&self, start: usize, end: usize, characters: &[char]) -> Normal {
        let (from, to) = match (self.spans.get(start), end.checked_sub(1).and_then(|last| self.spans.get(last))) {
            (Some(first), Some(last)) if start < end => (first.0 as usize, last.1 as usize),
            _ => return self.clone(),
        };
        let words: String = characters.iter().collect();
        let before = self.written.get(..from).unwrap_or_default();
        let behind = self.written.get(to..).unwrap_or_default();
        let mut normal = Normal {
            characters: self.characters[..start].to_vec(),
            spans: self.spans[..start].to_vec(),
            written: format!("{before}{words}{behind}"),
        };
        let mut offset = from;
        for &character in characters {
            normal.characters.push(character);
            normal.spans.push((offset as u32, (offset + character.len_utf8()) as u32));
            offset += character.len_utf8();
        }
        let moved = |place: u32| (place as usize + offset).saturating_sub(to) as u32;
        normal.characters.extend_from_slice(&self.characters[end..]);
        normal.spans.extend(self.spans[end..].iter().map(|&(first, last)| (moved(first), moved(last))));
        let all = vec![true; normal.characters.len()];
        normal.keep(&all)
    }

    /// Where each word begins and ends.
    pub(crate) fn words(&self) -> Vec<(usize, usize)> {
        let mut words = Vec::new();
        let mut start = 0;
        for end in (0..=self.characters.len()).filter(|&end| self.characters.get(end).is_none_or(|&next| next == ' ')) {
            if start < end {
                words.push((start, end));
            }
            start = end + 1;
        }
        words
    }

    /// Without any space, for languages that write none.
    pub(crate) fn without_spaces(&self) -> Normal {
        let keep: Vec<bool> = self.characters.iter().map(|&character| character != ' ').collect();
        self.keep(&keep)
    }

    /// Without the given words and phrases (in normal form, longest first); as it is where nothing else would be left.
    /// Whole words only, unless the language writes no spaces.
    pub(crate) fn without_words(&self, words: &[Vec<char>], whole: bool) -> Normal {
        let kept = self.cut(words, whole);
        if kept.characters.is_empty() { self.clone() } else { kept }
    }

    /// The same, were it nothing.
    pub(crate) fn cut(&self, words: &[Vec<char>], whole: bool) -> Normal {
        let mut keep = vec![true; self.characters.len()];
        let mut position = 0;
        while position < self.characters.len() {
            let starts = !whole || position == 0 || !self.characters[position - 1].is_alphanumeric();
            let found = words.iter().find(|word| {
                let end = position + word.len();
                starts
                    && self.characters.get(position..end) == Some(word.as_slice())
                    && (!whole || self.characters.get(end).is_none_or(|next| !next.is_alphanumeric()))
            });
            match found {
                Some(word) if !word.is_empty() => {
                    keep[position..position + word.len()].fill(false);
                    position += word.len();
                }
                _ => position += 1,
            }
        }
        self.keep(&keep)
    }
}

/// Words and phrases in normal form, the longest first, as [`Normal::without_words`] takes them.
pub(crate) fn longest_first(words: &[String]) -> Vec<Vec<char>> {
    let mut words: Vec<Vec<char>> = words.iter().map(|word| sentence(word).characters).collect();
    words.retain(|word| !word.is_empty());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// Brings a sentence into normal form.
pub(crate) fn sentence(text: &str) -> Normal {
    let written: String = text.nfc().collect();
    let source: Vec<(usize, char)> = written.char_indices().collect();
    let mut normal = Normal::default();
    for (index, &(offset, character)) in source.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| source.get(before)).map(|&(_, character)| character);
        let after = source.get(index + 1).map(|&(_, character)| character);
        let span = (offset as u32, (offset + character.len_utf8()) as u32);
        let mut push = |character: char| {
            normal.characters.push(character);
            normal.spans.push(span);
        };
        match classify(character, before, after) {
            Class::Space => push(' '),
            Class::Nothing => {}
            Class::Apostrophe => {
                if is_word(before) && is_word(after) {
                    push('\'');
                }
            }
            Class::Letter => fold(character, push),
        }
    }
    normal.written = written;
    let all = vec![true; normal.characters.len()];
    normal.keep(&all)
}

/// A piece of a template's literal text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A place where one word ends and the next begins.
    Space,
    /// Characters in normal form, without a space.
    Characters(Vec<char>),
    /// A mark that is kept or not by what a slot beside it turns out to hold: `{hours}.{minutes}`.
    Perhaps(char),
}

/// Brings literal text of a template into normal form. Spaces at its ends are kept, since what stands beside it decides.
pub(crate) fn literal(text: &str) -> Vec<Piece> {
    let written: Vec<char> = text.nfc().collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for (index, &character) in written.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| written.get(before)).copied();
        let after = written.get(index + 1).copied();
        let inside = |side: Option<char>| side.is_none_or(char::is_alphanumeric);
        if matches!(character, '.' | ':' | ',')
            && (before.is_none() || after.is_none())
            && inside(before)
            && inside(after)
        {
            pieces.push(Piece::Perhaps(character));
            continue;
        }
        let class = classify(character, before, after);
        let mut folded = Vec::new();
        match class {
            Class::Nothing => continue,
            Class::Space => {
                if pieces.last() != Some(&Piece::Space) {
                    pieces.push(Piece::Space);
                }
                continue;
            }
            // At the edge of a word it counts for nothing, and whether a slot goes on with the word is not known here.
            Class::Apostrophe if before.is_none() || after.is_none() => {
                pieces.push(Piece::Perhaps('\''));
                continue;
            }
            Class::Apostrophe if !is_word(before) || !is_word(after) => continue,
            Class::Apostrophe => folded.push('\''),
            Class::Letter => fold(character, |character| folded.push(character)),
        }
        match pieces.last_mut() {
            Some(Piece::Characters(characters)) => characters.append(&mut folded),
            _ => pieces.push(Piece::Characters(folded)),
        }
    }
    pieces
}

enum Class {
    Letter,
    Apostrophe,
    Space,
    Nothing,
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(char::is_alphanumeric)
}

fn is_digit(character: Option<char>) -> bool {
    character.is_some_and(|character| character.is_ascii_digit())
}

fn classify(character: char, before: Option<char>, after: Option<char>) -> Class {
    match character {
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}' => Class::Nothing,
        '_' => Class::Space,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {
            let sign = character == '-' || character == '\u{2212}';
            if sign && is_digit(after) && before.is_none_or(char::is_whitespace) { Class::Letter } else { Class::Space }
        }
        '\'' | '\u{2018}' | '\u{2019}' | '\u{02BC}' | '`' | '\u{B4}' => Class::Apostrophe,
        '.' | ':' | '：' if is_word(before) && is_word(after) => Class::Letter,
        ',' if is_digit(before) && is_digit(after) => Class::Letter,
        ',' | '，' | '、' | '،' | ';' | '；' | '!' | '！' | '?' | '？' | '؟' | '。' | '…' | '(' | ')' | '/'
            if is_word(before) && is_word(after) && !(character == '/' && is_digit(before)) =>
        {
            Class::Space
        }
        '.' | '。' | ',' | '，' | '、' | '،' | '?' | '¿' | '？' | '؟' | '!' | '¡' | '！' | ';' | '；' | ':' | '：'
        | '"' | '„' | '“' | '”' | '«' | '»' | '‹' | '›' | '…' | '(' | ')' | '「' | '」' | '『' | '』' | '।' | '۔'
        | '։' | '።' => Class::Nothing,
        _ if character.is_whitespace() || character.is_control() => Class::Space,
        _ => Class::Letter,
    }
}

/// The ASCII digit for a decimal digit of another script, of which Unicode keeps ten in a row.
fn digit_of_script(character: char) -> Option<char> {
    const ZEROS: [u32; 19] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20,
        0x1040, 0x17E0, 0x1810, 0xFF10,
    ];
    let code = u32::from(character);
    let zero = ZEROS.into_iter().find(|zero| (*zero..zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// Full case folding: upper case and back brings together what a lower-case mapping alone keeps apart (ß and ss, ς and σ).
fn fold(character: char, mut push: impl FnMut(char)) {
    match character {
        'a'..='z' | '0'..='9' => push(character),
        _ if digit_of_script(character).is_some() => digit_of_script(character).into_iter().for_each(push),
        '\u{2212}' => push('-'),
        // The i without a dot has the plain I as its capital and the one with a dot a capital of its own. Who writes
        // capitals can't be asked in which language, so that all four are one.
        '\u{307}' => {}
        _ => {
            for lower in character.to_uppercase().flat_map(char::to_lowercase).filter(|&lower| lower != '\u{307}') {
                push(lower);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brings_the_same_things_together() {
        let cases = [
            ("Turn ON the  light!", "turn on the light"),
            ("  What's up?  ", "what's up"),
            ("what\u{2019}s", "what's"),
            ("extraction-fan", "extraction fan"),
            ("extraction_fan", "extraction fan"),
            ("set to -5 degrees", "set to -5 degrees"),
            ("10-20", "10 20"),
            ("20.5 bar.", "20.5 bar"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("ΟΔΟΣ", "οδοσ"),
            ("IŞIK İÇİN ışık", "işik için işik"),
            ("un po' di", "un po di"),
            ("cafe\u{301}", "café"),
            ("¿Qué?", "qué"),
            ("lights on,please", "lights on please"),
            ("'hello'", "hello"),
            ("50%", "50%"),
            ("half past 10:30", "half past 10:30"),
            ("a\u{200b}b\tc\nd", "ab c d"),
            ("?!...", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(sentence(text).text(), expected, "{text}");
        }
    }

    #[test]
    fn keeps_the_way_back_to_the_words_as_written() {
        let normal = sentence("Call it  Groß-Alarm, please");
        let text = normal.text();
        assert_eq!(text, "call it gross alarm please");
        let start = text.find("gross").unwrap();
        assert_eq!(normal.written(start, start + "gross alarm".len()), "Groß-Alarm");
    }

    #[test]
    fn skip_words_go_as_whole_words_and_never_all() {
        let words: Vec<Vec<char>> =
            ["could you please", "please", "could you"].iter().map(|word| word.chars().collect()).collect();
        let skip = |text: &str| sentence(text).without_words(&words, true).text();
        assert_eq!(skip("Could you please turn it on, please?"), "turn it on");
        assert_eq!(skip("pleased to meet you"), "pleased to meet you");
        assert_eq!(skip("please"), "please");
        assert_eq!(skip("please please on"), "on");
    }

    #[test]
    fn literal_text_keeps_the_spaces_at_its_ends() {
        let characters = |text: &str| Piece::Characters(text.chars().collect());
        assert_eq!(
            literal(" turn  ON "),
            [Piece::Space, characters("turn"), Piece::Space, characters("on"), Piece::Space]
        );
        assert_eq!(literal("'s"), [Piece::Perhaps('\''), characters("s")]);
        assert_eq!(literal("un po' di")[2], characters("po"));
        assert_eq!(
            literal("up-to-date"),
            [characters("up"), Piece::Space, characters("to"), Piece::Space, characters("date")]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn normal_form_is_stable_and_tidy(text in ".{0,60}") {
            let normal = sentence(&text);
            let once = normal.text();
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
            prop_assert_eq!(normal.characters.len(), normal.spans.len());
            prop_assert!(normal.written(0, normal.characters.len()).len() <= normal.written.len());
        }
    }
}
