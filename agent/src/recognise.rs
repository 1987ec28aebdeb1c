//! Speech recognition: from samples to words.

pub mod grammar;
