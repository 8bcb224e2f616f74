//! The pass itself: how a batch is cut up, and who does what between two joins.

use std::sync::Arc;

use super::Decoder;
use super::kv::CpuKv;
use super::rows::{Stage, share};
use super::space::{Place, fit_angles, norm_rows, rope_rows};
use super::work::Task;
use crate::{Batch, Logits, LogitsWanted, ModelError};

/// From how many tokens on a thread gets a tile of its own. Below, the threads would read every weight
/// once each for a few tokens; the kernels' own tile is 16 tokens wide.
const TILE_TOKENS_MIN: usize = 16;

/// The most tokens of a tile: its widest buffer (256 rows of a 14,336 wide feed-forward layer) then is
/// 15 MB.
const TILE_TOKENS_MAX: usize = 256;

impl Decoder {
    /// Runs a batch that was checked. What it adds to the cache counts once the caller commits it.
    pub(super) fn pass(
        &mut self,
        batch: &Batch,
        kv: &mut CpuKv,
        logits: &mut Logits,
    ) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.reset();
        }
        for entry in batch.entries() {
            kv.touch(entry.sequence.slot(), entry.start + entry.len);
        }
        let threads = self.pool.threads();
        let tokens = batch.tokens().len();
        self.rows.x.clear();
        if threads == 1 || tokens >= TILE_TOKENS_MIN * threads {
            let chunk = TILE_TOKENS_MAX * threads;
            for start in (0..tokens).step_by(chunk) {
                self.pass_tiles(batch, start..tokens.min(start + chunk), kv)?;
            }
        } else {
            self.pass_rows(batch, kv)?;
        }
        self.logits(logits)
    }

    /// A chunk of the batch, a tile for each thread.
    fn pass_tiles(
        &mut self,
        batch: &Batch,
        chunk: std::ops::Range<usize>,
        kv: &mut CpuKv,
    ) -> Result<(), ModelError> {
        let of = self.works.len();
        let positions = kv.tokens_max();
        for (index, work) in self.works.iter_mut().enumerate() {
            let part = share(chunk.len(), index, of);
            let tile = chunk.start + part.start..chunk.start + part.end;
            work.space.places.clear();
            work.space.places.extend(places(batch).skip(tile.start).take(tile.len()));
            reserve(&mut work.space.scores, positions);
        }
        self.run(|_| Task::TileStart)?;
        for layer in 0..self.weights.layers.len() {
            let (qkv, q, width) = self.widths();
            let cache = kv.layer_mut(layer)?;
            for work in &self.works {
                let rows = work.space.qkv.chunks_exact(qkv);
                for (place, row) in work.space.places.iter().zip(rows) {
                    let (keys, values) = row.split_at(q).1.split_at(width);
                    let kernels = self.weights.kernels;
                    cache.write(kernels, place.slot, place.position, keys, values)?;
                }
            }
            let cache = kv.layer(layer)?;
            for work in &mut self.works {
                work.kv = Some(Arc::clone(&cache));
            }
            drop(cache);
            self.run(|_| Task::TileLayer(layer))?;
        }
        self.keep_wanted(batch, chunk);
        Ok(())
    }

    /// Appends the rows that logits are wanted for to the caller's residual stream.
    fn keep_wanted(&mut self, batch: &Batch, chunk: std::ops::Range<usize>) {
        let hidden = self.weights.blueprint.hidden;
        let rows = self.works.iter().flat_map(|work| work.space.x.chunks_exact(hidden));
        let wanted = wanted(batch).skip(chunk.start).take(chunk.len());
        for (row, _) in rows.zip(wanted).filter(|(_, wanted)| *wanted) {
            self.rows.x.extend_from_slice(row);
        }
    }

    /// The whole batch together, the rows of every weight shared.
    fn pass_rows(&mut self, batch: &Batch, kv: &mut CpuKv) -> Result<(), ModelError> {
        self.embed(batch, kv.tokens_max())?;
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

    fn embed(&mut self, batch: &Batch, positions: usize) -> Result<(), ModelError> {
        let b = &self.weights.blueprint;
        let rows = &mut self.rows;
        let queries = Arc::get_mut(&mut rows.queries).ok_or(ModelError::BufferShared)?;
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
        for work in &mut self.works {
            reserve(&mut work.space.scores, positions);
        }
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
        self.run(|_| Task::Heads)?;
        for work in &self.works {
            let heads = share(b.heads, work.index, work.of);
            let (column, width) = (heads.start * b.head_dim, heads.len() * b.head_dim);
            scatter(&work.out, width, &mut self.rows.attended, b.query_width(), column, width);
        }
        let rows = &mut self.rows;
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

    /// The logits of every row that was kept.
    fn logits(&mut self, logits: &mut Logits) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let rows = &mut self.rows;
        let tokens = rows.x.len() / b.hidden;
        let out = logits.reset(tokens, b.vocab);
        if tokens == 0 {
            return Ok(());
        }
        rows.normed.resize(rows.x.len(), 0.0);
        norm_rows(kernels, &rows.x, &weights.final_norm, b.norm_eps, &mut rows.normed)?;
        let head = weights.head();
        sole(&mut rows.acts)?.set(kernels, &[head], &rows.normed, tokens, b.hidden)?;
        self.run_rows(0, Stage::Head)?;
        gather(&self.works, 0, Stage::Head, out, b.vocab);
        Ok(())
    }

    fn run_rows(&mut self, layer: usize, stage: Stage) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.acts = Some(Arc::clone(&self.rows.acts));
        }
        self.run(|_| Task::Rows(layer, stage))
    }

    /// One fork and join.
    fn run(&mut self, task: impl Fn(usize) -> Task) -> Result<(), ModelError> {
        for (index, work) in self.works.iter_mut().enumerate() {
            work.task = task(index);
        }
        self.pool.run(&mut self.works)?;
        for work in &mut self.works {
            std::mem::replace(&mut work.result, Ok(()))?;
        }
        Ok(())
    }

    /// Widths of a row of queries, keys and values: all, queries, keys.
    fn widths(&self) -> (usize, usize, usize) {
        let b = &self.weights.blueprint;
        (b.qkv_width(), b.query_width(), b.kv_width())
    }
}

