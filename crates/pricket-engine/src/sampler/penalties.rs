//! Penalties on tokens already seen.

use pricket_core::EffectiveSampling;

use super::scores::{Scores, finite};

/// A number for each token, for the length of one call; all zeros between calls. The penalties
/// count in it how often each token stands in the window.
#[derive(Debug)]
pub(super) struct Counts {
    counts: Vec<u32>,
}

impl Counts {
    pub(super) fn new(vocab_size: usize) -> Self {
        Self { counts: vec![0; vocab_size] }
    }

    /// The number of a token; `None` outside the vocabulary. Who writes to it takes it out again.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut u32> {
        self.counts.get_mut(id as usize)
    }

    /// Lowers the logits of the tokens in the window: first the repetition penalty (Keskar et al.,
    /// "CTRL", 2019, with its sign rule: positive logits are divided, negative ones multiplied),
    /// then presence and frequency. Ids outside the vocabulary are passed over. The cost grows with
    /// the window, not with the vocabulary.
    pub(super) fn penalize(
        &mut self,
        mut scores: Scores<'_>,
        history: &[u32],
        params: &EffectiveSampling,
    ) {
        let repetition = params.repetition_penalty;
        let window = window(history, params.penalty_last_n);
        for &id in window {
            if let Some(count) = self.get_mut(id) {
                *count += 1;
            }
        }
        for &id in window {
            let Some(count) = self.get_mut(id) else { continue };
            let seen = std::mem::take(count);
            let Some(logit) = scores.get_mut(id) else { continue };
            // A token that cannot come stays so, and one that stands twice is done already. NaN and
            // positive infinity stay what they are, for the check behind this to find.
            if seen == 0 || !logit.is_finite() {
                continue;
            }
            // In f64, where extreme penalties do not overflow; back in f32 they end at its range.
            let (before, factor) = (f64::from(*logit), f64::from(repetition));
            let repeated = if before > 0.0 { before / factor } else { before * factor };
            let frequency = f64::from(seen) * f64::from(params.frequency_penalty);
            *logit = finite(repeated - f64::from(params.presence_penalty) - frequency);
        }
    }

    /// All zeros again, whatever was.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }
}

/// Whether the penalties change anything.
#[allow(clippy::float_cmp, reason = "exactly 1 and 0 are the values that change nothing")]
pub(super) fn are_on(params: &EffectiveSampling) -> bool {
    params.repetition_penalty != 1.0
        || params.frequency_penalty != 0.0
        || params.presence_penalty != 0.0
}

/// The latest `last_n` tokens, or all of them for 0.
pub(super) fn window(history: &[u32], last_n: usize) -> &[u32] {
    let skipped = if last_n == 0 { 0 } else { history.len().saturating_sub(last_n) };
    history.get(skipped..).unwrap_or_default()
}
