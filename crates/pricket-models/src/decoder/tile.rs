//! A tile of tokens through a layer, on one thread and out of its own buffers.

use std::ops::Range;

use pricket_simd::{GROUP_ROWS, matmul};

use super::attention::attend_tile;
use super::ffn::feed_forward;
use super::heads::{add_rows, embed, norm_rows, turn_rows};
use super::space::{Acts, Space};
use super::weights::{DecoderWeights, Linear};
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
        let kv = self.kv.as_deref().ok_or(ModelError::CacheForeign)?;
        let (weights, space) = (&*self.weights, &mut self.space);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let (tokens, width) = (space.places.len(), parts.plan.attention.query_width());
        let output = &parts.attention.output;
        let Space { places, x, normed, acts, qkv, attended, gate, heads, row, .. } = space;
        attended.resize(tokens * width, 0.0);
        attend_tile(weights, &parts.plan.attention, kv, (places, qkv), heads, attended)?;
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
    let attention = &parts.attention;
    let linears = [&attention.query, &attention.key, &attention.value];
    space.acts.set(weights.kernels, &linears, &space.normed, tokens, b.hidden)?;
    let (width, mut first) = (parts.plan.attention.qkv_width(), 0);
    space.qkv.resize(tokens * width, 0.0);
    for linear in linears {
        in_blocks(weights, linear, &space.acts, &mut space.gate, |column, rows, product| {
            for (row, product) in space.qkv.chunks_exact_mut(width).zip(product.chunks_exact(rows))
            {
                let places = first + column..first + column + rows;
                if let Some(places) = row.get_mut(places) {
                    places.copy_from_slice(product);
                }
            }
            Ok(())
        })?;
        first += linear.rows();
    }
    turn_rows(weights, parts, &space.angles, &mut space.row, &mut space.qkv)
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
