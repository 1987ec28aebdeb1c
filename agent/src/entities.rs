//! Entities: the things that the appliance knows, in Home Assistant's terms.
//!
//! Owns what an entity is called and where it stands (id, name, aliases, kind, area, floor, unit) and shows its value as
//! the points in `victus-hw` report it. The value itself, the line behind it and the rules that hold it safe belong to
//! `victus_hw::points`; an entity and its point have the same id. The set of entities is swapped as one while everything
//! runs; whoever holds an entity keeps it as it was. [`changes`] brings changes of points into the journal,
//! [`tools`] holds the tools that read and switch entities.

pub mod changes;
pub mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use victus_hw::points::{PointValue, Points};

use crate::alarms::Definition;
use crate::tool::Risk;

/// What kind of thing an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// Anything that is on or off.
    Switch,
    /// A lamp.
    Light,
    /// A fan.
    Fan,
    /// A valve; on is open.
    Valve,
    /// A lock; on is locked.
    Lock,
    /// A door, gate or blind; on is open.
    Cover,
    /// A button that is pressed by a person.
    Button,
    /// A sounder.
    Siren,
    /// Something measured.
    Sensor,
    /// Something that is seen to be on or off.
    BinarySensor,
}

impl EntityKind {
    /// The name, as in ids and in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Light => "light",
            Self::Fan => "fan",
            Self::Valve => "valve",
            Self::Lock => "lock",
            Self::Cover => "cover",
            Self::Button => "button",
            Self::Siren => "siren",
            Self::Sensor => "sensor",
            Self::BinarySensor => "binary_sensor",
        }
    }

    /// The key of the word for on or off of this kind, as replies name it: a valve is open where a fan is on.
    pub fn state_key(self, on: bool) -> &'static str {
        match (self, on) {
            (Self::Valve | Self::Cover, true) => "open",
            (Self::Valve | Self::Cover, false) => "closed",
            (Self::Lock, true) => "locked",
            (Self::Lock, false) => "unlocked",
            (_, true) => "on",
            (_, false) => "off",
        }
    }

    /// Whether an entity of this kind can be set.
    pub fn is_writable(self) -> bool {
        !matches!(self, Self::Button | Self::Sensor | Self::BinarySensor)
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    /// `<kind>.<slug>`; kept over a rename.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What else they call it.
    pub aliases: Vec<String>,
    /// Pronunciations (ARPAbet) by word, for words that the letter-to-sound step gets wrong.
    #[serde(skip)]
    pub spoken: BTreeMap<String, Vec<String>>,
    /// What kind of thing it is.
    pub kind: EntityKind,
    /// Where it stands.
    pub area: Option<String>,
    /// The floor that the area is on.
    pub floor: Option<String>,
    /// The unit of its value.
    pub unit: Option<String>,
    /// Whether its value is a number (a sensor, a dimmer, a position) and not on or off.
    pub numeric: bool,
    /// What switching it is worth.
    pub risk: Risk,
    /// Whether somebody has to agree before it is switched; a dangerous one always has to be agreed to.
    pub confirm: bool,
    /// When its value is an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Definition>,
    /// Whether it is on while there is an alarm that nobody has acknowledged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signal: bool,
    /// Whether it acknowledges all alarms when it goes on: somebody has pressed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acknowledge: bool,
}

impl Entity {
    /// What a sensor measures, in Home Assistant's terms, as far as its unit tells.
    pub fn device_class(&self) -> Option<&'static str> {
        match self.unit.as_deref()? {
            "°C" | "°F" | "K" => Some("temperature"),
            "bar" | "mbar" | "hPa" | "kPa" | "Pa" | "psi" => Some("pressure"),
            "%" if self.kind == EntityKind::Sensor => Some("humidity"),
            "W" | "kW" => Some("power"),
            "V" | "mV" => Some("voltage"),
            "A" | "mA" => Some("current"),
            "m/s" | "km/h" => Some("speed"),
            "l/min" | "m³/h" => Some("volume_flow_rate"),
            _ => None,
        }
    }
}

/// An entity with its value, as panel, API and fleet show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityView {
    /// The entity.
    #[serde(flatten)]
    pub entity: Arc<Entity>,
    /// Its value; none when it is not known.
    pub value: Option<PointValue>,
    /// Whether the value is known.
    pub available: bool,
    /// Whether it can be set.
    pub writable: bool,
    /// When the value was taken on, in milliseconds since the machine booted.
    pub since_mono_ms: u64,
}

/// The entities of the appliance.
pub struct Entities {
    by_id: ArcSwap<ById>,
    points: Arc<Points>,
    /// Counts the exchanges.
    exchanged: watch::Sender<u64>,
    /// Counts the times that somebody had everything made safe.
    stopped: watch::Sender<u64>,
}

type ById = BTreeMap<String, Arc<Entity>>;

impl Entities {
    /// The entities over the points that have their ids.
    pub fn new(entities: Vec<Entity>, points: Arc<Points>) -> Self {
        Self {
            by_id: ArcSwap::from_pointee(by_id(entities)),
            points,
            exchanged: watch::Sender::new(0),
            stopped: watch::Sender::new(0),
        }
    }

    /// Takes these entities in place of those that it has. Their points are there already.
    pub fn exchange(&self, entities: Vec<Entity>) {
        self.by_id.store(Arc::new(by_id(entities)));
        self.exchanged.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Tells when the entities were exchanged for others.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.exchanged.subscribe()
    }

    /// Tells when somebody has had everything made safe: what goes on by itself has to end then.
    pub fn stops(&self) -> watch::Receiver<u64> {
        self.stopped.subscribe()
    }

    /// The entity of that id.
    pub fn get(&self, id: &str) -> Option<Arc<Entity>> {
        self.by_id.load().get(id).cloned()
    }

    /// All entities, by id.
    pub fn all(&self) -> Vec<Arc<Entity>> {
        self.by_id.load().values().cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_id.load().len()
    }

    /// How an entity stands.
    pub fn view(&self, id: &str) -> Option<EntityView> {
        self.get(id).map(|entity| self.view_of(&entity))
    }

    /// How all entities stand, by id.
    pub fn list(&self) -> Vec<EntityView> {
        self.all().iter().map(|entity| self.view_of(entity)).collect()
    }

    /// The points below.
    pub fn points(&self) -> &Arc<Points> {
        &self.points
    }

    fn view_of(&self, entity: &Arc<Entity>) -> EntityView {
        let state = self.points.state(&entity.id);
        let value = state.as_ref().and_then(|state| state.value);
        EntityView {
            entity: Arc::clone(entity),
            value,
            available: value.is_some(),
            writable: entity.kind.is_writable(),
            since_mono_ms: state
                .map_or(0, |state| u64::try_from(state.since.since_boot().as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

fn by_id(entities: Vec<Entity>) -> ById {
    entities.into_iter().map(|entity| (entity.id.clone(), Arc::new(entity))).collect()
}
