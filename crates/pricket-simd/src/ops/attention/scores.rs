//! A chunk's scores and the weights that they become.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::ops::Range;

use super::KEY_BLOCK;
use super::body::{Own, Queries, Scores};
use crate::ops::exponential::{exp, tanh};
use crate::ops::reductions::{self, LANES, padded};
use crate::ops::registers::Lanes;

/// Scores of every row against some blocks of keys.
#[inline(always)]
pub(super) fn score<const ROWS: usize, const BLOCKS: usize, K: Copy, L: Lanes>(
    lanes: &L,
    queries: &Queries<'_, ROWS>,
    keys: &[K],
    scale: f32,
    blocks: Range<usize>,
    scores: &mut [Scores],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    const { assert!(KEY_BLOCK == LANES) }
    let (width, scale) = (queries.first().map_or(0, |query| query.len()), lanes.splat(scale));
    let mut block = blocks.start;
    while block < blocks.end {
        let rest = keys.get(block * width * KEY_BLOCK..).unwrap_or_default();
        if blocks.end - block >= BLOCKS {
            score_blocks::<ROWS, BLOCKS, K, L>(lanes, queries, rest, scale, block, scores, open);
            block += BLOCKS;
        } else {
            score_blocks::<ROWS, 1, K, L>(lanes, queries, rest, scale, block, scores, open);
            block += 1;
        }
    }
}

/// Scores against `BLOCKS` blocks of keys: one sum for each row and key, in the order of the
/// dimensions, then times the scale.
#[inline(always)]
fn score_blocks<const ROWS: usize, const BLOCKS: usize, K: Copy, L: Lanes>(
    lanes: &L,
    queries: &Queries<'_, ROWS>,
    keys: &[K],
    scale: L::V,
    first: usize,
    scores: &mut [Scores],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let width = queries.first().map_or(0, |query| query.len());
    let mut sums = [[lanes.zero(); BLOCKS]; ROWS];
    let (lines, _) = keys.as_chunks::<LANES>();
    let (mut start, mut tails) = (0, [[0.0; LANES]; ROWS]);
    while start < width {
        // Sixteen dimensions, or what is left: their values of every row, and their lines.
        let count = (width - start).min(LANES);
        if count < LANES {
            for (tail, query) in tails.iter_mut().zip(queries) {
                *tail = padded(query.get(start..).unwrap_or_default());
            }
        }
        let mut values: [&[f32; LANES]; ROWS] = [&[0.0; LANES]; ROWS];
        for ((values, query), tail) in values.iter_mut().zip(queries).zip(&tails) {
            *values = query.get(start..).and_then(|query| query.first_chunk()).unwrap_or(tail);
        }
        let mut block: [&[[K; LANES]]; BLOCKS] = [&[]; BLOCKS];
        for (b, block) in block.iter_mut().enumerate() {
            let at = b * width + start;
            *block = lines.get(at..at + count).unwrap_or_default();
        }
        if block.iter().any(|lines| lines.len() != count) {
            return; // never: the lengths were checked
        }
        for d in 0..count {
            let mut keys = [lanes.zero(); BLOCKS];
            for (key, block) in keys.iter_mut().zip(&block) {
                *key = open(&block[d]);
            }
            for (sums, values) in sums.iter_mut().zip(values) {
                let value = lanes.splat(values[d % LANES]);
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = lanes.fma(value, key, *sum);
                }
            }
        }
        start += LANES;
    }
    let Some(scores) = scores.first_chunk_mut::<ROWS>() else { return };
    for r in 0..ROWS {
        let (places, _) = scores[r].0.as_chunks_mut::<LANES>();
        let Some(places) = places.get_mut(first..first + BLOCKS) else { return };
        for b in 0..BLOCKS {
            places[b] = lanes.store(lanes.fma(sums[r][b], scale, lanes.zero()));
        }
    }
}

/// Turns the scores that a row sees, `own` of whole blocks, into weights `exp(score - peak)` and
/// the others into zeros. Returns the peak and the sum of the weights. With a soft-cap (Gemma 2:
/// Gemma Team, 2024), a score counts as `cap * tanh(score / cap)`.
#[inline(always)]
pub(crate) fn soften_row(row: &mut [f32], own: Own, softcap: Option<f32>) -> (f32, f32) {
    if own.0 >= own.1 {
        row.fill(0.0);
        return (f32::NEG_INFINITY, 0.0);
    }
    if let Some(cap) = softcap {
        for value in row.iter_mut() {
            *value = cap * tanh(*value / cap);
        }
    }
    row.get_mut(..own.0).unwrap_or_default().fill(f32::NEG_INFINITY);
    row.get_mut(own.1..).unwrap_or_default().fill(f32::NEG_INFINITY);
    // A score that is not a number is no peak, but makes its weight and so the total one.
    let mut most = [f32::NEG_INFINITY; LANES];
    for lanes in row.as_chunks::<LANES>().0 {
        for (most, value) in most.iter_mut().zip(lanes) {
            *most = if *value > *most { *value } else { *most };
        }
    }
    let peak = reductions::lane_max(most);
    let mut sums = [0.0f32; LANES];
    for lanes in row.as_chunks_mut::<LANES>().0 {
        for (value, sum) in lanes.iter_mut().zip(&mut sums) {
            *value = exp(*value - peak);
            *sum += *value;
        }
    }
    (peak, reductions::lane_sum(sums))
}
