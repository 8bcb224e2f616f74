//! A tile of tokens through a layer, on one thread and out of its own buffers.

use std::ops::Range;

use pricket_simd::{GROUP_ROWS, matmul};

use super::attention::attend_tile;
use super::ffn::feed_forward;
use super::heads::{add_rows, embed, norm_heads, norm_rows, turn_rows};
use super::latent::attend_tile_within;
use super::space::{Acts, Space};
use super::weights::{DecoderWeights, LatentWeights, Linear, Projections};
use super::work::Work;
use crate::ModelError;

/// Groups of rows that are computed together: 96 rows of 256 tokens take 96 KiB, and their columns
/// are whole runs of quantised activations.
pub(super) const BLOCK_GROUPS: usize = 6;

impl Work {
    /// Embeds the tile's tokens and projects them for the first layer's attention.
    pub(super) fn tile_start(&mut self) -> Result<(), ModelError> {
        let (weights, space) = (&*self.weights, &mut self.space);
        space.fit(&weights.blueprint);
        if space.places.is_empty() {
            return Ok(());
        }
        let hidden = weights.blueprint.hidden;
        for (place, row) in space.places.iter().zip(space.x.chunks_exact_mut(hidden)) {
            embed(weights, *place, row)?;
        }
        project(weights, 0, space)
    }

    /// Takes the tile from a layer's attention to the next layer's projections.
    pub(super) fn tile_layer(&mut self, layer: usize) -> Result<(), ModelError> {
        if self.space.places.is_empty() {
            return Ok(());
        }
        let kv = self.kv.as_ref().ok_or(ModelError::CacheForeign)?;
        let (weights, space) = (&*self.weights, &mut self.space);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let plan = &parts.plan.attention;
        let (tokens, width) = (space.places.len(), plan.given_width());
        let output = &parts.attention.output;
        let Space { places, x, normed, acts, qkv, attended, gate, heads, latent, row, .. } = space;
        attended.resize(tokens * width, 0.0);
        let rows = (&places[..], &qkv[..]);
        match &parts.attention.projections {
            Projections::Grouped(_) => {
                attend_tile(weights.kernels, parts, kv, rows, heads, attended)?;
            }
            Projections::Latent(own) => {
                let spaces = (latent, heads);
                attend_tile_within(weights.kernels, (parts, own), kv, rows, spaces, attended)?;
            }
        }
        acts.set(weights.kernels, &[output], attended, tokens, width)?;
        let onto = Onto { x, norm: parts.attention_post_norm.as_deref(), given: normed, row };
        add_product(weights, output, acts, gate, onto)?;
        feed_forward(weights, parts, space)?;
        if layer + 1 < weights.layers.len() { project(weights, layer + 1, space) } else { Ok(()) }
    }
}

/// Norm, queries, keys and values, rope.
fn project(weights: &DecoderWeights, layer: usize, space: &mut Space) -> Result<(), ModelError> {
    let b = &weights.blueprint;
    let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
    let tokens = space.places.len();
    norm_rows(weights.kernels, &space.x, &parts.attention_norm, b.norm_eps, &mut space.normed)?;
    let (linears, count) = parts.attention.first();
    let linears = linears.get(..count).unwrap_or(&[]);
    let plan = &parts.plan.attention;
    let Space { normed, acts, gate, qkv, latent, row, angles, .. } = space;
    acts.set(weights.kernels, linears, normed, tokens, b.hidden)?;
    let width = plan.qkv_width();
    qkv.resize(tokens * width, 0.0);
    if let Projections::Latent(LatentWeights { down: Some((down, norm)), query, line, .. }) =
        &parts.attention.projections
    {
        let (low, rank) = (&mut latent.low, norm.len());
        let eps = plan.latent.map_or(b.norm_eps, |latent| latent.norm_eps);
        low.resize(tokens * rank, 0.0);
        into_columns(weights, down, acts, gate, (low, rank, 0))?;
        into_columns(weights, line, acts, gate, (qkv, width, plan.query_width()))?;
        norm_heads(weights, low, (norm, eps), row)?;
        acts.set(weights.kernels, &[query], low, tokens, rank)?;
        into_columns(weights, query, acts, gate, (qkv, width, 0))?;
    } else {
        let mut first = 0;
        for linear in linears {
            into_columns(weights, linear, acts, gate, (qkv, width, first))?;
            first += linear.rows();
        }
    }
    turn_rows(weights, parts, angles, row, qkv)
}

