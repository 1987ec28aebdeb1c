//! A grammar as the smallest deterministic automaton over its words, and that automaton in sphinxbase's FSG format.
//!
//! ```text
//! FSG_BEGIN victus
//! NUM_STATES n
//! START_STATE 0
//! FINAL_STATE f
//! TRANSITION from to p token         a word, and how likely it is, beside 1 for the likeliest
//! TRANSITION from f 1.0              the sentence may end here
//! FSG_END
//! ```
//!
//! How likely: an author writes the usual word first (`(turn|switch|power|put)`, `(the|my|this)`), so in a short list of
//! alternatives the second counts half, the third a third (Zipf's law); a long list holds names or numbers, which are all
//! alike. What is said out of politeness around a sentence counts a twentieth. Where several ways lead to the same word, the
//! likeliest counts.
//!
//! Templates written out side by side begin and end alike a hundred times over ("turn on the ...", "... in the press
//! hall"). A decoder that follows each copy by itself is slower than speech; in the automaton each beginning and each
//! ending stands once. Made by subset construction, then by merging equal states from the end (a grammar without circles
//! makes an automaton without circles: Revuz, "Minimisation of acyclic deterministic automata in linear time", 1992).
//! A token is what `jsgf` makes of a word.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use super::{Expansion, GrammarError, MAX_WORDS_WRITTEN_OUT, POLITENESS, SpeechGrammar, token_of_word};

/// The most states of an automaton for PocketSphinx, before equal ones are merged. A grammar that needs more is larger than
/// its decoder follows in time.
pub const MAX_STATES: usize = 50_000;

/// The most states, before equal ones are merged, where only what is said is followed. Each takes some hundred bytes
/// while the automaton is made.
pub const MAX_STATES_FOLLOWED: usize = 400_000;

/// The most words, written out, where only what is said is followed, as by whisper's bias.
pub const MAX_WORDS_FOLLOWED: usize = 400_000;

/// The longest list of alternatives whose order says something.
const SHORT_LIST: usize = 6;

/// How likely a polite word is before or after a sentence.
const POLITE: f32 = 0.05;

