//! Activations to signed bytes: [`crate::ops::quantization`] in registers.

use core::arch::x86_64::{
    __m128i, __m512, __m512i, _mm512_and_si512, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32,
    _mm512_max_epu32, _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_epu32,
    _mm512_set1_epi32, _mm512_set1_ps,
};

use bytemuck::must_cast;

use crate::activations::Run;
use crate::ops::quantization::{scale_of, write};

/// Quantises one token's row into place `token` of each run.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
pub(super) fn quantize<const T: usize>(x: &[f32], runs: &mut [Run<T>], token: usize) {
    if token >= T {
        return;
    }
    let unsigned = _mm512_set1_epi32(0x7fff_ffff);
    for (x, run) in x.as_chunks::<32>().0.iter().zip(runs) {
        let bits: [__m512i; 2] = must_cast(*x);
        let most = _mm512_max_epu32(
            _mm512_and_si512(bits[0], unsigned),
            _mm512_and_si512(bits[1], unsigned),
        );
        let [scale, inverse] = scale_of(f32::from_bits(_mm512_reduce_max_epu32(most)));
        let x: [__m512; 2] = must_cast(*x);
        let codes = x.map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(x, _mm512_set1_ps(inverse))));
        let bytes: [__m128i; 2] = codes.map(|codes| _mm512_cvtepi32_epi8(codes));
        let sums = codes.map(|codes| _mm512_reduce_add_epi32(codes));
        write(run, token, must_cast(bytes), scale, sums);
    }
}
