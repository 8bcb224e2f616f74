//! Quantised weights times quantised activations.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_sign_epi8,
};
use std::array::from_fn;

use bytemuck::must_cast;

use super::weights::{self, Weights};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::walk::{self, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

/// How far ahead of the matvec weights are fetched, in lines: 3 KiB, some 0.3 us at the speed of
/// memory. The hardware's own prefetcher stops at each page.
const AHEAD: usize = 48;

/// Signed codes, which are multiplied as magnitudes.
const SIGNED: i32 = -1;

/// Calls a kernel with a layout's constants (lines and runs of a unit, zero, greatest code, two
/// scales, offsets) and its opener.
macro_rules! by_layout {
    ($layout:expr, $kernel:ident($($arg:expr),*)) => {
        match $layout {
            Layout::Nibble => $kernel::<9, 2, 8, 15, false, false>(
                $($arg,)* |u, p, r| weights::nibble(u, p, r)
            ),
            Layout::NibbleOffset => $kernel::<10, 2, 0, 15, false, true>(
                $($arg,)* |u, p, r| weights::nibble_offset(u, p, r)
            ),
            Layout::Byte => $kernel::<17, 2, 0, SIGNED, false, false>(
                $($arg,)* |u, p, r| weights::byte(u, p, r)
            ),
            Layout::NibbleSuper => $kernel::<37, 8, 0, 15, false, true>(
                $($arg,)* |u, p, r| weights::nibble_super(u, p, r)
            ),
            Layout::Wide => $kernel::<9, 1, 16, 31, false, false>(
                $($arg,)* |u, p, r| weights::wide(u, p, r)
            ),
            Layout::WideOffset => $kernel::<10, 1, 0, 31, false, true>(
                $($arg,)* |u, p, r| weights::wide_offset(u, p, r)
            ),
            Layout::WideHalves => $kernel::<10, 1, 32, 63, true, false>(
                $($arg,)* |u, p, r| weights::wide_halves(u, p, r)
            ),
            Layout::WideHalvesOffset => $kernel::<12, 1, 0, 63, true, true>(
                $($arg,)* |u, p, r| weights::wide_halves_offset(u, p, r)
            ),
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf => Default::default(),
        }
    };
}

/// One token.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
    walk::vector(panel, out, |lines| by_layout!(panel.layout, row_sums(lines, runs)));
}

/// Many tokens.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    let tiles = tiles.runs.chunks_exact(tiles.per_tile);
    walk::blocks(panel, &tiles, out, |panel, runs, out| tile(panel, runs, out));
}

