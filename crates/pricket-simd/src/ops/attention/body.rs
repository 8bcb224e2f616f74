//! A tile of queries over a span of positions: scores, softmax, weighted sums, chunk after chunk.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::ops::Range;

use super::merge::merge_row;
use super::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, KEY_BLOCK};
use crate::ops::exponential::exp;
use crate::ops::reductions::{self, LANES, padded};
use crate::ops::registers::Lanes;

/// The most rows that a level computes side by side.
pub(super) const ROWS_MAX: usize = 8;

/// One chunk's scores, and then its weights, of rows side by side.
type Scores = [[f32; ATTENTION_CHUNK]; ROWS_MAX];

/// Queries of rows side by side, each as long as the head is wide.
type Queries<'a, const ROWS: usize> = [&'a [f32]; ROWS];

/// Attends to the positions of `span`. Rows go in groups of `WIDE`, or of `FEW` where no more are
/// left; `BLOCKS` blocks of keys and `VECTORS` registers of values are in flight for each row, so
/// many for a wide group (`_W`) and so many for one of few (`_F`).
#[inline(always)]
pub(crate) fn attend<
    const WIDE: usize,
    const BLOCKS_W: usize,
    const VECTORS_W: usize,
    const FEW: usize,
    const BLOCKS_F: usize,
    const VECTORS_F: usize,
    K: Copy + Default,
    L: Lanes,
>(
    lanes: &L,
    tile: &AttentionTile<'_, K>,
    span: Range<usize>,
    space: &mut AttentionSpace,
    state: &mut Attended<'_>,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let mut scores = [[0.0; ATTENTION_CHUNK]; ROWS_MAX];
    let rows = tile.visible.len();
    let mut first = 0;
    while first < rows {
        let (span, scores) = (span.clone(), &mut scores);
        if rows - first > FEW {
            let group = first..rows.min(first + WIDE);
            attend_rows::<WIDE, BLOCKS_W, VECTORS_W, K, L>(
                lanes, tile, group, span, space, scores, state, open,
            );
            first += WIDE;
        } else {
            attend_rows::<FEW, BLOCKS_F, VECTORS_F, K, L>(
                lanes,
                tile,
                first..rows,
                span,
                space,
                scores,
                state,
                open,
            );
            first += FEW;
        }
    }
}

/// Up to `ROWS` rows; where there are fewer, the last one is computed again in the free places.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call, split only for its constants")]
fn attend_rows<
    const ROWS: usize,
    const BLOCKS: usize,
    const VECTORS: usize,
    K: Copy + Default,
    L: Lanes,
>(
    lanes: &L,
    tile: &AttentionTile<'_, K>,
    rows: Range<usize>,
    span: Range<usize>,
    space: &mut AttentionSpace,
    scores: &mut Scores,
    state: &mut Attended<'_>,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let width = tile.width;
    let row_of = |r: usize| (rows.start + r).min(rows.end - 1);
    let mut queries: Queries<'_, ROWS> = [&[]; ROWS];
    for (r, query) in queries.iter_mut().enumerate() {
        let row = row_of(r);
        *query = tile.queries.get(row * width..(row + 1) * width).unwrap_or_default();
    }
    space.sums.resize(ROWS * width, 0.0);
    let (mut seen, mut last) = ([0; ROWS], 0);
    for (r, seen) in seen.iter_mut().enumerate() {
        *seen = tile.visible.get(row_of(r)).copied().unwrap_or(0).min(span.end);
        last = last.max(*seen);
    }
    for start in (span.start..last).step_by(ATTENTION_CHUNK) {
        let positions = (last - start).min(ATTENTION_CHUNK);
        let keys = tile.keys.get(start * width..).unwrap_or_default();
        score::<ROWS, BLOCKS, K, L>(lanes, &queries, keys, tile, positions, scores, open);
        let mut softened = [(0.0, 0.0); ROWS];
        for (r, softened) in softened.iter_mut().enumerate() {
            let own = seen[r].saturating_sub(start).min(positions);
            *softened = soften(&mut scores[r], own, positions);
        }
        let values = tile.values.get(start * width..(start + positions) * width);
        let values = values.unwrap_or_default();
        mix::<ROWS, VECTORS, K, L>(lanes, scores, values, width, &mut space.sums, open);
        for (r, row) in rows.clone().enumerate() {
            let at = row * width..(row + 1) * width;
            let (Some(sums), Some(more)) =
                (state.sums.get_mut(at), space.sums.get(r * width..(r + 1) * width))
            else {
                return; // never: the lengths were checked
            };
            let (peak, total) = (&mut state.peaks[row], &mut state.totals[row]);
            merge_row((sums, peak, total), (more, softened[r].0, softened[r].1));
        }
    }
}

