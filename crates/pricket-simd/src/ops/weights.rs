//! Weights for a draw: the exponential function over a vocabulary of logits.
//!
//! Products and sums are rounded one by one here and never fused, so that a processor without fused
//! instructions computes the same weights at a few instructions each, and not by a library call.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::exponential::ROUNDER;
use super::reductions::LANES;

/// Below this, e^x is no normal single any more and counts as 0.
const SMALLEST: f32 = -87.3;

/// e^x for x <= 0 (NaN gives 0): range reduction x = n ln 2 + r with ln 2 in two parts (Cody and
/// Waite, "Software Manual for the Elementary Functions", 1980), then a polynomial for e^r on
/// |r| <= ln 2 / 2 with the Taylor coefficients to degree 7, whose remainder there is below 6e-9.
/// The relative error is a few units in the last place.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    const LN2_HIGH: f32 = 355.0 / 512.0; // nine bits, so that n * LN2_HIGH is exact
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.max(SMALLEST);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    // n is in -126..=0, so the exponent field stays in range and the shift loses only the rest of
    // ROUNDER's bits.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x >= SMALLEST { p * power } else { 0.0 }
}

/// Writes `e^((x - max) * scale)` for every logit into `out` and returns the sum, taken in one lane
/// for each of `LANES` logits in a row: for blocks so short that this is exact to about one unit in
/// the last place.
#[inline(always)]
pub(crate) fn weigh(logits: &[f32], max: f32, scale: f32, out: &mut [f32]) -> f32 {
    for (x, y) in logits.iter().zip(out.iter_mut()) {
        *y = exp_negative((x - max) * scale);
    }
    let mut lanes = [0.0f32; LANES];
    let (vectors, rest) = out.as_chunks::<LANES>();
    for vector in vectors {
        for lane in 0..LANES {
            lanes[lane] += vector[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}
