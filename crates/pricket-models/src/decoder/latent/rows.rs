//! The same for a few tokens: all go through together, and the threads share the heads.

use std::ops::Range;
use std::sync::Arc;

use super::{HeadStage, copy_head, copy_turned};
use crate::ModelError;
use crate::blueprint::{AttentionPlan, Blueprint};
use crate::decoder::Decoder;
use crate::decoder::row_pass::{gather, sole};
use crate::decoder::rows::{Stage, share};
use crate::decoder::weights::{LayerWeights, Projections};
use crate::decoder::work::{Task, Work};

/// The shares of heads of a stage, put where they belong: (tokens, stride), a head's first column
/// `step` behind the one before.
fn gather_heads(
    works: &[Box<Work>],
    heads: usize,
    width: usize,
    out: (&mut [f32], usize),
    step: usize,
) {
    let (out, stride) = out;
    let tokens = out.len() / stride;
    for work in works {
        let own: Range<usize> = share(heads, work.index, work.of);
        for (head, rows) in own.zip(work.out.chunks_exact(tokens * width)) {
            copy_head((rows, width), width, (out, stride), head * step);
        }
    }
}

impl Decoder {
    /// Queries and lines of a few tokens whose rows have been normalised, as they are projected,
    /// into the queries' rows: (tokens, qkv).
    pub(in crate::decoder) fn project_latent(
        &mut self,
        layer: usize,
        parts: &LayerWeights,
    ) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let plan = &parts.plan.attention;
        let Projections::Latent(own) = &parts.attention.projections else { return Ok(()) };
        let tokens = self.rows.x.len() / weights.blueprint.hidden;
        let (qkv, line) = (plan.qkv_width(), plan.keys_width());
        let rows = &mut self.rows;
        sole(&mut rows.queries)?.qkv.resize(tokens * qkv, 0.0);
        let Some((_, norm)) = &own.down else {
            gather(&self.works, layer, Stage::Project, &mut sole(&mut rows.queries)?.qkv, qkv);
            return Ok(());
        };
        let (rank, width) = (norm.len(), norm.len() + line);
        let b = &weights.blueprint;
        let eps = plan.latent.map_or(b.norm_eps, |latent| latent.norm_eps);
        rows.low.resize(tokens * width, 0.0);
        gather(&self.works, layer, Stage::Project, &mut rows.low, width);
        rows.attended.resize(tokens * rank, 0.0);
        let queries = sole(&mut rows.queries)?;
        let firsts = rows.attended.chunks_exact_mut(rank).zip(queries.qkv.chunks_exact_mut(qkv));
        for (row, (first, qkv)) in rows.low.chunks_exact(width).zip(firsts) {
            let (low, line) = row.split_at(rank);
            weights.kernels.rms_norm(low, norm, eps, first)?;
            qkv.split_at_mut(plan.query_width()).1.copy_from_slice(line);
        }
        let acts = sole(&mut rows.acts)?;
        acts.set(weights.kernels, &[&own.query], &rows.attended, tokens, rank)?;
        self.run_rows(layer, Stage::Query)?;
        let queries = sole(&mut self.rows.queries)?;
        gather(&self.works, layer, Stage::Query, &mut queries.qkv, qkv);
        Ok(())
    }

    /// Takes the queries of a few tokens into the latent's space.
    pub(in crate::decoder) fn absorb_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let Some(LayerWeights { plan, .. }) = weights.layers.get(layer) else { return Ok(()) };
        let (plan, Some(latent)) = (&plan.attention, plan.attention.latent) else { return Ok(()) };
        self.run_heads(Task::Absorb(layer))?;
        let queries = sole(&mut self.rows.queries)?;
        let width = plan.meeting_width();
        queries.latent.resize(queries.places.len() * width, 0.0);
        let out = (&mut queries.latent[..], width);
        gather_heads(&self.works, plan.heads, latent.rank, out, latent.line());
        copy_turned(plan, latent, &queries.qkv, &mut queries.latent);
        Ok(())
    }

    /// Takes what a few tokens attended to, `attended`, out of the latent's space, in place.
    pub(in crate::decoder) fn expand_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let Some(LayerWeights { plan, .. }) = weights.layers.get(layer) else { return Ok(()) };
        let (plan, Some(latent)) = (&plan.attention, plan.attention.latent) else { return Ok(()) };
        let rows = &mut self.rows;
        let queries = sole(&mut rows.queries)?;
        let tokens = queries.places.len();
        std::mem::swap(&mut queries.latent, &mut rows.attended);
        self.run_heads(Task::Expand(layer))?;
        let width = plan.given_width();
        self.rows.attended.resize(tokens * width, 0.0);
        let out = (&mut self.rows.attended[..], width);
        gather_heads(&self.works, plan.heads, latent.value, out, latent.value);
        Ok(())
    }

    fn run_heads(&mut self, task: Task) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.queries = Some(Arc::clone(&self.rows.queries));
        }
        self.run(task)
    }
}

impl Work {
    /// A share of the heads of every token, into the latent's space or out of it: head after head,
    /// (tokens, width) each.
    pub(in crate::decoder) fn latent_heads(&mut self, layer: usize) -> Result<(), ModelError> {
        let Some(queries) = self.queries.take() else { return Ok(()) };
        let Some(parts) = self.weights.layers.get(layer) else { return Ok(()) };
        let plan = &parts.plan.attention;
        let (Some(latent), Projections::Latent(own)) = (plan.latent, &parts.attention.projections)
        else {
            return Ok(());
        };
        let stage = match self.task {
            Task::Absorb(_) => HeadStage::absorb(plan, latent, own, &queries.qkv),
            _ => HeadStage::expand(plan, latent, own, &queries.latent),
        };
        let space = &mut self.space.latent;
        self.out.clear();
        for head in share(plan.heads, self.index, self.of) {
            space.multiply(self.weights.kernels, &stage, head)?;
            for row in space.product.chunks_exact(stage.padded) {
                self.out.extend_from_slice(row.get(..stage.width).unwrap_or(&[]));
            }
        }
        Ok(())
    }
}

/// Numbers that a share of `of` of the heads of so many tokens comes to.
pub(crate) fn share_floats(b: &Blueprint, tokens: usize, of: usize) -> usize {
    let width = |plan: &AttentionPlan| {
        let latent = plan.latent.map_or(0, |latent| latent.rank.max(latent.value));
        plan.heads.div_ceil(of.max(1)) * latent
    };
    tokens * b.widest(|layer| width(&layer.attention))
}
