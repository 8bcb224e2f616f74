//! Value by value: sums, products, norms, activations, conversions.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::exponential::{exp, tanh};
use super::reductions::{LANES, dot, lane_sum, padded, squares_about, sum};
use super::registers::Lanes;

/// `out += x`.
#[inline(always)]
pub(crate) fn add_assign(out: &mut [f32], x: &[f32]) {
    for (place, value) in out.iter_mut().zip(x) {
        *place += *value;
    }
}

/// `out += a * x`, each with one rounding.
#[inline(always)]
pub(crate) fn axpy(out: &mut [f32], a: f32, x: &[f32]) {
    for (place, value) in out.iter_mut().zip(x) {
        *place = a.mul_add(*value, *place);
    }
}

/// `x *= a`.
#[inline(always)]
pub(crate) fn scale(x: &mut [f32], a: f32) {
    for value in x {
        *value *= a;
    }
}

/// The root-mean-square norm.
#[inline(always)]
pub(crate) fn rms_norm(lanes: &impl Lanes, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mean = dot(lanes, x, x, |y| lanes.load(y)) / x.len() as f32;
    let factor = 1.0 / (mean + eps).sqrt();
    for ((place, value), weight) in out.iter_mut().zip(x).zip(weight) {
        *place = *value * factor * *weight;
    }
}

/// The norm of a layer's values, in place.
#[inline(always)]
pub(crate) fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let count = x.len() as f32;
    let mean = sum(x) / count;
    let factor = 1.0 / (squares_about(x, mean) / count + eps).sqrt();
    for ((value, weight), bias) in x.iter_mut().zip(weight).zip(bias) {
        *value = ((*value - mean) * factor).mul_add(*weight, *bias);
    }
}

/// `silu(gate) * up`.
#[inline(always)]
pub(crate) fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((place, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *place = *gate / (1.0 + exp(-*gate)) * *up;
    }
}

/// `(up + 1) * gate * sigmoid(alpha * gate)`, both bounded before. What is no number stays so.
#[inline(always)]
pub(crate) fn bounded_mul(gate: &[f32], up: &[f32], [alpha, limit]: [f32; 2], out: &mut [f32]) {
    for ((place, gate), up) in out.iter_mut().zip(gate).zip(up) {
        let gate = if *gate > limit { limit } else { *gate };
        let up = if *up > limit { limit } else { *up };
        let up = if up < -limit { -limit } else { up };
        *place = gate / (1.0 + exp(-(alpha * gate))) * (up + 1.0);
    }
}

/// `x = cap * tanh(x / cap)`.
#[inline(always)]
pub(crate) fn soft_cap(x: &mut [f32], cap: f32) {
    for value in x {
        *value = cap * tanh(*value / cap);
    }
}

/// Probabilities from scores whose greatest is `greatest`.
///
/// Partial sums of 1,024 values are added in f64, so that the total of a vocabulary of 150,000 is
/// as good as that of a short vector.
#[inline(always)]
pub(crate) fn softmax(x: &mut [f32], greatest: f32) {
    let mut total = 0.0f64;
    for part in x.chunks_mut(1024) {
        let mut sums = [0.0f32; LANES];
        let (chunks, tail) = part.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                chunk[lane] = exp(chunk[lane] - greatest);
                sums[lane] += chunk[lane];
            }
        }
        for value in tail.iter_mut() {
            *value = exp(*value - greatest);
        }
        let tail = padded(tail);
        for lane in 0..LANES {
            sums[lane] += tail[lane];
        }
        total += f64::from(lane_sum(sums));
    }
    scale(x, (1.0 / total) as f32);
}

/// Singles to halves.
#[inline(always)]
pub(crate) fn narrow(x: &[f32], out: &mut [f16], to_bits: impl Fn(&[f32; LANES]) -> [u16; LANES]) {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let (places, last) = out.reinterpret_cast_mut().as_chunks_mut::<LANES>();
    for (place, chunk) in places.iter_mut().zip(chunks) {
        *place = to_bits(chunk);
    }
    for (place, bits) in last.iter_mut().zip(to_bits(&padded(tail))) {
        *place = bits;
    }
}

/// Halves to singles.
#[inline(always)]
pub(crate) fn widen(x: &[f16], out: &mut [f32], from_bits: impl Fn(&[u16; LANES]) -> [f32; LANES]) {
    let (chunks, tail) = x.reinterpret_cast().as_chunks::<LANES>();
    let (places, last) = out.as_chunks_mut::<LANES>();
    for (place, chunk) in places.iter_mut().zip(chunks) {
        *place = from_bits(chunk);
    }
    for (place, value) in last.iter_mut().zip(from_bits(&padded(tail))) {
        *place = value;
    }
}
