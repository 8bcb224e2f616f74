//! Mirostat: a bound on surprise that moves until the answer surprises as much as is wanted.
//!
//! Basu et al., "Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity",
//! 2021, with the surprise of a token measured among those that were left, as llama.cpp has it.

use std::f64::consts::LN_2;

use super::cut::Bins;
use super::filters::Candidates;

/// The likeliest tokens from which version 1 estimates how fast probabilities fall; the paper's.
const ESTIMATE_LEN: usize = 100;

/// How near to 1 an exponent of Zipf is where the formula has no value and its limit is taken.
const EXPONENT_GAP_MIN: f64 = 1e-9;

/// Scratch of version 1.
#[derive(Debug)]
pub(super) struct Mirostat {
    /// The largest logits, falling.
    top: Vec<f32>,
}

impl Mirostat {
    pub(super) fn new() -> Self {
        Self { top: Vec::with_capacity(ESTIMATE_LEN) }
    }

    /// Version 1: as many tokens as a law of Zipf gives a surprise of `bound` bits among
    /// `vocab_size`, its exponent estimated from the likeliest; one at least.
    pub(super) fn keep_by_zipf(
        &mut self,
        candidates: &mut Candidates,
        bins: &mut Bins,
        bound: f64,
        vocab_size: usize,
    ) {
        self.top.clear();
        match candidates.cut_of_top_k(ESTIMATE_LEN, bins) {
            Some(cut) => {
                let lists = candidates.ids.iter().zip(&candidates.logits);
                let kept = lists.filter(|&(&id, &logit)| cut.keeps(id, logit));
                self.top.extend(kept.map(|(_, &logit)| logit));
            }
            None => self.top.extend_from_slice(&candidates.logits),
        }
        self.top.retain(|logit| logit.is_finite());
        self.top.sort_unstable_by(|a, b| b.total_cmp(a));
        let (mut products, mut squares) = (0.0, 0.0);
        for (place, pair) in (1u32..).zip(self.top.windows(2)) {
            let [likelier, rarer] = *pair else { continue };
            let rank = f64::from(place);
            let falls = ((rank + 1.0) / rank).ln();
            products += falls * (candidates.log_weight(likelier) - candidates.log_weight(rarer));
            squares += falls * falls;
        }
        let exponent = if squares > 0.0 { products / squares } else { 0.0 };
        let gap = exponent - 1.0;
        let size = vocab_size as f64;
        let share = if gap.abs() < EXPONENT_GAP_MIN {
            1.0 / size.ln()
        } else {
            gap / (1.0 - size.powf(-gap))
        };
        // What is no number becomes 0 here, and what is too large the largest.
        let count = (share * bound.exp2()).powf(1.0 / exponent) as usize;
        candidates.keep_top_k(count.max(1), bins);
    }
}

impl Candidates {
    /// Version 2: the tokens whose surprise is at most `bound` bits; one at least.
    pub(super) fn keep_below_surprise(&mut self, bound: f64) {
        self.weigh();
        // ln p = log weight - ln total >= -bound ln 2.
        let lowest = self.total.ln() - bound * LN_2;
        if lowest > 0.0 {
            self.keep_best();
        } else {
            self.drop_below_exact(f64::from(self.max) + lowest / f64::from(self.scale));
        }
    }

    /// The surprise of a token among those that are left, in bits. Wants the weights.
    pub(super) fn surprise(&self, id: u32) -> f64 {
        let place = self.ids.binary_search(&id).ok();
        let logit = place.and_then(|place| self.logits.get(place)).copied();
        logit.map_or(0.0, |logit| (self.total.ln() - self.log_weight(logit)) / LN_2)
    }
}
