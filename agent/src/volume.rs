//! The volume of what is spoken.
//!
//! Owns the one number from 0 to 100 percent that everything spoken is played at, its place in the store, so that it
//! holds over a restart, and what it does to the samples. Promises that the usual volume leaves samples as they are, that
//! a louder one never cuts their peaks off, and that an announcement which nobody asked for, such as the end of a timer,
//! is heard whatever the volume. Leaves synthesis to `speech` and the devices to `victus_hw::audio`; [`tools`] holds the
//! tools that change it.
//!
//! # Format
//!
//! Table `meta`, key `speech.volume`, value = percent as a JSON number.

pub mod tools;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use victus_hw::audio::{AudioError, PlaybackSink, Played};

use crate::store::{Store, StoreError, Table, TableName};

/// The loudest.
pub const LOUDEST: u8 = 100;

/// The volume at which samples are played as the synthesiser made them.
pub const USUAL: u8 = 70;

/// The least volume of what is said without being asked: nobody hears otherwise that a timer has ended.
const LEAST_ANNOUNCED: u8 = 50;

/// From here on, as a part of full scale, peaks are pressed together where the volume is above the usual one.
const KNEE: f32 = 0.7;

const KEY: &str = "speech.volume";

/// The volume.
#[derive(Debug)]
pub struct Volume {
    percent: AtomicU8,
    table: Table,
}

impl Volume {
    /// The volume that the store knows, or the usual one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        let table = store.table(TableName::Meta);
        let percent = match table.get::<u8>(KEY) {
            Ok(stored) => stored.filter(|percent| *percent <= LOUDEST).unwrap_or(USUAL),
            Err(StoreError::Unfit { why, .. }) => {
                log::warn!("the stored volume is left out: {why}");
                USUAL
            }
            Err(error) => return Err(error),
        };
        Ok(Self { percent: AtomicU8::new(percent), table })
    }

    /// The volume in percent.
    pub fn percent(&self) -> u8 {
        self.percent.load(Ordering::Relaxed)
    }

    /// Takes another volume, [`LOUDEST`] at most, and keeps it. Returns the one before.
    ///
    /// # Errors
    /// It could not be stored; the volume is as it was.
    pub async fn set(&self, percent: u8) -> Result<u8, StoreError> {
        let percent = percent.min(LOUDEST);
        self.table.put(KEY, &percent).await?;
        Ok(self.percent.swap(percent, Ordering::Relaxed))
    }
}

/// A speaker that plays everything at the volume.
pub struct AtVolume {
    sink: Box<dyn PlaybackSink>,
    volume: Arc<Volume>,
    least: u8,
}

impl AtVolume {
    /// For replies: silent at 0 percent.
    pub fn replies(sink: Box<dyn PlaybackSink>, volume: Arc<Volume>) -> Self {
        Self { sink, volume, least: 0 }
    }

    /// For what is said without being asked: never silent.
    pub fn announcements(sink: Box<dyn PlaybackSink>, volume: Arc<Volume>) -> Self {
        Self { sink, volume, least: LEAST_ANNOUNCED }
    }
}

impl PlaybackSink for AtVolume {
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError> {
        let percent = self.volume.percent().max(self.least);
        self.sink.play(&at_volume(samples, percent), rate, cancel)
    }

    fn describe(&self) -> String {
        self.sink.describe()
    }
}

/// The samples at a volume. The ear hears the square of the amplitude, so that each step sounds about alike.
fn at_volume(samples: &[i16], percent: u8) -> Cow<'_, [i16]> {
    if percent == USUAL {
        return Cow::Borrowed(samples);
    }
    let gain = (f32::from(percent) / f32::from(USUAL)).powi(2);
    let full = f32::from(i16::MAX);
    let scaled = samples.iter().map(|sample| {
        let value = f32::from(*sample) / full * gain;
        let value = if gain > 1.0 { pressed(value) } else { value };
        // A cast from float to integer saturates.
        #[expect(clippy::cast_possible_truncation, reason = "between -1 and 1, times full scale")]
        let sample = (value * full).round() as i16;
        sample
    });
    Cow::Owned(scaled.collect())
}

/// Brings what is above the knee below full scale, without an edge that would be heard.
fn pressed(value: f32) -> f32 {
    let above = value.abs() - KNEE;
    if above <= 0.0 {
        return value;
    }
    let room = 1.0 - KNEE;
    room.mul_add((above / room).tanh(), KNEE).copysign(value)
}

#[cfg(test)]
mod tests;
