//! Activations to signed bytes: [`crate::ops::quantization`] in registers.

use core::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_max_epu32, _mm_packs_epi16,
    _mm_packs_epi32, _mm_shuffle_epi32, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_si128,
    _mm256_cvtps_epi32, _mm256_extracti128_si256, _mm256_max_epu32, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps,
};

use bytemuck::must_cast;

use crate::activations::Run;
use crate::ops::quantization::{scale_of, write};

/// Quantises one token's row into place `token` of each run.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantize<const T: usize>(x: &[f32], runs: &mut [Run<T>], token: usize) {
    if token >= T {
        return;
    }
    let unsigned = _mm256_set1_epi32(0x7fff_ffff);
    for (x, run) in x.as_chunks::<32>().0.iter().zip(runs) {
        let bits: [__m256i; 4] = must_cast(*x);
        let bits = bits.map(|bits| _mm256_and_si256(bits, unsigned));
        let most = _mm256_max_epu32(
            _mm256_max_epu32(bits[0], bits[1]),
            _mm256_max_epu32(bits[2], bits[3]),
        );
        let [scale, inverse] = scale_of(f32::from_bits(greatest(most)));
        let x: [__m256; 4] = must_cast(*x);
        let codes = x.map(|x| _mm256_cvtps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(inverse))));
        let bytes: [__m128i; 2] = [bytes(codes[0], codes[1]), bytes(codes[2], codes[3])];
        let sums =
            [sum(_mm256_add_epi32(codes[0], codes[1])), sum(_mm256_add_epi32(codes[2], codes[3]))];
        write(run, token, must_cast(bytes), scale, sums);
    }
}

/// 16 codes as bytes, in order.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn bytes(low: __m256i, high: __m256i) -> __m128i {
    let words = [low, high]
        .map(|v| _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v)));
    _mm_packs_epi16(words[0], words[1])
}

/// The greatest of 8 unsigned words.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn greatest(v: __m256i) -> u32 {
    let four = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_max_epu32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    let one = _mm_max_epu32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
    _mm_cvtsi128_si32(one).cast_unsigned()
}

/// The sum of 8 words.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn sum(v: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}
