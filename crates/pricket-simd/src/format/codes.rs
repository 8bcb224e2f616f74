//! One run of 32 quantised values in a common form: codes, scales and offsets.

use half::{bf16, f16};

use super::Format;
use super::k_quants;
use super::tabled::Tabled;

/// 32 consecutive values of a row as unsigned codes: value `k` is
/// `scale[k / 16] * (code[k] - zero) + offset[k / 16]`.
///
/// Scales and offsets are exact: each is an f16, or an f16 times an integer of at most 8 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Codes {
    /// The codes.
    pub(crate) code: [u8; 32],
    /// What stands for zero.
    pub(crate) zero: u8,
    /// A scale per 16 values.
    pub(crate) scale: [f32; 2],
    /// An offset per 16 values; [`NO_OFFSET`] where the format has none.
    pub(crate) offset: [f32; 2],
}

/// What leaves every number as it is when it is added, zeros with a sign among them.
pub(crate) const NO_OFFSET: f32 = -0.0;

/// The two bytes at `at` as an f16; zero where the slice ends.
pub(super) fn f16_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes(*bytes(block, at)).to_f32()
}

/// `N` bytes at `at`; zeros where the slice ends, which whole blocks never do.
pub(super) fn bytes<const N: usize>(block: &[u8], at: usize) -> &[u8; N] {
    block.get(at..).and_then(|rest| rest.first_chunk()).unwrap_or(&[0; N])
}

/// The byte at `at`; zero where the slice ends. Callers hand in whole blocks, so it never does.
pub(super) fn byte(block: &[u8], at: usize) -> u8 {
    block.get(at).copied().unwrap_or_default()
}

impl Codes {
    /// Reads the `run`-th 32 values of one block of a quantised `format`.
    pub(crate) fn read(format: Format, block: &[u8], run: usize) -> Self {
        match format {
            Format::Q4_0 => Self::even(nibbles(block, 2), 8, f16_at(block, 0), NO_OFFSET),
            Format::Q4_1 => Self::even(nibbles(block, 4), 0, f16_at(block, 0), f16_at(block, 2)),
            Format::Q5_0 => Self::even(five_bits(block, 2), 16, f16_at(block, 0), NO_OFFSET),
            Format::Q5_1 => Self::even(five_bits(block, 4), 0, f16_at(block, 0), f16_at(block, 2)),
            Format::Q8_0 => Self::even(
                bytes(block, 2).map(|code| code ^ 0x80),
                128,
                f16_at(block, 0),
                NO_OFFSET,
            ),
            Format::Q2K => k_quants::q2(block, run),
            Format::Q3K => k_quants::q3(block, run),
            Format::Q4K => k_quants::q4(block, run),
            Format::Q5K => k_quants::q5(block, run),
            Format::Q6K => k_quants::q6(block, run),
            Format::Int4 => {
                let scale = bf16::from_le_bytes(*bytes(block, 0)).to_f32();
                Self::even(int4(block), 8, scale, NO_OFFSET)
            }
            // Floats have no codes; their rows are read as they are.
            _ => {
                let none = Self::even([0; 32], 0, 0.0, 0.0);
                Tabled::of(format).map_or(none, |tabled| tabled.codes(block, run))
            }
        }
    }

    /// One scale and one offset for all 32.
    pub(super) fn even(code: [u8; 32], zero: u8, scale: f32, offset: f32) -> Self {
        Self { code, zero, scale: [scale; 2], offset: [offset; 2] }
    }

    /// The 32 numbers.
    pub(crate) fn values(&self) -> [f32; 32] {
        std::array::from_fn(|k| {
            let steps = i16::from(self.code[k]) - i16::from(self.zero);
            self.scale[k / 16] * f32::from(steps) + self.offset[k / 16]
        })
    }
}

/// 16 bytes at `at`: the low nibbles are values 0..16, the high ones values 16..32.
pub(super) fn nibbles(block: &[u8], at: usize) -> [u8; 32] {
    let pairs: &[u8; 16] = bytes(block, at);
    std::array::from_fn(|k| if k < 16 { pairs[k] & 15 } else { pairs[k - 16] >> 4 })
}

/// Four bytes at `at` with the fifth bits of 32 values, then their nibbles.
fn five_bits(block: &[u8], at: usize) -> [u8; 32] {
    let low = nibbles(block, at + 4);
    let fifth: &[u8; 4] = bytes(block, at);
    std::array::from_fn(|k| low[k] | ((fifth[k / 8] >> (k % 8)) & 1) << 4)
}

/// The nibbles of an `INT4` block, two by two.
pub(crate) fn int4(block: &[u8]) -> [u8; 32] {
    let pairs: &[u8; 16] = bytes(block, 2);
    std::array::from_fn(|k| (pairs[k / 2] >> (4 * (k % 2))) & 15)
}
