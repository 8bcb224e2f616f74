//! One query head over the keys and values of a sequence.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use half::f16;

use super::reductions::{self, LANES, WAYS, dot, padded};
use super::registers::Lanes;
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

/// Scores, softmax, weighted sum. `scores` holds exactly one value per position; `widen` loads 16
/// elements of the cache.
#[inline(always)]
pub(crate) fn attend<K: Copy + Default, L: Lanes>(
    lanes: &L,
    head: &Head<'_, K>,
    scores: &mut [f32],
    out: &mut [f32],
    widen: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let width = head.query.len();
    for (score, key) in scores.iter_mut().zip(head.keys.chunks(head.stride)) {
        let key = key.get(..width).unwrap_or_default();
        *score = dot(lanes, head.query, key, widen) * head.scale;
    }
    softmax(scores, reductions::max(scores));
    weighted_sum(lanes, head, scores, out, widen);
}

/// `out = sum over p of weights[p] * value[p]`, in the order of the positions.
#[inline(always)]
fn weighted_sum<K: Copy + Default, L: Lanes>(
    lanes: &L,
    head: &Head<'_, K>,
    weights: &[f32],
    out: &mut [f32],
    widen: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    const BLOCK: usize = WAYS * LANES;
    let wide = out.len() / BLOCK * BLOCK;
    let (blocks, rest) = out.split_at_mut(wide);
    for (index, block) in blocks.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let start = index * BLOCK;
        let [mut s0, mut s1, mut s2, mut s3] = [lanes.zero(); WAYS];
        for (weight, value) in weights.iter().zip(head.values.chunks(head.stride)) {
            let value = value.get(start..).and_then(|value| value.first_chunk::<BLOCK>());
            let Some([v0, v1, v2, v3]) = value.and_then(|v| v.as_chunks::<LANES>().0.first_chunk())
            else {
                continue; // never: the lengths were checked
            };
            let weight = lanes.splat(*weight);
            s0 = lanes.fma(weight, widen(v0), s0);
            s1 = lanes.fma(weight, widen(v1), s1);
            s2 = lanes.fma(weight, widen(v2), s2);
            s3 = lanes.fma(weight, widen(v3), s3);
        }
        for (places, sum) in block.as_chunks_mut::<LANES>().0.iter_mut().zip([s0, s1, s2, s3]) {
            *places = lanes.store(sum);
        }
    }
    for (index, places) in rest.chunks_mut(LANES).enumerate() {
        let start = wide + index * LANES;
        let mut sum = lanes.zero();
        for (weight, value) in weights.iter().zip(head.values.chunks(head.stride)) {
            let value = value.get(start..start + places.len()).unwrap_or_default();
            sum = lanes.fma(lanes.splat(*weight), widen(&padded(value)), sum);
        }
        for (place, value) in places.iter_mut().zip(lanes.store(sum)) {
            *place = value;
        }
    }
}
