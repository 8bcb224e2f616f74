//! What the bodies of [`crate::kernels::quantized`] call the instructions on 8 of 16 rows.

use core::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi64_si128, _mm256_abs_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castsi256_ps,
    _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32,
    _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sign_epi8,
    _mm256_slli_epi16, _mm256_slli_epi32, _mm256_sllv_epi32, _mm256_srli_epi16, _mm256_srli_epi32,
    _mm256_srlv_epi32, _mm256_xor_ps, _mm256_xor_si256,
};

use bytemuck::must_cast;

use crate::kernels::quantized::{SIGNED, featured};
use crate::packed::Line;

/// Codes, or integers of 16 or 32 bits.
pub(crate) type Ints = __m256i;

/// Singles.
pub(crate) type Floats = __m256;

/// Registers for 16 rows.
pub(crate) const PARTS: usize = 2;

featured! { ["avx2,fma,f16c"]
    pub(crate) fn zero() -> Ints {
        _mm256_setzero_si256()
    }

    pub(crate) fn no_floats() -> Floats {
        _mm256_setzero_ps()
    }

    pub(crate) fn ints(value: i32) -> Ints {
        _mm256_set1_epi32(value)
    }

    pub(crate) fn floats(value: f32) -> Floats {
        _mm256_set1_ps(value)
    }

    pub(crate) fn add_ints(a: Ints, b: Ints) -> Ints {
        _mm256_add_epi32(a, b)
    }

    pub(crate) fn add_shorts(a: Ints, b: Ints) -> Ints {
        _mm256_add_epi16(a, b)
    }

    pub(crate) fn shifted<const N: i32>(a: Ints) -> Ints {
        _mm256_slli_epi32::<N>(a)
    }

    /// Adds 16-bit numbers two by two.
    pub(crate) fn widened(shorts: Ints) -> Ints {
        _mm256_madd_epi16(shorts, _mm256_set1_epi16(1))
    }

    /// Four columns times four activations, added in pairs.
    pub(crate) fn multiply_pairs<const MOST: i32>(code: Ints, q: Ints) -> Ints {
        if MOST == SIGNED {
            // |w| <= 128 and |q| <= 127: two products make at most 32,512.
            _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(q, code))
        } else {
            _mm256_maddubs_epi16(code, q)
        }
    }

    pub(crate) fn to_floats(a: Ints) -> Floats {
        _mm256_cvtepi32_ps(a)
    }

    pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
        _mm256_mul_ps(a, b)
    }

    /// `a * b + c`.
    pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        _mm256_fmadd_ps(a, b, c)
    }

    pub(crate) fn negated(a: Floats) -> Floats {
        _mm256_xor_ps(a, _mm256_set1_ps(-0.0))
    }

    pub(crate) fn or(a: Ints, b: Ints) -> Ints {
        _mm256_or_si256(a, b)
    }

    /// Keeps some bits of each byte.
    pub(crate) fn bits<const MASK: i8>(a: Ints) -> Ints {
        _mm256_and_si256(a, _mm256_set1_epi8(MASK))
    }

    /// Shifts to lower bits; what comes from the next byte is for [`bits`] to take off.
    pub(crate) fn down<const N: i32>(a: Ints) -> Ints {
        _mm256_srli_epi16::<N>(a)
    }

    /// Shifts to higher bits, likewise.
    pub(crate) fn up<const N: i32>(a: Ints) -> Ints {
        _mm256_slli_epi16::<N>(a)
    }

    /// Bit `j` of each byte, moved to the place of `BIT`.
    pub(crate) fn one_bit<const BIT: i8>(a: Ints, j: usize) -> Ints {
        let place = BIT.trailing_zeros() as usize;
        let moved = if j <= place {
            _mm256_sllv_epi32(a, _mm256_set1_epi32((place - j) as i32))
        } else {
            _mm256_srlv_epi32(a, _mm256_set1_epi32((j - place) as i32))
        };
        bits::<BIT>(moved)
    }

    /// The upper half of the range of bytes becomes negative.
    pub(crate) fn flipped(a: Ints) -> Ints {
        _mm256_xor_si256(a, _mm256_set1_epi8(-128))
    }

    pub(crate) fn codes(line: &Line, rows: usize) -> Ints {
        let both: [__m256i; 2] = must_cast(line.0);
        both[rows & 1]
    }

    pub(crate) fn singles(line: &Line, rows: usize) -> Floats {
        let both: [__m256; 2] = must_cast(line.0);
        both[rows & 1]
    }

    /// Halves of one half of a line.
    pub(crate) fn halves(line: &Line, part: usize, rows: usize) -> Floats {
        let quarters: [__m128i; 4] = must_cast(line.0);
        _mm256_cvtph_ps(quarters[(2 * part + rows) & 3])
    }

    /// Upper halves of singles of one half of a line.
    pub(crate) fn upper_halves(line: &Line, part: usize, rows: usize) -> Floats {
        let quarters: [__m128i; 4] = must_cast(line.0);
        let words = _mm256_cvtepu16_epi32(quarters[(2 * part + rows) & 3]);
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
    }

    /// What each byte, below 16, is the place of.
    pub(crate) fn looked_up(steps: &[u8; 16], places: Ints) -> Ints {
        _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(must_cast(*steps)), places)
    }

    /// Bytes of one quarter of a line.
    fn eight(line: &Line, quarter: usize, rows: usize) -> __m128i {
        let eighths: [i64; 8] = must_cast(line.0);
        _mm_cvtsi64_si128(eighths[(2 * quarter + rows) & 7])
    }

    pub(crate) fn bytes(line: &Line, quarter: usize, rows: usize) -> Floats {
        _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(eight(line, quarter, rows)))
    }

    pub(crate) fn signed_bytes(line: &Line, quarter: usize, rows: usize) -> Floats {
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(line, quarter, rows)))
    }

    /// The lower and the upper nibbles of bytes.
    pub(crate) fn byte_nibbles(line: &Line, quarter: usize, rows: usize) -> [Floats; 2] {
        let bytes = _mm256_cvtepu8_epi32(eight(line, quarter, rows));
        let low = _mm256_and_si256(bytes, _mm256_set1_epi32(15));
        [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(_mm256_srli_epi32::<4>(bytes))]
    }

    pub(crate) fn put_codes(line: &mut Line, rows: usize, codes: Ints) {
        if let Some(place) = line.0.as_chunks_mut::<32>().0.get_mut(rows) {
            *place = must_cast(codes);
        }
    }

    pub(crate) fn put_singles(line: &mut Line, rows: usize, singles: Floats) {
        if let Some(place) = line.0.as_chunks_mut::<32>().0.get_mut(rows) {
            *place = must_cast(singles);
        }
    }
}
