//! The interlocks: which point may be switched, and what has to be made safe.
//!
//! A pure state machine without input or output: it is told the time and what the lines were seen to be, and answers
//! with steps. Owns the one place where limits are evaluated; promises that every step list, done in order, keeps
//! `conflicts` and `requires` after each single step. Points are numbers here (their place in the config).
//! Leaves lines, names and change records to [`super`].

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::changes::Cause;
use super::limits::{Limits, Rate};
use super::{PointConfig, PointValue};
use crate::clock::Monotonic;

/// A point that could not be made safe is tried again after this time.
pub(super) const RETRY_SAFE: Duration = Duration::from_secs(1);

/// The limits of one point, with points as numbers.
#[derive(Debug)]
struct Rules {
    switched: bool,
    limits: Limits,
    conflicts: Vec<usize>,
    requires: Vec<(usize, PointValue)>,
}

/// What is known of one point.
#[derive(Debug)]
struct Known {
    value: Option<PointValue>,
    since: Monotonic,
    /// When the point last left its safe state, oldest first; as many as its rate counts.
    departures: VecDeque<Monotonic>,
    retry_at: Monotonic,
}

/// One thing to do to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) point: usize,
    pub(super) on: bool,
    pub(super) cause: Cause,
}

/// Which limit refuses, with points as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Forbidden {
    MinOn { wait: Duration },
    MinOff { wait: Duration },
    Rate { wait: Duration, rate: Rate },
    Conflict { with: usize, known: bool },
    Requires { point: usize, is: PointValue, found: Option<PointValue> },
}

/// Steps in the making.
#[derive(Debug)]
struct Plan<'a> {
    /// The points that somebody asked to be made safe, and why; others are made safe for a cause of their own.
    asked: &'a [usize],
    cause: Cause,
    steps: Vec<Step>,
}

/// The limits and states of all points.
#[derive(Debug)]
pub(super) struct Interlocks {
    rules: Vec<Rules>,
    known: Vec<Known>,
}

impl Interlocks {
    /// All points, none of which is known yet. The limits have passed [`super::limits::check`].
    pub(super) fn new(configs: &[PointConfig], now: Monotonic) -> Self {
        let number: HashMap<&str, usize> = configs.iter().enumerate().map(|(i, c)| (c.id.as_str(), i)).collect();
        let mut rules: Vec<Rules> = configs
            .iter()
            .map(|config| Rules {
                switched: config.driver.is_switched(),
                limits: config.limits.clone(),
                conflicts: Vec::new(),
                requires: config
                    .limits
                    .requires
                    .iter()
                    .filter_map(|needed| Some((*number.get(needed.point.as_str())?, needed.is)))
                    .collect(),
            })
            .collect();
        for (point, config) in configs.iter().enumerate() {
            for other in config.limits.conflicts.iter().filter_map(|id| number.get(id.as_str()).copied()) {
                rules[point].conflicts.push(other);
                rules[other].conflicts.push(point);
            }
        }
        let known = configs
            .iter()
            .map(|_| Known { value: None, since: now, departures: VecDeque::new(), retry_at: now })
            .collect();
        Self { rules, known }
    }

    /// Takes over what `before` knows of the points that stay; `kept` has the number before for each new number.
    pub(super) fn adopt(&mut self, before: Self, kept: &[Option<usize>]) {
        let mut known: Vec<Option<Known>> = before.known.into_iter().map(Some).collect();
        for (here, old) in self.known.iter_mut().zip(kept) {
            if let Some(it) = old.and_then(|old| known.get_mut(old)).and_then(Option::take) {
                *here = it;
            }
        }
    }

    /// The value that a point is known to have.
    pub(super) fn value(&self, point: usize) -> Option<PointValue> {
        self.known[point].value
    }

    /// Since when it has that value.
    pub(super) fn since(&self, point: usize) -> Monotonic {
        self.known[point].since
    }

    /// Whether a point is on when safe.
    pub(super) fn safe(&self, point: usize) -> bool {
        self.rules[point].limits.safe
    }

    /// The points that are switched, those that are safe when off first: in this order all can be made safe.
    pub(super) fn switched(&self) -> Vec<usize> {
        let mut points: Vec<usize> = (0..self.rules.len()).filter(|point| self.rules[*point].switched).collect();
        points.sort_by_key(|point| self.safe(*point));
        points
    }

    /// The points that the stop makes safe, in the order of [`Self::switched`].
    pub(super) fn stopped(&self) -> Vec<usize> {
        self.switched().into_iter().filter(|point| self.rules[*point].limits.stop).collect()
    }

    /// Takes note that a line is about to be driven: from here on it may have left its safe state.
    pub(super) fn attempted(&mut self, point: usize, on: bool, now: Monotonic) {
        let leaves = on != self.safe(point) && self.known[point].value != Some(PointValue::Switch(on));
        if let Some(rate) = self.rules[point].limits.rate.filter(|_| leaves) {
            let departures = &mut self.known[point].departures;
            departures.push_back(now);
            while departures.len() > usize::try_from(rate.count).unwrap_or(usize::MAX) {
                departures.pop_front();
            }
        }
    }

    /// Takes note of the value that a point was seen to have; none when that is not known.
    pub(super) fn seen(&mut self, point: usize, value: Option<PointValue>, now: Monotonic) {
        let known = &mut self.known[point];
        if known.value != value {
            known.since = now;
            known.value = value;
        }
        if value.is_none() {
            known.retry_at = now.saturating_add(RETRY_SAFE);
        }
    }

    /// A point in conflict with this one that is on or may be.
    pub(super) fn clash(&self, point: usize) -> Option<usize> {
        self.rules[point].conflicts.iter().copied().find(|other| self.may_be_on(*other))
    }

