//! The kernels in plain Rust: what every other level is a faster form of.

use half::f16;

use super::Table;
use super::walk::{self, PASS};
use crate::activations::{FloatTiles, Run, TILE, Tiles};
use crate::format::SCALED_COLS;
use crate::matmul::Product;
use crate::ops::registers::{Lanes, Registers};
use crate::ops::{bodies, quantization, reductions};
use crate::packed::{GROUP_ROWS, Layout, Line, Panel, WeightRun};

/// Attention's rows side by side where there are many, and how many blocks of keys and vectors of
/// values are in flight for each of them.
const WIDE_ROWS: (usize, usize, usize) = (4, 1, 1);
/// The same where there are up to so many.
const FEW_ROWS: (usize, usize, usize) = (1, 1, 1);

bodies::table!();

/// 16 halves as singles.
fn widen16(bits: &[u16; 16]) -> [f32; 16] {
    bits.map(|b| f16::from_bits(b).to_f32())
}

/// 16 halves, ready to compute with.
fn open16(bits: &[u16; 16]) -> [f32; 16] {
    widen16(bits)
}

/// Arrays for registers.
fn registers() -> impl Lanes<V = [f32; 16]> {
    Registers {
        zero: [0.0; 16],
        load: |values: &[f32; 16]| *values,
        splat: |value: f32| [value; 16],
        fma: |a: [f32; 16], b: [f32; 16], c: [f32; 16]| {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        },
        total: reductions::total,
        store: |v: [f32; 16]| v,
    }
}

/// Activations to signed bytes.
fn quantize<const T: usize>(x: &[f32], runs: &mut [Run<T>], token: usize) {
    quantization::quantize(x, runs, token);
}

/// 16 singles as halves, to the nearest, ties to even.
fn narrow16(values: &[f32; 16]) -> [u16; 16] {
    values.map(|v| f16::from_f32(v).to_bits())
}

/// Plain Rust has no hint to give.
fn fetch(_: &[Line]) {}

/// The table.
pub(super) fn table() -> Table {
    bodies_table()
}

fn matvec(panel: &Panel<'_>, runs: &[Run<1>], out: &mut [f32]) {
    walk::vector(panel, out, |lines| {
        let mut sums = [[0.0; GROUP_ROWS]];
        add_runs(panel.layout, lines, runs, 0, &mut sums);
        sums[0]
    });
}

fn matmul(panel: &Panel<'_>, tiles: Tiles<'_>, out: Product<'_>) {
    walk::blocks(panel, &tiles.runs.chunks_exact(tiles.per_tile), out, tile);
}

fn tile(panel: &Panel<'_>, runs: &[Run<TILE>], out: Product<'_>) {
    let per_unit = panel.layout.unit().1 / 32;
    walk::tile(panel, runs, per_unit, out, |lines, runs, pass, tokens, sums| {
        add_runs(panel.layout, lines, runs, pass * PASS, &mut sums[..tokens]);
    });
}

/// Adds 16 rows times the tokens from `first` on to `sums`.
fn add_runs<const T: usize>(
    layout: Layout,
    lines: &[Line],
    runs: &[Run<T>],
    first: usize,
    sums: &mut [[f32; GROUP_ROWS]],
) {
    let (halves, offsets) = (layout.has_half_scales(), layout.has_offsets());
    let (unit_lines, unit_cols) = layout.unit();
    let count = lines.len() / unit_lines * unit_cols / 32;
    for (index, run) in runs.iter().take(count).enumerate() {
        let weights = WeightRun::open(layout, lines, index);
        for (t, sums) in (first..T).zip(sums.iter_mut()) {
            let q: [[u8; 4]; 8] = run.q[t].map(i32::to_le_bytes);
            let dots = half_dots(&weights.code, &q);
            let corrected = run.minus_half.map(|half| -half[t]);
            let scaled = corrected.map(|sum| run.scale[t] * sum as f32);
            for (r, sum) in sums.iter_mut().enumerate() {
                let [low, high] = [0, 1].map(|h| dots[h][r] - layout.zero() * corrected[h]);
                if halves {
                    *sum = (low as f32).mul_add(weights.scale[0][r] * run.scale[t], *sum);
                    *sum = (high as f32).mul_add(weights.scale[1][r] * run.scale[t], *sum);
                } else {
                    let dot = (low + high) as f32;
                    *sum = dot.mul_add(weights.scale[0][r] * run.scale[t], *sum);
                }
                if offsets && halves {
                    *sum = weights.offset[0][r].mul_add(scaled[0], *sum);
                    *sum = weights.offset[1][r].mul_add(scaled[1], *sum);
                } else if offsets {
                    *sum = weights.offset[0][r].mul_add(run.scaled_sum[t], *sum);
                }
            }
        }
    }
}

/// The integer products of 16 rows and one token over columns 0..16 and 16..32.
fn half_dots(code: &[[u8; 64]; 8], q: &[[u8; 4]; 8]) -> [[i32; 16]; 2] {
    let mut dots = [[0i32; 16]; 2];
    for (j, (line, q)) in code.iter().zip(q).enumerate() {
        for (dot, four) in dots[j / 4].iter_mut().zip(line.as_chunks::<4>().0) {
            for (w, a) in four.iter().zip(q) {
                *dot += i32::from(*w) * i32::from(a.cast_signed());
            }
        }
    }
    dots
}

/// Calls `step(column, weights of 16 rows)` for each column of a group of float weights.
fn each_column(layout: Layout, lines: &[Line], mut step: impl FnMut(usize, [f32; 16])) {
    if layout == Layout::Small {
        for (index, [scales, codes @ ..]) in lines.as_chunks::<33>().0.iter().enumerate() {
            let scales = scales.floats();
            for (four, line) in codes.iter().enumerate() {
                for part in 0..4 {
                    step(SCALED_COLS * index + 4 * four + part, line.small(part, &scales));
                }
            }
        }
        return;
    }
    for (index, line) in lines.iter().enumerate() {
        match layout {
            Layout::Half => {
                step(2 * index, line.halves(0));
                step(2 * index + 1, line.halves(1));
            }
            Layout::UpperHalf => {
                step(2 * index, line.upper_halves(0));
                step(2 * index + 1, line.upper_halves(1));
            }
            _ => step(index, line.floats()),
        }
    }
}

fn float_matvec(panel: &Panel<'_>, x: &[f32], out: &mut [f32]) {
    walk::vector(panel, out, |lines| {
        let mut sums = [0.0; GROUP_ROWS];
        each_column(panel.layout, lines, |column, weights| {
            // A unit may have more columns than there are.
            let Some(value) = x.get(column) else { return };
            for (sum, w) in sums.iter_mut().zip(weights) {
                *sum = w.mul_add(*value, *sum);
            }
        });
        sums
    });
}

fn float_matmul(panel: &Panel<'_>, x: FloatTiles<'_>, out: Product<'_>) {
    walk::blocks(panel, &x.columns.chunks_exact(x.per_tile), out, float_tile);
}

fn float_tile(panel: &Panel<'_>, x: &[[f32; TILE]], out: Product<'_>) {
    let per_unit = panel.layout.unit().1;
    walk::tile(panel, x, per_unit, out, |lines, x, pass, tokens, sums| {
        each_column(panel.layout, lines, |column, weights| {
            let Some(values) = x.get(column) else { return };
            let values = values.iter().skip(pass * PASS);
            for (sums, value) in sums.iter_mut().zip(values).take(tokens) {
                for (sum, w) in sums.iter_mut().zip(weights) {
                    *sum = w.mul_add(*value, *sum);
                }
            }
        });
    });
}
