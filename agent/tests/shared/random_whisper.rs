//! Writes a whisper.cpp model with random weights: real header, mel filters and vocabulary of a file without weights, so
//! that it loads and costs what a real model of its shape costs. What it transcribes means nothing.
#![allow(dead_code, reason = "each test target uses a part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The size of a model.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) state: u32,
    pub(crate) heads: u32,
    pub(crate) layers: u32,
}

/// The shape of tiny.en.
pub(crate) const TINY: Shape = Shape { state: 384, heads: 6, layers: 4 };

/// A small shape that loads in no time.
pub(crate) const SMALL: Shape = Shape { state: 64, heads: 1, layers: 4 };

const AUDIO_CONTEXT: u32 = 1500;
const TEXT_CONTEXT: u32 = 448;
const MEL_BANDS: u32 = 80;

struct Writer {
    file: BufWriter<File>,
    random: u32,
}

impl Writer {
    /// Uniform between -1 and 1 (Numerical Recipes' generator; the low bits are poor and left out).
    fn next(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A tensor of 32-bit floats around `centre`.
    fn floats(&mut self, name: &str, dimensions: &[u32], centre: f32) {
        self.head(name, dimensions, 0);
        for _ in 0..dimensions.iter().product::<u32>() {
            let value = centre + self.next() * 0.02;
            self.file.write_all(&value.to_le_bytes()).unwrap();
        }
    }

    /// A tensor of 16-bit floats, scaled so that a sum over the first dimensions keeps its size.
    fn halves(&mut self, name: &str, dimensions: &[u32]) {
        self.head(name, dimensions, 1);
        let inputs: u32 = dimensions[..dimensions.len() - 1].iter().product();
        let scale = (inputs as f32).sqrt().recip();
        for _ in 0..dimensions.iter().product::<u32>() {
            let value = half(self.next() * scale);
            self.file.write_all(&value.to_le_bytes()).unwrap();
        }
    }

    fn head(&mut self, name: &str, dimensions: &[u32], kind: u32) {
        for number in [dimensions.len() as u32, name.len() as u32, kind].iter().chain(dimensions) {
            self.file.write_all(&number.to_le_bytes()).unwrap();
        }
        self.file.write_all(name.as_bytes()).unwrap();
    }

    fn normalisation(&mut self, name: &str, state: u32) {
        self.floats(&format!("{name}.weight"), &[state], 1.0);
        self.floats(&format!("{name}.bias"), &[state], 0.0);
    }

    fn attention(&mut self, name: &str, state: u32) {
        self.normalisation(&format!("{name}_ln"), state);
        for part in ["query", "key", "value", "out"] {
            self.halves(&format!("{name}.{part}.weight"), &[state, state]);
            if part != "key" {
                self.floats(&format!("{name}.{part}.bias"), &[state], 0.0);
            }
        }
    }

    fn perceptron(&mut self, block: &str, state: u32) {
        self.normalisation(&format!("{block}.mlp_ln"), state);
        self.halves(&format!("{block}.mlp.0.weight"), &[state, 4 * state]);
        self.floats(&format!("{block}.mlp.0.bias"), &[4 * state], 0.0);
        self.halves(&format!("{block}.mlp.2.weight"), &[4 * state, state]);
        self.floats(&format!("{block}.mlp.2.bias"), &[state], 0.0);
    }
}

/// A number as a 16-bit float; one that is too small for its normal form becomes zero.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (bits >> 23 & 0xFF) as i32 - 112;
    if exponent <= 0 { sign } else { sign | (exponent as u16) << 10 | (bits >> 13 & 0x3FF) as u16 }
}

/// Writes a model to `path`, with the beginning of the file `from`, which has no weights.
pub(crate) fn write(from: &Path, path: &Path, shape: Shape) {
    write_seeded(from, path, shape, 1);
}

/// The same, with other weights for another seed.
pub(crate) fn write_seeded(from: &Path, path: &Path, shape: Shape, seed: u32) {
    let mut beginning = std::fs::read(from).unwrap();
    let vocabulary = u32::from_le_bytes(beginning[4..8].try_into().unwrap());
    let Shape { state, heads, layers } = shape;
    let header = [AUDIO_CONTEXT, state, heads, layers, TEXT_CONTEXT, state, heads, layers, MEL_BANDS, 1];
    for (field, number) in beginning[8..48].chunks_exact_mut(4).zip(header) {
        field.copy_from_slice(&number.to_le_bytes());
    }
    let mut writer = Writer { file: BufWriter::new(File::create(path).unwrap()), random: seed };
    writer.file.write_all(&beginning).unwrap();

    writer.floats("encoder.positional_embedding", &[state, AUDIO_CONTEXT], 0.0);
    writer.halves("encoder.conv1.weight", &[3, MEL_BANDS, state]);
    writer.floats("encoder.conv1.bias", &[1, state], 0.0);
    writer.halves("encoder.conv2.weight", &[3, state, state]);
    writer.floats("encoder.conv2.bias", &[1, state], 0.0);
    writer.normalisation("encoder.ln_post", state);
    writer.floats("decoder.positional_embedding", &[state, TEXT_CONTEXT], 0.0);
    writer.halves("decoder.token_embedding.weight", &[state, vocabulary]);
    writer.normalisation("decoder.ln", state);
    for layer in 0..layers {
        for (side, attentions) in [("encoder", ["attn"].as_slice()), ("decoder", &["attn", "cross_attn"])] {
            let block = format!("{side}.blocks.{layer}");
            writer.perceptron(&block, state);
            for attention in attentions {
                writer.attention(&format!("{block}.{attention}"), state);
            }
        }
    }
    writer.file.flush().unwrap();
}
