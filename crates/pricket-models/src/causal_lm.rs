//! The trait that every backend answers to.

use crate::{Batch, KvCache, Logits, ModelError, ModelSpec};

/// A language model that continues sequences of token ids.
pub trait CausalLm: Send {
    /// What the model is.
    fn spec(&self) -> &ModelSpec;

    /// An empty cache for `sequences_max` sequences of at most `tokens_max` tokens each.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where our own backend finds that the system would not give
    /// what one sequence of so many tokens takes.
    fn new_cache(&self, sequences_max: usize, tokens_max: usize) -> Result<KvCache, ModelError>;

    /// Runs every token of the batch, adds its keys and values to the cache, and writes the rows of
    /// logits that the batch wants, each `vocab_size` wide.
    ///
    /// # Errors
    /// Nothing is added to the cache where a token id, a sequence or a position is wrong.
    fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        logits: &mut Logits,
    ) -> Result<(), ModelError>;
}
