//! One row of logits becomes one token.
//!
//! Bias and bans come first. Then the chain runs in the request's order, which by default is
//! llama.cpp's: penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature. So
//! top-p looks at probabilities at temperature 1, among what top-k kept. Then a token is drawn.
//! Filters see the tokens in falling order of their logits, where of two equal logits the lower id
//! stands first; nothing depends on how a sort breaks ties. Mirostat, where it is on, takes the
//! place of all filters, behind the chain's penalties and temperature.
//!
//! Nothing is sorted but the few tokens around a filter's edge (see `cut`), every buffer is laid
//! out once for the vocabulary, and a sampled token allocates nothing.

mod bans;
mod chain;
mod cut;
mod dry;
mod filters;
mod mirostat;
mod nucleus;
mod peaks;
mod penalties;
mod rng;
mod scores;
mod shape;
mod state;

use pricket_core::{EffectiveSampling, TokenLogprob};

use crate::EngineError;
use chain::Left;
use cut::Bins;
use dry::Dry;
use filters::Candidates;
use mirostat::Mirostat;
use peaks::Peaks;
use penalties::Counts;

pub use rng::Rng;
pub use state::{Breakers, SamplerState};

/// Picks tokens. It holds scratch for one vocabulary and no state of any request: that is in the
/// [`SamplerState`], the [`EffectiveSampling`] and the history that each call is given.
#[derive(Debug)]
pub struct Sampler {
    counts: Counts,
    dry: Dry,
    peaks: Peaks,
    candidates: Candidates,
    bins: Bins,
    mirostat: Mirostat,
    /// A row before its penalties, where log-probabilities are asked for.
    unpenalized: Vec<f32>,
}

impl Sampler {
    /// A sampler for rows of `vocab_size` logits.
    pub fn new(vocab_size: usize) -> Self {
        Self {
            counts: Counts::new(vocab_size),
            dry: Dry::default(),
            peaks: Peaks::new(vocab_size),
            candidates: Candidates::with_capacity(vocab_size),
            bins: Bins::new(vocab_size),
            mirostat: Mirostat::new(),
            unpenalized: Vec::new(),
        }
    }

    /// Picks the next token from `logits`, one per token of the vocabulary, which it changes in
    /// place. `history` are the sequence's tokens so far, prompt and answer, for penalties and
    /// bans. A logit of negative infinity is a token that cannot come.
    ///
    /// # Errors
    /// [`EngineError::LogitsNotFinite`] where a logit is NaN or positive infinity, or where no
    /// token can come; [`EngineError::TokensAllBanned`] where that is the request's own doing.
    pub fn sample(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
        state: &mut SamplerState,
    ) -> Result<u32, EngineError> {
        let left = self.narrow(logits, history, params, state)?;
        let (id, surprise) = match left {
            Left::One(id) => (id, 0.0),
            Left::Some => {
                let Self { candidates, .. } = self;
                let drawn = candidates.draw(&mut state.rng).or_else(|| candidates.best());
                let id = drawn.ok_or(EngineError::TokensAllBanned)?;
                (id, if params.mirostat == 0 { 0.0 } else { candidates.surprise(id) })
            }
        };
        if params.mirostat != 0 {
            let excess = surprise - f64::from(params.mirostat_tau);
            state.mirostat_bound -= f64::from(params.mirostat_eta) * excess;
        }
        Ok(id)
    }

    /// What [`sample`](Self::sample) would draw the next token from: the tokens that can come and
    /// their probabilities, likeliest first and of equals the lower id, which sum to 1. It changes
    /// the row as that does, takes the numbers that the chain takes (XTC's, where it is on) and not
    /// that of the draw, and leaves Mirostat's bound as it is. It allocates the list and sorts it.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn distribution(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
        state: &mut SamplerState,
    ) -> Result<Vec<(u32, f32)>, EngineError> {
        Ok(match self.narrow(logits, history, params, state)? {
            Left::One(id) => vec![(id, 1.0)],
            Left::Some => self.candidates.probabilities(),
        })
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
        state: &mut SamplerState,
        top: usize,
    ) -> Result<TokenLogprob, EngineError> {
        let Self { peaks, candidates, bins, .. } = self;
        let (_, max) = peaks.scan(logits)?;
        candidates.fill(logits, max, 0, peaks, bins);
        let log_sum = candidates.log_sum();
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
        let id = self.sample(logits, history, params, state)?;
        let logit = self.unpenalized.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        Ok(TokenLogprob { id, logprob: logprob(logit), top: likeliest })
    }

    /// Forgets what a panic may have left half done.
    pub(crate) fn reset(&mut self) {
        self.counts.clear();
    }
}
