//! AVX2 with FMA: `vpmaddubsw` multiplies bytes in pairs, 16-bit sums are widened before they could
//! overflow. A group of 16 rows is two halves of 8.

mod floats;
mod integers;
pub(super) mod opened;
mod quantization;
pub(super) mod sums;
pub(super) mod vectors;
pub(super) mod weights;

use core::arch::x86_64::{
    __m128i, __m256, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T1, _mm_add_ps, _mm_cvtss_f32,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_prefetch, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_cvtph_ps, _mm256_cvtps_ph, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_set1_ps,
    _mm256_setzero_ps,
};

use bytemuck::must_cast;

use super::Table;
use crate::ops::bodies;
use crate::ops::registers::{Lanes, Registers};
use crate::packed::Line;
use floats::{float_matmul, float_matvec};
use integers::{matmul, matvec};
use quantization::quantize;

/// Attention's rows side by side where there are many, and how many blocks of keys and registers of
/// values are in flight for each of them: 8 sums, of 16 registers.
const WIDE_ROWS: (usize, usize, usize) = (4, 1, 1);
/// The same where there are up to so many.
const FEW_ROWS: (usize, usize, usize) = (2, 1, 2);

bodies::table!("avx2,fma,f16c");

/// 16 halves as singles.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    must_cast(open16(bits))
}

/// 16 halves in two registers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn open16(bits: &[u16; 16]) -> [__m256; 2] {
    let both: [__m128i; 2] = must_cast(*bits);
    [_mm256_cvtph_ps(both[0]), _mm256_cvtph_ps(both[1])]
}

/// Two registers for 16 lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn registers() -> impl Lanes<V = [__m256; 2]> {
    Registers {
        zero: [_mm256_setzero_ps(); 2],
        load: |values: &[f32; 16]| must_cast::<[f32; 16], [__m256; 2]>(*values),
        splat: |value: f32| [_mm256_set1_ps(value); 2],
        fma: |a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]| {
            [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
        },
        total: |[a, b, c, d]: [[__m256; 2]; 4]| {
            let half =
                |i: usize| _mm256_add_ps(_mm256_add_ps(a[i], b[i]), _mm256_add_ps(c[i], d[i]));
            let eight = _mm256_add_ps(half(0), half(1));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ps(two, _mm_movehdup_ps(two)))
        },
        store: |v: [__m256; 2]| must_cast::<[__m256; 2], [f32; 16]>(v),
    }
}

/// 16 singles as halves, to the nearest, ties to even.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn narrow16(values: &[f32; 16]) -> [u16; 16] {
    let both: [__m256; 2] = must_cast(*values);
    must_cast([
        _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(both[0]),
        _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(both[1]),
    ])
}

/// Brings lines into the second-level cache.
#[target_feature(enable = "avx2,fma,f16c")]
fn fetch(lines: &[Line]) {
    for line in lines {
        _mm_prefetch::<_MM_HINT_T1>(line.0.as_ptr().cast());
    }
}

/// The table, for callers that run with these features.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn table() -> Table {
    bodies_table()
}
