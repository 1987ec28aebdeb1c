//! Writes a grammar in GBNF (the grammar format of whisper.cpp and llama.cpp), over the characters of a transcript.
//!
//! ```text
//! root ::= (r-politeness ","?)? sentence (","? r-politeness)? [.!?]?     without politeness where there is no such rule
//! sentence ::= SEQUENCE | SEQUENCE ...
//! r-NAME ::= EXPANSION                          one for each rule that is used, `_` in its name written as `-`
//! any-word ::= " " [^ ,.!?\n]+                  where ANY_WORD stands
//! digits ::= " " [0-9]+ ([.,] [0-9]+)? "%"?     where DIGITS stands
//! ```
//!
//! An expansion is `(a b)`, `(a | b)`, `(a)?`, a rule's name, `""` or a word. Every word, the first one too, begins with a
//! space, as whisper writes it, and its first letter may be a capital: `" " [tT] "urn"`. Rules stand one a line, `\` and
//! `"` in a text and `\`, `]`, `^` and `-` in a class are written with a backslash.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{ANY_WORD, DIGITS, Expansion, GrammarError, POLITENESS, SpeechGrammar};

/// The most words of the text: some megabytes. Rules are not written out here.
const MOST_GBNF_WORDS: usize = 200_000;

impl SpeechGrammar {
    /// The grammar in GBNF, with the rules that sentences use.
    ///
    /// # Errors
    /// [`GrammarError`] if nothing can be said, if a rule is undefined or uses itself, or if the text has more than
    /// 200 000 words.
    pub fn to_gbnf(&self) -> Result<String, GrammarError> {
        let used = self.used_rules()?;
        let largest = self.bounded(usize::MAX)?;
        let mut writer = Writer::default();
        let polite = used.contains(POLITENESS);
        let (before, after) = if polite { ("(r-politeness \",\"?)? ", " (\",\"? r-politeness)?") } else { ("", "") };
        let _written = writeln!(writer.text, "root ::= {before}sentence{after} [.!?]?");
        writer.text.push_str("sentence ::=");
        for (index, sentence) in self.sentences.iter().enumerate() {
            writer.text.push_str(if index == 0 { " " } else { " | " });
            writer.expansion(&sentence.expansion);
        }
        writer.text.push('\n');
        for name in used {
            let Some(rule) = self.rules.get(name) else { continue };
            let _written = write!(writer.text, "r-{} ::= ", name.replace('_', "-"));
            writer.expansion(&rule.expansion);
            writer.text.push('\n');
        }
        if writer.special.contains(ANY_WORD) {
            writer.text.push_str("any-word ::= \" \" [^ ,.!?\\n]+\n");
        }
        if writer.special.contains(DIGITS) {
            writer.text.push_str("digits ::= \" \" [0-9]+ ([.,] [0-9]+)? \"%\"?\n");
        }
        if writer.words > MOST_GBNF_WORDS {
            let (words, most) = (writer.words, MOST_GBNF_WORDS);
            return Err(GrammarError::TooLarge { words, most, largest: largest.clone() });
        }
        Ok(writer.text)
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    words: usize,
    /// Which of the words that stand for others there are.
    special: BTreeSet<&'static str>,
}

impl Writer {
    fn expansion(&mut self, expansion: &Expansion) {
        match expansion {
            Expansion::Empty => self.text.push_str("\"\""),
            Expansion::Word(word) => self.word(word),
            Expansion::Rule(name) => {
                let _written = write!(self.text, "r-{}", name.replace('_', "-"));
            }
            Expansion::Optional(inner) => {
                self.text.push('(');
                self.expansion(inner);
                self.text.push_str(")?");
            }
            Expansion::Sequence(parts) => self.parts(parts, " "),
            Expansion::Alternatives(parts) => self.parts(parts, " | "),
        }
    }

