//! Quantised weights times the quantised activations of one token.

use core::arch::x86_64::{
    _MM_HINT_T0, _mm_prefetch, _mm256_dpbusd_avx_epi32, _mm256_set1_epi32, _mm256_setzero_ps,
    _mm256_setzero_si256,
};

use bytemuck::must_cast;

use crate::activations::Run;
use crate::kernels::avx2::sums::{finish, half_start, start};
use crate::kernels::avx2::weights::{self, Weights};
use crate::kernels::walk;
use crate::packed::{Layout, Line, Panel};

/// How far ahead of the matvec weights are fetched, in lines: 3 KiB, some 0.3 us at the speed of
/// memory. The hardware's own prefetcher stops at each page.
const AHEAD: usize = 48;

/// Calls `row_sums` with a layout's constants (lines and runs of a unit, zero, two scales, offsets)
/// and its opener.
macro_rules! by_layout {
    ($layout:expr, $lines:expr, $runs:expr) => {
        by_layout! { $layout, $lines, $runs;
            Nibble => nibble 9, 2, 8, false, false;
            NibbleOffset => nibble_offset 10, 2, 0, false, true;
            Byte => byte 17, 2, 128, false, false;
            NibbleSuper => nibble_super 37, 8, 0, false, true;
            Wide => wide 9, 1, 16, false, false;
            WideOffset => wide_offset 10, 1, 0, false, true;
            WideHalves => wide_halves 10, 1, 32, true, false;
            WideHalvesOffset => wide_halves_offset 12, 1, 0, true, true;
        }
    };
    ($layout:expr, $lines:expr, $runs:expr;
     $($name:ident => $open:ident $($constant:literal),*;)*) => {
        match $layout {
            $(Layout::$name => {
                row_sums::<$($constant),*>($lines, $runs, |u, p, r| weights::$open(u, p, r))
            })*
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf => Default::default(),
        }
    };
}

/// One token.
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
pub(super) fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
    walk::vector(panel, out, |lines| by_layout!(panel.layout, lines, runs));
}

#[inline]
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn row_sums<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
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
                // Two chains of four products each.
                let mut dots = if HALVES {
                    [half_start::<ZERO, 1>(run, 0, 0), half_start::<ZERO, 1>(run, 0, 1)]
                } else {
                    [start::<ZERO, 1>(run, 0), _mm256_setzero_si256()]
                };
                for (j, code) in weights.code.into_iter().enumerate() {
                    let q = _mm256_set1_epi32(run.q[0][j]);
                    dots[j / 4] = _mm256_dpbusd_avx_epi32(dots[j / 4], code, q);
                }
                *sum = finish::<HALVES, OFFSETS>(*sum, dots, &weights, run);
            }
        }
    }
    must_cast(sums)
}
