//! Latent attention (DeepSeek-AI 2024): what happens to rows before and after they attend in the
//! latent's space, head by head.

mod rows;

use pricket_simd::{GROUP_ROWS, Kernels, matmul};

use super::attention::{HeadSpace, attend_tile};
use super::heads::{Angles, norm_heads};
use super::kv::KvRead;
use super::space::{Acts, Place};
use super::weights::{DecoderWeights, LatentWeights, LayerWeights, Linear};
use crate::ModelError;
use crate::blueprint::{AttentionPlan, Blueprint, LatentPlan};
use crate::memory::reserve;

pub(super) use rows::share_floats;

/// Tokens of a tile that are taken into the latent's space at once: there they are several times as
/// wide, and two tiles of the kernels read a head's matrix once.
pub(super) const TOKENS_MAX: usize = 32;

/// One thread's buffers.
#[derive(Debug)]
pub(crate) struct LatentSpace {
    acts: Acts,
    /// A head's part of every token's row: (tokens, columns of its matrix).
    columns: Vec<f32>,
    /// What its matrix gives: (tokens, rows of it, those that fill them up included).
    product: Vec<f32>,
    /// The latent that queries come from: (tokens, its rank).
    pub(super) low: Vec<f32>,
    /// Queries in the latent's space: (tokens, heads * line).
    queries: Vec<f32>,
    /// What they attended to: (tokens, heads * rank).
    attended: Vec<f32>,
}

/// Rows of which a head has some columns.
#[derive(Clone, Copy)]
struct Rows<'a> {
    /// (tokens, stride)
    all: &'a [f32],
    stride: usize,
    /// From one head's first column to the next one's.
    head: usize,
}

/// What a stage multiplies each head with.
struct HeadStage<'a> {
    linear: &'a Linear,
    rows: Rows<'a>,
    /// Rows of a head, and of them those that are not there to fill up groups.
    padded: usize,
    width: usize,
}

impl<'a> HeadStage<'a> {
    /// Queries, (tokens, qkv), into the latent's space.
    fn absorb(
        plan: &AttentionPlan,
        latent: LatentPlan,
        weights: &'a LatentWeights,
        qkv: &'a [f32],
    ) -> Self {
        let rows = Rows { all: qkv, stride: plan.qkv_width(), head: plan.head_dim };
        let (linear, padded, width) = (&weights.keys, latent.key_rows(), latent.rank);
        Self { linear, rows, padded, width }
    }

    /// What was attended to, (tokens, heads * rank), out of it.
    fn expand(
        plan: &AttentionPlan,
        latent: LatentPlan,
        weights: &'a LatentWeights,
        attended: &'a [f32],
    ) -> Self {
        let rows = Rows { all: attended, stride: plan.attended_width(), head: latent.rank };
        let (linear, padded, width) = (&weights.values, latent.value_rows(), latent.value);
        Self { linear, rows, padded, width }
    }
}

impl LatentSpace {
    pub(crate) fn new() -> Self {
        Self {
            acts: Acts::empty(),
            columns: Vec::new(),
            product: Vec::new(),
            low: Vec::new(),
            queries: Vec::new(),
            attended: Vec::new(),
        }
    }

    /// Room for a pass by rows of `rows` tokens, and for a tile of `tile`.
    pub(super) fn lay_out(
        &mut self,
        weights: &DecoderWeights,
        rows: usize,
        tile: usize,
    ) -> Result<(), ModelError> {
        let b = &weights.blueprint;
        let of = |width: fn(LatentPlan) -> usize| {
            b.widest(|layer| layer.attention.latent.map_or(0, width))
        };
        let columns = of(|latent| latent.plain.max(latent.rank));
        if columns == 0 {
            return Ok(());
        }
        let part = tile.min(TOKENS_MAX);
        self.acts.lay_out(weights, rows.max(part), columns);
        reserve(&mut self.columns, rows.max(part) * columns)?;
        let product = of(|latent| latent.key_rows().max(latent.value_rows()));
        reserve(&mut self.product, rows.max(part) * product)?;
        reserve(&mut self.low, tile * of(|latent| latent.query_rank.unwrap_or(0)))?;
        reserve(&mut self.queries, part * b.widest(|l| l.attention.meeting_width()))?;
        reserve(&mut self.attended, part * b.widest(|l| l.attention.attended_width()))
    }

    /// One head of every token times its part of a matrix, into `product`.
    fn multiply(
        &mut self,
        kernels: &Kernels,
        stage: &HeadStage<'_>,
        head: usize,
    ) -> Result<(), ModelError> {
        let HeadStage { linear, rows: Rows { all, stride, head: step }, padded, .. } = *stage;
        let cols = linear.weight.cols();
        self.columns.clear();
        for row in all.chunks_exact(stride) {
            let part = row.get(head * step..head * step + cols).unwrap_or(&[]);
            self.columns.extend_from_slice(part);
        }
        let tokens = all.len() / stride;
        self.acts.set(kernels, &[linear], &self.columns, tokens, cols)?;
        self.product.resize(tokens * padded, 0.0);
        let groups = head * padded / GROUP_ROWS..(head + 1) * padded / GROUP_ROWS;
        let acts = self.acts.of(linear);
        Ok(matmul(kernels, &linear.weight, groups, acts, &mut self.product, padded)?)
    }
}

