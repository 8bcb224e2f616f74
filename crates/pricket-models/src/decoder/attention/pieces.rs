//! The attention of a few tokens in pieces, so that threads share it evenly: a key-value head and a
//! chunk of positions each (flash decoding: Dao et al., 2023).

use std::ops::Range;

use pricket_simd::{ATTENTION_CHUNK, Attended};

use super::{HeadSpace, chunks, parts};
use crate::ModelError;
use crate::blueprint::Blueprint;
use crate::decoder::kv::KvLayer;
use crate::decoder::rows::{Queries, share};
use crate::decoder::space::Place;
use crate::decoder::weights::DecoderWeights;
use crate::decoder::work::Work;

/// The most rows of a piece: few, so that a short prompt has pieces enough for every thread.
pub(super) const PIECE_ROWS_MAX: usize = 24;

/// Some tokens of one sequence, one key-value head, one chunk of positions.
#[derive(Debug, Clone)]
struct Piece {
    tokens: Range<usize>,
    kv_head: usize,
    chunk: usize,
}

/// Every piece of a batch's attention, in the order of merging.
fn pieces(b: &Blueprint, places: &[Place]) -> impl Iterator<Item = Piece> {
    let kv_heads = b.kv_heads;
    parts(b, places, PIECE_ROWS_MAX).flat_map(move |tokens| {
        let chunks = chunks(places.get(tokens.clone()).unwrap_or(&[]));
        (0..kv_heads * chunks).map(move |index| Piece {
            tokens: tokens.clone(),
            kv_head: index / chunks,
            chunk: index % chunks,
        })
    })
}

/// Numbers that a share of `of` comes to when a batch has one token of each of `sequences` and the
/// context of all is full.
pub(crate) fn decode_room(b: &Blueprint, sequences: usize, tokens_max: usize, of: usize) -> usize {
    let chunks = tokens_max.div_ceil(ATTENTION_CHUNK);
    let pieces = sequences.saturating_mul(b.kv_heads).saturating_mul(chunks).div_ceil(of.max(1));
    pieces.saturating_mul(b.heads / b.kv_heads * (b.head_dim + 2))
}

/// Attends to this share of a batch's pieces. `out` holds, piece after piece, the sums, the peaks
/// and the totals of its rows.
pub(crate) fn attend_share(
    weights: &DecoderWeights,
    kv: &KvLayer,
    queries: &Queries,
    (index, of): (usize, usize),
    space: &mut HeadSpace,
    out: &mut Vec<f32>,
) -> Result<(), ModelError> {
    let b = &weights.blueprint;
    let own = share(pieces(b, &queries.places).count(), index, of);
    out.clear();
    for piece in pieces(b, &queries.places).skip(own.start).take(own.len()) {
        let places = queries.places.get(piece.tokens.clone()).unwrap_or(&[]);
        let Some(place) = places.first() else { continue };
        let rows = queries.qkv.get(piece.tokens.start * b.qkv_width()..).unwrap_or(&[]);
        space.state.fit(places.len() * b.heads / b.kv_heads, b.head_dim);
        space.gather(b, piece.kv_head, places, rows);
        let start = piece.chunk * ATTENTION_CHUNK;
        let span = start..start + ATTENTION_CHUNK;
        space.attend(weights, kv, place.slot, piece.kv_head, span)?;
        out.extend_from_slice(&space.state.sums);
        out.extend_from_slice(&space.state.peaks);
        out.extend_from_slice(&space.state.totals);
    }
    Ok(())
}

/// Merges what all workers attended to, in the order of the pieces, into `out`: (tokens, query
/// width).
pub(crate) fn merge_shares(
    weights: &DecoderWeights,
    places: &[Place],
    works: &mut [Box<Work>],
    space: &mut HeadSpace,
    out: &mut [f32],
) -> Result<(), ModelError> {
    let b = &weights.blueprint;
    let mut shares = works.iter_mut().map(|work| &mut work.out[..]);
    let mut rest: &mut [f32] = &mut [];
    for tokens in parts(b, places, PIECE_ROWS_MAX) {
        let rows = tokens.len() * b.heads / b.kv_heads;
        let chunks = chunks(places.get(tokens.clone()).unwrap_or(&[]));
        for kv_head in 0..b.kv_heads {
            space.state.fit(rows, b.head_dim);
            for _ in 0..chunks {
                while rest.is_empty() {
                    rest = shares.next().ok_or(ModelError::ShareIncomplete)?;
                }
                let (piece, others) = rest
                    .split_at_mut_checked(rows * (b.head_dim + 2))
                    .ok_or(ModelError::ShareIncomplete)?;
                rest = others;
                let (sums, ends) = piece.split_at_mut(rows * b.head_dim);
                let (peaks, totals) = ends.split_at_mut(rows);
                let part = Attended { sums, peaks, totals };
                weights.kernels.merge_attended(&mut space.state.attended(), &part, b.head_dim)?;
            }
            space.finish_into(weights, kv_head, tokens.start, out)?;
        }
    }
    Ok(())
}
