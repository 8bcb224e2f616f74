//! Opens a group's lines for many tokens, row after row: 32 columns of rows `2j` and `2j + 1` are
//! line `j`.

use core::arch::aarch64::{
    int64x2_t, vreinterpretq_s32_s64, vreinterpretq_s64_s32, vtrn1q_s32, vtrn1q_s64, vtrn2q_s32,
    vtrn2q_s64,
};

use bytemuck::must_cast;

use crate::kernels::many::Opened;
use crate::kernels::neon::vectors::{self, Ints, PARTS};
use crate::kernels::neon::weights::{self, Weights};
use crate::kernels::quantized;
use crate::packed::Line;

quantized::openers!("neon,dotprod", by_row);

/// Puts a quarter of the rows, of which register `j` holds columns `4j..4j + 4`, row after row.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn by_row(places: &mut [Line; 8], rows: usize, [a, b, c, d, e, f, g, h]: [Ints; 8]) {
    let (low, high) = (transposed(a, b, c, d), transposed(e, f, g, h));
    if let Some([first, second]) = places.as_chunks_mut::<2>().0.get_mut(rows) {
        first.0 = must_cast([low[0], high[0], low[1], high[1]]);
        second.0 = must_cast([low[2], high[2], low[3], high[3]]);
    }
}

/// Columns of four rows become rows of four columns.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn transposed(a: Ints, b: Ints, c: Ints, d: Ints) -> [Ints; 4] {
    let (even, more) = (wide(vtrn1q_s32(a, b)), wide(vtrn1q_s32(c, d)));
    let (odd, most) = (wide(vtrn2q_s32(a, b)), wide(vtrn2q_s32(c, d)));
    [
        vreinterpretq_s32_s64(vtrn1q_s64(even, more)),
        vreinterpretq_s32_s64(vtrn1q_s64(odd, most)),
        vreinterpretq_s32_s64(vtrn2q_s64(even, more)),
        vreinterpretq_s32_s64(vtrn2q_s64(odd, most)),
    ]
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn wide(v: Ints) -> int64x2_t {
    vreinterpretq_s64_s32(v)
}
