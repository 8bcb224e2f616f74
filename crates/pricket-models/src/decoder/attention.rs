//! Attention of some tokens over everything before them, by key-value head.

mod pieces;

use std::ops::Range;

use pricket_simd::{ATTENTION_CHUNK, Attended, AttentionSpace, AttentionTile, Kernels};

use super::kv::{HeadView, KvRead};
use super::space::Place;
use super::weights::LayerWeights;
use crate::ModelError;
use crate::blueprint::{AttentionPlan, Blueprint};

use pieces::PIECE_ROWS_MAX;
pub(crate) use pieces::{attend_share, decode_room, merge_shares};

/// The most rows of queries of a tile that attend together: their sums stay in the first-level
/// cache.
const TILE_ROWS_MAX: usize = 64;

/// Buffers of attention. They hold the most rows that attend together, so they never grow.
#[derive(Debug)]
pub(crate) struct HeadSpace {
    space: AttentionSpace,
    /// (rows, key width)
    queries: Vec<f32>,
    visible: Vec<usize>,
    state: RowStates,
}

/// What rows have attended to so far.
#[derive(Debug)]
struct RowStates {
    /// (rows, value width)
    sums: Vec<f32>,
    peaks: Vec<f32>,
    totals: Vec<f32>,
}

impl RowStates {
    /// Room for `rows` rows of `width`.
    fn with_capacity(rows: usize, width: usize) -> Self {
        Self {
            sums: Vec::with_capacity(rows * width),
            peaks: Vec::with_capacity(rows),
            totals: Vec::with_capacity(rows),
        }
    }

    /// Makes room for `rows` rows of `width` that have attended to nothing.
    fn fit(&mut self, rows: usize, width: usize) {
        self.sums.resize(rows * width, 0.0);
        self.peaks.resize(rows, 0.0);
        self.totals.clear();
        self.totals.resize(rows, 0.0);
    }

    fn attended(&mut self) -> Attended<'_> {
        Attended { sums: &mut self.sums, peaks: &mut self.peaks, totals: &mut self.totals }
    }
}

impl HeadSpace {
    pub(crate) fn new(b: &Blueprint) -> Self {
        // A token's rows attend together, however many they are.
        let group = b.widest(|layer| layer.attention.group());
        let rows = TILE_ROWS_MAX.max(PIECE_ROWS_MAX).max(group);
        let width = b.widest(|layer| layer.attention.key_width());
        let value_width = b.widest(|layer| layer.attention.value_width());
        Self {
            space: AttentionSpace::with_widths(width, value_width),
            queries: Vec::with_capacity(rows * width),
            visible: Vec::with_capacity(rows),
            state: RowStates::with_capacity(rows, value_width),
        }
    }

    /// Gathers the rows of a group: of each token, the query heads that attend together.
    /// Grouped-query attention (Ainslie et al. 2023): consecutive query heads share a key-value
    /// head. `rows` is (tokens, meeting width).
    fn gather(&mut self, plan: &AttentionPlan, index: usize, places: &[Place], rows: &[f32]) {
        let group = plan.group();
        let width = group * plan.key_width();
        self.queries.clear();
        self.visible.clear();
        for (place, row) in places.iter().zip(rows.chunks_exact(plan.meeting_width())) {
            let heads = row.get(index * width..(index + 1) * width).unwrap_or(&[]);
            self.queries.extend_from_slice(heads);
            self.visible.extend(std::iter::repeat_n(place.position + 1, group));
        }
    }

