//! Quantised weights times the quantised activations of many tokens: eight chains of products side
//! by side, of 16 registers.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{
    __m256i, _mm256_dpbusd_avx_epi32, _mm256_set1_epi32, _mm256_setzero_si256,
};

use bytemuck::must_cast;

use crate::activations::{Run, TILE, Tiles};
use crate::kernels::avx2::opened;
use crate::kernels::avx2::sums::{
    add_half_offsets, add_offset, add_scaled, codes, floats, half_start, start,
};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Panel};

/// Many tokens.
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
pub(super) fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    let kernel = match panel.layout {
        Layout::Nibble => Kernel { open: opened::nibble, add: add_run::<8, false> },
        Layout::NibbleOffset => Kernel { open: opened::nibble_offset, add: add_run::<0, true> },
        Layout::NibbleSuper => Kernel { open: opened::nibble_super, add: add_run::<0, true> },
        Layout::Byte => Kernel { open: opened::byte, add: add_run::<128, false> },
        Layout::Wide => Kernel { open: opened::wide, add: add_run::<16, false> },
        Layout::WideOffset => Kernel { open: opened::wide_offset, add: add_run::<0, true> },
        Layout::WideHalves => Kernel { open: opened::wide_halves, add: add_halves::<32, false> },
        Layout::WideHalvesOffset => {
            Kernel { open: opened::wide_halves_offset, add: add_halves::<0, true> }
        }
        // Float weights never meet quantised activations: `matmul` checks the kinds.
        Layout::Single | Layout::Half | Layout::UpperHalf => return,
    };
    many::matmul(kernel, panel, tiles, out);
}

/// Adds the products of the lines from `begin` on to a quad's chains.
#[inline]
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn add_products<const LINES: usize>(
    dots: &mut [[__m256i; 2]; QUAD],
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    begin: usize,
) {
    for j in begin..begin + LINES {
        for t in 0..QUAD {
            let q = _mm256_set1_epi32(run.q[first + t][j]);
            for rows in 0..2 {
                let code = codes(&weights.code[j], rows);
                dots[t][rows] = _mm256_dpbusd_avx_epi32(dots[t][rows], code, q);
            }
        }
    }
}

/// Adds 32 columns with one scale for each row.
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn add_run<const ZERO: i32, const OFFSETS: bool>(
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
    add_products::<8>(&mut dots, weights, run, first, 0);
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
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
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
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
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
    add_products::<4>(&mut dots, weights, run, first, 4 * HALF);
    for t in 0..QUAD {
        let mut sum: [_; 2] = must_cast(sums.0[t]);
        for rows in 0..2 {
            let scale = floats(&weights.scale[HALF], rows);
            sum[rows] = add_scaled(sum[rows], dots[t][rows], scale, run, first + t);
        }
        sums.0[t] = must_cast(sum);
    }
}