/// Numbers of a tile that stand in the latent's space at once.
pub(super) fn tile_floats(b: &Blueprint) -> usize {
    let width = |plan: &AttentionPlan| plan.meeting_width() + plan.attended_width();
    let of = |plan: &AttentionPlan| plan.latent.map_or(0, |_| width(plan));
    TOKENS_MAX * b.widest(|layer| of(&layer.attention))
}

/// Normalises the latent of every token's line, and turns the parts of queries and lines that tell
/// positions: (tokens, qkv) in place.
pub(super) fn turn_lines(
    weights: &DecoderWeights,
    plan: &AttentionPlan,
    norm: &[f32],
    angles: &[Angles],
    row: &mut Vec<f32>,
    qkv: &mut [f32],
) -> Result<(), ModelError> {
    let Some(latent) = plan.latent else { return Ok(()) };
    let place =
        plan.rope.and_then(|place| Some((weights.blueprint.ropes.get(place)?, angles.get(place)?)));
    for (token, qkv) in qkv.chunks_exact_mut(plan.qkv_width()).enumerate() {
        let (queries, line) = qkv.split_at_mut(plan.query_width());
        let (compressed, key) = line.split_at_mut(latent.rank);
        norm_heads(weights, compressed, (norm, latent.norm_eps), row)?;
        let Some((rope, angles)) = place else { continue };
        let own = token * rope.pairs()..(token + 1) * rope.pairs();
        let cos = angles.cos.get(own.clone()).unwrap_or(&[]);
        let sin = angles.sin.get(own).unwrap_or(&[]);
        let heads = queries.chunks_exact_mut(plan.head_dim);
        for part in heads.map(|head| head.split_at_mut(latent.plain).1).chain([key]) {
            weights.kernels.rope(part, cos, sin, rope.pairing)?;
        }
    }
    Ok(())
}

/// Copies what tells positions of every query beside what was taken into the latent's space:
/// (tokens, qkv) to (tokens, heads * line).
fn copy_turned(plan: &AttentionPlan, latent: LatentPlan, qkv: &[f32], queries: &mut [f32]) {
    let rows = queries.chunks_exact_mut(plan.meeting_width());
    for (from, to) in qkv.chunks_exact(plan.qkv_width()).zip(rows) {
        let heads = from.chunks_exact(plan.head_dim).zip(to.chunks_exact_mut(latent.line()));
        for (from, to) in heads.take(plan.heads) {
            to.split_at_mut(latent.rank).1.copy_from_slice(from.split_at(latent.plain).1);
        }
    }
}

/// Copies a head's rows, (tokens, stride), of which `width` columns count, to where they belong.
fn copy_head(from: (&[f32], usize), width: usize, to: (&mut [f32], usize), column: usize) {
    let (from, from_stride) = from;
    let (to, to_stride) = to;
    for (from, to) in from.chunks_exact(from_stride).zip(to.chunks_exact_mut(to_stride)) {
        if let (Some(from), Some(to)) = (from.get(..width), to.get_mut(column..column + width)) {
            to.copy_from_slice(from);
        }
    }
}

/// Attends with every head of a tile's tokens: (tokens, qkv) to (tokens, heads * value).
pub(super) fn attend_tile_within(
    kernels: &Kernels,
    (layer, own): (&LayerWeights, &LatentWeights),
    kv: &KvRead,
    (places, qkv): (&[Place], &[f32]),
    (space, heads): (&mut LatentSpace, &mut HeadSpace),
    out: &mut [f32],
) -> Result<(), ModelError> {
    let plan = &layer.plan.attention;
    let Some(latent) = plan.latent else { return Ok(()) };
    let (line, given) = (latent.line(), plan.given_width());
    let (meeting, attended) = (plan.meeting_width(), plan.attended_width());
    let parts = qkv.chunks(TOKENS_MAX * plan.qkv_width()).zip(out.chunks_mut(TOKENS_MAX * given));
    for (places, (qkv, out)) in places.chunks(TOKENS_MAX).zip(parts) {
        space.queries.resize(places.len() * meeting, 0.0);
        space.attended.resize(places.len() * attended, 0.0);
        let stage = HeadStage::absorb(plan, latent, own, qkv);
        for head in 0..plan.heads {
            space.multiply(kernels, &stage, head)?;
            let from = (&space.product[..], stage.padded);
            copy_head(from, stage.width, (&mut space.queries, meeting), head * line);
        }
        copy_turned(plan, latent, qkv, &mut space.queries);
        attend_tile(kernels, layer, kv, (places, &space.queries), heads, &mut space.attended)?;
        let rows = std::mem::take(&mut space.attended);
        let stage = HeadStage::expand(plan, latent, own, &rows);
        for head in 0..plan.heads {
            space.multiply(kernels, &stage, head)?;
            let from = (&space.product[..], stage.padded);
            copy_head(from, stage.width, (out, given), head * latent.value);
        }
        space.attended = rows;
    }
    Ok(())
}
