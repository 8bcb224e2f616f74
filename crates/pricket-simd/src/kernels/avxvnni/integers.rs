//! Quantised weights times quantised activations, four columns at once.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm256_dpbusd_avx_epi32};

use bytemuck::must_cast;

use crate::activations::{Run, TILE, Tiles};
use crate::kernels::avx2::opened;
use crate::kernels::avx2::sums::{
    add_half_offset, add_offset, add_scaled, finish, half_start, start,
};
use crate::kernels::avx2::vectors::{self, Floats, Ints, PARTS};
use crate::kernels::avx2::weights::{self, Weights};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::kernels::quantized;
use crate::kernels::walk;
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

quantized::matvec!("avxvnni,avx2,fma,f16c", plain);
quantized::products!("avxvnni,avx2,fma,f16c", plain);

/// Adds the products of a run to the sums of its halves: two chains of four.
#[inline]
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn dots<const MOST: i32, const HALVES: bool>(
    code: &[Ints; 8],
    q: &[i32; 8],
    mut dots: [Ints; 2],
) -> [Ints; 2] {
    for j in 0..8 {
        dots[j / 4] = _mm256_dpbusd_avx_epi32(dots[j / 4], code[j], vectors::ints(q[j]));
    }
    dots
}

/// Adds the products of the lines from `begin` on, all or those of half a run, to a quad's chains:
/// eight side by side, of 16 registers.
#[inline]
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn add_products<const MOST: i32, const HALVES: bool>(
    dots: &mut [[Ints; PARTS]; QUAD],
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    begin: usize,
) {
    for j in begin..begin + if HALVES { 4 } else { 8 } {
        for t in 0..QUAD {
            let q = vectors::ints(run.q[first + t][j]);
            for rows in 0..PARTS {
                let code = vectors::codes(&weights.code[j], rows);
                dots[t][rows] = _mm256_dpbusd_avx_epi32(dots[t][rows], code, q);
            }
        }
    }
}
