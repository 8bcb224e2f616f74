//! The trait that every backend answers to.

use crate::{Batch, CacheSize, KvCache, Logits, ModelError, ModelSpec};

/// A language model that continues sequences of token ids.
pub trait CausalLm: Send {
    /// What the model is.
    fn spec(&self) -> &ModelSpec;

    /// An empty cache of this size.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where our own backend finds that the system would not give
    /// what one sequence of so many tokens takes.
    fn new_cache_of(&self, size: CacheSize) -> Result<KvCache, ModelError>;

    /// An empty cache for `sequences_max` sequences of at most `tokens_max` tokens each, with room
    /// for all of them at their full length.
    ///
    /// # Errors
    /// As [`new_cache_of`](Self::new_cache_of).
    fn new_cache(&self, sequences_max: usize, tokens_max: usize) -> Result<KvCache, ModelError> {
        self.new_cache_of(CacheSize::whole(sequences_max, tokens_max))
    }

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
