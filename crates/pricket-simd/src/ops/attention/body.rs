//! Some rows of queries against a chunk of positions: scores, softmax, weighted sums.
#![expect(clippy::inline_always, reason = "a body takes on the features of the kernel around it")]

use std::ops::Range;

use super::merge::Merged;
use super::mixing::{Values, mix};
use super::scores::score;
use super::{ATTENTION_CHUNK, Attended, AttentionSpace};
use crate::ops::reductions::LANES;
use crate::ops::registers::Lanes;

/// The most rows that a level computes side by side.
pub(super) const ROWS_MAX: usize = 8;

/// The most rows whose weights of a chunk are kept at once. Their keys stay in the first-level
/// cache while all of them are scored, then their values while all of them are summed.
pub(super) const STRIP_ROWS: usize = 64;

/// Rows of scores that a strip writes: a group may end beyond it.
pub(super) const SCORE_ROWS: usize = STRIP_ROWS + ROWS_MAX;

/// A chunk's scores of a row, and then its weights, in whole lines of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Scores(pub(super) [f32; ATTENTION_CHUNK]);

/// Queries of rows side by side, each as long as a key.
pub(super) type Queries<'a, const ROWS: usize> = [&'a [f32]; ROWS];

/// The positions of a chunk that a row sees.
pub(super) type Own = (usize, usize);

/// [`super::scores::soften_row`].
pub(crate) type Soften = fn(&mut [f32], Own, Option<f32>) -> (f32, f32);

/// The steps that a level compiles as calls of their own.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) soften: Soften,
    /// [`super::merge::merge_rows`].
    pub(crate) merge: fn(Merged<'_>, (&[f32], f32, f32)),
}

/// A tile without what it attends to.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(super) queries: &'a [f32],
    pub(super) width: usize,
    pub(super) value_width: usize,
    pub(super) visible: &'a [usize],
    pub(super) window: Option<usize>,
    pub(super) softcap: Option<f32>,
    pub(super) scale: f32,
    /// Where the span of positions ends.
    pub(super) end: usize,
}

/// Some keys and values.
pub(crate) struct Chunk<'a, K> {
    pub(super) start: usize,
    pub(super) positions: usize,
    pub(super) keys: &'a [K],
    pub(super) values: &'a [K],
}

impl<'a, K> Chunk<'a, K> {
    pub(crate) fn keys(&self) -> &'a [K] {
        self.keys
    }

    pub(crate) fn values(&self) -> &'a [K] {
        self.values
    }
}

impl Rows<'_> {
    /// The positions that a row sees.
    pub(super) fn seen(&self, row: usize) -> Own {
        let last = self.visible.get(row).copied().unwrap_or(0);
        let first = self.window.map_or(0, |window| last.saturating_sub(window));
        (first.min(self.end), last.min(self.end))
    }

    /// The positions of a chunk that a row sees, counted from its start.
    fn own<K>(&self, row: usize, chunk: &Chunk<'_, K>) -> Own {
        let (first, last) = self.seen(row);
        let within = |position: usize| position.saturating_sub(chunk.start).min(chunk.positions);
        (within(first), within(last))
    }
}

