//! Room for decoding, laid out before a cache's first pass: a step with a token of each of its
//! sequences then grows no buffer, however many have joined and however deep they are. Nothing is
//! touched, so room that is not used costs no memory.
//!
//! A pass with part of a prompt may grow buffers still: to the longest part seen, and by the keys
//! and values of a sequence that begins.

use pricket_simd::GROUP_ROWS;

use super::Decoder;
use super::attention::decode_room;
use super::forward::{row_tokens, tile_tokens};
use super::heads::Angles;
use super::kv::CpuKv;
use super::row_pass::sole;
use super::rows::{RowBuffers, Stage, segments};
use super::space::Space;
use super::tile::BLOCK_GROUPS;
use super::weights::DecoderWeights;
use super::work::Work;
use crate::ModelError;
use crate::blueprint::Blueprint;
use crate::memory::reserve;

/// The most sequences that room is made for at once: the most that the engine runs side by side.
/// More grow the buffers as they come.
const SEQUENCES_MAX: usize = 256;

/// The largest cache that there is room for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    sequences: usize,
    tokens_max: usize,
}

impl Decoder {
    /// Makes room for a token of each of a cache's sequences, unless there is.
    pub(super) fn lay_out(&mut self, kv: &CpuKv) -> Result<(), ModelError> {
        let known = self.room;
        let sequences = kv.sequences_max().min(SEQUENCES_MAX);
        if sequences <= known.sequences && kv.tokens_max() <= known.tokens_max {
            return Ok(());
        }
        let room = Room {
            sequences: sequences.max(known.sequences),
            tokens_max: kv.tokens_max().max(known.tokens_max),
        };
        let threads = self.works.len();
        let (by_rows, tile) =
            (row_tokens(room.sequences, threads), tile_tokens(room.sequences, threads));
        self.rows.lay_out(&self.weights, by_rows, room.sequences)?;
        for work in &mut self.works {
            work.lay_out(by_rows, room)?;
            work.space.lay_out(&self.weights, tile)?;
        }
        self.room = room;
        Ok(())
    }
}

/// The widest vector that a matrix of the decoder multiplies.
fn widest(weights: &DecoderWeights) -> usize {
    let b = &weights.blueprint;
    let (query, ffn) = (b.widest(|l| l.attention.query_width()), b.widest(|l| l.ffn.widest()));
    b.hidden.max(query).max(ffn)
}

impl RowBuffers {
    /// Room for a pass by rows of so many tokens, and for so many rows of logits.
    fn lay_out(
        &mut self,
        weights: &DecoderWeights,
        tokens: usize,
        logits: usize,
    ) -> Result<(), ModelError> {
        let b = &weights.blueprint;
        reserve(&mut self.x, logits.max(tokens) * b.hidden)?;
        reserve(&mut self.normed, logits.max(tokens) * b.hidden)?;
        reserve(&mut self.attended, tokens * b.widest(|l| l.attention.query_width()))?;
        reserve(&mut self.hidden, tokens * b.widest(|l| l.ffn.widest()))?;
        self.routing.lay_out(b, tokens)?;
        self.mixing.lay_out(b, tokens)?;
        reserve(&mut self.row, longest_row(b))?;
        reserve_angles(&mut self.angles, b, tokens)?;
        let queries = sole(&mut self.queries)?;
        reserve(&mut queries.places, tokens)?;
        reserve(&mut queries.qkv, tokens * b.widest(|l| l.attention.qkv_width()))?;
        sole(&mut self.acts)?.lay_out(weights, logits.max(tokens), widest(weights));
        Ok(())
    }
}

impl Work {
    /// Room for a share of each stage.
    fn lay_out(&mut self, tokens: usize, room: Room) -> Result<(), ModelError> {
        let width = |stage| -> usize {
            let width = |layer: usize| -> usize {
                // All experts of a layer have one shape.
                let parts = self.weights.layers.get(layer);
                let experts = parts.and_then(|parts| parts.ffn.experts.as_ref());
                let expert = experts.and_then(|experts| experts.each.first());
                let linears = self.weights.stage(layer, stage, expert.map(|of| &**of));
                segments(linears, self.index, self.of).map(|part| part.width).sum()
            };
            (0..self.weights.layers.len().max(1)).map(width).max().unwrap_or(0)
        };
        let stages = [
            Stage::Project,
            Stage::Output,
            Stage::GateUp,
            Stage::Down,
            Stage::Router,
            Stage::ExpertGateUp,
            Stage::ExpertDown,
        ];
        let stages = stages.map(width);
        let stages = stages.into_iter().max().unwrap_or(0) * tokens;
        let logits = width(Stage::Head) * room.sequences;
        let heads = decode_room(&self.weights.blueprint, tokens, room.tokens_max, self.of);
        let gates = width(Stage::GateUp).max(width(Stage::ExpertGateUp)) * tokens;
        reserve(&mut self.out, stages.max(logits).max(heads))?;
        reserve(&mut self.space.gate, gates)?;
        reserve(&mut self.space.up, gates)
    }
}

impl Space {
    /// Room for a tile of so many tokens.
    fn lay_out(&mut self, weights: &DecoderWeights, tokens: usize) -> Result<(), ModelError> {
        let b = &weights.blueprint;
        reserve(&mut self.places, tokens)?;
        reserve(&mut self.x, tokens * b.hidden)?;
        reserve(&mut self.normed, tokens * b.hidden)?;
        let query = b.widest(|l| l.attention.query_width());
        reserve(&mut self.qkv, tokens * b.widest(|l| l.attention.qkv_width()))?;
        reserve(&mut self.attended, tokens * query)?;
        for block in [&mut self.gate, &mut self.up, &mut self.activated] {
            reserve(block, tokens * BLOCK_GROUPS * GROUP_ROWS)?;
        }
        reserve(&mut self.row, longest_row(b))?;
        reserve_angles(&mut self.angles, b, tokens)?;
        self.acts.lay_out(weights, tokens, b.hidden.max(query));
        self.inner.lay_out(weights, tokens, b.widest(|l| l.ffn.widest()));
        self.routing.lay_out(b, tokens)?;
        self.mixing.lay_out(b, tokens)?;
        Ok(())
    }
}

/// The longest row that is normalised: of the residual stream, or a head.
fn longest_row(b: &Blueprint) -> usize {
    b.hidden.max(b.widest(|layer| layer.attention.head_dim))
}

fn reserve_angles(angles: &mut [Angles], b: &Blueprint, tokens: usize) -> Result<(), ModelError> {
    for (angles, rope) in angles.iter_mut().zip(&b.ropes) {
        reserve(&mut angles.cos, tokens * rope.pairs())?;
        reserve(&mut angles.sin, tokens * rope.pairs())?;
    }
    Ok(())
}
