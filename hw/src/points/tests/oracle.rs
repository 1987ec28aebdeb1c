//! An oracle that knows the rules and watches the lines only: it shares no code with the interlocks.

use std::time::Duration;

use super::bench::Event;
use crate::clock::Monotonic;
use crate::gpio::Level;
use crate::points::interlock::RETRY_SAFE;
use crate::points::{Limits, PointConfig, PointDriver, PointValue, Refusal, Rule};

/// What the harness has just asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Set,
    Tick,
    Stop,
    Safe(usize),
    AllSafe,
    /// Something outside the process.
    Outside,
}

#[derive(Debug, Clone)]
struct Watched {
    on: bool,
    since: Monotonic,
    departures: Vec<Monotonic>,
    /// A line whose writes fail, or failed lately, can't be blamed for staying as it is.
    broken_until: Option<Monotonic>,
    /// It changed before `min_on` or `min_off` was over, which needs an excuse.
    early: bool,
}

#[derive(Debug)]
pub(super) struct Oracle {
    points: Vec<PointConfig>,
    watched: Vec<Watched>,
    running: bool,
}

fn wiring(config: &PointConfig) -> (String, bool) {
    match &config.driver {
        PointDriver::GpioOutput { line, active_low } | PointDriver::GpioInput { line, active_low, .. } => {
            (line.to_string(), *active_low)
        }
        PointDriver::SerialLine { .. } => panic!("a number has no line to watch"),
    }
}

fn is_output(config: &PointConfig) -> bool {
    matches!(config.driver, PointDriver::GpioOutput { .. })
}

fn ensure(holds: bool, broken_rule: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken_rule()) }
}

impl Oracle {
    pub(super) fn new(points: &[PointConfig]) -> Self {
        let start = Monotonic::default();
        let fresh = Watched { on: false, since: start, departures: Vec::new(), broken_until: None, early: false };
        Self { points: points.to_vec(), watched: vec![fresh; points.len()], running: false }
    }

    fn limits(&self, point: usize) -> &Limits {
        &self.points[point].limits
    }

    fn broken(&self, point: usize) -> bool {
        self.watched[point].broken_until.is_some()
    }

    fn any_broken(&self) -> bool {
        (0..self.points.len()).any(|point| self.broken(point))
    }

    pub(super) fn breaks(&mut self, point: usize, broken: bool, now: Monotonic) {
        // Repaired lines get three rounds of retries: one behind the other where one waits for another to go off.
        let until = now.saturating_add(if broken { Duration::MAX } else { RETRY_SAFE * 3 });
        self.watched[point].broken_until = Some(until);
    }

    pub(super) fn ended(&mut self) {
        self.running = false;
    }

    /// The process has just started, and the lines are at `levels`.
    pub(super) fn started(&mut self, level: impl Fn(&str) -> Level, now: Monotonic) -> Result<(), String> {
        self.running = true;
        for point in 0..self.points.len() {
            let (line, active_low) = wiring(&self.points[point]);
            let watched = &mut self.watched[point];
            watched.on = level(&line).is_on(active_low);
            watched.since = now;
            watched.departures.clear();
        }
        self.all_at_safe(|_| true, "at start")
    }

    fn all_at_safe(&self, which: impl Fn(usize) -> bool, when: &str) -> Result<(), String> {
        for point in (0..self.points.len()).filter(|point| is_output(&self.points[*point]) && which(*point)) {
            let safe = self.limits(point).safe;
            ensure(self.watched[point].on == safe || self.any_broken(), || {
                format!("{} is not in its safe state {when}", self.points[point].id)
            })?;
        }
        Ok(())
    }

    fn met(&self, point: usize) -> bool {
        self.limits(point).requires.iter().all(|needed| {
            let other = self.points.iter().position(|config| config.id == needed.point).unwrap();
            needed.is == PointValue::Switch(self.watched[other].on)
        })
    }

    /// Whether it requires a point whose state can't be known.
    fn requires_broken(&self, point: usize) -> bool {
        let requires = |id: &str| self.limits(point).requires.iter().any(|needed| needed.point == id);
        (0..self.points.len()).any(|other| self.broken(other) && requires(&self.points[other].id))
    }

    fn conflicts(&self, point: usize) -> Vec<usize> {
        let id = &self.points[point].id;
        (0..self.points.len())
            .filter(|other| {
                self.limits(point).conflicts.contains(&self.points[*other].id)
                    || self.limits(*other).conflicts.contains(id)
            })
            .collect()
    }

