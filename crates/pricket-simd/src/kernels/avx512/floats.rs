//! Float weights times float activations: one sum per row and token, in the order of the columns.

use core::arch::x86_64::{
    __m256i, __m512, _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_fmadd_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32,
};
use std::array::from_fn;

use bytemuck::must_cast;

use crate::activations::TILE;
use crate::kernels::walk::{self, PASS, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

/// One token.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn float_matvec(panel: &Panel<'_>, x: &[f32], out: &mut [f32]) {
    walk::vector(panel, out, |lines| match panel.layout {
        Layout::Half => row_sums::<2>(lines, x, |line| half(line)),
        Layout::UpperHalf => row_sums::<2>(lines, x, |line| upper_half(line)),
        _ => row_sums::<1>(lines, x, |line| [must_cast(line.0)]),
    });
}

/// Up to 16 tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn float_matmul(panel: &Panel<'_>, x: &[[f32; TILE]], out: Product<'_>) {
    let per_unit = panel.layout.unit().1;
    walk::tile(panel, x, per_unit, out, |lines, x, pass, _, sums| match panel.layout {
        Layout::Half => add_pass::<2>(lines, x, pass, sums, |line| half(line)),
        Layout::UpperHalf => add_pass::<2>(lines, x, pass, sums, |line| upper_half(line)),
        _ => add_pass::<1>(lines, x, pass, sums, |line| [must_cast(line.0)]),
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn half(line: &Line) -> [__m512; 2] {
    let both: [__m256i; 2] = must_cast(line.0);
    [_mm512_cvtph_ps(both[0]), _mm512_cvtph_ps(both[1])]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn upper_half(line: &Line) -> [__m512; 2] {
    let both: [__m256i; 2] = must_cast(line.0);
    from_fn(|i| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(both[i]))))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn row_sums<const COLS: usize>(
    lines: &[Line],
    x: &[f32],
    open: impl Fn(&Line) -> [__m512; COLS],
) -> [f32; 16] {
    let mut sum = _mm512_setzero_ps();
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (weights, x) in open(line).into_iter().zip(x) {
            sum = _mm512_fmadd_ps(weights, _mm512_set1_ps(*x), sum);
        }
    }
    must_cast(sum)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add_pass<const COLS: usize>(
    lines: &[Line],
    x: &[[f32; TILE]],
    pass: usize,
    sums: &mut Sums,
    open: impl Fn(&Line) -> [__m512; COLS],
) {
    let mut acc: [__m512; PASS] = must_cast(*sums);
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (weights, x) in open(line).into_iter().zip(x) {
            let x = &x.as_chunks::<PASS>().0[pass & 1];
            for (acc, x) in acc.iter_mut().zip(x) {
                *acc = _mm512_fmadd_ps(weights, _mm512_set1_ps(*x), *acc);
            }
        }
    }
    *sums = must_cast(acc);
}
