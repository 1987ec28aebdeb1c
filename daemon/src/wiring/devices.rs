//! From the configuration to the entities and points that it describes.
//!
//! Owns nothing but the translation: the configuration is checked already, and what the types below mean is theirs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use victus_agent::entities::{Entity, EntityKind};
use victus_agent::tool::Risk;
use victus_hw::clock::Clock;
use victus_hw::gpio::{self, Backend, Bias, GpioBackend, GpioError, Level, LineReference, SimulatedGpio};
use victus_hw::points::{self, Limits, PointConfig, PointDriver, PointValue, Points, PointsError, Rate, Requirement};

use victus_hw::safe::SafeLine;
use victus_hw::serial::{Instrument, PortConfig};

use crate::config as model;

/// How often a serial point is read that only writes need to know.
const DEFAULT_POLL: std::time::Duration = std::time::Duration::from_secs(1);

/// Why the devices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no way to the lines.
    #[error("the lines can't be reached: {0}")]
    Gpio(#[from] GpioError),
    /// A point cannot be used.
    #[error("{0} (named in the configuration as an [[entity]])")]
    Points(#[from] PointsError),
}

/// The entities of a configuration.
pub fn entities(config: &model::Config) -> Vec<Entity> {
    config.entities.iter().map(entity).collect()
}

fn entity(entity: &model::Entity) -> Entity {
    Entity {
        id: entity.id.clone(),
        name: entity.name.clone(),
        aliases: entity.aliases.clone(),
        spoken: entity.spoken.iter().cloned().collect(),
        kind: kind(entity.kind),
        area: entity.area.clone(),
        floor: entity.floor.clone(),
        unit: entity.unit.clone(),
        numeric: matches!(entity.driver, model::Driver::Line { .. }),
        risk: match entity.risk {
            model::Risk::Read => Risk::Read,
            model::Risk::Reversible => Risk::Reversible,
            model::Risk::Dangerous => Risk::Dangerous,
        },
        confirm: entity.confirm,
        alarm: entity.alarm,
        signal: entity.signal,
        acknowledge: entity.acknowledge,
    }
}

fn kind(kind: model::Kind) -> EntityKind {
    match kind {
        model::Kind::Switch => EntityKind::Switch,
        model::Kind::Light => EntityKind::Light,
        model::Kind::Fan => EntityKind::Fan,
        model::Kind::Valve => EntityKind::Valve,
        model::Kind::Lock => EntityKind::Lock,
        model::Kind::Cover => EntityKind::Cover,
        model::Kind::Button => EntityKind::Button,
        model::Kind::Siren => EntityKind::Siren,
        model::Kind::Sensor => EntityKind::Sensor,
        model::Kind::BinarySensor => EntityKind::BinarySensor,
    }
}

/// The lines that the holder takes when this program ends, each in its safe state.
pub fn safe_lines(config: &model::Config) -> Vec<SafeLine> {
    points::safe_lines(&configs(config))
}

/// The serial ports of the configuration, each under the device that `path` gives for it.
pub fn ports(config: &model::Config, path: impl Fn(&model::Serial) -> PathBuf) -> Vec<PortConfig> {
    config
        .serial
        .iter()
        .map(|serial| PortConfig {
            baud: serial.baud,
            terminator: serial.terminator.clone(),
            timeout: serial.timeout,
            ..PortConfig::new(&serial.name, path(serial))
        })
        .collect()
}

/// A simulated instrument on a port: it answers what the configuration asks, each reading with 0 until the simulation says
/// otherwise.
///
/// # Errors
/// The pseudo-terminal cannot be made.
pub fn instrument(config: &model::Config, port: &PortConfig) -> std::io::Result<Instrument> {
    let answers = points::simulated_answers(&configs(config), &port.name);
    Instrument::plug_in(&port.path, port.baud, &port.terminator, answers)
}

/// The points of the configuration.
pub(super) fn configs(config: &model::Config) -> Vec<PointConfig> {
    config.entities.iter().map(point).collect()
}

/// Takes every line of the configuration, each output in its safe state.
///
/// # Errors
/// A line or the backend cannot be used.
pub fn points(
    config: &model::Config,
    simulated_lines: Option<&Path>,
    clock: Arc<dyn Clock>,
) -> Result<Points, DeviceError> {
    Ok(Points::new(&configs(config), backend(config, simulated_lines)?, clock)?)
}

/// The way to the lines of the configuration, real or simulated.
pub(super) fn backend(
    config: &model::Config,
    simulated_lines: Option<&Path>,
) -> Result<Box<dyn GpioBackend>, GpioError> {
    let Some(folder) = simulated_lines else {
        return gpio::open(match config.gpio.backend {
            model::GpioBackend::Auto => Backend::Auto,
            model::GpioBackend::Rppal => Backend::Rppal,
            model::GpioBackend::Chardev => Backend::Chardev,
        });
    };
    let simulated = SimulatedGpio::open(folder)?;
    for entity in &config.entities {
        match &entity.driver {
            model::Driver::GpioOutput { line, .. } => simulated.add_line(&reference(line), Level::Low)?,
            model::Driver::GpioInput { line, bias, .. } => {
                let pull = if *bias == model::Bias::PullUp { Level::High } else { Level::Low };
                simulated.add_line(&reference(line), pull)?;
            }
            model::Driver::Line { .. } => {}
        }
    }
    Ok(Box::new(simulated))
}

fn point(entity: &model::Entity) -> PointConfig {
    PointConfig { id: entity.id.clone(), driver: driver(entity), limits: limits(entity.limits.as_ref()) }
}

fn driver(entity: &model::Entity) -> PointDriver {
    match &entity.driver {
        model::Driver::GpioOutput { line, active_low } => {
            PointDriver::GpioOutput { line: reference(line), active_low: *active_low }
        }
        model::Driver::GpioInput { line, active_low, bias: held } => {
            PointDriver::GpioInput { line: reference(line), active_low: *active_low, bias: bias(*held) }
        }
        model::Driver::Line { port, read, write } => PointDriver::SerialLine {
            port: port.clone(),
            read: read.clone(),
            write: write.clone(),
            poll: entity.poll.unwrap_or(DEFAULT_POLL),
        },
    }
}

fn reference(line: &model::GpioLine) -> LineReference {
    match line {
        model::GpioLine::Name(name) => LineReference::Name(name.clone()),
        model::GpioLine::Offset { chip, offset } => LineReference::Offset { chip: chip.clone(), offset: *offset },
    }
}

fn bias(bias: model::Bias) -> Bias {
    match bias {
        model::Bias::AsIs => Bias::AsIs,
        model::Bias::PullUp => Bias::PullUp,
        model::Bias::PullDown => Bias::PullDown,
        model::Bias::Disabled => Bias::Disabled,
    }
}

fn limits(limits: Option<&model::Limits>) -> Limits {
    let Some(limits) = limits else { return Limits::default() };
    let some = |duration: std::time::Duration| (!duration.is_zero()).then_some(duration);
    Limits {
        safe: limits.safe_on,
        max_on: limits.max_on,
        min_on: some(limits.min_on),
        min_off: some(limits.min_off),
        rate: limits.rate.map(|rate| Rate { count: rate.count, per: rate.per }),
        conflicts: limits.conflicts.clone(),
        requires: limits
            .requires
            .iter()
            .map(|it| Requirement { point: it.point.clone(), is: PointValue::Switch(it.on) })
            .collect(),
        stop: limits.stop,
    }
}