    /// A line changed.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), String> {
        let Some(point) = self.points.iter().position(|config| wiring(config).0 == event.line) else { return Ok(()) };
        let on = event.level.is_on(wiring(&self.points[point]).1);
        let lasted = event.at.saturating_since(self.watched[point].since);
        self.watched[point].on = on;
        self.watched[point].since = event.at;
        if !self.running || !is_output(&self.points[point]) {
            return Ok(());
        }
        let id = self.points[point].id.clone();
        let limits = self.limits(point).clone();
        let least = if on { limits.min_off } else { limits.min_on };
        if least.is_some_and(|least| lasted < least) {
            ensure(!on || limits.safe, || format!("{id} went on after {lasted:?} off, below min_off"))?;
            self.watched[point].early = true;
        }
        if on {
            for other in self.conflicts(point) {
                ensure(!self.watched[other].on, || format!("{id} went on while {} is on", self.points[other].id))?;
            }
            ensure(self.met(point), || format!("{id} went on without what it requires"))?;
        }
        for dependent in
            (0..self.points.len()).filter(|other| self.watched[*other].on && is_output(&self.points[*other]))
        {
            let depends = self.limits(dependent).requires.iter().any(|needed| needed.point == id);
            ensure(!depends || self.met(dependent) || self.broken(dependent), || {
                format!("{id} changed while {} was on and required it", self.points[dependent].id)
            })?;
        }
        if on != limits.safe {
            self.depart(point, event.at)?;
        }
        Ok(())
    }

    fn depart(&mut self, point: usize, at: Monotonic) -> Result<(), String> {
        self.watched[point].departures.push(at);
        let Some(rate) = self.limits(point).rate else { return Ok(()) };
        let count = self.departures_within(point, rate.per, at);
        ensure(count <= usize::try_from(rate.count).unwrap(), || {
            format!("{} left its safe state {count} times within {:?}", self.points[point].id, rate.per)
        })
    }

    fn departures_within(&self, point: usize, per: Duration, now: Monotonic) -> usize {
        self.watched[point].departures.iter().filter(|at| now.saturating_since(**at) < per).count()
    }

    /// Everything that was asked for is done.
    pub(super) fn after(&mut self, asked: Asked, now: Monotonic) -> Result<(), String> {
        match asked {
            Asked::Tick => self.after_tick(now)?,
            Asked::Stop => self.all_at_safe(|point| self.limits(point).stop, "after a stop")?,
            Asked::AllSafe => self.all_at_safe(|_| true, "after all were made safe")?,
            Asked::Safe(which) => self.all_at_safe(|point| point == which, "after it was made safe")?,
            Asked::Set | Asked::Outside => {}
        }
        for point in 0..self.points.len() {
            if !std::mem::take(&mut self.watched[point].early) || !matches!(asked, Asked::Set | Asked::Tick) {
                continue;
            }
            let excused = self.broken(point)
                || self.conflicts(point).into_iter().any(|other| self.broken(other))
                || !self.watched[point].on && self.requires_broken(point)
                || !self.watched[point].on && !self.met(point);
            ensure(excused, || format!("{} changed too early", self.points[point].id))?;
        }
        Ok(())
    }

    fn after_tick(&mut self, now: Monotonic) -> Result<(), String> {
        for watched in &mut self.watched {
            watched.broken_until = watched.broken_until.filter(|until| *until > now);
        }
        for point in (0..self.points.len()).filter(|point| is_output(&self.points[*point])) {
            if !self.watched[point].on || self.broken(point) {
                continue;
            }
            let id = &self.points[point].id;
            let lasted = now.saturating_since(self.watched[point].since);
            let longest = self.limits(point).max_on.unwrap_or(Duration::MAX);
            ensure(lasted < longest, || format!("{id} has been on for {lasted:?}, and max_on is {longest:?}"))?;
            ensure(self.met(point), || format!("{id} is on without what it requires"))?;
        }
        Ok(())
    }

    /// Whether the lines give the reason that was given for a refusal, and the right time to wait.
    pub(super) fn justifies(&self, point: usize, refusal: &Refusal, now: Monotonic) -> Result<(), String> {
        let Refusal::Interlock { rule, .. } = refusal else { return Err(format!("unexpected: {refusal}")) };
        let (watched, limits) = (&self.watched[point], self.limits(point));
        let lasted = now.saturating_since(watched.since);
        let holds = match rule {
            Rule::MinOn { wait } => watched.on && limits.min_on == Some(lasted + *wait),
            Rule::MinOff { wait } => !watched.on && limits.min_off == Some(lasted + *wait),
            Rule::Rate { wait, count, per } => {
                let full = |now| self.departures_within(point, *per, now) >= usize::try_from(*count).unwrap();
                let later = now.saturating_add(*wait);
                full(now)
                    && !full(later)
                    && full(Monotonic::from_duration(later.since_boot() - Duration::from_nanos(1)))
            }
            Rule::Conflict { with, known } => {
                *known && self.conflicts(point).into_iter().any(|o| self.points[o].id == *with && self.watched[o].on)
            }
            Rule::Requires { .. } => !self.met(point),
        };
        ensure(holds, || format!("the lines give no reason for: {refusal}"))
    }
}
