//! Our own forward pass: a decoder assembled from parts, over packed weights and preallocated
//! buffers, on a pool of our own threads.
//!
//! Two ways through a layer give the same bits. A prompt is cut into tiles of tokens, and each
//! thread takes its tile through a whole layer (`tile`), meeting the others only where attention
//! needs everybody's keys and values. A few tokens, one of each running sequence, go through
//! together, and the threads share the rows of each weight (`rows`), so that every weight is read
//! once.

mod assembly;
mod attention;
mod coming;
mod experts;
mod ffn;
mod forward;
mod heads;
mod kv;
mod latent;
mod loading;
mod need;
mod places;
mod plan;
mod room;
mod row_pass;
mod routing;
mod rows;
mod shelf;
mod space;
mod tile;
mod weights;
mod work;

use std::fmt;
use std::sync::Arc;

use pricket_simd::{Kernels, Pool};

use crate::{Batch, CacheSize, CausalLm, KvCache, Logits, ModelError, ModelSpec};

pub(crate) use assembly::load_vector;
#[cfg(feature = "candle")]
pub(crate) use assembly::{load_bias, load_norm, load_row};
pub use kv::KvFormat;
pub(crate) use loading::load_weights;
pub(crate) use need::Need;
pub(crate) use plan::{Parts, Stored};
pub(crate) use shelf::{ExpertsNeed, Shelf, ShelfPlan};
pub(crate) use weights::DecoderWeights;

use kv::CpuKv;
use room::Room;
use rows::RowBuffers;
use work::Work;

/// A decoder on the CPU.
pub(crate) struct Decoder {
    spec: ModelSpec,
    weights: Arc<DecoderWeights>,
    kv_format: KvFormat,
    pool: Pool<Box<Work>>,
    /// One for each thread of the pool. Boxed, because a job travels by value, and a pointer
    /// travels faster than its buffers' headers.
    #[expect(clippy::vec_box, reason = "what moves to a worker and back is the pointer")]
    works: Vec<Box<Work>>,
    rows: RowBuffers,
    /// What the buffers were laid out for.
    room: Room,
    /// The experts, where they stay on disk.
    shelf: Option<Shelf>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("spec", &self.spec)
            .field("threads", &self.pool.threads())
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder over loaded weights, on `threads` threads.
    pub(crate) fn new(
        weights: DecoderWeights,
        spec: ModelSpec,
        kv_format: KvFormat,
        threads: usize,
        shelf: Option<Shelf>,
    ) -> Result<Self, ModelError> {
        let weights = Arc::new(weights);
        let pool = Pool::new(threads)?;
        let mut works: Vec<Box<Work>> = (0..pool.threads())
            .map(|index| Box::new(Work::new(Arc::clone(&weights), index, pool.threads())))
            .collect();
        if let Some(shelf) = &shelf {
            for work in &mut works {
                work.reserve_fetches(shelf.slots());
            }
        }
        let rows = RowBuffers::new(&weights.blueprint);
        Ok(Self { spec, weights, kv_format, pool, works, rows, room: Room::default(), shelf })
    }

    /// Runs a batch as [`CausalLm::forward`] does and writes, where that writes logits, the hidden
    /// states behind the last norm: (rows wanted, hidden).
    pub(crate) fn states(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        states: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        self.run_batch(batch, cache)?;
        states.clear();
        states.extend_from_slice(&self.rows.normed);
        cache.commit(batch);
        Ok(())
    }

    /// Runs a batch up to the norm behind the last layer.
    fn run_batch(&mut self, batch: &Batch, cache: &mut KvCache) -> Result<(), ModelError> {
        if self.storage(cache).is_none() {
            return Err(ModelError::CacheForeign);
        }
        cache.prepare(batch, self.weights.blueprint.vocab)?;
        let tables = cache.tables();
        let kv = self.storage(cache).ok_or(ModelError::CacheForeign)?;
        kv.begin(tables);
        let ran = self.pass(batch, kv);
        kv.end();
        ran
    }

    /// A cache's storage, where it was made for this decoder.
    fn storage<'a>(&self, cache: &'a mut KvCache) -> Option<&'a mut CpuKv> {
        let kv = cache.storage_mut().as_any_mut().downcast_mut::<CpuKv>();
        kv.filter(|kv| kv.fits(&self.weights.blueprint, self.kv_format))
    }

    /// The instruction set that the kernels use.
    pub(crate) fn kernels(&self) -> &'static Kernels {
        self.weights.kernels
    }
}

impl CausalLm for Decoder {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn new_cache_of(&self, size: CacheSize) -> Result<KvCache, ModelError> {
        let kv = CpuKv::new(&self.weights.blueprint, self.kv_format, size)?;
        KvCache::new(size, Box::new(kv))
    }

    fn forward(
        &mut self,
        batch: &Batch,
        cache: &mut KvCache,
        logits: &mut Logits,
    ) -> Result<(), ModelError> {
        self.run_batch(batch, cache)?;
        self.logits(logits)?;
        cache.commit(batch);
        Ok(())
    }
}
