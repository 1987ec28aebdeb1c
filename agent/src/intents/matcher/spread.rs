//! A quick hash for small integers that come from no one who could choose them: a multiplication spreads them well enough.
//!
//! Owns the hasher. Leaves everything that a person or a program may choose to the hasher of the standard library.

use std::hash::{BuildHasherDefault, Hasher};

/// The state of a hash.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517C_C1B7_2722_0A95);
    }
}

/// Makes such hashes.
pub(super) type Spreading = BuildHasherDefault<Spread>;
