//! Quantised weights times the quantised activations of many tokens.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    _mm256_add_epi16, _mm256_add_epi32, _mm256_madd_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256,
};

use bytemuck::must_cast;

use super::integers::{SIGNED, pair_product};
use super::opened;
use super::sums::{add_half_offsets, add_offset, add_scaled, codes, floats, half_start, start};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Panel};

/// Many tokens.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
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
/// are widened: see [`super::integers`] for how many fit.
#[target_feature(enable = "avx2,fma,f16c")]
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
    let mut dots = [[_mm256_setzero_si256(); 2]; QUAD];
    for t in 0..QUAD {
        dots[t] = [start::<ZERO, TILE>(run, first + t); 2];
    }
    for begin in (0..8).step_by(TOGETHER) {
        let mut pairs = [[_mm256_setzero_si256(); 2]; QUAD];
        for j in begin..begin + TOGETHER {
            for rows in 0..2 {
                let code = codes(&weights.code[j], rows);
                for t in 0..QUAD {
                    let q = _mm256_set1_epi32(run.q[first + t][j]);
                    let product = pair_product::<MOST>(code, q);
                    pairs[t][rows] = _mm256_add_epi16(pairs[t][rows], product);
                }
            }
        }
        for t in 0..QUAD {
            for rows in 0..2 {
                let widened = _mm256_madd_epi16(pairs[t][rows], _mm256_set1_epi16(1));
                dots[t][rows] = _mm256_add_epi32(dots[t][rows], widened);
            }
        }
    }
    for t in 0..QUAD {
        let mut sum: [_; 2] = must_cast(sums.0[t]);
        for rows in 0..2 {
            let scale = floats(&weights.scale[0], rows);
            sum[rows] = add_scaled(sum[rows], dots[t][rows], scale, run, first + t);
            if OFFSETS {
                let offset = floats(&weights.offset[0], rows);
                sum[rows] = add_offset(sum[rows], offset, run, first + t);
            }
        }
        sums.0[t] = must_cast(sum);
    }
}

/// Adds 32 columns of which each half has its own scales.
#[target_feature(enable = "avx2,fma,f16c")]
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
        add_half_offsets(weights, run, first, sums);
    }
}

/// Adds one half of a run.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_half<const HALF: usize, const ZERO: i32>(
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    sums: &mut Sums,
) {
    let mut dots = [[_mm256_setzero_si256(); 2]; QUAD];
    for t in 0..QUAD {
        dots[t] = [half_start::<ZERO, TILE>(run, first + t, HALF); 2];
    }
    for pair in 0..2 {
        let j = 4 * HALF + 2 * pair;
        for rows in 0..2 {
            let code = [codes(&weights.code[j], rows), codes(&weights.code[j + 1], rows)];
            for t in 0..QUAD {
                let q = &run.q[first + t];
                let pairs = _mm256_add_epi16(
                    pair_product::<63>(code[0], _mm256_set1_epi32(q[j])),
                    pair_product::<63>(code[1], _mm256_set1_epi32(q[j + 1])),
                );
                let widened = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                dots[t][rows] = _mm256_add_epi32(dots[t][rows], widened);
            }
        }
    }
    for t in 0..QUAD {
        let mut sum: [_; 2] = must_cast(sums.0[t]);
        for rows in 0..2 {
            let scale = floats(&weights.scale[HALF], rows);
            sum[rows] = add_scaled(sum[rows], dots[t][rows], scale, run, first + t);
        }
        sums.0[t] = must_cast(sum);
    }
}
