//! Activations to signed bytes.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use bytemuck::must_cast;

use super::exponential::ROUNDER;
use crate::activations::Run;

/// Below this greatest magnitude a run counts as zeros: the inverse of its scale would be infinite.
const LEAST_MAGNITUDE: f32 = 1e-35;

/// Quantises one token's row into place `token` of each run: `scale = max|x| / 127` per 32 values,
/// codes to the nearest, ties to even.
///
/// The greatest magnitude is found on the bits, where NaN counts as more than infinity: a scale is
/// NaN or infinite if any value is, and so is every product with it.
#[inline(always)]
pub(crate) fn quantize<const T: usize>(x: &[f32], runs: &mut [Run<T>], token: usize) {
    if token >= T {
        return;
    }
    for (x, run) in x.as_chunks::<32>().0.iter().zip(runs) {
        let mut bits = [0u32; 16];
        for lane in 0..16 {
            let pair = [x[lane], x[lane + 16]].map(|v| v.to_bits() & 0x7fff_ffff);
            bits[lane] = pair[0].max(pair[1]);
        }
        let magnitude = f32::from_bits(bits.iter().fold(0, |most, b| most.max(*b)));
        let [scale, inverse] = scale_of(magnitude);
        let mut codes = [0i8; 32];
        for k in 0..32 {
            codes[k] = (x[k] * inverse + ROUNDER).to_bits() as i8;
        }
        let mut sums = [0i32; 2];
        for (sum, half) in sums.iter_mut().zip(codes.as_chunks::<16>().0) {
            *sum = half.iter().map(|code| i32::from(*code)).sum();
        }
        write(run, token, must_cast(codes), scale, sums);
    }
}

/// The scale of a run, and what its values are multiplied by.
#[inline(always)]
pub(crate) fn scale_of(magnitude: f32) -> [f32; 2] {
    let zero = magnitude < LEAST_MAGNITUDE;
    let scale = if zero { 0.0 } else { magnitude / 127.0 };
    [scale, if zero { 0.0 } else { 1.0 / scale }]
}

/// Puts a run's codes, scale and sums (of columns 0..16 and 16..32) into place. Without a finite
/// scale the codes mean nothing, and sums of zero keep the arithmetic on them in bounds.
#[inline(always)]
pub(crate) fn write<const T: usize>(
    run: &mut Run<T>,
    token: usize,
    codes: [i32; 8],
    scale: f32,
    sums: [i32; 2],
) {
    let sums = if scale.is_finite() { sums } else { [0; 2] };
    run.q[token] = codes;
    run.scale[token] = scale;
    run.minus_half[0][token] = -sums[0];
    run.minus_half[1][token] = -sums[1];
    let sum = sums[0] + sums[1];
    run.minus_8[token] = -8 * sum;
    run.minus_128[token] = -128 * sum;
    run.scaled_sum[token] = scale * sum as f32;
}
