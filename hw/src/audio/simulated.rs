//! A microphone and a speaker without hardware.
//!
//! Owns the simulated microphone (into which others speak, over a quiet room, with the faults that real microphones
//! have) and the simulated speaker (which takes as long as a real one and keeps what it played). Promises the same sound
//! for the same seed and that nothing here grows without bound. Leaves to others what is said.

mod microphone;
mod speaker;

pub use microphone::{Fault, Full, LONGEST_QUEUE, MicrophoneControl, SimulatedMicrophone};
pub use speaker::{PlayedReply, SimulatedSpeaker, SpeakerRecord};