/// The words as numbers, in the order of their first use.
#[derive(Default)]
struct Words<'a> {
    numbers: HashMap<&'a str, u32>,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn number(&mut self, word: &'a str) -> u32 {
        *self.numbers.entry(word).or_insert_with(|| {
            self.words.push(word);
            u32::try_from(self.words.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// A way from one state to another: with a word or without.
struct Arc {
    word: Option<u32>,
    to: u32,
    likely: f32,
}

/// The grammar as it is written: from each state, arcs with a word, or with none.
struct Written<'a> {
    grammar: &'a SpeechGrammar,
    words: Words<'a>,
    arcs: Vec<Vec<Arc>>,
}

impl<'a> Written<'a> {
    fn state(&mut self) -> u32 {
        self.arcs.push(Vec::new());
        u32::try_from(self.arcs.len() - 1).unwrap_or(u32::MAX)
    }

    fn arc(&mut self, from: u32, word: Option<u32>, to: u32) {
        self.arcs[from as usize].push(Arc { word, to, likely: 1.0 });
    }

    /// A new state after `from`, that is taken without a word and only as likely as said.
    fn unlikely(&mut self, from: u32, likely: f32) -> u32 {
        let to = self.state();
        self.arcs[from as usize].push(Arc { word: None, to, likely });
        to
    }

    /// Writes `expansion` from the state `from`; the state after it. The grammar has no circle and bounded depth.
    fn expand(&mut self, expansion: &'a Expansion, from: u32) -> u32 {
        match expansion {
            Expansion::Empty => from,
            Expansion::Word(word) => {
                let (word, to) = (self.words.number(word), self.state());
                self.arc(from, Some(word), to);
                to
            }
            Expansion::Sequence(parts) => parts.iter().fold(from, |from, part| self.expand(part, from)),
            Expansion::Alternatives(parts) => {
                let to = self.state();
                let short = parts.len() <= SHORT_LIST;
                for (place, part) in parts.iter().enumerate() {
                    let begin = if short { self.unlikely(from, 1.0 / (place as f32 + 1.0)) } else { from };
                    let end = self.expand(part, begin);
                    self.arc(end, None, to);
                }
                to
            }
            Expansion::Optional(inner) => {
                // A state of its own at the end, so that what follows cannot be mistaken for a part of it.
                let (end, to) = (self.expand(inner, from), self.state());
                self.arc(end, None, to);
                self.arc(from, None, to);
                to
            }
            Expansion::Rule(name) => {
                let grammar: &'a SpeechGrammar = self.grammar;
                grammar.rules.get(name).map_or(from, |rule| self.expand(&rule.expansion, from))
            }
        }
    }

    /// Adds every state that is reached from `states` without a word, with how likely that is at best.
    fn closure(&self, states: &mut BTreeMap<u32, Likely>) {
        let mut pending: Vec<u32> = states.keys().copied().collect();
        while let Some(state) = pending.pop() {
            let here = states.get(&state).copied().unwrap_or_default();
            for arc in self.arcs[state as usize].iter().filter(|arc| arc.word.is_none()) {
                let there = here.and(arc.likely);
                if states.get(&arc.to).is_none_or(|known| *known < there) {
                    states.insert(arc.to, there);
                    pending.push(arc.to);
                }
            }
        }
    }
}

/// How likely something is, in thousandths, so that it can be compared and counted as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Likely(u32);

impl Likely {
    const CERTAIN: Self = Self(1000);

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1000")]
    fn and(self, likely: f32) -> Self {
        Self((self.0 as f32 * likely).clamp(1.0, 1000.0) as u32)
    }
}

/// A state of the automaton: whether a sentence may end here, and where each word leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct State {
    ends: bool,
    next: BTreeMap<u32, (u32, Likely)>,
}

/// The smallest automaton of a grammar. State 0 is the start.
#[derive(Debug, Clone)]
pub struct Automaton {
    states: Vec<State>,
    words: Vec<String>,
}

/// A word that may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next<'a> {
    /// The word.
    pub word: &'a str,
    /// The state after it.
    pub state: u32,
    /// How likely it is, in thousandths, beside 1000 for the likeliest.
    pub likely: u32,
}

impl Automaton {
    /// How many states there are.
    pub fn size(&self) -> usize {
        self.states.len()
    }

    /// Whether a sentence may end in this state.
    pub fn ends(&self, state: u32) -> bool {
        self.states.get(state as usize).is_some_and(|state| state.ends)
    }

    /// The words that may come next, in the order in which the grammar first names them.
    pub fn next(&self, state: u32) -> impl Iterator<Item = Next<'_>> {
        let arrows = self.states.get(state as usize).into_iter().flat_map(|state| &state.next);
        arrows.filter_map(|(word, (state, likely))| {
            let word = self.words.get(*word as usize)?;
            Some(Next { word, state: *state, likely: likely.0 })
        })
    }
}

impl SpeechGrammar {
    /// The grammar as the smallest automaton, in the FSG format.
    ///
    /// # Errors
    /// [`GrammarError`] as for [`SpeechGrammar::to_jsgf`], and if the automaton has more than [`MAX_STATES`].
    pub fn to_fsg(&self) -> Result<String, GrammarError> {
        let automaton = self.automaton_within(MAX_WORDS_WRITTEN_OUT, MAX_STATES)?;
        Ok(write(&automaton.states, &automaton.words))
    }

    /// The grammar as the smallest automaton.
    ///
    /// # Errors
    /// [`GrammarError`] if nothing can be said, if a rule is undefined or uses itself, if the grammar has more than
    /// [`MAX_WORDS_FOLLOWED`] or its automaton more than [`MAX_STATES_FOLLOWED`].
    pub fn automaton(&self) -> Result<Automaton, GrammarError> {
        self.automaton_within(MAX_WORDS_FOLLOWED, MAX_STATES_FOLLOWED)
    }

    fn automaton_within(&self, most_words: usize, most_states: usize) -> Result<Automaton, GrammarError> {
        let largest = self.bounded(most_words)?.clone();
        let mut written = Written { grammar: self, words: Words::default(), arcs: Vec::new() };
        let start = written.state();
        let begun = written.polite(start);
        let done = written.state();
        for sentence in &self.sentences {
            let end = written.expand(&sentence.expansion, begun);
            written.arc(end, None, done);
        }
        let end = written.polite(done);
        let Some(states) = determine(&written, start, end, most_states) else {
            return Err(GrammarError::TooManyStates { most: most_states, largest });
        };
        let words = written.words.words.iter().map(|word| (*word).to_owned()).collect();
        Ok(Automaton { states: minimise(states), words })
    }
}

