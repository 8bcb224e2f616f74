//! Quantised weights times the quantised activations of many tokens.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{_mm512_add_epi16, _mm512_set1_epi32, _mm512_setzero_si512};

use bytemuck::must_cast;

use super::sums::{add_half_offset, add_offset, add_scaled, half_start, start};
use super::{SIGNED, add_widened, opened, pair_product};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Panel};

/// Many tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(in crate::kernels::avx512) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    let kernel = match panel.layout {
        Layout::Nibble => Kernel { open: opened::nibble, add: add_run::<8, 15, 8, false> },
        Layout::NibbleOffset => {
            Kernel { open: opened::nibble_offset, add: add_run::<0, 15, 8, true> }
        }
        Layout::NibbleSuper => {
            Kernel { open: opened::nibble_super, add: add_run::<0, 15, 8, true> }
        }
        Layout::Byte => Kernel { open: opened::signed_byte, add: add_run::<0, SIGNED, 1, false> },
        Layout::Wide => Kernel { open: opened::wide, add: add_run::<16, 31, 4, false> },
        Layout::WideOffset => Kernel { open: opened::wide_offset, add: add_run::<0, 31, 4, true> },
        Layout::WideHalves => Kernel { open: opened::wide_halves, add: add_halves::<32, false> },
        Layout::WideHalvesOffset => {
            Kernel { open: opened::wide_halves_offset, add: add_halves::<0, true> }
        }
        // Float weights never meet quantised activations: `matmul` checks the kinds.
        Layout::Single | Layout::Half | Layout::UpperHalf => return,
    };
    many::matmul(kernel, panel, tiles, out);
}

/// Adds 32 columns with one scale for each row. `TOGETHER` products of pairs are added before they
/// are widened.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add_run<const ZERO: i32, const MOST: i32, const TOGETHER: usize, const OFFSETS: bool>(
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    // So it is by construction, and said here so that no index below is checked.
    if first > TILE - QUAD {
        return;
    }
    let mut dots = [_mm512_setzero_si512(); QUAD];
    for t in 0..QUAD {
        dots[t] = start::<ZERO, TILE>(run, first + t);
    }
    for begin in (0..8).step_by(TOGETHER) {
        let mut pairs = [_mm512_setzero_si512(); QUAD];
        for j in begin..begin + TOGETHER {
            let code = must_cast(weights.code[j].0);
            for t in 0..QUAD {
                let product = pair_product::<MOST>(code, _mm512_set1_epi32(run.q[first + t][j]));
                pairs[t] = _mm512_add_epi16(pairs[t], product);
            }
        }
        for t in 0..QUAD {
            dots[t] = add_widened(dots[t], pairs[t]);
        }
    }
    for t in 0..QUAD {
        let scale = must_cast(weights.scale[0].0);
        let mut sum = add_scaled(must_cast(sums.0[t]), dots[t], scale, run, first + t);
        if OFFSETS {
            sum = add_offset(sum, must_cast(weights.offset[0].0), run, first + t);
        }
        sums.0[t] = must_cast(sum);
    }
}

/// Adds 32 columns of which each half has its own scales.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add_halves<const ZERO: i32, const OFFSETS: bool>(
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    if first > TILE - QUAD {
        return;
    }
    add_half::<0, ZERO>(weights, run, first, sums);
    add_half::<1, ZERO>(weights, run, first, sums);
    if OFFSETS {
        for t in 0..QUAD {
            let mut sum = must_cast(sums.0[t]);
            for half in 0..2 {
                let offset = must_cast(weights.offset[half].0);
                sum = add_half_offset(sum, offset, run, first + t, half);
            }
            sums.0[t] = must_cast(sum);
        }
    }
}

/// Adds one half of a run.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
fn add_half<const HALF: usize, const ZERO: i32>(
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    for t in 0..QUAD {
        let mut dots = half_start::<ZERO, TILE>(run, first + t, HALF);
        for j in [4 * HALF, 4 * HALF + 2] {
            let q = run.q[first + t];
            let pairs = _mm512_add_epi16(
                pair_product::<63>(must_cast(weights.code[j].0), _mm512_set1_epi32(q[j])),
                pair_product::<63>(must_cast(weights.code[j + 1].0), _mm512_set1_epi32(q[j + 1])),
            );
            dots = add_widened(dots, pairs);
        }
        let scale = must_cast(weights.scale[HALF].0);
        let sum = add_scaled(must_cast(sums.0[t]), dots, scale, run, first + t);
        sums.0[t] = must_cast(sum);
    }
}
