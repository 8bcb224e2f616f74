//! The gated feed-forward layer (Shazeer 2020): gate and up, activation, and the way back.

use std::sync::Arc;

use pricket_simd::{GROUP_ROWS, Kernels};

use super::Decoder;
use super::experts::mixed;
use super::heads::{add_rows, norm_rows};
use super::row_pass::{gather, sole};
use super::rows::{Segment, Stage, multiply};
use super::space::{Acts, Space};
use super::tile::{self, Onto, add_product, in_blocks};
use super::weights::{DecoderWeights, GatedWeights, LayerWeights};
use super::work::Work;
use crate::blueprint::Gating;
use crate::{Activation, ModelError};

/// What a feed-forward layer makes of gate and up.
fn activate(
    kernels: &Kernels,
    gating: Gating,
    gate: &[f32],
    up: &[f32],
    out: &mut [f32],
) -> Result<(), ModelError> {
    Ok(match gating {
        Gating::Plain(Activation::Silu) => kernels.silu_mul(gate, up, out),
        Gating::Plain(Activation::GeluTanh) => kernels.gelu_mul(gate, up, out),
        Gating::Bounded { alpha, limit } => kernels.bounded_mul(gate, up, [alpha, limit], out),
    }?)
}

/// What stands between the way in and the way back.
pub(super) struct Between<'a> {
    /// What the way back reads.
    pub(super) inner: &'a mut Acts,
    /// Blocks of gate, of up, and of what the activation makes of them.
    pub(super) gate: &'a mut Vec<f32>,
    pub(super) up: &'a mut Vec<f32>,
    pub(super) activated: &'a mut Vec<f32>,
}

/// Gate, up and activation of every row. They are never whole in memory: block after block becomes
/// the activations of the way back.
pub(super) fn way_in(
    weights: &DecoderWeights,
    of: &GatedWeights,
    gating: Gating,
    acts: &Acts,
    between: Between<'_>,
) -> Result<(), ModelError> {
    let (kernels, tokens) = (weights.kernels, acts.of(&of.gate).tokens());
    let Between { inner, gate, up, activated } = between;
    inner.begin(&of.down, tokens, of.gate.rows())?;
    in_blocks(weights, &of.gate, acts, gate, |column, rows, gates| {
        let groups = column / GROUP_ROWS..(column + rows).div_ceil(GROUP_ROWS);
        up.resize(tokens * rows, 0.0);
        activated.resize(tokens * rows, 0.0);
        tile::multiply(weights, &of.up, groups, acts, up, rows)?;
        activate(kernels, gating, gates, up, activated)?;
        inner.set_columns(kernels, &of.down, column, rows, activated)
    })
}

/// A tile through the layer, onto the residual stream.
pub(super) fn feed_forward(
    weights: &DecoderWeights,
    parts: &LayerWeights,
    space: &mut Space,
) -> Result<(), ModelError> {
    let (b, kernels) = (&weights.blueprint, weights.kernels);
    let tokens = space.places.len();
    norm_rows(kernels, &space.x, &parts.ffn_norm, b.norm_eps, &mut space.normed)?;
    if let Some(experts) = &parts.ffn.experts {
        return mixed(weights, parts, experts, space);
    }
    let Some(of) = &parts.ffn.always else { return Ok(()) };
    space.acts.set(kernels, &[&of.gate, &of.up], &space.normed, tokens, b.hidden)?;
    let Space { acts, inner, gate, up, activated, x, normed, row, .. } = space;
    let gating = parts.plan.ffn.gating;
    way_in(weights, of, gating, acts, Between { inner, gate, up, activated })?;
    let onto = Onto { x, norm: parts.ffn_post_norm.as_deref(), given: normed, row };
    add_product(weights, &of.down, inner, gate, onto)
}

impl Decoder {
    /// A few tokens through the layer, onto the residual stream.
    pub(super) fn feed_forward_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let rows = &mut self.rows;
        let tokens = rows.x.len() / b.hidden;
        norm_rows(kernels, &rows.x, &parts.ffn_norm, b.norm_eps, &mut rows.normed)?;
        if parts.ffn.experts.is_some() {
            return self.mix_rows(layer);
        }
        let Some(of) = &parts.ffn.always else { return Ok(()) };
        let width = of.gate.rows();
        let linears = [&of.gate, &of.up];
        sole(&mut rows.acts)?.set(kernels, &linears, &rows.normed, tokens, b.hidden)?;
        self.run_rows(layer, Stage::GateUp)?;
        let rows = &mut self.rows;
        rows.hidden.resize(tokens * width, 0.0);
        gather(&self.works, layer, Stage::GateUp, &mut rows.hidden, width);
        sole(&mut rows.acts)?.set(kernels, &[&of.down], &rows.hidden, tokens, width)?;
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
        (of, gating): (&GatedWeights, Gating),
        gate: Segment<'_>,
        acts: &Acts,
        len: usize,
    ) -> Result<(), ModelError> {
        let (stride, space) = (gate.width, &mut self.space);
        space.gate.resize(len, 0.0);
        space.up.resize(len, 0.0);
        multiply(weights, &gate, acts, &mut space.gate, stride)?;
        let up = Segment { linear: &of.up, ..gate };
        multiply(weights, &up, acts, &mut space.up, stride)?;
        activate(weights.kernels, gating, &space.gate, &space.up, &mut self.out)
    }
}
