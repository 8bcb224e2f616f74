//! The texts of one call, and the rows that come back.

use super::EncoderSpec;
use crate::ModelError;

/// A text of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderText {
    /// Where its tokens begin in [`EncoderBatch::tokens`].
    pub offset: usize,
    /// How many tokens it has.
    pub len: usize,
    /// From which of its tokens on it is the second text of a pair; `len` where it is no pair.
    pub second_from: usize,
}

/// Texts of token ids, one behind the other.
///
/// ```
/// let mut batch = pricket_models::EncoderBatch::default();
/// batch.push(&[101, 7592, 102]);
/// batch.push_pair(&[101, 7592, 102, 2088, 102], 3);
/// assert_eq!(batch.texts().len(), 2);
/// assert_eq!(batch.tokens().len(), 8);
/// ```
#[derive(Debug, Clone, Default)]
pub struct EncoderBatch {
    tokens: Vec<u32>,
    texts: Vec<EncoderText>,
}

impl EncoderBatch {
    /// Forgets all texts and keeps the room.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.texts.clear();
    }

    /// Adds a text with its special tokens.
    pub fn push(&mut self, tokens: &[u32]) {
        self.push_pair(tokens, tokens.len());
    }

    /// Adds a pair of texts with their special tokens; the tokens from `second_from` on are of the
    /// second kind.
    pub fn push_pair(&mut self, tokens: &[u32], second_from: usize) {
        let (offset, len) = (self.tokens.len(), tokens.len());
        self.tokens.extend_from_slice(tokens);
        self.texts.push(EncoderText { offset, len, second_from: second_from.min(len) });
    }

    /// The tokens of all texts.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The texts, in the order of their rows.
    pub fn texts(&self) -> &[EncoderText] {
        &self.texts
    }

    /// The tokens of a text.
    pub(super) fn tokens_of(&self, text: &EncoderText) -> &[u32] {
        self.tokens.get(text.offset..text.offset + text.len).unwrap_or_default()
    }

    /// Refuses what a model cannot take.
    pub(super) fn check(&self, spec: &EncoderSpec) -> Result<(), ModelError> {
        for text in &self.texts {
            if text.len == 0 {
                return Err(ModelError::BatchEntryEmpty);
            }
            if text.len > spec.tokens_max {
                return Err(ModelError::ContextExceeded { need: text.len, have: spec.tokens_max });
            }
            if text.second_from < text.len && spec.token_types < 2 {
                return Err(ModelError::Unsupported {
                    what: "a token of the second kind".to_owned(),
                    why: "this model has one kind of tokens; push its pairs as single texts"
                        .to_owned(),
                });
            }
        }
        let vocab_size = spec.vocab_size;
        match self.tokens.iter().find(|&&id| id as usize >= vocab_size) {
            Some(&id) => Err(ModelError::TokenOutOfVocabulary { id, vocab_size }),
            None => Ok(()),
        }
    }
}

/// Rows of numbers, one for each text of a batch and in their order.
#[derive(Debug, Clone, Default)]
pub struct EncoderRows {
    width: usize,
    values: Vec<f32>,
}

impl EncoderRows {
    /// Makes room for `rows` rows of `width` numbers and gives them to be written: for those who
    /// implement [`TextEncoder`](super::TextEncoder).
    pub fn reset(&mut self, rows: usize, width: usize) -> &mut [f32] {
        self.width = width;
        self.values.resize(rows * width, 0.0);
        &mut self.values
    }

    /// The rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// One row; empty where there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        self.iter().nth(index).unwrap_or_default()
    }
}
