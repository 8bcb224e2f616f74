//! A slab of opened weights times four tokens.
//!
//! Three groups of rows and four tokens at a time: 12 chains of products hide each other's latency,
//! and 12 sums beside them stay in registers for the whole slab. That takes few instructions for a
//! product: a broadcast of four activations serves three groups, a line of weights four tokens, and
//! no sum goes through memory between runs.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m512, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
};

use std::ptr;

use bytemuck::must_cast;

use super::sums::{add_half_offset, half_start, start};
use crate::activations::{Run, TILE};
use crate::kernels::many::{Opened, QUAD, SLAB_RUNS};
use crate::packed::Line;

/// Groups of rows side by side.
pub(super) const TRIO: usize = 3;

/// A slab of columns of up to three groups.
pub(super) type Slab = [[Opened; SLAB_RUNS]; TRIO];

/// The sums of a quad of tokens for up to three groups.
pub(super) type Sums = [[__m512; QUAD]; TRIO];

/// Lines of a run of a tile.
const LINES: usize = size_of::<Run<TILE>>() / 64;

/// A quad's share of a slab.
pub(super) struct Work<'a> {
    pub(super) slab: &'a Slab,
    /// The slab's runs of the tile that the quad is in.
    pub(super) runs: &'a [Run<TILE>],
    /// From a tile to the next, in runs.
    pub(super) per_tile: usize,
    /// The quad's first token in its tile.
    pub(super) first: usize,
    /// Where the quad's share of the next slab's lines begins in each group.
    pub(super) coming: [*const Line; TRIO],
    /// How many of them to ask for with each run.
    pub(super) share: usize,
}

/// Adds a slab to a quad's sums for `GROUPS` groups. A call of its own, so that the compiler has
/// the registers for chains and sums.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn add_slab<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const GROUPS: usize,
>(
    work: &Work<'_>,
    sums: &mut Sums,
) {
    // So it is by construction, and said here so that no index below is checked.
    let first = work.first & (TILE - QUAD);
    let mut kept = *sums;
    let [a, b, c] = work.slab;
    let mut coming = work.coming;
    // What the next tile needs next: a quarter of it with each quad of this tile.
    let near = if HALVES { LINES.div_ceil(4) } else { 3 };
    for (((a, b), c), run) in a.iter().zip(b).zip(c).zip(work.runs) {
        // A prefetch of an address that does not exist is ignored.
        let next = ptr::from_ref(run).wrapping_add(work.per_tile).cast::<i8>();
        let next = next.wrapping_add(first / QUAD * near * 64);
        for line in 0..near {
            _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(64 * line));
        }
        for line in coming.iter_mut().take(GROUPS) {
            for _ in 0..work.share {
                _mm_prefetch::<_MM_HINT_T1>(line.cast());
                *line = line.wrapping_add(1);
            }
        }
        if HALVES {
            add_halves::<ZERO, OFFSETS, GROUPS>([a, b, c], run, first, &mut kept);
        } else {
            add_run::<ZERO, OFFSETS, GROUPS>([a, b, c], run, first, &mut kept);
        }
    }
    *sums = kept;
}

/// Adds 32 columns with one scale for each row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_run<const ZERO: i32, const OFFSETS: bool, const GROUPS: usize>(
    weights: [&Opened; TRIO],
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    let mut dots = [[_mm512_setzero_si512(); QUAD]; GROUPS];
    for t in 0..QUAD {
        let start = start::<ZERO, TILE>(run, first + t);
        for g in 0..GROUPS {
            dots[g][t] = start;
        }
    }
    for j in 0..8 {
        let mut codes = [_mm512_setzero_si512(); GROUPS];
        for g in 0..GROUPS {
            codes[g] = must_cast(weights[g].code[j].0);
        }
        for t in 0..QUAD {
            let four = _mm512_set1_epi32(run.q[first + t][j]);
            for g in 0..GROUPS {
                dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
            }
        }
    }
    for t in 0..QUAD {
        let scale = _mm512_set1_ps(run.scale[first + t]);
        let scaled_sum = _mm512_set1_ps(run.scaled_sum[first + t]);
        for g in 0..GROUPS {
            let factor = _mm512_mul_ps(must_cast(weights[g].scale[0].0), scale);
            let dot = _mm512_cvtepi32_ps(dots[g][t]);
            sums[g][t] = _mm512_fmadd_ps(dot, factor, sums[g][t]);
            if OFFSETS {
                let offset: __m512 = must_cast(weights[g].offset[0].0);
                sums[g][t] = _mm512_fmadd_ps(offset, scaled_sum, sums[g][t]);
            }
        }
    }
}

/// Adds 32 columns of which each half has its own scales.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_halves<const ZERO: i32, const OFFSETS: bool, const GROUPS: usize>(
    weights: [&Opened; TRIO],
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    for half in 0..2 {
        let mut dots = [[_mm512_setzero_si512(); QUAD]; GROUPS];
        for t in 0..QUAD {
            let start = half_start::<ZERO, TILE>(run, first + t, half);
            for g in 0..GROUPS {
                dots[g][t] = start;
            }
        }
        for j in 4 * half..4 * half + 4 {
            let mut codes = [_mm512_setzero_si512(); GROUPS];
            for g in 0..GROUPS {
                codes[g] = must_cast(weights[g].code[j].0);
            }
            for t in 0..QUAD {
                let four = _mm512_set1_epi32(run.q[first + t][j]);
                for g in 0..GROUPS {
                    dots[g][t] = _mm512_dpbusd_epi32(dots[g][t], codes[g], four);
                }
            }
        }
        for t in 0..QUAD {
            let scale = _mm512_set1_ps(run.scale[first + t]);
            for g in 0..GROUPS {
                let factor = _mm512_mul_ps(must_cast(weights[g].scale[half].0), scale);
                let dot = _mm512_cvtepi32_ps(dots[g][t]);
                sums[g][t] = _mm512_fmadd_ps(dot, factor, sums[g][t]);
            }
        }
    }
    if OFFSETS {
        for half in 0..2 {
            for t in 0..QUAD {
                for g in 0..GROUPS {
                    let offset = must_cast(weights[g].offset[half].0);
                    sums[g][t] = add_half_offset(sums[g][t], offset, run, first + t, half);
                }
            }
        }
    }
}
