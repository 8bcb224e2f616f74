//! What looks at the whole distribution: its entropy, its spread, its expected surprise.

use super::Rng;
use super::cut::{Bins, Item};
use super::filters::Candidates;

impl Candidates {
    /// The entropy of what is left, in nats. Wants the weights.
    fn entropy(&self) -> f64 {
        let lists = self.weights.iter().zip(&self.logits).filter(|&(&weight, _)| weight > 0.0);
        let logs = lists.map(|(&weight, &logit)| f64::from(weight) * self.log_weight(logit));
        self.total.ln() - logs.sum::<f64>() / self.total
    }

    /// Keeps the tokens whose surprise is nearest to the entropy, the fewest whose probabilities
    /// reach `p` (Meister et al., "Locally Typical Sampling", 2022); of two as near the lower id.
    pub(super) fn keep_typical(&mut self, p: f32, bins: &mut Bins) {
        self.weigh();
        let expected = self.total.ln() - self.entropy();
        let (max, scale) = (f64::from(self.max), f64::from(self.scale));
        // Nearer is larger, as a likelier logit is.
        let nearness = |logit: f32| -(((f64::from(logit) - max) * scale - expected).abs()) as f32;
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let items = lists.map(|((&id, &logit), &mass)| Item { id, logit: nearness(logit), mass });
        if let Some(cut) = bins.cut(items, 0.0, f64::from(p) * self.total) {
            self.retain(|id, logit| cut.keeps(id, nearness(logit)));
            self.find_max();
        }
    }

    /// Drops the tokens whose logits are more than `n` standard deviations below the largest (Tang
    /// et al., "Top-n-sigma: Not All Logits Are You Need", 2024). Tokens that cannot come do not
    /// count in the deviation.
    pub(super) fn keep_top_n_sigma(&mut self, n: f32) {
        let finite = || self.logits.iter().filter(|logit| logit.is_finite());
        let logits = || finite().map(|&logit| f64::from(logit));
        let count = finite().count() as f64;
        let mean = logits().sum::<f64>() / count;
        let variance = logits().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        self.drop_below_exact(f64::from(self.max) - f64::from(n) * variance.sqrt());
    }

    /// With a chance of `probability` drops every token at least as likely as `threshold` but the
    /// least likely of them, of equals the highest id (P. E. Weidmann's XTC). One number of the
    /// generator, whether it acts or not.
    pub(super) fn exclude_top(&mut self, probability: f32, threshold: f32, rng: &mut Rng) {
        if rng.next_f64() >= f64::from(probability) {
            return;
        }
        self.weigh();
        let least = f64::from(threshold) * self.total;
        let lists = self.ids.iter().zip(&self.logits).zip(&self.weights);
        let top =
            lists.filter(|&((_, logit), &weight)| logit.is_finite() && f64::from(weight) >= least);
        let top = top.map(|((&id, &logit), _)| (logit, id));
        let last = top.reduce(|last, token| if token.0 <= last.0 { token } else { last });
        if let Some((lowest, last)) = last {
            // What weighs as much has such a logit too.
            self.retain(|id, logit| logit < lowest || id == last);
            self.find_max();
        }
    }

    /// The temperature between `base - range` and `base + range`, at least 0, that the entropy asks
    /// for: as a share of the largest entropy that so many tokens can have, raised to `exponent`
    /// (L. Lu's dynamic temperature, as llama.cpp computes it). The base where one token is left.
    pub(super) fn dynamic_temperature(&mut self, base: f32, range: f32, exponent: f32) -> f32 {
        let possible = self.logits.iter().filter(|logit| logit.is_finite()).count();
        if possible < 2 {
            return base;
        }
        self.weigh();
        let share = (self.entropy() / (possible as f64).ln()).clamp(0.0, 1.0);
        let (low, high) = ((base - range).max(0.0), base + range);
        let (low, high) = (f64::from(low), f64::from(high.min(f32::MAX)));
        (low + (high - low) * share.powf(f64::from(exponent))) as f32
    }
}
