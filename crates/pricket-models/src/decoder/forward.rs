//! The pass itself: how a batch is cut up, and who does what between two joins.

use std::sync::Arc;

use super::Decoder;
use super::heads::norm_rows;
use super::kv::CpuKv;
use super::places::{places, wanted};
use super::row_pass::{gather, sole};
use super::rows::{Stage, share};
use super::work::Task;
use crate::{Batch, Logits, ModelError};

/// From how many tokens on a thread gets a tile of its own. Below, the threads would read every
/// weight once each for a few tokens; the kernels' own tile is 16 tokens wide.
const TILE_TOKENS_MIN: usize = 16;

/// The most tokens of a tile: its widest buffer, what the feed-forward layer's way back reads, then
/// is 15 MB of floats or 6 MB of blocks where that layer is 14,336 wide.
pub(super) const TILE_TOKENS_MAX: usize = 256;

/// The most tokens that go together where experts stay on disk: the more, the fewer times each is
/// read. Buffers as wide as the layers are kept for so many.
pub(super) const ON_DISK_TOKENS_MAX: usize = 256;

/// Whether a pass of `tokens` goes by tiles, one for each thread, or by rows.
pub(super) fn in_tiles(tokens: usize, threads: usize) -> bool {
    threads == 1 || tokens >= TILE_TOKENS_MIN * threads
}

/// The most tokens of a thread's tile in a pass of up to `tokens`.
pub(super) fn tile_tokens(tokens: usize, threads: usize) -> usize {
    let tile = 2 * tokens.div_ceil(2 * threads);
    if in_tiles(tokens, threads) { tile.min(tokens).min(TILE_TOKENS_MAX) } else { 0 }
}

/// The most tokens that go by rows in a pass of up to `tokens`.
pub(super) fn row_tokens(tokens: usize, threads: usize) -> usize {
    if threads == 1 { 0 } else { tokens.min(TILE_TOKENS_MIN * threads - 1) }
}

impl Decoder {
    /// Runs a batch that was checked, up to the norm behind the last layer, and keeps the rows that
    /// are wanted. What it adds to the cache counts once the caller commits it.
    pub(super) fn pass(&mut self, batch: &Batch, kv: &mut CpuKv) -> Result<(), ModelError> {
        if self.works.len() != self.pool.threads() {
            // Shares that nobody computes would be missing from the sums without a word.
            return Err(ModelError::BufferShared);
        }
        for work in &mut self.works {
            work.reset();
        }
        self.lay_out(kv)?;
        for entry in batch.entries() {
            kv.touch(entry.sequence.slot(), entry.start, entry.start + entry.len);
        }
        let threads = self.works.len();
        let tokens = batch.tokens().len();
        self.rows.kept.clear();
        if self.shelf.is_some() {
            // Every expert that any of the tokens takes is read once.
            for start in (0..tokens).step_by(ON_DISK_TOKENS_MAX) {
                self.pass_rows(batch, start..tokens.min(start + ON_DISK_TOKENS_MAX), kv)?;
            }
        } else if in_tiles(tokens, threads) {
            let chunk = TILE_TOKENS_MAX * threads;
            for start in (0..tokens).step_by(chunk) {
                self.pass_tiles(batch, start..tokens.min(start + chunk), kv)?;
            }
        } else {
            self.pass_rows(batch, 0..tokens, kv)?;
        }
        let (weights, rows) = (&self.weights, &mut self.rows);
        let (kernels, eps) = (weights.kernels, weights.blueprint.norm_eps);
        rows.normed.resize(rows.kept.len(), 0.0);
        norm_rows(kernels, &rows.kept, &weights.final_norm, eps, &mut rows.normed)
    }

