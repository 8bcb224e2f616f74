//! A tile of tokens through a layer, on one thread and out of its own buffers.

use std::ops::Range;

use pricket_simd::{GROUP_ROWS, matmul};

use super::attention::attend_tile;
use super::space::{Acts, Space, norm_rows, rope_rows};
use super::weights::{DecoderWeights, LayerWeights, Linear};
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
            weights.embedding.weight.row_into(place.id as usize, row)?;
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
        let b = &weights.blueprint;
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let tokens = space.places.len();
        let (heads, attended) = (&mut space.heads, &mut space.attended);
        attend_tile(weights, kv, &space.places, &space.qkv, heads, attended)?;
        space.acts.set(
            weights.kernels,
            &[&parts.output],
            &space.attended,
            tokens,
            b.query_width(),
        )?;
        add_product(weights, &parts.output, &space.acts, &mut space.gate, &mut space.x)?;
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
    let linears = [&parts.query, &parts.key, &parts.value];
    space.acts.set(weights.kernels, &linears, &space.normed, tokens, b.hidden)?;
    let (width, mut first) = (b.qkv_width(), 0);
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
    rope_rows(weights.kernels, b, &mut space.qkv, &space.cos, &space.sin)
}

/// Norm, gate and up, activation, down, residual: `SwiGLU` (Shazeer 2020). Gate and up are never
/// whole in memory: block after block of them becomes the activations of the way back.
fn feed_forward(
    weights: &DecoderWeights,
    parts: &LayerWeights,
    space: &mut Space,
) -> Result<(), ModelError> {
    let (b, kernels) = (&weights.blueprint, weights.kernels);
    let tokens = space.places.len();
    norm_rows(kernels, &space.x, &parts.ffn_norm, b.norm_eps, &mut space.normed)?;
    space.acts.set(kernels, &[&parts.gate, &parts.up], &space.normed, tokens, b.hidden)?;
    space.inner.begin(&parts.down, tokens, b.ffn)?;
    let (acts, inner) = (&space.acts, &mut space.inner);
    let (ups, activated) = (&mut space.up, &mut space.activated);
    in_blocks(weights, &parts.gate, acts, &mut space.gate, |column, rows, gates| {
        let groups = column / GROUP_ROWS..(column + rows).div_ceil(GROUP_ROWS);
        ups.resize(tokens * rows, 0.0);
        activated.resize(tokens * rows, 0.0);
        multiply(weights, &parts.up, groups, acts, ups, rows)?;
        kernels.silu_mul(gates, ups, activated)?;
        inner.set_columns(kernels, &parts.down, column, rows, activated)
    })?;
    add_product(weights, &parts.down, &space.inner, &mut space.gate, &mut space.x)
}

/// Adds a projection of every token to the residual stream.
fn add_product(
    weights: &DecoderWeights,
    linear: &Linear,
    acts: &Acts,
    space: &mut Vec<f32>,
    x: &mut [f32],
) -> Result<(), ModelError> {
    let (kernels, hidden) = (weights.kernels, weights.blueprint.hidden);
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
fn in_blocks(
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
fn multiply(
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
