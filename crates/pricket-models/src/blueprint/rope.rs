//! How positions become angles.

use pricket_simd::RopePairing;

/// How positions become angles (rotary embeddings: Su et al. 2021).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RopePlan {
    /// Radians per position, one for each pair: up to `head_dim / 2` values. What a head has
    /// beyond the pairs stays as it is.
    pub(crate) inv_freq: Vec<f32>,
    /// What stands for `inv_freq` where the context is long.
    pub(crate) long: Option<LongRope>,
    /// What cosines and sines are multiplied with.
    pub(crate) magnitude: f32,
    /// Which values of a head form a pair.
    pub(crate) pairing: RopePairing,
}

/// Frequencies for long contexts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LongRope {
    pub(crate) inv_freq: Vec<f32>,
    /// A context of more tokens is long.
    pub(crate) beyond: usize,
}

impl RopePlan {
    /// How many values of each head form pairs, halved.
    pub(crate) fn pairs(&self) -> usize {
        self.inv_freq.len()
    }

    /// Writes the cosines and sines of a position, one of each for each pair. The angle is rounded
    /// to f32 as the reference implementations round it; its cosine is exact beyond f32.
    ///
    /// `context` is how many tokens the sequence's cache has room for. It alone decides whether the
    /// frequencies are those for long contexts: all keys of a cache must be turned alike, however
    /// long the sequence has become when each was written.
    pub(crate) fn angles(&self, position: usize, context: usize, cos: &mut [f32], sin: &mut [f32]) {
        let long = self.long.as_ref().filter(|long| context > long.beyond);
        let inv_freq = long.map_or(&self.inv_freq, |long| &long.inv_freq);
        for ((freq, cos), sin) in inv_freq.iter().zip(cos).zip(sin) {
            let angle = f64::from(position as f32 * freq);
            *cos = angle.cos() as f32 * self.magnitude;
            *sin = angle.sin() as f32 * self.magnitude;
        }
    }
}
