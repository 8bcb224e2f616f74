//! Keys and values of every sequence, layer by layer.
//!
//! A layer is an `Arc` that the workers clone to read and give back at the join; between two joins
//! the pass is its sole owner and writes. A slot's memory is reserved for the whole context at once
//! and costs nothing until it is touched: the system hands out zero pages.

use std::any::Any;
use std::sync::Arc;

use half::f16;
use half::slice::HalfBitsSliceExt;
use pricket_simd::Kernels;

use crate::blueprint::Blueprint;
use crate::{KvStorage, ModelError};

/// How keys and values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KvFormat {
    /// F32 beside weights that are kept as floats, F16 beside quantised ones.
    #[default]
    Auto,
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the memory.
    F16,
}

/// One of keys or values of one slot: (kv heads, positions, head dim).
#[derive(Debug)]
enum Plane {
    F16(Vec<u16>),
    F32(Vec<f32>),
}

/// What attention reads: the positions of one head, contiguous.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HeadView<'a> {
    F16(&'a [f16]),
    F32(&'a [f32]),
}

#[derive(Debug)]
struct SlotPlanes {
    keys: Plane,
    values: Plane,
}

/// One layer's keys and values.
#[derive(Debug)]
pub(crate) struct KvLayer {
    slots: Vec<Option<SlotPlanes>>,
    format: KvFormat,
    kv_heads: usize,
    head_dim: usize,
    tokens_max: usize,
}

/// The storage of our own backend.
#[derive(Debug)]
pub(crate) struct CpuKv {
    layers: Vec<Arc<KvLayer>>,
    /// Positions touched, by slot.
    touched: Vec<usize>,
}

impl Plane {
    fn new(format: KvFormat, len: usize) -> Self {
        match format {
            KvFormat::F32 => Self::F32(vec![0.0; len]),
            KvFormat::Auto | KvFormat::F16 => Self::F16(vec![0; len]),
        }
    }

    fn write(&mut self, kernels: &Kernels, at: usize, values: &[f32]) -> Result<(), ModelError> {
        let end = at + values.len();
        match self {
            Self::F16(bits) => {
                if let Some(out) = bits.get_mut(at..end) {
                    kernels.narrow(values, out.reinterpret_cast_mut())?;
                }
            }
            Self::F32(floats) => {
                if let Some(out) = floats.get_mut(at..end) {
                    out.copy_from_slice(values);
                }
            }
        }
        Ok(())
    }

    fn view(&self, at: usize, len: usize) -> HeadView<'_> {
        match self {
            Self::F16(bits) => {
                HeadView::F16(bits.get(at..at + len).unwrap_or(&[]).reinterpret_cast())
            }
            Self::F32(floats) => HeadView::F32(floats.get(at..at + len).unwrap_or(&[])),
        }
    }
}

impl KvLayer {
    /// Writes a token's keys and values, `kv_heads * head_dim` of each.
    pub(crate) fn write(
        &mut self,
        kernels: &Kernels,
        slot: usize,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), ModelError> {
        let (format, dim, tokens_max) = (self.format, self.head_dim, self.tokens_max);
        let len = self.kv_heads * tokens_max * dim;
        let Some(slot) = self.slots.get_mut(slot) else {
            return Err(ModelError::CacheSequenceUnknown);
        };
        let planes = slot.get_or_insert_with(|| SlotPlanes {
            keys: Plane::new(format, len),
            values: Plane::new(format, len),
        });
        let heads = keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate();
        for (head, (key, value)) in heads {
            let at = (head * tokens_max + position) * dim;
            planes.keys.write(kernels, at, key)?;
            planes.values.write(kernels, at, value)?;
        }
        Ok(())
    }

    /// The first `positions` keys and values of a head: (positions, head dim) of each. Empty where
    /// nothing was written.
    pub(crate) fn head(
        &self,
        slot: usize,
        kv_head: usize,
        positions: usize,
    ) -> (HeadView<'_>, HeadView<'_>) {
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(planes) => {
                let at = kv_head * self.tokens_max * self.head_dim;
                let len = positions.min(self.tokens_max) * self.head_dim;
                (planes.keys.view(at, len), planes.values.view(at, len))
            }
            None => (HeadView::F32(&[]), HeadView::F32(&[])),
        }
    }
}

impl CpuKv {
    pub(crate) fn new(
        blueprint: &Blueprint,
        format: KvFormat,
        sequences_max: usize,
        tokens_max: usize,
    ) -> Self {
        let layer = || KvLayer {
            slots: (0..sequences_max).map(|_| None).collect(),
            format,
            kv_heads: blueprint.kv_heads,
            head_dim: blueprint.head_dim,
            tokens_max,
        };
        let layers = (0..blueprint.layers).map(|_| Arc::new(layer())).collect();
        Self { layers, touched: vec![0; sequences_max] }
    }

    /// Whether this storage was made for a decoder of these numbers.
    pub(crate) fn fits(&self, blueprint: &Blueprint, format: KvFormat) -> bool {
        self.layers.len() == blueprint.layers
            && self.layers.first().is_some_and(|layer| {
                layer.format == format
                    && layer.kv_heads == blueprint.kv_heads
                    && layer.head_dim == blueprint.head_dim
            })
    }

    /// A layer to be read by workers.
    pub(crate) fn layer(&self, layer: usize) -> Result<Arc<KvLayer>, ModelError> {
        self.layers.get(layer).map(Arc::clone).ok_or(ModelError::CacheForeign)
    }

    /// A layer to be written, between two joins.
    pub(crate) fn layer_mut(&mut self, layer: usize) -> Result<&mut KvLayer, ModelError> {
        let layer = self.layers.get_mut(layer).ok_or(ModelError::CacheForeign)?;
        Arc::get_mut(layer).ok_or(ModelError::BufferShared)
    }

    /// The most positions of a slot.
    pub(crate) fn tokens_max(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.tokens_max)
    }

    /// Remembers that positions below `len` of a slot hold something.
    pub(crate) fn touch(&mut self, slot: usize, len: usize) {
        if let Some(touched) = self.touched.get_mut(slot) {
            *touched = len.max(*touched);
        }
    }
}

impl KvFormat {
    /// Bytes of one number.
    pub(crate) fn number_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Auto | Self::F16 => 2,
        }
    }
}

impl KvStorage for CpuKv {
    fn bytes(&self) -> u64 {
        let per_token: u64 = self
            .layers
            .iter()
            .map(|l| 2 * (l.kv_heads * l.head_dim) as u64 * l.format.number_bytes())
            .sum();
        per_token * self.touched.iter().map(|&len| len as u64).sum::<u64>()
    }

    fn release(&mut self, slot: usize) {
        for layer in self.layers.iter_mut().filter_map(Arc::get_mut) {
            if let Some(planes) = layer.slots.get_mut(slot) {
                *planes = None;
            }
        }
        if let Some(touched) = self.touched.get_mut(slot) {
            *touched = 0;
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
