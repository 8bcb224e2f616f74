//! Float weights times float activations: one sum per row and token, in the order of the columns.

use core::arch::aarch64::{
    float32x4_t, uint8x16_t, uint16x4_t, vandq_u16, vcvt_f32_f16, vdupq_n_f32, vdupq_n_u16,
    vfmaq_f32, vget_low_u8, vmovl_high_u8, vmovl_u8, vmulq_f32, vorrq_u16, vreinterpret_f16_u16,
    vreinterpretq_f32_u32, vshll_n_u16, vshlq_n_u16,
};

use bytemuck::must_cast;

use crate::activations::TILE;
use crate::format::SCALED_COLS;
use crate::kernels::walk::{self, Sums};
use crate::matmul::Product;
use crate::packed::{Layout, Line, Panel};

/// One column of 16 rows.
type Column = [float32x4_t; 4];

/// One token.
#[target_feature(enable = "neon")]
pub(super) fn float_matvec(panel: &Panel<'_>, x: &[f32], out: &mut [f32]) {
    walk::vector(panel, out, |lines| match panel.layout {
        Layout::Half => must_cast(row_sums::<2>(zero(), lines, x, |line| half(line))),
        Layout::UpperHalf => must_cast(row_sums::<2>(zero(), lines, x, |line| upper_half(line))),
        Layout::Small => {
            let mut sums = zero();
            let units = lines.as_chunks::<33>().0.iter().zip(x.chunks(SCALED_COLS));
            for ([scales, codes @ ..], x) in units {
                let scales = must_cast(scales.0);
                sums = row_sums::<4>(sums, codes, x, |line| small(line, scales));
            }
            must_cast(sums)
        }
        _ => must_cast(row_sums::<1>(zero(), lines, x, |line| [must_cast(line.0)])),
    });
}

/// Up to 16 tokens.
#[target_feature(enable = "neon")]
pub(super) fn float_matmul(panel: &Panel<'_>, x: &[[f32; TILE]], out: Product<'_>) {
    let per_unit = panel.layout.unit().1;
    walk::tile(panel, x, per_unit, out, |[lines], x, pass, tokens, [sums]| {
        for quad in 0..tokens.div_ceil(4) {
            match panel.layout {
                Layout::Half => add_quad::<2>(lines, x, pass, quad, sums, |line| half(line)),
                Layout::UpperHalf => {
                    add_quad::<2>(lines, x, pass, quad, sums, |line| upper_half(line));
                }
                Layout::Small => {
                    let units = lines.as_chunks::<33>().0.iter().zip(x.chunks(SCALED_COLS));
                    for ([scales, codes @ ..], x) in units {
                        let scales = must_cast(scales.0);
                        add_quad::<4>(codes, x, pass, quad, sums, |line| small(line, scales));
                    }
                }
                _ => add_quad::<1>(lines, x, pass, quad, sums, |line| [must_cast(line.0)]),
            }
        }
    });
}

#[inline]
#[target_feature(enable = "neon")]
fn half(line: &Line) -> [Column; 2] {
    let columns: [[uint16x4_t; 4]; 2] = must_cast(line.0);
    let mut opened = [[vdupq_n_f32(0.0); 4]; 2];
    for (opened, bits) in opened.as_flattened_mut().iter_mut().zip(columns.as_flattened()) {
        *opened = vcvt_f32_f16(vreinterpret_f16_u16(*bits));
    }
    opened
}

#[inline]
#[target_feature(enable = "neon")]
fn upper_half(line: &Line) -> [Column; 2] {
    let columns: [[uint16x4_t; 4]; 2] = must_cast(line.0);
    let mut opened = [[vdupq_n_f32(0.0); 4]; 2];
    for (opened, bits) in opened.as_flattened_mut().iter_mut().zip(columns.as_flattened()) {
        *opened = vreinterpretq_f32_u32(vshll_n_u16::<16>(*bits));
    }
    opened
}

/// Four columns of small floats, times their scales: see [`crate::format::half_of`].
#[inline]
#[target_feature(enable = "neon")]
fn small(line: &Line, scales: Column) -> [Column; 4] {
    let quarters: [uint8x16_t; 4] = must_cast(line.0);
    let mut columns = [zero(); 4];
    for (column, codes) in columns.iter_mut().zip(quarters) {
        let words = [vmovl_u8(vget_low_u8(codes)), vmovl_high_u8(codes)];
        let halves = words.map(|words| {
            let rest = vandq_u16(vshlq_n_u16::<7>(words), vdupq_n_u16(0x3f80));
            vorrq_u16(rest, vandq_u16(vshlq_n_u16::<8>(words), vdupq_n_u16(0x8000)))
        });
        let halves: [uint16x4_t; 4] = must_cast(halves);
        for ((place, bits), scales) in column.iter_mut().zip(halves).zip(scales) {
            *place = vmulq_f32(vcvt_f32_f16(vreinterpret_f16_u16(bits)), scales);
        }
    }
    columns
}

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Column {
    [vdupq_n_f32(0.0); 4]
}

#[inline]
#[target_feature(enable = "neon")]
fn row_sums<const COLS: usize>(
    mut sums: Column,
    lines: &[Line],
    x: &[f32],
    open: impl Fn(&Line) -> [Column; COLS],
) -> Column {
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (column, x) in open(line).into_iter().zip(x) {
            for (sum, weights) in sums.iter_mut().zip(column) {
                *sum = vfmaq_f32(*sum, weights, vdupq_n_f32(*x));
            }
        }
    }
    sums
}

/// Four tokens: 16 sums, of 32 registers.
#[inline]
#[target_feature(enable = "neon")]
fn add_quad<const COLS: usize>(
    lines: &[Line],
    x: &[[f32; TILE]],
    pass: usize,
    quad: usize,
    sums: &mut Sums,
    open: impl Fn(&Line) -> [Column; COLS],
) {
    let sums = &mut sums.as_chunks_mut::<4>().0[quad & 1];
    let mut acc: [Column; 4] = must_cast(*sums);
    for (line, x) in lines.iter().zip(x.as_chunks::<COLS>().0) {
        for (column, x) in open(line).into_iter().zip(x) {
            let x = &x.as_chunks::<4>().0[(2 * pass + quad) & 3];
            for (acc, x) in acc.iter_mut().zip(x) {
                for (acc, weights) in acc.iter_mut().zip(column) {
                    *acc = vfmaq_f32(*acc, weights, vdupq_n_f32(*x));
                }
            }
        }
    }
    *sums = must_cast(acc);
}
