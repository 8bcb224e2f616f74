//! The packed layouts: which lines make up a unit of columns.

use bytemuck::{Pod, Zeroable, must_cast};
use half::{bf16, f16};

#[cfg(target_arch = "x86_64")]
use super::GROUP_ROWS;
use crate::format::{Steps, half_of};
use crate::{ActKind, Format};

/// 64 bytes on a cache line of their own: four bytes for each of 16 rows.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    /// A line of zeros.
    pub(crate) const ZERO: Self = Self([0; 64]);

    /// 16 singles, one per row.
    pub(crate) fn floats(&self) -> [f32; 16] {
        must_cast(self.0)
    }

    /// 16 halves of one half of the line.
    pub(crate) fn halves(&self, which: usize) -> [f32; 16] {
        let bits: [[u16; 16]; 2] = must_cast(self.0);
        bits[which & 1].map(|h| f16::from_bits(h).to_f32())
    }

    /// 16 upper halves of singles of one half of the line.
    pub(crate) fn upper_halves(&self, which: usize) -> [f32; 16] {
        let bits: [[u16; 16]; 2] = must_cast(self.0);
        bits[which & 1].map(|h| bf16::from_bits(h).to_f32())
    }

    /// 16 small floats of one quarter of the line, times their scales.
    pub(crate) fn small(&self, which: usize, scales: &[f32; 16]) -> [f32; 16] {
        let codes = self.bytes(which);
        std::array::from_fn(|row| half_of(codes[row]).to_f32() * scales[row])
    }

    /// 16 bytes of one quarter of the line.
    pub(crate) fn bytes(&self, which: usize) -> [u8; 16] {
        let quarters: [[u8; 16]; 4] = must_cast(self.0);
        quarters[which & 3]
    }
}

/// How a group of 16 rows is laid out. A unit is the smallest run of columns with its own scales.
///
/// Where a unit is longer than a format's block, the last unit is filled up with blocks of zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `Q4_0`, 64 columns: a line of scales (2 x 16 f16), 8 lines of nibbles. Zero is 8.
    Nibble,
    /// `Q4_1`, 64 columns: scales, offsets, 8 lines of nibbles.
    NibbleOffset,
    /// `Q8_0`, 64 columns: scales, 16 lines of bytes. Zero is 128.
    Byte,
    /// `Q4_K`, 256 columns: a line of scale and offset multipliers, 4 lines with the scales and
    /// offsets of 8 runs as bytes, 32 lines of nibbles.
    NibbleSuper,
    /// `Q5_0`, 64 columns: scales; of each half, 4 lines of nibbles and a line with the fifth bits
    /// of 8 codes in each byte. Zero is 16.
    Five,
    /// `Q5_1`, 64 columns: scales, offsets, codes as [`Layout::Five`].
    FiveOffset,
    /// `Q5_K`, 256 columns: 5 lines of scales and offsets as [`Layout::NibbleSuper`], of each of 8
    /// runs codes as [`Layout::Five`].
    FiveSuper,
    /// `Q6_K`, 256 columns: a line of scales (16 f16, the rest unused), 4 lines with the signed
    /// scales of 16 half runs, of each run 4 lines of nibbles and 2 lines with the upper two bits
    /// of 4 codes in each byte. Zero is 32.
    SixSuper,
    /// `Q3_K`, 256 columns: scales as [`Layout::SixSuper`], of each run 2 lines with two bits of 4
    /// codes in each byte and a line with the third bits. Zero is 4.
    ThreeSuper,
    /// `Q2_K`, 256 columns: a line of scales and scales of offsets, 4 lines with a nibble of each
    /// for 16 half runs, of each run 2 lines with 4 codes in each byte.
    TwoSuper,
    /// `IQ4_NL`, 64 columns: as [`Layout::Nibble`], and nibbles are places on a curve. Zero is 128.
    NibbleCurve,
    /// `IQ4_XS`, 256 columns: a line of scales (16 singles), 2 lines with the signed multipliers of
    /// 8 runs, 32 lines of nibbles that are places on the curve. Zero is 128.
    NibbleCurveSuper,
    /// `IQ3_XXS`, likewise, with steps of its own. Zero is 62.
    NibbleWide,
    /// `IQ3_S`, likewise. Zero is 15.
    NibbleOdd,
    /// MXFP4, 64 columns: a line of scales (2 x 16 upper halves of singles), 8 lines of nibbles
    /// that are places among the steps of E2M1. Zero is 12.
    NibbleMicro,
    /// `IQ2_XXS`, `IQ2_XS`, `IQ2_S`, 256 columns: a line of scales (16 singles), 4 lines with the
    /// signed multipliers of 16 half runs, codes as [`Layout::ThreeSuper`] that are places in a
    /// table. Zero is 43.
    ThreeTriple,
    /// `IQ1_S`, `IQ1_M`, likewise, with steps of their own. Zero is 9.
    ThreeEighths,
    /// `TQ1_0`, `TQ2_0`, 256 columns: a line of scales (16 singles), of each of 8 runs 2 lines with
    /// 4 codes in each byte. Zero is 1.
    TwoTernary,
    /// `INT4`, 64 columns: as [`Layout::Nibble`], with scales that are upper halves of singles.
    /// Zero is 8.
    NibbleUpper,
    /// F32, 1 column: a line of singles.
    Single,
    /// F16, 2 columns: a line with 16 halves of each.
    Half,
    /// BF16, 2 columns: a line with 16 upper halves of each.
    UpperHalf,
    /// `F8_E4M3`, 128 columns: a line of scales (16 singles, 256 times too large), 32 lines with 16
    /// codes of each of 4 columns.
    Small,
}

