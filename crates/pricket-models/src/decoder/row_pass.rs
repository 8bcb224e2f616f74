//! A pass of a few tokens: all go through together, and the threads share the rows of each weight.

use std::sync::Arc;

use super::Decoder;
use super::attention::merge_shares;
use super::kv::CpuKv;
use super::places::{places, wanted};
use super::rows::Stage;
use super::space::{fit_angles, norm_rows, rope_rows};
use super::work::{Task, Work};
use crate::{Batch, ModelError};

impl Decoder {
    /// The whole batch together, the rows of every weight shared.
    pub(super) fn pass_rows(&mut self, batch: &Batch, kv: &mut CpuKv) -> Result<(), ModelError> {
        self.embed(batch)?;
        for layer in 0..self.weights.layers.len() {
            self.attention_rows(layer, kv)?;
            self.feed_forward_rows(layer)?;
        }
        let hidden = self.weights.blueprint.hidden;
        let mut kept = 0;
        for (index, _) in wanted(batch).enumerate().filter(|(_, wanted)| *wanted) {
            self.rows.x.copy_within(index * hidden..(index + 1) * hidden, kept * hidden);
            kept += 1;
        }
        self.rows.x.truncate(kept * hidden);
        Ok(())
    }

    fn embed(&mut self, batch: &Batch) -> Result<(), ModelError> {
        let b = &self.weights.blueprint;
        let rows = &mut self.rows;
        let queries = sole(&mut rows.queries)?;
        queries.places.clear();
        queries.places.extend(places(batch));
        let tokens = queries.places.len();
        queries.qkv.resize(tokens * b.qkv_width(), 0.0);
        rows.x.resize(tokens * b.hidden, 0.0);
        rows.normed.resize(tokens * b.hidden, 0.0);
        rows.attended.resize(tokens * b.query_width(), 0.0);
        rows.hidden.resize(tokens * b.ffn, 0.0);
        for (place, row) in queries.places.iter().zip(rows.x.chunks_exact_mut(b.hidden)) {
            self.weights.embedding.weight.row_into(place.id as usize, row)?;
        }
        fit_angles(&queries.places, b, b.head_dim / 2, &mut rows.cos, &mut rows.sin);
        Ok(())
    }

    fn attention_rows(&mut self, layer: usize, kv: &mut CpuKv) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let rows = &mut self.rows;
        norm_rows(kernels, &rows.x, &parts.attention_norm, b.norm_eps, &mut rows.normed)?;
        let tokens = rows.x.len() / b.hidden;
        sole(&mut rows.acts)?.set(
            kernels,
            &[&parts.query, &parts.key, &parts.value],
            &rows.normed,
            tokens,
            b.hidden,
        )?;
        self.run_rows(layer, Stage::Project)?;
        let rows = &mut self.rows;
        let queries = sole(&mut rows.queries)?;
        gather(&self.works, layer, Stage::Project, &mut queries.qkv, b.qkv_width());
        rope_rows(kernels, b, &mut queries.qkv, &rows.cos, &rows.sin)?;
        let cache = kv.layer_mut(layer)?;
        for (place, row) in queries.places.iter().zip(queries.qkv.chunks_exact(b.qkv_width())) {
            let (keys, values) = row.split_at(b.query_width()).1.split_at(b.kv_width());
            cache.write(kernels, place.slot, place.position, keys, values)?;
        }
        let cache = kv.layer(layer)?;
        for work in &mut self.works {
            work.kv = Some(Arc::clone(&cache));
            work.queries = Some(Arc::clone(&self.rows.queries));
        }
        drop(cache);
        self.run(Task::Heads)?;
        let rows = &mut self.rows;
        let (places, heads) = (&rows.queries.places, &mut rows.heads);
        merge_shares(&weights, places, &mut self.works, heads, &mut rows.attended)?;
        sole(&mut rows.acts)?.set(
            kernels,
            &[&parts.output],
            &rows.attended,
            tokens,
            b.query_width(),
        )?;
        self.run_rows(layer, Stage::Output)?;
        gather(&self.works, layer, Stage::Output, &mut self.rows.normed, b.hidden);
        Ok(kernels.add_assign(&mut self.rows.x, &self.rows.normed)?)
    }

    fn feed_forward_rows(&mut self, layer: usize) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let Some(parts) = weights.layers.get(layer) else { return Ok(()) };
        let rows = &mut self.rows;
        let tokens = rows.x.len() / b.hidden;
        norm_rows(kernels, &rows.x, &parts.ffn_norm, b.norm_eps, &mut rows.normed)?;
        let linears = [&parts.gate, &parts.up];
        sole(&mut rows.acts)?.set(kernels, &linears, &rows.normed, tokens, b.hidden)?;
        self.run_rows(layer, Stage::GateUp)?;
        let rows = &mut self.rows;
        gather(&self.works, layer, Stage::GateUp, &mut rows.hidden, b.ffn);
        sole(&mut rows.acts)?.set(kernels, &[&parts.down], &rows.hidden, tokens, b.ffn)?;
        self.run_rows(layer, Stage::Down)?;
        gather(&self.works, layer, Stage::Down, &mut self.rows.normed, b.hidden);
        Ok(kernels.add_assign(&mut self.rows.x, &self.rows.normed)?)
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
    for work in works {
        let segments = || work.weights.segments(layer, stage, work.index, work.of);
        let stride: usize = segments().map(|segment| segment.width).sum();
        let mut column = 0;
        for segment in segments() {
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