    fn may_be_on(&self, point: usize) -> bool {
        self.known[point].value != Some(PointValue::Switch(false))
    }

    fn is_on(&self, point: usize) -> bool {
        self.known[point].value == Some(PointValue::Switch(true))
    }

    fn unmet(&self, point: usize) -> Option<(usize, PointValue)> {
        self.rules[point].requires.iter().copied().find(|(other, is)| self.known[*other].value != Some(*is))
    }

    /// The steps that switch a point as somebody asked, or the limit that forbids it.
    pub(super) fn plan_set(&self, point: usize, on: bool, now: Monotonic) -> Result<Vec<Step>, Forbidden> {
        if self.known[point].value != Some(PointValue::Switch(on)) {
            if on { self.may_go_on(point, now) } else { self.may_go_off(point, now) }?;
            self.within_rate(point, on, now)?;
        }
        let mut plan = Plan { asked: &[], cause: Cause::Set, steps: Vec::new() };
        self.release_dependents(point, on, &mut plan);
        plan.steps.push(Step { point, on, cause: Cause::Set });
        Ok(plan.steps)
    }

    fn may_go_on(&self, point: usize, now: Monotonic) -> Result<(), Forbidden> {
        if let Some(with) = self.clash(point) {
            return Err(Forbidden::Conflict { with, known: self.is_on(with) });
        }
        if let Some((other, is)) = self.unmet(point) {
            return Err(Forbidden::Requires { point: other, is, found: self.known[other].value });
        }
        let wait = self.rules[point].limits.min_off.and_then(|least| left(self.known[point].since, least, now));
        wait.map_or(Ok(()), |wait| Err(Forbidden::MinOff { wait }))
    }

    fn may_go_off(&self, point: usize, now: Monotonic) -> Result<(), Forbidden> {
        if !self.is_on(point) {
            return Ok(());
        }
        let wait = self.rules[point].limits.min_on.and_then(|least| left(self.known[point].since, least, now));
        wait.map_or(Ok(()), |wait| Err(Forbidden::MinOn { wait }))
    }

    fn within_rate(&self, point: usize, on: bool, now: Monotonic) -> Result<(), Forbidden> {
        let Some(rate) = self.rules[point].limits.rate.filter(|_| on != self.safe(point)) else { return Ok(()) };
        let departures = &self.known[point].departures;
        if departures.len() < usize::try_from(rate.count).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let wait = departures.front().and_then(|oldest| left(*oldest, rate.per, now));
        wait.map_or(Ok(()), |wait| Err(Forbidden::Rate { wait, rate }))
    }

    /// The steps that make points safe, whatever their other limits say.
    pub(super) fn plan_safe(&self, points: &[usize], cause: Cause) -> Vec<Step> {
        let mut plan = Plan { asked: points, cause, steps: Vec::new() };
        for point in points {
            self.add_safe(*point, cause, &mut plan);
        }
        plan.steps
    }

    fn add_safe(&self, point: usize, otherwise: Cause, plan: &mut Plan<'_>) {
        if plan.steps.iter().any(|step| step.point == point) {
            return;
        }
        let on = self.safe(point);
        if on {
            // Points in conflict with one that is safe when on are themselves safe when off.
            for other in self.rules[point].conflicts.iter().copied().filter(|other| self.may_be_on(*other)) {
                self.add_safe(other, Cause::Safe, plan);
            }
        }
        self.release_dependents(point, on, plan);
        let cause = if plan.asked.contains(&point) { plan.cause } else { otherwise };
        plan.steps.push(Step { point, on, cause });
    }

    /// Adds the steps for what must not stay on once `point` is on (or off). Such points are safe when off.
    fn release_dependents(&self, point: usize, on: bool, plan: &mut Plan<'_>) {
        for dependent in 0..self.rules.len() {
            let loses = self.rules[dependent]
                .requires
                .iter()
                .any(|(other, is)| *other == point && *is != PointValue::Switch(on));
            if loses && self.may_be_on(dependent) {
                self.add_safe(dependent, Cause::RequirementLost, plan);
            }
        }
    }

    /// The points that have to be made safe now, and why.
    pub(super) fn due(&self, now: Monotonic) -> Vec<(usize, Cause)> {
        (0..self.rules.len()).filter_map(|point| Some((point, self.why_due(point, now)?))).collect()
    }

    fn why_due(&self, point: usize, now: Monotonic) -> Option<Cause> {
        let (rules, known) = (&self.rules[point], &self.known[point]);
        if !rules.switched {
            return None;
        }
        if known.value.is_none() {
            return (known.retry_at <= now).then_some(Cause::Fault);
        }
        if !self.is_on(point) {
            return None;
        }
        if rules.limits.max_on.is_some_and(|longest| left(known.since, longest, now).is_none()) {
            return Some(Cause::MaxOn);
        }
        self.unmet(point).map(|_| Cause::RequirementLost)
    }

    /// When [`Self::due`] next changes by time alone.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        (0..self.rules.len())
            .filter_map(|point| {
                let (rules, known) = (&self.rules[point], &self.known[point]);
                match known.value {
                    None if rules.switched => Some(known.retry_at),
                    Some(PointValue::Switch(true)) => {
                        rules.limits.max_on.map(|longest| known.since.saturating_add(longest))
                    }
                    _ => None,
                }
            })
            .min()
    }
}

/// How much is left of `length` since `start`; none when it is over.
fn left(start: Monotonic, length: Duration, now: Monotonic) -> Option<Duration> {
    length.checked_sub(now.saturating_since(start)).filter(|left| !left.is_zero())
}
