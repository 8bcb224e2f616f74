//! Float weights times float activations: one sum per row and token, in the order of the columns.

use core::arch::x86_64::{
    __m256i, __m512, _mm512_and_si512, _mm512_castsi512_ps, _mm512_cvtepu8_epi16,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_or_si512,
    _mm512_set1_epi16, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi16, _mm512_slli_epi32,
};
use std::array::from_fn;

use bytemuck::must_cast;

use crate::activations::{FloatTiles, TILE};
use crate::format::SCALED_COLS;
use crate::kernels::columns::{self, Column, PassSums};
use crate::kernels::walk::{self, PASS};
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

/// One token.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn float_matvec(panel: &Panel<'_>, x: &[f32], out: &mut [f32]) {
    walk::vector(panel, out, |lines| match panel.layout {
        Layout::Half => must_cast(row_sums::<2>(zero(), lines, x, |line| half(line))),
        Layout::UpperHalf => must_cast(row_sums::<2>(zero(), lines, x, |line| upper_half(line))),
        Layout::Small => {
            let mut sum = zero();
            let units = lines.as_chunks::<33>().0.iter().zip(x.chunks(SCALED_COLS));
            for ([scales, codes @ ..], x) in units {
                let scales = must_cast(scales.0);
                sum = row_sums::<4>(sum, codes, x, |line| small(line, scales));
            }
            must_cast(sum)
        }
        _ => must_cast(row_sums::<1>(zero(), lines, x, |line| [must_cast(line.0)])),
    });
}

/// Groups of rows side by side: with the eight tokens of a pass 24 sums, of 32 registers. So one
/// load of weights serves eight products and one of an activation three, and the loads do not hold
/// up the products.
const GROUPS: usize = 3;

/// Two tokens and more.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn float_matmul(panel: &Panel<'_>, x: FloatTiles<'_>, out: Product<'_>) {
    let Product { data, stride, tokens } = out;
    let (front, behind) = panel.split(GROUPS);
    groups::<GROUPS>(&front, x, Product { data: &mut *data, stride, tokens });
    let data = data.get_mut(front.rows..).unwrap_or_default();
    groups::<1>(&behind, x, Product { data, stride, tokens });
}

/// A panel of so many groups, or a multiple of them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn groups<const GROUPS: usize>(panel: &Panel<'_>, x: FloatTiles<'_>, mut out: Product<'_>) {
    columns::matmul::<GROUPS>(
        panel,
        x,
        &mut out,
        |layout, lines, group, slab| open(layout, lines, group, slab),
        |slab, x, pass, sums| add(slab, x, pass, sums),
    );
}

/// Whole units of a group as singles.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn open<const GROUPS: usize>(
    layout: Layout,
    lines: &[Line],
    group: usize,
    slab: &mut [Column<GROUPS>],
) {
    match layout {
        Layout::Half => open_lines::<2, GROUPS>(lines, group, slab, |line| half(line)),
        Layout::UpperHalf => open_lines::<2, GROUPS>(lines, group, slab, |line| upper_half(line)),
        Layout::Small => {
            let units = lines.as_chunks::<33>().0.iter().zip(slab.chunks_mut(SCALED_COLS));
            for ([scales, codes @ ..], slab) in units {
                let scales = must_cast(scales.0);
                open_lines::<4, GROUPS>(codes, group, slab, |line| small(line, scales));
            }
        }
        _ => open_lines::<1, GROUPS>(lines, group, slab, |line| [must_cast(line.0)]),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn open_lines<const COLS: usize, const GROUPS: usize>(
    lines: &[Line],
    group: usize,
    slab: &mut [Column<GROUPS>],
    open: impl Fn(&Line) -> [__m512; COLS],
) {
    for (line, columns) in lines.iter().zip(slab.chunks_mut(COLS)) {
        for (column, opened) in columns.iter_mut().zip(open(line)) {
            column[group % GROUPS] = Line(must_cast(opened));
        }
    }
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

/// Four columns of small floats, times their scales: see [`crate::format::half_of`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn small(line: &Line, scales: __m512) -> [__m512; 4] {
    let pairs: [__m256i; 2] = must_cast(line.0);
    let mut columns = [zero(); 4];
    for (columns, codes) in columns.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
        let words = _mm512_cvtepu8_epi16(codes);
        let rest = _mm512_and_si512(_mm512_slli_epi16::<7>(words), _mm512_set1_epi16(0x3f80));
        let sign = _mm512_and_si512(_mm512_slli_epi16::<8>(words), _mm512_set1_epi16(i16::MIN));
        let halves: [__m256i; 2] = must_cast(_mm512_or_si512(rest, sign));
        *columns = halves.map(|halves| _mm512_mul_ps(_mm512_cvtph_ps(halves), scales));
    }
    columns
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn zero() -> __m512 {
    _mm512_setzero_ps()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn row_sums<const COLS: usize>(
    mut sum: __m512,
    lines: &[Line],
    x: &[f32],
    open: impl Fn(&Line) -> [__m512; COLS],
) -> __m512 {
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (weights, x) in open(line).into_iter().zip(x) {
            sum = _mm512_fmadd_ps(weights, _mm512_set1_ps(*x), sum);
        }
    }
    sum
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add<const GROUPS: usize>(
    slab: &[Column<GROUPS>],
    x: &[[f32; TILE]],
    pass: usize,
    sums: &mut [PassSums; GROUPS],
) {
    let mut acc: [[__m512; PASS]; GROUPS] = from_fn(|group| must_cast(sums[group].0));
    for (column, x) in slab.iter().zip(x) {
        let mut weights = [zero(); GROUPS];
        for (weights, line) in weights.iter_mut().zip(column) {
            *weights = must_cast(line.0);
        }
        for (token, x) in x.as_chunks::<PASS>().0[pass & 1].iter().enumerate() {
            let x = _mm512_set1_ps(*x);
            for group in 0..GROUPS {
                acc[group][token] = _mm512_fmadd_ps(weights[group], x, acc[group][token]);
            }
        }
    }
    for (sums, acc) in sums.iter_mut().zip(acc) {
        sums.0 = must_cast(acc);
    }
}
