//! Keys and values of every sequence, layer by layer, in blocks of tokens.
//!
//! A layer is an `Arc` that the workers clone to read and give back at the join; between two joins
//! the pass is its sole owner and writes. The memory of some dozens of blocks, a segment, is
//! reserved at once when the first of them is written, and given back when none of them is held; it
//! costs nothing until it is touched, where the system hands out zero pages. An allocator that
//! gives a former segment to the next zeroes, and so touches, it itself. The system is asked for a
//! full sequence when the cache is made, because a refusal in the middle of a pass ends the
//! process.

mod format;
mod layer;
mod plane;

use std::any::Any;
use std::sync::Arc;

use pricket_simd::Kernels;

use super::space::Place;
use crate::blueprint::{AttentionPlan, Blueprint};
use crate::kv_cache::BlockTables;
use crate::{BlockId, CacheSize, KV_BLOCK_TOKENS, KvStorage, ModelError, memory};

pub use format::KvFormat;
use layer::{KvLayer, SEGMENT_BLOCKS};
pub(crate) use plane::HeadView;

/// The most blocks for which lists have room from the start.
const RESERVED_MAX: usize = 65_536;

/// What a token leaves in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    heads: usize,
    /// Width of a key.
    width: usize,
    /// Whether values of the same width stand beside the keys.
    has_values: bool,
}

/// The storage of our own backend.
#[derive(Debug)]
pub(crate) struct CpuKv {
    layers: Vec<Arc<KvLayer>>,
    /// Positions touched, by block.
    touched: Vec<u8>,
    /// All of them.
    positions: u64,
    /// Blocks touched, by segment.
    segments: Vec<u32>,
    sequences_max: usize,
    tokens_max: usize,
    /// Which blocks the sequences of a pass stand in; those of `nobody` between passes.
    tables: Arc<BlockTables>,
    nobody: Arc<BlockTables>,
}

/// A layer as workers read it.
#[derive(Debug, Clone)]
pub(crate) struct KvRead {
    layer: Arc<KvLayer>,
    tables: Arc<BlockTables>,
}

/// A layer as a pass writes it, between two joins.
pub(crate) struct KvWrite<'a> {
    layer: &'a mut KvLayer,
    tables: &'a BlockTables,
}

impl KvRead {
    /// The keys and values of a head, of a sequence's block from the position `first` on: keys in
    /// blocks of [`pricket_simd::KEY_BLOCK`] positions, (width, `KEY_BLOCK`) each, values
    /// (positions, width). Empty where nothing was written, and values where they lie within the
    /// keys.
    pub(crate) fn head(
        &self,
        slot: usize,
        first: usize,
        kv_head: usize,
    ) -> (HeadView<'_>, HeadView<'_>) {
        match self.tables.block(slot, first) {
            Some(block) => self.layer.head(block, kv_head),
            None => (HeadView::F32(&[]), HeadView::F32(&[])),
        }
    }
}

impl KvWrite<'_> {
    /// Writes a token's keys and values, of every head. Where values lie within the keys, there are
    /// none beside them.
    pub(crate) fn write(
        &mut self,
        kernels: &Kernels,
        place: Place,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), ModelError> {
        let block = self.tables.block(place.slot, place.position);
        let block = block.ok_or(ModelError::CacheBlockUnknown)?;
        self.layer.write(kernels, block, place.position % KV_BLOCK_TOKENS, keys, values)
    }
}

/// What every layer of a decoder keeps.
fn shapes(blueprint: &Blueprint) -> impl Iterator<Item = Shape> {
    let shape = |plan: &AttentionPlan| Shape {
        heads: plan.kv_heads,
        width: plan.key_width(),
        has_values: plan.values_width() > 0,
    };
    blueprint.layers.iter().map(move |layer| shape(&layer.attention))
}

impl CpuKv {
    /// Storage of a cache of this size.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where the system would not give the keys and values of one
    /// full sequence. Those of several may exceed it all the same: they seldom are full at once.
    /// [`ModelError::Unsupported`] where heads of this width cannot be kept in this format.
    pub(crate) fn new(
        blueprint: &Blueprint,
        format: KvFormat,
        size: CacheSize,
    ) -> Result<Self, ModelError> {
        let CacheSize { sequences_max, tokens_max, blocks_max } = size;
        // The system is asked for the largest layer so many times as there are layers.
        let mut longest = 0;
        let mut planes = 0;
        for Shape { heads, width, has_values } in shapes(blueprint) {
            let head_len = format.head_len(width, tokens_max)?;
            let plane_len = head_len.and_then(|len| len.checked_mul(heads));
            longest = longest.max(plane_len.ok_or_else(|| memory::exceeded(u64::MAX, 0))?);
            planes += 1 + u64::from(has_values);
        }
        memory::probe((longest as u64).saturating_mul(format.element_bytes()), planes)?;
        let segment_blocks = blocks_max.clamp(1, SEGMENT_BLOCKS);
        let segments_reserved = blocks_max.min(RESERVED_MAX).div_ceil(segment_blocks);
        let mut layers = Vec::new();
        for shape in shapes(blueprint) {
            let layer = KvLayer::new(format, shape, segment_blocks, segments_reserved)?;
            layers.push(Arc::new(layer));
        }
        let (mut touched, mut segments) = (Vec::new(), Vec::new());
        memory::reserve(&mut touched, blocks_max.min(RESERVED_MAX))?;
        memory::reserve(&mut segments, segments_reserved)?;
        let nobody = Arc::new(BlockTables::default());
        Ok(Self {
            layers,
            touched,
            positions: 0,
            segments,
            sequences_max,
            tokens_max,
            tables: Arc::clone(&nobody),
            nobody,
        })
    }

