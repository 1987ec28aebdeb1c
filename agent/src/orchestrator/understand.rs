//! From the words of a request to what they mean, or to the question which of several meanings is meant.
//!
//! Owns the order in which a sentence is tried: as it was said, then in its parts (`sequence`), then as what it is most
//! like. What it means after what was said before is `conversation::answer`'s.

use super::sequence::{Sequences, understood};
use super::{MAX_CHOICES, MAX_REQUEST_CHARACTERS, Orchestrator, later};
use crate::conversation::{Memory, Question, Understood};
use crate::intents::spoken::Joint;
use crate::intents::{IntentMatch, Matches};
use crate::language::Language;
use crate::turn::{Outcome, Turn};

impl Orchestrator {
    /// The one meaning of the words, in as many requests as they are; or none, with outcome and reply set to say so.
    pub(super) fn parse(&self, turn: &mut Turn, language: &Language, memory: &Memory) -> Option<Vec<Understood>> {
        if turn.text.chars().count() > MAX_REQUEST_CHARACTERS {
            (turn.outcome, turn.reply) = (Outcome::NotUnderstood, language.phrase("too_long", &[]));
            return None;
        }
        let context = memory.context();
        let mut matches = language.matcher.matches_in(&turn.text, &context);
        if !matches.all().any(|reading| later::is_sound(reading, language)) {
            let sequence = Sequences::new(language, &self.entities).understand(&turn.text);
            if let Some(readings) = sequence.filter(|readings| !later::is_among(readings)) {
                note_readings(turn, &readings);
                return Some(readings);
            }
            matches = later::sound(language.matcher.understand(&turn.text, &context), language);
        }
        let matches = one_answer(matches);
        let Some(best) = matches.best else {
            (turn.outcome, turn.reply) = (Outcome::NotUnderstood, language.phrase("not_understood", &[]));
            return None;
        };
        note_match(turn, &best);
        if !matches.rivals.is_empty() {
            turn.outcome = Outcome::Asked;
            let question;
            (turn.reply, question) = self.question(best, matches.rivals, language);
            turn.asks = Some(question);
            return None;
        }
        Some(vec![understood(best)])
    }

    /// Which of several readings is meant: which sentence, where they are of several, or which of the things it is about.
    pub(super) fn question(
        &self,
        best: IntentMatch,
        rivals: Vec<IntentMatch>,
        language: &Language,
    ) -> (String, Question) {
        let readings: Vec<IntentMatch> = std::iter::once(best).chain(rivals).collect();
        let mut of_sentences: Vec<(String, &IntentMatch)> = Vec::new();
        for reading in &readings {
            if let Some(sentence) = &reading.repaired
                && of_sentences.len() < MAX_CHOICES
                && !of_sentences.iter().any(|(known, _)| known == sentence)
            {
                of_sentences.push((sentence.clone(), reading));
            }
        }
        if of_sentences.len() > 1 {
            let (sentences, chosen): (Vec<String>, Vec<&IntentMatch>) = of_sentences.into_iter().unzip();
            let reply = language.phrase("unsure", &[("choices", &language.spoken().list(&sentences, Joint::Or))]);
            return (reply, Question::Which { readings: chosen.into_iter().cloned().map(understood).collect() });
        }
        let readings: Vec<Understood> = readings.into_iter().map(understood).collect();
        let reply = self.which(&readings, language);
        (reply, Question::Which { readings })
    }

    /// The words in which it is asked which thing is meant.
    pub(super) fn which(&self, readings: &[Understood], language: &Language) -> String {
        let mut names: Vec<String> = readings
            .iter()
            .flat_map(|reading| &reading.entities)
            .filter_map(|id| self.entities.get(id))
            .map(|entity| match &entity.area {
                Some(area) => format!("{} ({area})", entity.name),
                None => entity.name.clone(),
            })
            .collect();
        names.dedup();
        language.phrase("which", &[("choices", &language.spoken().list(&names, Joint::Or))])
    }
}

/// A name that several things have is one answer about all of them: the question before says which are meant.
fn one_answer(mut matches: Matches) -> Matches {
    if matches.all().all(|reading| reading.intent == "VictusAnswer")
        && let Some(best) = &mut matches.best
    {
        for rival in std::mem::take(&mut matches.rivals) {
            best.entities.extend(rival.entities);
        }
    }
    matches
}

fn note_match(turn: &mut Turn, best: &IntentMatch) {
    turn.repaired = best.repaired.clone();
    turn.template = Some(best.template.to_string());
    turn.confidence = Some(best.confidence.min(turn.confidence.unwrap_or(1.0)));
    note_readings(turn, &[understood(best.clone())]);
}

/// The turn is about the first of these.
pub(super) fn note_readings(turn: &mut Turn, readings: &[Understood]) {
    if let Some(first) = readings.first() {
        turn.intent = Some(first.intent.clone());
        turn.slots = first.slots.clone();
    }
}
