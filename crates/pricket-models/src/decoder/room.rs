//! Room for decoding, laid out before a cache's first pass: a step with a token of each of its
//! sequences then grows no buffer, however many have joined and however deep they are. Nothing is
//! touched, so room that is not used costs no memory.
//!
//! A pass with part of a prompt may grow buffers still: to the longest part seen, and by the keys
//! and values of a sequence that begins.

use pricket_simd::GROUP_ROWS;

use super::Decoder;
use super::attention::decode_room;
use super::forward::{ON_DISK_TOKENS_MAX, row_tokens, tile_tokens};
use super::heads::Angles;
use super::kv::CpuKv;
use super::latent::share_floats;
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
        let (by_rows, tile) = match &self.shelf {
            Some(_) => (room.sequences.min(ON_DISK_TOKENS_MAX), 0),
            None => (row_tokens(room.sequences, threads), tile_tokens(room.sequences, threads)),
        };
        self.rows.lay_out(&self.weights, by_rows, room.sequences)?;
        for work in &mut self.works {
            work.lay_out(by_rows, room)?;
            work.space.lay_out(&self.weights, tile)?;
            work.space.latent.lay_out(&self.weights, by_rows, tile)?;
        }
        self.room = room;
        Ok(())
    }
}

/// The widest vector that a matrix of the decoder multiplies.
fn widest(weights: &DecoderWeights) -> usize {
    let b = &weights.blueprint;
    widest_of_attention(b).max(b.widest(|l| l.ffn.widest()))
}

/// The widest vector that a matrix around attention multiplies.
fn widest_of_attention(b: &Blueprint) -> usize {
    b.hidden.max(b.widest(|l| l.attention.given_width())).max(query_rank(b))
}

/// The width of the latent that queries come from, 0 where they come from none.
fn query_rank(b: &Blueprint) -> usize {
    b.widest(|layer| layer.attention.latent.and_then(|latent| latent.query_rank).unwrap_or(0))
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
        reserve(&mut self.x, tokens * b.hidden)?;
        reserve(&mut self.kept, logits * b.hidden)?;
        reserve(&mut self.normed, logits.max(tokens) * b.hidden)?;
        let meeting = b.widest(|l| l.attention.latent.map_or(0, |_| l.attention.meeting_width()));
        // Where attention is latent, it changes places with what the queries were.
        let attended = b.widest(|l| l.attention.attended_width().max(l.attention.given_width()));
        reserve(&mut self.attended, tokens * attended.max(meeting).max(query_rank(b)))?;
        let line = b.widest(|l| l.attention.latent.map_or(0, |latent| latent.line()));
        reserve(&mut self.low, tokens * (query_rank(b) + line))?;
        reserve(&mut self.hidden, tokens * b.widest(|l| l.ffn.widest()))?;
        self.routing.lay_out(b, tokens)?;
        self.mixing.lay_out(b, tokens)?;
        reserve(&mut self.row, longest_row(b))?;
        reserve_angles(&mut self.angles, b, tokens)?;
        let queries = sole(&mut self.queries)?;
        reserve(&mut queries.places, tokens)?;
        reserve(&mut queries.qkv, tokens * b.widest(|l| l.attention.qkv_width()))?;
        reserve(&mut queries.latent, tokens * attended.max(meeting))?;
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
            Stage::Query,
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
        let latent = share_floats(&self.weights.blueprint, tokens, self.of);
        reserve(&mut self.out, stages.max(logits).max(heads).max(latent))?;
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
        reserve(&mut self.qkv, tokens * b.widest(|l| l.attention.qkv_width()))?;
        reserve(&mut self.attended, tokens * b.widest(|l| l.attention.given_width()))?;
        for block in [&mut self.gate, &mut self.up, &mut self.activated] {
            reserve(block, tokens * BLOCK_GROUPS * GROUP_ROWS)?;
        }
        reserve(&mut self.row, longest_row(b))?;
        reserve_angles(&mut self.angles, b, tokens)?;
        self.acts.lay_out(weights, tokens, widest_of_attention(b));
        self.inner.lay_out(weights, tokens, b.widest(|l| l.ffn.widest()));
        self.routing.lay_out(b, tokens)?;
        self.mixing.lay_out(b, tokens)?;
        Ok(())
    }
}

/// The longest row that is normalised: of the residual stream, a head, or a latent.
fn longest_row(b: &Blueprint) -> usize {
    let latent = b.widest(|layer| layer.attention.latent.map_or(0, |latent| latent.rank));
    b.hidden.max(b.widest(|layer| layer.attention.head_dim)).max(latent).max(query_rank(b))
}

fn reserve_angles(angles: &mut [Angles], b: &Blueprint, tokens: usize) -> Result<(), ModelError> {
    for (angles, rope) in angles.iter_mut().zip(&b.ropes) {
        reserve(&mut angles.cos, tokens * rope.pairs())?;
        reserve(&mut angles.sin, tokens * rope.pairs())?;
    }
    Ok(())
}
