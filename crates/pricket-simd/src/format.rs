//! The tensor types of GGUF files that the kernels read, and their plain definition.

mod codes;
pub(crate) mod grids;
mod i_quants;
mod k_quants;
mod small_floats;
mod tabled;

use std::fmt;

use half::{bf16, f16};

pub(crate) use codes::{Codes, NO_OFFSET, int4};
pub(crate) use k_quants::factors;
pub(crate) use small_floats::{SCALED_COLS, half_of, run_scale};
pub(crate) use tabled::{Steps, Tabled, half_power};

use crate::packed::Layout;
use crate::{ActKind, SimdError};

/// How the values of a weight matrix are stored in a GGUF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an IEEE single.
    Bf16,
    /// Floats of 8 bits (E4M3, as the OCP defines them) of a checkpoint whose blocks of 128 x 128
    /// have f32 scales: a row is its codes and, behind them, the scale of each 128 columns. One
    /// that is no number makes no number of all that share its scale.
    F8E4M3,
    /// 32 nibbles and an f16 scale: `d * (q - 8)`.
    Q4_0,
    /// 32 nibbles, an f16 scale and an f16 offset: `d * q + m`.
    Q4_1,
    /// 32 5-bit codes and an f16 scale: `d * (q - 16)`.
    Q5_0,
    /// 32 5-bit codes, an f16 scale and an f16 offset: `d * q + m`.
    Q5_1,
    /// 32 signed bytes and an f16 scale: `d * q`.
    Q8_0,
    /// 256 2-bit codes; 4-bit scales and offsets per 16.
    Q2K,
    /// 256 3-bit codes; 6-bit scales per 16.
    Q3K,
    /// 256 nibbles; 6-bit scales and offsets per 32.
    Q4K,
    /// 256 5-bit codes; 6-bit scales and offsets per 32.
    Q5K,
    /// 256 6-bit codes; 8-bit scales per 16.
    Q6K,
    /// 256 ternary steps by points of a grid of 8 dimensions, moved by an eighth to either side;
    /// 3-bit scales per 32.
    Iq1S,
    /// The same, with 3-bit scales per 16, and moved eight by eight.
    Iq1M,
    /// 256 values by points of a grid of 8 dimensions, signs beside them; 4-bit scales per 32.
    Iq2Xxs,
    /// The same by a grid of 512 points; 4-bit scales per 16.
    Iq2Xs,
    /// The same by a grid of 1,024 points; 4-bit scales per 16.
    Iq2S,
    /// 256 values by points of a grid of 4 dimensions, signs beside them; 4-bit scales per 32.
    Iq3Xxs,
    /// The same by a grid of 512 points; 4-bit scales per 32.
    Iq3S,
    /// 32 nibbles that are places on a curve of 16 steps, and an f16 scale.
    Iq4Nl,
    /// 256 such nibbles; 6-bit scales per 32.
    Iq4Xs,
    /// 256 ternary digits, five to a byte, and an f16 scale.
    Tq1_0,
    /// 256 ternary digits of 2 bits, and an f16 scale.
    Tq2_0,
    /// 32 floats of 4 bits (E2M1) and a power of two (E8M0): the OCP's MXFP4. A power so large that
    /// it exceeds f32 once it is multiplied by the scale of activations makes products infinite.
    Mxfp4,
    /// 32 nibbles in their order and a bf16 scale: `d * (q - 8)`, the symmetric int4 of
    /// compressed-tensors in groups of 32.
    Int4,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 27] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::F8E4M3,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq1S,
        Self::Iq1M,
        Self::Iq2Xxs,
        Self::Iq2Xs,
        Self::Iq2S,
        Self::Iq3Xxs,
        Self::Iq3S,
        Self::Iq4Nl,
        Self::Iq4Xs,
        Self::Tq1_0,
        Self::Tq2_0,
        Self::Mxfp4,
        Self::Int4,
    ];

    /// The name that GGUF tools print.
    pub fn name(self) -> &'static str {
        self.traits().0
    }

    /// Values in one block: the columns of a matrix are a multiple of this.
    pub fn block_len(self) -> usize {
        self.traits().1
    }

    /// Bytes of one block in a file; scales that stand behind a row's codes are not counted.
    pub fn block_bytes(self) -> usize {
        self.traits().2
    }

    /// Name, values and bytes of a block.
    fn traits(self) -> (&'static str, usize, usize) {
        match self {
            Self::F32 => ("F32", 1, 4),
            Self::F16 => ("F16", 1, 2),
            Self::Bf16 => ("BF16", 1, 2),
            Self::F8E4M3 => ("F8_E4M3", 1, 1),
            Self::Q4_0 => ("Q4_0", 32, 18),
            Self::Q4_1 => ("Q4_1", 32, 20),
            Self::Q5_0 => ("Q5_0", 32, 22),
            Self::Q5_1 => ("Q5_1", 32, 24),
            Self::Q8_0 => ("Q8_0", 32, 34),
            Self::Q2K => ("Q2_K", 256, 84),
            Self::Q3K => ("Q3_K", 256, 110),
            Self::Q4K => ("Q4_K", 256, 144),
            Self::Q5K => ("Q5_K", 256, 176),
            Self::Q6K => ("Q6_K", 256, 210),
            Self::Iq1S => ("IQ1_S", 256, 50),
            Self::Iq1M => ("IQ1_M", 256, 56),
            Self::Iq2Xxs => ("IQ2_XXS", 256, 66),
            Self::Iq2Xs => ("IQ2_XS", 256, 74),
            Self::Iq2S => ("IQ2_S", 256, 82),
            Self::Iq3Xxs => ("IQ3_XXS", 256, 98),
            Self::Iq3S => ("IQ3_S", 256, 110),
            Self::Iq4Nl => ("IQ4_NL", 32, 18),
            Self::Iq4Xs => ("IQ4_XS", 256, 136),
            Self::Tq1_0 => ("TQ1_0", 256, 54),
            Self::Tq2_0 => ("TQ2_0", 256, 66),
            Self::Mxfp4 => ("MXFP4", 32, 17),
            Self::Int4 => ("INT4", 32, 18),
        }
    }

    /// Bytes of one row of `cols` values in a file; an error if they fill no whole blocks.
    pub fn row_bytes(self, cols: usize) -> Result<usize, SimdError> {
        let block = self.block_len();
        if cols == 0 || !cols.is_multiple_of(block) {
            return Err(SimdError::ColumnsUnaligned { format: self, block, cols });
        }
        let scales = if self == Self::F8E4M3 { cols.div_ceil(SCALED_COLS) } else { 0 };
        (cols / block)
            .checked_mul(self.block_bytes())
            .and_then(|bytes| bytes.checked_add(scales.checked_mul(size_of::<f32>())?))
            .ok_or(SimdError::SizeOverflow { rows: 1, cols })
    }

    /// The kind of activations that packed weights of this format multiply.
    pub fn activation_kind(self) -> ActKind {
        Layout::of(self).activation_kind()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Turns one row of a file into numbers: `bytes` holds exactly `out.len()` values of `format`.
///
/// This is the plain definition of the formats in f32 arithmetic, as the GGUF specification and
/// ggml's `dequantize_row_*` have it; it serves embedding rows, and tests hold the kernels to it.
pub fn dequantize_row(format: Format, bytes: &[u8], out: &mut [f32]) -> Result<(), SimdError> {
    let expected = format.row_bytes(out.len())?;
    SimdError::check_len("the row's bytes", expected, bytes.len())?;
    match format {
        Format::F32 => {
            for (word, value) in bytes.as_chunks::<4>().0.iter().zip(out) {
                *value = f32::from_le_bytes(*word);
            }
        }
        Format::F16 => {
            for (word, value) in bytes.as_chunks::<2>().0.iter().zip(out) {
                *value = f16::from_le_bytes(*word).to_f32();
            }
        }
        Format::Bf16 => {
            for (word, value) in bytes.as_chunks::<2>().0.iter().zip(out) {
                *value = bf16::from_le_bytes(*word).to_f32();
            }
        }
        Format::F8E4M3 => small_floats::read_row(bytes, out),
        _ => {
            let blocks_per_chunk = format.block_len() / 32;
            for (index, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                let start = index / blocks_per_chunk * format.block_bytes();
                let block = bytes.get(start..start + format.block_bytes()).unwrap_or_default();
                *values = Codes::read(format, block, index % blocks_per_chunk).values();
            }
        }
    }
    Ok(())
}
