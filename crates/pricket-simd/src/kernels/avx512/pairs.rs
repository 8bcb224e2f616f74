//! Integer products without VNNI: `vpmaddubsw` multiplies bytes in pairs, 16-bit sums are widened
//! before they could overflow, as [`crate::kernels::avx2`] does it.

mod opened;
mod products;
mod sums;

use core::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_abs_epi8, _mm512_add_epi16, _mm512_add_epi32,
    _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_mask_sub_epi8, _mm512_movepi8_mask,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_setzero_si512,
};

use bytemuck::must_cast;

use super::weights::{self, Weights};
use crate::activations::Run;
use crate::kernels::walk;
use crate::packed::{Layout, Line, Panel};
pub(super) use products::matmul;
use sums::{finish, half_start, start};

/// How far ahead of the matvec weights are fetched, in lines: 3 KiB, some 0.3 us at the speed of
/// memory. The hardware's own prefetcher stops at each page.
const AHEAD: usize = 48;

/// Signed codes, which are multiplied as magnitudes.
const SIGNED: i32 = -1;

/// Calls `row_sums` with a layout's constants (lines and runs of a unit, zero, greatest code,
/// products added before they are widened, two scales, offsets) and its opener.
macro_rules! by_layout {
    ($layout:expr, $lines:expr, $runs:expr) => {
        by_layout! { $layout, $lines, $runs;
            Nibble => nibble 9, 2, 8, 15, 4, false, false;
            NibbleOffset => nibble_offset 10, 2, 0, 15, 4, false, true;
            Byte => signed_byte 17, 2, 0, SIGNED, 1, false, false;
            NibbleSuper => nibble_super 37, 8, 0, 15, 4, false, true;
            Wide => wide 9, 1, 16, 31, 4, false, false;
            WideOffset => wide_offset 10, 1, 0, 31, 4, false, true;
            WideHalves => wide_halves 10, 1, 32, 63, 2, true, false;
            WideHalvesOffset => wide_halves_offset 12, 1, 0, 63, 2, true, true;
        }
    };
    ($layout:expr, $lines:expr, $runs:expr;
     $($name:ident => $open:ident $($constant:expr),*;)*) => {
        match $layout {
            $(Layout::$name => {
                row_sums::<$({ $constant }),*>($lines, $runs, |u, p| weights::$open(u, p))
            })*
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf => Default::default(),
        }
    };
}

/// One token.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
    walk::vector(panel, out, |lines| by_layout!(panel.layout, lines, runs));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn row_sums<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
    const MOST: i32,
    const TOGETHER: usize,
    const HALVES: bool,
    const OFFSETS: bool,
>(
    lines: &[Line],
    runs: &[Run<1>],
    open: impl Fn(&[Line; LINES], usize) -> Weights,
) -> [f32; 16] {
    let mut sum = _mm512_setzero_ps();
    for (unit, runs) in lines.as_chunks::<LINES>().0.iter().zip(runs.as_chunks::<RUNS>().0) {
        for line in 0..LINES {
            // A prefetch of an address that does not exist is ignored.
            _mm_prefetch::<_MM_HINT_T0>(unit.as_ptr().wrapping_add(AHEAD + line).cast());
        }
        for (part, run) in runs.iter().enumerate() {
            let weights = open(unit, part);
            let mut dots = if HALVES {
                [half_start::<ZERO, 1>(run, 0, 0), half_start::<ZERO, 1>(run, 0, 1)]
            } else {
                [start::<ZERO, 1>(run, 0), _mm512_setzero_si512()]
            };
            let codes = weights.code.as_chunks::<TOGETHER>().0.iter();
            for (index, (codes, q)) in codes.zip(run.q[0].as_chunks::<TOGETHER>().0).enumerate() {
                let mut pairs = _mm512_setzero_si512();
                for (code, q) in codes.iter().zip(q) {
                    let product = pair_product::<MOST>(*code, _mm512_set1_epi32(*q));
                    pairs = _mm512_add_epi16(pairs, product);
                }
                let dots = &mut dots[index * TOGETHER / 4];
                *dots = add_widened(*dots, pairs);
            }
            sum = finish::<HALVES, OFFSETS>(sum, dots, &weights, run);
        }
    }
    must_cast(sum)
}

/// Four columns of 16 rows times four activations, added in pairs. A 16-bit sum of `n` products of
/// pairs is at most `n * 2 * MOST * 127`: 30,480 for 8 of nibbles, 31,496 for 4 of 5 bits, 32,004
/// for 2 of 6 bits, and 32,512 for one of signed bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn pair_product<const MOST: i32>(code: __m512i, q: __m512i) -> __m512i {
    if MOST == SIGNED {
        let negative = _mm512_movepi8_mask(code);
        let q = _mm512_mask_sub_epi8(q, negative, _mm512_setzero_si512(), q);
        _mm512_maddubs_epi16(_mm512_abs_epi8(code), q)
    } else {
        _mm512_maddubs_epi16(code, q)
    }
}

/// Adds 16-bit sums two by two.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add_widened(dots: __m512i, pairs: __m512i) -> __m512i {
    _mm512_add_epi32(dots, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
}
