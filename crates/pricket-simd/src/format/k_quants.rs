//! The k-quants: super-blocks of 256 values with small integer scales for runs of 16 or 32.
//! Source: the GGUF specification and ggml's `dequantize_row_q*_K`.

use super::Format;
use super::codes::{Codes, NO_OFFSET, byte, bytes, f16_at};

/// `Q2_K`: 16 bytes of scale (low nibble) and offset (high nibble) per 16 values, 64 bytes of 2-bit
/// codes, f16 scale, f16 offset scale. Each half of 128 values shares 32 bytes of codes.
pub(super) fn q2(block: &[u8], run: usize) -> Codes {
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    let (half, shift) = (run / 4, 2 * (run % 4));
    let pair = [byte(block, 2 * run), byte(block, 2 * run + 1)];
    Codes {
        code: bytes::<32>(block, 16 + 32 * half).map(|four| (four >> shift) & 3),
        zero: 0,
        scale: pair.map(|p| d * f32::from(p & 15)),
        offset: pair.map(|p| -(dmin * f32::from(p >> 4))),
    }
}

/// The `index`-th of the 16 scales of a `Q3_K` block.
fn q3_scale(block: &[u8], index: usize) -> i8 {
    let low = byte(block, 96 + index % 8) >> (4 * (index / 8)) & 15;
    let high = byte(block, 104 + index % 4) >> (2 * (index / 4)) & 3;
    (low | high << 4).cast_signed() - 32
}

/// `Q3_K`: 32 bytes of third bits, 64 bytes of 2-bit codes, 12 bytes of 6-bit scales, f16 scale.
/// The third bit set means "no 4 subtracted", so that the code is 0..8 around a zero of 4.
pub(super) fn q3(block: &[u8], run: usize) -> Codes {
    let d = f16_at(block, 108);
    let (half, shift) = (run / 4, 2 * (run % 4));
    let scale = |index: usize| d * f32::from(q3_scale(block, index));
    let (low, third): (&[u8; 32], &[u8; 32]) = (bytes(block, 32 + 32 * half), bytes(block, 0));
    Codes {
        code: std::array::from_fn(|k| ((low[k] >> shift) & 3) | ((third[k] >> run) & 1) << 2),
        zero: 4,
        scale: [scale(2 * run), scale(2 * run + 1)],
        offset: [NO_OFFSET; 2],
    }
}

/// The `index`-th 6-bit scale and offset of the 12 bytes that `Q4_K` and `Q5_K` share.
fn six_bit_pair(packed: &[u8], index: usize) -> (u8, u8) {
    let at = |i: usize| byte(packed, i);
    if index < 4 {
        (at(index) & 63, at(index + 4) & 63)
    } else {
        let (low, high) = (at(index + 4), (at(index - 4) >> 6, at(index) >> 6));
        (low & 15 | high.0 << 4, low >> 4 | high.1 << 4)
    }
}

/// Scale and offset of one run of `Q4_K` or `Q5_K`.
fn scale_and_offset(block: &[u8], run: usize) -> (f32, f32) {
    let (scale, offset) = six_bit_pair(block.get(4..16).unwrap_or_default(), run);
    (f16_at(block, 0) * f32::from(scale), -(f16_at(block, 2) * f32::from(offset)))
}

/// `Q4_K`: f16 scale, f16 offset scale, 12 bytes of 6-bit pairs, 128 bytes of nibbles; runs 2i and
/// 2i + 1 are the low and high nibbles of one 32 bytes.
pub(super) fn q4(block: &[u8], run: usize) -> Codes {
    let (scale, offset) = scale_and_offset(block, run);
    let pairs: &[u8; 32] = bytes(block, 16 + run / 2 * 32);
    Codes::even(pairs.map(|pair| (pair >> (run % 2 * 4)) & 15), 0, scale, offset)
}

/// `Q5_K`: as `Q4_K`, with 32 bytes of fifth bits before the nibbles; bit `run` belongs to a run.
pub(super) fn q5(block: &[u8], run: usize) -> Codes {
    let (scale, offset) = scale_and_offset(block, run);
    let pairs: &[u8; 32] = bytes(block, 48 + run / 2 * 32);
    let fifth: &[u8; 32] = bytes(block, 16);
    let code =
        std::array::from_fn(|k| ((pairs[k] >> (run % 2 * 4)) & 15) | ((fifth[k] >> run) & 1) << 4);
    Codes::even(code, 0, scale, offset)
}

/// `Q6_K`: 128 bytes of low nibbles, 64 bytes of upper 2 bits, 16 signed scales, f16 scale. In each
/// half of 128 values, runs 0 and 1 are the low nibbles of 64 bytes and runs 2 and 3 the high ones.
pub(super) fn q6(block: &[u8], run: usize) -> Codes {
    let d = f16_at(block, 208);
    let (half, part) = (run / 4, run % 4);
    let scale = |index: usize| d * f32::from(byte(block, 192 + index).cast_signed());
    let low: &[u8; 32] = bytes(block, 64 * half + 32 * (part % 2));
    let high: &[u8; 32] = bytes(block, 128 + 32 * half);
    Codes {
        code: std::array::from_fn(|k| {
            ((low[k] >> (4 * (part / 2))) & 15) | ((high[k] >> (2 * part)) & 3) << 4
        }),
        zero: 32,
        scale: [scale(2 * run), scale(2 * run + 1)],
        offset: [NO_OFFSET; 2],
    }
}

/// What the scales and offsets of a k-quant's block are made of: two f16 (of scales, of offsets;
/// zero where there is none), and two bytes for each run of 32: scale and offset (`Q4_K`, `Q5_K`),
/// the signed scales of its halves (`Q6_K`, `Q3_K`), or for each half a nibble of scale below one
/// of offset (`Q2_K`).
pub(crate) fn factors(format: Format, block: &[u8]) -> ([[u8; 2]; 2], [u8; 16]) {
    let half = |at: usize| *bytes::<2>(block, at);
    match format {
        Format::Q2K => ([half(80), half(82)], *bytes(block, 0)),
        Format::Q3K => {
            let scale = |index| q3_scale(block, index).cast_unsigned();
            ([half(108), [0; 2]], std::array::from_fn(scale))
        }
        Format::Q6K => ([half(208), [0; 2]], *bytes(block, 192)),
        _ => ([half(0), half(2)], six_bit_pairs(bytes(block, 4))),
    }
}

/// All eight scales and offsets of the 12 bytes that `Q4_K` and `Q5_K` share, by turns: those of
/// the first four runs stand in six bits of a byte each, above them two bits of the others'.
fn six_bit_pairs(packed: &[u8; 12]) -> [u8; 16] {
    let [scales, offsets, rest] = [0, 4, 8].map(|at| u32::from_le_bytes(*bytes(packed, at)));
    let upper = |word: u32| (word >> 2) & 0x3030_3030;
    let of_runs = [
        (scales & 0x3f3f_3f3f, offsets & 0x3f3f_3f3f),
        (rest & 0x0f0f_0f0f | upper(scales), (rest >> 4) & 0x0f0f_0f0f | upper(offsets)),
    ]
    .map(|(scales, offsets)| (scales.to_le_bytes(), offsets.to_le_bytes()));
    std::array::from_fn(|index| {
        let (scales, offsets) = of_runs[index / 8];
        if index % 2 == 0 { scales[index % 8 / 2] } else { offsets[index % 8 / 2] }
    })
}
