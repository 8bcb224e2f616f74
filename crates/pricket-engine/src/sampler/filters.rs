//! The tokens that are left, and what narrows them.

use pricket_simd::{Kernels, WEIGHT_BLOCK};

use super::Rng;
use super::cut::{Bins, Cut, Item};
use super::peaks::Peaks;
use super::scores::{Scores, finite};

/// Lanes that the compiler makes vectors of.
pub(super) const LANES: usize = 16;

/// Logits that are compared before the first of them is moved: as many as a `u64` has bits.
const BLOCK: usize = 64;

/// The tokens that are left, by rising id, in parallel lists.
#[derive(Debug)]
pub(super) struct Candidates {
    /// Any level: all give the same bits.
    kernels: &'static Kernels,
    pub(super) ids: Vec<u32>,
    pub(super) logits: Vec<f32>,
    /// The largest of the logits.
    pub(super) max: f32,
    /// What the logits are multiplied with: one by the temperature, once that was seen.
    pub(super) scale: f32,
    /// Not normalised.
    pub(super) weights: Vec<f32>,
    /// The sums of the weights, [`WEIGHT_BLOCK`] at a time.
    sums: Vec<f64>,
    /// The sum of all weights.
    pub(super) total: f64,
}

impl Candidates {
    /// Room for every token of a vocabulary.
    pub(super) fn with_capacity(vocab_size: usize) -> Self {
        Self {
            kernels: Kernels::detect().unwrap_or_else(|_| Kernels::scalar()),
            ids: Vec::with_capacity(vocab_size),
            logits: Vec::with_capacity(vocab_size),
            max: f32::NEG_INFINITY,
            scale: 1.0,
            weights: Vec::with_capacity(vocab_size),
            sums: Vec::with_capacity(vocab_size.div_ceil(WEIGHT_BLOCK)),
            total: 0.0,
        }
    }

