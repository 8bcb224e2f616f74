//! The tokens that are left, and what narrows them.

use pricket_simd::{Kernels, WEIGHT_BLOCK};

use super::Rng;
use super::cut::{Bins, Cut, Item};
use super::peaks::Peaks;

/// Lanes that the compiler makes vectors of.
const LANES: usize = 16;

/// Logits that are compared before the first of them is moved: as many as a `u64` has bits.
const BLOCK: usize = 64;

/// One token in so many stands for all where an edge is guessed.
const SAMPLE_STRIDE: usize = 16;

/// The fewest tokens from which a guess is worth its time.
const SAMPLE_LEN_MIN: usize = 512;

/// The tokens that are left, by rising id, in parallel lists.
#[derive(Debug)]
pub(super) struct Candidates {
    /// Any level: all give the same bits.
    kernels: &'static Kernels,
    ids: Vec<u32>,
    logits: Vec<f32>,
    /// Not normalised.
    weights: Vec<f32>,
    /// The sums of the weights, [`WEIGHT_BLOCK`] at a time.
    sums: Vec<f64>,
    /// The sum of all weights.
    total: f64,
}

impl Candidates {
    /// Room for every token of a vocabulary.
    pub(super) fn with_capacity(vocab_size: usize) -> Self {
        Self {
            kernels: Kernels::detect().unwrap_or_else(|_| Kernels::scalar()),
            ids: Vec::with_capacity(vocab_size),
            logits: Vec::with_capacity(vocab_size),
            weights: Vec::with_capacity(vocab_size),
            sums: Vec::with_capacity(vocab_size.div_ceil(WEIGHT_BLOCK)),
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
        self.drop_below(self.floor_of_top_p(p, max, bins));
        self.weigh(1.0, max);
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let items = lists.map(|((&id, &logit), &mass)| Item { id, logit, mass });
        if let Some(cut) = bins.cut(items, max, target) {
            self.retain(|id, logit| cut.keeps(id, logit));
        }
    }

    /// A logit that the last token of the prefix of [`keep_top_p`](Self::keep_top_p) is not below;
    /// the closer, the fewer tokens are looked at one by one. Wants the weights at temperature 1.
    fn floor_of_top_p(&self, p: f64, max: f32, bins: &mut Bins) -> f32 {
        // All tokens lighter than this together weigh less than half of what p leaves out, so the
        // prefix ends before them.
        let lightest = (1.0 - p) * 0.5 * self.total / self.ids.len() as f64;
        let sure = max + lightest.ln() as f32;
        if self.ids.len() < SAMPLE_STRIDE * SAMPLE_LEN_MIN {
            return sure;
        }
        // Where a sample of the tokens has its edge, with a margin of half of what p leaves out.
        // Strides before the zips: a zip strides by walking.
        let ids = self.ids.iter().step_by(SAMPLE_STRIDE);
        let logits = self.logits.iter().step_by(SAMPLE_STRIDE);
        let weights = self.weights.iter().step_by(SAMPLE_STRIDE);
        let lists = ids.zip(logits).zip(weights);
        let sample = lists.map(|((&id, &logit), &mass)| Item { id, logit, mass });
        let sampled: f64 = sample.clone().map(|item| f64::from(item.mass)).sum();
        let guess = bins.cut(sample, max, (p + 1.0) * 0.5 * sampled).map(Cut::logit);
        // A guess: it holds only where the tokens from there on do weigh enough, by more than the
        // rounding of their sum.
        let enough = p * self.total * (1.0 + 1e-4);
        match guess {
            Some(guess) if guess > sure && self.weight_from(guess) >= enough => guess,
            _ => sure,
        }
    }

    /// The weight of the tokens whose logits are `lowest` or more.
    fn weight_from(&self, lowest: f32) -> f64 {
        let blocks = self.logits.chunks(WEIGHT_BLOCK).zip(self.weights.chunks(WEIGHT_BLOCK));
        let sum = |(logits, weights): (&[f32], &[f32])| {
            let mut lanes = [0.0f32; LANES];
            let (logits, rest) = logits.as_chunks::<LANES>();
            let (weights, rest_weights) = weights.as_chunks::<LANES>();
            for (logits, weights) in logits.iter().zip(weights) {
                for lane in 0..LANES {
                    // All bits or none, and no branch: what makes a vector of it.
                    let mask = u32::from(logits[lane] >= lowest).wrapping_neg();
                    lanes[lane] += f32::from_bits(weights[lane].to_bits() & mask);
                }
            }
            let rest = rest.iter().zip(rest_weights).filter(|&(&logit, _)| logit >= lowest);
            let rest: f32 = rest.map(|(_, weight)| weight).sum();
            f64::from(lanes.iter().sum::<f32>() + rest)
        };
        blocks.map(sum).sum()
    }

    /// Keeps the tokens at least `p` times as likely as the likeliest.
    pub(super) fn keep_min_p(&mut self, p: f32, max: f32) {
        if p <= 0.0 {
            return;
        }
        let lowest = f64::from(max) + f64::from(p).ln();
        // The smallest single that is not below it.
        let nearest = lowest as f32;
        let above = f64::from(nearest) < lowest;
        self.drop_below(if above { nearest.next_up() } else { nearest });
    }

    /// Gives every token that is left its weight at a temperature above 0.
    pub(super) fn weigh(&mut self, temperature: f32, max: f32) {
        let Self { kernels, logits, weights, sums, .. } = self;
        kernels.weigh(logits, max, 1.0 / temperature, weights, sums);
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

    /// Drops the tokens that `keep` refuses; the order stays.
    fn retain(&mut self, keep: impl Fn(u32, f32) -> bool) {
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
    fn drop_below(&mut self, lowest: f32) {
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
