//! AVX-512 with VNNI: one `vpdpbusd` multiplies four columns of 16 rows.
//!
//! Intrinsics that take no pointer are safe inside functions with their features; lines are loaded
//! by a cast of an aligned array, which compiles to one aligned load.

mod floats;
mod integers;
mod weights;

use core::arch::x86_64::{
    __m256i, __m512, _MM_FROUND_TO_NEAREST_INT, _mm512_cvtph_ps, _mm512_cvtps_ph,
};

use bytemuck::must_cast;

use super::Table;
use crate::ops::bodies;
use floats::{float_matmul, float_matvec};
use integers::{matmul, matvec};

bodies::table!("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c");

/// 16 halves as singles.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    must_cast(_mm512_cvtph_ps(must_cast::<[u16; 16], __m256i>(*bits)))
}

/// 16 singles as halves, to the nearest, ties to even.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn narrow16(values: &[f32; 16]) -> [u16; 16] {
    let values: __m512 = must_cast(*values);
    must_cast(_mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(values))
}

/// The table, for callers that run with these features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn table() -> Table {
    bodies_table()
}
