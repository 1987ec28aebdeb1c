//! The entities read again while everything runs.
//!
//! Owns the way from a changed configuration to what can be switched and read. Promises that a configuration with a
//! fault changes nothing and says where it is; that lines which stay are neither let go of nor switched; that points are
//! exchanged before the entities over them, and both before the sentences that name them. All other sections count from
//! the next start, and the event `configuration_loaded` names those that differ. Leaves the exchange of lines to
//! `victus_hw::points` and the sentences to [`super::reload`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use victus_agent::appliance::Appliance;
use victus_agent::event::EventKind;
use victus_hw::points;

use super::holder::Holder;
use super::{Instruments, devices};
use crate::config::{Config, Driver, Entity, Sources};

/// What reads the entities again.
pub(super) struct Configuration {
    sources: Sources,
    /// The entities in force.
    entities: Mutex<Vec<Entity>>,
    /// Where the lines are, if they are simulated.
    simulated: Option<PathBuf>,
    instruments: Arc<Instruments>,
    holder: Option<Holder>,
}

impl Configuration {
    pub(super) fn new(
        sources: Sources,
        config: &Config,
        simulated: Option<PathBuf>,
        instruments: Arc<Instruments>,
        holder: Option<Holder>,
    ) -> Self {
        Self { sources, entities: Mutex::new(config.entities.clone()), simulated, instruments, holder }
    }

    /// Reads the configuration again and takes its entities; what came of it, or nothing where nothing has changed.
    pub(super) fn load(&self, running: &Config, appliance: &Appliance) -> Option<EventKind> {
        let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        let config = match Config::load(&self.sources) {
            Ok(config) => config,
            Err(problems) => {
                log::error!("the entities stay as they are: {problems}");
                let reason = problems.list.first().map(ToString::to_string).unwrap_or_default();
                return Some(EventKind::ConfigurationRefused { problems: problems.list.len() + problems.more, reason });
            }
        };
        let later = differing(running, &config);
        let changes = Changes::between(&entities, &config.entities);
        if !changes.is_none()
            && let Err(reason) = self.exchange(running, &config, appliance)
        {
            log::error!("the entities stay as they are: {reason}");
            return Some(EventKind::ConfigurationRefused { problems: 1, reason });
        }
        if changes.is_none() && later.is_empty() {
            return None;
        }
        let Changes { added, changed, removed } = changes;
        log::info!(added, changed, removed; "the entities were read again");
        if !later.is_empty() {
            log::warn!(
                "these sections differ from those that the daemon started with, and count from its next start: {}",
                later.join(", ")
            );
        }
        entities.clone_from(&config.entities);
        let later = later.into_iter().map(str::to_owned).collect();
        Some(EventKind::ConfigurationLoaded { added, changed, removed, later })
    }

    fn exchange(&self, running: &Config, config: &Config, appliance: &Appliance) -> Result<(), String> {
        for entity in &config.entities {
            if let Driver::Line { port, .. } = &entity.driver
                && !running.serial.iter().any(|serial| serial.name == *port)
            {
                return Err(format!(
                    "{} is on the serial port {port}, which is opened at the next start: restart the daemon",
                    entity.id
                ));
            }
        }
        let wanted = devices::configs(config);
        let gpio = devices::backend(config, self.simulated.as_deref()).map_err(|error| error.to_string())?;
        for (port, instrument) in self.instruments.iter() {
            instrument.learn(points::simulated_answers(&wanted, port));
        }
        appliance.entities.points().exchange(&wanted, gpio.as_ref()).map_err(|error| error.to_string())?;
        if let Some(holder) = &self.holder {
            holder.renew(points::safe_lines(&wanted));
        }
        appliance.entities.exchange(devices::entities(config));
        Ok(())
    }
}

/// The sections beside the entities in which two configurations differ.
fn differing(running: &Config, config: &Config) -> Vec<&'static str> {
    [
        ("device", running.device != config.device),
        ("voice", running.voice != config.voice),
        ("web", running.web != config.web),
        ("gpio", running.gpio != config.gpio),
        ("link", running.links != config.links),
        ("serial", running.serial != config.serial),
    ]
    .into_iter()
    .filter_map(|(section, differs)| differs.then_some(section))
    .collect()
}

/// How many entities differ between two sets, by id.
struct Changes {
    added: usize,
    changed: usize,
    removed: usize,
}

impl Changes {
    fn between(before: &[Entity], after: &[Entity]) -> Self {
        let by_id = |entities| -> BTreeMap<_, _> {
            let pairs = <[Entity]>::iter(entities).map(|entity| (entity.id.clone(), entity));
            pairs.collect()
        };
        let (before, after) = (by_id(before), by_id(after));
        let count = |differs: &dyn Fn(&Entity) -> bool| after.values().filter(|entity| differs(entity)).count();
        Self {
            added: count(&|entity| !before.contains_key(&entity.id)),
            changed: count(&|entity| before.get(&entity.id).is_some_and(|other| *other != entity)),
            removed: before.keys().filter(|id| !after.contains_key(*id)).count(),
        }
    }

    const fn is_none(&self) -> bool {
        self.added + self.changed + self.removed == 0
    }
}
