//! Reading a definition.
//!
//! Owns the way from text to [`Definition`], and what is said of a text that is none. Promises to name all that is wrong,
//! each with its line, except that a text whose form is wrong is read up to there.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::file::{Days, File, RawLimits, RawStep, RawTrigger};
use super::template::Template;
use super::values::{clock_time, days, duration, point_value, rate};
use super::{
    Action, Definition, Hold, Limits, MAX_BRANCHES, MAX_DURATION, MAX_FILE_BYTES, MAX_NAME_BYTES, MAX_RUNS_AT_ONCE,
    MAX_STEPS, MAX_TRIGGERS, OnError, Schedule, Step, Trigger, TriggerKind, is_name,
};
use crate::workflows::expression::Expression;

/// Something that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: u32,
    /// What, as a sentence.
    pub message: String,
}

/// Reads the text of the workflow `name`.
///
/// # Errors
/// All that is wrong with it, in the order of its lines.
pub fn read(name: &str, text: &str) -> Result<Definition, Vec<Wrong>> {
    let whole = |message: String| vec![Wrong { line: 1, message }];
    if !is_name(name) {
        return Err(whole(format!(
            "the name `{}` is none for a workflow: expected a letter and then letters, digits and underscores in lower \
             case, at most {MAX_NAME_BYTES}",
            name.chars().take(80).collect::<String>()
        )));
    }
    if text.len() > MAX_FILE_BYTES {
        return Err(whole(format!("it has {} bytes: a workflow has at most {MAX_FILE_BYTES}", text.len())));
    }
    let lines = Lines { text };
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.line(&span));
        vec![Wrong { line, message: error.message().trim().replace('\n', "; ") }]
    })?;
    let mut reader = Reader { lines, wrong: Vec::new(), steps: Vec::new(), names: BTreeSet::new() };
    let definition = reader.definition(name, text, file);
    reader.wrong.sort_by_key(|wrong| wrong.line);
    if reader.wrong.is_empty() { Ok(definition) } else { Err(reader.wrong) }
}

struct Lines<'a> {
    text: &'a str,
}

impl Lines<'_> {
    fn line(&self, span: &Range<usize>) -> u32 {
        let before = self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

struct Reader<'a> {
    lines: Lines<'a>,
    wrong: Vec<Wrong>,
    steps: Vec<Step>,
    names: BTreeSet<String>,
}

/// Where a list of steps stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Main,
    Branch,
    Failure,
}