impl Layout {
    /// The layout of a format.
    pub(crate) fn of(format: Format) -> Self {
        match format {
            Format::F32 => Self::Single,
            Format::F16 => Self::Half,
            Format::Bf16 => Self::UpperHalf,
            Format::F8E4M3 => Self::Small,
            Format::Int4 => Self::NibbleUpper,
            Format::Q4_0 => Self::Nibble,
            Format::Q4_1 => Self::NibbleOffset,
            Format::Q5_0 => Self::Five,
            Format::Q5_1 => Self::FiveOffset,
            Format::Q8_0 => Self::Byte,
            Format::Q2K => Self::TwoSuper,
            Format::Q3K => Self::ThreeSuper,
            Format::Q4K => Self::NibbleSuper,
            Format::Q5K => Self::FiveSuper,
            Format::Q6K => Self::SixSuper,
            Format::Iq1S | Format::Iq1M => Self::ThreeEighths,
            Format::Iq2Xxs | Format::Iq2Xs | Format::Iq2S => Self::ThreeTriple,
            Format::Iq3Xxs => Self::NibbleWide,
            Format::Iq3S => Self::NibbleOdd,
            Format::Iq4Nl => Self::NibbleCurve,
            Format::Iq4Xs => Self::NibbleCurveSuper,
            Format::Tq1_0 | Format::Tq2_0 => Self::TwoTernary,
            Format::Mxfp4 => Self::NibbleMicro,
        }
    }

    /// Lines and columns of one unit.
    pub(crate) const fn unit(self) -> (usize, usize) {
        match self {
            Self::Nibble | Self::NibbleCurve | Self::NibbleMicro | Self::NibbleUpper => (9, 64),
            Self::NibbleOffset => (10, 64),
            Self::Byte => (17, 64),
            Self::NibbleSuper => (37, 256),
            Self::Five => (11, 64),
            Self::FiveOffset => (12, 64),
            Self::FiveSuper => (45, 256),
            Self::SixSuper => (53, 256),
            Self::NibbleCurveSuper | Self::NibbleWide | Self::NibbleOdd => (35, 256),
            Self::ThreeSuper | Self::ThreeTriple | Self::ThreeEighths => (29, 256),
            Self::TwoSuper => (21, 256),
            Self::TwoTernary => (17, 256),
            Self::Single => (1, 1),
            Self::Half | Self::UpperHalf => (1, 2),
            Self::Small => (33, 128),
        }
    }

    /// Lines of one group of `cols` columns; none if they exceed the address space.
    pub(crate) fn group_lines(self, cols: usize) -> Option<usize> {
        let (lines, columns) = self.unit();
        cols.div_ceil(columns).checked_mul(lines)
    }

    /// The kind of activations that meets these weights.
    pub(crate) fn activation_kind(self) -> ActKind {
        match self {
            Self::Single | Self::Half | Self::UpperHalf | Self::Small => ActKind::F32,
            _ => ActKind::Q8,
        }
    }

    /// Whether each half of a run of 32 columns has scales of its own.
    pub(crate) const fn has_half_scales(self) -> bool {
        matches!(
            self,
            Self::SixSuper
                | Self::ThreeSuper
                | Self::ThreeTriple
                | Self::ThreeEighths
                | Self::TwoSuper
        )
    }

    /// Whether weights have offsets.
    pub(crate) const fn has_offsets(self) -> bool {
        matches!(
            self,
            Self::NibbleOffset
                | Self::NibbleSuper
                | Self::FiveOffset
                | Self::FiveSuper
                | Self::TwoSuper
        )
    }

    /// What its codes are places of; `None` where they are numbers themselves.
    pub(crate) const fn steps(self) -> Option<&'static [u8; 16]> {
        match self {
            Self::NibbleCurve | Self::NibbleCurveSuper => Some(&Steps::CURVE.step),
            Self::NibbleWide => Some(&Steps::WIDE.step),
            Self::NibbleOdd => Some(&Steps::ODD.step),
            Self::NibbleMicro => Some(&Steps::MICRO.step),
            Self::ThreeTriple => Some(&Steps::TRIPLE.step),
            Self::ThreeEighths => Some(&Steps::EIGHTHS.step),
            _ => None,
        }
    }

    /// The code that stands for zero.
    pub(crate) const fn zero(self) -> i32 {
        match self {
            Self::Nibble | Self::NibbleUpper => 8,
            Self::Byte | Self::NibbleCurve | Self::NibbleCurveSuper => 128,
            Self::NibbleWide => 62,
            Self::NibbleOdd => 15,
            Self::NibbleMicro => 12,
            Self::ThreeTriple => 43,
            Self::ThreeEighths => 9,
            Self::TwoTernary => 1,
            Self::Five => 16,
            Self::SixSuper => 32,
            Self::ThreeSuper => 4,
            _ => 0,
        }
    }
}

/// Some whole groups of a packed matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// How the lines are laid out.
    pub(crate) layout: Layout,
    /// The lines, group after group.
    pub(crate) lines: &'a [Line],
    /// Lines of each group.
    pub(crate) group_lines: usize,
    /// Rows that count: up to 15 of the last group may be padding.
    pub(crate) rows: usize,
}

impl Panel<'_> {
    /// As many groups as a multiple of `by` allows, and what is left behind them.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn split(self, by: usize) -> (Self, Self) {
        let groups = self.lines.len() / self.group_lines.max(1) / by * by;
        let (front, behind) = self.lines.split_at(groups * self.group_lines);
        let rows = self.rows.min(groups * GROUP_ROWS);
        (
            Self { lines: front, rows, ..self },
            Self { lines: behind, rows: self.rows - rows, ..self },
        )
    }
}
