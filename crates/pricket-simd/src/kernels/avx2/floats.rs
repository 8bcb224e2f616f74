//! Float weights times float activations: one sum per row and token, in the order of the columns.

use core::arch::x86_64::{
    __m128i, __m256, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cvtepu8_epi16,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_mul_ps, _mm256_or_si256,
    _mm256_set1_epi16, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi16, _mm256_slli_epi32,
};
use std::array::from_fn;

use bytemuck::must_cast;

use crate::activations::{FloatTiles, TILE};
use crate::format::SCALED_COLS;
use crate::kernels::{columns, walk};
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

/// One column of 16 rows.
type Column = [__m256; 2];

/// One token.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn float_matvec(panel: &Panel<'_>, x: &[f32], out: &mut [f32]) {
    walk::vector(panel, out, |lines| match panel.layout {
        Layout::Half => must_cast(row_sums::<2>(zero(), lines, x, |line| half(line))),
        Layout::UpperHalf => must_cast(row_sums::<2>(zero(), lines, x, |line| upper_half(line))),
        Layout::Small => {
            let mut sums = zero();
            let units = lines.as_chunks::<33>().0.iter().zip(x.chunks(SCALED_COLS));
            for ([scales, codes @ ..], x) in units {
                let scales = must_cast(scales.0);
                sums = row_sums::<4>(sums, codes, x, |line| small(line, scales));
            }
            must_cast(sums)
        }
        _ => must_cast(row_sums::<1>(zero(), lines, x, |line| [must_cast(line.0)])),
    });
}

/// Two tokens and more.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn float_matmul(panel: &Panel<'_>, x: FloatTiles<'_>, mut out: Product<'_>) {
    columns::matmul::<1>(
        panel,
        x,
        &mut out,
        |layout, lines, _, slab| open(layout, lines, slab),
        |slab, x, pass, [sums]| {
            for (quad, sums) in sums.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                add_quad(slab, x, 2 * pass + quad, sums);
            }
        },
    );
}

/// Whole units of a group as singles.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn open(layout: Layout, lines: &[Line], slab: &mut [[Line; 1]]) {
    match layout {
        Layout::Half => open_lines::<2>(lines, slab, |line| half(line)),
        Layout::UpperHalf => open_lines::<2>(lines, slab, |line| upper_half(line)),
        Layout::Small => {
            let units = lines.as_chunks::<33>().0.iter().zip(slab.chunks_mut(SCALED_COLS));
            for ([scales, codes @ ..], slab) in units {
                let scales = must_cast(scales.0);
                open_lines::<4>(codes, slab, |line| small(line, scales));
            }
        }
        _ => open_lines::<1>(lines, slab, |line| [must_cast(line.0)]),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn open_lines<const COLS: usize>(
    lines: &[Line],
    slab: &mut [[Line; 1]],
    open: impl Fn(&Line) -> [Column; COLS],
) {
    for (line, columns) in lines.iter().zip(slab.chunks_mut(COLS)) {
        for (column, opened) in columns.iter_mut().zip(open(line)) {
            column[0] = Line(must_cast(opened));
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn half(line: &Line) -> [Column; 2] {
    let quarters: [[__m128i; 2]; 2] = must_cast(line.0);
    quarters.map(|column| [_mm256_cvtph_ps(column[0]), _mm256_cvtph_ps(column[1])])
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn upper_half(line: &Line) -> [Column; 2] {
    let quarters: [[__m128i; 2]; 2] = must_cast(line.0);
    quarters.map(|column| {
        from_fn(|rows| {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(column[rows])))
        })
    })
}

/// Four columns of small floats, times their scales: see [`crate::format::half_of`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn small(line: &Line, scales: Column) -> [Column; 4] {
    let quarters: [__m128i; 4] = must_cast(line.0);
    quarters.map(|codes| {
        let words = _mm256_cvtepu8_epi16(codes);
        let rest = _mm256_and_si256(_mm256_slli_epi16::<7>(words), _mm256_set1_epi16(0x3f80));
        let sign = _mm256_and_si256(_mm256_slli_epi16::<8>(words), _mm256_set1_epi16(i16::MIN));
        let halves: [__m128i; 2] = must_cast(_mm256_or_si256(rest, sign));
        from_fn(|rows| _mm256_mul_ps(_mm256_cvtph_ps(halves[rows]), scales[rows]))
    })
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn zero() -> Column {
    [_mm256_setzero_ps(); 2]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn row_sums<const COLS: usize>(
    mut sums: Column,
    lines: &[Line],
    x: &[f32],
    open: impl Fn(&Line) -> [Column; COLS],
) -> Column {
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (column, x) in open(line).into_iter().zip(x) {
            for (sum, weights) in sums.iter_mut().zip(column) {
                *sum = _mm256_fmadd_ps(weights, _mm256_set1_ps(*x), *sum);
            }
        }
    }
    sums
}

/// Four tokens: 8 sums, of 16 registers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_quad(slab: &[[Line; 1]], x: &[[f32; TILE]], quad: usize, sums: &mut [[f32; GROUP_ROWS]; 4]) {
    let mut acc: [Column; 4] = must_cast(*sums);
    for ([line], x) in slab.iter().zip(x) {
        let column: Column = must_cast(line.0);
        for (acc, x) in acc.iter_mut().zip(&x.as_chunks::<4>().0[quad & 3]) {
            for (acc, weights) in acc.iter_mut().zip(column) {
                *acc = _mm256_fmadd_ps(weights, _mm256_set1_ps(*x), *acc);
            }
        }
    }
    *sums = must_cast(acc);
}
