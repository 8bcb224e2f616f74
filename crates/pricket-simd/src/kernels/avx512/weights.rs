//! Opens a run of 32 columns of 16 rows into registers.

use core::arch::x86_64::{
    __m128i, __m256i, __m512, __m512i, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32,
    _mm512_cvtph_ps, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_srli_epi16, _mm512_xor_ps, _mm512_xor_si512,
};
use std::array::from_fn;

use bytemuck::must_cast;

use crate::packed::Line;

/// 32 columns of 16 rows: [`crate::packed::WeightRun`] in registers.
#[derive(Clone, Copy)]
pub(super) struct Weights {
    /// Register `j` holds columns `4j..4j + 4`.
    pub(super) code: [__m512i; 8],
    /// Scales for columns 0..16 and 16..32; one and the same where the layout has but one.
    pub(super) scale: [__m512; 2],
    /// Offsets, likewise.
    pub(super) offset: [__m512; 2],
}

macro_rules! featured {
    ($($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
        $item)*
    };
}

featured! {
    fn halves(line: &Line, part: usize) -> __m512 {
        let both: [__m256i; 2] = must_cast(line.0);
        _mm512_cvtph_ps(both[part & 1])
    }

    fn floats(line: &Line) -> __m512 {
        must_cast(line.0)
    }

    fn low_nibbles(codes: __m512i) -> __m512i {
        _mm512_and_si512(codes, _mm512_set1_epi8(15))
    }

    /// Four lines of nibbles: the low ones are columns 0..16.
    fn nibble_pairs(lines: [&Line; 4]) -> [__m512i; 8] {
        let pairs: [__m512i; 4] = from_fn(|j| must_cast(lines[j].0));
        from_fn(|j| {
            let pair = pairs[j % 4];
            low_nibbles(if j < 4 { pair } else { _mm512_srli_epi16::<4>(pair) })
        })
    }

    pub(super) fn nibble(unit: &[Line; 9], part: usize) -> Weights {
        let code = nibble_pairs(from_fn(|j| &unit[1 + 4 * part + j]));
        Weights { code, scale: [halves(&unit[0], part); 2], offset: [_mm512_setzero_ps(); 2] }
    }

    pub(super) fn nibble_offset(unit: &[Line; 10], part: usize) -> Weights {
        let code = nibble_pairs(from_fn(|j| &unit[2 + 4 * part + j]));
        let (scale, offset) = (halves(&unit[0], part), halves(&unit[1], part));
        Weights { code, scale: [scale; 2], offset: [offset; 2] }
    }

    pub(super) fn byte(unit: &[Line; 17], part: usize) -> Weights {
        let code = from_fn(|j| must_cast(unit[1 + 8 * part + j].0));
        Weights { code, scale: [halves(&unit[0], part); 2], offset: [_mm512_setzero_ps(); 2] }
    }

    /// Codes become signed: 128 is subtracted here, not in the sums.
    pub(super) fn signed_byte(unit: &[Line; 17], part: usize) -> Weights {
        let flip = _mm512_set1_epi8(-128);
        let weights = byte(unit, part);
        Weights { code: weights.code.map(|code| _mm512_xor_si512(code, flip)), ..weights }
    }

    pub(super) fn nibble_super(unit: &[Line; 37], part: usize) -> Weights {
        let code = from_fn(|j| {
            let pair: __m512i = must_cast(unit[5 + part / 2 * 8 + j].0);
            low_nibbles(if part.is_multiple_of(2) { pair } else { _mm512_srli_epi16::<4>(pair) })
        });
        let small: [__m128i; 4] = must_cast(unit[1 + part / 2].0);
        let factor = |which: usize| {
            _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(small[part % 2 * 2 + which]))
        };
        let scale = _mm512_mul_ps(halves(&unit[0], 0), factor(0));
        let offset = _mm512_mul_ps(halves(&unit[0], 1), factor(1));
        let offset = _mm512_xor_ps(offset, _mm512_set1_ps(-0.0));
        Weights { code, scale: [scale; 2], offset: [offset; 2] }
    }

    pub(super) fn wide(unit: &[Line; 9], _part: usize) -> Weights {
        let code = from_fn(|j| must_cast(unit[1 + j].0));
        Weights { code, scale: [floats(&unit[0]); 2], offset: [_mm512_setzero_ps(); 2] }
    }

    pub(super) fn wide_offset(unit: &[Line; 10], _part: usize) -> Weights {
        let code = from_fn(|j| must_cast(unit[2 + j].0));
        Weights { code, scale: [floats(&unit[0]); 2], offset: [floats(&unit[1]); 2] }
    }

    pub(super) fn wide_halves(unit: &[Line; 10], _part: usize) -> Weights {
        let code = from_fn(|j| must_cast(unit[2 + j].0));
        let scale = [floats(&unit[0]), floats(&unit[1])];
        Weights { code, scale, offset: [_mm512_setzero_ps(); 2] }
    }

    pub(super) fn wide_halves_offset(unit: &[Line; 12], _part: usize) -> Weights {
        Weights {
            code: from_fn(|j| must_cast(unit[4 + j].0)),
            scale: [floats(&unit[0]), floats(&unit[1])],
            offset: [floats(&unit[2]), floats(&unit[3])],
        }
    }
}
