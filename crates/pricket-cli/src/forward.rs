//! Sequences through a model, without an engine: what is measured is the forward pass alone.

use pricket::models::{Batch, CausalLm, KvCache, Logits, LogitsWanted, ModelSpec, SequenceId};

use crate::error::CliError;

/// A model, a cache with open sequences, and the buffers of a pass.
pub(crate) struct Forward {
    model: Box<dyn CausalLm>,
    cache: KvCache,
    sequences: Vec<Sequence>,
    batch: Batch,
    logits: Logits,
}

/// An open sequence and how many tokens of it ran.
struct Sequence {
    id: SequenceId,
    len: usize,
}

impl Forward {
    /// `sequences` empty sequences of at most `tokens_max` tokens each.
    pub(crate) fn new(
        model: Box<dyn CausalLm>,
        sequences: usize,
        tokens_max: usize,
    ) -> Result<Self, CliError> {
        let mut cache = model.new_cache(sequences, tokens_max)?;
        let mut open = Vec::new();
        for _ in 0..sequences {
            open.push(Sequence { id: cache.open_sequence()?, len: 0 });
        }
        let (batch, logits) = (Batch::default(), Logits::default());
        Ok(Self { model, cache, sequences: open, batch, logits })
    }

    /// What the model is.
    pub(crate) fn spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    /// How many sequences there are.
    pub(crate) fn sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Forgets the tokens of every sequence from position `len` on.
    pub(crate) fn rewind(&mut self, len: usize) -> Result<(), CliError> {
        for sequence in &mut self.sequences {
            self.cache.truncate(sequence.id, len)?;
            sequence.len = sequence.len.min(len);
        }
        Ok(())
    }

    /// Runs the next tokens of the first sequence and gives the rows of logits that are wanted.
    pub(crate) fn extend(
        &mut self,
        tokens: &[u32],
        wanted: LogitsWanted,
    ) -> Result<&Logits, CliError> {
        self.extend_one(0, tokens, wanted)
    }

    /// Runs the next tokens of one sequence.
    pub(crate) fn extend_one(
        &mut self,
        index: usize,
        tokens: &[u32],
        wanted: LogitsWanted,
    ) -> Result<&Logits, CliError> {
        self.batch.clear();
        if let Some(sequence) = self.sequences.get_mut(index) {
            self.batch.push(sequence.id, sequence.len, tokens, wanted);
            sequence.len += tokens.len();
        }
        self.run()
    }

    /// Runs one token of every sequence in one batch and gives a row of logits for each.
    pub(crate) fn step(&mut self, tokens: &[u32]) -> Result<&Logits, CliError> {
        self.batch.clear();
        for (sequence, token) in self.sequences.iter_mut().zip(tokens) {
            let token = std::slice::from_ref(token);
            self.batch.push(sequence.id, sequence.len, token, LogitsWanted::Last);
            sequence.len += 1;
        }
        self.run()
    }

    fn run(&mut self) -> Result<&Logits, CliError> {
        self.model.forward(&self.batch, &mut self.cache, &mut self.logits)?;
        Ok(&self.logits)
    }
}

/// Refuses more tokens than a model was trained for, before any memory is taken for them. `flags`
/// say how many there are.
pub(crate) fn check_context(
    spec: &ModelSpec,
    tokens_max: usize,
    flags: &str,
) -> Result<(), CliError> {
    let have = spec.context_length;
    if tokens_max <= have {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "this needs a context of {tokens_max} tokens, but the model was trained for {have}; give a \
         smaller {flags}"
    )))
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