/// Writes a projection of every token into the columns from `first` on of rows of `stride`.
fn into_columns(
    weights: &DecoderWeights,
    linear: &Linear,
    acts: &Acts,
    space: &mut Vec<f32>,
    (out, stride, first): (&mut [f32], usize, usize),
) -> Result<(), ModelError> {
    in_blocks(weights, linear, acts, space, |column, rows, product| {
        for (row, product) in out.chunks_exact_mut(stride).zip(product.chunks_exact(rows)) {
            if let Some(places) = row.get_mut(first + column..first + column + rows) {
                places.copy_from_slice(product);
            }
        }
        Ok(())
    })
}

/// The residual stream, and how a product gets onto it.
pub(super) struct Onto<'a> {
    /// (tokens, hidden)
    pub(super) x: &'a mut [f32],
    /// The norm behind the product, where there is one.
    pub(super) norm: Option<&'a [f32]>,
    /// Where a whole product stands that is to be normalised: (tokens, hidden).
    pub(super) given: &'a mut [f32],
    pub(super) row: &'a mut Vec<f32>,
}

/// Adds a projection of every token to the residual stream.
pub(super) fn add_product(
    weights: &DecoderWeights,
    linear: &Linear,
    acts: &Acts,
    space: &mut Vec<f32>,
    onto: Onto<'_>,
) -> Result<(), ModelError> {
    let (kernels, hidden) = (weights.kernels, weights.blueprint.hidden);
    let Onto { x, norm, given, row } = onto;
    if norm.is_some() {
        // A norm needs all of a row.
        in_blocks(weights, linear, acts, space, |column, rows, product| {
            for (row, product) in given.chunks_exact_mut(hidden).zip(product.chunks_exact(rows)) {
                if let Some(places) = row.get_mut(column..column + rows) {
                    places.copy_from_slice(product);
                }
            }
            Ok(())
        })?;
        return add_rows(weights, norm, given, row, x);
    }
    in_blocks(weights, linear, acts, space, |column, rows, product| {
        for (row, product) in x.chunks_exact_mut(hidden).zip(product.chunks_exact(rows)) {
            if let Some(places) = row.get_mut(column..column + rows) {
                kernels.add_assign(places, product)?;
            }
        }
        Ok(())
    })
}

/// Computes a projection of every token by blocks of rows, and hands each on while it is in the
/// cache: its first row, how many rows, and (tokens, rows) values. A whole product would be larger
/// than a cache, and its lines would lie a row apart.
pub(super) fn in_blocks(
    weights: &DecoderWeights,
    linear: &Linear,
    acts: &Acts,
    space: &mut Vec<f32>,
    mut take: impl FnMut(usize, usize, &[f32]) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let tokens = acts.of(linear).tokens();
    let groups = linear.weight.groups();
    for start in (0..groups).step_by(BLOCK_GROUPS) {
        let block = start..groups.min(start + BLOCK_GROUPS);
        let column = start * GROUP_ROWS;
        let rows = linear.rows().min(block.end * GROUP_ROWS) - column;
        space.resize(tokens * rows, 0.0);
        multiply(weights, linear, block, acts, space, rows)?;
        take(column, rows, space)?;
    }
    Ok(())
}

/// Some groups of rows of a projection for every token: (tokens, rows).
pub(super) fn multiply(
    weights: &DecoderWeights,
    linear: &Linear,
    groups: Range<usize>,
    acts: &Acts,
    out: &mut [f32],
    rows: usize,
) -> Result<(), ModelError> {
    let first = groups.start * GROUP_ROWS;
    matmul(weights.kernels, &linear.weight, groups, acts.of(linear), out, rows)?;
    if let Some(bias) = &linear.bias {
        let bias = bias.get(first..first + rows).unwrap_or(&[]);
        for row in out.chunks_exact_mut(rows) {
            weights.kernels.add_assign(row, bias)?;
        }
    }
    Ok(())
}