/// Up to 16 tokens.
#[target_feature(enable = "avx2,fma,f16c")]
fn tile(panel: &Panel<'_>, runs: &[Run<TILE>], out: Product<'_>) {
    let per_unit = panel.layout.unit().1 / 32;
    walk::tile(panel, runs, per_unit, out, |lines, runs, pass, tokens, sums| {
        for quad in 0..tokens.div_ceil(4) {
            by_layout!(panel.layout, add_quad(lines, runs, 2 * pass + quad, sums));
        }
    });
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn row_sums<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
    const MOST: i32,
    const HALVES: bool,
    const OFFSETS: bool,
>(
    lines: &[Line],
    runs: &[Run<1>],
    open: impl Fn(&[Line; LINES], usize, usize) -> Weights,
) -> [f32; 16] {
    let mut sums = [_mm256_setzero_ps(); 2];
    for (unit, runs) in lines.as_chunks::<LINES>().0.iter().zip(runs.as_chunks::<RUNS>().0) {
        for line in 0..LINES {
            // A prefetch of an address that does not exist is ignored.
            _mm_prefetch::<_MM_HINT_T0>(unit.as_ptr().wrapping_add(AHEAD + line).cast());
        }
        for (part, run) in runs.iter().enumerate() {
            for (rows, sum) in sums.iter_mut().enumerate() {
                let weights = open(unit, part, rows);
                *sum = add_run::<1, ZERO, MOST, HALVES, OFFSETS>(&weights, run, 0, *sum);
            }
        }
    }
    must_cast(sums)
}

/// Adds a slab of columns to the sums of four tokens.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_quad<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
    const MOST: i32,
    const HALVES: bool,
    const OFFSETS: bool,
>(
    lines: &[Line],
    runs: &[Run<TILE>],
    quad: usize,
    sums: &mut Sums,
    open: impl Fn(&[Line; LINES], usize, usize) -> Weights,
) {
    let sums = &mut sums.as_chunks_mut::<4>().0[quad & 1];
    let mut acc: [[__m256; 2]; 4] = must_cast(*sums);
    for (unit, runs) in lines.as_chunks::<LINES>().0.iter().zip(runs.as_chunks::<RUNS>().0) {
        for (part, run) in runs.iter().enumerate() {
            for rows in 0..2 {
                let weights = open(unit, part, rows);
                for (t, acc) in acc.iter_mut().enumerate() {
                    let token = 4 * (quad & 3) + t;
                    acc[rows] = add_run::<TILE, ZERO, MOST, HALVES, OFFSETS>(
                        &weights, run, token, acc[rows],
                    );
                }
            }
        }
    }
    *sums = must_cast(acc);
}

/// Adds 32 columns of 8 rows to the sum of one token.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_run<
    const T: usize,
    const ZERO: i32,
    const MOST: i32,
    const HALVES: bool,
    const OFFSETS: bool,
>(
    weights: &Weights,
    run: &Run<T>,
    token: usize,
    mut sum: __m256,
) -> __m256 {
    let scale = run.scale[token];
    let half_sums = [run.low_sum[token], run.sum[token] - run.low_sum[token]];
    let factor = |half: usize| _mm256_mul_ps(weights.scale[half], _mm256_set1_ps(scale));
    let corrected = |dot: __m256i, sum: i32| {
        let dot =
            if ZERO == 0 { dot } else { _mm256_add_epi32(dot, _mm256_set1_epi32(-ZERO * sum)) };
        _mm256_cvtepi32_ps(dot)
    };
    let [low, high] = half_dots::<MOST>(&weights.code, &run.q[token]);
    if HALVES {
        sum = _mm256_fmadd_ps(corrected(low, half_sums[0]), factor(0), sum);
        sum = _mm256_fmadd_ps(corrected(high, half_sums[1]), factor(1), sum);
    } else {
        let dot = corrected(_mm256_add_epi32(low, high), run.sum[token]);
        sum = _mm256_fmadd_ps(dot, factor(0), sum);
    }
    if OFFSETS && HALVES {
        for half in 0..2 {
            let scaled = _mm256_set1_ps(scale * half_sums[half] as f32);
            sum = _mm256_fmadd_ps(weights.offset[half], scaled, sum);
        }
    } else if OFFSETS {
        sum = _mm256_fmadd_ps(weights.offset[0], _mm256_set1_ps(run.scaled_sum[token]), sum);
    }
    sum
}

/// Products over columns 0..16 and 16..32. A 16-bit sum of `n` products of pairs is at most
/// `n * 2 * MOST * 127`: 30,480 for 8 of nibbles, 31,496 for 4 of 5 bits, 32,004 for 2 of 6 bits;
/// for nibbles all 8 are added and stand in the first sum.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn half_dots<const MOST: i32>(code: &[__m256i; 8], q: &[i32; 8]) -> [__m256i; 2] {
    let widened = |pairs: __m256i| _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    let product = |j: usize| {
        let q = _mm256_set1_epi32(q[j]);
        if MOST == SIGNED {
            // |w| <= 128 and |q| <= 127: two products make at most 32,512.
            _mm256_maddubs_epi16(_mm256_abs_epi8(code[j]), _mm256_sign_epi8(q, code[j]))
        } else {
            _mm256_maddubs_epi16(code[j], q)
        }
    };
    if MOST == 15 {
        let sum = (1..8).fold(product(0), |sum, j| _mm256_add_epi16(sum, product(j)));
        return [widened(sum), _mm256_setzero_si256()];
    }
    from_fn(|half| {
        let p: [__m256i; 4] = from_fn(|j| product(4 * half + j));
        match MOST {
            31 => widened(_mm256_add_epi16(
                _mm256_add_epi16(p[0], p[1]),
                _mm256_add_epi16(p[2], p[3]),
            )),
            63 => _mm256_add_epi32(
                widened(_mm256_add_epi16(p[0], p[1])),
                widened(_mm256_add_epi16(p[2], p[3])),
            ),
            _ => _mm256_add_epi32(
                _mm256_add_epi32(widened(p[0]), widened(p[1])),
                _mm256_add_epi32(widened(p[2]), widened(p[3])),
            ),
        }
    })
}