/// Attends with the rows of `strip` to a chunk and merges the result into `state`. Rows go in
/// groups of `WIDE`, or of `FEW` where no more are left; `BLOCKS` blocks of keys and `VECTORS`
/// registers of values are in flight for each row, so many for a wide group (`_W`) and so many for
/// one of few (`_F`).
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call, of which a level fixes the half")]
pub(crate) fn attend_strip<
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
    rows: &Rows<'_>,
    strip: Range<usize>,
    chunk: &Chunk<'_, K>,
    space: &mut AttentionSpace,
    state: &mut Attended<'_>,
    steps: Steps,
    open: impl Fn(&[K; LANES]) -> L::V + Copy,
) {
    const { assert!(WIDE <= ROWS_MAX && FEW <= ROWS_MAX) }
    let count = strip.len().min(STRIP_ROWS);
    let mut group = Group { first: strip.start, count, owns: [(0, 0); STRIP_ROWS] };
    for (index, own) in group.owns.iter_mut().take(count).enumerate() {
        *own = rows.own(strip.start + index, chunk);
    }
    let mut softened = [(f32::NEG_INFINITY, 0.0); STRIP_ROWS];
    let scores = &mut space.scores[..];
    let mut first = 0;
    while first < count {
        let size = if count - first > FEW {
            group.score::<WIDE, BLOCKS_W, K, L>(lanes, rows, first, chunk, scores, open);
            WIDE
        } else {
            group.score::<FEW, BLOCKS_F, K, L>(lanes, rows, first, chunk, scores, open);
            FEW
        };
        let filled = group.hull(first, size).1.next_multiple_of(LANES).min(ATTENTION_CHUNK);
        for index in first..count.min(first + size) {
            let (row, own) = (&mut scores[index].0[..filled], group.owns[index]);
            softened[index] = (steps.soften)(row, own, rows.softcap);
        }
        first += size;
    }
    first = 0;
    while first < count {
        let (scores, sums) = (scores.get(first..).unwrap_or_default(), &mut space.sums[..]);
        let size = if count - first > FEW {
            group.mix::<WIDE, VECTORS_W, K, L>(lanes, rows, first, chunk, scores, sums, open);
            WIDE
        } else {
            group.mix::<FEW, VECTORS_F, K, L>(lanes, rows, first, chunk, scores, sums, open);
            FEW
        };
        let width = rows.value_width;
        let ends = softened.iter().enumerate().take(count.min(first + size)).skip(first);
        for ((index, softened), more) in ends.zip(sums.chunks_exact(width)) {
            let row = strip.start + index;
            let Some(sums) = state.sums.get_mut(row * width..(row + 1) * width) else { return };
            let (peak, total) = (&mut state.peaks[row], &mut state.totals[row]);
            (steps.merge)((sums, peak, total), (more, softened.0, softened.1));
        }
        first += size;
    }
}

/// A strip's rows, of which some are computed side by side; where a group has fewer, the last row
/// is computed again in the free places.
struct Group {
    /// The strip's first row.
    first: usize,
    count: usize,
    owns: [Own; STRIP_ROWS],
}

impl Group {
    /// What some rows see, together.
    #[inline(always)]
    fn hull(&self, first: usize, size: usize) -> Own {
        let owns = self.owns.iter().take(self.count.min(first + size)).skip(first);
        let seen = owns.filter(|own| own.0 < own.1);
        seen.copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0))
    }

    #[inline(always)]
    fn score<const ROWS: usize, const BLOCKS: usize, K: Copy, L: Lanes>(
        &self,
        lanes: &L,
        rows: &Rows<'_>,
        first: usize,
        chunk: &Chunk<'_, K>,
        scores: &mut [Scores],
        open: impl Fn(&[K; LANES]) -> L::V + Copy,
    ) {
        let width = rows.width;
        let mut queries: Queries<'_, ROWS> = [&[]; ROWS];
        for (r, query) in queries.iter_mut().enumerate() {
            let row = self.first + (first + r).min(self.count - 1);
            *query = rows.queries.get(row * width..(row + 1) * width).unwrap_or_default();
        }
        let (start, end) = self.hull(first, ROWS);
        let blocks = start / LANES..end.div_ceil(LANES);
        let scores = scores.get_mut(first..first + ROWS).unwrap_or_default();
        score::<ROWS, BLOCKS, K, L>(lanes, &queries, chunk.keys, rows.scale, blocks, scores, open);
    }

    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "as its caller")]
    fn mix<const ROWS: usize, const VECTORS: usize, K: Copy + Default, L: Lanes>(
        &self,
        lanes: &L,
        rows: &Rows<'_>,
        first: usize,
        chunk: &Chunk<'_, K>,
        weights: &[Scores],
        sums: &mut [f32],
        open: impl Fn(&[K; LANES]) -> L::V + Copy,
    ) {
        let mut owns = [(0, 0); ROWS];
        for (r, own) in owns.iter_mut().enumerate() {
            *own = self.owns[(first + r).min(self.count - 1)];
        }
        let hull = self.hull(first, ROWS);
        let values = Values { weights, owns, hull, rows: chunk.values, width: rows.value_width };
        mix::<ROWS, VECTORS, K, L>(lanes, &values, sums, open);
    }
}
