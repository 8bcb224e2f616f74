//! The exponential function over slices, written so that the compiler makes vectors of it.

/// Below this, e^x is no normal f32 any more and counts as 0.
const SMALLEST: f32 = -87.3;

/// e^x for x <= 0 (NaN gives 0): range reduction x = n ln 2 + r with ln 2 in two parts (Cody and
/// Waite, "Software Manual for the Elementary Functions", 1980), then a polynomial for e^r on
/// |r| <= ln 2 / 2 with the Taylor coefficients to degree 7, whose remainder there is below 6e-9.
/// The relative error is a few units in the last place of an f32.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call per element would undo the vectorisation")]
pub(super) fn exp_negative(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.max(SMALLEST);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    // n is in -126..=0, so the exponent field stays in range and the shift loses only ROUND's bits.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x >= SMALLEST { p * power } else { 0.0 }
}

/// Logits per call of [`exponentials`]: as many as a sum in f32 lanes is exact enough for.
pub(super) const SUM_BLOCK: usize = 1_024;

/// Writes `e^((x - max) * scale)` for every logit of a block into `out`, which is as long, and
/// returns the sum. It is taken in sixteen f32 lanes, so that its error stays near one unit in the
/// last place; whoever adds up blocks does it in f64.
pub(super) fn exponentials(logits: &[f32], max: f32, scale: f32, out: &mut [f32]) -> f64 {
    for (x, y) in logits.iter().zip(out.iter_mut()) {
        *y = exp_negative((x - max) * scale);
    }
    let mut lanes = [0.0f32; 16];
    let vectors = out.chunks_exact(16);
    let rest: f32 = vectors.remainder().iter().sum();
    for vector in vectors {
        for (lane, y) in lanes.iter_mut().zip(vector) {
            *lane += y;
        }
    }
    f64::from(lanes.iter().sum::<f32>() + rest)
}
