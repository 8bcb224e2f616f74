//! Quantised weights times quantised activations, by products of 16 bits.
#![expect(clippy::needless_range_loop, reason = "registers are named by index, as in the formulas")]

use core::arch::aarch64::{
    int16x8_t, vdupq_n_s16, vget_low_s8, vmlal_high_s8, vmlal_s8, vpadalq_s16, vpaddq_s16,
    vpaddq_s32, vreinterpretq_s8_s32,
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

/// Whether two such sums fit 16 bits when they are added.
const fn fit_added(most: i32, halves: bool) -> bool {
    2 * product_max(most) * together(most, halves) as i32 <= i16::MAX as i32
}

/// Four columns of four rows times four activations, added to eight sums of two rows each.
#[inline]
#[target_feature(enable = "neon")]
fn add_line(sums: [int16x8_t; 2], code: Ints, q: Ints) -> [int16x8_t; 2] {
    let (code, q) = (vreinterpretq_s8_s32(code), vreinterpretq_s8_s32(q));
    [vmlal_s8(sums[0], vget_low_s8(code), vget_low_s8(q)), vmlal_high_s8(sums[1], code, q)]
}

/// Adds the products of the lines from `begin` on, all or those of half a run, to the sums of four
/// rows.
#[inline]
#[target_feature(enable = "neon")]
fn add_lines<const MOST: i32, const HALVES: bool>(
    mut dots: Ints,
    codes: &[Ints; 8],
    q: &[i32; 8],
    begin: usize,
) -> Ints {
    let together = const { together(MOST, HALVES) };
    let narrow = const { fit_added(MOST, HALVES) };
    let mut wide = [vectors::zero(); 2];
    let end = begin + if HALVES { 4 } else { 8 };
    for begin in (begin..end).step_by(together) {
        let mut sums = [vdupq_n_s16(0); 2];
        for j in begin..begin + together {
            sums = add_line(sums, codes[j], vectors::ints(q[j]));
        }
        if narrow {
            dots = vpadalq_s16(dots, vpaddq_s16(sums[0], sums[1]));
        } else {
            wide = [vpadalq_s16(wide[0], sums[0]), vpadalq_s16(wide[1], sums[1])];
        }
    }
    if narrow { dots } else { vectors::add_ints(dots, vpaddq_s32(wide[0], wide[1])) }
}

/// Adds the products of a run to the sums of its halves.
#[inline]
#[target_feature(enable = "neon")]
fn dots<const MOST: i32, const HALVES: bool>(
    codes: &[Ints; 8],
    q: &[i32; 8],
    [low, high]: [Ints; 2],
) -> [Ints; 2] {
    let low = add_lines::<MOST, HALVES>(low, codes, q, 0);
    [low, if HALVES { add_lines::<MOST, HALVES>(high, codes, q, 4) } else { high }]
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
    // So it is, and said here so that no index below is checked.
    let begin = if HALVES { begin & 4 } else { 0 };
    for rows in 0..PARTS {
        let mut codes = [vectors::zero(); 8];
        for (code, line) in codes.iter_mut().zip(&weights.code) {
            *code = vectors::codes(line, rows);
        }
        for t in 0..QUAD {
            let q = &run.q[first + t];
            dots[t][rows] = add_lines::<MOST, HALVES>(dots[t][rows], &codes, q, begin);
        }
    }
}
