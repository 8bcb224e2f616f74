//! Penalties on tokens already seen.

use pricket_core::EffectiveSampling;

/// How often each token stands in the window, for the length of one call; all zeros between calls.
#[derive(Debug)]
pub(super) struct Counts {
    counts: Vec<u32>,
}

impl Counts {
    pub(super) fn new(vocab_size: usize) -> Self {
        Self { counts: vec![0; vocab_size] }
    }

    /// Lowers the logits of the tokens in the window: first the repetition penalty (Keskar et al.,
    /// "CTRL", 2019, with its sign rule: positive logits are divided, negative ones multiplied),
    /// then presence and frequency. Ids outside the vocabulary are passed over. The cost grows with
    /// the window, not with the vocabulary.
    #[allow(clippy::float_cmp, reason = "exactly 1 and 0 are the values that change nothing")]
    pub(super) fn penalize(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        params: &EffectiveSampling,
    ) {
        let repetition = params.repetition_penalty;
        let changes_nothing =
            repetition == 1.0 && params.frequency_penalty == 0.0 && params.presence_penalty == 0.0;
        if changes_nothing {
            return;
        }
        let window = window(history, params.penalty_last_n);
        for &id in window {
            if let Some(count) = self.counts.get_mut(id as usize) {
                *count += 1;
            }
        }
        for &id in window {
            let Some(count) = self.counts.get_mut(id as usize) else { continue };
            let seen = std::mem::take(count);
            let Some(logit) = logits.get_mut(id as usize) else { continue };
            // A token that cannot come stays so, and one that stands twice is done already. NaN and
            // positive infinity stay what they are, for the check behind this to find.
            if seen == 0 || !logit.is_finite() {
                continue;
            }
            // In f64, where extreme penalties do not overflow; back in f32 they end at its range.
            let (before, factor) = (f64::from(*logit), f64::from(repetition));
            let repeated = if before > 0.0 { before / factor } else { before * factor };
            let frequency = f64::from(seen) * f64::from(params.frequency_penalty);
            let lowered = repeated - f64::from(params.presence_penalty) - frequency;
            *logit = lowered.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }

    /// All zeros again, whatever was.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }
}

/// The latest `last_n` tokens, or all of them for 0.
fn window(history: &[u32], last_n: usize) -> &[u32] {
    let skipped = if last_n == 0 { 0 } else { history.len().saturating_sub(last_n) };
    history.get(skipped..).unwrap_or_default()
}
