//! What to run in one forward pass, and where the result goes.

use crate::SequenceId;

/// Which rows of logits an entry wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogitsWanted {
    /// None: a prefill chunk that is not the prompt's last.
    None,
    /// The row of the entry's last token.
    Last,
    /// A row for every token of the entry.
    All,
}

/// Consecutive tokens of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEntry {
    /// The sequence that the tokens belong to.
    pub sequence: SequenceId,
    /// The position of the first token: how many tokens of the sequence ran before.
    pub start: usize,
    /// Where the entry's tokens begin in [`Batch::tokens`].
    pub offset: usize,
    /// How many tokens.
    pub len: usize,
    /// The rows of logits it wants.
    pub logits: LogitsWanted,
}

/// A ragged batch: prefill chunks and decode tokens of several sequences side by side.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    tokens: Vec<u32>,
    entries: Vec<BatchEntry>,
}

impl Batch {
    /// An empty batch with room for `tokens` tokens of `sequences` sequences.
    pub fn with_capacity(tokens: usize, sequences: usize) -> Self {
        Self { tokens: Vec::with_capacity(tokens), entries: Vec::with_capacity(sequences) }
    }

    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.entries.clear();
    }

    /// Adds consecutive tokens of a sequence, the first at position `start`.
    pub fn push(
        &mut self,
        sequence: SequenceId,
        start: usize,
        tokens: &[u32],
        logits: LogitsWanted,
    ) {
        let offset = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.entries.push(BatchEntry { sequence, start, offset, len: tokens.len(), logits });
    }

    /// All tokens, entry after entry.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The entries in order.
    pub fn entries(&self) -> &[BatchEntry] {
        &self.entries
    }

    /// How many rows of logits this batch asks for.
    pub fn logits_rows(&self) -> usize {
        self.entries
            .iter()
            .map(|entry| match entry.logits {
                LogitsWanted::None => 0,
                LogitsWanted::Last => entry.len.min(1),
                LogitsWanted::All => entry.len,
            })
            .sum()
    }
}

/// Rows of logits, in the order of the batch's entries and of the tokens within each.
#[derive(Debug, Clone, Default)]
pub struct Logits {
    vocab_size: usize,
    values: Vec<f32>,
}

impl Logits {
    /// No rows yet, and room for `rows` rows.
    pub fn with_capacity(rows: usize, vocab_size: usize) -> Self {
        Self { vocab_size, values: Vec::with_capacity(rows * vocab_size) }
    }

    /// Makes room for `rows` rows of `vocab_size` values and gives them to be written. It allocates
    /// only where there have never been as many before.
    pub fn reset(&mut self, rows: usize, vocab_size: usize) -> &mut [f32] {
        self.vocab_size = vocab_size;
        self.values.resize(rows * vocab_size, 0.0);
        &mut self.values
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.vocab_size).unwrap_or(0)
    }

    /// One row, `vocab_size` values; empty where there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        self.values.chunks_exact(self.vocab_size.max(1)).nth(index).unwrap_or(&[])
    }

    /// One row to be changed in place, as samplers do.
    pub fn row_mut(&mut self, index: usize) -> &mut [f32] {
        self.values.chunks_exact_mut(self.vocab_size.max(1)).nth(index).unwrap_or(&mut [])
    }
}