impl Written<'_> {
    /// What may be said before or after a sentence, where the grammar has such a rule.
    fn polite(&mut self, from: u32) -> u32 {
        let grammar = self.grammar;
        let Some(rule) = grammar.rules.get(POLITENESS) else { return from };
        let begin = self.unlikely(from, POLITE);
        let (end, to) = (self.expand(&rule.expansion, begin), self.state());
        self.arc(end, None, to);
        self.arc(from, None, to);
        to
    }
}

/// Subset construction; state 0 is the start. None if there are more states than `most`.
fn determine(written: &Written<'_>, start: u32, end: u32, most: usize) -> Option<Vec<State>> {
    let mut first = BTreeMap::from([(start, Likely::CERTAIN)]);
    written.closure(&mut first);
    let mut numbers: HashMap<BTreeMap<u32, Likely>, u32> = HashMap::from([(first.clone(), 0)]);
    let mut sets = vec![first];
    let mut states: Vec<State> = Vec::new();
    while states.len() < sets.len() {
        if sets.len() > most {
            return None;
        }
        let set = std::mem::take(&mut sets[states.len()]);
        let mut reached: BTreeMap<u32, (Likely, BTreeMap<u32, Likely>)> = BTreeMap::new();
        for (state, likely) in &set {
            for arc in &written.arcs[*state as usize] {
                let Some(word) = arc.word else { continue };
                let (best, to) = reached.entry(word).or_default();
                *best = (*best).max(*likely);
                // The list that the word stands in has been counted with the word.
                to.insert(arc.to, Likely::CERTAIN);
            }
        }
        let mut next = BTreeMap::new();
        for (word, (likely, mut to)) in reached {
            written.closure(&mut to);
            let number = *numbers.entry(to.clone()).or_insert_with(|| {
                sets.push(to);
                u32::try_from(sets.len() - 1).unwrap_or(u32::MAX)
            });
            next.insert(word, (number, likely));
        }
        states.push(State { ends: set.contains_key(&end), next });
    }
    Some(states)
}

