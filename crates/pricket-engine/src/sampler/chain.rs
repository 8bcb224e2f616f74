//! The chain: samplers in a request's order.

use pricket_core::{EffectiveSampling, SamplerKind};

use super::{Sampler, SamplerState, bans, penalties};
use crate::EngineError;
use crate::sampler::scores::Scores;

/// What a chain leaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    /// This token, without a draw.
    One(u32),
    /// The candidates, weighed.
    Some,
}

impl Sampler {
    /// Runs a request's chain over a row, which it changes.
    pub(super) fn narrow(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
        state: &mut SamplerState,
    ) -> Result<Left, EngineError> {
        let banned = bans::apply(logits, history, params, state);

        // Penalties in front of the filters change the row in place.
        let mut chain = params.samplers.as_slice();
        while let Some((&kind, rest)) = chain.split_first() {
            if is_on(kind, params) {
                match kind {
                    SamplerKind::Penalties | SamplerKind::Dry => {
                        let scores = Scores::of_row(logits);
                        self.penalize(kind, scores, history, params, state);
                    }
                    _ => break,
                }
            }
            chain = rest;
        }
        let (best, max) = match self.peaks.scan(logits) {
            Err(EngineError::LogitsNotFinite { value: f32::NEG_INFINITY, .. }) if banned => {
                return Err(EngineError::TokensAllBanned);
            }
            scanned => scanned?,
        };
        if ends_greedily(chain, params) {
            return Ok(Left::One(best));
        }

        // Where top-k is the first filter, the others are never laid out.
        let mut top_k = 0;
        if let Some((SamplerKind::TopK, rest)) = chain.split_first() {
            (top_k, chain) = (params.top_k, rest);
        }
        let Self { peaks, candidates, bins, .. } = self;
        candidates.fill(logits, max, top_k, peaks, bins);
        for &kind in chain.iter().filter(|&&kind| is_on(kind, params)) {
            self.run(kind, history, params, state);
        }
        self.bound_surprise(params, state, logits.len());
        self.candidates.weigh();
        Ok(Left::Some)
    }

    /// Mirostat in the place of the filters.
    fn bound_surprise(
        &mut self,
        params: &EffectiveSampling,
        state: &SamplerState,
        vocab_size: usize,
    ) {
        let Self { candidates, bins, mirostat, .. } = self;
        match params.mirostat {
            0 => {}
            1 => mirostat.keep_by_zipf(candidates, bins, state.mirostat_bound, vocab_size),
            _ => candidates.keep_below_surprise(state.mirostat_bound),
        }
    }

    /// Runs a sampler that is on over the candidates.
    fn run(
        &mut self,
        kind: SamplerKind,
        history: &[u32],
        params: &EffectiveSampling,
        state: &mut SamplerState,
    ) {
        let Self { candidates, bins, counts, dry, .. } = self;
        match kind {
            SamplerKind::Penalties => {
                candidates.rescore(|scores| counts.penalize(scores, history, params));
            }
            SamplerKind::Dry => candidates.rescore(|scores| {
                dry.penalize(scores, counts, history, params, &state.breakers);
            }),
            SamplerKind::TopNSigma => candidates.keep_top_n_sigma(params.top_n_sigma),
            SamplerKind::TopK => candidates.keep_top_k(params.top_k, bins),
            SamplerKind::TypicalP => candidates.keep_typical(params.typical_p, bins),
            SamplerKind::TopP => candidates.keep_top_p(params.top_p, bins),
            SamplerKind::MinP => candidates.keep_min_p(params.min_p),
            SamplerKind::Xtc => {
                let (probability, threshold) = (params.xtc_probability, params.xtc_threshold);
                candidates.exclude_top(probability, threshold, &mut state.rng);
            }
            SamplerKind::Temperature => {
                let (base, range) = (params.temperature, params.dynatemp_range);
                let temperature = if range > 0.0 {
                    candidates.dynamic_temperature(base, range, params.dynatemp_exponent)
                } else {
                    base
                };
                if temperature > 0.0 {
                    candidates.heat(temperature);
                } else {
                    candidates.keep_best();
                }
            }
            // The kinds are ours; a new one comes with its arm.
            _ => {}
        }
    }

    fn penalize(
        &mut self,
        kind: SamplerKind,
        scores: Scores<'_>,
        history: &[u32],
        params: &EffectiveSampling,
        state: &SamplerState,
    ) {
        let Self { counts, dry, .. } = self;
        if kind == SamplerKind::Dry {
            dry.penalize(scores, counts, history, params, &state.breakers);
        } else {
            counts.penalize(scores, history, params);
        }
    }
}

/// Whether a sampler changes anything.
#[allow(clippy::float_cmp, reason = "exactly 1 is what changes nothing")]
fn is_on(kind: SamplerKind, params: &EffectiveSampling) -> bool {
    let filters = params.mirostat == 0;
    match kind {
        SamplerKind::Penalties => penalties::are_on(params),
        SamplerKind::Dry => params.dry_multiplier > 0.0,
        SamplerKind::TopNSigma => filters && params.top_n_sigma > 0.0,
        SamplerKind::TopK => filters && params.top_k > 0,
        SamplerKind::TypicalP => filters && params.typical_p < 1.0,
        SamplerKind::TopP => filters && params.top_p < 1.0,
        SamplerKind::MinP => filters && params.min_p > 0.0,
        SamplerKind::Xtc => filters && params.xtc_probability > 0.0 && params.xtc_threshold <= 0.5,
        SamplerKind::Temperature => params.temperature != 1.0 || params.dynatemp_range > 0.0,
        _ => false,
    }
}

/// Whether the rest of a chain comes down to the likeliest token: a temperature of 0, and in front
/// of it only what keeps that token.
fn ends_greedily(chain: &[SamplerKind], params: &EffectiveSampling) -> bool {
    let at = chain.iter().position(|&kind| kind == SamplerKind::Temperature);
    let before = at.and_then(|at| chain.get(..at)).unwrap_or_default();
    let keeps_best = |kind: SamplerKind| {
        use SamplerKind::{MinP, TopK, TopNSigma, TopP};
        matches!(kind, TopNSigma | TopK | TopP | MinP) || !is_on(kind, params)
    };
    let greedy = params.temperature == 0.0 && params.dynatemp_range == 0.0;
    at.is_some() && greedy && before.iter().all(|&kind| keeps_best(kind))
}
