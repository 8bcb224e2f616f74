//! What the bodies of [`crate::kernels::quantized`] call the instructions on 16 rows.

use core::arch::x86_64::{
    __m128i, __m256i, __m512, __m512i, _mm512_abs_epi8, _mm512_add_epi16, _mm512_add_epi32,
    _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_castsi512_ps, _mm512_cvtepi8_epi32,
    _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps,
    _mm512_fmadd_ps, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_mask_sub_epi8,
    _mm512_movepi8_mask, _mm512_mul_ps, _mm512_or_si512, _mm512_rolv_epi32, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_slli_epi16, _mm512_slli_epi32, _mm512_srli_epi16,
    _mm512_srli_epi32, _mm512_xor_ps, _mm512_xor_si512,
};

use bytemuck::must_cast;

use crate::kernels::quantized::{SIGNED, featured};
use crate::packed::Line;

/// Codes, or integers of 16 or 32 bits.
pub(crate) type Ints = __m512i;

/// Singles.
pub(crate) type Floats = __m512;

/// Registers for 16 rows.
pub(crate) const PARTS: usize = 1;

featured! { ["avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"]
    pub(crate) fn zero() -> Ints {
        _mm512_setzero_si512()
    }

    pub(crate) fn no_floats() -> Floats {
        _mm512_setzero_ps()
    }

    pub(crate) fn ints(value: i32) -> Ints {
        _mm512_set1_epi32(value)
    }

    pub(crate) fn floats(value: f32) -> Floats {
        _mm512_set1_ps(value)
    }

    pub(crate) fn add_ints(a: Ints, b: Ints) -> Ints {
        _mm512_add_epi32(a, b)
    }

    pub(crate) fn add_shorts(a: Ints, b: Ints) -> Ints {
        _mm512_add_epi16(a, b)
    }

    pub(crate) fn shifted<const N: u32>(a: Ints) -> Ints {
        _mm512_slli_epi32::<N>(a)
    }

    /// Adds 16-bit numbers two by two.
    pub(crate) fn widened(shorts: Ints) -> Ints {
        _mm512_madd_epi16(shorts, _mm512_set1_epi16(1))
    }

    /// Four columns times four activations, added in pairs.
    pub(crate) fn multiply_pairs<const MOST: i32>(code: Ints, q: Ints) -> Ints {
        if MOST == SIGNED {
            // |w| <= 128 and |q| <= 127: two products make at most 32,512.
            let negative = _mm512_movepi8_mask(code);
            let q = _mm512_mask_sub_epi8(q, negative, _mm512_setzero_si512(), q);
            _mm512_maddubs_epi16(_mm512_abs_epi8(code), q)
        } else {
            _mm512_maddubs_epi16(code, q)
        }
    }

    pub(crate) fn to_floats(a: Ints) -> Floats {
        _mm512_cvtepi32_ps(a)
    }

    pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
        _mm512_mul_ps(a, b)
    }

    /// `a * b + c`.
    pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        _mm512_fmadd_ps(a, b, c)
    }

    pub(crate) fn negated(a: Floats) -> Floats {
        _mm512_xor_ps(a, _mm512_set1_ps(-0.0))
    }

    pub(crate) fn or(a: Ints, b: Ints) -> Ints {
        _mm512_or_si512(a, b)
    }

    /// Keeps some bits of each byte.
    pub(crate) fn bits<const MASK: i8>(a: Ints) -> Ints {
        _mm512_and_si512(a, _mm512_set1_epi8(MASK))
    }

    /// Shifts to lower bits; what comes from the next byte is for [`bits`] to take off.
    pub(crate) fn down<const N: u32>(a: Ints) -> Ints {
        _mm512_srli_epi16::<N>(a)
    }

    /// Shifts to higher bits, likewise.
    pub(crate) fn up<const N: u32>(a: Ints) -> Ints {
        _mm512_slli_epi16::<N>(a)
    }

    /// Bit `j` of each byte, moved to the place of `BIT`.
    pub(crate) fn one_bit<const BIT: i8>(a: Ints, j: usize) -> Ints {
        let left = (32 + BIT.trailing_zeros() as usize - j) % 32;
        bits::<BIT>(_mm512_rolv_epi32(a, _mm512_set1_epi32(left as i32)))
    }

    /// The upper half of the range of bytes becomes negative.
    pub(crate) fn flipped(a: Ints) -> Ints {
        _mm512_xor_si512(a, _mm512_set1_epi8(-128))
    }

    pub(crate) fn codes(line: &Line, _rows: usize) -> Ints {
        must_cast(line.0)
    }

    pub(crate) fn singles(line: &Line, _rows: usize) -> Floats {
        must_cast(line.0)
    }

    /// Halves of one half of a line.
    pub(crate) fn halves(line: &Line, part: usize, _rows: usize) -> Floats {
        let both: [__m256i; 2] = must_cast(line.0);
        _mm512_cvtph_ps(both[part & 1])
    }

    /// Upper halves of singles of one half of a line.
    pub(crate) fn upper_halves(line: &Line, part: usize, _rows: usize) -> Floats {
        let both: [__m256i; 2] = must_cast(line.0);
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(both[part & 1])))
    }

    /// What each byte, below 16, is the place of.
    pub(crate) fn looked_up(steps: &[u8; 16], places: Ints) -> Ints {
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(must_cast(*steps)), places)
    }

    /// Bytes of one quarter of a line.
    fn sixteen(line: &Line, quarter: usize) -> __m128i {
        let quarters: [__m128i; 4] = must_cast(line.0);
        quarters[quarter & 3]
    }

    pub(crate) fn bytes(line: &Line, quarter: usize, _rows: usize) -> Floats {
        _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(sixteen(line, quarter)))
    }

    pub(crate) fn signed_bytes(line: &Line, quarter: usize, _rows: usize) -> Floats {
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(line, quarter)))
    }

    /// The lower and the upper nibbles of bytes.
    pub(crate) fn byte_nibbles(line: &Line, quarter: usize, _rows: usize) -> [Floats; 2] {
        let bytes = _mm512_cvtepu8_epi32(sixteen(line, quarter));
        let low = _mm512_and_si512(bytes, _mm512_set1_epi32(15));
        [_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(_mm512_srli_epi32::<4>(bytes))]
    }

    pub(crate) fn put_codes(line: &mut Line, _rows: usize, codes: Ints) {
        line.0 = must_cast(codes);
    }

    pub(crate) fn put_singles(line: &mut Line, _rows: usize, singles: Floats) {
        line.0 = must_cast(singles);
    }
}
