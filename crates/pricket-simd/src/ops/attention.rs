//! One query head over the keys and values of a sequence.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use half::f16;

use super::reductions::{self, LANES, dot, padded};
use super::transforms::softmax;
use crate::{Kernels, SimdError};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
}

/// What a KV cache stores: `f32` or [`half::f16`].
pub trait KvElement:
    Copy + Default + Send + Sync + std::fmt::Debug + 'static + sealed::Sealed
{
    /// Runs the kernel for this element. Called by [`Kernels::attend`] with checked lengths.
    #[doc(hidden)]
    fn run(kernels: &Kernels, head: &Head<'_, Self>, scores: &mut [f32], out: &mut [f32]);
}

impl KvElement for f32 {
    fn run(kernels: &Kernels, head: &Head<'_, Self>, scores: &mut [f32], out: &mut [f32]) {
        (kernels.table().attend_f32)(head, scores, out);
    }
}

impl KvElement for f16 {
    fn run(kernels: &Kernels, head: &Head<'_, Self>, scores: &mut [f32], out: &mut [f32]) {
        (kernels.table().attend_f16)(head, scores, out);
    }
}

/// What one query head attends to.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Head<'a, K> {
    /// The query: one value per dimension of the head.
    pub query: &'a [f32],
    /// Position `p`'s key starts at `p * stride`.
    pub keys: &'a [K],
    /// Position `p`'s value starts at `p * stride`.
    pub values: &'a [K],
    /// Elements from one position to the next, at least the head's dimension.
    pub stride: usize,
    /// Positions to attend to, at least one.
    pub positions: usize,
    /// What scores are multiplied by before the softmax, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
}

impl<'a, K: KvElement> Head<'a, K> {
    /// A head that attends to as many `positions`, scaled by `1 / sqrt(head_dim)`.
    pub fn new(
        query: &'a [f32],
        keys: &'a [K],
        values: &'a [K],
        stride: usize,
        positions: usize,
    ) -> Self {
        let scale = 1.0 / (query.len() as f32).sqrt();
        Self { query, keys, values, stride, positions, scale }
    }

    /// The same with another scale.
    #[must_use]
    pub fn scaled(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Checks every length against the shapes.
    pub(crate) fn check(&self, scores: &[f32], out: &[f32]) -> Result<(), SimdError> {
        let width = self.query.len();
        if self.positions == 0 || width == 0 {
            return Err(SimdError::Empty { what: "attention" });
        }
        SimdError::check_len("the output", width, out.len())?;
        SimdError::check_room("the scores", self.positions, scores.len())?;
        SimdError::check_room("a position of the cache", width, self.stride)?;
        let needed = (self.positions - 1)
            .checked_mul(self.stride)
            .and_then(|start| start.checked_add(width))
            .ok_or(SimdError::SizeOverflow { rows: self.positions, cols: self.stride })?;
        SimdError::check_room("the keys", needed, self.keys.len())?;
        SimdError::check_room("the values", needed, self.values.len())
    }
}

/// Scores, softmax, weighted sum. `scores` holds exactly one value per position.
#[inline(always)]
pub(crate) fn attend<K: Copy + Default>(
    head: &Head<'_, K>,
    scores: &mut [f32],
    out: &mut [f32],
    widen: impl Fn(&[K; LANES]) -> [f32; LANES] + Copy,
) {
    let width = head.query.len();
    for (score, key) in scores.iter_mut().zip(head.keys.chunks(head.stride)) {
        let key = key.get(..width).unwrap_or_default();
        *score = dot(head.query, key, widen) * head.scale;
    }
    softmax(scores, reductions::max(scores));
    weighted_sum(head, scores, out, widen);
}

/// `out = sum over p of weights[p] * value[p]`, in the order of the positions.
#[inline(always)]
fn weighted_sum<K: Copy + Default>(
    head: &Head<'_, K>,
    weights: &[f32],
    out: &mut [f32],
    widen: impl Fn(&[K; LANES]) -> [f32; LANES] + Copy,
) {
    const WAYS: usize = 4;
    let width = out.len();
    let wide = width / (WAYS * LANES) * (WAYS * LANES);
    let (blocks, rest) = out.split_at_mut(wide);
    for (index, block) in blocks.as_chunks_mut::<{ WAYS * LANES }>().0.iter_mut().enumerate() {
        let start = index * WAYS * LANES;
        let mut sums = [[0.0f32; LANES]; WAYS];
        for (weight, value) in weights.iter().zip(head.values.chunks(head.stride)) {
            let value = value.get(start..start + WAYS * LANES).unwrap_or_default();
            for (sum, chunk) in sums.iter_mut().zip(value.as_chunks::<LANES>().0) {
                let chunk = widen(chunk);
                for lane in 0..LANES {
                    sum[lane] = weight.mul_add(chunk[lane], sum[lane]);
                }
            }
        }
        block.copy_from_slice(sums.as_flattened());
    }
    for (index, places) in rest.chunks_mut(LANES).enumerate() {
        let start = wide + index * LANES;
        let mut sums = [0.0f32; LANES];
        for (weight, value) in weights.iter().zip(head.values.chunks(head.stride)) {
            let value = value.get(start..start + places.len()).unwrap_or_default();
            let chunk = widen(&padded(value));
            for lane in 0..LANES {
                sums[lane] = weight.mul_add(chunk[lane], sums[lane]);
            }
        }
        for (place, sum) in places.iter_mut().zip(sums) {
            *place = sum;
        }
    }
}
