//! Opens a group's lines for many tokens, row after row: 32 columns of rows `2j` and `2j + 1` are
//! line `j`.

use core::arch::aarch64::{
    vreinterpretq_s32_s64, vreinterpretq_s64_s32, vtrn1q_s32, vtrn1q_s64, vtrn2q_s32, vtrn2q_s64,
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
fn by_row(places: &mut [Line; 8], rows: usize, codes: [Ints; 8]) {
    let (low, high) = codes.split_at(4);
    let halves = [low, high].map(|half| transposed(half.try_into().unwrap_or([codes[0]; 4])));
    let places = places.iter_mut().skip(2 * rows).flat_map(|line| line.0.as_chunks_mut::<32>().0);
    for (row, place) in places.take(4).enumerate() {
        *place = must_cast([halves[0][row], halves[1][row]]);
    }
}

/// Columns of four rows become rows of four columns.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn transposed([a, b, c, d]: [Ints; 4]) -> [Ints; 4] {
    let even = [vtrn1q_s32(a, b), vtrn1q_s32(c, d)].map(|v| vreinterpretq_s64_s32(v));
    let odd = [vtrn2q_s32(a, b), vtrn2q_s32(c, d)].map(|v| vreinterpretq_s64_s32(v));
    [
        vtrn1q_s64(even[0], even[1]),
        vtrn1q_s64(odd[0], odd[1]),
        vtrn2q_s64(even[0], even[1]),
        vtrn2q_s64(odd[0], odd[1]),
    ]
    .map(|v| vreinterpretq_s32_s64(v))
}
