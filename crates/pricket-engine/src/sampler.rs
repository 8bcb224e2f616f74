//! One row of logits becomes one token.
//!
//! The order is llama.cpp's default: penalties, top-k, top-p, min-p, temperature, draw. So top-p
//! looks at probabilities at temperature 1, among what top-k kept. Every filter keeps a prefix of
//! the tokens in falling order of their logits, where of two equal logits the lower id stands
//! first; nothing depends on how a sort breaks ties.
//!
//! Nothing is sorted but the few tokens around a filter's edge (see `cut`), every buffer is laid
//! out once for the vocabulary, and a sampled token allocates nothing.

mod cut;
mod filters;
mod peaks;
mod penalties;
mod rng;

use pricket_core::{EffectiveSampling, TokenLogprob};

use crate::EngineError;
use cut::Bins;
use filters::Candidates;
use peaks::Peaks;
use penalties::Counts;

pub use rng::Rng;

/// Picks tokens. It holds scratch for one vocabulary and no state of any request: that is in the
/// [`Rng`], the [`EffectiveSampling`] and the history that each call is given.
#[derive(Debug)]
pub struct Sampler {
    counts: Counts,
    peaks: Peaks,
    candidates: Candidates,
    bins: Bins,
    /// A row before its penalties, where log-probabilities are asked for.
    unpenalized: Vec<f32>,
}

impl Sampler {
    /// A sampler for rows of `vocab_size` logits.
    pub fn new(vocab_size: usize) -> Self {
        Self {
            counts: Counts::new(vocab_size),
            peaks: Peaks::new(vocab_size),
            candidates: Candidates::with_capacity(vocab_size),
            bins: Bins::new(vocab_size),
            unpenalized: Vec::new(),
        }
    }

    /// Picks the next token from `logits`, one per token of the vocabulary, which it changes in
    /// place. `history` are the sequence's tokens so far, prompt and answer, for the penalties.
    /// A logit of negative infinity is a token that cannot come.
    ///
    /// # Errors
    /// [`EngineError::LogitsNotFinite`] where a logit is NaN or positive infinity, or where no
    /// token can come.
    pub fn sample(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
        rng: &mut Rng,
    ) -> Result<u32, EngineError> {
        self.counts.penalize(logits, history, params);
        let Self { peaks, candidates, bins, .. } = self;
        let (best, max) = peaks.scan(logits)?;
        if params.temperature == 0.0 {
            return Ok(best);
        }
        candidates.fill(logits, max, params.top_k, peaks, bins);
        candidates.keep_top_p(params.top_p, max, bins);
        candidates.keep_min_p(params.min_p, max);
        candidates.weigh(params.temperature, max);
        Ok(candidates.draw(rng).unwrap_or(best))
    }

    /// As [`sample`](Self::sample), and tells the token's log-probability and those of the `top`
    /// likeliest tokens: natural logs, under the logits as the model gave them, before any penalty
    /// or filter. It copies the row and allocates the list.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn sample_with_logprobs(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
        rng: &mut Rng,
        top: usize,
    ) -> Result<TokenLogprob, EngineError> {
        let Self { peaks, candidates, bins, .. } = self;
        let (_, max) = peaks.scan(logits)?;
        candidates.fill(logits, max, 0, peaks, bins);
        let log_sum = candidates.log_sum(max);
        let logprob = |logit: f32| (f64::from(logit) - log_sum) as f32;
        let mut likeliest = Vec::new();
        if top > 0 {
            candidates.fill(logits, max, top, peaks, bins);
            likeliest = candidates.ranked();
            for (_, value) in &mut likeliest {
                *value = logprob(*value);
            }
        }
        self.unpenalized.clear();
        self.unpenalized.extend_from_slice(logits);
        let id = self.sample(logits, history, params, rng)?;
        let logit = self.unpenalized.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        Ok(TokenLogprob { id, logprob: logprob(logit), top: likeliest })
    }

    /// Forgets what a panic may have left half done.
    pub(crate) fn reset(&mut self) {
        self.counts.clear();
    }
}