impl Reader<'_> {
    fn definition(&mut self, name: &str, text: &str, file: File) -> Definition {
        if file.trigger.len() > MAX_TRIGGERS {
            self.say(1, format!("there are {} triggers: at most {MAX_TRIGGERS} are possible", file.trigger.len()));
        }
        let triggers = file.trigger.into_iter().filter_map(|raw| self.trigger(raw)).collect();
        let when = self.condition(file.when);
        let limits = self.limits(file.limits);
        let main = self.sequence(file.step, Place::Main);
        if main.is_empty() {
            self.say(1, "it has no steps: write at least one [[step]]".to_owned());
        }
        let on_failure = self.sequence(file.on_failure, Place::Failure);
        if self.steps.len() > MAX_STEPS {
            self.say(1, format!("there are {} steps: at most {MAX_STEPS} are possible", self.steps.len()));
        }
        self.check_references(when.as_ref());
        Definition {
            name: name.to_owned(),
            text: text.to_owned(),
            description: file.description,
            role: file.role,
            when,
            limits,
            triggers,
            steps: std::mem::take(&mut self.steps),
            main,
            on_failure,
        }
    }

    fn say(&mut self, line: u32, message: String) {
        self.wrong.push(Wrong { line, message });
    }

    fn at<T>(&mut self, span: &Range<usize>, value: Result<T, String>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(message) => {
                self.say(self.lines.line(span), message);
                None
            }
        }
    }

    fn condition(&mut self, source: Option<Spanned<String>>) -> Option<Expression> {
        let source = source?;
        self.at(&source.span(), Expression::compile(source.get_ref().trim()))
    }

    fn time(&mut self, written: &Spanned<String>, least: Duration) -> Option<Duration> {
        let read = match duration(written.get_ref()) {
            Some(read) if (least..=MAX_DURATION).contains(&read) => Ok(read),
            _ => Err(format!(
                "expected a time such as \"500ms\", \"5s\" or \"1h30m\", at most 7 days, found \"{}\"",
                written.get_ref()
            )),
        };
        self.at(&written.span(), read)
    }

    fn limits(&mut self, raw: RawLimits) -> Limits {
        let mut limits = Limits::default();
        if let Some(read) = raw.duration.and_then(|written| self.time(&written, Duration::from_millis(1))) {
            limits.duration = read;
        }
        if let Some(runs) = raw.runs_at_once {
            limits.runs_at_once = *runs.get_ref();
            if !(1..=MAX_RUNS_AT_ONCE).contains(runs.get_ref()) {
                self.say(
                    self.lines.line(&runs.span()),
                    format!("runs_at_once is a number from 1 to {MAX_RUNS_AT_ONCE}"),
                );
            }
        }
        if let Some(written) = raw.rate {
            let read = rate(written.get_ref())
                .ok_or_else(|| format!("expected a rate such as \"6/min\", found \"{}\"", written.get_ref()));
            if let Some(rate) = self.at(&written.span(), read) {
                limits.rate = rate;
            }
        }
        limits
    }

    fn trigger(&mut self, raw: Spanned<RawTrigger>) -> Option<Trigger> {
        let line = self.lines.line(&raw.span());
        let raw = raw.into_inner();
        let when = self.condition(raw.when);
        let stray = [
            ("at", raw.at.is_some() && raw.every.is_none()),
            ("above", raw.above.is_some() && raw.entity.is_none()),
            ("below", raw.below.is_some() && raw.entity.is_none()),
            ("is", raw.is.is_some() && raw.entity.is_none()),
            ("for", raw.hold.is_some() && raw.entity.is_none()),
        ];
        if let Some((key, _)) = stray.into_iter().find(|(_, stray)| *stray) {
            self.say(
                line,
                format!("`{key}` belongs to a trigger with `{}`", if key == "at" { "every" } else { "entity" }),
            );
            return None;
        }
        let kind = match (raw.intent, raw.every, raw.entity, raw.command) {
            (Some(intent), None, None, None) => TriggerKind::Intent(self.intent(&intent)?),
            (None, Some(every), None, None) => TriggerKind::Schedule(self.schedule(line, every, raw.at)?),
            (None, None, Some(entity), None) => {
                let is = match raw.is {
                    Some(is) => Some(self.at(&is.span(), point_value(is.get_ref()))?),
                    None => None,
                };
                if is.is_none() && raw.above.is_none() && raw.below.is_none() {
                    self.say(line, "a trigger with `entity` needs `above`, `below` or `is`".to_owned());
                    return None;
                }
                let hold = match raw.hold {
                    Some(hold) => self.time(&hold, Duration::ZERO)?,
                    None => Duration::ZERO,
                };
                TriggerKind::Entity(Hold { entity: entity.into_inner(), above: raw.above, below: raw.below, is, hold })
            }
            (None, None, None, Some(command)) if *command.get_ref() => TriggerKind::Command,
            _ => {
                let message = "a trigger has exactly one of `intent`, `every`, `entity` and `command = true`";
                self.say(line, message.to_owned());
                return None;
            }
        };
        Some(Trigger { kind, when, line })
    }

    fn intent(&mut self, intent: &Spanned<String>) -> Option<String> {
        let name = intent.get_ref();
        let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let read = if fits { Ok(name.clone()) } else { Err(format!("`{name}` is no name of an intent")) };
        self.at(&intent.span(), read)
    }

    fn schedule(&mut self, line: u32, every: Spanned<Days>, at: Option<Spanned<String>>) -> Option<Schedule> {
        let Some(at) = at else {
            self.say(line, "a trigger with `every` needs `at`, as in at = \"06:00\"".to_owned());
            return None;
        };
        let span = every.span();
        let names = match every.into_inner() {
            Days::One(name) => vec![name],
            Days::Several(names) => names,
        };
        let days = self.at(&span, days(&names));
        let time = clock_time(at.get_ref())
            .ok_or_else(|| format!("expected a time of day such as \"06:00\", found \"{}\"", at.get_ref()));
        let (hour, minute) = self.at(&at.span(), time)?;
        Some(Schedule { days: days?, hour, minute })
    }

    fn sequence(&mut self, raw: Vec<Spanned<RawStep>>, place: Place) -> Vec<usize> {
        // More are not read: what is too much is said once.
        let room = (MAX_STEPS + 1).saturating_sub(self.steps.len());
        raw.into_iter().take(room).filter_map(|raw| self.step(raw, place)).collect()
    }

    fn step(&mut self, raw: Spanned<RawStep>, place: Place) -> Option<usize> {
        let line = self.lines.line(&raw.span());
        let raw = raw.into_inner();
        let name = self.step_name(line, raw.name)?;
        let when = self.condition(raw.when);
        let usual = if place == Place::Failure { OnError::Skip } else { OnError::Stop };
        let on_error = raw.on_error.as_ref().map_or(usual, |it| *it.get_ref());
        if on_error == OnError::Undo && place == Place::Failure {
            self.say(line, "there is nothing to undo in the failure branch: `on_error` is `skip` or `stop`".to_owned());
        }
        // The step has its place before those of its branches have theirs.
        let index = self.steps.len();
        self.steps.push(Step { name, when, on_error, action: Action::Wait(Duration::ZERO), line });
        if raw.args.is_some() && raw.tool.is_none() {
            self.say(line, "`args` belongs to a step with `tool`".to_owned());
        }
        if raw.timeout.is_some() && raw.wait_until.is_none() {
            self.say(line, "`timeout` belongs to a step with `wait_until`".to_owned());
        }
        let action = match (raw.tool, raw.wait, raw.wait_until, raw.parallel) {
            (Some(tool), None, None, None) => self.call(tool.into_inner(), raw.args),
            (None, Some(wait), None, None) => self.time(&wait, Duration::ZERO).map(Action::Wait),
            (None, None, Some(until), None) => self.wait_until(line, until, raw.timeout),
            (None, None, None, Some(parallel)) => self.parallel(line, parallel.into_inner(), place),
            _ => {
                let message = "a step has exactly one of `tool`, `wait`, `wait_until` and `parallel`";
                self.say(line, message.to_owned());
                None
            }
        };
        if let (Some(step), Some(action)) = (self.steps.get_mut(index), action) {
            step.action = action;
        }
        Some(index)
    }

    fn step_name(&mut self, line: u32, stated: Option<Spanned<String>>) -> Option<String> {
        let name = match stated {
            Some(stated) if is_name(stated.get_ref()) => stated.into_inner(),
            Some(stated) => {
                let message = format!(
                    "`{}` is no name of a step: expected a letter and then letters, digits and underscores in lower case",
                    stated.get_ref().chars().take(80).collect::<String>()
                );
                self.say(self.lines.line(&stated.span()), message);
                return None;
            }
            None => format!("step_{}", self.steps.len() + 1),
        };
        if !self.names.insert(name.clone()) {
            self.say(line, format!("there is another step `{name}`: give one of them another name"));
        }
        Some(name)
    }

    fn call(&mut self, tool: String, args: Option<Spanned<toml::Table>>) -> Option<Action> {
        let args = match args {
            Some(args) => {
                let span = args.span();
                self.at(&span, Template::read(&toml::Value::Table(args.into_inner())))?
            }
            None => Template::Object(Vec::new()),
        };
        Some(Action::Call { tool, args })
    }

    fn wait_until(&mut self, line: u32, until: Spanned<String>, timeout: Option<Spanned<String>>) -> Option<Action> {
        let until = self.condition(Some(until));
        let Some(timeout) = timeout else {
            self.say(line, "a step with `wait_until` needs `timeout`, as in timeout = \"1m\"".to_owned());
            return None;
        };
        let timeout = self.time(&timeout, Duration::from_millis(1))?;
        Some(Action::WaitUntil { until: until?, timeout })
    }

    fn parallel(&mut self, line: u32, branches: Vec<Vec<Spanned<RawStep>>>, place: Place) -> Option<Action> {
        if place != Place::Main {
            self.say(line, "`parallel` stands in the main steps, not in a branch".to_owned());
            return None;
        }
        if !(2..=MAX_BRANCHES).contains(&branches.len()) || branches.iter().any(Vec::is_empty) {
            self.say(line, format!("`parallel` has 2 to {MAX_BRANCHES} branches, each with at least one step"));
            return None;
        }
        let read = branches.into_iter().map(|branch| self.sequence(branch, Place::Branch)).collect();
        Some(Action::Parallel(read))
    }

    /// A step that an expression speaks of has to be there.
    fn check_references(&mut self, when: Option<&Expression>) {
        let mut unknown: Vec<Wrong> = Vec::new();
        let mut look = |expression: &Expression, line: u32| {
            for step in expression.uses().steps.iter().filter(|step| !self.names.contains(*step)) {
                let message = format!("`{}` speaks of a step `{step}`, and there is none", expression.source());
                unknown.push(Wrong { line, message });
            }
        };
        if let Some(when) = when {
            look(when, 1);
        }
        for step in &self.steps {
            step.each_expression(&mut |expression| look(expression, step.line));
        }
        self.wrong.append(&mut unknown);
    }
}

impl Step {
    /// Shows each of its expressions to `look`.
    pub fn each_expression<'a>(&'a self, look: &mut dyn FnMut(&'a Expression)) {
        if let Some(when) = &self.when {
            look(when);
        }
        match &self.action {
            Action::Call { args, .. } => args.each(look),
            Action::WaitUntil { until, .. } => look(until),
            Action::Wait(_) | Action::Parallel(_) => {}
        }
    }
}
