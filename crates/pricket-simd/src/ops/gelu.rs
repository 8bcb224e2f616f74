//! The Gaussian error linear unit, `x * P(X <= x)` for a standard normal `X` (Hendrycks and Gimpel,
//! 2016), and its form with a hyperbolic tangent.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::exponential::exp;

/// `x / 2 * (1 + erf(x / sqrt(2)))`.
///
/// Of the two tails of the normal distribution the one beyond `|x|` is computed, by formula 7.1.26
/// of Abramowitz and Stegun (1964), whose error is below 1.5e-7; the other is what is left of one.
/// So nothing cancels where `x` is negative.
#[inline(always)]
pub(crate) fn gelu(x: &mut [f32]) {
    const P: f32 = 0.327_591_1;
    const A: [f32; 5] = [0.254_829_6, -0.284_496_72, 1.421_413_8, -1.453_152_1, 1.061_405_4];
    for value in x {
        let v = *value;
        let z = v.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / P.mul_add(z, 1.0);
        let mut p = t.mul_add(A[4], A[3]);
        p = t.mul_add(p, A[2]);
        p = t.mul_add(p, A[1]);
        p = t.mul_add(p, A[0]);
        let tail = 0.5 * p * t * exp(-z * z);
        *value = v * if v < 0.0 { tail } else { 1.0 - tail };
    }
}

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`, where `(1 + tanh(u)) / 2` is
/// `1 / (1 + exp(-2 u))`.
#[inline(always)]
fn of_tanh(x: f32) -> f32 {
    const TWICE_SQRT_2_PI: f32 = 1.595_769;
    let u = TWICE_SQRT_2_PI * x * (x * x).mul_add(0.044_715, 1.0);
    x / (1.0 + exp(-u))
}

/// The form with a hyperbolic tangent, in place.
#[inline(always)]
pub(crate) fn gelu_tanh(x: &mut [f32]) {
    for value in x {
        *value = of_tanh(*value);
    }
}

/// That form of `gate`, times `up`.
#[inline(always)]
pub(crate) fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((place, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *place = of_tanh(*gate) * *up;
    }
}
