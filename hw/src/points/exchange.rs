//! Other points while the appliance runs.
//!
//! Owns the exchange of one set of points for another. Promises that a line which stays is neither let go of nor
//! switched, and keeps what is known of it (its state, since when, how often it was switched); that every new output is in
//! its safe state from the moment its line is taken, and every point that goes is made safe before its line is let go of;
//! that no two points that may not be on together are left so by new rules; and that what can't be done whole is not
//! begun: the points of before stay, of which at most some were made safe.
//!
//! A line is known by what it is (which line, which direction, active low), not by the id of its point: a point that was
//! given another id keeps its line.

use std::collections::HashMap;

use super::changes::Cause;
use super::drive::{Drive, Hold, Point, take};
use super::interlock::Interlocks;
use super::{PointConfig, PointDriver, PointValue, PointsError};
use crate::clock::Monotonic;
use crate::gpio::{GpioBackend, LineReference};

/// For each new point: the number that it had before, or none.
type Kept = Vec<Option<usize>>;

impl Drive {
    /// Takes these points in place of those that it has. The limits have passed [`super::limits::check`].
    pub(super) fn exchange(
        &mut self,
        configs: &[PointConfig],
        gpio: &dyn GpioBackend,
        now: Monotonic,
    ) -> Result<(), PointsError> {
        let kept = self.kept(configs);
        self.refuse_other_ways(configs, &kept)?;
        self.clear_the_way(configs, &kept, now);
        let mut taken = take_new(configs, &kept, gpio)?;
        let leaving: Vec<usize> =
            self.interlocks.switched().into_iter().filter(|number| !kept.contains(&Some(*number))).collect();
        let steps = self.interlocks.plan_safe(&leaving, Cause::Safe);
        // What fails is logged; the line goes back to its pull once it is let go of.
        let _failures = self.make_safe(&steps, now);
        let mut before: Vec<Option<Point>> = std::mem::take(&mut self.points).into_iter().map(Some).collect();
        let known = std::mem::replace(&mut self.interlocks, Interlocks::new(configs, now));
        self.interlocks.adopt(known, &kept);
        for (number, config) in configs.iter().enumerate() {
            let point = match kept.get(number).copied().flatten() {
                Some(old) => before.get_mut(old).and_then(Option::take),
                None => taken.remove(&number).map(|hold| Point::new(config, hold)),
            };
            self.points.extend(point.map(|mut point| {
                point.id.clone_from(&config.id);
                point
            }));
        }
        self.numbers = configs.iter().enumerate().map(|(number, config)| (config.id.clone(), number)).collect();
        self.begin_new(&kept, now);
        self.part_conflicts(now);
        let _failures = self.settle(now);
        Ok(())
    }

    fn kept(&self, configs: &[PointConfig]) -> Kept {
        configs
            .iter()
            .map(|config| {
                self.points.iter().position(|point| {
                    let by_line = config.driver.line().is_some() || point.id == config.id;
                    by_line && point.driver == config.driver
                })
            })
            .collect()
    }

    /// A line that is held in one way can't be taken in another before it was let go of, and might then be lost.
    fn refuse_other_ways(&self, configs: &[PointConfig], kept: &Kept) -> Result<(), PointsError> {
        let new = configs.iter().zip(kept).filter(|(_, kept)| kept.is_none());
        for (config, _) in new {
            let line = config.driver.line();
            let held = |point: &&Point| line.is_some() && point.driver.line() == line;
            if let Some(point) = self.points.iter().find(held) {
                let line = line.map(LineReference::to_string).unwrap_or_default();
                return Err(PointsError::Held { point: config.id.clone(), line, by: point.id.clone() });
            }
        }
        Ok(())
    }

    /// Makes safe what may not be on together with a point that is new and safe when on.
    fn clear_the_way(&mut self, configs: &[PointConfig], kept: &Kept, now: Monotonic) {
        let conflict =
            |a: &PointConfig, b: &PointConfig| a.limits.conflicts.contains(&b.id) || b.limits.conflicts.contains(&a.id);
        let coming_on = || configs.iter().zip(kept).filter(|(config, kept)| kept.is_none() && config.limits.safe);
        let in_the_way: Vec<usize> = configs
            .iter()
            .zip(kept)
            .filter(|(config, _)| coming_on().any(|(new, _)| conflict(config, new)))
            .filter_map(|(_, kept)| *kept)
            .filter(|number| self.is_output(*number))
            .collect();
        let steps = self.interlocks.plan_safe(&in_the_way, Cause::Safe);
        let _failures = self.make_safe(&steps, now);
    }

    /// Brings new points to a known state, as at the start of the program.
    fn begin_new(&mut self, kept: &Kept, now: Monotonic) {
        let is_new = |number: &usize| kept.get(*number).is_some_and(Option::is_none);
        let outputs: Vec<usize> = self.interlocks.switched().into_iter().filter(is_new).collect();
        let _failures = self.make_safe(&self.interlocks.plan_safe(&outputs, Cause::Start), now);
        self.poll_inputs(now, Cause::Start);
        let values: Vec<usize> = (0..self.points.len()).filter(is_new).filter(|it| self.is_value(*it)).collect();
        for number in values {
            self.not_read_yet(number, now);
        }
    }

    /// Makes safe every point that is on together with one that it is now in conflict with.
    fn part_conflicts(&mut self, now: Monotonic) {
        let is_on = |number: &usize| self.interlocks.value(*number) != Some(PointValue::Switch(false));
        let clashing: Vec<usize> = self
            .interlocks
            .switched()
            .into_iter()
            .filter(is_on)
            .filter(|number| self.interlocks.clash(*number).is_some() && !self.interlocks.safe(*number))
            .collect();
        let steps = self.interlocks.plan_safe(&clashing, Cause::Safe);
        let _failures = self.make_safe(&steps, now);
    }
}

/// Takes the lines of the new points, those that are safe when off first. All of them or none.
fn take_new(configs: &[PointConfig], kept: &Kept, gpio: &dyn GpioBackend) -> Result<HashMap<usize, Hold>, PointsError> {
    let mut new: Vec<(usize, &PointConfig)> =
        configs.iter().enumerate().filter(|(number, _)| kept.get(*number).is_some_and(Option::is_none)).collect();
    new.sort_by_key(|(_, config)| config.limits.safe);
    new.into_iter()
        .map(|(number, config)| {
            let hold = take(config, gpio).map_err(|source| PointsError::Line { point: config.id.clone(), source })?;
            Ok((number, hold))
        })
        .collect()
}

impl PointDriver {
    /// The line that it holds; none for a number on a serial port.
    const fn line(&self) -> Option<&LineReference> {
        match self {
            Self::GpioOutput { line, .. } | Self::GpioInput { line, .. } => Some(line),
            Self::SerialLine { .. } => None,
        }
    }
}
