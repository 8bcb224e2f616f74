//! From logits to the few tokens worth choosing among. Everything works in place or in buffers of
//! the caller.

use std::cmp::Ordering;

use crate::{Kernels, SimdError};

/// A token and its logit (or, later in a chain, its probability).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token's id.
    pub token: u32,
    /// Its logit or probability.
    pub score: f32,
}

impl Candidate {
    /// The better candidate is the greater; among equals, the lower token.
    fn rank(self, other: Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.token.cmp(&self.token))
    }
}

/// What a token is made less likely by for having been said before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalties {
    /// Positive logits are divided by it, negative ones multiplied (Keskar et al., 2019). 1: none.
    pub repetition: f32,
    /// Taken off once for each time the token was said. 0: none.
    pub frequency: f32,
    /// Taken off once if the token was said at all. 0: none.
    pub presence: f32,
}

impl Default for Penalties {
    fn default() -> Self {
        Self { repetition: 1.0, frequency: 0.0, presence: 0.0 }
    }
}

impl Penalties {
    /// Changes the logits of the tokens in `counts` (token, times said). Each token may stand there
    /// once; ids beyond the vocabulary are an error, and nothing is written then.
    pub fn apply(&self, logits: &mut [f32], counts: &[(u32, u32)]) -> Result<(), SimdError> {
        let outside = |what, want, value| SimdError::ParameterOutOfRange { what, want, value };
        if !(self.repetition > 0.0 && self.repetition.is_finite()) {
            return Err(outside("the repetition penalty", "above 0", self.repetition));
        }
        for (what, value) in
            [("the frequency penalty", self.frequency), ("the presence penalty", self.presence)]
        {
            if !value.is_finite() {
                return Err(outside(what, "a finite number", value));
            }
        }
        let count = logits.len();
        if let Some((token, _)) = counts.iter().find(|(token, _)| *token as usize >= count) {
            return Err(SimdError::OutOfRange { what: "token", found: *token as usize, count });
        }
        for (token, said) in counts.iter().filter(|(_, said)| *said > 0) {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit =
                    if *logit > 0.0 { *logit / self.repetition } else { *logit * self.repetition };
                *logit -= self.frequency * *said as f32 + self.presence;
            }
        }
        Ok(())
    }
}

/// Logits per sum of [`Kernels::weigh`]: as many as a sum in sixteen singles is exact enough for.
pub const WEIGHT_BLOCK: usize = 1_024;

impl Kernels {
    /// The weights `e^((logit - max) * scale)` of all logits, none of which may be above `max`, and
    /// their sums, [`WEIGHT_BLOCK`] at a time. What is smaller than the smallest normal single is
    /// 0; so is the weight of a NaN. Both lists are overwritten.
    pub fn weigh(
        &self,
        logits: &[f32],
        max: f32,
        scale: f32,
        weights: &mut Vec<f32>,
        sums: &mut Vec<f64>,
    ) {
        weights.resize(logits.len(), 0.0);
        let blocks = logits.chunks(WEIGHT_BLOCK).zip(weights.chunks_mut(WEIGHT_BLOCK));
        sums.clear();
        sums.extend(blocks.map(|(x, out)| f64::from((self.table().weigh)(x, max, scale, out))));
    }

    /// Divides logits by a temperature above 0.
    pub fn scale_temperature(&self, logits: &mut [f32], temperature: f32) -> Result<(), SimdError> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            let (what, want) = ("the temperature", "above 0");
            return Err(SimdError::ParameterOutOfRange { what, want, value: temperature });
        }
        self.scale(logits, 1.0 / temperature);
        Ok(())
    }

    /// The `k` greatest logits, best first, the lower token first among equals, into `out`, which
    /// is cleared first and does not grow if it has room for `k`. All of them if there are fewer.
    ///
    /// One pass with a heap of `k`: after the first few thousand tokens nearly every run of 64
    /// falls to one comparison of its maximum. NaN is an error.
    pub fn top_k(
        &self,
        logits: &[f32],
        k: usize,
        out: &mut Vec<Candidate>,
    ) -> Result<(), SimdError> {
        out.clear();
        let mut token = 0u32;
        for run in logits.chunks(64) {
            let most = (self.table().max)(run);
            if most.is_nan() {
                out.clear();
                return Err(SimdError::NotFinite { what: "a choice of tokens", value: most });
            }
            let worst = out.first().filter(|_| out.len() == k).map(|c| c.score);
            // An equal logit has a higher token than all in the heap, so it stays out.
            if k > 0 && worst.is_none_or(|worst| most > worst) {
                for (offset, score) in run.iter().enumerate() {
                    offer(out, k, Candidate { token: token + offset as u32, score: *score });
                }
            }
            token = token.saturating_add(run.len() as u32);
        }
        out.sort_unstable_by(|a, b| b.rank(*a));
        Ok(())
    }
}

/// Keeps the best `k` in a heap whose root is the worst of them.
fn offer(heap: &mut Vec<Candidate>, k: usize, candidate: Candidate) {
    if heap.len() < k {
        heap.push(candidate);
        let mut child = heap.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if heap[child].rank(heap[parent]).is_ge() {
                break;
            }
            heap.swap(child, parent);
            child = parent;
        }
        return;
    }
    if heap.first().is_none_or(|worst| candidate.rank(*worst).is_le()) {
        return;
    }
    heap[0] = candidate;
    let mut parent = 0;
    loop {
        let (left, right) = (2 * parent + 1, 2 * parent + 2);
        let mut least = parent;
        for child in [left, right] {
            if child < heap.len() && heap[child].rank(heap[least]).is_lt() {
                least = child;
            }
        }
        if least == parent {
            return;
        }
        heap.swap(parent, least);
        parent = least;
    }
}

/// How many of the first `probabilities` (greatest first) reach a total of `p`: the nucleus
/// (Holtzman et al., 2020). At least one if there is any; all of them if they do not reach it.
pub fn nucleus_len(probabilities: &[Candidate], p: f32) -> usize {
    let mut total = 0.0f64;
    for (index, candidate) in probabilities.iter().enumerate() {
        total += f64::from(candidate.score);
        if total >= f64::from(p) {
            return index + 1;
        }
    }
    probabilities.len()
}
