//! AVX-512: 16 rows to a register. With VNNI one `vpdpbusd` multiplies four columns of them;
//! without it, integer products go in pairs, and all else is the same.
//!
//! Intrinsics that take no pointer are safe inside functions with their features; lines are loaded
//! by a cast of an aligned array, which compiles to one aligned load.

mod few;
mod floats;
mod integers;
mod octets;
mod opened;
mod pairs;
mod products;
mod quantization;
mod slabs;
mod sums;
mod vectors;
mod weights;

use core::arch::x86_64::{
    __m256, __m256i, __m512, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T1, _mm_add_ps, _mm_cvtss_f32,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_prefetch, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_extractf128_ps, _mm512_add_ps, _mm512_cvtph_ps, _mm512_cvtps_ph, _mm512_fmadd_ps,
    _mm512_set1_ps, _mm512_setzero_ps,
};

use bytemuck::must_cast;

use super::Table;
use crate::ops::bodies;
use crate::ops::registers::{Lanes, Registers};
use crate::packed::Line;
use floats::{float_matmul, float_matvec};
use pairs::{matmul, matvec};
use quantization::quantize;

/// Attention's rows side by side where there are many, and how many blocks of keys and registers of
/// values are in flight for each of them: 24 sums, of 32 registers.
const WIDE_ROWS: (usize, usize, usize) = (6, 4, 4);
/// The same where there are up to so many.
const FEW_ROWS: (usize, usize, usize) = (3, 4, 4);

bodies::table!("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c");

/// 16 halves as singles.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    must_cast(open16(bits))
}

/// 16 halves in a register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn open16(bits: &[u16; 16]) -> __m512 {
    _mm512_cvtph_ps(must_cast::<[u16; 16], __m256i>(*bits))
}

/// One register for 16 lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn registers() -> impl Lanes<V = __m512> {
    Registers {
        zero: _mm512_setzero_ps(),
        load: |values: &[f32; 16]| must_cast::<[f32; 16], __m512>(*values),
        splat: |value: f32| _mm512_set1_ps(value),
        fma: |a: __m512, b: __m512, c: __m512| _mm512_fmadd_ps(a, b, c),
        total: |[a, b, c, d]: [__m512; 4]| {
            let sums = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
            let [low, high]: [__m256; 2] = must_cast(sums);
            let eight = _mm256_add_ps(low, high);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ps(two, _mm_movehdup_ps(two)))
        },
        store: |v: __m512| must_cast::<__m512, [f32; 16]>(v),
    }
}

/// 16 singles as halves, to the nearest, ties to even.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn narrow16(values: &[f32; 16]) -> [u16; 16] {
    let values: __m512 = must_cast(*values);
    must_cast(_mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(values))
}

/// Brings lines into the second-level cache.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn fetch(lines: &[Line]) {
    for line in lines {
        _mm_prefetch::<_MM_HINT_T1>(line.0.as_ptr().cast());
    }
}

/// The table, for callers that run with these features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn table() -> Table {
    bodies_table()
}

/// The table with VNNI, for callers that run with these features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn vnni_table() -> Table {
    Table { matvec: integers::matvec, matmul: products::matmul, ..table() }
}
