//! What a request adds to single tokens, and what it forbids, before the chain begins.

use pricket_core::{EffectiveSampling, LogitBias};

use super::SamplerState;
use super::scores::finite;

/// Adds the biases, and bans: what a bias bans, the last token of every bad word that would be
/// completed, and the ends of the answer until it is long enough. Tells whether anything was
/// banned. Ids outside the vocabulary are passed over.
pub(super) fn apply(
    logits: &mut [f32],
    history: &[u32],
    params: &EffectiveSampling,
    state: &SamplerState,
) -> bool {
    let mut banned = false;
    let mut ban = |logits: &mut [f32], id: u32| {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
            banned = true;
        }
    };
    for &(id, bias) in params.logit_bias.as_slice() {
        if bias <= LogitBias::BAN {
            ban(logits, id);
        } else if let Some(logit) = logits.get_mut(id as usize).filter(|logit| logit.is_finite()) {
            *logit = finite(f64::from(*logit) + f64::from(bias));
        }
    }
    for word in params.bad_words.iter() {
        if let Some((&last, before)) = word.split_last()
            && history.ends_with(before)
        {
            ban(logits, last);
        }
    }
    if history.len().saturating_sub(state.prompt_len) < params.min_tokens {
        for &id in state.end_ids.iter() {
            ban(logits, id);
        }
    }
    banned
}
