//! The weighted sums of a chunk's values.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::ops::Range;

use super::ATTENTION_CHUNK;
use super::body::{Own, Scores};
use crate::ops::reductions::{LANES, padded};
use crate::ops::registers::Lanes;

/// What the weighted sums are made of.
pub(super) struct Values<'a, const ROWS: usize, K> {
    /// Of each row and position.
    pub(super) weights: &'a [Scores],
    /// Which positions each row sees.
    pub(super) owns: [Own; ROWS],
    /// Which positions any of them sees.
    pub(super) hull: Own,
    /// (positions, width)
    pub(super) rows: &'a [K],
    pub(super) width: usize,
}

/// `sums[row] = sum over the positions of weight * value`, in the order of the positions.
#[inline(always)]
pub(super) fn mix<const ROWS: usize, const VECTORS: usize, K: Copy + Default, L: Lanes>(
    lanes: &L,
    values: &Values<'_, ROWS, K>,
    sums: &mut [f32],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let (mut column, width) = (0, values.width);
    while column + VECTORS * LANES <= width {
        mix_columns::<ROWS, VECTORS, K, L>(lanes, values, column, sums, open);
        column += VECTORS * LANES;
    }
    while column < width {
        mix_columns::<ROWS, 1, K, L>(lanes, values, column, sums, open);
        column += LANES;
    }
}

/// `VECTORS * 16` columns of the weighted sums, or, where the row ends before, what is left.
#[inline(always)]
fn mix_columns<const ROWS: usize, const VECTORS: usize, K: Copy + Default, L: Lanes>(
    lanes: &L,
    values: &Values<'_, ROWS, K>,
    column: usize,
    sums: &mut [f32],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let mut acc = [[lanes.zero(); VECTORS]; ROWS];
    let (start, end) = values.hull;
    let from = values.owns.iter().map(|own| own.0).max().unwrap_or(end).clamp(start, end);
    let to = values.owns.iter().map(|own| own.1).min().unwrap_or(0).clamp(from, end);
    let (before, by_all, behind) = (start..from, from..to, to..end);
    acc = mix_some::<ROWS, VECTORS, false, K, L>(lanes, acc, values, column, before, open);
    acc = mix_some::<ROWS, VECTORS, true, K, L>(lanes, acc, values, column, by_all, open);
    acc = mix_some::<ROWS, VECTORS, false, K, L>(lanes, acc, values, column, behind, open);
    // Out of the registers first: a loop over rows of unknown places would keep the sums in memory.
    let mut stored = [[[0.0; LANES]; VECTORS]; ROWS];
    for r in 0..ROWS {
        for v in 0..VECTORS {
            stored[r][v] = lanes.store(acc[r][v]);
        }
    }
    for (row, stored) in sums.chunks_exact_mut(values.width).zip(&stored) {
        let places = row.get_mut(column..).unwrap_or_default();
        for (place, value) in places.iter_mut().zip(stored.as_flattened()) {
            *place = *value;
        }
    }
}

/// Adds some positions' values. `ALL` says that every row sees all of them: a weight of zero is not
/// enough where a value is infinite, because a row takes nothing of what it does not see.
#[inline(always)]
fn mix_some<
    const ROWS: usize,
    const VECTORS: usize,
    const ALL: bool,
    K: Copy + Default,
    L: Lanes,
>(
    lanes: &L,
    mut acc: [[L::V; VECTORS]; ROWS],
    values: &Values<'_, ROWS, K>,
    column: usize,
    positions: Range<usize>,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) -> [[L::V; VECTORS]; ROWS] {
    let width = values.width;
    let Some(weights) = values.weights.first_chunk::<ROWS>() else { return acc };
    let rows = values.rows.get(positions.start * width..).unwrap_or_default();
    let rows = rows.chunks_exact(width).take(ATTENTION_CHUNK);
    for (position, value) in positions.zip(rows) {
        let (lines, tail) = value.get(column..).unwrap_or_default().as_chunks::<LANES>();
        let mut opened = [lanes.zero(); VECTORS];
        match lines.first_chunk::<VECTORS>() {
            Some(lines) => {
                for (opened, line) in opened.iter_mut().zip(lines) {
                    *opened = open(line);
                }
            }
            None => opened = [open(&padded(tail)); VECTORS],
        }
        for r in 0..ROWS {
            let own = values.owns[r];
            if ALL || (own.0 <= position && position < own.1) {
                let weight = lanes.splat(weights[r].0[position % ATTENTION_CHUNK]);
                for v in 0..VECTORS {
                    acc[r][v] = lanes.fma(weight, opened[v], acc[r][v]);
                }
            }
        }
    }
    acc
}
