//! From what was understood to a plan that runs, or to a question.
//!
//! Owns what comes between: the answer to an open question, the route of each reading, the plans of all of them together,
//! and the question before what cannot be taken back. Promises that a plan is made whole or not at all, that a plan which
//! has to be agreed to is read back and runs only by the token of exactly that plan, and that no agreement is taken from
//! words that were hardly heard.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use victus_hw::clock::Monotonic;
use victus_hw::points::PointValue;

use super::plan::{self, Plan, plan};
use super::recall::Before;
use super::route::{ASK_BELOW, Route, router};
use super::understand::note_readings;
use super::{Orchestrator, explain, later, recall, reply, undo};
use crate::conversation::answer::{self, Move};
use crate::conversation::{Asked, Memory, Missing, Question, Speaker, Understood, answered};
use crate::language::Language;
use crate::tool::confirmation::{Permit, Token};
use crate::turn::{Outcome, Step, StepResult, Turn};

/// How sure a yes has to be that lets something happen which cannot be taken back.
const AGREES_FROM: f32 = 0.8;

/// One request of a turn, and which of the turn's steps are its.
struct Part {
    understood: Understood,
    steps: Range<usize>,
}

/// What is known beside the words when a turn is decided.
pub(super) struct Given<'a> {
    /// What was said before.
    pub(super) memory: Memory,
    /// The turns before.
    pub(super) before: Before<'a>,
}

/// A plan that is ready to run.
struct Whole {
    steps: Vec<Step>,
    parts: Vec<Part>,
}

