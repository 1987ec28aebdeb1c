//! What a Victus appliance knows, understands, decides and remembers.
//!
//! This crate owns the vocabulary (Event, Tool, Turn), the store, the entities, the sentences, the orchestrator and the
//! voice loop. It reaches devices only through `victus-hw`, and knows neither HTTP nor MQTT.

pub mod event;
pub mod recognise;
pub mod tool;
pub mod turn;