    /// A chunk of the batch, a tile for each thread.
    fn pass_tiles(
        &mut self,
        batch: &Batch,
        chunk: std::ops::Range<usize>,
        kv: &mut CpuKv,
    ) -> Result<(), ModelError> {
        let of = self.works.len();
        for (index, work) in self.works.iter_mut().enumerate() {
            work.space.places.clear();
            for strip in tile_strips(index, of) {
                let part = share(chunk.len(), strip, 2 * of);
                let tile = places(batch).skip(chunk.start + part.start).take(part.len());
                work.space.places.extend(tile);
            }
            work.space.context = kv.tokens_max();
        }
        self.run(Task::TileStart)?;
        for layer in 0..self.weights.layers.len() {
            let (qkv, q, width) = self.widths(layer);
            let mut cache = kv.layer_mut(layer)?;
            for work in &self.works {
                let rows = work.space.qkv.chunks_exact(qkv);
                for (place, row) in work.space.places.iter().zip(rows) {
                    let (keys, values) = row.split_at(q).1.split_at(width);
                    let kernels = self.weights.kernels;
                    cache.write(kernels, *place, keys, values)?;
                }
            }
            let cache = kv.layer(layer)?;
            for work in &mut self.works {
                work.kv = Some(cache.clone());
            }
            drop(cache);
            self.run(Task::TileLayer(layer))?;
        }
        self.keep_wanted(batch, chunk);
        Ok(())
    }

    /// Appends the rows that logits are wanted for to those that are kept.
    fn keep_wanted(&mut self, batch: &Batch, chunk: std::ops::Range<usize>) {
        let hidden = self.weights.blueprint.hidden;
        let of = self.works.len();
        for strip in 0..2 * of {
            let [first, second] = tile_strips(strip.min(2 * of - 1 - strip), of);
            let part = share(chunk.len(), strip, 2 * of);
            let before = if strip == second { share(chunk.len(), first, 2 * of).len() } else { 0 };
            let Some(work) = self.works.get(first) else { continue };
            let rows = work.space.x.chunks_exact(hidden).skip(before);
            let wanted = wanted(batch).skip(chunk.start + part.start).take(part.len());
            for (row, _) in rows.zip(wanted).filter(|(_, wanted)| *wanted) {
                self.rows.kept.extend_from_slice(row);
            }
        }
    }

    /// The logits of every row that was kept.
    pub(super) fn logits(&mut self, logits: &mut Logits) -> Result<(), ModelError> {
        let weights = Arc::clone(&self.weights);
        let (b, kernels) = (&weights.blueprint, weights.kernels);
        let rows = &mut self.rows;
        let tokens = rows.kept.len() / b.hidden;
        let out = logits.reset(tokens, b.vocab);
        if tokens == 0 {
            return Ok(());
        }
        let head = weights.head();
        sole(&mut rows.acts)?.set(kernels, &[head], &rows.normed, tokens, b.hidden)?;
        self.run_rows(0, Stage::Head)?;
        gather(&self.works, 0, Stage::Head, out, b.vocab);
        match b.logit_cap {
            Some(cap) => Ok(kernels.soft_cap(out, cap)?),
            None => Ok(()),
        }
    }

    /// One fork and join.
    pub(super) fn run(&mut self, task: Task) -> Result<(), ModelError> {
        for work in &mut self.works {
            work.task = task;
        }
        let ran = self.pool.run(&mut self.works).map_err(ModelError::from);
        let ran = ran.and_then(|()| {
            let mut results = self.works.iter_mut().map(|work| &mut work.result);
            results.try_for_each(|result| std::mem::replace(result, Ok(())))
        });
        if ran.is_err() {
            // A job that panicked keeps what it read, and the cache could not be released.
            self.works.iter_mut().for_each(|work| work.reset());
        }
        ran
    }

    /// Widths of a layer's row of queries, keys and values: all, queries, keys.
    fn widths(&self, layer: usize) -> (usize, usize, usize) {
        let plan = self.weights.blueprint.layers.get(layer).map(|layer| &layer.attention);
        plan.map_or((1, 0, 0), |plan| (plan.qkv_width(), plan.query_width(), plan.keys_width()))
    }
}

/// Which strips of a chunk make up a thread's tile, of two for each thread: one from the front and
/// one from the back, because later tokens have more to attend to.
fn tile_strips(index: usize, of: usize) -> [usize; 2] {
    [index, 2 * of - 1 - index]
}
