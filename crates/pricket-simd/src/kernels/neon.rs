//! NEON, which every aarch64 processor has: `smlal` multiplies bytes into 16-bit sums, which are
//! widened before they could overflow. A group of 16 rows is four quarters of 4.

mod floats;
mod integers;
mod opened;
mod quantization;
pub(super) mod sums;
pub(super) mod vectors;
pub(super) mod weights;

use core::arch::aarch64::{
    float32x4_t, uint16x4_t, vadd_f32, vaddq_f32, vcvt_f16_f32, vcvt_f32_f16, vdupq_n_f32,
    vfmaq_f32, vget_high_f32, vget_low_f32, vpadds_f32, vreinterpret_f16_u16, vreinterpret_u16_f16,
};

use bytemuck::must_cast;

use super::Table;
use crate::ops::bodies;
use crate::ops::registers::{Lanes, Registers};
use crate::packed::Line;
use floats::{float_matmul, float_matvec};
use integers::{matmul, matvec};
use quantization::quantize;

/// Attention's rows side by side where there are many, and how many blocks of keys and vectors of
/// values are in flight for each of them: 16 sums, of 32 registers.
const WIDE_ROWS: (usize, usize, usize) = (4, 1, 1);
/// The same where there are up to so many: 8 sums, as many as two units of four cycles take. Sums
/// of two vectors of values the compiler keeps in memory.
const FEW_ROWS: (usize, usize, usize) = (2, 1, 1);

bodies::table!("neon");

/// 16 halves as singles.
#[inline]
#[target_feature(enable = "neon")]
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    must_cast(open16(bits))
}

/// 16 halves in four registers.
#[inline]
#[target_feature(enable = "neon")]
fn open16(bits: &[u16; 16]) -> [float32x4_t; 4] {
    let quarters: [uint16x4_t; 4] = must_cast(*bits);
    quarters.map(|quarter| vcvt_f32_f16(vreinterpret_f16_u16(quarter)))
}

/// Four registers for 16 lanes.
#[inline]
#[target_feature(enable = "neon")]
fn registers() -> impl Lanes<V = [float32x4_t; 4]> {
    Registers {
        zero: [vdupq_n_f32(0.0); 4],
        load: |values: &[f32; 16]| must_cast::<[f32; 16], [float32x4_t; 4]>(*values),
        splat: |value: f32| [vdupq_n_f32(value); 4],
        fma: |a: [float32x4_t; 4], b: [float32x4_t; 4], c: [float32x4_t; 4]| {
            [
                vfmaq_f32(c[0], a[0], b[0]),
                vfmaq_f32(c[1], a[1], b[1]),
                vfmaq_f32(c[2], a[2], b[2]),
                vfmaq_f32(c[3], a[3], b[3]),
            ]
        },
        total: |[a, b, c, d]: [[float32x4_t; 4]; 4]| {
            let quarter = |i: usize| vaddq_f32(vaddq_f32(a[i], b[i]), vaddq_f32(c[i], d[i]));
            let eight = [vaddq_f32(quarter(0), quarter(2)), vaddq_f32(quarter(1), quarter(3))];
            let four = vaddq_f32(eight[0], eight[1]);
            vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)))
        },
        store: |v: [float32x4_t; 4]| must_cast::<[float32x4_t; 4], [f32; 16]>(v),
    }
}

/// 16 singles as halves, to the nearest, ties to even.
#[inline]
#[target_feature(enable = "neon")]
fn narrow16(values: &[f32; 16]) -> [u16; 16] {
    let quarters: [float32x4_t; 4] = must_cast(*values);
    must_cast(quarters.map(|quarter| vreinterpret_u16_f16(vcvt_f16_f32(quarter))))
}

/// The compiler has no stable hint to give.
fn fetch(_: &[Line]) {}

/// The table, for callers that run with these features.
#[target_feature(enable = "neon")]
pub(super) fn table() -> Table {
    bodies_table()
}
