//! The packed layouts: which lines make up a unit of columns.

use bytemuck::must_cast;
use half::{bf16, f16};

use crate::{ActKind, Format};

/// 64 bytes on a cache line of their own: four bytes for each of 16 rows.
#[derive(Debug, Clone, Copy)]
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
    /// `Q5_0`, 32 columns: a line of f32 scales, 8 lines of bytes. Zero is 16.
    Wide,
    /// `Q5_1` and `Q5_K`, 32 columns: f32 scales, f32 offsets, 8 lines of bytes.
    WideOffset,
    /// `Q3_K` and `Q6_K`, 32 columns: two lines of f32 scales, 8 lines of bytes. Zero is 32.
    WideHalves,
    /// `Q2_K`, 32 columns: two lines of f32 scales, two of f32 offsets, 8 lines of bytes.
    WideHalvesOffset,
    /// F32, 1 column: a line of singles.
    Single,
    /// F16, 2 columns: a line with 16 halves of each.
    Half,
    /// BF16, 2 columns: a line with 16 upper halves of each.
    UpperHalf,
}

impl Layout {
    /// The layout of a format.
    pub(crate) fn of(format: Format) -> Self {
        match format {
            Format::F32 => Self::Single,
            Format::F16 => Self::Half,
            Format::Bf16 => Self::UpperHalf,
            Format::Q4_0 => Self::Nibble,
            Format::Q4_1 => Self::NibbleOffset,
            Format::Q5_0 => Self::Wide,
            Format::Q5_1 | Format::Q5K => Self::WideOffset,
            Format::Q8_0 => Self::Byte,
            Format::Q4K => Self::NibbleSuper,
            Format::Q2K => Self::WideHalvesOffset,
            Format::Q3K | Format::Q6K => Self::WideHalves,
        }
    }

    /// Lines and columns of one unit.
    pub(crate) const fn unit(self) -> (usize, usize) {
        match self {
            Self::Nibble => (9, 64),
            Self::NibbleOffset => (10, 64),
            Self::Byte => (17, 64),
            Self::NibbleSuper => (37, 256),
            Self::Wide => (9, 32),
            Self::WideOffset | Self::WideHalves => (10, 32),
            Self::WideHalvesOffset => (12, 32),
            Self::Single => (1, 1),
            Self::Half | Self::UpperHalf => (1, 2),
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
            Self::Single | Self::Half | Self::UpperHalf => ActKind::F32,
            _ => ActKind::Q8,
        }
    }

    /// The code that stands for zero.
    pub(crate) const fn zero(self) -> i32 {
        match self {
            Self::Nibble => 8,
            Self::Byte => 128,
            Self::Wide => 16,
            Self::WideHalves => 32,
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

/// 32 columns of 16 rows, opened into plain arrays: what the scalar kernels and the row reader
/// share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightRun {
    /// Line `j` holds columns `4j..4j + 4`, four bytes per row.
    pub(crate) code: [[u8; 64]; 8],
    /// Scales per row, for columns 0..16 and 16..32.
    pub(crate) scale: [[f32; 16]; 2],
    /// Offsets per row, likewise; zero in layouts without offsets.
    pub(crate) offset: [[f32; 16]; 2],
}

impl WeightRun {
    /// Opens run `run` (32 columns) of a group's `lines`. A slice that is too short gives zeros.
    pub(crate) fn open(layout: Layout, lines: &[Line], run: usize) -> Self {
        let (unit_lines, unit_cols) = layout.unit();
        let runs = (unit_cols / 32).max(1);
        let unit = lines.get(run / runs * unit_lines..).unwrap_or_default();
        let at = |index: usize| unit.get(index).copied().unwrap_or(Line::ZERO);
        let part = run % runs;
        let none = [[0.0; 16]; 2];
        match layout {
            Layout::Nibble => {
                let code = nibble_pairs(|j| at(1 + 4 * part + j));
                Self { code, scale: [at(0).halves(part); 2], offset: none }
            }
            Layout::NibbleOffset => {
                let code = nibble_pairs(|j| at(2 + 4 * part + j));
                Self { code, scale: [at(0).halves(part); 2], offset: [at(1).halves(part); 2] }
            }
            Layout::Byte => {
                let code = std::array::from_fn(|j| at(1 + 8 * part + j).0);
                Self { code, scale: [at(0).halves(part); 2], offset: none }
            }
            Layout::NibbleSuper => {
                let shift = 4 * (part % 2);
                let code = std::array::from_fn(|j| {
                    at(5 + part / 2 * 8 + j).0.map(|pair| (pair >> shift) & 15)
                });
                let small = at(1 + part / 2);
                let product = |factor: [f32; 16], bytes: [u8; 16], sign: f32| -> [f32; 16] {
                    std::array::from_fn(|r| sign * (factor[r] * f32::from(bytes[r])))
                };
                let scale = product(at(0).halves(0), small.bytes(part % 2 * 2), 1.0);
                let offset = product(at(0).halves(1), small.bytes(part % 2 * 2 + 1), -1.0);
                Self { code, scale: [scale; 2], offset: [offset; 2] }
            }
            Layout::Wide => {
                let code = std::array::from_fn(|j| at(1 + j).0);
                Self { code, scale: [at(0).floats(); 2], offset: none }
            }
            Layout::WideOffset => {
                let code = std::array::from_fn(|j| at(2 + j).0);
                Self { code, scale: [at(0).floats(); 2], offset: [at(1).floats(); 2] }
            }
            Layout::WideHalves => {
                let code = std::array::from_fn(|j| at(2 + j).0);
                Self { code, scale: [at(0).floats(), at(1).floats()], offset: none }
            }
            Layout::WideHalvesOffset => Self {
                code: std::array::from_fn(|j| at(4 + j).0),
                scale: [at(0).floats(), at(1).floats()],
                offset: [at(2).floats(), at(3).floats()],
            },
            Layout::Single | Layout::Half | Layout::UpperHalf => {
                Self { code: [[0; 64]; 8], scale: none, offset: none }
            }
        }
    }
}

/// Four lines of nibbles as eight lines of codes: the low nibbles are columns 0..16.
fn nibble_pairs(line: impl Fn(usize) -> Line) -> [[u8; 64]; 8] {
    std::array::from_fn(|j| line(j % 4).0.map(|pair| if j < 4 { pair & 15 } else { pair >> 4 }))
}
