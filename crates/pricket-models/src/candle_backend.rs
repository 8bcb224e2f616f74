//! The second opinion: the same blueprint computed by candle's tensors and candle's quantised
//! matrices, with none of our kernels. It is plain where our own decoder is fast, so that the two
//! are wrong together only where the blueprint is.

mod attention;
mod experts;
mod latent;
mod layer;
mod matrix;

use std::any::Any;
use std::fmt;

use candle_core::{Device, Tensor};

use crate::blueprint::Blueprint;
use crate::decoder::{Parts, load_norm};
use crate::{
    Batch, BatchEntry, CacheSize, CausalLm, KvCache, KvStorage, Logits, LogitsWanted, ModelError,
    ModelSpec, TensorSource,
};
use layer::{Angles, Layer, Projection};
use matrix::{Matrix, rms_norm, soft_cap, vector};

/// A decoder on candle's CPU device.
pub(crate) struct CandleDecoder {
    spec: ModelSpec,
    blueprint: Blueprint,
    /// (vocab, hidden)
    embedding: Tensor,
    layers: Vec<Layer>,
    final_norm: Tensor,
    head: Matrix,
}

impl fmt::Debug for CandleDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleDecoder").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Keys and values of a slot's layers, each (its heads, positions, its width). Of latent attention
/// they are those of every head, so that none is made twice.
type SlotTensors = Vec<Option<(Tensor, Tensor)>>;

#[derive(Debug)]
struct CandleKv {
    slots: Vec<SlotTensors>,
    tokens_max: usize,
}

impl KvStorage for CandleKv {
    fn bytes(&self) -> u64 {
        let tensors = self.slots.iter().flatten().flatten();
        tensors.map(|(keys, values)| 4 * (keys.elem_count() + values.elem_count()) as u64).sum()
    }

    fn release(&mut self, slot: usize) {
        if let Some(layers) = self.slots.get_mut(slot) {
            layers.fill(None);
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl CandleDecoder {
    /// Reads all weights into candle's tensors, as the file stores them or as `floats`. `spec`
    /// gives the names and numbers; the bytes that the weights occupy are counted here.
    pub(crate) fn load(
        source: &dyn TensorSource,
        blueprint: Blueprint,
        mut spec: ModelSpec,
        floats: bool,
    ) -> Result<Self, ModelError> {
        let Parts { embedding, head, layers } = Parts::of(source, &blueprint)?
            .try_map(|stored| Projection::load(source, &stored, floats))?;
        let head = head.unwrap_or_else(|| embedding.clone()).weight;
        let embedding = embedding.weight.dequantized()?;
        let layers = blueprint.layers.iter().enumerate().zip(layers);
        let layers = layers
            .map(|(plan, projections)| Layer::new(source, &blueprint, plan, projections))
            .collect::<Result<Vec<_>, _>>()?;
        let final_norm = blueprint.names.final_norm;
        let final_norm = vector(load_norm(source, &blueprint, final_norm, blueprint.hidden)?)?;
        spec.weight_bytes = 4 * embedding.elem_count() as u64
            + head.bytes()
            + layers.iter().map(Layer::bytes).sum::<u64>();
        spec.kv_bytes_per_token = 4 * blueprint.opened();
        Ok(Self { spec, blueprint, embedding, layers, final_norm, head })
    }

    /// One entry through all layers: the rows of logits that it wants, appended to `out`.
    fn entry(
        &self,
        batch: &Batch,
        entry: BatchEntry,
        kv: &mut CandleKv,
        out: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let b = &self.blueprint;
        let tokens = batch.tokens().get(entry.offset..entry.offset + entry.len).unwrap_or(&[]);
        let ids = Tensor::new(tokens, &Device::Cpu).map_err(candle)?;
        let mut x = self.embedding.index_select(&ids, 0).map_err(candle)?;
        if let Some(scale) = b.embedding_scale {
            x = (x * f64::from(scale)).map_err(candle)?;
        }
        let angles = b.ropes.iter();
        let angles = angles.map(|rope| Angles::new(rope, entry.start, entry.len, kv.tokens_max));
        let angles = angles.collect::<Result<Vec<_>, _>>()?;
        let slot = kv.slots.get_mut(entry.sequence.slot()).ok_or(ModelError::CacheForeign)?;
        for (layer, cache) in self.layers.iter().zip(slot) {
            x = layer.forward(b, &x, &angles, entry.start, cache)?;
        }
        let x = match entry.logits {
            LogitsWanted::None => return Ok(()),
            LogitsWanted::Last => x.narrow(0, entry.len - 1, 1).map_err(candle)?,
            LogitsWanted::All => x,
        };
        let x = rms_norm(&x, &self.final_norm, b.norm_eps)?;
        let rows = soft_cap(&self.head.multiply(&x)?, b.logit_cap).map_err(candle)?;
        let rows = rows.flatten_all().map_err(candle)?;
        out.extend(rows.to_vec1::<f32>().map_err(candle)?);
        Ok(())
    }
}

impl CausalLm for CandleDecoder {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn new_cache_of(&self, size: CacheSize) -> Result<KvCache, ModelError> {
        let slots = vec![vec![None; self.layers.len()]; size.sequences_max];
        KvCache::new(size, Box::new(CandleKv { slots, tokens_max: size.tokens_max }))
    }

    fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        logits: &mut Logits,
    ) -> Result<(), ModelError> {
        cache.prepare(batch, self.blueprint.vocab)?;
        let kv = cache
            .storage_mut()
            .as_any_mut()
            .downcast_mut::<CandleKv>()
            .filter(|kv| kv.slots.iter().all(|slot| slot.len() == self.layers.len()))
            .ok_or(ModelError::CacheForeign)?;
        let mut rows = Vec::with_capacity(batch.logits_rows() * self.blueprint.vocab);
        for entry in batch.entries() {
            self.entry(batch, *entry, kv, &mut rows)?;
        }
        logits.reset(batch.logits_rows(), self.blueprint.vocab).copy_from_slice(&rows);
        cache.commit(batch);
        Ok(())
    }
}

/// A candle error as one of ours.
#[expect(clippy::needless_pass_by_value, reason = "it stands as a function in `map_err`")]
fn candle(error: candle_core::Error) -> ModelError {
    ModelError::Candle(error.to_string())
}
