//! One sequence through a model, without an engine.

use pricket::models::{
    Batch, CausalLm, KvCache, Logits, LogitsWanted, ModelError, ModelSpec, SequenceId,
};

/// How a prompt is given to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no third way to cut a prompt")]
pub enum Pieces {
    /// At once.
    Whole,
    /// This many tokens at a time.
    Of(usize),
}

/// A model and a cache with one open sequence.
pub struct Pass {
    model: Box<dyn CausalLm>,
    cache: KvCache,
    sequence: SequenceId,
    len: usize,
    batch: Batch,
    logits: Logits,
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Pass {
    /// An empty sequence of at most `tokens_max` tokens.
    ///
    /// # Errors
    /// The model's.
    pub fn new(model: Box<dyn CausalLm>, tokens_max: usize) -> Result<Self, ModelError> {
        let mut cache = model.new_cache(1, tokens_max)?;
        let sequence = cache.open_sequence()?;
        let (batch, logits) = (Batch::default(), Logits::default());
        Ok(Self { model, cache, sequence, len: 0, batch, logits })
    }

    /// What the model is.
    pub fn spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    /// The logits of every position of a prompt that begins anew.
    ///
    /// # Errors
    /// The model's.
    pub fn prompt(&mut self, ids: &[u32], pieces: Pieces) -> Result<Vec<Vec<f32>>, ModelError> {
        self.cache.close_sequence(self.sequence);
        self.sequence = self.cache.open_sequence()?;
        self.len = 0;
        let size = match pieces {
            Pieces::Whole => ids.len(),
            Pieces::Of(size) => size,
        };
        let mut rows = Vec::with_capacity(ids.len());
        for piece in ids.chunks(size.max(1)) {
            rows.extend(self.extend(piece, LogitsWanted::All)?);
        }
        Ok(rows)
    }

    /// The logits of the next tokens of the sequence.
    ///
    /// # Errors
    /// The model's.
    pub fn extend(
        &mut self,
        ids: &[u32],
        wanted: LogitsWanted,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.batch.clear();
        self.batch.push(self.sequence, self.len, ids, wanted);
        self.model.forward(&self.batch, &mut self.cache, &mut self.logits)?;
        self.len += ids.len();
        Ok((0..self.logits.rows()).map(|index| self.logits.row(index).to_vec()).collect())
    }

    /// A prompt's `count` most likely next tokens, one after another.
    ///
    /// # Errors
    /// The model's.
    pub fn greedy(
        &mut self,
        prompt: &[u32],
        count: usize,
        pieces: Pieces,
    ) -> Result<Vec<u32>, ModelError> {
        let mut rows = self.prompt(prompt, pieces)?;
        let mut ids = Vec::with_capacity(count);
        while let Some(row) = rows.pop().filter(|_| ids.len() < count) {
            let next = most_likely(&row);
            ids.push(next);
            if ids.len() < count {
                rows = self.extend(&[next], LogitsWanted::Last)?;
            }
        }
        Ok(ids)
    }
}

/// The most likely token; the lowest id where several are equally likely.
pub fn most_likely(row: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0u32..).zip(row) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    best.0
}
