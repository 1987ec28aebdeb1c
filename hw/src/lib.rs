//! What a Victus appliance touches: the clock, sound, lines and serial ports, and the points that hold them safe.
//!
//! This crate owns every device library of the project (cpal, rppal, gpiocdev, tokio-serial) behind small traits with
//! a real and a simulated backend each, and the interlocks that no caller above can pass. It knows points by id; names,
//! areas, users, intents and MQTT topics belong to the crates above.

pub mod audio;
pub mod clock;
pub mod gpio;
pub mod points;
pub mod safe;
pub mod serial;
