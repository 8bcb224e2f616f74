//! Quantised weights times quantised activations, by products of 16 bits.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::aarch64::{
    int16x8_t, vdupq_n_s16, vget_low_s8, vmlal_high_s8, vmlal_s8, vpadalq_s16, vpaddlq_s16,
    vpaddq_s16, vpaddq_s32, vreinterpretq_s8_s32,
};

use bytemuck::must_cast;

use super::opened;
use super::sums::{add_half_offset, add_offset, add_scaled, finish, half_start, start};
use super::vectors::{self, Floats, Ints, PARTS};
use super::weights::{self, Weights};
use crate::activations::{Run, TILE, Tiles};
use crate::kernels::many::{self, Kernel, Opened, QUAD, Sums};
use crate::kernels::quantized::{self, SIGNED};
use crate::kernels::walk;
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

quantized::matvec!("neon", signed);
quantized::products!("neon", signed);

/// The greatest magnitude of a product of a code up to `most`, or a signed one, and an activation.
const fn product_max(most: i32) -> i32 {
    127 * if most == SIGNED { 128 } else { most }
}

/// How many products of one row and column each can be added as 16-bit numbers: all 8 of codes up
/// to 31, the 4 of a half of those up to 63, 2 of signed bytes.
const fn together(most: i32, halves: bool) -> usize {
    let fit = i16::MAX as i32 / product_max(most);
    match fit {
        8.. if !halves => 8,
        4.. => 4,
        _ => 2,
    }
}

/// Four columns of four rows times four activations, added to eight sums of two rows each.
#[inline]
#[target_feature(enable = "neon")]
fn add_line(sums: [int16x8_t; 2], code: Ints, q: Ints) -> [int16x8_t; 2] {
    let (code, q) = (vreinterpretq_s8_s32(code), vreinterpretq_s8_s32(q));
    [vmlal_s8(sums[0], vget_low_s8(code), vget_low_s8(q)), vmlal_high_s8(sums[1], code, q)]
}

/// Adds 16-bit sums, four of each row, to those of 32 bits, one of each.
#[inline]
#[target_feature(enable = "neon")]
fn add_wide<const MOST: i32, const HALVES: bool>(dots: Ints, sums: [int16x8_t; 2]) -> Ints {
    // Where two sums fit 16 bits, so do they added.
    if const { 2 * product_max(MOST) * together(MOST, HALVES) as i32 <= i16::MAX as i32 } {
        return vpadalq_s16(dots, vpaddq_s16(sums[0], sums[1]));
    }
    vectors::add_ints(dots, vpaddq_s32(vpaddlq_s16(sums[0]), vpaddlq_s16(sums[1])))
}

/// Adds the products of a run to the sums of its halves.
#[inline]
#[target_feature(enable = "neon")]
fn dots<const MOST: i32, const HALVES: bool>(
    code: &[Ints; 8],
    q: &[i32; 8],
    mut dots: [Ints; 2],
) -> [Ints; 2] {
    let together = const { together(MOST, HALVES) };
    for begin in (0..8).step_by(together) {
        let mut sums = [vdupq_n_s16(0); 2];
        for j in begin..begin + together {
            sums = add_line(sums, code[j], vectors::ints(q[j]));
        }
        dots[begin / 4] = add_wide::<MOST, HALVES>(dots[begin / 4], sums);
    }
    dots
}

/// Adds the products of the lines from `begin` on, all or those of half a run, to a quad's chains.
#[inline]
#[target_feature(enable = "neon")]
fn add_products<const MOST: i32, const HALVES: bool>(
    dots: &mut [[Ints; PARTS]; QUAD],
    weights: &Opened,
    run: &Run<TILE>,
    first: usize,
    begin: usize,
) {
    let together = const { together(MOST, HALVES) };
    let end = begin + if HALVES { 4 } else { 8 };
    for rows in 0..PARTS {
        for t in 0..QUAD {
            for begin in (begin..end).step_by(together) {
                let mut sums = [vdupq_n_s16(0); 2];
                for j in begin..begin + together {
                    let code = vectors::codes(&weights.code[j], rows);
                    sums = add_line(sums, code, vectors::ints(run.q[first + t][j]));
                }
                dots[t][rows] = add_wide::<MOST, HALVES>(dots[t][rows], sums);
            }
        }
    }
}
