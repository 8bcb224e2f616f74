//! One sequence through a model, without an engine: what is measured is the forward pass alone.

use pricket::models::{Batch, CausalLm, KvCache, Logits, LogitsWanted, SequenceId};

use crate::error::CliError;

/// A model, a cache with one open sequence, and the buffers of a pass.
pub(crate) struct Forward {
    model: Box<dyn CausalLm>,
    cache: KvCache,
    sequence: SequenceId,
    len: usize,
    batch: Batch,
    logits: Logits,
}

impl Forward {
    /// An empty sequence of at most `tokens_max` tokens.
    pub(crate) fn new(model: Box<dyn CausalLm>, tokens_max: usize) -> Result<Self, CliError> {
        let mut cache = model.new_cache(1, tokens_max)?;
        let sequence = cache.open_sequence()?;
        let logits = Logits::default();
        Ok(Self { model, cache, sequence, len: 0, batch: Batch::default(), logits })
    }

    /// Forgets all tokens.
    pub(crate) fn restart(&mut self) -> Result<(), CliError> {
        self.cache.close_sequence(self.sequence);
        self.sequence = self.cache.open_sequence()?;
        self.len = 0;
        Ok(())
    }

    /// Runs the next tokens of the sequence and gives the rows of logits that are wanted.
    pub(crate) fn extend(
        &mut self,
        tokens: &[u32],
        wanted: LogitsWanted,
    ) -> Result<&Logits, CliError> {
        self.batch.clear();
        self.batch.push(self.sequence, self.len, tokens, wanted);
        self.model.forward(&self.batch, &mut self.cache, &mut self.logits)?;
        self.len += tokens.len();
        Ok(&self.logits)
    }
}

/// The most likely token; the lowest id where several are equally likely.
pub(crate) fn most_likely(row: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in row.iter().enumerate() {
        if logit > best.1 {
            best = (id as u32, logit);
        }
    }
    best.0
}
