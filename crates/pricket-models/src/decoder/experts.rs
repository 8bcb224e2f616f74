//! A mixture of experts: the rows of each expert are put together and go through it at once, and
//! what it gives is added to each of them by its weight, expert after expert in rising order. So
//! the bits of a row do not depend on which other rows there are.

use std::sync::Arc;

use super::Decoder;
use super::ffn::{Between, way_in};
use super::heads::add_rows;
use super::routing::{Routing, Taken, sigmoid};
use super::row_pass::{gather, gather_rows, sole};
use super::rows::Stage;
use super::space::Space;
use super::tile::{in_blocks, multiply};
use super::weights::{DecoderWeights, ExpertsWeights, GatedWeights, LayerWeights};
use crate::ModelError;
use crate::blueprint::Blueprint;
use crate::memory::reserve;

/// A tile, normalised, through its experts and the shared ones, onto the residual stream.
pub(super) fn mixed(
    weights: &DecoderWeights,
    parts: &LayerWeights,
    experts: &ExpertsWeights,
    space: &mut Space,
) -> Result<(), ModelError> {
    let (kernels, hidden) = (weights.kernels, weights.blueprint.hidden);
    let Some(plan) = &parts.plan.ffn.experts else { return Ok(()) };
    let tokens = space.places.len();
    let Space { x, normed, acts, inner, gate, up, activated, row, routing, .. } = space;
    let Mixing { gathered, sum, .. } = &mut space.mixing;
    let gating = parts.plan.ffn.gating;
    let router = &experts.router;
    acts.set(kernels, &[router], normed, tokens, hidden)?;
    routing.logits.resize(tokens * plan.count, 0.0);
    multiply(weights, router, 0..router.weight.groups(), acts, &mut routing.logits, plan.count)?;
    routing.choose(kernels, plan, experts.selection_bias.as_deref());
    sum.clear();
    sum.resize(tokens * hidden, 0.0);
    for (expert, of) in experts.each.iter().enumerate() {
        let taken = routing.rows(expert);
        if taken.is_empty() {
            continue;
        }
        pick(normed, taken, hidden, gathered);
        acts.set(kernels, &[&of.gate, &of.up], gathered, taken.len(), hidden)?;
        way_in(weights, of, gating, acts, Between { inner, gate, up, activated })?;
        in_blocks(weights, &of.down, inner, gate, |column, width, product| {
            for (taken, product) in taken.iter().zip(product.chunks_exact(width)) {
                let first = taken.token * hidden + column;
                if let Some(sum) = sum.get_mut(first..first + width) {
                    kernels.axpy(sum, taken.weight, product)?;
                }
            }
            Ok(())
        })?;
    }
    if let Some(of) = &parts.ffn.always {
        scale_shared(weights, experts, normed, routing)?;
        acts.set(kernels, &[&of.gate, &of.up], normed, tokens, hidden)?;
        way_in(weights, of, gating, acts, Between { inner, gate, up, activated })?;
        in_blocks(weights, &of.down, inner, gate, |column, width, product| {
            let rows = sum.chunks_exact_mut(hidden).zip(product.chunks_exact(width));
            for ((sum, product), scale) in rows.zip(&routing.shared) {
                if let Some(sum) = sum.get_mut(column..column + width) {
                    kernels.axpy(sum, *scale, product)?;
                }
            }
            Ok(())
        })?;
    }
    add_rows(weights, parts.ffn_post_norm.as_deref(), sum, row, x)
}

/// Buffers of a mixture.
#[derive(Debug, Default)]
pub(crate) struct Mixing {
    /// The rows of one expert: (rows, hidden).
    pub(super) gathered: Vec<f32>,
    /// What an expert gives, where it is whole: (rows, hidden).
    pub(super) product: Vec<f32>,
    /// What all of them give: (tokens, hidden).
    pub(super) sum: Vec<f32>,
}

impl Mixing {
    /// Makes room for `tokens` tokens, where any layer has experts.
    pub(super) fn lay_out(&mut self, b: &Blueprint, tokens: usize) -> Result<(), ModelError> {
        if b.layers.iter().all(|layer| layer.ffn.experts.is_none()) {
            return Ok(());
        }
        let buffers = [&mut self.gathered, &mut self.product, &mut self.sum];
        buffers.into_iter().try_for_each(|buffer| reserve(buffer, tokens * b.hidden))
    }
}

/// Puts the rows of an expert together.
fn pick(rows: &[f32], taken: &[Taken], hidden: usize, gathered: &mut Vec<f32>) {
    gathered.clear();
    for taken in taken {
        let row = rows.get(taken.token * hidden..(taken.token + 1) * hidden);
        gathered.extend_from_slice(row.unwrap_or_default());
    }
}

/// Computes what each row's shared experts are multiplied with.
fn scale_shared(
    weights: &DecoderWeights,
    experts: &ExpertsWeights,
    normed: &[f32],
    routing: &mut Routing,
) -> Result<(), ModelError> {
    routing.shared.clear();
    for row in normed.chunks_exact(weights.blueprint.hidden) {
        let scale = match &experts.shared_scale {
            Some(vector) => sigmoid(weights.kernels.dot(row, vector)?),
            None => 1.0,
        };
        routing.shared.push(scale);
    }
    Ok(())
}

