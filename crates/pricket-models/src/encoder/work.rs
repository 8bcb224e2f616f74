//! What travels to a worker and back: its texts, the weights, buffers of its own, and its rows.

use std::sync::Arc;

use pricket_simd::Job;

use super::batch::{EncoderBatch, EncoderText};
use super::space::Space;
use super::weights::EncoderWeights;
use crate::ModelError;

/// The most tokens that go through the layers together, but for a text that is longer. A layer's
/// weights stream from the last-level cache once for each such group, so it is large; what the
/// group's activations take has to stay in the second-level cache, so it is not larger.
pub(super) const GROUP_TOKENS: usize = 512;

/// One thread's share of a batch.
#[derive(Debug)]
pub(super) struct Work {
    weights: Arc<EncoderWeights>,
    /// Which texts of the batch, in the order of `rows`.
    pub(super) texts: Vec<usize>,
    /// The same texts over `tokens`.
    entries: Vec<EncoderText>,
    tokens: Vec<u32>,
    space: Space,
    /// (texts, width)
    pub(super) rows: Vec<f32>,
    pub(super) result: Result<(), ModelError>,
}

impl Work {
    pub(super) fn new(weights: Arc<EncoderWeights>) -> Self {
        Self {
            weights,
            texts: Vec::new(),
            entries: Vec::new(),
            tokens: Vec::new(),
            space: Space::default(),
            rows: Vec::new(),
            result: Ok(()),
        }
    }

    /// Takes the texts of a share.
    pub(super) fn begin(&mut self, batch: &EncoderBatch, texts: Vec<usize>) {
        self.result = Ok(());
        self.rows.clear();
        self.entries.clear();
        self.tokens.clear();
        for entry in texts.iter().filter_map(|&text| batch.texts().get(text)) {
            let offset = self.tokens.len();
            self.tokens.extend_from_slice(batch.tokens_of(entry));
            self.entries.push(EncoderText { offset, ..*entry });
        }
        self.texts = texts;
    }

    fn all(&mut self) -> Result<(), ModelError> {
        let mut rest = &self.entries[..];
        while !rest.is_empty() {
            let mut tokens = 0;
            let mut more = |text: &EncoderText| {
                tokens += text.len;
                tokens <= GROUP_TOKENS
            };
            let count = rest.iter().copied().take_while(|text| more(text)).count().max(1);
            let (group, behind) = rest.split_at(count);
            self.weights.pass(&self.tokens, group, &mut self.space, &mut self.rows)?;
            rest = behind;
        }
        Ok(())
    }
}

impl Job for Work {
    fn run(&mut self) {
        self.result = self.all();
    }
}