    /// Attends to a chunk of positions of a sequence.
    fn attend(
        &mut self,
        kernels: &Kernels,
        plan: &AttentionPlan,
        head: (HeadView<'_>, HeadView<'_>),
        chunk: usize,
    ) -> Result<(), ModelError> {
        let first = chunk * ATTENTION_CHUNK;
        let span = first..first + ATTENTION_CHUNK;
        let &AttentionPlan { scale, window, cap: softcap, .. } = plan;
        let (queries, visible) = (&self.queries[..], &self.visible[..]);
        let mut state = self.state.attended();
        let rows = AttentionTile::<f32> {
            queries,
            width: plan.key_width(),
            value_width: plan.value_width(),
            visible,
            window,
            first,
            keys: &[],
            values: &[],
            scale,
            softcap,
        };
        let (space, state) = (&mut self.space, &mut state);
        let is_latent = plan.latent.is_some();
        match head {
            (HeadView::F16(keys), HeadView::F16(_)) if is_latent => {
                kernels.attend_within(&rows.over(keys, &[]), span, space, state)?;
            }
            (HeadView::F32(keys), HeadView::F32(_)) if is_latent => {
                kernels.attend_within(&rows.over(keys, &[]), span, space, state)?;
            }
            (HeadView::Q8(keys), HeadView::Q8(_)) if is_latent => {
                kernels.attend_within(&rows.over(keys, &[]), span, space, state)?;
            }
            (HeadView::F16(keys), HeadView::F16(values)) => {
                kernels.attend(&rows.over(keys, values), span, space, state)?;
            }
            (HeadView::F32(keys), HeadView::F32(values)) => {
                kernels.attend(&rows.over(keys, values), span, space, state)?;
            }
            (HeadView::Q8(keys), HeadView::Q8(values)) => {
                kernels.attend(&rows.over(keys, values), span, space, state)?;
            }
            _ => return Err(ModelError::CacheForeign),
        }
        Ok(())
    }

    /// Writes what a group's rows attended to where it belongs: (tokens, attended width), from the
    /// token `first` on.
    fn finish_into(
        &mut self,
        kernels: &Kernels,
        layer: &LayerWeights,
        index: usize,
        first: usize,
        out: &mut [f32],
    ) -> Result<(), ModelError> {
        let (plan, group) = (&layer.plan.attention, layer.plan.attention.group());
        if let Some(sinks) = &layer.attention.sinks {
            let sinks = sinks.get(index * group..(index + 1) * group).unwrap_or(&[]);
            kernels.sink_attended(&mut self.state.attended(), sinks, plan.value_width())?;
        }
        kernels.finish_attended(&mut self.state.attended(), plan.value_width())?;
        let width = group * plan.value_width();
        let outs = out.chunks_exact_mut(plan.attended_width()).skip(first);
        for (out, heads) in outs.zip(self.state.sums.chunks_exact(width)) {
            if let Some(places) = out.get_mut(index * width..(index + 1) * width) {
                places.copy_from_slice(heads);
            }
        }
        Ok(())
    }
}

/// Attends with every head of a tile's tokens: (tokens, meeting width) to (tokens, attended width).
pub(crate) fn attend_tile(
    kernels: &Kernels,
    layer: &LayerWeights,
    kv: &KvRead,
    (places, queries): (&[Place], &[f32]),
    space: &mut HeadSpace,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let plan = &layer.plan.attention;
    for tokens in parts(plan, places, TILE_ROWS_MAX) {
        let part = places.get(tokens.clone()).unwrap_or(&[]);
        let Some(place) = part.first() else { continue };
        let chunks = chunks(plan, part);
        let rows = queries.get(tokens.start * plan.meeting_width()..).unwrap_or(&[]);
        for group in 0..plan.groups() {
            space.state.fit(part.len() * plan.group(), plan.value_width());
            space.gather(plan, group, part, rows);
            for chunk in chunks.clone() {
                let first = chunk * ATTENTION_CHUNK;
                let head = kv.head(place.slot, first, plan.kv_head(group));
                space.attend(kernels, plan, head, chunk)?;
            }
            space.finish_into(kernels, layer, group, tokens.start, out)?;
        }
    }
    Ok(())
}

/// Tokens of one sequence side by side, so many that a group has up to `rows_max` rows.
fn parts(
    plan: &AttentionPlan,
    places: &[Place],
    rows_max: usize,
) -> impl Iterator<Item = Range<usize>> {
    let tokens_max = (rows_max / plan.group()).max(1);
    let mut first = 0;
    places.chunk_by(|a, b| a.slot == b.slot).flat_map(move |run| {
        let (start, end) = (first, first + run.len());
        first = end;
        (start..end).step_by(tokens_max).map(move |at| at..end.min(at + tokens_max))
    })
}

/// Chunks of positions that some tokens attend to.
fn chunks(plan: &AttentionPlan, places: &[Place]) -> Range<usize> {
    let positions = places.iter().map(|place| place.position);
    let first = positions.clone().map(|position| plan.first(position)).min().unwrap_or(0);
    let last = positions.max().map_or(0, |position| (position + 1).div_ceil(ATTENTION_CHUNK));
    first / ATTENTION_CHUNK..last
}
