//! What the bodies of [`crate::kernels::quantized`] call the instructions on 4 of 16 rows.
//!
//! Which rows is not always known before the loop over them runs: a quarter of a line is borrowed,
//! so that the compiler does not copy all four to pick one.

use core::arch::aarch64::{
    float32x4_t, int32x4_t, uint8x16_t, uint16x4_t, uint32x4_t, vaddq_s32, vandq_u8, vandq_u32,
    vcreate_s8, vcreate_u8, vcvt_f32_f16, vcvtq_f32_s32, vcvtq_f32_u32, vdupq_n_f32, vdupq_n_s8,
    vdupq_n_s32, vdupq_n_u8, vdupq_n_u32, veorq_u8, vfmaq_f32, vget_low_s16, vget_low_u16,
    vmovl_s8, vmovl_s16, vmovl_u8, vmovl_u16, vmulq_f32, vnegq_f32, vorrq_s32, vqtbl1q_u8,
    vreinterpret_f16_u16, vreinterpretq_f32_u32, vreinterpretq_s32_u8, vreinterpretq_u8_s8,
    vreinterpretq_u8_s32, vshlq_n_s32, vshlq_n_u8, vshlq_n_u32, vshlq_u8, vshrq_n_u8, vshrq_n_u32,
};

use bytemuck::must_cast;

use crate::kernels::quantized::featured;
use crate::packed::Line;

/// Codes, or integers of 32 bits.
pub(crate) type Ints = int32x4_t;

/// Singles.
pub(crate) type Floats = float32x4_t;

/// Registers for 16 rows.
pub(crate) const PARTS: usize = 4;

featured! { ["neon"]
    pub(crate) fn zero() -> Ints {
        vdupq_n_s32(0)
    }

    pub(crate) fn no_floats() -> Floats {
        vdupq_n_f32(0.0)
    }

    pub(crate) fn ints(value: i32) -> Ints {
        vdupq_n_s32(value)
    }

    pub(crate) fn floats(value: f32) -> Floats {
        vdupq_n_f32(value)
    }

    pub(crate) fn add_ints(a: Ints, b: Ints) -> Ints {
        vaddq_s32(a, b)
    }

    pub(crate) fn shifted<const N: i32>(a: Ints) -> Ints {
        vshlq_n_s32::<N>(a)
    }

    pub(crate) fn to_floats(a: Ints) -> Floats {
        vcvtq_f32_s32(a)
    }

    pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
        vmulq_f32(a, b)
    }

    /// `a * b + c`.
    pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        vfmaq_f32(c, a, b)
    }

    pub(crate) fn negated(a: Floats) -> Floats {
        vnegq_f32(a)
    }

    pub(crate) fn or(a: Ints, b: Ints) -> Ints {
        vorrq_s32(a, b)
    }

    fn to_bytes(a: Ints) -> uint8x16_t {
        vreinterpretq_u8_s32(a)
    }

    /// Keeps some bits of each byte.
    pub(crate) fn bits<const MASK: i8>(a: Ints) -> Ints {
        let mask = vreinterpretq_u8_s8(vdupq_n_s8(MASK));
        vreinterpretq_s32_u8(vandq_u8(to_bytes(a), mask))
    }

    /// Shifts each byte to lower bits.
    pub(crate) fn down<const N: i32>(a: Ints) -> Ints {
        vreinterpretq_s32_u8(vshrq_n_u8::<N>(to_bytes(a)))
    }

    /// Shifts each byte to higher bits.
    pub(crate) fn up<const N: i32>(a: Ints) -> Ints {
        vreinterpretq_s32_u8(vshlq_n_u8::<N>(to_bytes(a)))
    }

    /// Bit `j` of each byte, moved to the place of `BIT`.
    pub(crate) fn one_bit<const BIT: i8>(a: Ints, j: usize) -> Ints {
        // A shift by less than nothing is one to lower bits.
        let left = BIT.trailing_zeros() as i8 - j as i8;
        bits::<BIT>(vreinterpretq_s32_u8(vshlq_u8(to_bytes(a), vdupq_n_s8(left))))
    }

    /// The upper half of the range of bytes becomes negative.
    pub(crate) fn flipped(a: Ints) -> Ints {
        vreinterpretq_s32_u8(veorq_u8(to_bytes(a), vdupq_n_u8(0x80)))
    }

    pub(crate) fn codes(line: &Line, rows: usize) -> Ints {
        must_cast(line.0.as_chunks::<16>().0[rows & 3])
    }

    pub(crate) fn singles(line: &Line, rows: usize) -> Floats {
        must_cast(line.0.as_chunks::<16>().0[rows & 3])
    }

    /// Halves of one half of a line.
    pub(crate) fn halves(line: &Line, part: usize, rows: usize) -> Floats {
        let bits: uint16x4_t = must_cast(line.0.as_chunks::<8>().0[(4 * part + rows) & 7]);
        vcvt_f32_f16(vreinterpret_f16_u16(bits))
    }

    /// Upper halves of singles of one half of a line.
    pub(crate) fn upper_halves(line: &Line, part: usize, rows: usize) -> Floats {
        let bits: uint16x4_t = must_cast(line.0.as_chunks::<8>().0[(4 * part + rows) & 7]);
        vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(bits)))
    }

    /// What each byte, below 16, is the place of.
    pub(crate) fn looked_up(steps: &[u8; 16], places: Ints) -> Ints {
        vreinterpretq_s32_u8(vqtbl1q_u8(must_cast(*steps), to_bytes(places)))
    }

    /// Bytes of one quarter of a line, the first in the lowest bits.
    fn four(line: &Line, quarter: usize, rows: usize) -> u64 {
        let word = line.0.as_chunks::<4>().0[(4 * quarter + rows) & 15];
        u64::from(u32::from_le_bytes(word))
    }

    fn four_words(line: &Line, quarter: usize, rows: usize) -> uint32x4_t {
        vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four(line, quarter, rows)))))
    }

    pub(crate) fn bytes(line: &Line, quarter: usize, rows: usize) -> Floats {
        vcvtq_f32_u32(four_words(line, quarter, rows))
    }

    pub(crate) fn signed_bytes(line: &Line, quarter: usize, rows: usize) -> Floats {
        let words = vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four(line, quarter, rows)))));
        vcvtq_f32_s32(words)
    }

    /// The lower and the upper nibbles of bytes.
    pub(crate) fn byte_nibbles(line: &Line, quarter: usize, rows: usize) -> [Floats; 2] {
        let bytes = four_words(line, quarter, rows);
        let low = vandq_u32(bytes, vdupq_n_u32(15));
        [vcvtq_f32_u32(low), vcvtq_f32_u32(vshrq_n_u32::<4>(bytes))]
    }

    pub(crate) fn put_codes(line: &mut Line, rows: usize, codes: Ints) {
        if let Some(place) = line.0.as_chunks_mut::<16>().0.get_mut(rows) {
            *place = must_cast(codes);
        }
    }

    pub(crate) fn put_singles(line: &mut Line, rows: usize, singles: Floats) {
        if let Some(place) = line.0.as_chunks_mut::<16>().0.get_mut(rows) {
            *place = must_cast(singles);
        }
    }
}
