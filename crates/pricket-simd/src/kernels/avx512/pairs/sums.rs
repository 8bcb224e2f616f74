//! From integer products to sums.

use core::arch::x86_64::{
    __m512, __m512i, _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_sub_epi32,
};

use crate::activations::Run;
use crate::kernels::avx512::weights::Weights;

macro_rules! featured {
    ($($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
        $item)*
    };
}

featured! {
    /// Where a sum of products over a run begins whose weights' zero is 0, 8 or 16.
    pub(super) fn start<const ZERO: i32, const T: usize>(run: &Run<T>, token: usize) -> __m512i {
        match ZERO {
            0 => _mm512_setzero_si512(),
            8 => _mm512_set1_epi32(run.minus_8[token]),
            _ => _mm512_slli_epi32::<1>(_mm512_set1_epi32(run.minus_8[token])),
        }
    }

    /// The same over one half of a run, for a zero of 0 or 32.
    pub(super) fn half_start<const ZERO: i32, const T: usize>(
        run: &Run<T>,
        token: usize,
        half: usize,
    ) -> __m512i {
        if ZERO == 0 {
            return _mm512_setzero_si512();
        }
        let sum = _mm512_set1_epi32(half_sum(run, token, half));
        _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<5>(sum))
    }

    /// The sum of a token's codes over one half of a run.
    fn half_sum<const T: usize>(run: &Run<T>, token: usize, half: usize) -> i32 {
        let low = run.low_sum[token];
        if half == 0 { low } else { run.sum[token] - low }
    }

    /// Adds products times the scales of weights and activations.
    pub(super) fn add_scaled<const T: usize>(
        sum: __m512,
        dot: __m512i,
        scale: __m512,
        run: &Run<T>,
        token: usize,
    ) -> __m512 {
        let factor = _mm512_mul_ps(scale, _mm512_set1_ps(run.scale[token]));
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), factor, sum)
    }

    /// Adds the weights' offset once for each column of a run.
    pub(super) fn add_offset<const T: usize>(
        sum: __m512,
        offset: __m512,
        run: &Run<T>,
        token: usize,
    ) -> __m512 {
        _mm512_fmadd_ps(offset, _mm512_set1_ps(run.scaled_sum[token]), sum)
    }

    /// The same over one half of a run.
    pub(super) fn add_half_offset<const T: usize>(
        sum: __m512,
        offset: __m512,
        run: &Run<T>,
        token: usize,
        half: usize,
    ) -> __m512 {
        let scaled = run.scale[token] * half_sum(run, token, half) as f32;
        _mm512_fmadd_ps(offset, _mm512_set1_ps(scaled), sum)
    }

    /// Finishes a run of one token: `dots` over columns 0..16 and 16..32, zeros taken off.
    pub(super) fn finish<const HALVES: bool, const OFFSETS: bool>(
        mut sum: __m512,
        dots: [__m512i; 2],
        weights: &Weights,
        run: &Run<1>,
    ) -> __m512 {
        if HALVES {
            sum = add_scaled(sum, dots[0], weights.scale[0], run, 0);
            sum = add_scaled(sum, dots[1], weights.scale[1], run, 0);
        } else {
            let dot = _mm512_add_epi32(dots[0], dots[1]);
            sum = add_scaled(sum, dot, weights.scale[0], run, 0);
        }
        if OFFSETS && HALVES {
            sum = add_half_offset(sum, weights.offset[0], run, 0, 0);
            sum = add_half_offset(sum, weights.offset[1], run, 0, 1);
        } else if OFFSETS {
            sum = add_offset(sum, weights.offset[0], run, 0);
        }
        sum
    }
}