/// Merges states from which the same can be said, beginning with those from which nothing can. State 0 stays the start.
fn minimise(states: Vec<State>) -> Vec<State> {
    let mut order = Vec::new();
    let mut seen = vec![false; states.len()];
    // The order in which each state comes after all that it leads to, without recursion.
    let mut path = vec![(0_u32, false)];
    while let Some((state, left)) = path.pop() {
        if left {
            order.push(state);
        } else if !std::mem::replace(&mut seen[state as usize], true) {
            path.push((state, true));
            path.extend(states[state as usize].next.values().map(|(to, _)| (*to, false)));
        }
    }
    let mut merged: HashMap<State, u32> = HashMap::new();
    let mut number_of = vec![0_u32; states.len()];
    let mut kept: Vec<State> = Vec::new();
    for old in order {
        let next = states[old as usize]
            .next
            .iter()
            .map(|(word, (to, likely))| (*word, (number_of[*to as usize], *likely)))
            .collect();
        let state = State { ends: states[old as usize].ends, next };
        number_of[old as usize] = *merged.entry(state.clone()).or_insert_with(|| {
            kept.push(state);
            u32::try_from(kept.len() - 1).unwrap_or(u32::MAX)
        });
    }
    // The start came last; number the states the other way round.
    let last = u32::try_from(kept.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let turned = |state: State| State {
        ends: state.ends,
        next: state.next.into_iter().map(|(word, (to, likely))| (word, (last - to, likely))).collect(),
    };
    kept.into_iter().rev().map(turned).collect()
}

fn write(states: &[State], words: &[String]) -> String {
    let last = states.len();
    let mut text = format!("FSG_BEGIN victus\nNUM_STATES {}\nSTART_STATE 0\nFINAL_STATE {last}\n", last + 1);
    let tokens: Vec<String> = words.iter().map(|word| token_of_word(word.as_str())).collect();
    for (number, state) in states.iter().enumerate() {
        for (word, (to, likely)) in &state.next {
            let (token, likely) = (&tokens[*word as usize], likely.0 as f32 / 1000.0);
            // Writing to a string does not fail.
            let _written = writeln!(text, "TRANSITION {number} {to} {likely:.3} {token}");
        }
        if state.ends {
            let _written = writeln!(text, "TRANSITION {number} {last} 1.0");
        }
    }
    text.push_str("FSG_END\n");
    text
}

#[cfg(test)]
mod tests {
    use super::super::{GrammarRule, Origin};
    use super::*;

    fn grammar(sentences: &[&str], rules: &[(&str, &str)]) -> SpeechGrammar {
        let rule = |text: &str| GrammarRule {
            expansion: expansion(text),
            origin: Origin { file: "test".to_owned(), line: 1 },
        };
        SpeechGrammar {
            sentences: sentences.iter().map(|text| rule(text)).collect(),
            rules: rules.iter().map(|(name, text)| ((*name).to_owned(), rule(text))).collect(),
        }
    }

    /// `a b|c <rule> ?d`: words, alternatives, a rule, an optional word.
    fn expansion(text: &str) -> Expansion {
        let part = |part: &str| match part {
            part if part.starts_with('<') => Expansion::Rule(part.trim_matches(['<', '>']).to_owned()),
            part if part.starts_with('?') => {
                Expansion::Optional(Box::new(Expansion::Word(part.trim_start_matches('?').to_owned())))
            }
            part => Expansion::Alternatives(part.split('|').map(|word| Expansion::Word(word.to_owned())).collect()),
        };
        Expansion::Sequence(text.split(' ').map(part).collect())
    }

    /// Whether the automaton takes the words, read from its own text.
    fn takes(fsg: &str, sentence: &str) -> bool {
        let arcs: Vec<Vec<&str>> = fsg
            .lines()
            .filter(|line| line.starts_with("TRANSITION"))
            .map(|line| line.split(' ').skip(1).collect())
            .collect();
        let last = fsg.lines().find_map(|line| line.strip_prefix("FINAL_STATE ")).unwrap();
        let mut state = "0";
        for word in sentence.split(' ') {
            let Some(arc) = arcs.iter().find(|arc| arc[0] == state && arc.get(3) == Some(&word)) else { return false };
            state = arc[1];
        }
        arcs.iter().any(|arc| arc[0] == state && arc[1] == last && arc.len() == 3)
    }

    #[test]
    fn takes_what_the_grammar_says_and_nothing_else() {
        let grammar = grammar(
            &["turn on|off <name>", "turn <name> on|off", "stop"],
            &[("name", "?the fan|light"), ("politeness", "please|kindly")],
        );
        let fsg = grammar.to_fsg().unwrap();
        for good in ["turn on the fan", "turn off light", "turn the light off", "please stop", "stop kindly"] {
            assert!(takes(&fsg, good), "{good} in {fsg}");
        }
        for bad in ["turn on", "turn on the", "fan", "please", "please please stop", "turn on the fan off"] {
            assert!(!takes(&fsg, bad), "{bad}");
        }
    }

    #[test]
    fn beginnings_and_endings_stand_once() {
        let grammar = grammar(&["turn on the fan", "turn on the light", "turn off the fan", "turn off the light"], &[]);
        let fsg = grammar.to_fsg().unwrap();
        assert_eq!(fsg.lines().filter(|line| line.starts_with("TRANSITION")).count(), 7, "{fsg}");
    }

    #[test]
    fn an_optional_word_does_not_leak_into_its_neighbour() {
        let fsg = grammar(&["go ?very fast"], &[]).to_fsg().unwrap();
        assert!(takes(&fsg, "go fast") && takes(&fsg, "go very fast") && !takes(&fsg, "go very very fast"));
    }

    #[test]
    fn the_usual_word_is_the_likeliest_and_politeness_is_not() {
        let grammar = grammar(&["turn|switch|put it on"], &[("politeness", "please")]);
        let fsg = grammar.to_fsg().unwrap();
        for (word, likely) in [("turn", "1.000"), ("switch", "0.500"), ("put", "0.333"), ("please", "0.050")] {
            assert!(fsg.contains(&format!(" {likely} {word}\n")), "{word} in {fsg}");
        }
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        assert!(SpeechGrammar::default().to_fsg().is_err());
    }
}
