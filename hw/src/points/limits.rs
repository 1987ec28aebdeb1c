//! The limits of a point, and which limits exclude each other.
//!
//! Owns what an installer may ask of a point and the check that a set of points can be kept: no rule names a point that
//! does not exist, and no two rules leave a point without a permitted state. Leaves keeping them to
//! [`super::interlock`].

use std::collections::HashMap;
use std::time::Duration;

use super::refusal::spoken;
use super::{PointConfig, PointDriver, PointValue, PointsError};

/// The highest count of a [`Rate`]: each switching within the window is remembered.
pub const HIGHEST_RATE_COUNT: u32 = 1_000;

/// The limits that hold for a point whoever asks.
///
/// Going to the safe state (by a stop, a failure, `max_on` or a lost requirement) wins over `min_on`, `min_off` and
/// `rate`; it never wins over `conflicts`: whatever is in conflict with a point that is safe when on goes off first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// The state at start, at stop, at a crash and when a limit trips: whether the point is on when safe.
    pub safe: bool,
    /// The longest time on; then the point is made safe.
    pub max_on: Option<Duration>,
    /// The shortest time on.
    pub min_on: Option<Duration>,
    /// The shortest time off, counted from the start of the process too.
    pub min_off: Option<Duration>,
    /// How often the point may leave its safe state. Going back to it is never refused for the rate.
    pub rate: Option<Rate>,
    /// Points that are never on together with this one. Holds in both directions.
    pub conflicts: Vec<String>,
    /// What has to be so before this point is switched on and while it is on.
    pub requires: Vec<Requirement>,
    /// Whether [`super::Points::stop_all`] makes it safe.
    pub stop: bool,
}

/// At most `count` times within any window of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often, 1 to [`HIGHEST_RATE_COUNT`].
    pub count: u32,
    /// The length of the window.
    pub per: Duration,
}

/// Another point that has to have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// The id of the other point.
    pub point: String,
    /// The value that it has to have. A point that cannot be read has none.
    pub is: PointValue,
}

/// Checks that the limits of all points can be kept together.
pub(super) fn check(configs: &[PointConfig]) -> Result<(), PointsError> {
    let mut by_id: HashMap<&str, &PointConfig> = HashMap::new();
    for config in configs {
        if config.id.is_empty() {
            return Err(wrong(config, "a point needs an id".to_owned()));
        }
        if by_id.insert(&config.id, config).is_some() {
            return Err(wrong(config, "two points have this id; give each its own".to_owned()));
        }
    }
    check_lines(configs)?;
    for config in configs {
        check_own(config).map_err(|problem| wrong(config, problem))?;
        check_conflicts(config, &by_id).map_err(|problem| wrong(config, problem))?;
        check_requirements(config, &by_id).map_err(|problem| wrong(config, problem))?;
    }
    for config in configs {
        check_together(config, &by_id).map_err(|problem| wrong(config, problem))?;
    }
    Ok(())
}

fn wrong(config: &PointConfig, problem: String) -> PointsError {
    PointsError::Limits { point: config.id.clone(), problem }
}

fn check_lines(configs: &[PointConfig]) -> Result<(), PointsError> {
    let mut taken = HashMap::new();
    for config in configs {
        let (PointDriver::GpioOutput { line, .. } | PointDriver::GpioInput { line, .. }) = &config.driver else {
            continue;
        };
        if let Some(other) = taken.insert(line, &config.id) {
            return Err(wrong(config, format!("its line {line} is already that of {other}; a line has one point")));
        }
    }
    Ok(())
}