    /// How many sequences there is room for.
    pub(crate) fn sequences_max(&self) -> usize {
        self.sequences_max
    }

    /// Positions that a sequence has room for.
    pub(crate) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// Whether this storage was made for a decoder of these numbers.
    pub(crate) fn fits(&self, blueprint: &Blueprint, format: KvFormat) -> bool {
        self.layers.len() == blueprint.layers.len()
            && self
                .layers
                .iter()
                .zip(shapes(blueprint))
                .all(|(layer, shape)| layer.is(format, shape))
    }

    /// A pass begins, over sequences in these blocks.
    pub(crate) fn begin(&mut self, tables: Arc<BlockTables>) {
        self.tables = tables;
    }

    /// The pass is over.
    pub(crate) fn end(&mut self) {
        self.tables = Arc::clone(&self.nobody);
    }

    /// A layer to be read by workers.
    pub(crate) fn layer(&self, layer: usize) -> Result<KvRead, ModelError> {
        let layer = self.layers.get(layer).map(Arc::clone).ok_or(ModelError::CacheForeign)?;
        Ok(KvRead { layer, tables: Arc::clone(&self.tables) })
    }

    /// A layer to be written, between two joins.
    pub(crate) fn layer_mut(&mut self, layer: usize) -> Result<KvWrite<'_>, ModelError> {
        let layer = self.layers.get_mut(layer).ok_or(ModelError::CacheForeign)?;
        let layer = Arc::get_mut(layer).ok_or(ModelError::BufferShared)?;
        Ok(KvWrite { layer, tables: &self.tables })
    }

    /// Remembers that positions from `start` to below `end` of a slot's sequence hold something.
    pub(crate) fn touch(&mut self, slot: usize, start: usize, end: usize) {
        let tables = Arc::clone(&self.tables);
        for first in (start / KV_BLOCK_TOKENS * KV_BLOCK_TOKENS..end).step_by(KV_BLOCK_TOKENS) {
            if let Some(block) = tables.block(slot, first) {
                self.touch_block(block, (end - first).min(KV_BLOCK_TOKENS) as u8);
            }
        }
    }

    fn touch_block(&mut self, block: BlockId, positions: u8) {
        let index = block.index();
        if index >= self.touched.len() {
            self.touched.resize(index + 1, 0);
        }
        let Some(touched) = self.touched.get_mut(index) else { return };
        let before = *touched;
        *touched = before.max(positions);
        self.positions += u64::from(*touched - before);
        if before == 0 && positions > 0 {
            let segment = self.layers.first().map_or(0, |layer| layer.segment_of(block));
            if segment >= self.segments.len() {
                self.segments.resize(segment + 1, 0);
            }
            if let Some(used) = self.segments.get_mut(segment) {
                *used += 1;
            }
        }
    }
}

impl KvStorage for CpuKv {
    fn bytes(&self) -> u64 {
        let per_token: u64 = self.layers.iter().map(|layer| layer.token_bytes()).sum();
        per_token * self.positions
    }

    fn release(&mut self, _slot: usize) {}

    fn shares_blocks(&self) -> bool {
        true
    }

    fn copy_block(&mut self, from: BlockId, to: BlockId) -> Result<(), ModelError> {
        for layer in &mut self.layers {
            Arc::get_mut(layer).ok_or(ModelError::BufferShared)?.copy_block(from, to)?;
        }
        let touched = self.touched.get(from.index()).copied().unwrap_or(0);
        self.touch_block(to, touched);
        Ok(())
    }

    fn release_block(&mut self, block: BlockId) {
        let Some(touched) = self.touched.get_mut(block.index()).filter(|count| **count > 0) else {
            return;
        };
        self.positions -= u64::from(*touched);
        *touched = 0;
        let segment = self.layers.first().map_or(0, |layer| layer.segment_of(block));
        let Some(used) = self.segments.get_mut(segment) else { return };
        *used -= 1;
        if *used > 0 {
            return;
        }
        for layer in &mut self.layers {
            if let Some(layer) = Arc::get_mut(layer) {
                layer.drop_segment(segment);
            } else {
                // It stays until the segment is used and given back again.
                tracing::error!(segment, "a worker still holds a layer that is released");
            }
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
