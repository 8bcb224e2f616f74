//! Quantised weights times quantised activations.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_cvtepi32_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps,
};
use std::array::from_fn;

use bytemuck::must_cast;

use super::weights::{self, Weights};
use crate::activations::Run;
use crate::kernels::walk;
use crate::packed::{Layout, Line, Panel};

/// How far ahead of the matvec weights are fetched, in lines: 3 KiB, some 0.3 us at the speed of
/// memory. The hardware's own prefetcher stops at each page.
const AHEAD: usize = 48;

/// Calls a kernel with a layout's constants (lines and runs of a unit, zero, two scales, offsets)
/// and its opener.
macro_rules! by_layout {
    ($layout:expr, $kernel:ident [$($more:tt)*] ($($arg:expr),*)) => {
        match $layout {
            Layout::Nibble => {
                $kernel::<9, 2, 8, false, false, $($more)*>($($arg,)* |u, p| weights::nibble(u, p))
            }
            Layout::NibbleOffset => $kernel::<10, 2, 0, false, true, $($more)*>(
                $($arg,)* |u, p| weights::nibble_offset(u, p)
            ),
            Layout::Byte => {
                $kernel::<17, 2, 128, false, false, $($more)*>($($arg,)* |u, p| weights::byte(u, p))
            }
            Layout::NibbleSuper => $kernel::<37, 8, 0, false, true, $($more)*>(
                $($arg,)* |u, p| weights::nibble_super(u, p)
            ),
            Layout::Wide => {
                $kernel::<9, 1, 16, false, false, $($more)*>($($arg,)* |u, p| weights::wide(u, p))
            }
            Layout::WideOffset => $kernel::<10, 1, 0, false, true, $($more)*>(
                $($arg,)* |u, p| weights::wide_offset(u, p)
            ),
            Layout::WideHalves => $kernel::<10, 1, 32, true, false, $($more)*>(
                $($arg,)* |u, p| weights::wide_halves(u, p)
            ),
            Layout::WideHalvesOffset => $kernel::<12, 1, 0, true, true, $($more)*>(
                $($arg,)* |u, p| weights::wide_halves_offset(u, p)
            ),
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf => Default::default(),
        }
    };
}

/// One token.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
    walk::vector(panel, out, |lines| by_layout!(panel.layout, row_sums[](lines, runs)));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn row_sums<
    const LINES: usize,
    const RUNS: usize,
    const ZERO: i32,
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
            [sum] = add_run::<1, ZERO, HALVES, OFFSETS>(
                &weights,
                [&run.q[0]],
                [run.scale[0]],
                [run.scaled_sum[0]],
                [[run.low_sum[0], run.sum[0] - run.low_sum[0]]],
                [sum],
            );
        }
    }
    must_cast(sum)
}

/// Adds 32 columns to the sums of `T` tokens, whose chains of products run side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_run<const T: usize, const ZERO: i32, const HALVES: bool, const OFFSETS: bool>(
    weights: &Weights,
    q: [&[i32; 8]; T],
    scale: [f32; T],
    scaled_sum: [f32; T],
    half_sums: [[i32; 2]; T],
    sums: [__m512; T],
) -> [__m512; T] {
    // One chain of 8 products is enough where other tokens' chains fill the gaps.
    let two_chains = HALVES || T == 1;
    let start = |t: usize, half: usize| {
        let sum = if HALVES { half_sums[t][half] } else { half_sums[t][0] + half_sums[t][1] };
        _mm512_set1_epi32(if HALVES || half == 0 { -ZERO * sum } else { 0 })
    };
    let mut low: [__m512i; T] = from_fn(|t| start(t, 0));
    let mut high: [__m512i; T] = from_fn(|t| start(t, 1));
    for j in 0..8 {
        for t in 0..T {
            let chain = if two_chains && j >= 4 { &mut high[t] } else { &mut low[t] };
            *chain = _mm512_dpbusd_epi32(*chain, weights.code[j], _mm512_set1_epi32(q[t][j]));
        }
    }
    from_fn(|t| {
        let factor = |half: usize| _mm512_mul_ps(weights.scale[half], _mm512_set1_ps(scale[t]));
        let mut sum = sums[t];
        if HALVES {
            sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low[t]), factor(0), sum);
            sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[t]), factor(1), sum);
        } else {
            let dot = if two_chains { _mm512_add_epi32(low[t], high[t]) } else { low[t] };
            sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), factor(0), sum);
        }
        if OFFSETS && HALVES {
            for half in 0..2 {
                let scaled = _mm512_set1_ps(scale[t] * half_sums[t][half] as f32);
                sum = _mm512_fmadd_ps(weights.offset[half], scaled, sum);
            }
        } else if OFFSETS {
            sum = _mm512_fmadd_ps(weights.offset[0], _mm512_set1_ps(scaled_sum[t]), sum);
        }
        sum
    })
}
