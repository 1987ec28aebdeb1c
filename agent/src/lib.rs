//! What a Victus appliance knows, understands, decides and remembers.
//!
//! This crate owns the vocabulary (Event, Tool, Turn), the store, the entities, the sentences, the orchestrator and the
//! voice loop. It reaches devices only through `victus-hw`, and knows neither HTTP nor MQTT.

pub mod alarms;
pub mod appliance;
pub mod audit;
pub mod conversation;
pub mod durations;
pub mod entities;
pub mod event;
pub mod health;
pub mod hours;
pub mod intents;
pub mod language;
pub mod links;
pub mod orchestrator;
pub mod recognise;
pub mod schedules;
pub mod speech;
pub mod store;
mod subprocess;
pub mod timers;
pub mod tool;
pub mod trace;
pub mod turn;
pub mod voice;
pub mod volume;
pub mod workflows;
