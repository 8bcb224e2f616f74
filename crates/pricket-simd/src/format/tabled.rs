//! The formats whose codes are places in a table of 16 steps: the I-quants, the ternary ones and
//! MXFP4.
//!
//! A value is a block's scale times a small whole number for its half of a run, times a step. Every
//! one of these products is exact in f32: an f16 has 11 bits, the whole number at most 6 and a step
//! at most 7.

use super::Format;
use super::codes::{Codes, NO_OFFSET, byte, bytes, f16_at, nibbles};
use super::i_quants;

/// What the places of a table stand for: `step[place] - zero`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The steps, moved by `zero` so that none is negative.
    pub(crate) step: [u8; 16],
    /// What stands for zero.
    pub(crate) zero: u8,
}

impl Steps {
    /// Steps around a zero.
    const fn around(zero: u8, values: [i8; 16]) -> Self {
        let mut step = [0; 16];
        let mut place = 0;
        while place < 16 {
            step[place] = zero.wrapping_add_signed(values[place]);
            place += 1;
        }
        Self { step, zero }
    }

    /// `IQ4_NL` and `IQ4_XS`: finer around zero than at the ends.
    pub(crate) const CURVE: Self = Self::around(
        128,
        [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
    );
    /// MXFP4: twice the values of E2M1, so that they are whole. Of the two zeros one is negative,
    /// which a product does not show.
    pub(crate) const MICRO: Self =
        Self::around(12, [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]);
    /// `IQ3_XXS`: eight magnitudes, and above them the sign.
    pub(crate) const WIDE: Self =
        Self::around(62, [4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62]);
    /// `IQ3_S`: the odd numbers.
    pub(crate) const ODD: Self =
        Self::around(15, [1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15]);
    /// `IQ2_*`: three magnitudes, and above their two bits the sign.
    pub(crate) const TRIPLE: Self =
        Self::around(43, [8, 25, 43, 0, -8, -25, -43, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    /// `IQ1_*`: eighths of -1, 0 and 1, moved up by one of them or, above the two bits, down.
    pub(crate) const EIGHTHS: Self =
        Self::around(9, [-7, 1, 9, 0, -9, -1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    /// `TQ*`: two bits from -1 on.
    pub(crate) const TERNARY: Self =
        Self::around(1, [-1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// A format whose codes are places in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tabled {
    format: Format,
    /// What the places stand for.
    pub(crate) steps: Steps,
}

impl Tabled {
    /// The format as one of these; `None` where it is none.
    pub(crate) fn of(format: Format) -> Option<Self> {
        let steps = match format {
            Format::Iq1S | Format::Iq1M => Steps::EIGHTHS,
            Format::Iq2Xxs | Format::Iq2Xs | Format::Iq2S => Steps::TRIPLE,
            Format::Iq3Xxs => Steps::WIDE,
            Format::Iq3S => Steps::ODD,
            Format::Iq4Nl | Format::Iq4Xs => Steps::CURVE,
            Format::Tq1_0 | Format::Tq2_0 => Steps::TERNARY,
            Format::Mxfp4 => Steps::MICRO,
            _ => return None,
        };
        Some(Self { format, steps })
    }

    /// A block's scale, before it is multiplied by [`Tabled::multipliers`].
    pub(crate) fn scale(self, block: &[u8]) -> f32 {
        match self.format {
            Format::Iq1M => i_quants::scattered_scale(block) * 0.125,
            Format::Iq1S | Format::Iq2Xxs | Format::Iq2Xs | Format::Iq2S => {
                f16_at(block, 0) * 0.125
            }
            Format::Iq3Xxs => f16_at(block, 0) * 0.25,
            Format::Tq1_0 => f16_at(block, 52),
            Format::Tq2_0 => f16_at(block, 64),
            Format::Mxfp4 => f32::from_bits(u32::from(half_power(byte(block, 0))) << 16),
            _ => f16_at(block, 0),
        }
    }

    /// What the scale is multiplied by, for each 16 values of a block.
    pub(crate) fn multipliers(self, block: &[u8]) -> [i8; 16] {
        match self.format {
            Format::Iq1S => i_quants::one_s_multipliers(block),
            Format::Iq1M => i_quants::one_m_multipliers(block),
            Format::Iq2Xxs => i_quants::signed_multipliers(block, 2, 2),
            Format::Iq2Xs => i_quants::nibble_multipliers::<8>(block, 66),
            Format::Iq2S => i_quants::nibble_multipliers::<8>(block, 74),
            Format::Iq3Xxs => i_quants::signed_multipliers(block, 66, 1),
            Format::Iq3S => i_quants::nibble_multipliers::<4>(block, 106),
            Format::Iq4Xs => curve_multipliers(block),
            _ => [1; 16],
        }
    }

    /// The places of the `run`-th 32 values of a block.
    pub(crate) fn places(self, block: &[u8], run: usize) -> [u8; 32] {
        match self.format {
            Format::Iq1S => i_quants::one_s(block, run),
            Format::Iq1M => i_quants::one_m(block, run),
            Format::Iq2Xxs => i_quants::two_xxs(block, run),
            Format::Iq2Xs => i_quants::two_xs(block, run),
            Format::Iq2S => i_quants::two_s(block, run),
            Format::Iq3Xxs => i_quants::three_xxs(block, run),
            Format::Iq3S => i_quants::three_s(block, run),
            Format::Iq4Nl => nibbles(block, 2),
            Format::Iq4Xs => nibbles(block, 8 + 16 * run),
            Format::Tq1_0 => std::array::from_fn(|k| fifth(block, 32 * run + k)),
            Format::Tq2_0 => {
                let fours: &[u8; 32] = bytes(block, run / 4 * 32);
                fours.map(|four| (four >> (2 * (run % 4))) & 3)
            }
            Format::Mxfp4 => nibbles(block, 1),
            _ => [0; 32],
        }
    }

    /// The `run`-th 32 values of a block.
    pub(super) fn codes(self, block: &[u8], run: usize) -> Codes {
        let (scale, multipliers) = (self.scale(block), self.multipliers(block));
        let Steps { step, zero } = self.steps;
        Codes {
            code: self.places(block, run).map(|place| step[usize::from(place & 15)]),
            zero,
            scale: [0, 1].map(|half| scale * f32::from(multipliers[(2 * run + half) % 16])),
            offset: [NO_OFFSET; 2],
        }
    }
}

/// The upper half of the f32 that is half of two to the power that a byte stands for (E8M0): steps
/// are twice what they should be. The two smallest are no normal numbers.
pub(crate) fn half_power(exponent: u8) -> u16 {
    match exponent {
        0 => 0x20,
        1 => 0x40,
        _ => (u16::from(exponent) - 1) << 7,
    }
}

/// `IQ4_XS`: f16 scale, 16 bits with the upper two bits of 8 scales, 4 bytes with their nibbles;
/// each is 32 too large.
fn curve_multipliers(block: &[u8]) -> [i8; 16] {
    let upper = u16::from_le_bytes(*bytes(block, 2));
    std::array::from_fn(|half| {
        let run = half / 2;
        let low = byte(block, 4 + run / 2) >> (4 * (run % 2)) & 15;
        let high = (upper >> (2 * run) & 3) as u8;
        (low | high << 4).cast_signed() - 32
    })
}

/// `TQ1_0`: digit `index` of 256. A byte is a fraction of 256 whose first digits to base 3 are
/// those of values 32, 16 or 4 apart: 32 bytes of five digits, 16 of five, 4 of four.
fn fifth(block: &[u8], index: usize) -> u8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let (at, digit) = match index {
        0..160 => (index % 32, index / 32),
        160..240 => (32 + (index - 160) % 16, (index - 160) / 16),
        _ => (48 + index % 4, (index - 240) / 4 % 4),
    };
    let moved = byte(block, at).wrapping_mul(POWERS[digit]);
    ((u16::from(moved) * 3) >> 8) as u8
}
