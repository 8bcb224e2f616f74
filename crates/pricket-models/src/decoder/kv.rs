//! Keys and values of every sequence, layer by layer.
//!
//! A layer is an `Arc` that the workers clone to read and give back at the join; between two joins
//! the pass is its sole owner and writes. A slot's memory is reserved for the whole context at once
//! and costs nothing until it is touched, where the system hands out zero pages; an allocator that
//! gives a closed sequence's blocks to the next zeroes, and so touches, them itself. The system is
//! asked for it when the cache is made, because a refusal in the middle of a pass ends the process.

mod plane;

use std::any::Any;
use std::sync::Arc;

use pricket_simd::{KEY_BLOCK, Kernels, kv_lines};

use crate::blueprint::{AttentionPlan, Blueprint};
use crate::{KvStorage, ModelError, memory};

pub(crate) use plane::HeadView;
use plane::Plane;

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
    /// 8-bit integers, 32 of a head under a scale of their own: 8.5 bits a number. Heads must be a
    /// multiple of 32 wide.
    Q8,
}

#[derive(Debug)]
struct SlotPlanes {
    keys: Plane,
    /// None where values lie within the keys.
    values: Option<Plane>,
}

/// What a token leaves in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    heads: usize,
    /// Width of a key.
    width: usize,
    /// Whether values of the same width stand beside the keys.
    has_values: bool,
}

/// One layer's keys and values.
#[derive(Debug)]
pub(crate) struct KvLayer {
    slots: Vec<Option<SlotPlanes>>,
    format: KvFormat,
    shape: Shape,
    /// Elements of one head: whole blocks of positions.
    head_len: usize,
}

/// The storage of our own backend.
#[derive(Debug)]
pub(crate) struct CpuKv {
    layers: Vec<Arc<KvLayer>>,
    /// Positions touched, by slot.
    touched: Vec<usize>,
    tokens_max: usize,
}

impl KvLayer {
    /// Writes a token's keys and values, of every head. Where values lie within the keys, there are
    /// none beside them.
    pub(crate) fn write(
        &mut self,
        kernels: &Kernels,
        slot: usize,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), ModelError> {
        let (format, Shape { heads, width, has_values }) = (self.format, self.shape);
        let head_len = self.head_len;
        let len = heads * head_len;
        let Some(slot) = self.slots.get_mut(slot) else {
            return Err(ModelError::CacheSequenceUnknown);
        };
        let planes = match slot {
            Some(planes) => planes,
            None => slot.insert(SlotPlanes {
                keys: Plane::new(format, len)?,
                values: has_values.then(|| Plane::new(format, len)).transpose()?,
            }),
        };
        for (head, key) in keys.chunks_exact(width).enumerate() {
            planes.keys.write_key(kernels, head * head_len, position, key)?;
        }
        let Some(plane) = &mut planes.values else { return Ok(()) };
        for (head, value) in values.chunks_exact(width).enumerate() {
            plane.write_value(kernels, head * head_len, position, value)?;
        }
        Ok(())
    }

    /// The keys and values of a head, of all positions that it has room for: keys in blocks of
    /// [`KEY_BLOCK`] positions, (width, `KEY_BLOCK`) each, values (positions, width). Empty where
    /// nothing was written, and values where they lie within the keys.
    pub(crate) fn head(&self, slot: usize, kv_head: usize) -> (HeadView<'_>, HeadView<'_>) {
        let len = self.head_len;
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(SlotPlanes { keys, values }) => {
                let values = match values {
                    Some(values) => values.view(kv_head * len, len),
                    None => keys.view(0, 0),
                };
                (keys.view(kv_head * len, len), values)
            }
            None => (HeadView::F32(&[]), HeadView::F32(&[])),
        }
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
    /// Storage for `sequences_max` sequences of up to `tokens_max` tokens.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where the system would not give the keys and values of one
    /// full sequence. Those of several may exceed it all the same: they seldom are full at once.
    /// [`ModelError::Unsupported`] where heads of this width cannot be kept in this format.
    pub(crate) fn new(
        blueprint: &Blueprint,
        format: KvFormat,
        sequences_max: usize,
        tokens_max: usize,
    ) -> Result<Self, ModelError> {
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
        let mut layers = Vec::new();
        for shape in shapes(blueprint) {
            let head_len = format.head_len(shape.width, tokens_max)?.unwrap_or(0);
            let mut slots = Vec::new();
            memory::reserve(&mut slots, sequences_max)?;
            slots.resize_with(sequences_max, || None);
            layers.push(Arc::new(KvLayer { slots, format, shape, head_len }));
        }
        let mut touched = Vec::new();
        memory::reserve(&mut touched, sequences_max)?;
        touched.resize(sequences_max, 0);
        Ok(Self { layers, touched, tokens_max })
    }

    /// How many sequences there is room for.
    pub(crate) fn sequences_max(&self) -> usize {
        self.touched.len()
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
                .all(|(layer, shape)| layer.format == format && layer.shape == shape)
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

    /// Bytes that so many numbers take.
    pub(crate) fn bytes(self, numbers: u64) -> u64 {
        match self {
            Self::F32 => numbers.saturating_mul(4),
            Self::Auto | Self::F16 => numbers.saturating_mul(2),
            // 32 numbers of a byte, and two bytes of scale.
            Self::Q8 => numbers.saturating_mul(34) / 32,
        }
    }

    /// Bytes of what a plane is made of: a number, or a line of eight bits.
    fn element_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Auto | Self::F16 => 2,
            Self::Q8 => 16,
        }
    }

    /// Elements of a head of `width` for so many positions; `None` where that cannot be counted.
    fn head_len(self, width: usize, positions: usize) -> Result<Option<usize>, ModelError> {
        let positions = positions.checked_next_multiple_of(KEY_BLOCK);
        if self != Self::Q8 {
            return Ok(positions.and_then(|positions| positions.checked_mul(width)));
        }
        if !width.is_multiple_of(32) {
            return Err(ModelError::Unsupported {
                what: format!("keys and values of eight bits for heads of width {width}"),
                why: "32 numbers share a scale; `f16` keeps any width".to_owned(),
            });
        }
        Ok(positions.and_then(|positions| kv_lines(width, positions).ok()))
    }
}

impl KvStorage for CpuKv {
    fn bytes(&self) -> u64 {
        let of_layer = |KvLayer { format, shape, .. }: &KvLayer| {
            let numbers = shape.heads * shape.width * (1 + usize::from(shape.has_values));
            format.bytes(numbers as u64)
        };
        let per_token: u64 = self.layers.iter().map(|layer| of_layer(layer)).sum();
        per_token * self.touched.iter().map(|&len| len as u64).sum::<u64>()
    }

    fn release(&mut self, slot: usize) {
        for layer in &mut self.layers {
            let Some(layer) = Arc::get_mut(layer) else {
                // Its planes stay until the slot is used and released again.
                tracing::error!(slot, "a worker still holds a layer that is released");
                continue;
            };
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
