//! AVX2 with FMA: `vpmaddubsw` multiplies bytes in pairs, 16-bit sums are widened before they could
//! overflow. A group of 16 rows is two halves of 8.

mod floats;
mod integers;
mod weights;

use core::arch::x86_64::{
    __m128i, __m256, _MM_FROUND_TO_NEAREST_INT, _mm256_cvtph_ps, _mm256_cvtps_ph,
};

use bytemuck::must_cast;

use super::Table;
use crate::ops::bodies;
use floats::{float_matmul, float_matvec};
use integers::{matmul, matvec};

bodies::table!("avx2,fma,f16c");

/// 16 halves as singles.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    let both: [__m128i; 2] = must_cast(*bits);
    must_cast([_mm256_cvtph_ps(both[0]), _mm256_cvtph_ps(both[1])])
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

/// The table, for callers that run with these features.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn table() -> Table {
    bodies_table()
}
