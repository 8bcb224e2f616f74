//! 32 columns of 16 rows times eight tokens.
//!
//! Weights, chains of products and sums stand in registers, and a product takes its activations
//! from memory by itself: one instruction each. Eight chains hide each other's latency together
//! with those of the next run, which do not wait for this one's.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{__m512, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use super::sums::{add_half_offset, add_offset, add_scaled, half_start, start};
use super::weights::Weights;
use crate::activations::{Run, TILE};

/// Tokens side by side.
pub(super) const OCTET: usize = 8;

/// The sums of 16 rows for each of them.
pub(super) type Sums = [__m512; OCTET];

/// Adds a run to the sums of the tokens from `FIRST` on. It is a constant, because an instruction
/// whose address has an index counts as two.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
pub(super) fn add_run<
    const ZERO: i32,
    const HALVES: bool,
    const OFFSETS: bool,
    const FIRST: usize,
>(
    weights: &Weights,
    run: &Run<TILE>,
    sums: &mut Sums,
) {
    if HALVES {
        return add_halves::<ZERO, OFFSETS, FIRST>(weights, run, sums);
    }
    let mut dots = [_mm512_setzero_si512(); OCTET];
    for t in 0..OCTET {
        dots[t] = start::<ZERO, TILE>(run, FIRST + t);
    }
    for j in 0..8 {
        for t in 0..OCTET {
            let four = _mm512_set1_epi32(run.q[FIRST + t][j]);
            dots[t] = _mm512_dpbusd_epi32(dots[t], weights.code[j], four);
        }
    }
    for t in 0..OCTET {
        sums[t] = add_scaled(sums[t], dots[t], weights.scale[0], run, FIRST + t);
        if OFFSETS {
            sums[t] = add_offset(sums[t], weights.offset[0], run, FIRST + t);
        }
    }
}

/// The same where each half has scales of its own.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn add_halves<const ZERO: i32, const OFFSETS: bool, const FIRST: usize>(
    weights: &Weights,
    run: &Run<TILE>,
    sums: &mut Sums,
) {
    for half in 0..2 {
        let mut dots = [_mm512_setzero_si512(); OCTET];
        for t in 0..OCTET {
            dots[t] = half_start::<ZERO, TILE>(run, FIRST + t, half);
        }
        for j in 4 * half..4 * half + 4 {
            for t in 0..OCTET {
                let four = _mm512_set1_epi32(run.q[FIRST + t][j]);
                dots[t] = _mm512_dpbusd_epi32(dots[t], weights.code[j], four);
            }
        }
        for t in 0..OCTET {
            sums[t] = add_scaled(sums[t], dots[t], weights.scale[half], run, FIRST + t);
        }
    }
    if OFFSETS {
        for half in 0..2 {
            for t in 0..OCTET {
                let offset = weights.offset[half];
                sums[t] = add_half_offset(sums[t], offset, run, FIRST + t, half);
            }
        }
    }
}
