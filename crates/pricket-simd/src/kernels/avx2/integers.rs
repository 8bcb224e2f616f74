//! Quantised weights times the quantised activations of one token.

use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8,
};

use bytemuck::must_cast;

use super::sums::{finish, half_start, start};
use super::weights::{self, Weights};
use crate::activations::Run;
use crate::kernels::walk;
use crate::packed::{Layout, Line, Panel};

/// How far ahead of the matvec weights are fetched, in lines: 3 KiB, some 0.3 us at the speed of
/// memory. The hardware's own prefetcher stops at each page.
const AHEAD: usize = 48;

/// Signed codes, which are multiplied as magnitudes.
pub(super) const SIGNED: i32 = -1;

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
                $($arg,)* |u, p, r| weights::signed_byte(u, p, r)
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
                let [low, high] = half_dots::<MOST>(&weights.code, &run.q[0]);
                let dots = if HALVES {
                    [
                        _mm256_add_epi32(low, half_start::<ZERO, 1>(run, 0, 0)),
                        _mm256_add_epi32(high, half_start::<ZERO, 1>(run, 0, 1)),
                    ]
                } else {
                    [_mm256_add_epi32(low, start::<ZERO, 1>(run, 0)), high]
                };
                *sum = finish::<HALVES, OFFSETS>(*sum, dots, &weights, run);
            }
        }
    }
    must_cast(sums)
}

/// Products over columns 0..16 and 16..32. A 16-bit sum of `n` products of pairs is at most
/// `n * 2 * MOST * 127`: 30,480 for 8 of nibbles, 31,496 for 4 of 5 bits, 32,004 for 2 of 6 bits;
/// for nibbles all 8 are added and stand in the first sum.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn half_dots<const MOST: i32>(code: &[__m256i; 8], q: &[i32; 8]) -> [__m256i; 2] {
    let widened = |pairs: __m256i| _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    let mut product = [_mm256_setzero_si256(); 8];
    for (product, (code, q)) in product.iter_mut().zip(code.iter().zip(q)) {
        *product = pair_product::<MOST>(*code, _mm256_set1_epi32(*q));
    }
    if MOST == 15 {
        let mut sum = product[0];
        for product in &product[1..] {
            sum = _mm256_add_epi16(sum, *product);
        }
        return [widened(sum), _mm256_setzero_si256()];
    }
    let mut dots = [_mm256_setzero_si256(); 2];
    for (dot, p) in dots.iter_mut().zip(product.as_chunks::<4>().0) {
        *dot = match MOST {
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
        };
    }
    dots
}

/// Four columns of 8 rows times four activations, added in pairs.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn pair_product<const MOST: i32>(code: __m256i, q: __m256i) -> __m256i {
    if MOST == SIGNED {
        // |w| <= 128 and |q| <= 127: two products make at most 32,512.
        _mm256_maddubs_epi16(_mm256_abs_epi8(code), _mm256_sign_epi8(q, code))
    } else {
        _mm256_maddubs_epi16(code, q)
    }
}