    fn parts(&mut self, parts: &[Expansion], between: &str) {
        if parts.is_empty() {
            return self.text.push_str("\"\"");
        }
        self.text.push('(');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.text.push_str(between);
            }
            self.expansion(part);
        }
        self.text.push(')');
    }

    fn word(&mut self, word: &str) {
        self.words += 1;
        match word {
            ANY_WORD => {
                self.special.insert(ANY_WORD);
                return self.text.push_str("any-word");
            }
            DIGITS => {
                self.special.insert(DIGITS);
                return self.text.push_str("digits");
            }
            _ => {}
        }
        let mut characters = word.chars();
        let Some(first) = characters.next() else { return self.text.push_str("\"\"") };
        let rest = characters.as_str();
        // A letter whose capital is no single character (ß) has none here.
        let mut capital = first.to_uppercase();
        match (capital.next(), capital.next()) {
            (Some(capital), None) if capital != first => {
                let _written = write!(self.text, "\" \" [{}{}]", in_class(first), in_class(capital));
                if !rest.is_empty() {
                    let _written = write!(self.text, " \"{}\"", in_text(rest));
                }
            }
            _ => {
                let _written = write!(self.text, "\" {}\"", in_text(word));
            }
        }
    }
}

fn in_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn in_class(character: char) -> String {
    if matches!(character, '\\' | ']' | '^' | '-') { format!("\\{character}") } else { character.to_string() }
}

#[cfg(test)]
pub(crate) mod reader;

#[cfg(test)]
mod tests {
    use super::reader::Gbnf;
    use super::*;
    use crate::recognise::grammar::{GrammarRule, Origin};

    fn rule(expansion: Expansion) -> GrammarRule {
        GrammarRule { expansion, origin: Origin { file: "test".to_owned(), line: 1 } }
    }

    fn words(text: &str) -> Expansion {
        Expansion::Sequence(text.split(' ').map(|word| Expansion::Word(word.to_owned())).collect())
    }

    fn grammar() -> SpeechGrammar {
        let name = Expansion::Alternatives(vec![words("big lamp"), words("öl-pumpe"), words("x\"y")]);
        let the = Expansion::Optional(Box::new(words("the")));
        SpeechGrammar {
            sentences: vec![
                rule(Expansion::Sequence(vec![words("turn on"), the, Expansion::Rule("list_name".to_owned())])),
                rule(words("set it to # percent")),
                rule(Expansion::Sequence(vec![words("remind me to"), words("* *"), Expansion::Empty])),
            ],
            rules: [("list_name".to_owned(), rule(name)), (POLITENESS.to_owned(), rule(words("please")))].into(),
        }
    }

    #[test]
    fn writes_what_the_head_of_this_file_says() {
        let mut grammar = grammar();
        grammar.sentences.truncate(1);
        let expected = "root ::= (r-politeness \",\"?)? sentence (\",\"? r-politeness)? [.!?]?\n\
             sentence ::= ((\" \" [tT] \"urn\" \" \" [oO] \"n\") ((\" \" [tT] \"he\"))? r-list-name)\n\
             r-list-name ::= ((\" \" [bB] \"ig\" \" \" [lL] \"amp\") | (\" \" [öÖ] \"l-pumpe\") | (\" \" [xX] \"\\\"y\"))\n\
             r-politeness ::= (\" \" [pP] \"lease\")\n";
        assert_eq!(grammar.to_gbnf().unwrap(), expected);
    }

    #[test]
    fn accepts_sentences_as_they_are_written_and_no_others() {
        let gbnf = Gbnf::read(&grammar().to_gbnf().unwrap());
        for good in [
            " turn on the big lamp",
            " Turn on Big lamp.",
            " Please, turn on the Öl-pumpe, please!",
            " turn on x\"y",
            " set it to 50 percent",
            " Set it to 21,5% percent?",
            " remind me to water plants",
        ] {
            assert!(gbnf.accepts(good), "{good}");
        }
        for bad in [
            "",
            " ",
            "turn on big lamp",
            " turn on",
            " turn on the",
            " turn on the big lamp..",
            " set it to percent",
            " remind me to water",
            " TURN on the big lamp",
            " please",
        ] {
            assert!(!gbnf.accepts(bad), "{bad}");
        }
    }

    #[test]
    fn a_grammar_that_cannot_be_written_is_an_error() {
        assert_eq!(SpeechGrammar::default().to_gbnf(), Err(GrammarError::Empty));
        let mut undefined = grammar();
        undefined.rules.clear();
        assert!(matches!(undefined.to_gbnf(), Err(GrammarError::Unchecked { .. })));
        let mut large = grammar();
        large.sentences.resize(50_000, rule(words("turn on the big lamp")));
        assert!(matches!(large.to_gbnf(), Err(GrammarError::TooLarge { words: 250_003, .. })));
    }
}
