//! Writes a grammar in JSGF V1.0 (the Java Speech Grammar Format), as sphinxbase reads it.
//!
//! ```text
//! #JSGF V1.0;
//! grammar victus;
//! public <victus> = [ <r_politeness> ] ( SENTENCE | SENTENCE ... ) [ <r_politeness> ];   without it where there is no such rule
//! <r_NAME> = EXPANSION;                         one for each rule that a sentence uses
//! ```
//! An expansion is a token, `( a b )`, `( a | b )`, `[ a ]`, `<r_NAME>` or `<NULL>`. A word is its own token where it
//! consists of letters, digits, `'`, `-` and `.` and starts with a letter, a digit or `'`. Any other word, and the
//! reserved words `grammar`, `import` and `public`, are written as `x_` and the word's UTF-8 bytes in hexadecimal.

use std::collections::BTreeSet;

use super::{
    Expansion, GrammarError, GrammarRule, MAX_DEPTH, MAX_WORDS_WRITTEN_OUT, Origin, POLITENESS, SpeechGrammar,
};

/// What starts a token that is not the word itself.
const ESCAPED: &str = "x_";

impl SpeechGrammar {
    /// The grammar in JSGF, with the rules that sentences use.
    ///
    /// # Errors
    /// [`GrammarError`] if nothing can be said, if it is too large, or if a rule is undefined or uses itself (which
    /// [`SpeechGrammar::checked`] leaves out).
    pub fn to_jsgf(&self) -> Result<String, GrammarError> {
        let used = self.used_rules()?;
        self.bounded(MAX_WORDS_WRITTEN_OUT)?;
        let around = if self.rules.contains_key(POLITENESS) { format!(" [ <r_{POLITENESS}> ]") } else { String::new() };
        let mut text = format!("#JSGF V1.0;\ngrammar victus;\npublic <victus> ={around} (");
        for (index, sentence) in self.sentences.iter().enumerate() {
            text.push_str(if index == 0 { "\n  " } else { "\n| " });
            write_expansion(&sentence.expansion, &mut text);
        }
        text.push_str(&format!("\n){around};\n"));
        for name in used {
            if let Some(rule) = self.rules.get(name) {
                text.push_str(&format!("<r_{name}> = "));
                write_expansion(&rule.expansion, &mut text);
                text.push_str(";\n");
            }
        }
        Ok(text)
    }

    /// The rules that sentences use.
    pub(super) fn used_rules(&self) -> Result<BTreeSet<&str>, GrammarError> {
        let mut used = BTreeSet::new();
        for sentence in &self.sentences {
            self.follow(sentence, &mut used, &mut Vec::new())?;
        }
        if let Some(rule) = self.rules.get(POLITENESS) {
            self.follow(rule, &mut used, &mut vec![POLITENESS])?;
            used.insert(POLITENESS);
        }
        Ok(used)
    }

    /// Checks that there is something to say, that it has no more than so many words, written out, and that no rule is
    /// undefined or uses itself. Where the largest sentence was written.
    pub(super) fn bounded(&self, most: usize) -> Result<&Origin, GrammarError> {
        self.used_rules()?;
        let (words, largest) = self.written_out();
        let largest = match largest {
            Some(largest) if words > 0 => largest,
            _ => return Err(GrammarError::Empty),
        };
        if words > most {
            return Err(GrammarError::TooLarge { words, most, largest: largest.clone() });
        }
        Ok(largest)
    }

    /// Adds every rule that `rule` uses to `used`, or says which is undefined or uses itself.
    fn follow<'a>(
        &'a self,
        rule: &'a GrammarRule,
        used: &mut BTreeSet<&'a str>,
        path: &mut Vec<&'a str>,
    ) -> Result<(), GrammarError> {
        let unchecked = |message: String| GrammarError::Unchecked { origin: rule.origin.clone(), message };
        let mut names = BTreeSet::new();
        if !references(&rule.expansion, &mut names, 0) || path.len() > MAX_DEPTH {
            return Err(unchecked(format!("this nests more than {MAX_DEPTH} deep")));
        }
        for name in names {
            let Some(next) = self.rules.get(name) else {
                return Err(unchecked(format!("there is no rule `{name}`")));
            };
            if path.contains(&name) {
                return Err(unchecked(format!("the rule `{name}` uses itself")));
            }
            if used.insert(name) {
                path.push(name);
                self.follow(next, used, path)?;
                path.pop();
            }
        }
        Ok(())
    }
}

/// Collects the names of the rules that an expansion refers to; false if it nests too deeply.
pub(super) fn references<'a>(expansion: &'a Expansion, names: &mut BTreeSet<&'a str>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match expansion {
        Expansion::Empty | Expansion::Word(_) => true,
        Expansion::Rule(name) => {
            names.insert(name);
            true
        }
        Expansion::Optional(inner) => references(inner, names, depth + 1),
        Expansion::Sequence(parts) | Expansion::Alternatives(parts) => {
            parts.iter().all(|part| references(part, names, depth + 1))
        }
    }
}

fn write_expansion(expansion: &Expansion, text: &mut String) {
    match expansion {
        Expansion::Empty => text.push_str("<NULL>"),
        Expansion::Word(word) => text.push_str(&token_of_word(word)),
        Expansion::Rule(name) => text.push_str(&format!("<r_{name}>")),
        Expansion::Optional(inner) => {
            text.push_str("[ ");
            write_expansion(inner, text);
            text.push_str(" ]");
        }
        Expansion::Sequence(parts) => write_parts(parts, " ", text),
        Expansion::Alternatives(parts) => write_parts(parts, " | ", text),
    }
}

fn write_parts(parts: &[Expansion], between: &str, text: &mut String) {
    if parts.is_empty() {
        text.push_str("<NULL>");
        return;
    }
    text.push_str("( ");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        write_expansion(part, text);
    }
    text.push_str(" )");
}

/// The token that stands for a word in JSGF and in a pronunciation dictionary.
pub(crate) fn token_of_word(word: &str) -> String {
    let plain = word.chars().next().is_some_and(|first| first.is_alphanumeric() || first == '\'')
        && word.chars().all(|character| character.is_alphanumeric() || matches!(character, '\'' | '-' | '.'))
        && !matches!(word, "grammar" | "import" | "public");
    if plain {
        return word.to_owned();
    }
    let mut token = String::from(ESCAPED);
    for byte in word.bytes() {
        token.push_str(&format!("{byte:02x}"));
    }
    token
}

/// The word that a token of the grammar stands for: what [`SpeechGrammar::to_jsgf`] wrote, turned back.
pub fn word_of_token(token: &str) -> String {
    let Some(digits) = token.strip_prefix(ESCAPED) else { return token.to_owned() };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?)).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| token.to_owned())
}