/// Scores of every row against `positions` keys, and against what fills the last block.
#[inline(always)]
fn score<const ROWS: usize, const BLOCKS: usize, K: Copy, L: Lanes>(
    lanes: &L,
    queries: &Queries<'_, ROWS>,
    keys: &[K],
    tile: &AttentionTile<'_, K>,
    positions: usize,
    scores: &mut Scores,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    const { assert!(KEY_BLOCK == LANES) }
    let (width, scale) = (tile.width, lanes.splat(tile.scale));
    let blocks = positions.div_ceil(KEY_BLOCK);
    let mut block = 0;
    while block < blocks {
        let rest = keys.get(block * width * KEY_BLOCK..).unwrap_or_default();
        if blocks - block >= BLOCKS {
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
    scores: &mut Scores,
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
    for (row, sums) in scores.iter_mut().zip(sums) {
        let (places, _) = row.as_chunks_mut::<LANES>();
        for (places, sum) in places.iter_mut().skip(first).zip(sums) {
            *places = lanes.store(lanes.fma(sum, scale, lanes.zero()));
        }
    }
}

/// Turns the first `own` scores of a row into weights `exp(score - peak)` and the others, up to
/// `positions`, into zeros. Returns the peak and the sum of the weights.
#[inline(always)]
fn soften(row: &mut [f32; ATTENTION_CHUNK], own: usize, positions: usize) -> (f32, f32) {
    let filled = positions.next_multiple_of(LANES).min(ATTENTION_CHUNK);
    let row = row.get_mut(..filled).unwrap_or_default();
    if own == 0 {
        row.fill(0.0);
        return (f32::NEG_INFINITY, 0.0);
    }
    row.get_mut(own..).unwrap_or_default().fill(f32::NEG_INFINITY);
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

/// `sums[row] = sum over the positions of weight * value`, in the order of the positions.
#[inline(always)]
fn mix<const ROWS: usize, const VECTORS: usize, K: Copy + Default, L: Lanes>(
    lanes: &L,
    weights: &Scores,
    values: &[K],
    width: usize,
    sums: &mut [f32],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let mut column = 0;
    while column + VECTORS * LANES <= width {
        mix_columns::<ROWS, VECTORS, K, L>(lanes, weights, values, width, column, sums, open);
        column += VECTORS * LANES;
    }
    while column < width {
        mix_columns::<ROWS, 1, K, L>(lanes, weights, values, width, column, sums, open);
        column += LANES;
    }
}

/// `VECTORS * 16` columns of the weighted sums, or, where the row ends before, what is left.
#[inline(always)]
fn mix_columns<const ROWS: usize, const VECTORS: usize, K: Copy + Default, L: Lanes>(
    lanes: &L,
    weights: &Scores,
    values: &[K],
    width: usize,
    column: usize,
    sums: &mut [f32],
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    let mut acc = [[lanes.zero(); VECTORS]; ROWS];
    let rows = values.chunks_exact(width).take(ATTENTION_CHUNK).enumerate();
    for (position, value) in rows {
        let value = value.get(column..).unwrap_or_default();
        let (lines, tail) = value.as_chunks::<LANES>();
        let mut opened = [lanes.zero(); VECTORS];
        match lines.first_chunk::<VECTORS>() {
            Some(lines) => {
                for (opened, line) in opened.iter_mut().zip(lines) {
                    *opened = open(line);
                }
            }
            None => opened = [open(&padded(tail)); VECTORS],
        }
        for (acc, weights) in acc.iter_mut().zip(weights) {
            let weight = lanes.splat(weights[position]);
            for (sum, value) in acc.iter_mut().zip(opened) {
                *sum = lanes.fma(weight, value, *sum);
            }
        }
    }
    for (row, acc) in sums.chunks_exact_mut(width).zip(acc) {
        let places = row.get_mut(column..).unwrap_or_default();
        for (places, sum) in places.chunks_mut(LANES).zip(acc) {
            for (place, value) in places.iter_mut().zip(lanes.store(sum)) {
                *place = value;
            }
        }
    }
}
