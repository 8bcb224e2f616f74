//! The tokens that are left, and what narrows them.

use super::Rng;
use super::cut::{Bins, Item};
use super::exponential::{SUM_BLOCK, exponentials};
use super::peaks::Peaks;

/// The tokens that are left, by rising id, in parallel lists.
#[derive(Debug)]
pub(super) struct Candidates {
    ids: Vec<u32>,
    logits: Vec<f32>,
    /// Not normalised.
    weights: Vec<f32>,
    /// The sums of the weights, [`SUM_BLOCK`] at a time.
    sums: Vec<f64>,
    /// The sum of all weights.
    total: f64,
}

impl Candidates {
    /// Room for every token of a vocabulary.
    pub(super) fn with_capacity(vocab_size: usize) -> Self {
        Self {
            ids: Vec::with_capacity(vocab_size),
            logits: Vec::with_capacity(vocab_size),
            weights: Vec::with_capacity(vocab_size),
            sums: Vec::with_capacity(vocab_size.div_ceil(SUM_BLOCK)),
            total: 0.0,
        }
    }

    /// Takes the `top_k` likeliest tokens of a row that was scanned, exactly as many; all for 0.
    pub(super) fn fill(
        &mut self,
        row: &[f32],
        max: f32,
        top_k: usize,
        peaks: &mut Peaks,
        bins: &mut Bins,
    ) {
        self.ids.clear();
        self.logits.clear();
        let all = top_k == 0 || top_k >= row.len();
        let floor = if all { f32::NEG_INFINITY } else { peaks.floor(top_k) };
        if floor == f32::NEG_INFINITY {
            self.ids.extend(0..row.len() as u32);
            self.logits.extend_from_slice(row);
        } else {
            for (first, block) in peaks.blocks_from(row, floor) {
                for (id, &logit) in (first..).zip(block).filter(|&(_, &logit)| logit >= floor) {
                    self.ids.push(id);
                    self.logits.push(logit);
                }
            }
        }
        if all {
            return;
        }
        let lists = self.ids.iter().zip(&self.logits);
        let counted = lists.map(|(&id, &logit)| Item { id, logit, mass: 1.0 });
        if let Some(cut) = bins.cut(counted, max, top_k as f64) {
            self.retain(|id, logit| cut.keeps(id, logit));
        }
    }

    /// Keeps the smallest prefix whose probabilities, at temperature 1 and among what is left,
    /// reach `p` (Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020); one token
    /// at least.
    pub(super) fn keep_top_p(&mut self, p: f32, max: f32, bins: &mut Bins) {
        if p >= 1.0 {
            return;
        }
        self.weigh(1.0, max);
        let p = f64::from(p);
        let target = p * self.total;
        // All tokens lighter than this together weigh less than half of what p leaves out, so the
        // prefix ends before them.
        let lightest = (1.0 - p) * 0.5 * self.total / self.ids.len() as f64;
        let lowest = max + lightest.ln() as f32;
        self.retain(|_, logit| logit >= lowest);
        self.weigh(1.0, max);
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let items = lists.map(|((&id, &logit), &mass)| Item { id, logit, mass });
        if let Some(cut) = bins.cut(items, max, target) {
            self.retain(|id, logit| cut.keeps(id, logit));
        }
    }

    /// Keeps the tokens at least `p` times as likely as the likeliest.
    pub(super) fn keep_min_p(&mut self, p: f32, max: f32) {
        if p <= 0.0 {
            return;
        }
        let lowest = f64::from(max) + f64::from(p).ln();
        self.retain(|_, logit| f64::from(logit) >= lowest);
    }

    /// Gives every token that is left its weight at a temperature above 0.
    pub(super) fn weigh(&mut self, temperature: f32, max: f32) {
        self.weights.resize(self.logits.len(), 0.0);
        self.sums.clear();
        let blocks = self.logits.chunks(SUM_BLOCK).zip(self.weights.chunks_mut(SUM_BLOCK));
        for (logits, weights) in blocks {
            self.sums.push(exponentials(logits, max, 1.0 / temperature, weights));
        }
        self.total = self.sums.iter().sum();
    }

    /// The natural log of the sum of e^logit over what is left.
    pub(super) fn log_sum(&mut self, max: f32) -> f64 {
        self.weigh(1.0, max);
        f64::from(max) + self.total.ln()
    }

    /// Draws a token by its weight; one number of the generator for every draw. `None` where every
    /// weight is 0, as happens at temperatures too small to divide by.
    pub(super) fn draw(&self, rng: &mut Rng) -> Option<u32> {
        let target = rng.next_f64() * self.total;
        let mut reached = 0.0;
        let mut last = None;
        let blocks = self.ids.chunks(SUM_BLOCK).zip(self.weights.chunks(SUM_BLOCK));
        for ((ids, weights), &sum) in blocks.zip(&self.sums) {
            if reached + sum <= target {
                reached += sum;
                continue;
            }
            let mut within = reached;
            for (&id, &weight) in ids.iter().zip(weights) {
                within += f64::from(weight);
                if weight > 0.0 {
                    if within > target {
                        return Some(id);
                    }
                    last = Some(id);
                }
            }
            // In this order the block's weights sum to a hair less: its last token, or a later one.
            reached += sum;
        }
        last
    }

    /// Drops the tokens that `keep` refuses; the order stays.
    fn retain(&mut self, keep: impl Fn(u32, f32) -> bool) {
        let mut kept = 0;
        for at in 0..self.ids.len().min(self.logits.len()) {
            let (id, logit) = (self.ids[at], self.logits[at]);
            // Written always and counted where it is kept: no branch to be guessed wrong.
            self.ids[kept] = id;
            self.logits[kept] = logit;
            kept += usize::from(keep(id, logit));
        }
        self.ids.truncate(kept);
        self.logits.truncate(kept);
    }

    /// The tokens that are left and their logits, likeliest first.
    pub(super) fn ranked(&self) -> Vec<(u32, f32)> {
        let mut ranked: Vec<(u32, f32)> =
            self.ids.iter().copied().zip(self.logits.iter().copied()).collect();
        // A stable sort: ids rise already.
        ranked.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal));
        ranked
    }
}
