//! A pass of a few tokens: all go through together, and the threads share the rows of each weight.

use std::ops::Range;
use std::sync::Arc;

use super::Decoder;
use super::attention::merge_shares;
use super::heads::{add_rows, embed, norm_rows, turn_rows};
use super::kv::CpuKv;
use super::places::{places, wanted};
use super::rows::{Stage, segments};
use super::weights::Linear;
use super::work::{Task, Work};
use crate::{Batch, ModelError};

impl Decoder {
    /// Some tokens of the batch together, the rows of every weight shared. The rows that logits are
    /// wanted for are appended to those that are kept.
    pub(super) fn pass_rows(
        &mut self,
        batch: &Batch,
        part: Range<usize>,
        kv: &mut CpuKv,
    ) -> Result<(), ModelError> {
        self.embed(batch, &part, kv.tokens_max())?;
        for layer in 0..self.weights.layers.len() {
            self.attention_rows(layer, kv)?;
            self.feed_forward_rows(layer)?;
        }
        let hidden = self.weights.blueprint.hidden;
        let rows = &mut self.rows;
        let wanted = wanted(batch).skip(part.start).take(part.len());
        for (row, _) in rows.x.chunks_exact(hidden).zip(wanted).filter(|(_, wanted)| *wanted) {
            rows.kept.extend_from_slice(row);
        }
        Ok(())
    }

    fn embed(
        &mut self,
        batch: &Batch,
        part: &Range<usize>,
        context: usize,
    ) -> Result<(), ModelError> {
        let b = &self.weights.blueprint;
        let rows = &mut self.rows;
        let queries = sole(&mut rows.queries)?;
        queries.places.clear();
        queries.places.extend(places(batch).skip(part.start).take(part.len()));
        let tokens = queries.places.len();
        rows.x.resize(tokens * b.hidden, 0.0);
        rows.normed.resize(tokens * b.hidden, 0.0);
        for (place, row) in queries.places.iter().zip(rows.x.chunks_exact_mut(b.hidden)) {
            embed(&self.weights, *place, row)?;
        }
        for (angles, rope) in rows.angles.iter_mut().zip(&b.ropes) {
            angles.fit(&queries.places, rope, context);
        }
        Ok(())
    }

    fn attention_rows(&mut self, layer: usize, kv: &mut CpuKv) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let (attention, plan) = (&parts.attention, &parts.plan.attention);
        let rows = &mut self.rows;
        norm_rows(kernels, &rows.x, &parts.attention_norm, b.norm_eps, &mut rows.normed)?;
        let tokens = rows.x.len() / b.hidden;
        let (linears, count) = attention.first();
        let linears = linears.get(..count).unwrap_or(&[]);
        sole(&mut rows.acts)?.set(kernels, linears, &rows.normed, tokens, b.hidden)?;
        self.run_rows(layer, Stage::Project)?;
        if plan.latent.is_some() {
            self.project_latent(layer, parts)?;
        } else {
            let queries = sole(&mut self.rows.queries)?;
            queries.qkv.resize(tokens * plan.qkv_width(), 0.0);
            gather(&self.works, layer, Stage::Project, &mut queries.qkv, plan.qkv_width());
        }
        let rows = &mut self.rows;
        let queries = sole(&mut rows.queries)?;
        queries.layer = layer;
        turn_rows(&weights, parts, &rows.angles, &mut rows.row, &mut queries.qkv)?;
        let mut cache = kv.layer_mut(layer)?;
        for (place, row) in queries.places.iter().zip(queries.qkv.chunks_exact(plan.qkv_width())) {
            let (keys, values) = row.split_at(plan.query_width()).1.split_at(plan.keys_width());
            cache.write(kernels, *place, keys, values)?;
        }
        self.absorb_rows(layer)?;
        let cache = kv.layer(layer)?;
        for work in &mut self.works {
            work.kv = Some(cache.clone());
            work.queries = Some(Arc::clone(&self.rows.queries));
        }
        drop(cache);
        self.run(Task::Heads)?;
        let rows = &mut self.rows;
        rows.attended.resize(tokens * plan.attended_width(), 0.0);
        let (queries, heads) = (&rows.queries, &mut rows.heads);
        merge_shares(&weights, queries, &mut self.works, heads, &mut rows.attended)?;
        self.expand_rows(layer)?;
        let rows = &mut self.rows;
        let (output, width) = (&attention.output, plan.given_width());
        sole(&mut rows.acts)?.set(kernels, &[output], &rows.attended, tokens, width)?;
        self.run_rows(layer, Stage::Output)?;
        let rows = &mut self.rows;
        gather(&self.works, layer, Stage::Output, &mut rows.normed, b.hidden);
        let norm = parts.attention_post_norm.as_deref();
        add_rows(&weights, norm, &rows.normed, &mut rows.row, &mut rows.x)
    }

    pub(super) fn run_rows(&mut self, layer: usize, stage: Stage) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.acts = Some(Arc::clone(&self.rows.acts));
        }
        self.run(Task::Rows(layer, stage))
    }
}

/// Sole access to what the workers read, once they gave it back.
pub(super) fn sole<T>(shared: &mut Arc<T>) -> Result<&mut T, ModelError> {
    Arc::get_mut(shared).ok_or(ModelError::BufferShared)
}

/// Puts every worker's share of a stage where it belongs: (tokens, width).
pub(super) fn gather(
    works: &[Box<Work>],
    layer: usize,
    stage: Stage,
    out: &mut [f32],
    width: usize,
) {
    let Some(work) = works.first() else { return };
    gather_rows(works, work.weights.stage(layer, stage, None), out, width);
}

/// Puts every worker's share of some matrices' rows where it belongs: (tokens, width).
pub(super) fn gather_rows(
    works: &[Box<Work>],
    linears: [Option<&Linear>; 3],
    out: &mut [f32],
    width: usize,
) {
    for work in works {
        let share = || segments(linears, work.index, work.of);
        let stride: usize = share().map(|segment| segment.width).sum();
        let mut column = 0;
        for segment in share() {
            let from = work.out.get(column..).unwrap_or(&[]);
            scatter(from, stride, out, width, segment.column, segment.width);
            column += segment.width;
        }
    }
}

/// Copies `width` columns of every row: from the first columns of rows of `from_stride` to the
/// columns from `column` on of rows of `to_stride`.
fn scatter(
    from: &[f32],
    from_stride: usize,
    to: &mut [f32],
    to_stride: usize,
    column: usize,
    width: usize,
) {
    if width == 0 {
        return;
    }
    for (from, to) in from.chunks(from_stride).zip(to.chunks_exact_mut(to_stride)) {
        if let (Some(from), Some(to)) = (from.get(..width), to.get_mut(column..column + width)) {
            to.copy_from_slice(from);
        }
    }
}
