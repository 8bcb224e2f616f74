//! Activations to signed bytes: [`crate::ops::quantization`] in registers.

use core::arch::aarch64::{
    float32x4_t, int32x4_t, uint32x4_t, vaddq_s32, vaddvq_s32, vandq_u32, vcombine_s8,
    vcombine_s16, vcvtnq_s32_f32, vdupq_n_f32, vdupq_n_u32, vmaxq_u32, vmaxvq_u32, vmovn_s16,
    vmovn_s32, vmulq_f32,
};

use bytemuck::must_cast;

use crate::activations::Run;
use crate::ops::quantization::{scale_of, write};

/// Quantises one token's row into place `token` of each run.
#[target_feature(enable = "neon")]
pub(super) fn quantize<const T: usize>(x: &[f32], runs: &mut [Run<T>], token: usize) {
    if token >= T {
        return;
    }
    let unsigned = vdupq_n_u32(0x7fff_ffff);
    for (x, run) in x.as_chunks::<32>().0.iter().zip(runs) {
        let bits: [uint32x4_t; 8] = must_cast(*x);
        let mut most = vdupq_n_u32(0);
        for bits in bits {
            most = vmaxq_u32(most, vandq_u32(bits, unsigned));
        }
        let [scale, inverse] = scale_of(f32::from_bits(vmaxvq_u32(most)));
        let x: [float32x4_t; 8] = must_cast(*x);
        let codes = x.map(|x| vcvtnq_s32_f32(vmulq_f32(x, vdupq_n_f32(inverse))));
        let [low, high]: [[int32x4_t; 4]; 2] = must_cast(codes);
        let sums = [low, high].map(|half| {
            vaddvq_s32(vaddq_s32(vaddq_s32(half[0], half[1]), vaddq_s32(half[2], half[3])))
        });
        let bytes = [low, high].map(|half| {
            let words = |i: usize| vcombine_s16(vmovn_s32(half[i]), vmovn_s32(half[i + 1]));
            vcombine_s8(vmovn_s16(words(0)), vmovn_s16(words(2)))
        });
        write(run, token, must_cast(bytes), scale, sums);
    }
}
