//! Top-p: the nucleus, whose edge is guessed before it is looked for.

use pricket_simd::WEIGHT_BLOCK;

use super::cut::{Bins, Cut, Item};
use super::filters::{Candidates, LANES};

/// One token in so many stands for all where an edge is guessed.
const SAMPLE_STRIDE: usize = 16;

/// The fewest tokens from which a guess is worth its time.
const SAMPLE_LEN_MIN: usize = 512;

impl Candidates {
    /// Keeps the smallest prefix whose probabilities among what is left reach `p` (Holtzman
    /// et al., "The Curious Case of Neural Text Degeneration", 2020); one token at least.
    pub(super) fn keep_top_p(&mut self, p: f32, bins: &mut Bins) {
        self.weigh();
        let p = f64::from(p);
        let target = p * self.total;
        self.drop_below(self.floor_of_top_p(p, bins));
        self.weigh();
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let items = lists.map(|((&id, &logit), &mass)| Item { id, logit, mass });
        if let Some(cut) = bins.cut(items, self.max, target) {
            self.retain(|id, logit| cut.keeps(id, logit));
        }
    }

    /// A logit that the last token of the prefix of [`keep_top_p`](Self::keep_top_p) is not below;
    /// the closer, the fewer tokens are looked at one by one. Wants the weights.
    fn floor_of_top_p(&self, p: f64, bins: &mut Bins) -> f32 {
        // All tokens lighter than this together weigh less than half of what p leaves out, so the
        // prefix ends before them.
        let lightest = (1.0 - p) * 0.5 * self.total / self.ids.len() as f64;
        let sure = self.max + lightest.ln() as f32 / self.scale;
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
        let guess = bins.cut(sample, self.max, (p + 1.0) * 0.5 * sampled).map(Cut::logit);
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
}
