//! In which numbers keys and values are kept.

use pricket_simd::{KEY_BLOCK, kv_lines};

use crate::ModelError;

/// How keys and values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KvFormat {
    /// F32 beside weights that are kept as floats, F16 beside quantised ones.
    #[default]
    Auto,
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the memory.
    F16,
    /// 8-bit integers, 32 of a head under a scale of their own: 8.5 bits a number. Heads must be a
    /// multiple of 32 wide.
    Q8,
}

impl KvFormat {
    /// What [`KvFormat::Auto`] means beside weights that are floats, or are not.
    pub(crate) fn resolved(self, float_weights: bool) -> Self {
        match self {
            Self::Auto if float_weights => Self::F32,
            Self::Auto => Self::F16,
            chosen => chosen,
        }
    }

    /// Bytes that so many numbers take.
    pub(crate) fn bytes(self, numbers: u64) -> u64 {
        match self {
            Self::F32 => numbers.saturating_mul(4),
            Self::Auto | Self::F16 => numbers.saturating_mul(2),
            // 32 numbers of a byte, and two bytes of scale.
            Self::Q8 => numbers.saturating_mul(34) / 32,
        }
    }

    /// Bytes of what a plane is made of: a number, or a line of eight bits.
    pub(super) fn element_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Auto | Self::F16 => 2,
            Self::Q8 => 16,
        }
    }

    /// Elements of a head of `width` for so many positions; `None` where that cannot be counted.
    pub(super) fn head_len(
        self,
        width: usize,
        positions: usize,
    ) -> Result<Option<usize>, ModelError> {
        let positions = positions.checked_next_multiple_of(KEY_BLOCK);
        if self != Self::Q8 {
            return Ok(positions.and_then(|positions| positions.checked_mul(width)));
        }
        if !width.is_multiple_of(32) {
            return Err(ModelError::Unsupported {
                what: format!("keys and values of eight bits for heads of width {width}"),
                why: "32 numbers share a scale; `f16` keeps any width".to_owned(),
            });
        }
        Ok(positions.and_then(|positions| kv_lines(width, positions).ok()))
    }
}