fn check_own(config: &PointConfig) -> Result<(), String> {
    let limits = &config.limits;
    if let PointDriver::SerialLine { read, write, poll, .. } = &config.driver {
        super::values::check(read.as_deref(), write.as_deref(), *poll)?;
    }
    if !config.driver.is_switched() && *limits != Limits::default() {
        return Err("it is not switched by this appliance, so it can't have limits; remove them".to_owned());
    }
    if let (Some(min_on), Some(max_on)) = (limits.min_on, limits.max_on)
        && min_on > max_on
    {
        return Err(format!(
            "`min_on` ({}) is above `max_on` ({}), so it could never be switched off in time; lower `min_on`",
            spoken(min_on),
            spoken(max_on)
        ));
    }
    if limits.max_on == Some(Duration::ZERO) {
        return Err("`max_on` is zero, so it could never be on; give it a time or leave it out".to_owned());
    }
    if limits.safe && limits.max_on.is_some() {
        return Err(
            "its safe state is on, so `max_on` would make it unsafe; remove `max_on`, or set `safe` to off".to_owned()
        );
    }
    if limits.safe && !limits.requires.is_empty() {
        return Err(
            "its safe state is on, so it can't depend on other points; remove `requires`, or set `safe` to off"
                .to_owned(),
        );
    }
    match limits.rate {
        Some(rate) if rate.count == 0 || rate.count > HIGHEST_RATE_COUNT || rate.per.is_zero() => Err(format!(
            "its rate has to be between 1 and {HIGHEST_RATE_COUNT} within a time above zero, such as 6 within a minute"
        )),
        _ => Ok(()),
    }
}

fn find<'a>(by_id: &HashMap<&str, &'a PointConfig>, rule: &str, id: &str) -> Result<&'a PointConfig, String> {
    by_id.get(id).copied().ok_or_else(|| format!("its `{rule}` names {id}, and there is no such point"))
}

fn check_conflicts(config: &PointConfig, by_id: &HashMap<&str, &PointConfig>) -> Result<(), String> {
    for id in &config.limits.conflicts {
        let other = find(by_id, "conflicts", id)?;
        if other.id == config.id {
            return Err("it is in conflict with itself, so it could never be on".to_owned());
        }
        if !other.driver.is_switched() {
            return Err(format!(
                "its `conflicts` names {id}, which is not switched; use `requires` for what is only read"
            ));
        }
        if config.limits.safe && other.limits.safe {
            return Err(format!(
                "it is in conflict with {id} and both are on when safe, so they can't be safe together; set `safe` of \
                 one to off"
            ));
        }
    }
    Ok(())
}

fn in_conflict(a: &PointConfig, b: &PointConfig) -> bool {
    a.limits.conflicts.contains(&b.id) || b.limits.conflicts.contains(&a.id)
}

fn check_requirements(config: &PointConfig, by_id: &HashMap<&str, &PointConfig>) -> Result<(), String> {
    let requires = &config.limits.requires;
    for requirement in requires {
        let id = &requirement.point;
        let other = find(by_id, "requires", id)?;
        if other.id == config.id {
            return Err("it requires itself, so it could never be switched on".to_owned());
        }
        if matches!(requirement.is, PointValue::Switch(_)) != other.driver.has_two_states() {
            return Err(format!(
                "it requires {id} to be {}, a value that {id} never has: lines are on or off, serial values are numbers",
                requirement.is
            ));
        }
        if requires.iter().any(|second| second.point == *id && second.is != requirement.is) {
            return Err(format!("it requires {id} to have two values at once, so it could never be switched on"));
        }
    }
    Ok(())
}

/// All points that have to be on before this one, directly or through others, can be on together with it.
fn check_together(config: &PointConfig, by_id: &HashMap<&str, &PointConfig>) -> Result<(), String> {
    let mut together = vec![config];
    let mut next = 0;
    while let Some(point) = together.get(next).copied() {
        next += 1;
        for requirement in point.limits.requires.iter().filter(|needed| needed.is == PointValue::Switch(true)) {
            if requirement.point == config.id {
                return Err(format!("it and {} each require the other to be on first, so neither could be", point.id));
            }
            if let Some(needed) = by_id.get(requirement.point.as_str()).copied()
                && !together.iter().any(|known| known.id == needed.id)
            {
                together.push(needed);
            }
        }
    }
    for (place, first) in together.iter().enumerate() {
        for second in together.iter().skip(place + 1) {
            let needs_off = |a: &PointConfig, b: &PointConfig| {
                a.limits.requires.iter().any(|needed| needed.point == b.id && needed.is == PointValue::Switch(false))
            };
            if in_conflict(first, second) || needs_off(first, second) || needs_off(second, first) {
                return Err(format!(
                    "it could never be on: {} and {} would have to be on together, and their rules forbid that",
                    first.id, second.id
                ));
            }
        }
    }
    Ok(())
}
