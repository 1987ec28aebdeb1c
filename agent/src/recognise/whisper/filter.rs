//! The bias at work in the decoder: whisper.cpp calls it with the weights of all tokens before it takes the next one.
//!
//! Owns the only pointers that pass between the two. whisper-rs 0.16 also has `set_grammar`; it hands over the elements
//! where whisper.cpp expects pointers to rules, so that it is of no use, and whisper.cpp's own grammar would let a sentence
//! end anywhere and is slow with a thousand names.
//! Promises that a token which leaves the grammar is taken only if no other is left, that the text ends only where a
//! sentence may, and that [`Steering::probability`] is what the model held of its own text before it was held to the
//! grammar: how sure it was, not how small the choice.
// Being called by a C library is what this file is for.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use whisper_rs::{FullParams, WhisperSysContext, WhisperSysState, WhisperTokenData};

use super::bias::Bias;

/// What a token loses that is not allowed. Finite, so that something is left in any case.
const PENALTY: f32 = 10_000.0;
/// The most tokens of one text.
const MOST_TOKENS: usize = 448;

/// Steers one decoder.
pub(super) struct Steering {
    bias: Bias,
    /// The token that ends a text; all before it write something.
    end: i32,
    vocabulary: usize,
    /// The logarithms of the probabilities of all tokens at the last place, as the model gave them.
    last: Vec<f32>,
    /// Those of the tokens that were taken.
    taken: Vec<f32>,
}

impl Steering {
    pub(super) fn new(bias: Bias, end: i32, vocabulary: usize) -> Self {
        Self { bias, end, vocabulary, last: Vec::new(), taken: Vec::new() }
    }

    /// Whether a text is a sentence of the grammar.
    pub(super) fn is_sentence(&mut self, text: &[u8]) -> bool {
        self.bias.is_sentence(text)
    }

    /// How likely the model held the text of these tokens: the geometric mean of their probabilities.
    pub(super) fn probability(&mut self, tokens: &[i32]) -> f32 {
        if let Some(last) = tokens.last().filter(|_| tokens.len() == self.taken.len() + 1) {
            self.note(*last);
        }
        if self.taken.is_empty() {
            return 0.0;
        }
        #[allow(clippy::cast_precision_loss)]
        let mean = self.taken.iter().sum::<f32>() / self.taken.len() as f32;
        mean.exp().clamp(0.0, 1.0)
    }

    fn note(&mut self, token: i32) {
        let logarithm = usize::try_from(token).ok().and_then(|token| self.last.get(token)).copied();
        self.taken.push(logarithm.unwrap_or(-PENALTY).max(-PENALTY));
    }

    /// Takes what is not allowed after `written` out of the choice.
    fn steer(&mut self, written: &[i32], weights: &mut [f32]) {
        match written.last() {
            None => self.taken.clear(),
            Some(last) if written.len() == self.taken.len() + 1 => self.note(*last),
            Some(_) => {}
        }
        self.keep_probabilities(weights);
        let Some(allowed) = self.bias.allowed(written) else { return };
        let mut allowed_tokens = allowed.tokens.iter().copied().peekable();
        for (token, weight) in (0..self.end).zip(weights.iter_mut()) {
            if allowed_tokens.next_if_eq(&token).is_none() {
                *weight -= PENALTY;
            }
        }
        let end = usize::try_from(self.end).ok().and_then(|end| weights.get_mut(end));
        if let Some(weight) = end.filter(|_| !allowed.may_end) {
            *weight -= PENALTY;
        }
    }

    fn keep_probabilities(&mut self, weights: &[f32]) {
        let most = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = weights.iter().map(|weight| (weight - most).exp()).sum();
        let logarithm = most + sum.ln();
        self.last.clear();
        self.last.extend(weights.iter().map(|weight| weight - logarithm));
    }
}

/// Has whisper.cpp ask `steering` before each token. The parameters must not be used after `steering` is gone.
pub(super) fn hold<'a>(parameters: &mut FullParams<'a, 'a>, steering: &'a Mutex<Steering>) {
    let steering: *const Mutex<Steering> = steering;
    // SAFETY: the parameters live no longer than the steering, which `filter` shares between threads by its lock. It is
    // the only user of both, and changes neither context nor state.
    unsafe {
        parameters.set_filter_logits_callback(Some(filter));
        parameters.set_filter_logits_callback_user_data(steering.cast_mut().cast());
    }
}

unsafe extern "C" fn filter(
    _context: *mut WhisperSysContext,
    _state: *mut WhisperSysState,
    tokens: *const WhisperTokenData,
    count: c_int,
    weights: *mut f32,
    steering: *mut c_void,
) {
    if weights.is_null() || steering.is_null() {
        return;
    }
    // SAFETY: it is what `hold` gave, and lives as long as the parameters.
    let steering = unsafe { &*steering.cast::<Mutex<Steering>>() };
    let count = if tokens.is_null() { 0 } else { usize::try_from(count).unwrap_or(0) };
    // Nothing may unwind into C. What a panic leaves undone is a token without bias, and the text is checked at its end.
    let _outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut steering = steering.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: whisper.cpp keeps `count` tokens there.
        let written = if count == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(tokens, count) } };
        let end = steering.end;
        let written: Vec<i32> =
            written.iter().map(|token| token.id).filter(|token| *token < end).take(MOST_TOKENS).collect();
        // SAFETY: and a weight for each token of its vocabulary, which nobody else touches meanwhile.
        let weights = unsafe { std::slice::from_raw_parts_mut(weights, steering.vocabulary) };
        steering.steer(&written, weights);
    }));
}
