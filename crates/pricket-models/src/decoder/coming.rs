//! While a thread waits for its share of the next stage, it fetches the first weights of that
//! share: memory would otherwise rest while the caller normalises, quantises and samples.

use std::fmt;
use std::sync::Arc;

use pricket_simd::Ahead;

use super::rows::Stage;
use super::weights::DecoderWeights;

/// Bytes fetched between two looks for a job: 16 lines, some 0.1 us at the speed of memory.
const STEP_BYTES: usize = 1024;

/// The most bytes fetched ahead. They wait in the second-level cache, of which the smallest in use
/// hold 512 KiB (Zen) or 1 MiB (Cascade Lake).
const AHEAD_BYTES: usize = 128 * 1024;

/// The stages of a layer that read weights, in order.
const STAGES: [Stage; 4] = [Stage::Project, Stage::Output, Stage::GateUp, Stage::Down];

/// What a thread reads next.
pub(crate) struct Coming {
    pub(crate) weights: Arc<DecoderWeights>,
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl fmt::Debug for Coming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, of) = (self.index, self.of);
        f.debug_struct("Coming").field("index", &index).field("of", &of).finish_non_exhaustive()
    }
}

impl Coming {
    /// The place of a stage in the order of reading; `None` where what follows depends on the
    /// choice of experts.
    pub(crate) fn place(layer: usize, stage: Stage) -> Option<usize> {
        if stage == Stage::Head {
            return Some(usize::MAX);
        }
        // After queries out of their latent comes what comes after queries.
        let stage = if stage == Stage::Query { Stage::Project } else { stage };
        let index = STAGES.iter().position(|known| *known == stage)?;
        Some(layer * STAGES.len() + index)
    }

    /// The stage that follows a place. After the logits comes the next token's first layer.
    fn next(&self, place: usize) -> (usize, Stage) {
        let next = if place == usize::MAX { 0 } else { place + 1 };
        let (layer, index) = (next / STAGES.len(), next % STAGES.len());
        if layer >= self.weights.layers.len() {
            return (0, Stage::Head);
        }
        (layer, STAGES.get(index).copied().unwrap_or(Stage::Head))
    }
}

impl Ahead for Coming {
    fn step(&self, place: usize, step: usize) -> bool {
        let (layer, stage) = self.next(place);
        let start = step * STEP_BYTES;
        if start >= AHEAD_BYTES {
            return false;
        }
        let mut skip = start;
        for segment in self.weights.segments(layer, stage, self.index, self.of) {
            let weight = &segment.linear.weight;
            let bytes = weight.bytes() / weight.groups().max(1) * segment.groups.len();
            if skip < bytes {
                self.weights.kernels.fetch(weight, segment.groups.start, skip, STEP_BYTES);
                return true;
            }
            skip -= bytes;
        }
        false
    }
}