/// Sole access to what the workers read, once they gave it back.
fn sole<T>(shared: &mut Arc<T>) -> Result<&mut T, ModelError> {
    Arc::get_mut(shared).ok_or(ModelError::BufferShared)
}

/// Where every token of a batch belongs, in order.
fn places(batch: &Batch) -> impl Iterator<Item = Place> {
    batch.entries().iter().flat_map(move |entry| {
        let tokens = batch.tokens().get(entry.offset..entry.offset + entry.len).unwrap_or(&[]);
        tokens.iter().enumerate().map(move |(index, &id)| Place {
            id,
            slot: entry.sequence.slot(),
            position: entry.start + index,
        })
    })
}

/// Whether logits are wanted for each token of a batch, in order.
fn wanted(batch: &Batch) -> impl Iterator<Item = bool> {
    batch.entries().iter().flat_map(|entry| {
        (0..entry.len).map(move |index| match entry.logits {
            LogitsWanted::None => false,
            LogitsWanted::Last => index + 1 == entry.len,
            LogitsWanted::All => true,
        })
    })
}

/// Makes room for the scores of every position that a sequence may ever have, so that none allocates
/// as it grows.
fn reserve(scores: &mut Vec<f32>, positions: usize) {
    scores.reserve(positions.saturating_sub(scores.len()));
}

/// Puts every worker's share of a stage where it belongs: (tokens, width).
fn gather(works: &[Box<super::Work>], layer: usize, stage: Stage, out: &mut [f32], width: usize) {
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

/// Copies `width` columns of every row: from the first columns of rows of `from_stride` to the columns
/// from `column` on of rows of `to_stride`.
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
