//! Opens a run of 32 columns of 8 of a group's 16 rows into registers.

use core::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi64_si128, _mm256_and_si256, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtph_ps, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_srli_epi16, _mm256_xor_ps, _mm256_xor_si256,
};
use std::array::from_fn;

use bytemuck::must_cast;

use super::sums::{codes, floats};
use crate::packed::Line;

/// 32 columns of 8 rows: half of a [`crate::packed::WeightRun`] in registers.
#[derive(Clone, Copy)]
pub(crate) struct Weights {
    /// Register `j` holds columns `4j..4j + 4`.
    pub(crate) code: [__m256i; 8],
    /// Scales for columns 0..16 and 16..32; one and the same where the layout has but one.
    pub(crate) scale: [__m256; 2],
    /// Offsets, likewise.
    pub(crate) offset: [__m256; 2],
}

macro_rules! featured {
    ($($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = "avx2,fma,f16c")]
        $item)*
    };
}

featured! {
    fn halves(line: &Line, part: usize, rows: usize) -> __m256 {
        let quarters: [__m128i; 4] = must_cast(line.0);
        _mm256_cvtph_ps(quarters[(2 * part + rows) & 3])
    }

    fn low_nibbles(codes: __m256i) -> __m256i {
        _mm256_and_si256(codes, _mm256_set1_epi8(15))
    }

    /// Four lines of nibbles: the low ones are columns 0..16.
    fn nibble_pairs(lines: [&Line; 4], rows: usize) -> [__m256i; 8] {
        let pairs: [__m256i; 4] = from_fn(|j| codes(lines[j], rows));
        from_fn(|j| {
            let pair = pairs[j % 4];
            low_nibbles(if j < 4 { pair } else { _mm256_srli_epi16::<4>(pair) })
        })
    }

    pub(crate) fn nibble(unit: &[Line; 9], part: usize, rows: usize) -> Weights {
        let code = nibble_pairs(from_fn(|j| &unit[1 + 4 * part + j]), rows);
        let scale = halves(&unit[0], part, rows);
        Weights { code, scale: [scale; 2], offset: [_mm256_setzero_ps(); 2] }
    }

    pub(crate) fn nibble_offset(unit: &[Line; 10], part: usize, rows: usize) -> Weights {
        let code = nibble_pairs(from_fn(|j| &unit[2 + 4 * part + j]), rows);
        let (scale, offset) = (halves(&unit[0], part, rows), halves(&unit[1], part, rows));
        Weights { code, scale: [scale; 2], offset: [offset; 2] }
    }

    pub(crate) fn byte(unit: &[Line; 17], part: usize, rows: usize) -> Weights {
        let code = from_fn(|j| codes(&unit[1 + 8 * part + j], rows));
        let scale = halves(&unit[0], part, rows);
        Weights { code, scale: [scale; 2], offset: [_mm256_setzero_ps(); 2] }
    }

    /// Codes become signed: 128 is subtracted here, not in the sums.
    pub(crate) fn signed_byte(unit: &[Line; 17], part: usize, rows: usize) -> Weights {
        let flip = _mm256_set1_epi8(-128);
        let weights = byte(unit, part, rows);
        Weights { code: weights.code.map(|code| _mm256_xor_si256(code, flip)), ..weights }
    }

    pub(crate) fn nibble_super(unit: &[Line; 37], part: usize, rows: usize) -> Weights {
        let code = from_fn(|j| {
            let pair = codes(&unit[5 + part / 2 * 8 + j], rows);
            low_nibbles(if part.is_multiple_of(2) { pair } else { _mm256_srli_epi16::<4>(pair) })
        });
        let small: [i64; 8] = must_cast(unit[1 + part / 2].0);
        let factor = |which: usize| {
            let eight = _mm_cvtsi64_si128(small[part % 2 * 4 + 2 * which + (rows & 1)]);
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(eight))
        };
        let scale = _mm256_mul_ps(halves(&unit[0], 0, rows), factor(0));
        let offset = _mm256_mul_ps(halves(&unit[0], 1, rows), factor(1));
        let offset = _mm256_xor_ps(offset, _mm256_set1_ps(-0.0));
        Weights { code, scale: [scale; 2], offset: [offset; 2] }
    }

    pub(crate) fn wide(unit: &[Line; 9], _part: usize, rows: usize) -> Weights {
        let code = from_fn(|j| codes(&unit[1 + j], rows));
        Weights { code, scale: [floats(&unit[0], rows); 2], offset: [_mm256_setzero_ps(); 2] }
    }

    pub(crate) fn wide_offset(unit: &[Line; 10], _part: usize, rows: usize) -> Weights {
        let code = from_fn(|j| codes(&unit[2 + j], rows));
        let (scale, offset) = (floats(&unit[0], rows), floats(&unit[1], rows));
        Weights { code, scale: [scale; 2], offset: [offset; 2] }
    }

    pub(crate) fn wide_halves(unit: &[Line; 10], _part: usize, rows: usize) -> Weights {
        let code = from_fn(|j| codes(&unit[2 + j], rows));
        let scale = [floats(&unit[0], rows), floats(&unit[1], rows)];
        Weights { code, scale, offset: [_mm256_setzero_ps(); 2] }
    }

    pub(crate) fn wide_halves_offset(unit: &[Line; 12], _part: usize, rows: usize) -> Weights {
        Weights {
            code: from_fn(|j| codes(&unit[4 + j], rows)),
            scale: [floats(&unit[0], rows), floats(&unit[1], rows)],
            offset: [floats(&unit[2], rows), floats(&unit[3], rows)],
        }
    }
}