    /// Takes the `top_k` likeliest tokens of a row that was scanned and whose largest logit is
    /// `max`, exactly as many; all for 0.
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
        (self.max, self.scale) = (max, 1.0);
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
        if !all {
            self.keep_top_k(top_k, bins);
        }
    }

    /// Keeps the `k` likeliest tokens, exactly as many where there are as many.
    pub(super) fn keep_top_k(&mut self, k: usize, bins: &mut Bins) {
        if let Some(cut) = self.cut_of_top_k(k, bins) {
            self.retain(|id, logit| cut.keeps(id, logit));
        }
    }

    /// The last of the `k` likeliest tokens; `None` where there are fewer.
    pub(super) fn cut_of_top_k(&self, k: usize, bins: &mut Bins) -> Option<Cut> {
        let lists = self.ids.iter().zip(&self.logits);
        let counted = lists.map(|(&id, &logit)| Item { id, logit, mass: 1.0 });
        bins.cut(counted, self.max, k as f64)
    }

    /// Keeps the tokens at least `p` times as likely as the likeliest, for a `p` above 0.
    pub(super) fn keep_min_p(&mut self, p: f32) {
        self.drop_below_exact(f64::from(self.max) + f64::from(p).ln() / f64::from(self.scale));
    }

    /// Drops the tokens whose logits are below `lowest`.
    pub(super) fn drop_below_exact(&mut self, lowest: f64) {
        // The smallest single that is not below it.
        let nearest = lowest as f32;
        let above = f64::from(nearest) < lowest;
        self.drop_below(if above { nearest.next_up() } else { nearest });
    }

    /// Keeps the likeliest token alone.
    pub(super) fn keep_best(&mut self) {
        let best = self.best();
        self.retain(|id, _| Some(id) == best);
    }

    /// The likeliest token, the first of several.
    #[allow(clippy::float_cmp, reason = "the largest value is looked for, and it is among them")]
    pub(super) fn best(&self) -> Option<u32> {
        let place = self.logits.iter().position(|&logit| logit == self.max)?;
        self.ids.get(place).copied()
    }

    /// Divides what follows by a temperature above 0.
    pub(super) fn heat(&mut self, temperature: f32) {
        // Dividing by the smallest of singles overflows; the largest scale leaves the likeliest.
        self.scale = (self.scale * (1.0 / temperature)).min(f32::MAX);
    }

    /// Changes logits by their tokens, as they are at the temperature so far.
    pub(super) fn rescore(&mut self, change: impl FnOnce(Scores<'_>)) {
        #[allow(clippy::float_cmp, reason = "exactly 1 is what changes nothing")]
        if self.scale != 1.0 {
            for logit in self.logits.iter_mut().filter(|logit| logit.is_finite()) {
                *logit = finite(f64::from(*logit) * f64::from(self.scale));
            }
            self.scale = 1.0;
        }
        change(Scores::of_some(&self.ids, &mut self.logits));
        self.find_max();
    }

    /// Looks for the largest logit, once the likeliest token may have gone.
    pub(super) fn find_max(&mut self) {
        self.max = self.logits.iter().fold(f32::NEG_INFINITY, |max, &x| max.max(x));
    }

    /// Gives every token that is left its weight at the temperature so far.
    pub(super) fn weigh(&mut self) {
        let Self { kernels, logits, max, scale, weights, sums, .. } = self;
        kernels.weigh(logits, *max, *scale, weights, sums);
        self.total = self.sums.iter().sum();
    }

    /// The natural log of a token's weight, without the rounding of singles.
    pub(super) fn log_weight(&self, logit: f32) -> f64 {
        (f64::from(logit) - f64::from(self.max)) * f64::from(self.scale)
    }

    /// The natural log of the sum of e^logit over what is left.
    pub(super) fn log_sum(&mut self) -> f64 {
        self.weigh();
        f64::from(self.max) + self.total.ln()
    }

    /// Draws a token by its weight; one number of the generator for every draw. `None` where every
    /// weight is 0, as happens at temperatures too small to divide by.
    pub(super) fn draw(&self, rng: &mut Rng) -> Option<u32> {
        let target = rng.next_f64() * self.total;
        let mut reached = 0.0;
        let mut last = None;
        let blocks = self.ids.chunks(WEIGHT_BLOCK).zip(self.weights.chunks(WEIGHT_BLOCK));
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

    /// The tokens that weigh anything and their probabilities, likeliest first. Wants the weights.
    pub(super) fn probabilities(&self) -> Vec<(u32, f32)> {
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let mut ranked: Vec<(u32, f32, f32)> = lists
            .filter(|&(_, &weight)| weight > 0.0)
            .map(|((&id, &logit), &weight)| (id, logit, weight))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let share = |weight: f32| (f64::from(weight) / self.total) as f32;
        ranked.into_iter().map(|(id, _, weight)| (id, share(weight))).collect()
    }

    /// Drops the tokens that `keep` refuses; the order stays.
    pub(super) fn retain(&mut self, keep: impl Fn(u32, f32) -> bool) {
        let count = self.ids.len().min(self.logits.len());
        // Of one length, so that one check of `kept` does for both.
        let (ids, logits) = (&mut self.ids[..count], &mut self.logits[..count]);
        let mut kept = 0;
        for at in 0..count {
            let (id, logit) = (ids[at], logits[at]);
            // Written always and counted where it is kept: no branch to be guessed wrong.
            ids[kept] = id;
            logits[kept] = logit;
            kept += usize::from(keep(id, logit));
        }
        self.ids.truncate(kept);
        self.logits.truncate(kept);
    }

    /// Drops the tokens whose logits are below `lowest`: as [`retain`](Self::retain), and quick
    /// where little is left.
    pub(super) fn drop_below(&mut self, lowest: f32) {
        let count = self.ids.len().min(self.logits.len());
        let mut kept = 0;
        for start in (0..count).step_by(BLOCK) {
            let end = count.min(start + BLOCK);
            let mut left = survivors(&self.logits[start..end], lowest);
            while left != 0 {
                let at = start + left.trailing_zeros() as usize;
                self.ids[kept] = self.ids[at];
                self.logits[kept] = self.logits[at];
                kept += 1;
                left &= left - 1;
            }
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

/// A bit for each of a block's logits that is `lowest` or more.
fn survivors(block: &[f32], lowest: f32) -> u64 {
    let (vectors, rest) = block.as_chunks::<LANES>();
    let mut all = 0;
    for (place, vector) in vectors.iter().enumerate() {
        let mut bits = [0u32; LANES];
        for lane in 0..LANES {
            bits[lane] = u32::from(vector[lane] >= lowest) << lane;
        }
        let bits = bits.iter().fold(0, |all, bit| all | bit);
        all |= u64::from(bits) << (place * LANES);
    }
    let rest = rest.iter().map(|&x| u64::from(x >= lowest)).enumerate();
    rest.fold(all, |all, (place, bit)| all | bit << (vectors.len() * LANES + place))
}
