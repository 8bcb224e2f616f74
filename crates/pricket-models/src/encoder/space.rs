//! One thread's buffers for a group of texts. They grow to the largest seen and are reused.

use pricket_simd::Activations;

use super::attention::HeadSpace;
use super::blueprint::EncoderBlueprint;
use crate::ModelError;
use crate::memory;

/// The buffers.
#[derive(Debug)]
pub(super) struct Space {
    /// The hidden states: (tokens, hidden).
    pub(super) x: Vec<f32>,
    /// Queries, keys and values side by side: (tokens, 3 hidden).
    pub(super) qkv: Vec<f32>,
    /// What attention gives: (tokens, hidden).
    pub(super) attended: Vec<f32>,
    /// What the matrices read.
    pub(super) acts: Activations,
    /// What the feed-forward layer's way back reads.
    pub(super) inner: Activations,
    /// Some rows of a matrix times every token, and two more of the kind.
    pub(super) block: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) gated: Vec<f32>,
    /// One row of a table: (hidden).
    pub(super) row: Vec<f32>,
    pub(super) heads: HeadSpace,
}

impl Default for Space {
    fn default() -> Self {
        let empty = || Activations::with_capacity(0, 0);
        Self {
            x: Vec::new(),
            qkv: Vec::new(),
            attended: Vec::new(),
            acts: empty(),
            inner: empty(),
            block: Vec::new(),
            gate: Vec::new(),
            gated: Vec::new(),
            row: Vec::new(),
            heads: HeadSpace::default(),
        }
    }
}

impl Space {
    /// Makes every buffer fit so many tokens.
    pub(super) fn fit(&mut self, b: &EncoderBlueprint, tokens: usize) -> Result<(), ModelError> {
        for (buffer, width) in
            [(&mut self.x, b.hidden), (&mut self.qkv, 3 * b.hidden), (&mut self.attended, b.hidden)]
        {
            let len = tokens.saturating_mul(width);
            memory::reserve(buffer, len)?;
            buffer.resize(len, 0.0);
        }
        self.row.resize(b.hidden, 0.0);
        Ok(())
    }
}

/// Bytes of the buffers for so many tokens at once: an estimate.
pub(super) fn bytes(b: &EncoderBlueprint, tokens: usize) -> u64 {
    // Hidden states, queries, keys, values, what attention gives, and what the matrices read.
    let floats = 6 * b.hidden + b.ffn;
    4 * (floats as u64).saturating_mul(tokens as u64)
}
