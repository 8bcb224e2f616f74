//! Quantised weights times the quantised activations of many tokens, sixteen columns at once.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use bytemuck::{must_cast, must_cast_ref};

use super::opened;
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::kernels::neon::sums::{add_half_offset, add_offset, add_scaled, half_start, start};
use crate::kernels::neon::vectors::{self, Floats, Ints, PARTS};
use crate::kernels::quantized::{self, SIGNED};
use crate::matmul::Product;
use crate::packed::{Layout, Panel};

quantized::products!("neon,dotprod", signed);

/// Adds the products of the columns from `4 * begin` on, all or those of half a run, to a quad's
/// chains.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_products<const MOST: i32, const HALVES: bool>(
    dots: &mut [[Ints; PARTS]; QUAD],
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    begin: usize,
) {
    let half = begin / 4 % 2;
    for rows in 0..PARTS {
        for t in 0..QUAD {
            let q: &[[i8; 16]; 2] = must_cast_ref(&run.q[first + t]);
            let mut four = [0; 4];
            for (row, sum) in four.iter_mut().enumerate() {
                let line: &[[[i8; 16]; 2]; 2] = must_cast_ref(&weights.code[2 * rows + row / 2].0);
                let code = &line[row % 2];
                *sum = if HALVES {
                    dot(&code[half], &q[half])
                } else {
                    dot::<32>(must_cast_ref(code), must_cast_ref(q))
                };
            }
            dots[t][rows] = vectors::add_ints(dots[t][rows], must_cast(four));
        }
    }
}

/// The inner product of some bytes. Written so that the compiler finds `sdot`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot<const N: usize>(code: &[i8; N], q: &[i8; N]) -> i32 {
    let mut sum = 0;
    for k in 0..N {
        sum += i32::from(code[k]) * i32::from(q[k]);
    }
    sum
}
