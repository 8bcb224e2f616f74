//! Quantised weights times the quantised activations of one token, four columns at once.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm512_dpbusd_epi32};

use bytemuck::must_cast;

use super::sums::{finish, half_start, start};
use super::vectors::{self, Ints, PARTS};
use super::weights::{self, Weights};
use crate::activations::Run;
use crate::kernels::quantized;
use crate::kernels::walk;
use crate::packed::{Layout, Line, Panel};

quantized::matvec!("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c", plain);

/// Adds the products of a run to the sums of its halves: two chains of four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn dots<const MOST: i32, const HALVES: bool>(
    code: &[Ints; 8],
    q: &[i32; 8],
    mut dots: [Ints; 2],
) -> [Ints; 2] {
    for (j, (code, q)) in code.iter().zip(q).enumerate() {
        dots[j / 4] = _mm512_dpbusd_epi32(dots[j / 4], *code, vectors::ints(*q));
    }
    dots
}
