//! The exponential function and the hyperbolic tangent in singles.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

/// Adding this to a value below 2^22 leaves its nearest integer in the low bits of the sum.
pub(crate) const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// Below this the result is taken as zero: it would be less than the smallest normal single.
const LEAST: f32 = -87.0;
/// Above this the result would be infinite.
const MOST: f32 = 88.0;

/// `exp(x)` within two units in the last place for -87 <= x <= 88; 0 below, `exp(88)` above, and
/// NaN for NaN.
///
/// Cody and Waite's reduction `x = n ln 2 + r`, |r| <= ln 2 / 2, and the Taylor polynomial of
/// degree 7, whose remainder on that interval is below 6e-9.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 355.0 / 512.0; // nine bits, so that n * LN2_HIGH is exact
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let bounded = if x > MOST { MOST } else { x };
    let shifted = bounded.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, bounded));
    let mut p = 1.0 / 5040.0;
    p = r.mul_add(p, 1.0 / 720.0);
    p = r.mul_add(p, 1.0 / 120.0);
    p = r.mul_add(p, 1.0 / 24.0);
    p = r.mul_add(p, 1.0 / 6.0);
    p = r.mul_add(p, 0.5);
    p = r.mul_add(p, 1.0);
    p = r.mul_add(p, 1.0);
    // 2^n by its exponent field: the low bits of `shifted` hold n, and -126 <= n <= 127 here.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < LEAST { 0.0 } else { p * power }
}

/// Up to here the hyperbolic tangent is taken from its continued fraction.
const SMALL: f32 = 0.75;

/// `tanh(x)` within a few units in the last place.
///
/// Near zero Lambert's continued fraction `x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9))))`,
/// written as one quotient; what it leaves out is below `x^11 / (945 * 10395)`, 5e-9 at 0.75.
/// Beyond, where nothing cancels, `1 - 2 / (exp(2 |x|) + 1)` with the sign of x.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let above = square.mul_add(square + 105.0, 945.0);
    let below = square.mul_add(square.mul_add(15.0, 420.0), 945.0);
    let near = x * (above / below);
    let far = (1.0 - 2.0 / (exp(size + size) + 1.0)).copysign(x);
    if size < SMALL { near } else { far }
}
