//! Keys and values of every sequence, layer by layer.
//!
//! A layer is an `Arc` that the workers clone to read and give back at the join; between two joins
//! the pass is its sole owner and writes. A slot's memory is reserved for the whole context at once
//! and costs nothing until it is touched: the system hands out zero pages.

use std::any::Any;
use std::sync::Arc;

use half::f16;
use half::slice::HalfBitsSliceExt;
use pricket_simd::{KEY_BLOCK, Kernels};

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

/// Values of a key that are narrowed at once.
const NARROWED: usize = 64;

/// One of keys or values of one slot: (kv heads, positions, head dim), keys in blocks.
#[derive(Debug)]
enum Plane {
    F16(Vec<u16>),
    F32(Vec<f32>),
}

/// What attention reads: one head.
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

    /// Writes a position's value: one row of a head that begins at `head`.
    fn write_value(
        &mut self,
        kernels: &Kernels,
        head: usize,
        position: usize,
        values: &[f32],
    ) -> Result<(), ModelError> {
        let at = head + position * values.len();
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

    /// Writes a position's key into its place in the blocks of a head that begins at `head`.
    fn write_key(
        &mut self,
        kernels: &Kernels,
        head: usize,
        position: usize,
        values: &[f32],
    ) -> Result<(), ModelError> {
        let block = head + position / KEY_BLOCK * KEY_BLOCK * values.len();
        let places = block + position % KEY_BLOCK..block + KEY_BLOCK * values.len();
        match self {
            Self::F16(bits) => {
                let mut places =
                    bits.get_mut(places).unwrap_or(&mut []).iter_mut().step_by(KEY_BLOCK);
                for values in values.chunks(NARROWED) {
                    let mut narrowed = [f16::ZERO; NARROWED];
                    kernels.narrow(values, narrowed.get_mut(..values.len()).unwrap_or(&mut []))?;
                    for (value, place) in narrowed.iter().zip(places.by_ref().take(values.len())) {
                        *place = value.to_bits();
                    }
                }
            }
            Self::F32(floats) => {
                let places = floats.get_mut(places).unwrap_or(&mut []).iter_mut();
                for (place, value) in places.step_by(KEY_BLOCK).zip(values) {
                    *place = *value;
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
        let (format, dim, head_len) = (self.format, self.head_dim, self.head_len());
        let len = self.kv_heads * head_len;
        let Some(slot) = self.slots.get_mut(slot) else {
            return Err(ModelError::CacheSequenceUnknown);
        };
        let planes = slot.get_or_insert_with(|| SlotPlanes {
            keys: Plane::new(format, len),
            values: Plane::new(format, len),
        });
        let heads = keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate();
        for (head, (key, value)) in heads {
            planes.keys.write_key(kernels, head * head_len, position, key)?;
            planes.values.write_value(kernels, head * head_len, position, value)?;
        }
        Ok(())
    }

    /// The keys and values of a head, of all positions that it has room for: keys in blocks of
    /// [`KEY_BLOCK`] positions, (head dim, `KEY_BLOCK`) each, values (positions, head dim). Empty
    /// where nothing was written.
    pub(crate) fn head(&self, slot: usize, kv_head: usize) -> (HeadView<'_>, HeadView<'_>) {
        let len = self.head_len();
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(planes) => {
                (planes.keys.view(kv_head * len, len), planes.values.view(kv_head * len, len))
            }
            None => (HeadView::F32(&[]), HeadView::F32(&[])),
        }
    }

    /// Positions that a sequence has room for.
    pub(crate) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// Numbers of one head: whole blocks of positions.
    fn head_len(&self) -> usize {
        self.tokens_max.next_multiple_of(KEY_BLOCK) * self.head_dim
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

    /// Remembers that positions below `len` of a slot hold something.
    pub(crate) fn touch(&mut self, slot: usize, len: usize) {
        if let Some(touched) = self.touched.get_mut(slot) {
            *touched = len.max(*touched);
        }
    }
}

impl KvFormat {
    /// What [`KvFormat::Auto`] means beside weights that are floats, or are not.
    pub(crate) fn resolved(self, float_weights: bool) -> Self {
        match self {
            Self::Auto if float_weights => Self::F32,
            Self::Auto => Self::F16,
            chosen => chosen,
        }
    }

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