impl Decoder {
    /// A few tokens, normalised, through their experts and the shared ones, onto the residual
    /// stream. The threads share the rows of one expert after the other.
    pub(super) fn mix_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (kernels, hidden) = (weights.kernels, weights.blueprint.hidden);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let Some(experts) = &parts.ffn.experts else { return Ok(()) };
        let Some(plan) = &parts.plan.ffn.experts else { return Ok(()) };
        let rows = &mut self.rows;
        let tokens = rows.x.len() / hidden;
        sole(&mut rows.acts)?.set(kernels, &[&experts.router], &rows.normed, tokens, hidden)?;
        self.run_rows(layer, Stage::Router)?;
        let rows = &mut self.rows;
        rows.routing.logits.resize(tokens * plan.count, 0.0);
        gather(&self.works, layer, Stage::Router, &mut rows.routing.logits, plan.count);
        rows.routing.choose(kernels, plan, experts.selection_bias.as_deref());
        rows.mixing.sum.clear();
        rows.mixing.sum.resize(tokens * hidden, 0.0);
        let mut first = 0;
        while first < plan.count {
            let end = self.bring(layer, first, plan.count)?;
            for expert in first..end {
                if self.rows.routing.rows(expert).is_empty() {
                    continue;
                }
                let held = self.shelf.as_ref().and_then(|shelf| shelf.held(layer, expert));
                let of = experts.each.get(expert).or(held).ok_or(ModelError::ShareIncomplete)?;
                self.expert_rows(layer, expert, &Arc::clone(of))?;
            }
            first = end;
        }
        if let Some(of) = &parts.ffn.always {
            let rows = &mut self.rows;
            scale_shared(&weights, experts, &rows.normed, &mut rows.routing)?;
            let linears = [&of.gate, &of.up];
            sole(&mut rows.acts)?.set(kernels, &linears, &rows.normed, tokens, hidden)?;
            self.run_rows(layer, Stage::GateUp)?;
            let (rows, width) = (&mut self.rows, of.gate.rows());
            rows.hidden.resize(tokens * width, 0.0);
            gather(&self.works, layer, Stage::GateUp, &mut rows.hidden, width);
            sole(&mut rows.acts)?.set(kernels, &[&of.down], &rows.hidden, tokens, width)?;
            self.run_rows(layer, Stage::Down)?;
            let rows = &mut self.rows;
            let Mixing { product, sum, .. } = &mut rows.mixing;
            product.resize(tokens * hidden, 0.0);
            gather(&self.works, layer, Stage::Down, product, hidden);
            let products = sum.chunks_exact_mut(hidden).zip(product.chunks_exact(hidden));
            for ((sum, product), scale) in products.zip(&rows.routing.shared) {
                kernels.axpy(sum, *scale, product)?;
            }
        }
        let rows = &mut self.rows;
        let norm = parts.ffn_post_norm.as_deref();
        add_rows(&weights, norm, &rows.mixing.sum, &mut rows.row, &mut rows.x)
    }

    /// The rows of an expert through it, onto the sum.
    fn expert_rows(
        &mut self,
        layer: usize,
        expert: usize,
        of: &Arc<GatedWeights>,
    ) -> Result<(), ModelError> {
        let (kernels, hidden) = (self.weights.kernels, self.weights.blueprint.hidden);
        let rows = &mut self.rows;
        let taken = rows.routing.rows(expert).len();
        pick(&rows.normed, rows.routing.rows(expert), hidden, &mut rows.mixing.gathered);
        let (linears, gathered) = ([&of.gate, &of.up], &rows.mixing.gathered);
        sole(&mut rows.acts)?.set(kernels, &linears, gathered, taken, hidden)?;
        self.run_expert(layer, Stage::ExpertGateUp, of)?;
        let (rows, width) = (&mut self.rows, of.gate.rows());
        rows.hidden.resize(taken * width, 0.0);
        gather_rows(&self.works, [Some(&of.gate), None, None], &mut rows.hidden, width);
        sole(&mut rows.acts)?.set(kernels, &[&of.down], &rows.hidden, taken, width)?;
        self.run_expert(layer, Stage::ExpertDown, of)?;
        let rows = &mut self.rows;
        let Mixing { product, sum, .. } = &mut rows.mixing;
        product.resize(taken * hidden, 0.0);
        gather_rows(&self.works, [Some(&of.down), None, None], product, hidden);
        for (taken, product) in rows.routing.rows(expert).iter().zip(product.chunks_exact(hidden)) {
            let first = taken.token * hidden;
            if let Some(sum) = sum.get_mut(first..first + hidden) {
                kernels.axpy(sum, taken.weight, product)?;
            }
        }
        Ok(())
    }

    fn run_expert(
        &mut self,
        layer: usize,
        stage: Stage,
        of: &Arc<GatedWeights>,
    ) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.expert = Some(Arc::clone(of));
        }
        self.run_rows(layer, stage)
    }
}
