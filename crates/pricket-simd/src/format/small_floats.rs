//! Floats of 8 bits: E4M3 as the OCP's "8-bit Floating Point Specification" has it, a sign, four
//! bits of exponent around 7 and three of mantissa, without infinities.

use half::f16;

/// Columns that share a scale.
pub(crate) const SCALED_COLS: usize = 128;

/// What two to the power of the difference of the exponents' biases is: by so much is the f16 of
/// [`half_of`] too small.
const BIAS: f32 = 256.0;

/// A code as an f16 of the same bits, 256 times too small: a wider exponent with another bias, and
/// a longer mantissa. Exact for every code but the two that are no numbers.
pub(crate) fn half_of(code: u8) -> f16 {
    let (sign, rest) = (u16::from(code & 0x80), u16::from(code & 0x7f));
    f16::from_bits(sign << 8 | rest << 7)
}

/// What the halves of some codes are multiplied by; no number where one of them is none.
pub(crate) fn run_scale(codes: &[u8], scale: f32) -> f32 {
    let none = codes.iter().any(|code| code & 0x7f == 0x7f);
    if none { f32::NAN } else { scale * BIAS }
}

/// Turns a row of codes, and their scales behind them, into numbers.
pub(super) fn read_row(bytes: &[u8], out: &mut [f32]) {
    let (codes, scales) = bytes.split_at(out.len().min(bytes.len()));
    let scales = scales.as_chunks().0.iter().map(|scale| f32::from_le_bytes(*scale));
    let runs = codes.chunks(SCALED_COLS).zip(scales).zip(out.chunks_mut(SCALED_COLS));
    for ((codes, scale), out) in runs {
        let scale = run_scale(codes, scale);
        for (code, value) in codes.iter().zip(out) {
            *value = half_of(*code).to_f32() * scale;
        }
    }
}
