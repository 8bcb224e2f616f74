//! The attention of a few tokens in pieces, so that threads share it evenly: a group of heads and a
//! chunk of positions each (flash decoding: Dao et al., 2023).

use std::ops::Range;

use pricket_simd::{ATTENTION_CHUNK, Attended};

use super::{HeadSpace, chunks, parts};
use crate::ModelError;
use crate::blueprint::{AttentionPlan, Blueprint, LayerPlan};
use crate::decoder::kv::KvRead;
use crate::decoder::rows::{Queries, share};
use crate::decoder::space::Place;
use crate::decoder::weights::{DecoderWeights, LayerWeights};
use crate::decoder::work::Work;

/// The most rows of a piece: few, so that a short prompt has pieces enough for every thread.
pub(super) const PIECE_ROWS_MAX: usize = 24;

/// Some tokens of one sequence, one group of heads, one chunk of positions.
#[derive(Debug, Clone)]
struct Piece {
    tokens: Range<usize>,
    group: usize,
    chunk: usize,
}

/// Every piece of a batch's attention, in the order of merging.
fn pieces(plan: &AttentionPlan, places: &[Place]) -> impl Iterator<Item = Piece> {
    let groups = plan.groups();
    parts(plan, places, PIECE_ROWS_MAX).flat_map(move |tokens| {
        let chunks = chunks(plan, places.get(tokens.clone()).unwrap_or(&[]));
        (0..groups * chunks.len()).map(move |index| Piece {
            tokens: tokens.clone(),
            group: index / chunks.len(),
            chunk: chunks.start + index % chunks.len(),
        })
    })
}

/// Numbers that a share of `of` comes to when a batch has one token of each of `sequences` and the
/// context of all is full.
pub(crate) fn decode_room(b: &Blueprint, sequences: usize, tokens_max: usize, of: usize) -> usize {
    let chunks = tokens_max.div_ceil(ATTENTION_CHUNK);
    b.widest(|LayerPlan { attention: plan, .. }| {
        let pieces = sequences.saturating_mul(plan.groups()).saturating_mul(chunks);
        pieces.div_ceil(of.max(1)).saturating_mul(plan.group() * (plan.value_width() + 2))
    })
}

/// Attends to this share of a batch's pieces. `out` holds, piece after piece, the sums, the peaks
/// and the totals of its rows.
pub(crate) fn attend_share(
    weights: &DecoderWeights,
    kv: &KvRead,
    queries: &Queries,
    (index, of): (usize, usize),
    space: &mut HeadSpace,
    out: &mut Vec<f32>,
) -> Result<(), ModelError> {
    let Some(LayerWeights { plan, .. }) = weights.layers.get(queries.layer) else { return Ok(()) };
    let plan = &plan.attention;
    let own = share(pieces(plan, &queries.places).count(), index, of);
    out.clear();
    for piece in pieces(plan, &queries.places).skip(own.start).take(own.len()) {
        let places = queries.places.get(piece.tokens.clone()).unwrap_or(&[]);
        let Some(place) = places.first() else { continue };
        let meeting = if plan.latent.is_some() { &queries.latent } else { &queries.qkv };
        let rows = meeting.get(piece.tokens.start * plan.meeting_width()..).unwrap_or(&[]);
        space.state.fit(places.len() * plan.group(), plan.value_width());
        space.gather(plan, piece.group, places, rows);
        let first = piece.chunk * ATTENTION_CHUNK;
        let head = kv.head(place.slot, first, plan.kv_head(piece.group));
        space.attend(weights.kernels, plan, head, piece.chunk)?;
        out.extend_from_slice(&space.state.sums);
        out.extend_from_slice(&space.state.peaks);
        out.extend_from_slice(&space.state.totals);
    }
    Ok(())
}

/// Merges what all workers attended to, in the order of the pieces, into `out`: (tokens, attended
/// width).
pub(crate) fn merge_shares(
    weights: &DecoderWeights,
    queries: &Queries,
    works: &mut [Box<Work>],
    space: &mut HeadSpace,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let Some(layer) = weights.layers.get(queries.layer) else { return Ok(()) };
    let (kernels, places) = (weights.kernels, &queries.places[..]);
    let plan = &layer.plan.attention;
    let width = plan.value_width();
    let mut shares = works.iter_mut().map(|work| &mut work.out[..]);
    let mut rest: &mut [f32] = &mut [];
    for tokens in parts(plan, places, PIECE_ROWS_MAX) {
        let rows = tokens.len() * plan.group();
        let chunks = chunks(plan, places.get(tokens.clone()).unwrap_or(&[]));
        for group in 0..plan.groups() {
            space.state.fit(rows, width);
            for _ in chunks.clone() {
                while rest.is_empty() {
                    rest = shares.next().ok_or(ModelError::ShareIncomplete)?;
                }
                let (piece, others) = rest
                    .split_at_mut_checked(rows * (width + 2))
                    .ok_or(ModelError::ShareIncomplete)?;
                rest = others;
                let (sums, ends) = piece.split_at_mut(rows * width);
                let (peaks, totals) = ends.split_at_mut(rows);
                let part = Attended { sums, peaks, totals };
                kernels.merge_attended(&mut space.state.attended(), &part, width)?;
            }
            space.finish_into(kernels, layer, group, tokens.start, out)?;
        }
    }
    Ok(())
}
