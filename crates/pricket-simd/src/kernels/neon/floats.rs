//! Float weights times float activations: one sum per row and token, in the order of the columns.

use core::arch::aarch64::{
    float32x4_t, uint8x16_t, uint16x4_t, vandq_u16, vcvt_f32_f16, vdupq_n_f32, vdupq_n_u16,
    vfmaq_f32, vget_low_u8, vmovl_high_u8, vmovl_u8, vmulq_f32, vorrq_u16, vreinterpret_f16_u16,
    vreinterpretq_f32_u32, vshll_n_u16, vshlq_n_u16,
};

use bytemuck::must_cast;

use crate::activations::{FloatTiles, TILE};
use crate::format::SCALED_COLS;
use crate::kernels::{columns, walk};
use crate::matmul::Product;
use crate::packed::{GROUP_ROWS, Layout, Line, Panel};

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

/// Two tokens and more.
#[target_feature(enable = "neon")]
pub(super) fn float_matmul(panel: &Panel<'_>, x: FloatTiles<'_>, mut out: Product<'_>) {
    columns::matmul::<1>(
        panel,
        x,
        &mut out,
        |layout, lines, _, slab| open(layout, lines, slab),
        |slab, x, pass, [sums]| {
            for (quad, sums) in sums.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                add_quad(slab, x, 2 * pass + quad, sums);
            }
        },
    );
}

/// Whole units of a group as singles.
#[inline]
#[target_feature(enable = "neon")]
fn open(layout: Layout, lines: &[Line], slab: &mut [[Line; 1]]) {
    match layout {
        Layout::Half => open_lines::<2>(lines, slab, |line| half(line)),
        Layout::UpperHalf => open_lines::<2>(lines, slab, |line| upper_half(line)),
        Layout::Small => {
            let units = lines.as_chunks::<33>().0.iter().zip(slab.chunks_mut(SCALED_COLS));
            for ([scales, codes @ ..], slab) in units {
                let scales = must_cast(scales.0);
                open_lines::<4>(codes, slab, |line| small(line, scales));
            }
        }
        _ => open_lines::<1>(lines, slab, |line| [must_cast(line.0)]),
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn open_lines<const COLS: usize>(
    lines: &[Line],
    slab: &mut [[Line; 1]],
    open: impl Fn(&Line) -> [Column; COLS],
) {
    for (line, columns) in lines.iter().zip(slab.chunks_mut(COLS)) {
        for (column, opened) in columns.iter_mut().zip(open(line)) {
            column[0] = Line(must_cast(opened));
        }
    }
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
fn add_quad(slab: &[[Line; 1]], x: &[[f32; TILE]], quad: usize, sums: &mut [[f32; GROUP_ROWS]; 4]) {
    let mut acc: [Column; 4] = must_cast(*sums);
    for ([line], x) in slab.iter().zip(x) {
        let column: Column = must_cast(line.0);
        for (acc, x) in acc.iter_mut().zip(&x.as_chunks::<4>().0[quad & 3]) {
            for (acc, weights) in acc.iter_mut().zip(column) {
                *acc = vfmaq_f32(*acc, weights, vdupq_n_f32(*x));
            }
        }
    }
    *sums = must_cast(acc);
}
