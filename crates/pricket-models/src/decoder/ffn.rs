//! The gated feed-forward layer (Shazeer 2020): gate and up, activation, and the way back.

use std::sync::Arc;

use pricket_simd::{GROUP_ROWS, Kernels};

use super::Decoder;
use super::heads::{add_rows, norm_rows};
use super::row_pass::{gather, sole};
use super::rows::{Segment, Stage, multiply};
use super::space::{Acts, Space};
use super::tile::{self, Onto, add_product, in_blocks};
use super::weights::{DecoderWeights, LayerWeights};
use super::work::Work;
use crate::{Activation, ModelError};

/// `activation(gate) * up`.
fn activate(
    kernels: &Kernels,
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    out: &mut [f32],
) -> Result<(), ModelError> {
    Ok(match activation {
        Activation::Silu => kernels.silu_mul(gate, up, out),
        Activation::GeluTanh => kernels.gelu_mul(gate, up, out),
    }?)
}

/// A tile through the layer, onto the residual stream. Gate and up are never whole in memory: block
/// after block of them becomes the activations of the way back.
pub(super) fn feed_forward(
    weights: &DecoderWeights,
    parts: &LayerWeights,
    space: &mut Space,
) -> Result<(), ModelError> {
    let (b, kernels) = (&weights.blueprint, weights.kernels);
    let (ffn, plan) = (&parts.ffn, &parts.plan.ffn);
    let tokens = space.places.len();
    norm_rows(kernels, &space.x, &parts.ffn_norm, b.norm_eps, &mut space.normed)?;
    space.acts.set(kernels, &[&ffn.gate, &ffn.up], &space.normed, tokens, b.hidden)?;
    space.inner.begin(&ffn.down, tokens, plan.width)?;
    let (acts, inner) = (&space.acts, &mut space.inner);
    let (ups, activated) = (&mut space.up, &mut space.activated);
    in_blocks(weights, &ffn.gate, acts, &mut space.gate, |column, rows, gates| {
        let groups = column / GROUP_ROWS..(column + rows).div_ceil(GROUP_ROWS);
        ups.resize(tokens * rows, 0.0);
        activated.resize(tokens * rows, 0.0);
        tile::multiply(weights, &ffn.up, groups, acts, ups, rows)?;
        activate(kernels, plan.activation, gates, ups, activated)?;
        inner.set_columns(kernels, &ffn.down, column, rows, activated)
    })?;
    let Space { inner, gate, x, normed, row, .. } = space;
    let onto = Onto { x, norm: parts.ffn_post_norm.as_deref(), given: normed, row };
    add_product(weights, &ffn.down, inner, gate, onto)
}

impl Decoder {
    /// A few tokens through the layer, onto the residual stream.
    pub(super) fn feed_forward_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let (ffn, width) = (&parts.ffn, parts.plan.ffn.width);
        let rows = &mut self.rows;
        let tokens = rows.x.len() / b.hidden;
        norm_rows(kernels, &rows.x, &parts.ffn_norm, b.norm_eps, &mut rows.normed)?;
        let linears = [&ffn.gate, &ffn.up];
        sole(&mut rows.acts)?.set(kernels, &linears, &rows.normed, tokens, b.hidden)?;
        self.run_rows(layer, Stage::GateUp)?;
        let rows = &mut self.rows;
        rows.hidden.resize(tokens * width, 0.0);
        gather(&self.works, layer, Stage::GateUp, &mut rows.hidden, width);
        sole(&mut rows.acts)?.set(kernels, &[&ffn.down], &rows.hidden, tokens, width)?;
        self.run_rows(layer, Stage::Down)?;
        let rows = &mut self.rows;
        gather(&self.works, layer, Stage::Down, &mut rows.normed, b.hidden);
        let norm = parts.ffn_post_norm.as_deref();
        add_rows(&weights, norm, &rows.normed, &mut rows.row, &mut rows.x)
    }
}

impl Work {
    /// A share of gate, the same share of up, and the activation of the two.
    pub(super) fn gate_up(
        &mut self,
        weights: &DecoderWeights,
        layer: usize,
        gate: Segment<'_>,
        acts: &Acts,
        len: usize,
    ) -> Result<(), ModelError> {
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let (stride, space) = (gate.width, &mut self.space);
        space.gate.resize(len, 0.0);
        space.up.resize(len, 0.0);
        multiply(weights, &gate, acts, &mut space.gate, stride)?;
        let up = Segment { linear: &parts.ffn.up, ..gate };
        multiply(weights, &up, acts, &mut space.up, stride)?;
        let activation = parts.plan.ffn.activation;
        activate(weights.kernels, activation, &space.gate, &space.up, &mut self.out)
    }
}