impl Orchestrator {
    /// What is known beside the words of a turn that has just begun.
    pub(super) fn given(&self, turn: &Turn) -> Given<'_> {
        let speaker = Speaker::new(&turn.caller, turn.conversation.as_deref());
        let memory = self.memories.recall(&speaker, Monotonic::from_duration(Duration::from_millis(turn.at.mono_ms)));
        Given { memory, before: Before::Store(self.store.turns()) }
    }

    /// From words to reply, all but storing the end. Answers the token by which a question of this turn is agreed to.
    pub(super) async fn decide(&self, turn: &mut Turn, language: &Language, given: &Given<'_>) -> Option<Token> {
        let begun = self.clock.monotonic();
        let (memory, before) = (&given.memory, given.before);
        let readings = self.parse(turn, language, memory);
        turn.times_ms.parse = Some(self.since(begun));
        let readings = readings?;
        let moved = match <[Understood; 1]>::try_from(readings) {
            Ok([said]) if answer::refers(&said) => match self.referred(turn, said, memory, language) {
                Ok(moved) => moved,
                Err(token) => return token,
            },
            Ok([said]) => Move::Do(vec![said]),
            Err(several) => Move::Do(several),
        };
        match moved {
            Move::Say(key) => {
                (turn.outcome, turn.reply) = (Outcome::Refused, language.phrase(key, &[]));
                None
            }
            Move::Ask(question) => {
                self.ask_back(turn, question, language);
                None
            }
            Move::Do(readings) => self.carry_out(turn, (readings, Vec::new()), before, language).await,
            Move::Correct(readings) => {
                let steps = memory.recent.as_ref().map_or(&[][..], |recent| &recent.steps);
                match undo::inverse(steps) {
                    Some(back) => self.carry_out(turn, (readings, back), before, language).await,
                    None => {
                        let reply = language.phrase("VictusUndo.not_possible", &[]);
                        (turn.outcome, turn.reply) = (Outcome::Refused, reply);
                        None
                    }
                }
            }
            Move::Confirmed { readings, steps } if turn.outcome == Outcome::Preview => {
                note_readings(turn, &readings);
                turn.plan = steps;
                let parts = self.parts_of(readings);
                self.show(turn, &parts, language);
                None
            }
            Move::Confirmed { readings, steps } => {
                self.confirmed(turn, readings, steps, memory.asked.as_ref(), language).await;
                None
            }
        }
    }

    /// What words mean that have no meaning of their own; or nothing, where they are not clear enough to be taken for it.
    fn referred(
        &self,
        turn: &mut Turn,
        said: Understood,
        memory: &Memory,
        language: &Language,
    ) -> Result<Move, Option<Token>> {
        let (route, rule) = self.router.route(&said.intent, turn);
        turn.route = Some(rule);
        let asked = memory.asked.as_ref().filter(|_| answer::is_answer(&said));
        if let Some(asked) = asked
            && !matches!(route, Route::NotHeard | Route::Refuse(_))
        {
            if !is_clear(turn, asked) {
                (turn.outcome, turn.reply) = (Outcome::Asked, language.phrase("unclear", &[]));
                turn.asks = Some(asked.question.clone());
                return Err(asked.token.clone());
            }
            turn.answers = Some(answered(asked));
        } else if let Some(end) = router::end(&route, turn, language) {
            (turn.outcome, turn.reply) = end;
            return Err(None);
        }
        if turn.levels.is_empty() && said.intent == "VictusAdjust" {
            turn.levels = self.levels(memory);
        }
        Ok(answer::resolve(said, memory, &self.entities, &turn.levels))
    }

    /// How the things stand that were last dealt with, as far as they have a level.
    fn levels(&self, memory: &Memory) -> BTreeMap<String, f64> {
        let last = memory.recent.as_ref().map_or(&[][..], |recent| &recent.understood.entities);
        let level = |id: &String| match self.entities.view(id)?.value? {
            PointValue::Number(level) => Some((id.clone(), level)),
            PointValue::Switch(_) => None,
        };
        last.iter().filter_map(level).collect()
    }

    /// Asks which, or what is missing.
    fn ask_back(&self, turn: &mut Turn, question: Question, language: &Language) {
        turn.outcome = Outcome::Asked;
        turn.reply = match &question {
            Question::Which { readings } => self.which(readings, language),
            Question::Missing { what: Missing::Entity, .. } => language.phrase("ask_entity", &[]),
            Question::Missing { what: Missing::Duration, .. } => language.phrase("ask_duration", &[]),
            Question::Confirm { .. } | Question::Whether { .. } => language.phrase("unclear", &[]),
        };
        turn.asks = Some(question);
    }

    /// Routes, plans and runs these, after the steps that take something back.
    async fn carry_out(
        &self,
        turn: &mut Turn,
        (readings, back): (Vec<Understood>, Vec<Step>),
        before: Before<'_>,
        language: &Language,
    ) -> Option<Token> {
        note_readings(turn, &readings);
        let agreed = turn.answers.as_ref().is_some_and(|answered| answered.agreed);
        let mut routed = Vec::with_capacity(readings.len());
        for reading in &readings {
            let (route, rule) = self.router.route(&reading.intent, turn);
            turn.route = Some(rule);
            // Who was asked and said yes is not asked again.
            let end = router::end(&route, turn, language).filter(|_| !agreed || route != Route::AskBack);
            if let Some(end) = end {
                (turn.outcome, turn.reply) = end;
                turn.asks = (route == Route::AskBack).then(|| Question::Whether { readings: readings.clone() });
                return None;
            }
            routed.push(route);
        }
        let begun = self.clock.monotonic();
        let past = match recall::past(before, turn) {
            Ok(past) => past,
            Err(error) => {
                log::error!("the turns before could not be read: {error}");
                (turn.outcome, turn.reply) = (Outcome::Failed, language.phrase("default", &[]));
                return None;
            }
        };
        let whole = self.plan_all(turn, readings.into_iter().zip(routed), back, &past, language)?;
        turn.plan = whole.steps;
        if turn.outcome == Outcome::Preview {
            turn.times_ms.plan = Some(self.since(begun));
            self.show(turn, &whole.parts, language);
            return None;
        }
        if turn.plan.iter().any(|step| self.tools.stakes(&step.tool, &step.args).is_some_and(|it| it.confirm)) {
            turn.times_ms.plan = Some(self.since(begun));
            return Some(self.read_back(turn, whole.parts, language));
        }
        self.keep_plan(turn).await;
        turn.times_ms.plan = Some(self.since(begun));
        self.run(turn, Permit::none()).await;
        turn.reply = match recall::reply(turn, &past, &self.entities, language) {
            Some(reply) => reply,
            None => self.reply_to(turn, &whole.parts, language),
        };
        None
    }

    /// The steps of all readings; none where one of them can't be planned, with outcome and reply set to say so.
    fn plan_all(
        &self,
        turn: &mut Turn,
        readings: impl Iterator<Item = (Understood, Route)>,
        back: Vec<Step>,
        past: &[Turn],
        language: &Language,
    ) -> Option<Whole> {
        let mut whole = Whole { steps: back, parts: Vec::new() };
        for (understood, route) in readings {
            let planned = match (understood.intent.as_str(), &route) {
                (_, Route::Workflow(name)) => plan::workflow(name, &understood),
                ("VictusUndo", _) => undo::plan(turn, past),
                (intent, _) if later::is(intent) => self.plan_later(turn, &understood, language)?,
                _ => self.plan_one(&understood),
            };
            match planned {
                Plan::Steps(mut steps) => {
                    if let Some(on_failure) = understood.on_failure {
                        steps.iter_mut().for_each(|step| step.on_failure = on_failure);
                    }
                    let from = whole.steps.len();
                    whole.steps.extend(steps);
                    whole.parts.push(Part { understood, steps: from..whole.steps.len() });
                }
                Plan::Missing(what) => {
                    self.ask_back(turn, Question::Missing { reading: understood, what }, language);
                    return None;
                }
                Plan::Unknown => {
                    (turn.outcome, turn.reply) = (Outcome::Refused, language.phrase("not_understood", &[]));
                    return None;
                }
                Plan::Unable(phrase) => {
                    let slot = |slot: &str| understood.slots.get(slot).and_then(|value| value.as_str()).unwrap_or("");
                    let values = [("name", slot("name")), ("area", slot("area"))];
                    (turn.outcome, turn.reply) = (Outcome::Refused, language.phrase(phrase, &values));
                    return None;
                }
            }
        }
        Some(whole)
    }

    /// Says what each step would come to, in place of doing it.
    fn show(&self, turn: &mut Turn, parts: &[Part], language: &Language) {
        for step in turn.plan.clone() {
            let (status, result) = self.tools.preview(&step.tool, &step.args, &turn.caller);
            turn.steps.push(StepResult { step, status, result, took_us: 0 });
        }
        turn.reply = self.meaning(turn, parts, language);
    }

    fn meaning(&self, turn: &Turn, parts: &[Part], language: &Language) -> String {
        let meaning = |part: &Part| explain::meaning(&part_of(turn, part), &self.entities, language);
        parts.iter().map(meaning).collect::<Vec<String>>().join("; ")
    }

    /// The plan of one reading: the appliance's own, or that of the workflow which a user's intent begins.
    fn plan_one(&self, understood: &Understood) -> Plan {
        match plan(understood, &self.entities) {
            Plan::Unknown => match self.workflows.by_intent(&understood.intent) {
                Some(workflow) => plan::workflow(&workflow, understood),
                None => Plan::Unknown,
            },
            planned => planned,
        }
    }

    /// Reads a plan back and asks whether it is to be done.
    fn read_back(&self, turn: &mut Turn, parts: Vec<Part>, language: &Language) -> Token {
        let meaning = self.meaning(turn, &parts, language);
        turn.reply = language.phrase("confirm", &[("meaning", &meaning)]);
        turn.outcome = Outcome::Asked;
        let readings = parts.into_iter().map(|part| part.understood).collect();
        turn.asks = Some(Question::Confirm { readings, steps: turn.plan.clone() });
        let calls = turn.plan.iter().map(|step| (step.tool.clone(), step.args.clone())).collect();
        self.tools.confirmations().ask(&turn.caller, calls)
    }

    /// Runs what was read back, if the agreement is good.
    async fn confirmed(
        &self,
        turn: &mut Turn,
        readings: Vec<Understood>,
        steps: Vec<Step>,
        asked: Option<&Asked>,
        language: &Language,
    ) {
        note_readings(turn, &readings);
        let token = asked.and_then(|asked| asked.token.as_ref());
        let agreed = token.and_then(|token| self.tools.confirmations().agree(token, &turn.caller).ok());
        turn.plan = steps;
        let Some(permit) = agreed else {
            (turn.outcome, turn.reply) = (Outcome::Refused, language.phrase("too_late", &[]));
            return;
        };
        self.keep_plan(turn).await;
        self.run(turn, permit).await;
        let parts: Vec<Part> = match <[Understood; 1]>::try_from(readings) {
            Ok([understood]) => vec![Part { understood, steps: 0..turn.plan.len() }],
            Err(several) => self.parts_of(several),
        };
        turn.reply = self.reply_to(turn, &parts, language);
    }

    /// Which steps belong to which of several readings: a plan is made of them in order, and made again it is as long.
    fn parts_of(&self, readings: Vec<Understood>) -> Vec<Part> {
        let mut from = 0;
        let part = |understood: Understood| {
            let count = match self.plan_one(&understood) {
                Plan::Steps(steps) => steps.len(),
                Plan::Missing(_) | Plan::Unable(_) | Plan::Unknown => 0,
            };
            let steps = from..from + count;
            from = steps.end;
            Part { understood, steps }
        };
        readings.into_iter().map(part).collect()
    }

    /// The replies of all parts that were begun.
    fn reply_to(&self, turn: &Turn, parts: &[Part], language: &Language) -> String {
        let begun = |part: &&Part| part.steps.is_empty() || part.steps.start < turn.steps.len();
        let replies: Vec<String> = parts
            .iter()
            .filter(begun)
            .map(|part| reply::reply(&part.understood, &part_of(turn, part), &self.entities, language))
            .collect();
        replies.join(" ")
    }
}

/// The turn as if it were of one of its parts alone.
fn part_of(turn: &Turn, part: &Part) -> Turn {
    let (understood, steps) = (&part.understood, &part.steps);
    Turn {
        intent: Some(understood.intent.clone()),
        slots: understood.slots.clone(),
        plan: turn.plan.get(steps.clone()).unwrap_or_default().to_vec(),
        steps: turn.steps.iter().skip(steps.start).take(steps.len()).cloned().collect(),
        ..turn.clone()
    }
}

/// Whether an answer was heard well enough for what it answers.
fn is_clear(turn: &Turn, asked: &Asked) -> bool {
    let confidence = turn.confidence.unwrap_or(1.0);
    match &asked.question {
        Question::Confirm { .. } => confidence >= AGREES_FROM && turn.repaired.is_none(),
        _ => confidence >= ASK_BELOW,
    }
}
