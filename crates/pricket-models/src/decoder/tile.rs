//! A tile of tokens through a layer, on one thread and out of its own buffers.

use pricket_simd::{PackedMatrix, matmul};

use super::attention::attend_tile;
use super::space::{Acts, Space, norm_rows, rope_rows};
use super::weights::{DecoderWeights, LayerWeights, Linear};
use super::work::Work;
use crate::ModelError;

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
        multiply(weights, &parts.output, &space.acts, &mut space.normed, b.hidden)?;
        weights.kernels.add_assign(&mut space.x, &space.normed)?;
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
    let mut column = 0;
    for linear in linears {
        let out = space.qkv.get_mut(column..).unwrap_or(&mut []);
        multiply(weights, linear, &space.acts, out, b.qkv_width())?;
        column += linear.rows();
    }
    rope_rows(weights.kernels, b, &mut space.qkv, &space.cos, &space.sin)
}

/// Norm, gate and up, activation, down, residual: `SwiGLU` (Shazeer 2020).
fn feed_forward(
    weights: &DecoderWeights,
    parts: &LayerWeights,
    space: &mut Space,
) -> Result<(), ModelError> {
    let (b, kernels) = (&weights.blueprint, weights.kernels);
    let tokens = space.places.len();
    norm_rows(kernels, &space.x, &parts.ffn_norm, b.norm_eps, &mut space.normed)?;
    space.acts.set(kernels, &[&parts.gate, &parts.up], &space.normed, tokens, b.hidden)?;
    multiply(weights, &parts.gate, &space.acts, &mut space.gate, b.ffn)?;
    multiply(weights, &parts.up, &space.acts, &mut space.up, b.ffn)?;
    kernels.silu_mul(&space.gate, &space.up, &mut space.activated)?;
    space.acts.set(kernels, &[&parts.down], &space.activated, tokens, b.ffn)?;
    multiply(weights, &parts.down, &space.acts, &mut space.normed, b.hidden)?;
    Ok(kernels.add_assign(&mut space.x, &space.normed)?)
}

/// All rows of a projection for every token: `out[token * stride + row]`.
fn multiply(
    weights: &DecoderWeights,
    linear: &Linear,
    acts: &Acts,
    out: &mut [f32],
    stride: usize,
) -> Result<(), ModelError> {
    let weight: &PackedMatrix = &linear.weight;
    matmul(weights.kernels, weight, 0..weight.groups(), acts.of(linear), out, stride)?;
    if let Some(bias) = &linear.bias {
        for row in out.chunks_mut(stride) {
            if let Some(row) = row.get_mut(..bias.len()) {
                weights.kernels.add_assign(row, bias)?;
            }
        }
    }
    Ok(())
}
