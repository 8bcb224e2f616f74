//! The weighted sums of a chunk's values.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use super::ATTENTION_CHUNK;
use super::body::Scores;
use crate::ops::reductions::{LANES, padded};
use crate::ops::registers::Lanes;

/// What the weighted sums are made of.
pub(super) struct Values<'a, const ROWS: usize, K> {
    /// Of each row and position.
    pub(super) weights: &'a Scores,
    /// How many positions, from the first one on, each row sees.
    pub(super) owns: [usize; ROWS],
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
    let shared = values.owns.iter().copied().min().unwrap_or(0).min(ATTENTION_CHUNK);
    let (seen_by_all, rest) =
        values.rows.split_at_checked(shared * values.width).unwrap_or((values.rows, &[]));
    let open = |value: &[K]| {
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
        opened
    };
    let seen_by_all = seen_by_all.chunks_exact(values.width).take(ATTENTION_CHUNK);
    for (position, value) in seen_by_all.enumerate() {
        let opened = open(value);
        for (acc, weights) in acc.iter_mut().zip(values.weights) {
            add_value(lanes, acc, weights[position], opened);
        }
    }
    // A weight of zero is not enough where a value is infinite: a row takes nothing of what it does
    // not see.
    let rest = rest.chunks_exact(values.width).take(ATTENTION_CHUNK - shared);
    for (position, value) in (shared..).zip(rest) {
        let opened = open(value);
        for ((acc, weights), own) in acc.iter_mut().zip(values.weights).zip(values.owns) {
            if position < own {
                add_value(lanes, acc, weights[position], opened);
            }
        }
    }
    for (row, acc) in sums.chunks_exact_mut(values.width).zip(acc) {
        let places = row.get_mut(column..).unwrap_or_default();
        for (places, sum) in places.chunks_mut(LANES).zip(acc) {
            for (place, value) in places.iter_mut().zip(lanes.store(sum)) {
                *place = value;
            }
        }
    }
}

/// Adds a weight times a position's values to a row's sums.
#[inline(always)]
fn add_value<const VECTORS: usize, L: Lanes>(
    lanes: &L,
    sums: &mut [L::V; VECTORS],
    weight: f32,
    values: [L::V; VECTORS],
) {
    let weight = lanes.splat(weight);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = lanes.fma(weight, value, *sum);
    }
}
