//! A tile of queries over a span of positions: scores, softmax, weighted sums, chunk after chunk.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::ops::Range;

use super::merge::Merged;
use super::mixing::{Values, mix};
use super::scores::score;
use super::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile};
use crate::ops::reductions::LANES;
use crate::ops::registers::Lanes;

/// The most rows that a level computes side by side.
pub(super) const ROWS_MAX: usize = 8;

/// One chunk's scores, and then its weights, of rows side by side.
pub(super) type Scores = [[f32; ATTENTION_CHUNK]; ROWS_MAX];

/// Queries of rows side by side, each as long as the head is wide.
pub(super) type Queries<'a, const ROWS: usize> = [&'a [f32]; ROWS];

/// The steps that a level compiles as calls of their own.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// [`super::scores::soften_row`].
    pub(crate) soften: fn(&mut [f32], usize) -> (f32, f32),
    /// [`super::merge::merge_rows`].
    pub(crate) merge: fn(Merged<'_>, (&[f32], f32, f32)),
}

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
    steps: Steps,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    const { assert!(WIDE <= ROWS_MAX && FEW <= ROWS_MAX) }
    let mut scores = [[0.0; ATTENTION_CHUNK]; ROWS_MAX];
    let rows = tile.visible.len();
    let mut first = 0;
    while first < rows {
        let (span, scores) = (span.clone(), &mut scores);
        if rows - first > FEW {
            let group = first..rows.min(first + WIDE);
            attend_rows::<WIDE, BLOCKS_W, VECTORS_W, K, L>(
                lanes, tile, group, span, space, scores, state, steps, open,
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
                steps,
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
    steps: Steps,
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
        let (mut softened, mut owns) = ([(0.0, 0.0); ROWS], [0; ROWS]);
        let filled = positions.next_multiple_of(LANES).min(ATTENTION_CHUNK);
        for (r, softened) in softened.iter_mut().enumerate() {
            owns[r] = seen[r].saturating_sub(start).min(positions);
            *softened = (steps.soften)(&mut scores[r][..filled], owns[r]);
        }
        let values = tile.values.get(start * width..(start + positions) * width);
        let values = values.unwrap_or_default();
        let values = Values { weights: scores, owns, rows: values, width };
        mix::<ROWS, VECTORS, K, L>(lanes, &values, &mut space.sums, open);
        for (r, row) in rows.clone().enumerate() {
            let at = row * width..(row + 1) * width;
            let (Some(sums), Some(more)) =
                (state.sums.get_mut(at), space.sums.get(r * width..(r + 1) * width))
            else {
                return; // never: the lengths were checked
            };
            let (peak, total) = (&mut state.peaks[row], &mut state.totals[row]);
            (steps.merge)((sums, peak, total), (more, softened[r].0, softened[r].1));
        }
    }
}
