//! How many prompt tokens a step bears beside answers that readers wait for.

use std::time::Duration;

use crate::limits::{MIXED_STEPS_MAX, PREFILL_TOKENS_MIN, SEQUENCES_MAX, STEP_GROWTH_MAX};

/// Classes of the number of decoding sequences: 1, 2 to 3, 4 to 7, and so on.
const CLASSES: usize = SEQUENCES_MAX.ilog2() as usize + 1;

/// Learns from measured steps how many prompt tokens keep one with decoding sequences below
/// [`STEP_GROWTH_MAX`] times a step that only decodes. It has no clock of its own.
///
/// A step is taken to cost what decoding costs, and so much for each prompt token. The first is the
/// median of the latest measurements, the second their third quarter, because a reader feels what
/// is too long and not what is too short; so one step that the machine held up moves neither. The
/// cost per token is what steps with prompts took beyond decoding, over their tokens: where such a
/// step costs something fixed as well, the budget still moves to the point at which the growth is
/// what it may be, because it is measured where the budget stands.
#[derive(Debug, Clone)]
pub struct StepBudget {
    tokens_max: usize,
    /// Seconds of a step that only decodes, by class.
    decoding: [Recent<5>; CLASSES],
    /// Seconds that a prompt token adds to a step that decodes.
    added: Recent<9>,
    /// Seconds per token of steps without decoding sequences: at least what a token adds.
    alone: Recent<5>,
    /// Steps since the latest that only decoded.
    mixed: usize,
}

impl StepBudget {
    /// A budget of `tokens_max` prompt tokens at most, before anything was measured.
    pub fn new(tokens_max: usize) -> Self {
        Self {
            tokens_max,
            decoding: [Recent::default(); CLASSES],
            added: Recent::default(),
            alone: Recent::default(),
            mixed: 0,
        }
    }

    /// Prompt tokens for a step in which as many sequences decode.
    ///
    /// All of them where nobody decodes; otherwise between [`PREFILL_TOKENS_MIN`] and all; and none
    /// where it must first be learnt how long decoding takes: before the first measurement, and
    /// after [`MIXED_STEPS_MAX`] steps with both.
    pub fn prompt_tokens(&self, decoding: usize) -> usize {
        if decoding == 0 {
            return self.tokens_max;
        }
        let measured = self.seconds(decoding).filter(|_| self.mixed < MIXED_STEPS_MAX);
        let Some(base) = measured else { return 0 };
        let least = PREFILL_TOKENS_MIN.min(self.tokens_max);
        let Some(token) = self.added.quarter(3).or(self.alone.quarter(2)) else { return least };
        // A float that is too large, or infinite where a token costs nothing, becomes the largest
        // number.
        let tokens = (base * (STEP_GROWTH_MAX - 1.0) / token) as usize;
        tokens.clamp(least, self.tokens_max)
    }

    /// Learns from a step: how many sequences decoded, how many prompt tokens ran, and how long it
    /// took.
    pub fn record(&mut self, decoding: usize, prompt_tokens: usize, took: Duration) {
        let seconds = took.as_secs_f64();
        if decoding > 0 && prompt_tokens == 0 {
            if let Some(class) = self.decoding.get_mut(class(decoding)) {
                class.push(seconds);
            }
            self.mixed = 0;
            return;
        }
        self.mixed += usize::from(decoding > 0);
        // The end of a prompt is too short to tell what a token costs.
        if prompt_tokens < PREFILL_TOKENS_MIN.min(self.tokens_max) {
            return;
        }
        if decoding == 0 {
            self.alone.push(seconds / prompt_tokens as f64);
        } else if let Some(base) = self.seconds(decoding) {
            self.added.push((seconds - base).max(0.0) / prompt_tokens as f64);
        }
    }

    /// Seconds of a step that only decodes. Where none of this class was measured, one of fewer
    /// sequences, which takes no longer; or its part of one of more, because a sequence's part is
    /// the larger the fewer they are.
    fn seconds(&self, decoding: usize) -> Option<f64> {
        let class = class(decoding);
        let fewer = self.decoding.iter().take(class + 1).rev().find_map(|recent| recent.quarter(2));
        let more = || {
            let mut above = (1..).zip(self.decoding.iter().skip(class + 1));
            above.find_map(|(steps, recent)| {
                Some(recent.quarter(2)? / f64::from(1u32 << (steps + 1)))
            })
        };
        fewer.or_else(more)
    }
}

/// The class of a number of sequences.
fn class(sequences: usize) -> usize {
    (sequences.max(1).ilog2() as usize).min(CLASSES - 1)
}

/// The latest `N` measurements.
#[derive(Debug, Clone, Copy)]
struct Recent<const N: usize> {
    values: [f64; N],
    /// How many there have been, of which the latest `N` are kept.
    count: usize,
}

impl<const N: usize> Default for Recent<N> {
    fn default() -> Self {
        Self { values: [0.0; N], count: 0 }
    }
}

impl<const N: usize> Recent<N> {
    fn push(&mut self, value: f64) {
        if let Some(oldest) = self.values.get_mut(self.count % N) {
            *oldest = value;
        }
        self.count += 1;
    }

    /// The least that so many quarters of them do not exceed; two quarters are the median.
    fn quarter(&self, quarters: usize) -> Option<f64> {
        let mut sorted = self.values;
        let kept = sorted.get_mut(..self.count.min(N))?;
        kept.sort_unstable_by(f64::total_cmp);
        kept.get(kept.len().checked_sub(1)? * quarters / 4).copied()
    }
}
