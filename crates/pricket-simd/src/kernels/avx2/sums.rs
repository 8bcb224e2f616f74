//! From integer products to sums: what AVX2 and AVX-VNNI share.

use core::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi32, _mm256_sub_epi32,
};

use bytemuck::must_cast;

use super::weights::Weights;
use crate::activations::{Run, TILE};
use crate::kernels::many::{Opened, Sums};
use crate::packed::Line;

macro_rules! featured {
    ($($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = "avx2,fma,f16c")]
        $item)*
    };
}

featured! {
    /// Where a sum of products over a run begins whose weights' zero is `ZERO`.
    pub(crate) fn start<const ZERO: i32, const T: usize>(run: &Run<T>, token: usize) -> __m256i {
        match ZERO {
            0 => _mm256_setzero_si256(),
            8 => _mm256_set1_epi32(run.minus_8[token]),
            16 => _mm256_slli_epi32::<1>(_mm256_set1_epi32(run.minus_8[token])),
            128 => _mm256_set1_epi32(run.minus_128[token]),
            _ => _mm256_set1_epi32(-ZERO * run.sum[token]),
        }
    }

    /// The same over one half of a run, for a zero of 32.
    pub(crate) fn half_start<const ZERO: i32, const T: usize>(
        run: &Run<T>,
        token: usize,
        half: usize,
    ) -> __m256i {
        if ZERO == 0 {
            return _mm256_setzero_si256();
        }
        let sum = _mm256_set1_epi32(half_sum(run, token, half));
        _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32::<5>(sum))
    }

    /// The sum of a token's codes over one half of a run.
    fn half_sum<const T: usize>(run: &Run<T>, token: usize, half: usize) -> i32 {
        let low = run.low_sum[token];
        if half == 0 { low } else { run.sum[token] - low }
    }

    /// Adds products times the scales of weights and activations.
    pub(crate) fn add_scaled<const T: usize>(
        sum: __m256,
        dot: __m256i,
        scale: __m256,
        run: &Run<T>,
        token: usize,
    ) -> __m256 {
        let factor = _mm256_mul_ps(scale, _mm256_set1_ps(run.scale[token]));
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), factor, sum)
    }

    /// Adds the weights' offset once for each column of a run.
    pub(crate) fn add_offset<const T: usize>(
        sum: __m256,
        offset: __m256,
        run: &Run<T>,
        token: usize,
    ) -> __m256 {
        _mm256_fmadd_ps(offset, _mm256_set1_ps(run.scaled_sum[token]), sum)
    }

    /// The same over one half of a run.
    fn add_half_offset<const T: usize>(
        sum: __m256,
        offset: __m256,
        run: &Run<T>,
        token: usize,
        half: usize,
    ) -> __m256 {
        let scaled = run.scale[token] * half_sum(run, token, half) as f32;
        _mm256_fmadd_ps(offset, _mm256_set1_ps(scaled), sum)
    }

    /// Finishes a run of one token: `dots` over columns 0..16 and 16..32, zeros taken off.
    pub(crate) fn finish<const HALVES: bool, const OFFSETS: bool>(
        mut sum: __m256,
        dots: [__m256i; 2],
        weights: &Weights,
        run: &Run<1>,
    ) -> __m256 {
        if HALVES {
            sum = add_scaled(sum, dots[0], weights.scale[0], run, 0);
            sum = add_scaled(sum, dots[1], weights.scale[1], run, 0);
        } else {
            let dot = _mm256_add_epi32(dots[0], dots[1]);
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

    /// Singles of 8 of 16 rows.
    pub(crate) fn floats(line: &Line, rows: usize) -> __m256 {
        let both: [__m256; 2] = must_cast(line.0);
        both[rows & 1]
    }

    /// Codes of 8 of 16 rows.
    pub(crate) fn codes(line: &Line, rows: usize) -> __m256i {
        let both: [__m256i; 2] = must_cast(line.0);
        both[rows & 1]
    }

    /// Adds the offsets of a run of which each half has its own.
    pub(crate) fn add_half_offsets(
        weights: &Opened,
        run: &Run<TILE>,
        first: usize,
        sums: &mut Sums,
    ) {
        for (t, sums) in sums.0.iter_mut().enumerate() {
            let mut both: [__m256; 2] = must_cast(*sums);
            for (rows, sum) in both.iter_mut().enumerate() {
                for half in 0..2 {
                    let offset = floats(&weights.offset[half], rows);
                    *sum = add_half_offset(*sum, offset, run, first + t, half);
                }
            }
            *sums = must_cast(both);
        }
    }
}
